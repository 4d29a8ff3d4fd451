"""Waiting until the services have dealt with everything on the log, and naming the rest."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from aiokafka.errors import KafkaError

from shared.kafka.cluster import Cluster
from shared.kafka.lag import Lag, LagReader, Reads

Left = Sequence[str]
"""The events left, a line for each service and topic."""

_LOOK_EVERY: Final = 0.25
# Twice, since a request that came in before the doors closed may still be writing at the first look.
_LOOKS: Final = 2


async def until_drained(kafka: Cluster, reads: Reads, seconds: float, goes_on: Callable[[], bool]) -> Left:
    """Returns once all lag has ended, the time is over, or `goes_on`, called every quarter of a second, says no."""
    deadline = time.monotonic() + seconds
    try:
        async with LagReader(kafka, reads) as reader:
            clear, left = 0, list[str]()
            while clear < _LOOKS:
                left = lines(await reader.lags())
                clear = 0 if left else clear + 1
                if not goes_on() or time.monotonic() > deadline:
                    break
                await asyncio.sleep(_LOOK_EVERY)
            return left
    except KafkaError as error:
        return [f"what is left cannot be asked: {error}"]


def lines(lags: Iterable[Lag]) -> list[str]:
    """How many events each service has still to read of each topic, in words."""
    sums: dict[tuple[str, str], int] = {}
    for one in lags:
        if one.lag:
            sums[one.service, one.topic] = sums.get((one.service, one.topic), 0) + one.lag
    return [f"{service} has {count} events of {topic} still to read" for (service, topic), count in sums.items()]
