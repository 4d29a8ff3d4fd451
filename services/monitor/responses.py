"""Bodies and answers of the monitor's addresses, as the OpenAPI document shows them."""

from typing import Annotated, Literal, TypedDict

import msgspec
from msgspec import Meta

from services.monitor.model import Dead, DeadState
from shared.contracts.envelope import written
from shared.http.shapes import EventId, EventType, Source, Time

_BECAME = ["unknown", "in_flight", "applied", "waiting", "dead_lettered"]
Topic = Annotated[str, Meta(description="The topic in Kafka.", examples=["intake.http"])]
Partition = Annotated[int, Meta(description="The number of the partition of the topic, from 0.", examples=[0])]
DeadLetterId = Annotated[
    str,
    Meta(
        description="The dead letter's id, stable for the same record and service.",
        examples=["0f2d7c3e-8a51-5b64-9c0d-3e1f6a2d8c11"],
    ),
]
RecordedAt = Annotated[
    str,
    Meta(
        description="When Kafka recorded it first, RFC 3339 in UTC; empty where no record is known.",
        examples=["2026-09-01T08:00:01Z"],
    ),
]
CausationId = Annotated[
    str | None,
    Meta(
        description="The id of the event that this one follows from; null where it follows from none.",
        examples=["a1b1"],
    ),
]


class Named(msgspec.Struct):
    """An event that is asked after."""

    source: Source
    id: EventId


class EventsAsked(msgspec.Struct):
    """Events that are asked after, up to 500."""

    events: Annotated[list[Named], Meta(description="Up to 500.")]


class EventNow(TypedDict):
    """What became of an event."""

    source: Source
    id: EventId
    type: Annotated[EventType | None, Meta(description="The class; null where the event is unknown.")]
    state: Annotated[
        str, Meta(description="What became of it.", examples=["applied"], extra_json_schema={"enum": _BECAME})
    ]
    repeated: Annotated[int, Meta(ge=0, description="How many times it came again.", examples=[0])]
    recorded_at: Annotated[
        Time | None, Meta(description="When Kafka recorded it first, RFC 3339 in UTC; null where the event is unknown.")
    ]


class EventsNow(TypedDict):
    """What became of each, in the order of the question."""

    events: Annotated[list[EventNow], Meta(description="One for each event of the question, in its order.")]


Outcome = Annotated[
    str | None, Meta(description="What became of it; null of the platform's own.", examples=["applied"])
]


class DeadLetterShown(TypedDict):
    """A record that could not be taken, and why."""

    dl_id: DeadLetterId
    reason: Annotated[str, Meta(description="Why, by class.", examples=["invalid"])]
    error: Annotated[
        str,
        Meta(
            description="Why, in one line; in lists without ids and values.",
            examples=["/data/municipality: no municipality has the code 'Oulu'"],
        ),
    ]
    service: Annotated[str, Meta(description="Who could not take it.", examples=["referral"])]
    topic: Topic
    partition: Partition
    offset: Annotated[int, Meta(description="The number of the record in its partition, from 0.", examples=[17])]
    time: Annotated[Time, Meta(description="When it was refused last, RFC 3339 in UTC.")]
    attempts: Annotated[int, Meta(description="How many times it was tried, from 1.", examples=[1])]
    sender: Annotated[
        str | None,
        Meta(
            description="Who sent it, as the topic or the door proves it; null where nothing does.",
            examples=["/region/06"],
        ),
    ]
    type: Annotated[EventType | None, Meta(description="The class that it names; null where it names none.")]
    source: Annotated[Source | None, Meta(description="The sender that it names; null where it names none.")]
    event_id: Annotated[EventId | None, Meta(description="The id that it names; null where it names none.")]
    state: Annotated[DeadState, Meta(description="What ops did with it, and what came of that.")]
    by: Annotated[str | None, Meta(description="Who acted on it last; null: nobody.", examples=["ops:first"])]
    why: Annotated[
        str | None,
        Meta(description="Why it was discarded or edited; null where it is not.", examples=["the region sent it anew"]),
    ]
    edit_by: Annotated[
        str | None,
        Meta(description="Who proposes an edit that waits for a second person; null: nobody.", examples=["ops:first"]),
    ]
    edited_as: Annotated[
        EventId | None, Meta(description="The id of the event that was sent in its place; null where none was.")
    ]


class Base64(TypedDict):
    """Bytes that are no UTF-8."""

    base64: Annotated[
        str,
        Meta(description="The bytes in base64.", examples=["//4="], extra_json_schema={"contentEncoding": "base64"}),
    ]


class OriginalShown(TypedDict):
    """The record as it came."""

    key: Annotated[
        str | Base64 | None,
        Meta(description="The key; null without one.", examples=["7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"]),
    ]
    value: Annotated[
        str | Base64 | None, Meta(description="The value; null without one.", examples=['{"referral_id": 5}'])
    ]
    headers: Annotated[
        list[list[str | Base64 | None]],
        Meta(description="Pairs of a name and a value, 100 at most.", examples=[[["ce_id", "a1b2"]]]),
    ]
    value_bytes: Annotated[int, Meta(ge=0, description="How many bytes the value has.", examples=[18])]
    in_part: Annotated[
        bool,
        Meta(
            description="Whether something is longer than it is shown here, 64 KiB of each; `…/original` has the value whole.",
            examples=[False],
        ),
    ]


class DeadLetterWhole(DeadLetterShown):
    """A dead letter with its record; null where nothing of it is kept."""

    original: Annotated[OriginalShown | None, Meta(description="The record as it came; null once erased.")]


Silent = Annotated[
    list[str],
    Meta(description="Services that do not answer: what became of their events is null here.", examples=[["referral"]]),
]


class Redriven(TypedDict):
    """The dead letter is being sent again."""

    dl_id: DeadLetterId
    attempt: Annotated[
        int, Meta(description="How many times it had been tried before it is sent again, from 1.", examples=[1])
    ]


class Discarded(TypedDict):
    """The dead letter is laid aside."""

    dl_id: DeadLetterId
    state: Annotated[Literal["discarded"], Meta(description="It is laid aside.")]


class Reopened(TypedDict):
    """The dead letter stands open again."""

    dl_id: DeadLetterId
    state: Annotated[Literal["open"], Meta(description="It stands open again.")]


def shown(letter: Dead) -> DeadLetterShown:
    """docs/contracts.md, “Answers”."""
    return {
        "dl_id": letter.dl_id,
        "reason": letter.reason,
        "error": letter.error,
        "service": letter.service,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "time": written(letter.time),
        "attempts": letter.attempts,
        "sender": letter.sender or None,
        "type": letter.type or None,
        "source": letter.source or None,
        "event_id": letter.event_id or None,
        "state": letter.state,
        "by": letter.by or None,
        "why": letter.why or None,
        "edit_by": letter.edit.by if letter.edit else None,
        "edited_as": letter.edited_as or None,
    }
