"""One way of doing the same step, in a process of its own: `python -m tests.bench.one_way WAY KAFKA STORE FOLDER COUNT`.

The step: read a ReferralIssued, load its aggregate, change it, save it, publish what follows, commit. It prints, as JSON,
the seconds from the first record to the last commit, the processor time of them, and the memory at the end; what else it
measures, its options say.
"""

import asyncio
import gc
import json
import sys
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast
from uuid import uuid4

import msgspec
import psutil
import uvloop
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from shared.clock import Clock
from shared.contracts import referral_events, topics
from shared.contracts.envelope import Event, kafka_headers
from shared.contracts.opisto_events import ActivityAttended
from shared.contracts.region_events import ReferralIssued
from shared.engine.batch import Batch, Processor
from shared.engine.loop import MAX_RECORDS, Loop
from shared.engine.model import Decision, Follow, Handler, Kind, Table
from shared.kafka.cluster import Cluster
from shared.kafka.producer import Publisher, Record
from shared.store import Collection, Row, Store
from shared.store.sqlite import SqliteStore

PADDING: Final = 1_000
"""Bytes of an aggregate beside its count, so that reading and writing it costs what it costs."""
COLLECTION: Final = Collection("counted")
_WITHIN: Final = 400


class CountedEvents(msgspec.Struct, frozen=True):
    """The aggregate."""

    count: int = 0
    padding: str = ""


@dataclass
class Meter:
    """Counts what is done, and knows when it began and ended. Without `wanted` it is over when it is told."""

    wanted: int
    tells: bool = False
    done: int = 0
    began: float = 0.0
    ended: float = 0.0
    used: float = 0.0
    steps: dict[str, float] = field(default_factory=dict)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    _at: float = 0.0
    _used_before: float = 0.0

    def begin(self) -> None:
        """The first record is here."""
        if not self.began:
            self.began, self._used_before = time.monotonic(), time.process_time()
            self._at = self._used_before

    def add(self, count: int) -> None:
        """So many more are committed."""
        self.done += count
        self.ended, self.used = time.monotonic(), time.process_time() - self._used_before
        if self.tells:
            print(json.dumps({"done": self.done}), flush=True)
        if self.wanted and self.done >= self.wanted:
            self.over.set()

    def stamp(self, step: str) -> None:
        """All processor time since the last stamp was this step's."""
        if self.began:
            now = time.process_time()
            self.steps[step] = self.steps.get(step, 0.0) + now - self._at
            self._at = now


@dataclass(frozen=True)
class Job:
    """What a way works on. `by_step`: one thing after the other, so that each step has its own time."""

    kafka: Cluster
    store: Store
    meter: Meter
    padding: str
    by_step: bool = False
    topics: tuple[str, ...] = (topics.INTAKE_HTTP,)


def opened(referral_id: str) -> referral_events.ReferralOpened:
    """What follows."""
    return referral_events.ReferralOpened(
        referral_id=referral_id, issuer="/region/08", region="08", referral_code="", deadlines=()
    )


# --- the engine


def _decide(state: CountedEvents | None, event: Event, now: datetime, padding: str) -> Decision[CountedEvents]:
    known = state or CountedEvents(0, padding)
    return Decision(msgspec.structs.replace(known, count=known.count + 1), [Follow(opened(event.data.subject))])


KIND: Final = Kind(COLLECTION, CountedEvents)


def _table(job: Job) -> Table:
    handler = Handler(KIND, lambda event: event.data.subject, _decide)
    return Table(
        service="referral",
        topics=job.topics,
        handlers={ReferralIssued: handler, ActivityAttended: handler},
        kinds=(KIND,),
        context=job.padding,
    )


class Metered(Loop):
    """The loop as it is, with a count of what it has committed."""

    job: Job

    async def _process(self, records: tuple[ConsumerRecord, ...]) -> None:
        self.job.meter.begin()
        self.job.meter.stamp("fetch")
        await super()._process(records)
        if self.job.by_step:
            await self._finish_clearing()

    async def _commit(self) -> None:
        await super()._commit()
        if self.reading.ends:
            self.job.meter.stamp("commit")

    def _count(self, batches: Iterable[Batch], records: Sequence[ConsumerRecord], took: float) -> None:
        super()._count(batches, records, took)
        self.job.meter.add(len(records))


class SaveStamped:
    """A store that says when a decision ends and saving begins."""

    def __init__(self, store: Store, stamp: Callable[[str], None]) -> None:
        self._store = store
        self._stamp = stamp

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def save(self, collection: str, rows: Sequence[Row]) -> set[str]:
        self._stamp("decide")
        return await self._store.save(collection, rows)


_BETWEEN: Final = {
    "received": "decode",
    "loaded": "load",
    "recalled": "recall",
    "saved": "save",
    "published": "publish",
    "cleared": "clear",
}


async def engine(job: Job) -> None:
    """Everything on."""
    meter = job.meter
    publisher = Publisher.to(job.kafka)
    await publisher.start()
    store = cast("Store", SaveStamped(job.store, meter.stamp)) if job.by_step else job.store
    between = (lambda step: meter.stamp(_BETWEEN[step])) if job.by_step else (lambda _: None)
    processor = Processor(
        _table(job), store, publisher, Clock(), recent_outcomes=64, due_early=timedelta(days=30), between=between
    )
    loop = Metered(processor, job.kafka, {"fetch_max_wait_ms": 10})
    loop.job = job
    await loop.start()
    await meter.over.wait()
    await loop.stop()
    await publisher.stop()


# --- the same optimisations, and none of the guarantees


async def bare(job: Job) -> None:
    """A loop of aiokafka and the store, with the engine's batches, codecs and settings."""
    meter = job.meter
    publisher = Publisher.to(job.kafka)
    await publisher.start()
    consumer = AIOKafkaConsumer(
        topics.INTAKE_HTTP,
        **job.kafka.options(),
        group_id="referral",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=10,
    )
    async with consumer:
        while not meter.over.is_set():
            batches = await consumer.getmany(timeout_ms=100, max_records=MAX_RECORDS)
            if not batches:
                continue
            meter.begin()
            records = [record for batch in batches.values() for record in batch]
            await _step(records, job, publisher)
            await consumer.commit({at: batch[-1].offset + 1 for at, batch in batches.items()})
            meter.add(len(records))
    await publisher.stop()


_STATE = msgspec.json.Decoder(CountedEvents)


async def _step(records: Sequence[ConsumerRecord], job: Job, publisher: Publisher) -> None:
    events = [ReferralIssued.model_validate_json(record.value) for record in records]
    rows = await job.store.load(COLLECTION.name, list({event.subject for event in events}))
    states = {id_: _STATE.decode(row.body) for id_, row in rows.items()}
    for event in events:
        known = states.get(event.subject) or CountedEvents(0, job.padding)
        states[event.subject] = msgspec.structs.replace(known, count=known.count + 1)
    versions = {id_: row.version for id_, row in rows.items()}
    saved = [Row(id_, versions.get(id_, 0) + 1, msgspec.json.encode(state)) for id_, state in states.items()]
    await job.store.save(COLLECTION.name, saved)
    await publisher.publish([_follows(event.subject) for event in events])


def _follows(referral_id: str) -> Record:
    data = opened(referral_id)
    attributes = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "/service/referral",
        "type": "fi.kulttuurilahete.ReferralOpened.v1",
        "subject": referral_id,
    }
    body = data.model_dump_json(exclude_none=True).encode()
    return Record(topics.events_of("referral"), referral_id.encode(), body, kafka_headers(attributes))


# --- the framework, as its documentation shows it


async def framework(job: Job) -> None:
    """FastStream, an event at a time: acknowledged after it, one load, one save, one publish."""
    broker = KafkaBroker(job.kafka.bootstrap, security=job.kafka.for_faststream(), logger=None)
    store, meter = job.store, job.meter

    @broker.subscriber(
        topics.INTAKE_HTTP,
        group_id="referral",
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.ACK,
        fetch_max_wait_ms=10,
    )
    async def handle(body: dict[str, Any]) -> None:
        meter.begin()
        # Its own validation has decoded JSON before it looks at types, and our contracts are strict.
        event = ReferralIssued.model_validate(body, strict=False)
        row = (await store.load(COLLECTION.name, [event.subject])).get(event.subject)
        known = _STATE.decode(row.body) if row else CountedEvents(0, job.padding)
        state = msgspec.structs.replace(known, count=known.count + 1)
        await store.save(
            COLLECTION.name, [Row(event.subject, row.version + 1 if row else 1, msgspec.json.encode(state))]
        )
        await broker.publish(opened(event.subject), topics.events_of("referral"), key=event.subject.encode())
        meter.add(1)

    await broker.start()
    await meter.over.wait()
    await broker.stop()


WAYS: Final[dict[str, Callable[[Job], Awaitable[None]]]] = {"bare": bare, "engine": engine, "framework": framework}


async def _run(asked: Namespace) -> dict[str, Any]:
    store = _store(asked.store, Path(asked.folder))
    await store.open([KIND.stored])
    meter = Meter(asked.count, tells=asked.tell)
    if not asked.count:
        _over_when_stdin_closes(meter.over, asyncio.get_running_loop())
    job = Job(Cluster(asked.kafka), store, meter, "x" * asked.padding, asked.by_step, tuple(asked.topics))
    gc.collect()
    gc.freeze()
    async with asyncio.timeout(_WITHIN):
        await WAYS[asked.way](job)
    await store.close()
    return {
        "seconds": meter.ended - meter.began,
        "began": meter.began,
        "ended": meter.ended,
        "events": meter.done,
        "processor": meter.used,
        "memory_mb": psutil.Process().memory_info().rss / 1e6,
        "steps": meter.steps,
    }


def _store(kind: str, folder: Path) -> Store:
    if kind == "sqlite":
        return SqliteStore(folder / "service.sqlite")
    # Not at the top: it loads pytest, Docker's client and more, 15 MB that no service has.
    from tests.backends import open_store

    return open_store(kind, folder)


def _over_when_stdin_closes(over: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    def wait() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(over.set)

    threading.Thread(target=wait, daemon=True).start()


def _asked() -> Namespace:
    parser = ArgumentParser()
    for name in ("way", "kafka", "store", "folder"):
        parser.add_argument(name)
    parser.add_argument("count", type=int, help="of events; 0: until stdin is closed")
    parser.add_argument("--padding", type=int, default=PADDING, help="bytes of an aggregate")
    parser.add_argument("--by-step", action="store_true", help="the engine's processor time by step")
    parser.add_argument("--tell", action="store_true", help="a line for each batch that is committed")
    parser.add_argument("--topics", nargs="*", default=[topics.INTAKE_HTTP], help="what the engine reads")
    return parser.parse_args()


if __name__ == "__main__":
    gc.set_threshold(50_000, 20, 20)
    sys.setswitchinterval(0.0005)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        measured = runner.run(_run(_asked()))
    print(json.dumps(measured))
