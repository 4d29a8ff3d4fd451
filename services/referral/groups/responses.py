"""The answer of a group's address, as the OpenAPI document shows it."""

from typing import Annotated, Literal, TypedDict

from msgspec import Meta

from services.referral.groups.fold import GroupStatus
from services.referral.responses import FactShown
from shared.contracts.group_events import GroupKind, Premises
from shared.contracts.group_told_events import GroupAwaits, GroupOutcome, GroupRefusal
from shared.http.shapes import ActivityId, Count, Organiser, Time

GroupId = Annotated[
    str,
    Meta(
        description="The group's id, a UUID in lower case.",
        examples=["c4a1f0de-2b7a-4f0c-8d35-6a1b9e0f7c22"],
        extra_json_schema={"format": "uuid"},
    ),
]


class GroupPlacesNow(TypedDict):
    """The activity that the unit chose, and what became of the places there."""

    organiser: Organiser
    activity_id: ActivityId
    chosen_at: Annotated[Time, Meta(description="When it was chosen, RFC 3339 in UTC.")]
    state: Annotated[
        Literal["requested", "waitlisted", "reserved", "placed", "refused"],
        Meta(description="How far they are had; `reserved`: held, and not confirmed yet."),
    ]
    reason: Annotated[GroupRefusal | None, Meta(description="Why they were refused; null where they were not.")]


class GroupSessionNow(TypedDict):
    """A session of the chosen activity, or one that was held elsewhere before."""

    organiser: Organiser
    activity_id: ActivityId
    session_id: Annotated[str, Meta(description="The organiser's own id of the session.", examples=["kuoro-1"])]
    starts_at: Annotated[Time | None, Meta(description="When it begins, in UTC; null where no listing says it.")]
    state: Annotated[
        Literal["upcoming", "held", "not_recorded", "called_off"],
        Meta(description="What is recorded of it; `not_recorded` once it has begun and nothing is."),
    ]
    participants: Annotated[
        int | None, Meta(description="How many of the group came; null without a record.", examples=[11])
    ]
    staff: Annotated[
        int | None, Meta(description="How many of the unit's staff came; null without a record.", examples=[2])
    ]


class GroupAwaited(TypedDict):
    """An awaited step with its deadline."""

    what: Annotated[GroupAwaits, Meta(description="The step that is awaited.", examples=["choice"])]
    due_at: Annotated[Time, Meta(description="Until when, RFC 3339 in UTC.")]
    nth: Annotated[int, Meta(description="How often it is awaited, from 1.", examples=[1])]


class GroupNow(TypedDict):
    """Where a group stands."""

    group_id: GroupId
    status: Annotated[GroupStatus, Meta(description="Where it stands now.", examples=["placed"])]
    outcome: Annotated[GroupOutcome | None, Meta(description="How it ended; null before its end.")]
    kind: Annotated[GroupKind, Meta(description="What kind of group it is.", examples=["housing_unit"])]
    size: Annotated[int, Meta(description="How many take part.", examples=[12])]
    premises: Annotated[Premises, Meta(description="Where the group meets.", examples=["organiser"])]
    issued_at: Annotated[Time | None, Meta(description="When it was issued first, in UTC.")]
    place: Annotated[GroupPlacesNow | None, Meta(description="The choice that holds; null without one.")]
    sessions: Annotated[list[GroupSessionNow], Meta(description="Its sessions, the earliest first.")]
    held: Annotated[Count, Meta(description="At how many sessions somebody of the group was.", examples=[7])]
    deadlines: Annotated[list[GroupAwaited], Meta(description="What is awaited now.")]
    history: Annotated[
        list[FactShown],
        Meta(description="By the time that each sender wrote, the oldest first; an organiser sees its own events."),
    ]
