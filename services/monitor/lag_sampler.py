"""Samples how each service keeps up, again and again, and keeps the last of them: the window that its state is told from.

The windows are this instance's memory: after a start, and after Kafka did not answer, the states are not yet known.
"""

import asyncio
import ssl
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

import httpx
import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from services.monitor.lag_states import STATES, WINDOW, LagSample, LagState, state_of, worst
from shared import log_events, metrics
from shared.kafka.cluster import Cluster
from shared.kafka.lag import LagReader, Position

EVERY: Final = 5.0
"""Seconds between two samples: what stands still is known to within a minute."""
_LIVES_WITHIN: Final = 3.0
_ANSWERS_WITHIN: Final = 20.0

log = structlog.get_logger()
At = tuple[str, TopicPartition]


class LagSampler:
    """The windows of every service and partition, and the task that fills them.

    Args:
        urls: by service, where it answers. One without an address counts as alive: that it does not is never seen.
        tls: whose certificates count there.
    """

    def __init__(self, urls: Mapping[str, str], tls: ssl.SSLContext) -> None:
        self._urls = urls
        self._windows: dict[At, deque[LagSample]] = {}
        self._tls = tls

    async def run(self, state: Mapping[str, Any]) -> None:
        """Samples until it is cancelled; begins anew where Kafka does not answer."""
        async with httpx.AsyncClient(timeout=_LIVES_WITHIN, verify=self._tls) as client:
            while True:
                try:
                    await self._sample_on(state["cluster"], client)
                except (KafkaError, OSError) as error:
                    log.warning(log_events.LAG_UNSAMPLED, why=str(error) or type(error).__name__)
                    self.forget()
                await asyncio.sleep(EVERY)

    async def _sample_on(self, cluster: Cluster, client: httpx.AsyncClient) -> None:
        async with LagReader(cluster) as reader:
            while True:
                async with asyncio.timeout(_ANSWERS_WITHIN):  # Kafka's client may ask again and again
                    self.take(await reader.positions(), await self._dead(client))
                await asyncio.sleep(EVERY)

    async def _dead(self, client: httpx.AsyncClient) -> set[str]:
        lives = await asyncio.gather(*(_lives(client, url) for url in self._urls.values()))
        return {service for service, alive in zip(self._urls, lives, strict=True) if not alive}

    def take(self, positions: Iterable[Position], dead: Iterable[str]) -> None:
        """Adds a sample of each position; a partition that is no more is forgotten."""
        gone, before = frozenset(dead), self._windows
        self._windows = {}
        for one in positions:
            window = before.get((one.service, one.at)) or deque(maxlen=WINDOW)
            window.append(LagSample(one.committed, one.lag, one.service not in gone))
            self._windows[one.service, one.at] = window
        self._export()

    def forget(self) -> None:
        """Nothing is known any more."""
        self._windows = {}
        self._export()

    def state_at(self, service: str, topic: str, partition: int) -> LagState:
        """Of one service at one partition."""
        return state_of(self._windows.get((service, TopicPartition(topic, partition)), ()))

    def services(self) -> dict[str, LagState]:
        """Of each service that was sampled: the worst of its partitions."""
        states: defaultdict[str, list[LagState]] = defaultdict(list)
        for (service, _), window in self._windows.items():
            states[service].append(state_of(window))
        return {service: worst(its) for service, its in states.items()}

    def _export(self) -> None:
        metrics.LAG_STATE.clear()
        for service, state in self.services().items():
            for one in STATES:
                metrics.LAG_STATE.labels(service, one).set(one == state)


async def _lives(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return not (await client.get(f"{url}/health/live")).is_error
    except httpx.HTTPError:
        return False
