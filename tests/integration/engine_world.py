"""A small service to try the engine on, and a world to crash it in.

The service is a tally: one aggregate a referral, which remembers in order what was applied to it. ReferralIssued opens
it, ActivityChosen waits until it is open; the activity's id decides what becomes of the choice. The world has a log in
memory to deliver from as often as one likes, a wire that keeps what was published, and a store for real.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from aiokafka import ConsumerRecord

from shared.clock import Clock
from shared.contracts import every_service_events, opisto_events, referral_events, region_events, topics
from shared.contracts.data import Data
from shared.contracts.envelope import Event, attributes_of, kafka_headers
from shared.contracts.error_kind import without_values
from shared.contracts.identity import derived_id
from shared.engine.batch import Batch, Processor
from shared.engine.documents import decoder_of, read
from shared.engine.model import Decision, Document, Due, Follow, Handler, Kind, OutBlank, OutRow, Rejected, Table, Waits
from shared.kafka.producer import BrokerUnavailable, Publisher, Record
from shared.store import Collection, Journal, Row, Store
from shared.store.interface import InboxEntry, Scalar, What
from tests.backends import drop_store, open_store

NOW: Final = datetime(2026, 9, 1, 12, tzinfo=UTC)
REGION: Final = "/region/06"
OPISTO: Final = "/opisto/1.2.246.562.10.00000000001"
TERM: Final = timedelta(days=14)
DUE_EARLY: Final = timedelta(days=30)
STEPS: Final = ("received", "loaded", "recalled", "saved", "published", "cleared")
COLLECTION: Final = Collection("tallies", narrowing=("weight",))
DIARY: Final = Journal("diary")


# --- the service


class Tally(msgspec.Struct, frozen=True):
    """The applied events, each as `source id`, in order."""

    applied: tuple[str, ...] = ()
    open: bool = False
    asked: tuple[str, ...] = ()
    awaited: datetime | None = None
    padding: str = ""


@dataclass
class Given:
    """The context of every decision: which activities a bug concerns, and which the domain refuses, for now."""

    broken: set[str] = field(default_factory=lambda: {"broken"})
    refused: set[str] = field(default_factory=lambda: {"refused"})
    unheard_of: set[str] = field(default_factory=set)
    padding: int = 0


def issued(state: Tally | None, event: Event, now: datetime, context: Given) -> Decision[Tally]:
    """Opens the tally, and awaits a choice within the term."""
    opened = referral_events.ReferralOpened(
        referral_id=event.data.subject, issuer="/region/06", region="06", referral_code="", deadlines=()
    )
    return Decision(_counted(state, event, open=True, awaited=event.time + TERM), [Follow(opened)])


def chosen(state: Tally | None, event: Event, now: datetime, context: Given) -> Decision[Tally] | Waits | Rejected:
    """Asks for a place at each activity that the id names: `a:b` are two."""
    if state is None or not state.open:
        return Waits("ReferralIssued")
    activity = event.data.activity_id  # type: ignore[attr-defined]
    if activity in context.unheard_of:
        return Waits(activity, _asked_after(state, event, activity))
    if activity in context.broken:
        raise RuntimeError(f"cannot count {activity}")
    if activity in context.refused:
        return Rejected(f"{activity} may not be chosen")
    size = 70_000 if activity == "too-large" else 0
    follow = [Follow(_wanted(event, name, size), name) for name in activity.split(":")]
    padding = "x" * context.padding if activity == "huge" else state.padding
    return Decision(_counted(state, event, padding=padding), follow)


def _asked_after(state: Tally, event: Event, activity: str) -> Decision[Tally] | None:
    if activity in state.asked:
        return None
    asked = msgspec.structs.replace(state, asked=(*state.asked, activity))
    return Decision(asked, [Follow(_wanted(event, activity, 0), activity)])


def withdrawn(state: Tally | None, event: Event, now: datetime, context: Given) -> Decision[Tally]:
    """Erases where consent is withdrawn, else writes a page of the diary."""
    if event.data.reason == "consent_withdrawn":  # type: ignore[attr-defined]
        return Decision(Tally(), erase=True)
    about = event.data.subject
    page = OutRow(DIARY.name, "06", 1, about, msgspec.Raw(b'"withdrawn"'))
    blank = OutBlank(DIARY.name, "06", about, 1, msgspec.Raw(b'"blank"'))
    last = OutRow(DIARY.name, "06", 2, about, msgspec.Raw(b'"last word"'))
    return Decision(_counted(state, event), also=[page, blank, last])


def attended(state: Tally | None, event: Event, now: datetime, context: Given) -> Decision[Tally]:
    """Counts, in any order; nothing follows."""
    return Decision(_counted(state, event))


def passed(state: Tally | None, event: Event, now: datetime, context: Given) -> Decision[Tally]:
    """Silence counts only where the deadline still stands."""
    if state is None or state.awaited != event.data.due_at:  # type: ignore[attr-defined]
        return Decision(state)
    return Decision(_counted(state, event, awaited=None))


def _counted(state: Tally | None, event: Event, **changes: Any) -> Tally:
    counted = state or Tally()
    return msgspec.structs.replace(counted, applied=(*counted.applied, f"{event.source} {event.id}"), **changes)


def _wanted(event: Event, activity: str, size: int) -> referral_events.PlaceRequested:
    return referral_events.PlaceRequested(
        referral_id=event.data.subject,
        organiser=OPISTO,
        activity_id=activity,
        number=1,
        request=event.id + "x" * size,
        requested_at=event.time,
    )


def _subject(event: Event) -> str:
    return event.data.subject


TALLIES: Final = Kind(
    COLLECTION, Tally, deadlines=lambda state: [Due("choice", state.awaited)] if state.awaited else []
)


def table(context: Given, *extra_topics: str) -> Table:
    """The service's table. It is called `referral`: the owner of a class is a service of the platform."""
    return Table(
        service="referral",
        topics=(topics.INTAKE_HTTP, "intake.region.*", topics.redrive_to("referral"), *extra_topics),
        handlers={
            region_events.ReferralIssued: Handler(TALLIES, _subject, issued),
            region_events.ActivityChosen: Handler(TALLIES, _subject, chosen),
            region_events.ReferralWithdrawn: Handler(TALLIES, _subject, withdrawn),
            opisto_events.ActivityAttended: Handler(TALLIES, _subject, attended),
        },
        deadlines={"tallies": Handler(TALLIES, lambda event: event.data.aggregate, passed)},
        kinds=(TALLIES,),
        context=context,
        journals=(DIARY,),
    )


# --- events to the service


def referral(number: int) -> str:
    """The id of a referral."""
    return f"{number:08x}-0000-4000-8000-000000000000"


def issue(number: int = 1, *, municipality: str = "837") -> region_events.ReferralIssued:
    return region_events.ReferralIssued.model_validate_json(
        msgspec.json.encode(
            {
                "referral_id": referral(number),
                "unit_ref": "unit-17",
                "municipality": municipality,
                "age_band": "65-74",
                "languages": ["fi"],
                "needs": {"friends": 9},
                "consent": {"recorded_on": "2026-09-01", "scopes": ["referral"]},
            }
        )
    )


def choose(activity: str, number: int = 1) -> region_events.ActivityChosen:
    return region_events.ActivityChosen(referral_id=referral(number), organiser=OPISTO, activity_id=activity)


def withdraw(reason: str, number: int = 1) -> region_events.ReferralWithdrawn:
    return region_events.ReferralWithdrawn(referral_id=referral(number), reason=reason)  # type: ignore[arg-type]


def attend(session: str, number: int = 1) -> opisto_events.ActivityAttended:
    return opisto_events.ActivityAttended(referral_id=referral(number), activity_id="choir", session_id=session)


def silence(due_at: datetime, number: int = 1, what: str = "choice") -> every_service_events.DeadlinePassed:
    return every_service_events.DeadlinePassed(
        service="referral",
        collection=COLLECTION.name,
        aggregate=referral(number),
        what=what,  # type: ignore[arg-type]
        due_at=due_at,
        nth=1,
    )


class MemoryLog:
    """A Kafka log in memory, one partition a topic: a record stays where it was written."""

    def __init__(self) -> None:
        self.records: list[ConsumerRecord[bytes, bytes]] = []
        self._ids = 0

    def event(
        self,
        data: Data,
        *,
        id: str | None = None,  # noqa: A002 - the event's own word
        source: str | None = None,
        time: datetime = NOW,
        topic: str = topics.INTAKE_HTTP,
        correlation: str | None = None,
        synthetic: bool = False,
        origin: str | None = None,
        traceparent: str | None = None,
    ) -> ConsumerRecord[bytes, bytes]:
        """An event as its sender writes it."""
        self._ids += 1
        sender = source or {"ActivityAttended": OPISTO, "DeadlinePassed": "/service/referral"}.get(
            type(data).__name__, REGION
        )
        event = Event(
            id or f"e{self._ids}",
            sender,
            time,
            data,
            correlation=correlation,
            synthetic=synthetic,
            origin=origin,
            traceparent=traceparent,
        )
        value = data.model_dump_json(exclude_none=True).encode()
        return self.raw(topic, data.subject.encode(), value, kafka_headers(attributes_of(event)))

    def redriven(self, letter: "Letter") -> ConsumerRecord[bytes, bytes]:
        """A dead letter sent again, as the monitor does."""
        kept = [(name, value) for name, value in letter.record.headers if not name.startswith("dl_")]
        names = ("dl_id", "dl_topic", "dl_partition", "dl_offset", "dl_attempts")
        added = [(name, letter[name].encode()) for name in names]
        return self.raw(topics.redrive_to("referral"), letter.record.key, letter.record.value, [*kept, *added])

    def raw(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]] = ()
    ) -> ConsumerRecord[bytes, bytes]:
        """Any record."""
        offset = sum(record.topic == topic for record in self.records)
        timestamp = int(NOW.timestamp() * 1000) + len(self.records)
        record: ConsumerRecord[bytes, bytes] = ConsumerRecord(
            topic, 0, offset, timestamp, 0, key, value, None, len(key or b""), len(value or b""), tuple(headers)
        )
        self.records.append(record)
        return record


# --- records from the service


@dataclass(frozen=True)
class Letter:
    """A record of the dead letters' topic."""

    record: Record

    def __getitem__(self, header: str) -> str:
        values = [value for name, value in self.record.headers if name == header]
        assert len(values) == 1, f"{header} stands {len(values)} times"
        assert values[0] is not None
        return values[0].decode()

    @property
    def told_as(self) -> str:
        """The id of the EventRefused that tells of it."""
        said = self["dl_id"], self["dl_reason"], without_values(self["dl_error"])
        return derived_id(self["dl_service"], "refused", *said)


def header(record: Record | ConsumerRecord[bytes, bytes], name: str) -> str:
    """One header of a record; empty without it."""
    return next((value.decode() for key, value in record.headers if key == name and value is not None), "")


class KeepingPublisher(Publisher):
    """Keeps published records. While it is `down`, nothing gets through."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.down = False

    async def publish(self, records: Sequence[Record], *, within: float = 30.0) -> None:
        if self.down:
            raise BrokerUnavailable("the wire is down")
        self.records += records

    def named(self, name: str) -> list[Record]:
        """The events of one class, in order."""
        return [one for one in self.records if header(one, "ce_type").rpartition(".v")[0].endswith(f".{name}")]

    def follow_ups(self) -> dict[str, bytes]:
        """Every event by its id, but those that say what waits. The same id must always carry the same content."""
        waits = {header(record, "ce_id") for record in self.named("EventWaits")}
        return {id_: value for id_, value in self._told().items() if id_ not in waits}

    def said_to_wait(self) -> set[tuple[str, str, str]]:
        """Referral, sender and id of each event of which the last word is that it waits: that of the greatest attempt."""
        words = [json.loads(record.value or b"") for record in self.named("EventWaits")]
        last: dict[tuple[str, str, str], tuple[int, bool]] = {}
        for word in words:
            at = (word["referral_id"], word["sender"], word["event_id"])
            # Of one attempt, that it waits no more is the last word, in whatever order they come.
            last[at] = max(last.get(at, (-1, False)), (word["attempt"], not word["waits"]))
        return {at for at, (_, is_over) in last.items() if not is_over}

    def _told(self) -> dict[str, bytes]:
        told: dict[str, bytes] = {}
        for record in self.records:
            if record.topic == topics.events_of("referral"):
                assert record.value is not None
                assert told.setdefault(header(record, "ce_id"), record.value) == record.value
        return told

    def letters(self) -> list[Letter]:
        """The dead letters, in order."""
        return [Letter(record) for record in self.records if record.topic == topics.DEAD_LETTERS]

    def reasons(self) -> list[str]:
        """Why each of them, in order."""
        return [letter["dl_reason"] for letter in self.letters()]


# --- the world


class Crash(Exception):
    """The process ends here."""


class HandClock(Clock):
    """A platform clock that is set by hand."""

    def __init__(self, at: datetime) -> None:
        object.__setattr__(self, "at", at)

    def now(self) -> datetime:
        at: datetime = self.at  # type: ignore[attr-defined]
        return at

    def set(self, at: datetime) -> None:
        object.__setattr__(self, "at", at)


Step = Callable[[], Awaitable[None]]


class WatchedStore:
    """A store with a hook before or after one of its steps, once, or that does not answer."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.open, self.close, self.find, self.versions = store.open, store.close, store.find, store.versions
        self.append, self.read, self.about, self.blank = store.append, store.read, store.about, store.blank
        self.cut = store.cut
        self.owners = store.owners
        self.before: dict[str, Step] = {}
        self.after: dict[str, Step] = {}
        self.asked: list[str] = []

    async def _at(self, moments: dict[str, Step], name: str) -> None:
        if moments is self.before:
            self.asked.append(name)
        if step := moments.pop(name, None):
            await step()

    async def load(self, collection: str, ids: Sequence[str], *, what: What = "body") -> dict[str, Row]:
        await self._at(self.before, "load")
        loaded = await self._store.load(collection, ids, what=what)
        await self._at(self.after, "load")
        return loaded

    async def recall(self, keys: Iterable[tuple[str, str, str]]) -> list[InboxEntry]:
        await self._at(self.before, "recall")
        found = await self._store.recall(keys)
        await self._at(self.after, "recall")
        return found

    async def save(self, collection: str, rows: Sequence[Row]) -> set[str]:
        await self._at(self.before, "save")
        lost = await self._store.save(collection, rows)
        await self._at(self.after, "save")
        return lost

    async def clear(self, collection: str, rows: Sequence[Row]) -> None:
        await self._at(self.before, "clear")
        await self._store.clear(collection, rows)

    async def empty(self, collection: str, versions: Mapping[str, int]) -> None:
        await self._at(self.before, "clear")
        await self._store.empty(collection, versions)

    async def remember(self, entries: Sequence[InboxEntry]) -> None:
        await self._at(self.before, "remember")
        await self._store.remember(entries)

    async def forget(self, aggregates: Sequence[str]) -> None:
        await self._store.forget(aggregates)

    async def scrub(self) -> None:
        await self._store.scrub()

    async def count(
        self,
        collection: str,
        equal: Mapping[str, Scalar],
        *,
        at_most: tuple[str, Scalar] | None = None,
        at_least: tuple[str, Scalar] | None = None,
        most: int | None = None,
    ) -> int:
        return await self._store.count(collection, equal, at_most=at_most, at_least=at_least, most=most)

    async def remove(self, collection: str, versions: Mapping[str, int]) -> int:
        return await self._store.remove(collection, versions)

    async def tally(self, collection: str, field: str, order: str, **how: Any) -> dict[str | None, int]:
        return await self._store.tally(collection, field, order, **how)


class EngineWorld:
    """One service's data, log and wire; processors come and go as processes do, each with a store of its own."""

    def __init__(self, folder: Path, recent_outcomes: int = 64, store: str = "sqlite") -> None:
        self._folder = folder
        self._kind = store
        self.recent_outcomes = recent_outcomes
        self.context = Given()
        self.table = table(self.context)
        self.log = MemoryLog()
        self.wire = KeepingPublisher()
        self.clock = HandClock(NOW)
        self._stores: list[WatchedStore] = []

    async def __aenter__(self) -> Self:
        self.main = await self.processor()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        for store in self._stores:
            await store.close()
        drop_store(self._kind, self._folder)

    async def processor(
        self, crash_at: str | None = None, *, recent_outcomes: int | None = None, failing: Iterable[str] = ()
    ) -> Processor:
        """A fresh processor, as after a restart; it ends at `step`, if any."""

        def between(step: str) -> None:
            if step == crash_at:
                raise Crash(step)

        store = WatchedStore(open_store(self._kind, self._folder))
        self._stores.append(store)
        await store.open(self.table.collections, [DIARY])
        return Processor(
            self.table,
            store,
            self.wire,
            self.clock,
            recent_outcomes=self.recent_outcomes if recent_outcomes is None else recent_outcomes,
            due_early=DUE_EARLY,
            failing=frozenset(failing),
            between=between,
        )

    async def take(self, *records: ConsumerRecord[bytes, bytes], by: Processor | None = None) -> Batch:
        """One batch from reading to clearing."""
        processor = by or self.main
        batch = await processor.process(processor.receive(records))
        await processor.clear(batch)
        return batch

    async def crash(self, step: str, *records: ConsumerRecord[bytes, bytes]) -> None:
        """One batch by a process that ends at the step."""
        processor = await self.processor(step)
        try:
            await self.take(*records, by=processor)
        except Crash:
            return
        raise AssertionError(f"it never came to {step}")

    async def document(self, number: int = 1) -> Document[Tally]:
        """A tally with what the engine keeps beside it."""
        row = (await self.main.store.load(COLLECTION.name, [referral(number)])).get(referral(number))
        return read_document(row) if row else Document()

    async def applied(self, number: int = 1) -> list[str]:
        """The ids that were applied, in order."""
        state = (await self.document(number)).state
        return [one.split()[1] for one in state.applied] if state else []

    async def version(self, number: int = 1) -> int:
        """The document's version."""
        row = (await self.main.store.load(COLLECTION.name, [referral(number)])).get(referral(number))
        return row.version if row else 0


_DOCUMENTS: Final = decoder_of(TALLIES)


def read_document(row: Row) -> Document[Tally]:
    return read(row, _DOCUMENTS)


def watched(processor: Processor) -> WatchedStore:
    """The store of a processor of this world."""
    assert isinstance(processor.store, WatchedStore)
    return processor.store
