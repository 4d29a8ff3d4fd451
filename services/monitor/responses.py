"""Bodies and answers of the monitor's addresses, as the OpenAPI document shows them."""

from typing import Annotated, Literal, TypedDict

import msgspec
from msgspec import Meta

from services.monitor.model import DeadState
from shared.contracts.topics import ServiceName
from shared.http.shapes import EventId, EventType, ReferralId, Source, Time

_BECAME = ["unknown", "in_flight", "applied", "waiting", "dead_lettered"]
Topic = Annotated[str, Meta(description="The topic in Kafka.", examples=["intake.http"])]
DeadLetterId = Annotated[str, Meta(description="The dead letter's id, stable for the same record and service.")]


class Named(msgspec.Struct):
    """An event that is asked after."""

    source: str
    id: str


class EventsAsked(msgspec.Struct):
    """Events that are asked after, up to 500."""

    events: list[Named]


class EventNow(TypedDict):
    """What became of an event."""

    source: Source
    id: EventId
    type: EventType | None
    state: Annotated[str, Meta(description="What became of it.", extra_json_schema={"enum": _BECAME})]
    repeated: Annotated[int, Meta(ge=0, description="How often it came again.")]
    recorded_at: Time | None


class EventsNow(TypedDict):
    """What became of each, in the order of the question."""

    events: list[EventNow]


class LagNow(TypedDict):
    """How far a service is behind on one partition."""

    service: ServiceName
    topic: Topic
    partition: int
    lag: Annotated[int, Meta(ge=0, description="Events still to be read.")]
    seconds: Annotated[float, Meta(ge=0, description="Real seconds that the oldest of them has waited.")]


class Lags(TypedDict):
    """How far each service is behind."""

    groups: list[LagNow]


class TracedShown(TypedDict):
    """One event of the trace: its envelope and codes, nothing of what it says of a person."""

    source: Source
    id: EventId
    type: EventType
    time: str
    recorded_at: str
    topic: Topic | None
    causationid: Annotated[str | None, Meta(description="The id of the event that this one follows from.")]
    outcome: Annotated[str | None, Meta(description="What became of it; null of the platform's own.")]
    seen: Annotated[int, Meta(description="How many records of it there are.")]
    codes: dict[str, str]


class DeliveryTraced(TypedDict):
    """What was told to a partner."""

    type: EventType
    id: EventId
    recorded_at: str
    causationid: str | None


class DeadLetterShown(TypedDict):
    """A record that could not be taken, and why."""

    dl_id: DeadLetterId
    reason: str
    error: Annotated[str, Meta(description="Why, in one line.")]
    service: Annotated[str, Meta(description="Who could not take it.")]
    topic: Topic
    partition: int
    offset: int
    time: Time
    attempts: int
    sender: str | None
    type: EventType | None
    source: Source | None
    event_id: EventId | None
    state: DeadState


class Base64(TypedDict):
    """Bytes that are no UTF-8."""

    base64: Annotated[str, Meta(extra_json_schema={"contentEncoding": "base64"})]


class OriginalShown(TypedDict):
    """The record as it came."""

    key: str | Base64 | None
    value: str | Base64 | None
    headers: Annotated[list[list[str | Base64 | None]], Meta(description="Pairs of a name and a value.")]


class DeadLetterWhole(DeadLetterShown):
    """A dead letter with its record; null where nothing of it is kept."""

    original: OriginalShown | None


class DeadLetters(TypedDict):
    """Dead letters, the newest first."""

    dead_letters: list[DeadLetterShown]
    next: Annotated[str | None, Meta(description="Where `after` goes on; null at the end.")]


class Trace(TypedDict):
    """Every event of a referral, causes first."""

    referral_id: ReferralId | None
    events: list[TracedShown]
    dead_letters: list[DeadLetterShown]
    deliveries: list[DeliveryTraced]


class Redriven(TypedDict):
    """The dead letter is being sent again."""

    dl_id: DeadLetterId
    attempt: int


class Discarded(TypedDict):
    """The dead letter is laid aside."""

    dl_id: DeadLetterId
    state: Literal["discarded"]
