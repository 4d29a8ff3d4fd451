"""The only place that commits offsets: one FastStream subscriber by pattern, raw batches, named commits.

Bound by what FastStream does (see docs/decisions/0002): its default parser decodes headers before our code and a
handler that raises is swallowed and jumped over. So the parser hands over the raw records, and the handler never lets
an exception out: it commits named offsets, or seeks back.
"""

import asyncio
import random
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from shared import metrics
from shared.contracts.service_events import DeadlinePassed
from shared.engine.batch import Batch, Processor
from shared.engine.circuit_breaker import CircuitOpen
from shared.engine.preconditions import Preconditions
from shared.kafka import codecs, places
from shared.kafka.cluster import Cluster
from shared.kafka.producer import BrokerUnavailable
from shared.kafka.raw import MOST_BYTES, size_of
from shared.kafka.reading import Reading
from shared.kafka.when import came_at, is_stamped, oldest
from shared.store import StoreUnavailable

MAX_RECORDS: Final = 1_000
_FETCHED_AT_ONCE: Final = 4 * 1024 * 1024  # bytes: a long backlog of many partitions must not be held in memory
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
_COMMITTED_WITHIN: Final = 30.0
_ANSWERS_WITHIN: Final = 10.0
_LEFT_WITHIN: Final = 10.0

log = structlog.get_logger()


class Held(ConsumerRebalanceListener):  # type: ignore[misc]
    """Which partitions are held, under which assignment: every rebalance begins a new one."""

    def __init__(self, loop: "Loop") -> None:
        self.assignment = 0
        self.assigned = False
        self._loop = loop

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self.assignment += 1

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self.assignment += 1
        self.assigned = True
        self._loop.let_go()
        self._loop.waits_for = None  # what this instance could not do may be another's now
        self._loop.look_at_beginnings(list(assigned))


class Loop:
    """One service's consumption."""

    def __init__(
        self,
        processor: Processor,
        kafka: Cluster,
        options: Mapping[str, Any] | None = None,
        *,
        preconditions: Preconditions | None = None,
    ) -> None:
        codecs.bound()
        places.bound()
        self.processor = processor
        self.service = processor.table.service
        self.lost: str | None = None
        self.waits_for: str | None = None
        self._preconditions = preconditions
        self._held = Held(self)
        self.reading = Reading(self.service, kafka, lambda: self._held.assignment)
        self._clearing: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._pause = _FIRST_PAUSE
        self._stopping = False
        self._in_hand_since: float | None = None
        self._busy = asyncio.Lock()
        metrics.begin(self.service, {DeadlinePassed.__name__, *(one.__name__ for one in processor.table.handlers)})
        # Asked when it is scraped: a loop that stands still would never say so by itself.
        metrics.LAG_SECONDS.labels(self.service).set_function(self.lag_seconds)
        self._broker = KafkaBroker(
            kafka.bootstrap,
            security=kafka.for_faststream(),
            apply_types=False,
            graceful_timeout=10,
            logger=None,
            metadata_max_age_ms=1_000,
        )
        pattern = "|".join(_as_pattern(topic) for topic in processor.table.topics)
        self._pattern = re.compile(f"({pattern})")
        self._subscriber = self._broker.subscriber(
            pattern=f"^({pattern})$",
            group_id=self.service,
            batch=True,
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_bytes=_FETCHED_AT_ONCE,
            listener=self._held,
            # One instance has the same partition of each topic, so that what concerns one referral does not race.
            partition_assignment_strategy=(RangePartitionAssignor,),
            parser=self._untouched,
            decoder=_raw_records,
            **(options or {}),
        )
        self._subscriber(self._take)
        # FastStream's own swallows what Kafka's client raises and jumps over it, and sleeps after each empty answer.
        self._subscriber.get_msg = self._next

    @property
    def consumer(self) -> AIOKafkaConsumer | None:
        """The consumer while it runs."""
        return self._subscriber.consumer

    async def start(self) -> None:
        """Joins the group. Raises `BrokerUnavailable`."""
        try:
            await self._broker.start()
        except (KafkaError, OSError) as error:
            raise BrokerUnavailable(f"Kafka does not answer: {error}") from error

    async def stop(self) -> None:
        """Finishes the batch in hand, commits it, leaves the group."""
        self._stopping = True
        async with self._busy:
            await self._finish_clearing()
        if self._looking:
            self._looking.cancel()
        try:
            # aiokafka waits for what its group is at; Kafka also notices by itself that a member is gone.
            async with asyncio.timeout(_LEFT_WITHIN):
                await self._broker.stop()
                await self.reading.apart.stop()
        except TimeoutError:
            log.warning("the group was not left in time: it goes on without this member once that is missed")

    def lag_seconds(self) -> float:
        """How long ago the oldest record in hand, read and not yet committed, came to Kafka, in real seconds."""
        return max(0.0, time.time() - self._in_hand_since) if self._in_hand_since is not None else 0.0

    def let_go(self) -> None:
        """Nothing is in hand: the partitions were shared out anew, and what was read comes again to who holds them."""
        self._in_hand_since = None

    def not_ready(self) -> str | None:
        """What keeps the loop from working, in one line; None when it works."""
        return self._stopped_by() or self._hindered_by() or (self._preconditions.away if self._preconditions else None)

    def _hindered_by(self) -> str | None:
        return self.waits_for or self.reading.fails or self.reading.apart.stands_still()

    def _stopped_by(self) -> str | None:
        if fault := self.lost or (self._preconditions and self._preconditions.fault):
            return fault
        if why := self.processor.breaker.why:
            return why
        if self.consumer is None or not self._held.assigned:
            return "no partitions assigned yet"
        if self._looking and not self._looking.done():
            return "Kafka has not said yet where the logs of the assigned partitions begin"
        if self.consumer._fetcher.error_future.done():  # noqa: SLF001 - it has no other way to say so
            return "Kafka's client has given up fetching; restart the service"
        return None

    def reads(self, topic: str) -> bool:
        """Whether the group subscribes to the topic."""
        return self._pattern.fullmatch(topic) is not None

    def look_at_beginnings(self, partitions: Sequence[TopicPartition]) -> None:
        """Begins to look whether records fell out unread; until that is known, no batch is begun.

        Not awaited where partitions are assigned: aiokafka does nothing else for its group meanwhile, swallows what is
        raised there, and where its group's coordinator is away never ends, not even by being stopped.
        """
        if self._looking:
            self._looking.cancel()
        self._looking = asyncio.create_task(self._look_at_beginnings(partitions))

    async def _look_at_beginnings(self, partitions: Sequence[TopicPartition]) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                async with asyncio.timeout(_ANSWERS_WITHIN):
                    return await self._check_nothing_fell_out(partitions)
            except Exception as error:  # noqa: BLE001 - whatever it is, no batch may begin before this is known
                log.warning("where the logs begin is asked again", why=repr(error), pause=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _check_nothing_fell_out(self, partitions: Sequence[TopicPartition]) -> None:
        """Alarm where the log begins after what was committed: records fell out unread (embedded broker, retention)."""
        assert self.consumer is not None
        beginnings = await self.consumer.beginning_offsets(partitions)
        offsets = await asyncio.gather(*map(self.consumer.committed, partitions))
        done = zip(partitions, offsets, strict=True)
        self.reading.begin({one: max(beginnings[one], committed or 0) for one, committed in done})
        for partition, committed in zip(partitions, offsets, strict=True):
            if committed is not None and committed < beginnings[partition]:
                metrics.FELL_OUT.labels(self.service).inc(beginnings[partition] - committed)
                self.lost = (
                    f"{partition.topic}[{partition.partition}] begins at {beginnings[partition]}, after the committed "
                    f"{committed}: {beginnings[partition] - committed} events fell out unread; restore them, then reset"
                )
                log.critical("events fell out of the log", detail=self.lost)

    # --- one batch

    async def _untouched(self, records: Any) -> KafkaMessage:
        return KafkaMessage(raw_message=records, body=b"", consumer=self._subscriber.consumer)

    async def _next(self, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord, ...]:
        """The records of the next batch: returns when there are some, and not before."""
        while True:
            if self._looking and not self._looking.done():
                await asyncio.wait([self._looking], timeout=1)
            elif found := await self.reading.look(consumer, MAX_RECORDS):
                return tuple(chain(*found.values()))
            else:
                await self._commit_what_holds_nothing()

    async def _commit_what_holds_nothing(self) -> None:
        """Positions go on without a record, over the markers of transactions: they count as read."""
        if not self._stopped_by():
            try:
                await self._commit()
            except (BrokerUnavailable, KafkaError) as error:
                log.warning("positions are committed later", why=str(error))

    async def _take(self, records: tuple[ConsumerRecord, ...]) -> None:
        async with self._busy:
            self._in_hand_since = oldest(records, time.time())
            if self._stopping or self._stopped_by():
                await self._come_again()
                return
            await self._process(records)

    async def _process(self, records: tuple[ConsumerRecord, ...]) -> None:
        began = time.monotonic()
        batches: list[Batch] = []
        try:
            for part in parts(records):
                await self._process_part(part, batches)
            await self._commit()
        except (StoreUnavailable, BrokerUnavailable, KafkaError) as error:
            await self._back_off(error)
        except CircuitOpen as error:
            metrics.CIRCUIT_BREAKER.labels(self.service).set(1)
            log.critical(
                "the circuit breaker opened: consumption stops until a person restarts the service", why=str(error)
            )
            await self._come_again()
        except Exception as error:
            log.exception("the engine failed; the batch comes again")
            await self._back_off(error)
        else:
            self._pause, self.waits_for = _FIRST_PAUSE, None
            self.let_go()
            self._count(batches, records, time.monotonic() - began)
            self._clearing = asyncio.create_task(self._clear(batches[-1]))
            await asyncio.sleep(0)  # it begins now: the next batch is read without letting anything else run
            return
        # What it has saved is saved: it will be a repetition when it comes again, here or to who holds it now.
        self._count_outcomes(batch.saved for batch in batches)

    async def _process_part(self, records: Sequence[ConsumerRecord], batches: list[Batch]) -> None:
        received = self.processor.receive(records)
        # Meanwhile the batch before was cleared, on a thread: what is loaded next must be clear.
        await self._finish_clearing()
        if batches:
            await self._clear(batches[-1])
        batches.append(received.batch)
        await self.processor.process(received)

    async def _commit(self) -> None:
        """Named offsets, only of partitions held without interruption since they were read, else an offset goes back."""
        ends = self.reading.ends
        if self.reading.assignment != self._held.assignment or self.consumer is None or not ends:
            return
        try:
            # aiokafka waits for a coordinator without end; a batch that comes again is seen by readiness.
            async with asyncio.timeout(_COMMITTED_WITHIN):
                await self.consumer.commit(ends)
        except TimeoutError as error:
            raise BrokerUnavailable(f"Kafka has taken no offsets within {_COMMITTED_WITHIN:g} s") from error
        self.reading.done.update(ends)

    async def _back_off(self, error: Exception) -> None:
        metrics.RETRIES.labels(self.service, type(error).__name__).inc()
        if self._pause > _FIRST_PAUSE:  # the second failure in a row: one hiccup is no outage
            self.waits_for = f"a batch comes again: {error}"
        log.warning("the batch comes again", why=str(error), pause=round(self._pause, 2))
        await asyncio.sleep(self._pause * (0.5 + random.random()))  # noqa: S311 - jitter, no secret
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        await self._come_again()

    async def _come_again(self) -> None:
        """Seeks back every partition of the batch that is still held; what is not held, its new holder reads."""
        if self._stopped_by() or self._stopping:
            await asyncio.sleep(0.2)
        if self.consumer is not None and self.reading.assignment == self._held.assignment:
            self.reading.go_back(self.consumer)

    async def _clear(self, batch: Batch) -> None:
        try:
            await self.processor.clear(batch)
        except StoreUnavailable as error:
            log.warning("what a batch left behind is cleared by the sweep", why=str(error))

    async def _finish_clearing(self) -> None:
        clearing, self._clearing = self._clearing, None
        if clearing is not None:
            await clearing

    def _count(self, batches: Iterable[Batch], records: Sequence[ConsumerRecord], took: float) -> None:
        metrics.BATCH_SECONDS.labels(self.service).observe(took)
        self._count_outcomes(batch.outcomes for batch in batches)
        hop = metrics.HOP_SECONDS.labels(self.service)
        now = time.time()
        for record in filter(is_stamped, records):
            hop.observe(max(0.0, now - came_at(record.timestamp, now)))

    def _count_outcomes(self, outcomes: Iterable[Mapping[tuple[str, str], int]]) -> None:
        for counted in outcomes:
            for (name, outcome), count in counted.items():
                metrics.EVENTS.labels(self.service, name, outcome).inc(count)


def parts(records: Sequence[ConsumerRecord]) -> Iterator[Sequence[ConsumerRecord]]:
    """The records in order, in parts of no more bytes than are taken together, but for one that has more alone."""
    part: list[ConsumerRecord] = []
    size = 0
    for record in records:
        size += (more := size_of(record))
        if part and size > MOST_BYTES:
            yield part
            part, size = [], more
        part.append(record)
    yield part


async def _raw_records(message: KafkaMessage) -> Any:
    return message.raw_message


def _as_pattern(topic: str) -> str:
    # In a FastStream pattern braces are parameters; a topic of ours has none, and * stands for any rest.
    return re.escape(topic).replace(r"\*", r"[a-z0-9.-]+")
