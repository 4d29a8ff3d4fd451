"""Sets a service's offsets back to a time, so that it reads again what it has read since: after a restore of its store.

Back alone: to a store that knows an event it is a repetition, while an event that is jumped over is lost.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import CommitFailedError

from shared.kafka.cluster import Cluster
from shared.kafka.lag import partitions_read


class StillReadingError(Exception):
    """An instance of the service still reads, and its group's offsets belong to it."""


async def rewind(kafka: Cluster, service: str, reads: Callable[[str], bool], to: datetime) -> int:
    """Sets the offsets back; how many records the service will read again. Raises `StillReadingError`, `KafkaError`."""
    client = AIOKafkaClient(**kafka.options())
    consumer: Any = AIOKafkaConsumer(**kafka.options(), group_id=service, enable_auto_commit=False)
    try:
        await client.bootstrap()
        partitions = await partitions_read(client, reads)
        await consumer.start()
        consumer.assign(partitions)
        return await _set_back(consumer, await _earlier(consumer, partitions, to), service)
    finally:
        await consumer.stop()
        await client.close()


async def _earlier(
    consumer: Any, partitions: list[TopicPartition], to: datetime
) -> dict[TopicPartition, tuple[int, int]]:
    """By partition that was read farther: the offset to go back to, and the committed one."""
    wanted = await consumer.offsets_for_times(dict.fromkeys(partitions, int(to.timestamp() * 1_000)))
    found = {at: (first.offset, await consumer.committed(at) or 0) for at, first in wanted.items() if first}
    return {at: (first, committed) for at, (first, committed) in found.items() if first < committed}


async def _set_back(consumer: Any, earlier: Mapping[TopicPartition, tuple[int, int]], service: str) -> int:
    if not earlier:
        return 0
    try:
        await consumer.commit({at: first for at, (first, _) in earlier.items()})
    except CommitFailedError as error:
        raise StillReadingError(f"{service} runs: end all of its instances, then set it back") from error
    return sum(committed - first for first, committed in earlier.values())
