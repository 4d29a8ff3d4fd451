"""What no incoming event triggers: outboxes whose consumer died, and deadlines that pass in silence.

A deadline fires only when the group has consumed all that was there when the clock was past it: after an outage the
sweeper would otherwise beat the backlog and lapse what was answered long ago.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Self

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from shared import metrics
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.envelope import Event, attributes_of, kafka_headers
from shared.contracts.identity import deadline_id
from shared.contracts.service_events import DeadlinePassed
from shared.engine.batch import Processor
from shared.engine.documents import decoder_of, read
from shared.engine.loop import Loop
from shared.engine.model import Document, Due, Kind
from shared.kafka.cluster import Cluster
from shared.kafka.lag import partitions_read
from shared.kafka.producer import BrokerUnavailable, Publisher, Record
from shared.store import Row, StoreUnavailable

OUTBOX_AGE: Final = 2.0
_DUE_AT_ONCE: Final = 500
_REPEAT_AFTER: Final = 10.0

log = structlog.get_logger()


class Sweeper:
    """Sweeps one service, every `every` real seconds, until it is stopped; not while it is `not_ready`."""

    def __init__(
        self,
        loop: Loop,
        processor: Processor,
        publisher: Publisher,
        clock: Clock,
        kafka: Cluster,
        *,
        every: float = 1.0,
        not_ready: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._loop = loop
        self._processor = processor
        self._publisher = publisher
        self._clock = clock
        self._every = every
        self._not_ready = not_ready
        self._table = processor.table
        self._fired: dict[str, float] = {}
        self._known: dict[TopicPartition, int] = {}
        self._consumed_to: datetime | None = None
        self._aim: tuple[datetime, Mapping[TopicPartition, int]] | None = None
        self._outbox_since: float | None = None
        # Asked when it is scraped: a sweep that Kafka keeps waiting would never say so by itself.
        metrics.OLDEST_OUTBOX_SECONDS.labels(self._table.service).set_function(self.outbox_seconds)
        # A second consumer that never subscribes: it may ask for offsets while the first is in a rebalance.
        self._offsets = AIOKafkaConsumer(
            **kafka.options(),
            group_id=self._table.service,
            enable_auto_commit=False,
            isolation_level="read_committed",  # an open transaction is not there yet
        )
        self._client = AIOKafkaClient(**kafka.options())
        self._decoders = {kind.collection.name: decoder_of(kind) for kind in self._table.kinds}

    async def __aenter__(self) -> Self:
        """Connects. Raises `KafkaError` where Kafka does not answer."""
        try:
            await self._client.bootstrap()
            await self._offsets.start()
        except BaseException:  # the service may be told to end meanwhile
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def _close(self) -> None:
        await self._offsets.stop()
        await self._client.close()

    async def run(self) -> None:
        """Sweeps until cancelled. An outage is waited out."""
        async with self, asyncio.TaskGroup() as each:
            # Apart: a Kafka that stands still keeps the deadlines waiting, and the age of an outbox must rise meanwhile.
            each.create_task(self._again(self._sweep_outboxes))
            each.create_task(self._again(self._fire_deadlines))
            each.create_task(self._again(self._processor.scrub))

    async def _again(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except (StoreUnavailable, BrokerUnavailable, KafkaError) as error:
                if not self._not_ready():  # in an outage it is said once, by the ground
                    log.warning("the sweep tries again", why=str(error))
                await asyncio.sleep(1)
            await asyncio.sleep(self._every)

    def outbox_seconds(self) -> float:
        """How long ago the oldest outbox was saved that is not out, in real seconds."""
        return max(0.0, time.time() - self._outbox_since) if self._outbox_since is not None else 0.0

    async def _sweep_outboxes(self) -> None:
        self._outbox_since = await self._oldest_outbox()
        if self._not_ready():
            return  # what went out to another cluster would be lost
        if self.outbox_seconds() > OUTBOX_AGE and await self._processor.sweep(time.time() - OUTBOX_AGE):
            self._outbox_since = await self._oldest_outbox()

    async def _oldest_outbox(self) -> float | None:
        oldest = [
            await self._processor.store.find(
                kind.collection.name, at_most=("outbox_since", time.time()), order="outbox_since", limit=1
            )
            for kind in self._table.kinds
        ]
        since = [
            self._document(kind, rows[0]).outbox_since
            for kind, rows in zip(self._table.kinds, oldest, strict=True)
            if rows
        ]
        return min((began for began in since if began), default=None)

    # --- deadlines

    async def _fire_deadlines(self) -> None:
        if self._not_ready() or self._loop.lost:
            return
        await self._look_how_far_is_consumed()
        if self._consumed_to is None:
            return
        horizon = time.monotonic() - _REPEAT_AFTER
        self._fired = {id_: at for id_, at in self._fired.items() if at > horizon}
        records = []
        for kind in self._table.kinds:
            bound = ("due_at", self._consumed_to.timestamp())
            for row in await self._processor.store.find(
                kind.collection.name, at_most=bound, order="due_at", limit=_DUE_AT_ONCE
            ):
                records += self._due_records(kind, row, self._consumed_to)
        if records:
            await self._publisher.publish(records)

    async def _look_how_far_is_consumed(self) -> None:
        """Moves `_consumed_to` to the aim's time once every end offset read then is committed; then aims anew."""
        if self._aim is None:
            at = self._clock.now()
            self._aim = (at, await self._end_offsets())
        at, ends = self._aim
        if not ends:
            # No topic is there yet: nothing can be known to be consumed.
            self._aim = None
            return
        for partition, end in ends.items():
            if end and await self._committed(partition, end) < end:
                return
        self._consumed_to, self._aim = at, None

    async def _committed(self, partition: TopicPartition, end: int) -> int:
        # What this instance committed it knows; another instance's partitions must be asked for.
        known = self._known.get(partition, 0)
        if known < end:
            known = max(self._loop.reading.done.get(partition, 0), known)
        if known < end:
            known = await self._offsets.committed(partition) or 0
        self._known[partition] = known
        return known

    async def _end_offsets(self) -> Mapping[TopicPartition, int]:
        """Of all partitions of all topics that the group reads, whoever holds them now."""
        partitions = await partitions_read(self._client, self._loop.reads)
        beginnings = await self._offsets.beginning_offsets(partitions)
        ends: Mapping[TopicPartition, int] = await self._offsets.end_offsets(partitions)
        # Nothing has to be read of a log that retention has emptied, whatever was committed of it.
        return {one: end if end > beginnings[one] else 0 for one, end in ends.items()}

    def _due_records(self, kind: Kind[Any], row: Row, until: datetime) -> list[Record]:
        document = self._document(kind, row)
        dues = [Due("early", early.leaves_at) for early in document.early]
        if document.state is not None and not document.erased:
            dues += self._deadlines(kind, row.id, document.state)
        passed = [due for due in dues if due.due_at <= until]
        return [record for due in passed if (record := self._record(kind, row.id, due, synthetic=document.synthetic))]

    def _deadlines(self, kind: Kind[Any], aggregate: str, state: Any) -> Sequence[Due]:
        try:
            return kind.deadlines(state)
        except Exception:
            # One that is poisoned must not stop the deadlines of all others.
            log.exception("its deadlines cannot be computed", collection=kind.collection.name, aggregate=aggregate)
            return ()

    def _record(self, kind: Kind[Any], aggregate: str, due: Due, *, synthetic: bool) -> Record | None:
        service = self._table.service
        id_ = deadline_id(service, f"{kind.collection.name}/{aggregate}", due.what, due.due_at, due.nth)
        now = time.monotonic()
        if now - self._fired.get(id_, -_REPEAT_AFTER) < _REPEAT_AFTER:
            return None
        self._fired[id_] = now
        data = DeadlinePassed(
            service=service,  # type: ignore[arg-type]
            collection=kind.collection.name,
            aggregate=aggregate,
            what=due.what,
            due_at=due.due_at.astimezone(UTC),
            nth=due.nth,
            referral_id=due.referral_id,
            concerns=due.concerns,
        )
        # Its time is the deadline, not now: among the facts it stands where the silence ended.
        event = Event(
            id_,
            f"/service/{service}",
            data.due_at,
            data,
            correlation=due.referral_id,
            synthetic=synthetic,
            origin=due.concerns,
        )
        return Record(
            topics.events_of(service),
            data.subject.encode(),
            data.model_dump_json(exclude_none=True).encode(),
            kafka_headers(attributes_of(event)),
        )

    def _document(self, kind: Kind[Any], row: Row) -> Document[Any]:
        return read(row, self._decoders[kind.collection.name])
