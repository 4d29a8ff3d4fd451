"""What is looked at while a scenario plays: how far each group has committed. From a thread, by consumers of nobody's."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.contracts.topics import INTAKE_HTTP, PARTITIONS, intake_of
from tests.scenarios.journeys import ON_KAFKA

_EVERY: Final = 0.2
WATCHED: Final = (
    *(TopicPartition(INTAKE_HTTP, number) for number in range(PARTITIONS)),
    TopicPartition(intake_of(ON_KAFKA), 0),
)


@dataclass
class WatchedOffsets:
    """Of the groups that are watched. `went_back`: what must not be, a line each."""

    last: dict[tuple[str, TopicPartition], int] = field(default_factory=dict)
    went_back: list[str] = field(default_factory=list)
    looks: int = 0

    def saw(self, group: str, partition: TopicPartition, offset: int) -> None:
        """One answer of Kafka's."""
        before = self.last.get((group, partition), 0)
        if offset < before:
            self.went_back.append(f"{group} went back on {partition.topic}[{partition.partition}]: {before}, {offset}")
        self.last[group, partition] = offset

    def total(self, group: str) -> int:
        """All that a group has committed."""
        return sum(offset for (name, _), offset in self.last.items() if name == group)


@contextmanager
def offsets_watched(kafka: str, groups: Sequence[str]) -> Iterator[WatchedOffsets]:
    """Looks again and again meanwhile, at the topics of what comes from outside."""
    offsets, over = WatchedOffsets(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_watch(kafka, groups, offsets, over)), daemon=True)
    thread.start()
    try:
        yield offsets
    finally:
        over.set()
        thread.join()
    assert offsets.looks > 0


async def _watch(kafka: str, groups: Sequence[str], offsets: WatchedOffsets, over: threading.Event) -> None:
    consumers = {
        group: AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False) for group in groups
    }
    for consumer in consumers.values():
        await consumer.start()
    try:
        while not over.is_set():
            for group, consumer in consumers.items():
                await _look(group, consumer, offsets)
            offsets.looks += 1
            await asyncio.sleep(_EVERY)
    finally:
        for consumer in consumers.values():
            await consumer.stop()


async def _look(group: str, consumer: AIOKafkaConsumer, offsets: WatchedOffsets) -> None:
    for partition in WATCHED:
        try:
            async with asyncio.timeout(2):
                offset = await consumer.committed(partition)
        except (KafkaError, TimeoutError):
            continue
        if offset is not None:
            offsets.saw(group, partition, offset)
