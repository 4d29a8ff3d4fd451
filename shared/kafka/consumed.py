"""How far a group has consumed: the time up to which its members have committed every record that was there."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient

from shared.kafka.cluster import Cluster
from shared.kafka.lag import learn_topics, partitions_read

Offsets = Mapping[TopicPartition, int]


class Consumed:
    """Asks for one group. `reads`: whether the group reads a topic; `done`: what this member committed itself."""

    def __init__(self, kafka: Cluster, group: str, reads: Callable[[str], bool], done: Callable[[], Offsets]) -> None:
        self.to: datetime | None = None
        """Every record that was there at this time is consumed."""
        self._reads = reads
        self._done = done
        self._known: dict[TopicPartition, int] = {}
        self._aim: tuple[datetime, Offsets] | None = None
        # A second consumer, which never subscribes and can ask for offsets while the first is in a rebalance.
        self._offsets = AIOKafkaConsumer(
            **kafka.options(),
            group_id=group,
            enable_auto_commit=False,
            isolation_level="read_committed",  # an open transaction is not there yet
        )
        self._client = AIOKafkaClient(**kafka.options())

    async def __aenter__(self) -> Self:
        """Connects. Raises `KafkaError` where Kafka does not answer."""
        try:
            await self._client.bootstrap()
            await self._offsets.start()
        except BaseException:  # the service may be stopped meanwhile
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def _close(self) -> None:
        await self._offsets.stop()
        await self._client.close()

    async def look(self, now: datetime) -> None:
        """Moves `to` to the aim's time once every end offset read then is committed; then aims at `now`."""
        if self._aim is None:
            self._aim = (now, await self._ends())
        at, ends = self._aim
        if not ends:
            # No topic is there yet: nothing can be known to be consumed.
            self._aim = None
            return
        for partition, end in ends.items():
            if end and await self._committed(partition, end) < end:
                return
        self.to, self._aim = at, None

    async def _committed(self, partition: TopicPartition, end: int) -> int:
        # This member knows its own commits; for another member's partitions it asks Kafka.
        known = self._known.get(partition, 0)
        if known < end:
            known = max(self._done().get(partition, 0), known)
        if known < end:
            known = await self._offsets.committed(partition) or 0
        self._known[partition] = known
        return known

    async def _ends(self) -> Offsets:
        """The ends of all partitions of all topics that the group reads, whoever holds them now."""
        partitions = await partitions_read(self._client, self._reads)
        await learn_topics(self._offsets, partitions)
        beginnings = await self._offsets.beginning_offsets(partitions)
        ends: Offsets = await self._offsets.end_offsets(partitions)
        # A log that retention has emptied has nothing to read, whatever was committed.
        return {one: end if end > beginnings[one] else 0 for one, end in ends.items()}
