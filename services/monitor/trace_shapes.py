"""The trace's answer, as the OpenAPI document shows it."""

from typing import Annotated, TypedDict

from msgspec import Meta

from services.monitor.responses import (
    CausationId,
    DeadLetterShown,
    Outcome,
    RecordedAt,
    Silent,
    Topic,
)
from shared.contracts.fields import What
from shared.contracts.referral_events import Status
from shared.http.shapes import Count, EventId, EventType, ReferralId, Source, Time

DelaySeconds = Annotated[
    float | None,
    Meta(
        description="Real seconds between the record of its cause and its own; null where the trace has no cause of it.",
        examples=[0.042],
    ),
]
Machinery = Annotated[
    bool,
    Meta(
        description="Whether it is a step between services that tells a reader nothing: shown folded away.",
        examples=[False],
    ),
]


class TracedShown(TypedDict):
    """One event of the trace: its envelope and codes, nothing of what it says of a person."""

    source: Source
    id: EventId
    type: EventType
    time: Annotated[
        str,
        Meta(description="When its sender recorded it, RFC 3339, as it was sent.", examples=["2026-09-01T08:00:00Z"]),
    ]
    recorded_at: RecordedAt
    topic: Annotated[
        Topic | None, Meta(description="The topic in Kafka where it stands first; null where no record is known.")
    ]
    causationid: CausationId
    delay_seconds: DelaySeconds
    outcome: Outcome
    seen: Annotated[int, Meta(description="How many records of it there are.", examples=[1])]
    codes: Annotated[
        dict[str, str],
        Meta(
            description="Its codes by their fields: reasons, statuses, phases; no words of a person.",
            examples=[{"reason": "client_wish"}],
        ),
    ]
    machinery: Machinery


class DeliveryTraced(TypedDict):
    """What was told to a partner."""

    type: EventType
    id: EventId
    recorded_at: RecordedAt
    causationid: CausationId
    delay_seconds: DelaySeconds
    to: Annotated[
        Source | None,
        Meta(description="Who was told; null of an opisto once the referral is erased, and of machinery."),
    ]
    about: Annotated[
        EventId | None, Meta(description="The event of the trace of which it told; null where the trace has it not.")
    ]
    machinery: Machinery


class LookTraced(TypedDict):
    """Who looked at the referral."""

    recorded_at: RecordedAt
    who: Annotated[
        str | None,
        Meta(description="Who looked: role and name, or a source; null where it is not kept.", examples=["ops:first"]),
    ]
    action: Annotated[str | None, Meta(description="What was looked at.", examples=["trace"])]
    ground: Annotated[
        str | None, Meta(description="On what legal ground; `none` where it was not allowed.", examples=["operations"])
    ]
    allowed: Annotated[bool, Meta(description="Whether the look was allowed.", examples=[True])]
    source: Source


class AwaitedShown(TypedDict):
    """The step that is awaited now."""

    what: Annotated[What, Meta(description="What is awaited.")]
    concerns: Annotated[Source, Meta(description="From whom it is awaited.")]
    since: Annotated[Time, Meta(description="Since when it is awaited.")]
    due_at: Annotated[Time, Meta(description="Until when it should be there.")]
    late: Annotated[bool, Meta(description="Whether it is late.", examples=[False])]
    reminders: Annotated[Count, Meta(description="How many reminders went out.")]


class StandingShown(TypedDict):
    """Where the referral stands, as its service said last."""

    status: Annotated[Status | None, Meta(description="Where it stands; null after an erasure.")]
    closed: Annotated[bool, Meta(description="Whether the loop is closed.", examples=[False])]
    awaited: Annotated[
        AwaitedShown | None,
        Meta(description="What is awaited from whom; null where nothing is, or the platform is at it."),
    ]


class SaidMore(TypedDict):
    """Who said more of the referral than the trace shows."""

    source: Source
    name: Annotated[
        str | None,
        Meta(description="The class's name, of a service's; null of a partner's.", examples=["EventRefused"]),
    ]


class Trace(TypedDict):
    """Every event of a referral, causes first."""

    referral_id: Annotated[
        ReferralId | None, Meta(description="The referral's id; null where the events are of none, or of several.")
    ]
    standing: Annotated[
        StandingShown | None, Meta(description="Where it stands; null where its service has not said so.")
    ]
    events: Annotated[list[TracedShown], Meta(description="The events, causes first.")]
    dead_letters: Annotated[
        list[DeadLetterShown], Meta(description="Those of its events that could not be taken, as they stand now.")
    ]
    deliveries: Annotated[list[DeliveryTraced], Meta(description="What was told to partners, causes first.")]
    looks: Annotated[list[LookTraced], Meta(description="Who looked at it, the newest first.")]
    more: Annotated[
        list[SaidMore], Meta(description="Who said more than is shown: of each the first and the last are shown.")
    ]
    silent: Silent
