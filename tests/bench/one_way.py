"""One way of doing the same step, in a process of its own: `python -m tests.bench.one_way WAY KAFKA STORE FOLDER COUNT`.

The step: read a ReferralIssued, load its aggregate, change it, save it, publish what follows, commit. It prints, as JSON,
the seconds from the first record to the last commit, the processor time of them, and the memory at the end.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import psutil
import uvloop
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from shared.clock import Clock
from shared.cluster import Cluster
from shared.contracts import from_services as services
from shared.contracts import topics
from shared.contracts.envelope import Event, kafka_headers
from shared.contracts.from_outside import ReferralIssued
from shared.engine.batch import Batch, Processor
from shared.engine.loop import MAX_RECORDS, Loop
from shared.engine.model import Decision, Follow, Handler, Kind, Table
from shared.engine.publish import Publisher, Record
from shared.store import Collection, Index, Row, Store
from tests.engines import open_store

PADDING = "x" * 1_000
"""An aggregate of some size, so that reading and writing it costs what it costs."""
COLLECTION = Collection("counted", (Index(("outbox_since",)), Index(("due_at",))))


class Counted(msgspec.Struct, frozen=True):
    """The aggregate."""

    count: int = 0
    padding: str = PADDING


@dataclass
class Meter:
    """Counts what is done, and knows when it began and ended."""

    wanted: int
    done: int = 0
    began: float = 0.0
    ended: float = 0.0
    used: float = 0.0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self) -> None:
        """The first record is here."""
        if not self.began:
            self.began, self.used = time.monotonic(), time.process_time()

    def add(self, count: int) -> None:
        """So many more are committed."""
        self.done += count
        if self.done >= self.wanted and not self.ended:
            self.ended, self.used = time.monotonic(), time.process_time() - self.used
            self.over.set()


def opened(referral_id: str) -> services.ReferralOpened:
    """What follows."""
    return services.ReferralOpened(referral_id=referral_id, region="08", referral_code="", deadlines=())


# --- the engine


def _decide(state: Counted | None, event: Event, now: datetime, given: object) -> Decision[Counted]:
    known = state or Counted()
    return Decision(msgspec.structs.replace(known, count=known.count + 1), [Follow(opened(event.data.subject))])


KIND = Kind(COLLECTION, Counted)
TABLE = Table(
    service="referral",
    topics=(topics.INTAKE_HTTP,),
    handlers={"ReferralIssued": Handler(KIND, lambda event: event.data.subject, _decide)},
    kinds=(KIND,),
)


class Metered(Loop):
    """The loop as it is, with a count of what it has committed."""

    meter: Meter

    async def _process(self, records: tuple[ConsumerRecord, ...]) -> None:
        self.meter.begin()
        await super()._process(records)

    def _count(self, batch: Batch, records: Sequence[ConsumerRecord], took: float) -> None:
        super()._count(batch, records, took)
        self.meter.add(len(records))


async def engine(kafka: Cluster, store: Store, meter: Meter) -> None:
    """Everything on."""
    publisher = Publisher.to(kafka)
    await publisher.start()
    processor = Processor(TABLE, store, publisher, Clock(), ring=64, due_early=timedelta(days=30))
    loop = Metered(processor, kafka, {"fetch_max_wait_ms": 10})
    loop.meter = meter
    await loop.start()
    await meter.over.wait()
    await loop.stop()
    await publisher.stop()


# --- the same optimisations, and none of the guarantees


async def bare(kafka: Cluster, store: Store, meter: Meter) -> None:
    """A loop of aiokafka and the store, with the engine's batches, codecs and settings."""
    publisher = Publisher.to(kafka)
    await publisher.start()
    consumer = AIOKafkaConsumer(
        topics.INTAKE_HTTP,
        **kafka.options(),
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
            await _step(records, store, publisher)
            await consumer.commit({at: batch[-1].offset + 1 for at, batch in batches.items()})
            meter.add(len(records))
    await publisher.stop()


_STATE = msgspec.json.Decoder(Counted)


async def _step(records: Sequence[ConsumerRecord], store: Store, publisher: Publisher) -> None:
    events = [ReferralIssued.model_validate_json(record.value) for record in records]
    rows = await store.load(COLLECTION.name, list({event.subject for event in events}))
    states = {id_: _STATE.decode(row.body) for id_, row in rows.items()}
    for event in events:
        known = states.get(event.subject) or Counted()
        states[event.subject] = msgspec.structs.replace(known, count=known.count + 1)
    versions = {id_: row.version for id_, row in rows.items()}
    saved = [Row(id_, versions.get(id_, 0) + 1, msgspec.json.encode(state)) for id_, state in states.items()]
    await store.save(COLLECTION.name, saved)
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


async def framework(kafka: Cluster, store: Store, meter: Meter) -> None:
    """FastStream, an event at a time: acknowledged after it, one load, one save, one publish."""
    broker = KafkaBroker(kafka.bootstrap, security=kafka.for_faststream(), logger=None)

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
        known = _STATE.decode(row.body) if row else Counted()
        state = msgspec.structs.replace(known, count=known.count + 1)
        await store.save(
            COLLECTION.name, [Row(event.subject, row.version + 1 if row else 1, msgspec.json.encode(state))]
        )
        await broker.publish(opened(event.subject), topics.events_of("referral"), key=event.subject.encode())
        meter.add(1)

    await broker.start()
    await meter.over.wait()
    await broker.stop()


WAYS: dict[str, Callable[[Cluster, Store, Meter], Awaitable[None]]] = {
    "bare": bare,
    "engine": engine,
    "framework": framework,
}


async def _run(way: str, kafka: str, kind: str, folder: Path, count: int) -> dict[str, Any]:
    store = open_store(kind, folder)
    await store.open([COLLECTION])
    meter = Meter(count)
    gc.collect()
    gc.freeze()
    async with asyncio.timeout(150):
        await WAYS[way](Cluster(kafka), store, meter)
    await store.close()
    return {
        "seconds": meter.ended - meter.began,
        "processor": meter.used,
        "memory_mb": psutil.Process().memory_info().rss / 1e6,
    }


if __name__ == "__main__":
    gc.set_threshold(50_000, 20, 20)
    sys.setswitchinterval(0.0005)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        measured = runner.run(_run(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]), int(sys.argv[5])))
    print(json.dumps(measured))
