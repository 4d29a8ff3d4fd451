"""Whether records fell out of the log unread: asked whenever partitions are assigned, before a batch begins."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared import log_events, metrics
from shared.kafka.reach import told

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
_ANSWERS_WITHIN: Final = 10.0

log = structlog.get_logger()


class Beginnings:
    """Checks one service's partitions, and calls `found` with the offset from which to read each."""

    def __init__(self, service: str, found: Callable[[Mapping[TopicPartition, int]], None]) -> None:
        self.lost: str | None = None
        """Which events fell out unread, in one line."""
        self._service = service
        self._found = found
        self._looking: asyncio.Task[None] | None = None

    @property
    def unknown(self) -> bool:
        """Whether Kafka has not said yet where the logs begin."""
        return self._looking is not None and not self._looking.done()

    def look(self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        """Begins to look.

        The callback of an assignment must not wait for it: aiokafka does nothing else for its group meanwhile, swallows
        exceptions there, and without its group's coordinator never ends, not even when it is stopped.
        """
        self.stop()
        self._looking = asyncio.create_task(self._look(consumer, partitions))

    def stop(self) -> None:
        """Looks no more."""
        if self._looking:
            self._looking.cancel()

    async def known(self) -> None:
        """Waits a moment for Kafka's answer."""
        if self._looking:
            await asyncio.wait([self._looking], timeout=1)

    async def _look(self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                async with asyncio.timeout(_ANSWERS_WITHIN):
                    return await self._check(consumer, partitions)
            except Exception as error:  # noqa: BLE001 - whatever it is, no batch may begin before this is known
                log.warning(log_events.LOG_START_UNKNOWN, why=told(error), pause=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _check(self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        """Alarm where the log begins after what was committed: records fell out unread (embedded broker, retention)."""
        beginnings = await consumer.beginning_offsets(partitions)
        offsets = await asyncio.gather(*map(consumer.committed, partitions))
        done = list(zip(partitions, offsets, strict=True))
        self._found({one: max(beginnings[one], committed or 0) for one, committed in done})
        for partition, committed in done:
            if committed is not None and committed < beginnings[partition]:
                self._alarm(partition, committed, beginnings[partition])

    def _alarm(self, partition: TopicPartition, committed: int, begins: int) -> None:
        metrics.FELL_OUT.labels(self._service).inc(begins - committed)
        self.lost = (
            f"{partition.topic}[{partition.partition}] begins at {begins}, after the committed "
            f"{committed}: {begins - committed} events fell out unread; restore them, then reset"
        )
        log.critical(log_events.EVENTS_FELL_OUT, detail=self.lost)
