"""The services' own metrics, asked for again and again: how far each is behind, or how long it has said nothing."""

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Final

import httpx

_EVERY: Final = 0.5
_LAG: Final = re.compile(r"^lahete_lag_seconds\{.*\} (\S+)$", re.MULTILINE)


class Pulse:
    """Asks the services of a run; `lags` and `metrics` are their latest answers."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls
        self.metrics: dict[str, str] = {}
        self._lag = dict.fromkeys(urls, 0.0)
        self._heard = dict.fromkeys(urls, time.monotonic())

    async def listen(self) -> None:
        """Until cancelled."""
        async with httpx.AsyncClient(timeout=20, trust_env=False) as client, asyncio.TaskGroup() as all_of_them:
            for service in self._urls:
                all_of_them.create_task(self._listen_to(client, service))

    def lags(self) -> dict[str, float]:
        """Real seconds by service."""
        now = time.monotonic()
        return {service: max(lag, now - self._heard[service]) for service, lag in self._lag.items()}

    async def _listen_to(self, client: httpx.AsyncClient, service: str) -> None:
        while True:
            said = await _said(client, self._urls[service])
            if found := _LAG.findall(said):
                self.metrics[service] = said
                self._lag[service], self._heard[service] = max(map(float, found)), time.monotonic()
            await asyncio.sleep(_EVERY)


async def _said(client: httpx.AsyncClient, url: str) -> str:
    try:
        return (await client.get(f"{url}/metrics")).text
    except httpx.TransportError:
        return ""
