"""A network between referral, catalogue and, where asked for, notify, in one process, that keeps no order and repeats itself.

The real tables, the real engine's batch with its early events and recent outcomes; only the store and the wire are in
memory. What the services send each other, and what is sent to all of them from outside, waits in `pending` until
somebody picks it: one after the other, any first, some of them twice.
"""

import random
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
from aiokafka import ConsumerRecord

from services.catalogue import handlers as catalogue
from services.catalogue.model import Activity, Match
from services.notify import handlers as notify
from services.notify.decide import FEED
from services.referral import handlers as referral
from services.referral.fold import fold
from services.referral.groups.model import UnitGroup
from services.referral.handlers import Opening
from services.referral.model import Referral
from services.referral.view import Durations, View
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.envelope import Event, attributes_of, kafka_headers
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.identity import deadline_id
from shared.contracts.original import Original
from shared.contracts.registry import CLASSES
from shared.engine.batch import Processor
from shared.engine.model import Document, Due, Kind, Table
from shared.engine.receive import RoutedEvent, read_again, route
from shared.kafka.producer import Publisher, Record
from shared.store import Collection, Form, Row
from shared.store.interface import FIRST_FORM, InboxEntry, Journal, Range, Scalar, What, Written
from tests.unit.consumed import consumed

DURATIONS = Durations(*(timedelta(days=days) for days in (30, 14, 7, 14, 14)))
CODE = "DKGDM5F8QK4V"
MAX_STEPS = 2_000
S = TypeVar("S")
T = TypeVar("T")


def grant_to(name: str) -> Durations | Opening:
    """What the referral service looks up for a class of events, with no chance in it."""
    return Opening(DURATIONS, CODE) if name == "ReferralIssued" else DURATIONS


class TickingClock(Clock):
    """A clock that a test sets; each look at it is a moment later, so that no two decisions have the same time."""

    def __init__(self, now: datetime) -> None:
        object.__setattr__(self, "time", [now])

    def now(self) -> datetime:
        time: list[datetime] = self.time  # type: ignore[attr-defined]
        time[0] += timedelta(microseconds=1)
        return time[0]

    def of_second(self, second: float) -> datetime:
        return datetime.fromtimestamp(second, UTC)

    def set(self, now: datetime) -> None:
        """Never backwards."""
        time: list[datetime] = self.time  # type: ignore[attr-defined]
        time[0] = max(time[0], now)


class MemoryStore:
    """The store's promises, as far as these services ask for them, without a disk."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Row]] = {}
        self.journals: dict[str, dict[tuple[str, int], Written]] = {}
        self.inbox: dict[tuple[str, str, str], list[InboxEntry]] = {}

    async def open(
        self, collections: Iterable[Collection], journals: Iterable[Journal] = (), form: Form = FIRST_FORM
    ) -> None:
        self.rows = {collection.name: {} for collection in collections}
        self.journals = {journal.name: {} for journal in journals}

    async def close(self) -> None:
        """Nothing to let go of."""

    async def load(self, collection: str, ids: Sequence[str], *, what: What = "body") -> dict[str, Row]:
        there = self.rows[collection]
        return {id_: _with(what, there[id_]) for id_ in ids if id_ in there}

    async def save(self, collection: str, rows: Sequence[Row]) -> set[str]:
        there = self.rows[collection]
        lost = {row.id for row in rows if (there[row.id].version if row.id in there else 0) != row.version - 1}
        there.update({row.id: row for row in rows if row.id not in lost})
        return lost

    async def clear(self, collection: str, rows: Sequence[Row]) -> None:
        there = self.rows[collection]
        there.update({row.id: row for row in rows if row.id in there and there[row.id].version == row.version})

    async def empty(self, collection: str, versions: Mapping[str, int]) -> None:
        there = self.rows[collection]
        for id_, version in versions.items():
            if id_ in there and there[id_].version == version:
                fields = {**there[id_].fields, "outbox_since": None}
                there[id_] = msgspec.structs.replace(there[id_], outbox=b"", fields=fields)

    async def find(
        self,
        collection: str,
        *,
        equal: Mapping[str, Scalar | Sequence[str]] | None = None,
        at_most: tuple[str, Scalar] | None = None,
        at_least: tuple[str, Scalar] | None = None,
        order: str | None = None,
        descending: bool = False,
        limit: int = 100,
        offset: int = 0,
        after: tuple[Scalar, str] | None = None,
        what: What = "body",
    ) -> list[Row]:
        rows = [
            row for row in self.rows[collection].values() if all(_holds(row, *one) for one in (equal or {}).items())
        ]
        if at_least:
            rows = [row for row in rows if _lies(row.fields.get(at_least[0]), at_least[1], None)]
        return [_with(what, row) for row in sorted(rows, key=lambda row: row.id)[:limit]]

    async def count(
        self,
        collection: str,
        equal: Mapping[str, Scalar],
        *,
        at_most: tuple[str, Scalar] | None = None,
        at_least: tuple[str, Scalar] | None = None,
        most: int | None = None,
    ) -> int:
        raise AssertionError("no decision counts documents")

    async def tally(self, collection: str, field: str, order: str, **how: object) -> dict[str | None, int]:
        raise AssertionError("no decision counts documents")

    async def remove(self, collection: str, versions: Mapping[str, int]) -> int:
        raise AssertionError("no decision removes documents")

    async def versions(
        self,
        collection: str,
        many: str,
        values: Sequence[str],
        *,
        within: Mapping[str, Range] | None = None,
        outside: Mapping[str, Range] | None = None,
        limit: int = 100,
    ) -> dict[str, int]:
        listed = [row for row in self.rows[collection].values() if _holds(row, many, values)]
        inside = [row for row in listed if _lies_within(row, within or {})]
        found = [row for row in inside if outside is None or not _lies_within(row, outside)]
        return {row.id: row.version for row in found[:limit]}

    async def recall(self, keys: Iterable[tuple[str, str, str]]) -> list[InboxEntry]:
        return [kept for key in keys for kept in self.inbox.get(key, ())]

    async def remember(self, entries: Sequence[InboxEntry]) -> None:
        for entry in entries:
            outcome = entry.outcome
            self.inbox.setdefault((entry.aggregate, outcome.source, outcome.id), []).append(entry)

    async def forget(self, aggregates: Sequence[str]) -> None:
        for key, kept in self.inbox.items():
            if key[0] in aggregates:
                self.inbox[key] = [
                    one._replace(outcome=msgspec.structs.replace(one.outcome, digest="")) for one in kept
                ]

    async def scrub(self) -> None:
        """It has no files."""

    async def append(self, journal: str, rows: Sequence[Written]) -> None:
        for row in rows:
            self.journals[journal].setdefault((row.owner, row.number), row)

    async def read(self, journal: str, owner: str, *, after: int, limit: int) -> list[Written]:
        raise AssertionError("no service reads a journal of its own in order")

    async def about(self, journal: str, owner: str, about: str, *, limit: int) -> list[Written]:
        there = sorted(self.journals[journal].items())
        return [row for _, row in there if (row.owner, row.about) == (owner, about)][:limit]

    async def owners(self, journal: str, about: str) -> list[str]:
        return sorted({row.owner for row in self.journals[journal].values() if row.about == about})

    async def blank(self, journal: str, owner: str, about: str, up_to: int, body: bytes) -> None:
        there = self.journals[journal]
        meant = [row for row in there.values() if (row.owner, row.about) == (owner, about) and row.number <= up_to]
        there.update({(row.owner, row.number): replace(row, body=body) for row in meant})

    async def cut(self, journal: str, owners: Sequence[str]) -> None:
        raise AssertionError("no decision removes rows")


def _with(what: What, row: Row) -> Row:
    """No more than was asked for, so that nobody reads what another engine would not hand out."""
    if what == "brief":
        return Row(row.id, row.version, brief=row.brief)
    return Row(row.id, row.version, row.body, outbox=row.outbox)


def _holds(row: Row, name: str, wanted: Any) -> bool:
    kept: Any = row.fields.get(name)
    values = set(wanted) if isinstance(wanted, tuple | list) else {wanted}
    return not values.isdisjoint(kept if isinstance(kept, tuple | list) else [kept])


def _lies_within(row: Row, ranges: Mapping[str, Range]) -> bool:
    return all(_lies(row.fields.get(name), *one) for name, one in ranges.items())


def _lies(kept: Any, low: Any, high: Any) -> bool:
    return kept is not None and (low is None or low <= kept) and (high is None or kept <= high)


class DirectPublisher(Publisher):
    """Hands on what is published instead of sending it."""

    def __init__(self, take: Callable[[Record], None]) -> None:
        self._take = take

    async def publish(self, records: Sequence[Record], *, within: float = 0.0) -> None:
        for record in records:
            self._take(record)


@dataclass(frozen=True)
class Message:
    """A record on its way to one service. `lane`: what Kafka keeps in order."""

    to: str
    record: ConsumerRecord

    @property
    def lane(self) -> tuple[str, str, bytes | None]:
        return self.to, self.record.topic, self.record.key


class Network:
    """The services and what is under way between them; notify alone `telling`, others `besides`."""

    def __init__(
        self,
        now: datetime,
        *,
        seed: int = 0,
        in_lanes: bool = False,
        recent_outcomes: int = 64,
        telling: bool = False,
        besides: Sequence[Table] = (),
        may_refuse: bytes = b"nothing",
    ) -> None:
        self.clock = TickingClock(now)
        self.random = random.Random(seed)
        self.pending: list[Message] = []
        self.delivered: list[Message] = []
        self.published: list[Record] = []
        self.after_each: Callable[[], None] = lambda: None
        self.on_refused: Callable[[Record], None] = self._is_of_a_late_issue
        self.refused = 0
        self._may_refuse = may_refuse
        self._in_lanes = in_lanes
        self._offset = 0
        tables = [referral.table(DURATIONS), catalogue.table(timedelta(days=1)), *([notify.table()] if telling else [])]
        tables += besides
        self._tables: dict[str, Table] = {table.service: replace(table, receive=self._receive) for table in tables}
        self._stores = {name: MemoryStore() for name in self._tables}
        self._known: dict[int, Event] = {}
        for name, table in self._tables.items():
            _now(self._stores[name].open(table.collections, table.journals))
        self._processors = {
            name: Processor(
                table,
                self._stores[name],
                DirectPublisher(self._put_on),
                self.clock,
                recent_outcomes=recent_outcomes,
                due_early=timedelta(days=3_650),
            )
            for name, table in self._tables.items()
        }

    # --- what is sent

    def send(self, event: Event) -> None:
        """An event from outside, to all services."""
        self._put_on(_record(topics.INTAKE_HTTP, event))

    def tell_at_once(self, service: str, events: Iterable[Event]) -> None:
        """What the services say, read by one of them in one batch."""
        said = [_record(topics.events_of(event.source.rpartition("/")[2]), event) for event in events]
        records = [consumed(record, self._offset + n) for n, record in enumerate(said, 1)]
        self._offset += len(said)
        _now(self._read(service, records))

    def _put_on(self, record: Record) -> None:
        if record.topic == topics.DEAD_LETTERS:
            self.on_refused(record)
            return
        self.published.append(record)
        self._offset += 1
        for name, table in self._tables.items():
            if record.topic in table.topics:
                self.pending.append(Message(name, consumed(record, self._offset)))

    def _is_of_a_late_issue(self, record: Record) -> None:
        """Nothing else may be refused here than an issue: that meets an erasure and keeps nothing of what it said, or for
        the reason that a test expects."""
        self.refused += 1
        said = dict(record.headers)
        late = said["ce_type"] == CLASSES["ReferralIssued"].type.encode() and said["dl_reason"] == b"rejected"
        keeps_nothing = record.value is None or self._may_refuse != b"nothing"
        if not (late and keeps_nothing and self._may_refuse in (said["dl_error"] or b"")):
            raise AssertionError(f"dead-lettered: {said['dl_error']!r} {record.value!r}")

    # --- what arrives

    def deliver(self, message: Message) -> None:
        """One record, as a batch of its own."""
        _now(self._read(message.to, [message.record]))
        self.delivered.append(message)
        self.after_each()

    def _receive(self, record: ConsumerRecord, table: Table, now: datetime) -> RoutedEvent | None:
        """As the engine's own, but what is delivered ten times is read once."""
        original = Original(record.topic, 0, record.offset, 0, record.key, record.value, list(record.headers))
        event = self._known.get(record.offset) or read_again(original, table, now)
        self._known[record.offset] = event
        routed = route(event, table)
        return RoutedEvent(event, *routed, original, 0, owned=True, service=table.service) if routed else None

    async def _read(self, service: str, records: Iterable[ConsumerRecord]) -> None:
        processor = self._processors[service]
        await processor.clear(await processor.process(processor.receive(records)))

    def drain(self, *, repeat: float = 0.0) -> None:
        """Delivers until nothing is under way: any first; each again, now or later, with the chance `repeat`."""
        for _ in range(MAX_STEPS):
            if not self.pending:
                return
            self.deliver(self._next())
            if self.random.random() < repeat:
                self.deliver(self.random.choice(self.delivered[-40:]))
        raise AssertionError(f"it never comes to rest: {self.pending[-1]}")

    def replay(self) -> None:
        """Everything once more, the oldest first."""
        for message in list(self.delivered):
            self.deliver(message)

    def in_order(self, events: Iterable[Event]) -> None:
        """Each event at its own time, all that follows from it before the next."""
        for event in sorted(events, key=lambda one: one.order):
            self.clock.set(event.time)
            self.send(event)
            self._settle()

    def _settle(self) -> None:
        for _ in range(MAX_STEPS):
            if not self.pending:
                return
            self.deliver(self.pending.pop(0))
        raise AssertionError(f"it never comes to rest: {self.pending[-1]}")

    def _next(self) -> Message:
        place = self.random.randrange(len(self.pending))
        if self._in_lanes:
            lane = self.pending[place].lane
            place = next(index for index, one in enumerate(self.pending) if one.lane == lane)
        return self.pending.pop(place)

    # --- silence

    def let_time_pass(self, days: int) -> None:
        """A day at a time, the deadlines that are due fire, as the engine's sweeper fires them."""
        for _ in range(days):
            self.clock.set(self.clock.now() + timedelta(days=1))
            while self._fire():
                self.drain()

    def _fire(self) -> bool:
        fired = False
        for name, table in self._tables.items():
            for kind in table.kinds:
                for id_, row in list(self._stores[name].rows[kind.collection.name].items()):
                    for due in _dues(kind, row):
                        if due.due_at <= self.clock.now():
                            fired = True
                            self._put_on(_passed(name, kind, id_, due))
        return fired

    # --- where it stands

    def knows(self, referral_id: str) -> bool:
        """Whether the referral service keeps anything of it."""
        return referral_id in self._stores["referral"].rows["referrals"]

    def referral(self, referral_id: str) -> Referral:
        """The referral's state."""
        state = self._state("referral", "referrals", referral_id, Referral)
        assert state is not None
        return state

    def view(self, referral_id: str) -> View:
        """Where the referral stands."""
        return fold(self.referral(referral_id), DURATIONS)

    def group(self, group_id: str) -> UnitGroup:
        """The group's state."""
        state = self._state("referral", "groups", group_id, UnitGroup)
        assert state is not None
        return state

    def groups(self) -> set[str]:
        """The groups of which the referral service keeps anything."""
        rows = self._stores["referral"].rows["groups"]
        return {id_ for id_ in rows if self._state("referral", "groups", id_, UnitGroup)}

    def match(self, referral_id: str) -> Match | None:
        """The matching of the referral."""
        return self._state("catalogue", "matches", referral_id, Match)

    def activities(self) -> dict[str, Activity]:
        """Every activity by its key."""
        rows = self._stores["catalogue"].rows["activities"]
        found = {id_: self._state("catalogue", "activities", id_, Activity) for id_ in rows}
        return {id_: state for id_, state in found.items() if state is not None}

    def waiting_early(self, source: str = "") -> list[str]:
        """What is waited for in some document, by whatever waits or by what one sender let wait."""
        decoder = msgspec.json.Decoder(Document[Any])
        return [
            early.what
            for store in self._stores.values()
            for rows in store.rows.values()
            for row in rows.values()
            for early in decoder.decode(row.body).early
            if source in {"", early.source}
        ]

    def told(self, referral_id: str, name: str) -> list[dict[str, Any]]:
        """What was published about the referral, or the group, of one class, each event once, in order."""
        found: dict[bytes, dict[str, Any]] = {}
        for record in self.published:
            headers = dict(record.headers)
            data = msgspec.json.decode(record.value or b"")
            if headers["ce_type"] == f"fi.kulttuurilahete.{name}.v1".encode() and referral_id in {
                data.get("referral_id"),
                data.get("group_id"),
            }:
                found.setdefault(headers["ce_id"] or b"", data)
        return list(found.values())

    def store(self, service: str) -> MemoryStore:
        """What one of the services keeps."""
        return self._stores[service]

    def feeds(self, about: str) -> dict[str, list[dict[str, Any]]]:
        """What stands of the referral in each partner's feed, in order."""
        store = self._stores["notify"]
        return {
            owner: [msgspec.json.decode(row.body) for row in _now(store.about(FEED, owner, about, limit=MAX_STEPS))]
            for owner in _now(store.owners(FEED, about))
        }

    def _state(self, service: str, collection: str, id_: str, state: type[S]) -> S | None:
        row = self._stores[service].rows[collection].get(id_)
        if row is None:
            return None
        document: Any = msgspec.json.decode(row.body, type=Document[state])  # type: ignore[valid-type]
        kept: S | None = document.state
        return kept


def _now(work: Coroutine[Any, Any, T]) -> T:
    """Runs what never waits for anything outside the process."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("something in the network waits for the world outside")


def _record(topic: str, event: Event) -> Record:
    body = event.data.model_dump_json(exclude_none=True).encode()
    return Record(topic, event.data.subject.encode(), body, kafka_headers(attributes_of(event)))


def _dues(kind: Kind[Any], row: Row) -> Sequence[Due]:
    document: Any = msgspec.json.decode(row.body, type=Document[kind.state])  # type: ignore[name-defined]
    if document.state is None or document.erased:
        return ()
    return kind.deadlines(document.state)


def _passed(service: Any, kind: Kind[Any], id_: str, due: Due) -> Record:
    data = DeadlinePassed(
        service=service,
        collection=kind.collection.name,
        aggregate=id_,
        what=due.what,
        due_at=due.due_at.astimezone(UTC),
        nth=due.nth,
        referral_id=due.referral_id,
        concerns=due.concerns,
    )
    of = deadline_id(service, f"{kind.collection.name}/{id_}", due.what, due.due_at, due.nth)
    event = Event(of, f"/service/{service}", data.due_at, data, correlation=due.referral_id)
    return Record(
        topics.events_of(service),
        data.subject.encode(),
        data.model_dump_json(exclude_none=True).encode(),
        kafka_headers(attributes_of(event)),
    )
