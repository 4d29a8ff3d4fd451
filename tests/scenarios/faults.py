"""What befalls a platform while it works, at seeded moments: kills, restarts, frozen instances, a broker that dies.

The MongoDB stand-in is never killed with -9: its H2 loses up to a second of writes that it had acknowledged (measured), so
what was lost would be its loss and not the platform's. It is ended in order instead, and started again. Kafka is killed:
on one node its acknowledgement means the page cache, which outlives the process.
"""

import asyncio
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Final

from deploy.embedded.processes import is_alive
from tests.scenarios.stage import SESSION_SECONDS

FROZEN_SECONDS: Final = SESSION_SECONDS + 3.0
_SERVERS: Final = ("broker", "mongodb", "supervisor")


class Faults:
    """Injects one after the other until cancelled, and keeps when, in seconds since `began`, and what."""

    def __init__(self, folder: Path, rng: Random, began: float, say: Callable[[str], None]) -> None:
        self.injected: list[tuple[float, str]] = []
        self._folder = folder
        self._rng = rng
        self._began = began
        self._say = say

    async def on_java(self) -> None:
        """All kinds, each of them again and again, in an order by chance."""
        await self._deal(
            (*[self.kill] * 3, *[self.restart] * 2, *[self.freeze] * 2, self.kill_kafka, self.restart_mongodb), 6, 12
        )

    async def on_embedded(self) -> None:
        """Services alone: the embedded broker's log is in its memory."""
        await self._deal((self.kill,), 3, 5)

    async def _deal(self, deck: Sequence[Callable[[], Awaitable[None]]], least: float, most: float) -> None:
        while True:
            for fault in self._rng.sample(deck, len(deck)):
                await asyncio.sleep(self._rng.uniform(least, most))
                await fault()

    # --- kinds

    async def kill(self) -> None:
        """SIGKILL of an instance; the supervisor starts it anew."""
        self._signal(self._any_instance(), signal.SIGKILL, "kill -9")

    async def restart(self) -> None:
        """SIGTERM of an instance: it finishes its batch, commits, leaves its group, and is started anew."""
        self._signal(self._any_instance(), signal.SIGTERM, "SIGTERM")

    async def freeze(self) -> None:
        """SIGSTOP beyond the session's end: its partitions go to another, and it wakes up believing they are its own."""
        name = self._any_instance()
        pid = self._signal(name, signal.SIGSTOP, f"SIGSTOP for {FROZEN_SECONDS:g} s")
        try:
            await asyncio.sleep(FROZEN_SECONDS)
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    async def kill_kafka(self) -> None:
        """SIGKILL of the broker; its log is on disk."""
        self._signal("broker", signal.SIGKILL, "kill -9")

    async def restart_mongodb(self) -> None:
        """In order; see above why."""
        self._signal("mongodb", signal.SIGTERM, "SIGTERM")

    # --- processes

    def _pids(self) -> Mapping[str, int]:
        pids: dict[str, int] = json.loads((self._folder / "run.json").read_text())["pids"]
        return pids

    def _any_instance(self) -> str:
        alive = sorted(name for name, pid in self._pids().items() if name not in _SERVERS and is_alive(pid))
        return self._rng.choice(alive)

    def _signal(self, name: str, number: signal.Signals, what: str) -> int:
        pid = self._pids()[name]
        # One that just died may not be started anew yet: then it has what it needs.
        if is_alive(pid):
            os.kill(pid, number)
            self.injected.append((time.monotonic() - self._began, f"{what} {name}"))
            self._say(f"{what}: {name} ({pid})")
        return pid
