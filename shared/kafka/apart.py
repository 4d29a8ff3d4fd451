"""Partitions that are read apart from the others, since Kafka's client failed in them: each at its own pace.

The reader tries a batch that it cannot read a few times, since a connection may have spoilt it, and then hands an
`Unreadable` on. A partition that Kafka does not give stands still, alone and not in silence. After a minute without a
fault a partition joins the others again.
"""

import asyncio
import math
import time
from collections.abc import Collection, Mapping
from typing import Any, Final

import structlog
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.consumer.fetcher import READ_COMMITTED
from aiokafka.errors import LeaderNotAvailableError, OffsetOutOfRangeError, for_code
from aiokafka.protocol.fetch import FetchRequest

from shared import log_events, metrics
from shared.kafka.cluster import Cluster
from shared.kafka.raw import Fetched, Stretch, Unreadable
from shared.kafka.reach import told

_FETCHED: Final = 8 * 1024 * 1024  # the largest batch that a topic takes, twice
_ANSWERS_WITHIN: Final = 5.0
_TRIES: Final = 3
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 30.0
_SOUND_AFTER: Final = 60.0
_NAMES_A_REPLICA: Final = 11  # the first version whose answer names one

log = structlog.get_logger()


class _Trouble:
    """One partition that is read apart."""

    def __init__(self, service: str, partition: TopicPartition) -> None:
        self.labels = (service, partition.topic, str(partition.partition))
        self.faultless_since = time.monotonic()
        self.try_at = 0.0
        self.tries = 0
        self.at = -1
        self.stands: str | None = None
        self.fetched: Fetched | None = None
        """The last answer, which may not be read to its end."""

    def fails(self, partition: TopicPartition, at: int, why: str) -> None:
        """Counts one try at an offset, keeps why it failed, and sets when to try again."""
        self.tries = self.tries + 1 if at == self.at else 1
        self.at = at
        self.stands = f"{partition.topic}[{partition.partition}] stands still at {at}: {why}"
        metrics.STANDS_STILL_AT.labels(*self.labels).set(at)
        pause = min(_FIRST_PAUSE * 2**self.tries, _LONGEST_PAUSE)
        self.faultless_since = time.monotonic()
        self.try_at = self.faultless_since + pause
        log.warning(log_events.PARTITION_STALLED, where=self.stands, tries=self.tries, pause=pause)

    def goes_on(self) -> None:
        """The partition was read."""
        if self.stands:
            metrics.STANDS_STILL_AT.remove(*self.labels)
        self.stands = None


class Apart:
    """The partitions of one service that are read apart."""

    def __init__(self, service: str, kafka: Cluster) -> None:
        self._service = service
        self._kafka = kafka
        self._client: AIOKafkaClient | None = None
        self._cluster: ClusterMetadata | None = None
        self._connecting = asyncio.Lock()
        self._troubles: dict[TopicPartition, _Trouble] = {}

    @property
    def partitions(self) -> Collection[TopicPartition]:
        """The partitions that are read here."""
        return self._troubles.keys()

    def take(self, partition: TopicPartition, error: Exception) -> None:
        """From now on the partition is read here."""
        log.warning(log_events.PARTITION_READ_APART, topic=partition.topic, number=partition.partition, why=told(error))
        self._troubles[partition] = _Trouble(self._service, partition)

    def sound(self) -> list[TopicPartition]:
        """Gives back the partitions that have had no fault for a while."""
        horizon = time.monotonic() - _SOUND_AFTER
        sound = [one for one, trouble in self._troubles.items() if trouble.faultless_since < horizon]
        for partition in sound:
            self._give_back(partition)
        return sound

    def give_back_all(self) -> None:
        """Gives back all after a rebalance: their new holders will find out what is wrong with them."""
        for partition in list(self._troubles):
            self._give_back(partition)

    def _give_back(self, partition: TopicPartition) -> None:
        self._troubles.pop(partition).goes_on()

    def stands_still(self) -> str | None:
        """Which partition stands still, where and why; of several the first."""
        standing = (one.stands for one in self._troubles.values() if one.tries > _TRIES)
        return next((line for line in standing if line), None)

    async def stop(self) -> None:
        """Disconnects."""
        if self._client:
            await self._client.close()

    async def read(self, positions: Mapping[TopicPartition, int], most: int) -> dict[TopicPartition, Stretch]:
        """The records of those partitions whose turn it is, from their positions on. Raises nothing."""
        now = time.monotonic()
        turns = {partition: trouble for partition, trouble in self._troubles.items() if trouble.try_at <= now}
        # At once, else each partition would wait for those before it that do not answer.
        stretches = await asyncio.gather(*(self._tried(*turn, positions[turn[0]], most) for turn in turns.items()))
        read_ = zip(turns, stretches, strict=True)
        return {one: stretch for one, stretch in read_ if stretch and stretch.end > positions[one]}

    async def _tried(self, partition: TopicPartition, trouble: _Trouble, at: int, most: int) -> Stretch | None:
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN):
                stretch = await self._fetched(partition, at, most)
        except OffsetOutOfRangeError:
            # Retention took the records there: read with the others, the partition goes on where its log begins now.
            trouble.faultless_since = -math.inf
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is, this partition waits and no other
            self._cluster = None  # the partition may have another leader by now
            self._fails(partition, trouble, at, told(error))
            return None
        spoilt = next((record for record in stretch.records if isinstance(record, Unreadable)), None)
        if spoilt and (trouble.at != spoilt.offset or trouble.tries < _TRIES):
            self._fails(partition, trouble, spoilt.offset, spoilt.why)
            return None
        trouble.goes_on()
        return stretch

    def _fails(self, partition: TopicPartition, trouble: _Trouble, at: int, why: str) -> None:
        if self._troubles.get(partition) is trouble:  # else a rebalance gave it back meanwhile: its new holder reports
            trouble.fails(partition, at, why)

    async def _fetched(self, partition: TopicPartition, at: int, most: int) -> Stretch:
        trouble = self._troubles[partition]
        if trouble.fetched and trouble.fetched.at == at and (stretch := trouble.fetched.read(most)).end > at:
            return stretch
        client, leader = await self._leader_of(partition)
        asked = [(partition.topic, [(partition.partition, at, _FETCHED)])]
        answer: Any = await client.send(leader, FetchRequest(0, 1, _FETCHED, READ_COMMITTED, asked))
        [(_, [(_, code, _, _, *rest)])] = answer.topics
        if code:
            raise for_code(code)(f"{partition.topic}[{partition.partition}] at {at}")
        # At the end stand the aborted transactions, from version 11 on the replica to ask, and the batches.
        aborted = rest[-3] if answer.API_VERSION >= _NAMES_A_REPLICA else rest[-2]
        trouble.fetched = Fetched(partition, bytes(rest[-1] or b""), at, aborted or ())
        return trouble.fetched.read(most)

    async def _leader_of(self, partition: TopicPartition) -> tuple[AIOKafkaClient, int]:
        async with self._connecting:
            if self._client is None:
                client = AIOKafkaClient(**self._kafka.options())
                await client.bootstrap()
                self._client = client
            if self._cluster is None:
                self._cluster = await self._client.fetch_all_metadata()
            leader = self._cluster.leader_for_partition(partition)
        if leader in {None, -1}:
            raise LeaderNotAvailableError(f"nobody leads {partition.topic}[{partition.partition}]")
        return self._client, leader
