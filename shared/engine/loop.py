"""The loop of one service: raw batches of one subscription. Nothing but the loop commits offsets.

The loop never lets an exception out, since FastStream would jump over the batch (docs/decisions/0002): it commits named
offsets, or seeks back.
"""

import asyncio
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from shared import log_events, metrics
from shared.contracts.every_service_events import DeadlinePassed
from shared.engine.batch import Batch, Processor
from shared.engine.circuit_breaker import CircuitOpen
from shared.kafka import codecs, places
from shared.kafka.beginnings import Beginnings
from shared.kafka.cluster import Cluster
from shared.kafka.producer import BrokerUnavailable
from shared.kafka.raw import parts
from shared.kafka.reading import Reading
from shared.kafka.subscription import Subscription
from shared.kafka.when import came_at, is_stamped, oldest
from shared.store import StoreUnavailable

MAX_RECORDS: Final = 1_000
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
_COMMITTED_WITHIN: Final = 30.0
_LEFT_WITHIN: Final = 10.0

log = structlog.get_logger()


class Conditions(Protocol):
    """Kafka and the store, as the loop asks for them: a fault forbids it to consume, `away` does not answer now."""

    fault: str | None
    away: str | None


class Held(ConsumerRebalanceListener):  # type: ignore[misc]
    """Whether partitions are held, and under which assignment: every rebalance begins a new one."""

    def __init__(self, loop: "Loop") -> None:
        self.assignment = 0
        self.assigned = False
        self._loop = loop

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self.assignment += 1

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self.assignment += 1
        self.assigned = True
        self._loop.assigned(list(assigned))


class Loop:
    """One service's consumption."""

    def __init__(
        self,
        processor: Processor,
        kafka: Cluster,
        options: Mapping[str, Any] | None = None,
        *,
        preconditions: Conditions | None = None,
    ) -> None:
        codecs.bound()
        places.bound()
        self.processor = processor
        self.service = processor.table.service
        self.waits_for: str | None = None
        self._preconditions = preconditions
        self._held = Held(self)
        self.reading = Reading(self.service, kafka, lambda: self._held.assignment)
        self._beginnings = Beginnings(self.service, self.reading.begin)
        self._clearing: asyncio.Task[None] | None = None
        self._pause = _FIRST_PAUSE
        self._stopping = False
        self._in_hand_since: float | None = None
        self._busy = asyncio.Lock()
        metrics.begin(self.service, {DeadlinePassed.__name__, *(one.__name__ for one in processor.table.handlers)})
        # A function, called at each scrape: a loop that stands still would never set a value.
        metrics.LAG_SECONDS.labels(self.service).set_function(self.lag_seconds)
        self._subscription = Subscription(
            kafka, self.service, processor.table.topics, self._held, self._next, self._take, options or {}
        )

    @property
    def consumer(self) -> AIOKafkaConsumer | None:
        """The consumer while it runs."""
        return self._subscription.consumer

    @property
    def lost(self) -> str | None:
        """Which events fell out of the log unread, in one line."""
        return self._beginnings.lost

    async def start(self) -> None:
        """Joins the group. Raises `BrokerUnavailable`."""
        try:
            await self._subscription.broker.start()
        except (KafkaError, OSError) as error:
            raise BrokerUnavailable(f"Kafka does not answer: {error}") from error

    async def stop(self) -> None:
        """Finishes the batch in hand, commits it, leaves the group."""
        self._stopping = True
        async with self._busy:
            await self._finish_clearing()
        self._beginnings.stop()
        try:
            # aiokafka waits for its group's rebalance; Kafka also notices by itself that a member is gone.
            async with asyncio.timeout(_LEFT_WITHIN):
                await self._subscription.broker.stop()
                await self.reading.apart.stop()
        except TimeoutError:
            log.warning(log_events.GROUP_NOT_LEFT)

    def lag_seconds(self) -> float:
        """How long ago the oldest record that is read and not yet committed came to Kafka, in real seconds."""
        return max(0.0, time.time() - self._in_hand_since) if self._in_hand_since is not None else 0.0

    def _nothing_in_hand(self) -> None:
        """After a commit, or a rebalance: the new holders of the partitions read the records again."""
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
        if self._beginnings.unknown:
            return "Kafka has not said yet where the logs of the assigned partitions begin"
        if self.consumer._fetcher.error_future.done():  # noqa: SLF001 - aiokafka has no other way to say so
            return "Kafka's client has given up fetching; restart the service"
        return None

    def reads(self, topic: str) -> bool:
        """Whether the group subscribes to the topic."""
        return self._subscription.reads(topic)

    def assigned(self, partitions: Sequence[TopicPartition]) -> None:
        """A rebalance is over. The loop begins no batch until it knows whether records fell out of the logs unread."""
        assert self.consumer is not None
        self._nothing_in_hand()
        self.waits_for = None  # the batch that failed here may be another instance's now
        self._beginnings.look(self.consumer, partitions)

    # --- one batch

    async def _next(self, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord, ...]:
        """The records of the next batch: waits until there are some."""
        while True:
            if self._beginnings.unknown:
                await self._beginnings.known()
            elif found := await self.reading.look(consumer, MAX_RECORDS):
                return tuple(chain(*found.values()))
            else:
                await self._commit_what_holds_nothing()

    async def _commit_what_holds_nothing(self) -> None:
        """Positions move on without a record, over the markers of transactions: those count as read."""
        if not self._stopped_by():
            try:
                await self._commit()
            except (BrokerUnavailable, KafkaError) as error:
                log.warning(log_events.COMMIT_POSTPONED, why=str(error))

    async def _take(self, records: tuple[ConsumerRecord, ...]) -> None:
        async with self._busy:
            self._in_hand_since = oldest(records, time.time())
            if self._stopping or self._stopped_by():
                await self._seek_back()
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
            await self._back_off(error, str(error))
        except CircuitOpen as error:
            metrics.CIRCUIT_BREAKER.labels(self.service).set(1)
            log.critical(log_events.CIRCUIT_BREAKER_OPENED, why=str(error))
            await self._seek_back()
        except Exception as error:
            log.exception(log_events.ENGINE_FAILED)
            await self._back_off(error, type(error).__name__)  # its text may quote an event
        else:
            self._pause, self.waits_for = _FIRST_PAUSE, None
            self._nothing_in_hand()
            self._count(batches, records, time.monotonic() - began)
            self._clearing = asyncio.create_task(self._clear(batches[-1]))
            await asyncio.sleep(0)  # the clearing begins now: reading the next batch lets nothing else run
            return
        # What the batch has saved is saved: those events will be repetitions when an instance reads them again.
        metrics.count_outcomes(self.service, [batch.saved for batch in batches])

    async def _process_part(self, records: Sequence[ConsumerRecord], batches: list[Batch]) -> None:
        received = self.processor.receive(records)
        # A thread cleared the batch before meanwhile: it must be done before the next load.
        await self._finish_clearing()
        if batches:
            await self._clear(batches[-1])
        batches.append(received.batch)
        await self.processor.process(received)
        if observe := self.processor.table.observe:
            await observe(self.processor.store, records, self.processor.clock)

    async def _commit(self) -> None:
        """Commits named offsets, only of partitions held all the time since the read, else an offset goes back."""
        ends = self.reading.ends
        if self.reading.assignment != self._held.assignment or self.consumer is None or not ends:
            return
        try:
            # aiokafka waits for a coordinator without end; a batch that is read again shows in readiness.
            async with asyncio.timeout(_COMMITTED_WITHIN):
                await self.consumer.commit(ends)
        except TimeoutError as error:
            raise BrokerUnavailable(f"Kafka has taken no offsets within {_COMMITTED_WITHIN:g} s") from error
        self.reading.done.update(ends)

    async def _back_off(self, error: Exception, why: str) -> None:
        metrics.RETRIES.labels(self.service, type(error).__name__).inc()
        if self._pause > _FIRST_PAUSE:  # the second failure in a row: one hiccup is no outage
            self.waits_for = f"a batch failed and is read again: {why}"
        log.warning(log_events.BATCH_REWOUND, why=why, pause=round(self._pause, 2))
        await asyncio.sleep(self._pause * (0.5 + random.random()))  # noqa: S311 - jitter, no secret
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        await self._seek_back()

    async def _seek_back(self) -> None:
        """Seeks back every partition of the batch that this instance still holds; the new holders read the others."""
        if self._stopped_by() or self._stopping:
            await asyncio.sleep(0.2)
        if self.consumer is not None and self.reading.assignment == self._held.assignment:
            self.reading.go_back(self.consumer)

    async def _clear(self, batch: Batch) -> None:
        try:
            await self.processor.clear(batch)
        except StoreUnavailable as error:
            log.warning(log_events.CLEARING_POSTPONED, why=str(error))

    async def _finish_clearing(self) -> None:
        clearing, self._clearing = self._clearing, None
        if clearing is not None:
            await clearing

    def _count(self, batches: Iterable[Batch], records: Sequence[ConsumerRecord], took: float) -> None:
        metrics.BATCH_SECONDS.labels(self.service).observe(took)
        metrics.count_outcomes(self.service, [batch.outcomes for batch in batches])
        metrics.see_heartbeats(self.service, records)
        hop, now = metrics.HOP_SECONDS.labels(self.service), time.time()
        for record in filter(is_stamped, records):
            hop.observe(max(0.0, now - came_at(record.timestamp, now)))
