"""The embedded broker keeps 5 MiB a partition and drops the oldest: the doors close before it would drop unread events.

The guard looks at each topic's end and at what every service's group has committed. It estimates bytes by the largest
size of an event, so it errs on the safe side.
"""

import asyncio
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared import log_events
from shared.contracts import topics
from shared.kafka.cluster import Cluster
from shared.kafka.lag import READS

_GUARDED: Final = (
    topics.INTAKE_HTTP,
    *(topics.events_of(service) for service in topics.SERVICES if service != "monitor"),
)
_READERS: Final = {topic: [service for service, reads in READS.items() if reads(topic)] for topic in _GUARDED}
_EVERY: Final = 1.0
_BYTES_AN_EVENT: Final = 1_500  # measured on the demo: 600 to 1,300 with headers

log = structlog.get_logger()


class LogGuard:
    """Says when the log is too full to take more."""

    def __init__(self, kafka: Cluster, max_bytes: int) -> None:
        self._kafka = kafka
        self._max_events = max(1, max_bytes // _BYTES_AN_EVENT)
        self._full: str | None = None

    def full(self) -> str | None:
        """One line that says which reader is too far behind, or None."""
        return self._full

    async def run(self) -> None:
        """Looks every second, until cancelled."""
        consumers = {
            service: AIOKafkaConsumer(**self._kafka.options(), group_id=service, enable_auto_commit=False)
            for service in topics.SERVICES
        }
        try:
            for consumer in consumers.values():
                await consumer.start()
            while True:
                await self._look(consumers)
                await asyncio.sleep(_EVERY)
        finally:
            for consumer in consumers.values():
                await consumer.stop()

    async def _look(self, consumers: dict[str, AIOKafkaConsumer]) -> None:
        try:
            self._full = await self._furthest_behind(consumers)
        except KafkaError as error:
            log.warning(log_events.LOG_GUARD_FAILED, why=str(error))

    async def _furthest_behind(self, consumers: dict[str, AIOKafkaConsumer]) -> str | None:
        asker = consumers["referral"]
        partitions = [TopicPartition(topic, number) for topic in _READERS for number in range(topics.PARTITIONS)]
        beginnings = await asker.beginning_offsets(partitions)
        for partition, end in (await asker.end_offsets(partitions)).items():
            # A group can be too far behind only in partitions with much in them: the others cost no question.
            if end - beginnings[partition] <= self._max_events:
                continue
            for service in _READERS[partition.topic]:
                behind = end - (await consumers[service].committed(partition) or 0)
                if behind > self._max_events:
                    return f"{service} has {behind} events of {partition.topic} still to read"
        return None
