"""How far each service is behind: the records of its topics that its group has not yet committed.

Consumers that never subscribe ask for it, so that they disturb no group, and a dead service has a lag as well.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import ConsumerStoppedError

from shared.contracts import topics
from shared.kafka import codecs, places
from shared.kafka.cluster import Cluster
from shared.kafka.when import came_at

_ANSWERS_WITHIN_MS: Final = 10_000
_READ_WITHIN: Final = 1.0
_READ_EVERY: Final = 0.02

Reads = Mapping[str, Callable[[str], bool]]
"""By service: whether it reads a topic."""


def _reads(patterns: Iterable[str], topic: str) -> bool:
    return any(fnmatchcase(topic, pattern) for pattern in patterns)


READS: Final[Reads] = {service: partial(_reads, patterns) for service, patterns in topics.READ_BY.items()}


@dataclass(frozen=True, slots=True)
class Lag:
    """Events of one partition that a service has still to read, and how many real seconds the oldest has waited."""

    service: str
    topic: str
    partition: int
    lag: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Position:
    """Where a service goes on at one partition, and where the log ends there."""

    service: str
    at: TopicPartition
    committed: int
    end: int

    @property
    def lag(self) -> int:
        """Events that it has still to read."""
        return max(0, self.end - self.committed)


class LagReader:
    """Asks for the lag of services; keeps its connections between questions. A context manager."""

    def __init__(self, kafka: Cluster, reads: Reads = READS) -> None:
        codecs.bound()
        places.bound()
        self._reads = reads
        self._client = AIOKafkaClient(**kafka.options(), request_timeout_ms=_ANSWERS_WITHIN_MS)
        self._consumers = {service: _consumer(kafka, service) for service in reads}

    async def __aenter__(self) -> Self:
        """Connects. Raises `KafkaError` where Kafka does not answer."""
        try:
            await self._client.bootstrap()
            for consumer in self._consumers.values():
                await consumer.start()
        except BaseException:  # the caller may have given up waiting
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def _close(self) -> None:
        for consumer in self._consumers.values():
            await consumer.stop()
        await self._client.close()

    async def lags(self) -> list[Lag]:
        """Every partition that each service reads, also those with lag 0. Raises `KafkaError`.

        If all are 0, the services had dealt with every event on the log and all that follows from it: a service
        publishes before it commits, and the reader asks for the committed offsets before the logs' ends.
        """
        positions = await self.positions()
        found = await asyncio.gather(*(self._lags_of(service, positions) for service in self._consumers))
        return [lag for lags in found for lag in lags]

    async def positions(self) -> list[Position]:
        """As `lags`, without reading how long the oldest event has waited: it costs ten questions. Raises `KafkaError`."""
        partitions = await self._partitions()
        asker = next(iter(self._consumers.values()))
        await learn_topics(asker, partitions)
        beginnings = await asker.beginning_offsets(partitions)
        written = [at for at, end in (await asker.end_offsets(partitions)).items() if end > beginnings[at]]
        committed = await asyncio.gather(
            *(self._committed(service, beginnings, written) for service in self._consumers)
        )
        ends = await asker.end_offsets(partitions)
        return [
            Position(service, at, offsets.get(at, beginnings[at]), end)
            for service, offsets in zip(self._consumers, committed, strict=True)
            for at, end in ends.items()
            if self._reads[service](at.topic)
        ]

    async def _partitions(self) -> list[TopicPartition]:
        return await partitions_read(self._client, lambda topic: any(reads(topic) for reads in self._reads.values()))

    async def _committed(
        self, service: str, beginnings: Mapping[TopicPartition, int], written: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """The group's committed offsets, of the partitions that hold anything: the empty ones cost no question."""
        consumer, reads = self._consumers[service], self._reads[service]
        wanted = [partition for partition in written if reads(partition.topic)]
        # One question for all of them: the consumer's own method asks for each partition apart.
        offsets = await consumer._coordinator.fetch_committed_offsets(wanted)  # noqa: SLF001
        # A group without a commit begins at the earliest record, as our services are set; so does a group whose next
        # records retention has taken.
        return {at: max(beginnings[at], offsets[at].offset if at in offsets else 0) for at in wanted}

    async def _lags_of(self, service: str, positions: Iterable[Position]) -> list[Lag]:
        own = [one for one in positions if one.service == service]
        since = await self._oldest(service, {one.at: one.committed for one in own if one.lag})
        now = time.time()
        return [
            Lag(service, one.at.topic, one.at.partition, one.lag, round(max(0.0, now - since.get(one.at, now)), 3))
            for one in own
        ]

    async def _oldest(self, service: str, positions: Mapping[TopicPartition, int]) -> dict[TopicPartition, float]:
        """When the record at each position was written, in real seconds; without those that do not come in time."""
        if not positions:
            return {}
        consumer = self._consumers[service]
        consumer.assign(list(positions))
        codecs.begin()
        try:
            for partition, offset in positions.items():
                consumer.seek(partition, offset)
            first: dict[TopicPartition, float | None] = {}
            deadline = time.monotonic() + _READ_WITHIN
            while (waiting := [at for at in positions if at not in first]) and time.monotonic() < deadline:
                for partition in waiting:
                    first |= await _since(consumer, partition)
                await asyncio.sleep(_READ_EVERY)
            return {partition: at for partition, at in first.items() if at is not None}
        finally:
            consumer.unsubscribe()


async def _since(consumer: Any, partition: TopicPartition) -> dict[TopicPartition, float | None]:
    """When the partition's next record came; None where Kafka's client cannot read it; empty while none is here."""
    try:
        records = (await consumer.getmany(partition, timeout_ms=0, max_records=1)).get(partition)
    except ConsumerStoppedError:
        raise
    except Exception:  # noqa: BLE001 - a sender's bytes can raise anything: the lag in events is known all the same
        return {partition: None}
    return {partition: came_at(records[0].timestamp, time.time())} if records else {}


async def partitions_read(client: AIOKafkaClient, reads: Callable[[str], bool]) -> list[TopicPartition]:
    """Every partition of the topics that are read, as the broker names them now. Raises `KafkaError`.

    Do not ask a consumer that never subscribes: it knows no topic's partitions until its first refresh, and everything
    is true of an empty list.
    """
    cluster = await client.fetch_all_metadata()
    return sorted(
        TopicPartition(topic, number)
        for topic in cluster.topics()
        if reads(topic)
        for number in cluster.partitions_for_topic(topic) or ()
    )


async def learn_topics(consumer: Any, partitions: Iterable[TopicPartition]) -> None:
    """Lets a consumer that never subscribes know these topics, before it is asked for their offsets.

    Asked for one that it does not know, aiokafka learns of that one alone: of two hundred in twenty seconds.
    """
    if names := {at.topic for at in partitions}:  # of none it would ask after all
        await consumer._client.set_topics(names)  # noqa: SLF001


async def lags(kafka: Cluster, reads: Reads = READS) -> list[Lag]:
    """The lag of each service in each partition that it reads, asked once. Raises `KafkaError`."""
    async with LagReader(kafka, reads) as reader:
        return await reader.lags()


def _consumer(kafka: Cluster, service: str) -> Any:
    return AIOKafkaConsumer(
        **kafka.options(),
        group_id=service,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",  # an open transaction is not there yet
        fetch_max_wait_ms=10,
        request_timeout_ms=_ANSWERS_WITHIN_MS,
    )
