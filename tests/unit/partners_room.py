"""The partners service in one process: its real table, engine and SQLite, a clock that a test sets, and a wire that keeps
no order and repeats itself where a test wants that."""

import json
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from services.partners import handlers
from shared.contracts import topics
from shared.contracts.data import ToPartner
from shared.contracts.envelope import Event, attributes_of, kafka_headers
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.identity import deadline_id
from shared.contracts.registry import CLASSES
from shared.engine.batch import Processor
from shared.engine.model import Document, Due, Kind, Table
from shared.kafka.producer import Record
from shared.store import Row, Store
from shared.store.sqlite import SqliteStore
from tests.unit.consumed import consumed
from tests.unit.network import DirectPublisher, TickingClock

S = TypeVar("S")
_READS: Final = {topics.INTAKE_HTTP, topics.events_of("partners")}


class PartnersRoom:
    """What is sent to the service, what it tells partners, and what it refuses."""

    def __init__(self, store: SqliteStore, now: datetime) -> None:
        self.store = store
        self.table = handlers.table()
        self.clock = TickingClock(now)
        self.told: list[dict[str, Any]] = []
        """What partners are told, with the `type` as its class."""
        self.refused: list[str] = []
        self.published = 0
        self.loses = ""
        """A class that the service looks for in vain, as where it found nothing to do a moment too early."""
        self._pending: list[Record] = []
        self._delivered: list[Record] = []
        self._offset = 0
        self._processor = Processor(
            self.table,
            store,
            DirectPublisher(self._take),
            self.clock,
            recent_outcomes=2,
            due_early=timedelta(days=30),
        )

    def _take(self, record: Record) -> None:
        self.published += 1
        headers = dict(record.headers)
        if record.topic == topics.DEAD_LETTERS:
            self.refused.append((headers["dl_error"] or b"").decode())
            return
        name = (headers["ce_type"] or b"").decode().split(".")[2]
        if issubclass(CLASSES[name].model, ToPartner):
            self.told.append({"type": name, **json.loads(record.value or b"")})
        if name != self.loses and record.topic in _READS and record not in self._delivered:
            self._pending.append(record)

    async def arrives(self, *events: Event) -> None:
        """One after the other, at its own time unless it is late, all that follows from it before the next."""
        for event in events:
            self.clock.set(event.time)
            await self._deliver(on_the_wire(event))
            while self._pending:
                await self._deliver(self._pending.pop(0))

    async def arrives_together(self, *events: Event) -> None:
        """In one batch, then all that follows."""
        records = [consumed(on_the_wire(event), nth) for nth, event in enumerate(events, 1)]
        self._offset += len(records)
        await self._processor.clear(await self._processor.process(self._processor.receive(records)))
        while self._pending:
            await self._deliver(self._pending.pop(0))

    async def arrives_anyhow(self, events: Iterable[Event], seed: int) -> None:
        """In any order, what follows too, each of them again with a chance of a third, now or later."""
        chance = random.Random(seed)
        self._pending += [on_the_wire(event) for event in events]
        while self._pending:
            await self._deliver(self._pending.pop(chance.randrange(len(self._pending))))
            if chance.random() < 1 / 3:
                await self._deliver(chance.choice(self._delivered[-40:]))

    async def _deliver(self, record: Record) -> None:
        self._delivered.append(record)
        self._offset += 1
        received = self._processor.receive([consumed(record, self._offset)])
        await self._processor.clear(await self._processor.process(received))

    async def until(self, time: datetime) -> None:
        """Time passes; deadlines fire one after the other, as the engine's sweeper fires them."""
        while passed := await first_passed(self.table, self.store, time):
            self.clock.set(passed[0].time)
            await self.arrives(*passed)
        self.clock.set(time)

    async def state(self, kind: Kind[S], id_: str) -> S | None:  # type: ignore[type-var]
        """One aggregate's state."""
        rows = await self.store.load(kind.collection.name, [id_])
        decoder = msgspec.json.Decoder(Document[kind.state])  # type: ignore[name-defined]
        return decoder.decode(rows[id_].body).state if id_ in rows else None

    async def states(self) -> dict[str, Any]:
        """Every aggregate's state and what waits there, by collection and id."""
        found: dict[str, Any] = {}
        for kind in self.table.kinds:
            decoder = msgspec.json.Decoder(Document[kind.state])  # type: ignore[name-defined]
            for row in await self.store.find(kind.collection.name, limit=500):
                document = decoder.decode(row.body)
                waits = sorted(early.id for early in document.early)
                found[f"{kind.collection.name}/{row.id}"] = (document.state, waits)
        return found


def on_the_wire(event: Event) -> Record:
    """The event as it stands on Kafka."""
    service = event.source.removeprefix("/service/")
    topic = topics.INTAKE_HTTP if service == event.source else topics.events_of(service)
    if event.name == "PartnerRegistered":
        topic = topics.INTAKE_HTTP
    body = event.data.model_dump_json(exclude_none=True).encode()
    return Record(topic, event.data.subject.encode(), body, kafka_headers(attributes_of(event)))


async def first_passed(table: Table, store: Store, time: datetime) -> list[Event]:
    """The deadlines that pass first, and until then."""
    passed = [
        _deadline(kind, row.id, due)
        for kind in table.kinds
        for row in await store.find(kind.collection.name, at_most=("due_at", time.timestamp()), order="due_at", limit=1)
        for due in _dues(kind, row)
    ]
    first = min((event.time for event in passed), default=time)
    return [event for event in passed if event.time <= first]


def _dues(kind: Kind[Any], row: Row) -> list[Due]:
    document = msgspec.json.decode(row.body, type=Document[kind.state])  # type: ignore[name-defined]
    stated = kind.deadlines(document.state) if document.state and not document.erased else []
    return [*stated, *(Due("early", early.leaves_at) for early in document.early)]


def _deadline(kind: Kind[Any], aggregate: str, due: Due) -> Event:
    name = kind.collection.name
    data = DeadlinePassed(
        service="partners", collection=name, aggregate=aggregate, what=due.what, due_at=due.due_at, nth=due.nth
    )
    id_ = deadline_id("partners", f"{name}/{aggregate}", due.what, due.due_at, due.nth)
    return Event(id_, "/service/partners", due.due_at, data)


@asynccontextmanager
async def partners_room(folder: Path, now: datetime) -> AsyncIterator[PartnersRoom]:
    """A room with an empty store."""
    store = SqliteStore(folder / "partners.sqlite")
    room = PartnersRoom(store, now)
    await store.open(room.table.collections, room.table.journals)
    yield room
    await store.close()
