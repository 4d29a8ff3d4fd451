"""Sets a service's offsets back to a time, so that it reads again what it has read since: after a restore of its store.

Back alone. What is read again is a repetition to a store that knows it; what would be jumped over is lost.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import CommitFailedError

from shared.kafka.cluster import Cluster
from shared.kafka.lag import partitions_read

_PAUSE: Final = 1.0


class StillReadingError(Exception):
    """An instance of the service reads: its group's offsets are its own."""


async def rewind(kafka: Cluster, service: str, reads: Callable[[str], bool], to: datetime, within: float) -> int:
    """How many records the service has to read again. Raises `StillReadingError`, `KafkaError`.

    Args:
        within: seconds in which Kafka forgets an instance that has a name and has ended: its place is kept for it.
    """
    client = AIOKafkaClient(**kafka.options())
    consumer: Any = AIOKafkaConsumer(**kafka.options(), group_id=service, enable_auto_commit=False)
    try:
        await client.bootstrap()
        partitions = await partitions_read(client, reads)
        await consumer.start()
        consumer.assign(partitions)
        return await _set_back(consumer, service, await _earlier(consumer, partitions, to), within)
    finally:
        await consumer.stop()
        await client.close()


async def _earlier(
    consumer: Any, partitions: list[TopicPartition], to: datetime
) -> dict[TopicPartition, tuple[int, int]]:
    """Of each partition that was read farther: to where, and where it was. One without a record since then is not."""
    wanted = await consumer.offsets_for_times(dict.fromkeys(partitions, int(to.timestamp() * 1_000)))
    found = {at: (first.offset, await consumer.committed(at) or 0) for at, first in wanted.items() if first}
    return {at: (first, committed) for at, (first, committed) in found.items() if first < committed}


async def _set_back(
    consumer: Any, service: str, earlier: Mapping[TopicPartition, tuple[int, int]], within: float
) -> int:
    deadline = time.monotonic() + within
    while earlier:
        try:
            await consumer.commit({at: first for at, (first, _) in earlier.items()})
            break
        except CommitFailedError as error:
            if time.monotonic() > deadline:
                raise StillReadingError(f"{service} runs: end all of its instances, then set it back") from error
        await asyncio.sleep(_PAUSE)
    return sum(committed - first for first, committed in earlier.values())
