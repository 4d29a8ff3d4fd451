"""What a projection sees of a record: where it stands, who sent it, of which class, when; nothing of what it says. Pure."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
from aiokafka import ConsumerRecord

from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.envelope import Raw, attributes_in, read_kafka
from shared.contracts.errors import EventError
from shared.contracts.registry import CLASSES
from shared.kafka.when import came_at

UNKNOWN: Final = "?"
"""Stands for a class that is none, and for a sender whom nothing proves."""
_CLASS_OF: Final = {one.type: one.name for one in CLASSES.values()}
_LONGEST_NAME: Final = 80
_WANTED: Final = {f"ce_{name}": name for name in ("type", "source", "id", "time", "synthetic")}


class Observed(NamedTuple):
    """A record. `at`: when it came, in the platform's time; `delay`: by how many seconds its own time lies before that."""

    topic: str
    partition: int
    offset: int
    at: datetime
    sender: str
    name: str
    delay: float = 0.0
    synthetic: bool = False
    refused_by: str = ""
    """Of a dead letter: the service that could not take the event of this sender and class."""
    data: bytes = b""
    id: str = ""
    """The event's id, as its sender gave it."""
    repeated: bool = False
    """Whether the event came before."""

    def read(self) -> Any:
        """The data of a service's event. Raises `msgspec.MsgspecError`."""
        return msgspec.json.decode(self.data)


def observed_of(record: ConsumerRecord, clock: Clock, real_now: float) -> Observed:
    """Never raises for what stands in a record."""
    raw = _read(record.value, record.headers)
    letter = dict(record.headers) if record.topic == topics.DEAD_LETTERS else {}
    topic = _text(letter.get("dl_topic")) or record.topic
    at = clock.of_second(came_at(record.timestamp, real_now))
    return Observed(
        record.topic,
        record.partition,
        record.offset,
        at,
        _sender(topic, raw),
        _CLASS_OF.get(raw.attributes.get("type", ""), UNKNOWN),
        _delay(raw.attributes.get("time", ""), at),
        raw.attributes.get("synthetic") == "true",
        _text(letter.get("dl_service")) if letter else "",
        raw.data if record.topic.endswith(".events") else b"",
        raw.attributes.get("id", ""),
    )


def _read(value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> Raw:
    """As the contracts read a record; of one with its attributes in headers the few that count, in a third of the time."""
    named = {_WANTED[name]: _text(content) for name, content in headers if name in _WANTED}
    if "type" in named:
        return Raw(named, value or b"")
    try:
        return read_kafka(value, headers)
    except EventError:
        return Raw(attributes_in(headers), b"")


@lru_cache(maxsize=4_096)
def _proven(topic: str) -> str | None:
    return topics.sender_of(topic)


def _sender(topic: str, raw: Raw) -> str:
    """Whom the topic proves; on our own intake the source, which the door has proven; else nobody."""
    if proven := _proven(topic):
        return proven
    named = raw.attributes.get("source", "") if topic == topics.INTAKE_HTTP or topic == topics.AUDIT else ""
    return named if 0 < len(named) <= _LONGEST_NAME and " " not in named else UNKNOWN


def _delay(time: str, at: datetime) -> float:
    try:
        said = datetime.fromisoformat(time)
    except ValueError:
        return 0.0
    return (at - said).total_seconds() if said.tzinfo else 0.0


def _text(content: bytes | None) -> str:
    return (content or b"").decode(errors="replace")[:_LONGEST_NAME]
