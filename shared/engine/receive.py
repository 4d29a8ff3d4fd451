"""The step Receive of docs/protocol.md: what a record holds, and which aggregate it is for. Looks at no state.

A record becomes one of three things: a `RoutedEvent` for one aggregate, a dead letter that this service owns, or None:
the record does not concern this service (the caller counts it as skipped).
"""

from datetime import datetime
from typing import Any, Final

import msgspec
from aiokafka import ConsumerRecord

from shared.contracts import topics
from shared.contracts.dead_letter import DeadLetter, redriven_from
from shared.contracts.envelope import MAX_EVENT_BYTES, Event, Raw, check_class, decode, read_kafka
from shared.contracts.errors import EventError, Forged, Invalid, PersonalData, Undecodable
from shared.contracts.event_class import EventClass
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.identity import dead_letter_id
from shared.contracts.original import Original, as_far_as_searched, hides_a_code, needs_a_closer_look
from shared.contracts.personal_identity import MOST_SEARCHED, is_searchable
from shared.contracts.registry import CLASSES, class_of
from shared.engine.model import Decision, Handler, Table
from shared.kafka.raw import Unreadable

OWNER_OF_THE_UNREADABLE = "referral"
HANDLER_FAILED: Final = "handler_failed"
_UNSEARCHED: Final = (
    f"more than {MOST_SEARCHED} bytes are no plain text: not searched for personal identity codes, and not kept"
)


class RoutedEvent(msgspec.Struct, frozen=True):
    """An event with its handler, its aggregate, and the record that brought it."""

    event: Event
    handler: Handler
    aggregate: str
    original: Original
    attempt: int
    owned: bool
    """Whether this service dead-letters the event if it is a conflict."""
    service: str
    redriven: str | None = None
    """The id of the dead letter that was redriven."""

    @property
    def source(self) -> str:
        """Who sent the event."""
        return self.event.source

    @property
    def id(self) -> str:
        """The event's id."""
        return self.event.id

    @property
    def digest(self) -> str:
        """The digest of the event's content."""
        return self.event.digest

    @property
    def at(self) -> tuple[str, str]:
        """Collection and id of the event's aggregate."""
        return self.handler.kind.collection.name, self.aggregate

    @property
    def dl_id(self) -> str:
        """The id of the event's dead letter: a redriven one keeps its id."""
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
        if (
            attempt == 0
            and _owner(_BY_TYPE.get(raw.type.encode(errors="replace")) if raw else named, record.topic) != table.service
        ):
            return None
        kept = as_far_as_searched(original)
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
    """The dead letter of a record that our own code failed to read: it waits for a person, and later records go on.

    Every service that failed writes its own: nobody can say whose record it is.
    """
    original, attempt, redriven = _origin(record, service)
    reason = HANDLER_FAILED
    try:
        original = as_far_as_searched(original)
        if hides_a_code(original):
            reason = PersonalData.reason
    except Exception:  # noqa: BLE001 - the search itself may be what fails; then nothing of the record may be kept
        original = msgspec.structs.replace(original, key=None, value=None, headers=[])
    why = f"reading it failed: {type(error).__name__}: {error}"
    return DeadLetter(redriven or _dl_id(service, original), service, reason, why, original, attempt + 1)


def _worst(error: EventError, raw: Raw | None, original: Original) -> EventError:
    """Of all that is wrong, first an identity code, since such a record is kept masked only; then another's name."""
    if error.reason == PersonalData.reason:
        return error
    if hides_a_code(original):
        return PersonalData(f"a personal identity code, in a record that is {error.reason} besides")
    source = (raw.source if raw else "") or original.source()
    return _forged(source, original.topic) or error


def _of_unreadable(record: Unreadable, service: str) -> DeadLetter | None:
    original, *_ = _origin(record, service)
    if service != OWNER_OF_THE_UNREADABLE and record.topic != topics.redrive_to(service):
        return None
    return DeadLetter(_dl_id(service, original), service, Undecodable.reason, record.why, original, attempts=1)


def _named(record: ConsumerRecord) -> EventClass | None:
    """The class that the headers name; None where they name none, or the value does."""
    type_ = content_type = None
    for name, value in record.headers:  # the last of a repeated name counts, as in `read_kafka`
        if name == "ce_type":
            type_ = value
        elif name == "content-type":
            content_type = value
    if content_type and content_type.lower().startswith(b"application/cloudevents"):
        return None
    return _BY_TYPE.get(type_) if type_ else None


_BY_TYPE: Final = {one.type.encode(): one for one in CLASSES.values()}


def _is_nothing_to(named: EventClass, topic: str, table: Table) -> bool:
    """The cheap look: most records are for other services, and cost this one no more than a glance at the class."""
    if _owner(named, topic) == table.service or topic == topics.redrive_to(table.service):
        return False
    return named.model not in table.handlers and named.model is not DeadlinePassed


def route(event: Event, table: Table) -> tuple[Handler, str] | None:
    """The handler and the aggregate of an event; None where the event does not concern this service."""
    data = event.data
    handler = table.handlers.get(type(data))
    if isinstance(data, DeadlinePassed) and data.service == table.service:
        if data.what == "early":
            return _leaving(table, data.collection, data.aggregate)
        handler = table.deadlines.get(data.collection)
    aggregate = handler.aggregate(event) if handler else None
    return (handler, aggregate) if handler and aggregate is not None else None


def _leaving(table: Table, collection: str, aggregate: str) -> tuple[Handler, str] | None:
    # The engine itself promises that an early event leaves in time: no service needs a handler for that.
    kinds = [kind for kind in table.kinds if kind.collection.name == collection]
    return (Handler(kinds[0], lambda _: aggregate, _changes_nothing), aggregate) if kinds else None


def _changes_nothing(state: Any, event: Event, now: datetime, context: Any) -> Decision[Any]:
    return Decision(state)


def read_again(original: Original, table: Table, now: datetime) -> Event:
    """Reads an event that waited again from its bytes. Raises `EventError`."""
    return _whole(read_kafka(original.value, original.headers), original, now)


def _whole(raw: Raw, original: Original, now: datetime) -> Event:
    if (size := original.size_beside_value) > MAX_EVENT_BYTES:
        raise Invalid(f"the record's key and headers have {size} bytes; {MAX_EVENT_BYTES} are allowed")
    closer = needs_a_closer_look(raw, original)
    if closer and not is_searchable(original.parts):
        raise Invalid(f"the event has more text than is searched for codes: at most {MAX_EVENT_BYTES} bytes of data")
    event = decode(raw, now=now, searched=not closer)
    if closer and hides_a_code(original):
        raise PersonalData("a personal identity code stands in the key or a header")
    if original.key is None or original.key != event.data.subject.encode():
        said = "is missing" if original.key is None else f"is {original.key[:80].decode(errors='replace')!r}"
        raise Invalid(f"/subject: the record's key {said}; for {event.name} it is {event.data.subject!r}")
    return _proven(event, original.topic)


def _origin(record: ConsumerRecord, service: str) -> tuple[Original, int, str | None]:
    where = (record.topic, record.partition, record.offset, record.timestamp)
    return redriven_from(Original(*where, record.key, record.value, list(record.headers)), service)


def _owner(known: EventClass | None, topic: str) -> str:
    """Which service dead-letters a record that is wrong in itself: exactly one, whatever is wrong.

    The monitor refuses nothing: the referral service refuses what a partner sends in the monitor's name.
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
