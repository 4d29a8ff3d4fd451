"""The step Receive of docs/protocol.md: what a record holds, and to which aggregate it belongs. Looks at no state.

A record ends in one of three ways: an `RoutedEvent` for one aggregate, a dead letter that this service owns, or nothing to
this service (counted as skipped by the caller).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from aiokafka import ConsumerRecord

from shared.contracts import topics
from shared.contracts.envelope import MAX_EVENT_BYTES, Event, Raw, check_class, decode, read_kafka
from shared.contracts.errors import EventError, Forged, Invalid, PersonalData, Undecodable, UnknownType
from shared.contracts.identity import dead_letter_id
from shared.contracts.personal_identity import MOST_SEARCHED, bytes_hide_a_code, is_searchable, may_hold_a_code
from shared.contracts.registry import CLASSES, EventClass, class_of
from shared.contracts.service_events import DeadlinePassed
from shared.engine.dead_letters import DeadLetter
from shared.engine.model import Decision, Handler, Original, Table
from shared.kafka.raw import Unreadable

OWNER_OF_THE_UNREADABLE = "referral"
HANDLER_FAILED: Final = "handler_failed"
_UNSEARCHED: Final = (
    f"more than {MOST_SEARCHED} bytes are no plain text: not searched for personal identity codes, and not kept"
)
_SMALL: Final = 500
_MOST_KEPT: Final = 32


class RoutedEvent(msgspec.Struct, frozen=True):
    """An event on its way to its aggregate, with the record it came in."""

    event: Event
    handler: Handler
    aggregate: str
    original: Original
    attempt: int
    owned: bool
    """Whether this service dead-letters a conflict of it."""
    service: str
    redriven: str | None = None
    """The id of the dead letter that it was."""

    @property
    def at(self) -> tuple[str, str]:
        """Collection and id of its aggregate."""
        return self.handler.kind.collection.name, self.aggregate

    @property
    def dl_id(self) -> str:
        """The id of its dead letter: what was redriven keeps the one it had."""
        return self.redriven or _dl_id(self.service, self.original)


def _dl_id(service: str, original: Original) -> str:
    return dead_letter_id(service, original.topic, original.partition, original.offset, original.timestamp)


def receive(record: ConsumerRecord, table: Table, now: datetime) -> RoutedEvent | DeadLetter | None:
    """What one record is to one service."""
    if isinstance(record, Unreadable):
        return _of_unreadable(record, table.service)
    named = _named(record)
    if named and _is_nothing_to(named, record.topic, table):
        return None
    original, attempt, redriven = _origin(record, table.service)
    raw: Raw | None = None
    try:
        raw = read_kafka(original.value, original.headers)
        event = _whole(raw, original, now)
    except EventError as error:
        if attempt == 0 and _owner(_class_in(raw) if raw else named, record.topic) != table.service:
            return None
        kept = _searched(original)
        worst = _worst(error, raw, kept)
        dl_id = redriven or _dl_id(table.service, original)
        why = str(worst) if kept is original else f"{_UNSEARCHED}; {worst}"
        return DeadLetter(dl_id, table.service, worst.reason, why, kept, attempt + 1)
    routed = route(event, table)
    if routed is None:
        return None
    owned = attempt > 0 or class_of(raw.type).owner == table.service
    return RoutedEvent(event, *routed, original, attempt, owned, table.service, redriven)


def unread(record: ConsumerRecord, service: str, error: Exception) -> DeadLetter:
    """What a fault of ours in reading leaves: this record waits for a person, and what stands behind it goes on.

    Every service that failed keeps its own: nobody can say whose the record is.
    """
    original, attempt, redriven = _origin(record, service)
    reason = HANDLER_FAILED
    try:
        original = _searched(original)
        if _hides_a_code(original):
            reason = PersonalData.reason
    except Exception:  # noqa: BLE001 - it may be just this that fails; then nothing of it may be kept
        original = msgspec.structs.replace(original, key=None, value=None, headers=[])
    why = f"reading it failed: {type(error).__name__}: {error}"
    return DeadLetter(redriven or _dl_id(service, original), service, reason, why, original, attempt + 1)


def _worst(error: EventError, raw: Raw | None, original: Original) -> EventError:
    """Of all that is wrong with it: a code, since what holds one is kept masked alone; then another's name."""
    if error.reason == PersonalData.reason:
        return error
    if _hides_a_code(original):
        return PersonalData(f"a personal identity code, in what is {error.reason} besides")
    source = (raw.source if raw else "") or _source_in(original.headers)
    return _forged(source, original.topic) or error


def _source_in(headers: Sequence[tuple[str, bytes | None]]) -> str:
    """The source that the headers name, where nothing else can be read; of several the last."""
    said = b""
    for name, value in headers:
        if name == "ce_source":
            said = value or b""
    try:
        return said.decode()
    except UnicodeDecodeError:
        return ""


def _of_unreadable(record: Unreadable, service: str) -> DeadLetter | None:
    original, *_ = _origin(record, service)
    if service != OWNER_OF_THE_UNREADABLE and record.topic != topics.redrive_to(service):
        return None
    return DeadLetter(_dl_id(service, original), service, Undecodable.reason, record.why, original, attempts=1)


def _named(record: ConsumerRecord) -> EventClass | None:
    """The class that the headers name; None where they name none, or the value does."""
    type_ = content_type = None
    for name, value in record.headers:  # of a name that stands twice the last counts, as for who reads it whole
        if name == "ce_type":
            type_ = value
        elif name == "content-type":
            content_type = value
    if content_type and content_type.lower().startswith(b"application/cloudevents"):
        return None
    return _BY_TYPE.get(type_) if type_ else None


_BY_TYPE: Final = {one.type.encode(): one for one in CLASSES.values()}


def _is_nothing_to(named: EventClass, topic: str, table: Table) -> bool:
    """The cheap look: most of what a service reads is for others, and costs it no more than a glance at the class."""
    if _owner(named, topic) == table.service or topic == topics.redrive_to(table.service):
        return False
    return named.model not in table.handlers and named.model is not DeadlinePassed


def route(event: Event, table: Table) -> tuple[Handler, str] | None:
    """The handler and the aggregate of an event; None where it is nothing to this service."""
    data = event.data
    handler = table.handlers.get(type(data))
    if isinstance(data, DeadlinePassed) and data.service == table.service:
        if data.what == "early":
            return _leaving(table, data.collection, data.aggregate)
        handler = table.deadlines.get(data.collection)
    aggregate = handler.aggregate(event) if handler else None
    return (handler, aggregate) if handler and aggregate is not None else None


def _leaving(table: Table, collection: str, aggregate: str) -> tuple[Handler, str] | None:
    # That what waited too long leaves is the engine's promise: no service needs a handler for it.
    kinds = [kind for kind in table.kinds if kind.collection.name == collection]
    return (Handler(kinds[0], lambda _: aggregate, _changes_nothing), aggregate) if kinds else None


def _changes_nothing(state: Any, event: Event, now: datetime, context: Any) -> Decision[Any]:
    return Decision(state)


def read_again(original: Original, table: Table, now: datetime) -> Event:
    """An event that waited, read again from its bytes. Raises `EventError`."""
    return _whole(read_kafka(original.value, original.headers), original, now)


def _whole(raw: Raw, original: Original, now: datetime) -> Event:
    if (size := len(original.key or b"") + sum(map(len, _bytes_of(original.headers)))) > MAX_EVENT_BYTES:
        raise Invalid(f"the record's key and headers have {size} bytes; {MAX_EVENT_BYTES} are allowed")
    closer = _needs_a_closer_look(raw, original)
    if closer and not is_searchable(_parts(original)):
        raise Invalid(f"no event has so many: at most {MAX_EVENT_BYTES} of data")
    event = decode(raw, now=now, searched=not closer)
    if closer and _hides_a_code(original):
        raise PersonalData("a personal identity code stands in the key or a header")
    if original.key is None or original.key != event.data.subject.encode():
        said = "is lacking" if original.key is None else f"is {original.key[:80].decode(errors='replace')!r}"
        raise Invalid(f"/subject: the record's key {said}; for {event.name} it is {event.data.subject!r}")
    return _proven(event, original.topic)


def _needs_a_closer_look(raw: Raw, original: Original) -> bool:
    # A structured event's value may hide its attributes in escapes, its data in base64; else they are what came.
    besides = [] if raw.data is original.value else [value.encode() for value in raw.attributes.values()]
    return may_hold_a_code(b"|".join([*_parts(original), *besides])) or (
        raw.data is not original.value and b"data_base64" in (original.value or b"")
    )


def _bytes_of(headers: Sequence[tuple[str, bytes | None]]) -> list[bytes]:
    names = "\n".join([name for name, _ in headers])
    return [names.encode(errors="replace"), *[value for _, value in headers if value]]


def _searched(original: Original) -> Original:
    """What is kept of a refused record: all, or where that cannot be searched, what is small of its key and attributes."""
    if is_searchable(_parts(original)):
        return original
    small = [
        (name, value) for name, value in original.headers if name.startswith("ce_") and len(value or b"") <= _SMALL
    ]
    key = original.key if len(original.key or b"") <= _SMALL else None
    return msgspec.structs.replace(original, key=key, value=None, headers=small[:_MOST_KEPT])


def _hides_a_code(original: Original) -> bool:
    return any(bytes_hide_a_code(part) for part in _parts(original))


def _parts(original: Original) -> list[bytes]:
    return [original.key or b"", original.value or b"", *_bytes_of(original.headers)]


def _origin(record: ConsumerRecord, service: str) -> tuple[Original, int, str | None]:
    headers = list(record.headers)
    if record.topic == topics.redrive_to(service) and (said := _redriven(headers)):
        # Trusted here alone: only the monitor may write to this topic.
        attempt, dl_id, (topic, partition, offset) = said
        kept = [(name, value) for name, value in headers if not name.startswith("dl_")]
        return Original(topic, partition, offset, record.timestamp, record.key, record.value, kept), attempt, dl_id
    where = (record.topic, record.partition, record.offset)
    return Original(*where, record.timestamp, record.key, record.value, headers), 0, None


def _redriven(headers: list[tuple[str, bytes | None]]) -> tuple[int, str, tuple[str, int, int]] | None:
    added: Mapping[str, str] = {
        name: value.decode(errors="replace") for name, value in headers if name.startswith("dl_") and value is not None
    }
    try:
        place = (added["dl_topic"], int(added["dl_partition"]), int(added["dl_offset"]))
        return int(added["dl_attempts"]), added["dl_id"], place
    except (KeyError, ValueError):
        return None


def _class_in(raw: Raw) -> EventClass | None:
    try:
        return class_of(raw.type)
    except UnknownType:
        return None


def _owner(known: EventClass | None, topic: str) -> str:
    """Who dead-letters what is wrong in itself: one service alone, whatever is wrong.

    The monitor refuses nothing: what a partner sends in its name is the referral service's to refuse.
    """
    if known is None or (known.owner == "monitor" and not topic.endswith(".events")):
        return OWNER_OF_THE_UNREADABLE
    return known.owner


def _proven(event: Event, topic: str) -> Event:
    if forged := _forged(event.source, topic):
        raise forged
    check_class(event)
    return event


def _forged(source: str, topic: str) -> Forged | None:
    sender = topics.sender_of(topic)
    if sender is None or source in {"", sender}:
        return None
    return Forged(f"/source: {source[:80]} on {topic}, which proves {sender}")
