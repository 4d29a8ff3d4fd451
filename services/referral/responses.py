"""The answers of the referral service's addresses, as the OpenAPI document shows them."""

from typing import Annotated, Literal, NotRequired, TypedDict

from msgspec import Meta

from services.referral.view import PlaceState, SessionState
from shared.contracts.referral_events import ReferralOutcome, Status
from shared.http.shapes import ActivityId, Count, Cursor, EventId, Organiser, ReferralId, Source, Time


class ChoiceMade(TypedDict):
    """The choice that holds."""

    organiser: Organiser
    activity_id: ActivityId
    time: Annotated[Time, Meta(description="When it was chosen, RFC 3339 in UTC.")]


class PlaceNow(TypedDict):
    """The place that is asked for or held."""

    organiser: Organiser
    activity_id: ActivityId
    state: Annotated[PlaceState, Meta(description="How far it is had: asked for, waited for, or held.")]
    position: Annotated[
        int | None,
        Meta(description="The place on the waiting list, from 1; null where none is waited for.", examples=[3]),
    ]


class SessionNow(TypedDict):
    """A session that counts, and its record."""

    session_id: Annotated[str, Meta(description="The organiser's own id of the session.", examples=["kuoro-1"])]
    starts_at: Annotated[Time | None, Meta(description="When it begins, in UTC; null where no listing says it.")]
    state: Annotated[
        SessionState, Meta(description="What is recorded of it; `not_recorded` once it has begun and nothing is.")
    ]


class SessionCountsShown(TypedDict):
    """How many sessions have which record."""

    attended: Annotated[Count, Meta(description="How many sessions the participant came to.", examples=[7])]
    missed: Annotated[
        Count, Meta(description="How many sessions the participant did not come to, without a word.", examples=[1])
    ]
    told_ahead: Annotated[
        Count, Meta(description="How many sessions the participant had said beforehand to miss.", examples=[0])
    ]
    not_recorded: Annotated[Count, Meta(description="How many sessions have begun and have no record.", examples=[0])]


class Awaited(TypedDict):
    """An awaited step with its deadline; silence after it is an event."""

    what: Annotated[
        Literal["match", "choice", "confirmation", "attendance", "feedback"],
        Meta(description="The step that is awaited.", examples=["choice"]),
    ]
    due_at: Annotated[Time, Meta(description="Until when, RFC 3339 in UTC.")]
    nth: Annotated[int, Meta(description="How often it is awaited, from 1.", examples=[1])]


class FactShown(TypedDict):
    """An event that the referral knows."""

    time: Annotated[Time, Meta(description="When its sender recorded it, RFC 3339 in UTC.")]
    type: Annotated[str, Meta(description="The class's name.", examples=["ReferralIssued"])]
    source: Source
    id: EventId


class ErasedReferralShown(TypedDict):
    """Data that erasure does not reach."""

    log_kept_days: Annotated[
        int, Meta(description="Days, at most, that Kafka's log holds what was sent.", examples=[30])
    ]
    audit: Annotated[Literal["own_term"], Meta(description="Who looked is kept for a term of its own.")]


class ReferralNow(TypedDict):
    """Where a referral stands."""

    referral_id: ReferralId
    referral_code: Annotated[
        str | None, Meta(description="What the client shows to an opisto; null once erased.", examples=["DKGDM5F8QK4V"])
    ]
    status: Annotated[Status, Meta(description="Where it stands now.", examples=["placed"])]
    outcome: Annotated[ReferralOutcome | None, Meta(description="How it ended; null before its end.")]
    issued_at: Annotated[Time | None, Meta(description="When the region issued it, in UTC; null before that has come.")]
    closed_at: Annotated[Time | None, Meta(description="When its loop was closed, in UTC; null while it is open.")]
    choice: Annotated[ChoiceMade | None, Meta(description="The choice that holds; null without one.")]
    place: Annotated[PlaceNow | None, Meta(description="The place that is asked for or held; null without one.")]
    sessions: Annotated[list[SessionNow], Meta(description="The sessions that count.")]
    session_counts: Annotated[SessionCountsShown, Meta(description="How many of them have which record.")]
    deadlines: Annotated[list[Awaited], Meta(description="What is awaited now.")]
    history: Annotated[list[FactShown], Meta(description="By the time that each sender wrote, the oldest first.")]
    erased: NotRequired[
        Annotated[ErasedReferralShown, Meta(description="Only once erased: what erasure does not reach.")]
    ]


class Look(TypedDict):
    """Somebody looked at the referral, or would have."""

    time: Annotated[Time, Meta(description="When they looked, RFC 3339 in UTC.")]
    who: Annotated[str, Meta(description="Whose key it was.", examples=["/region/06", "ops:anna"])]
    action: Annotated[str, Meta(description="What they asked for.", examples=["read", "trace"])]
    ground: Annotated[str, Meta(description="Why they might; `none` where they might not.", examples=["own referral"])]
    allowed: Annotated[bool, Meta(description="Whether they were shown it.", examples=[True])]
    service: Annotated[str, Meta(description="Where they looked.", examples=["referral"])]


class Accesses(TypedDict):
    """The looks at a referral and its disclosures, the newest first."""

    referral_id: ReferralId
    accesses: Annotated[list[Look], Meta(description="The looks of this page, the newest first.")]
    next: Cursor
    denied: Annotated[int, Meta(description="Of all looks, how many were not allowed.", examples=[0])]


class CodeRead(TypedDict):
    """Which referral a code is of."""

    referral_id: ReferralId
