"""Faults of a platform at work: kills, restarts, frozen instances, servers that die, are cut off or stand still.

A plan is drawn from its chance alone, in lanes that run beside one another, each of which waits for its own faults:
faults of one server do not overlap, those of two do.

Nothing kills the MongoDB stand-in with -9: its H2 loses up to a second of writes that it had acknowledged (measured),
so the loss would be its own and not the platform's. It ends in order instead, and restarts. Kafka is killed: on one
node its acknowledgement means the page cache, which outlives the process.
"""

import asyncio
import json
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from deploy.backends import Backend
from deploy.local.processes import is_alive
from tests.proxy import Proxy
from tests.scenarios.platform import SESSION_SECONDS
from tests.scenarios.proxied import Proxied

FROZEN_SECONDS: Final = SESSION_SECONDS + 3.0
_SERVERS: Final = ("broker", "mongodb", "supervisor")
_SLOWER_BY: Final = 0.03
_LOOKS_FOR_IT: Final = 300


@dataclass(frozen=True)
class Lane:
    """Faults that come one after the other, each `least` to `most` seconds after the end of the one before."""

    deck: Sequence[str]
    least: float
    most: float


@dataclass(frozen=True)
class Planned:
    """One fault: how long after the one before, which, on which instance if on one, and how long it lasts."""

    after: float
    kind: str
    instance: str
    seconds: float


_SERVICES: Final = (*["kill"] * 3, *["restart"] * 2, *["freeze"] * 2)
SOAK: Final[Mapping[Backend, Sequence[Lane]]] = {
    Backend.JAVA: (Lane((*_SERVICES, "kill kafka", "restart mongodb"), 6, 12),),
    # Services alone: the embedded broker's log is in its memory.
    Backend.EMBEDDED: (Lane(("kill",), 3, 5),),
}
CHAOS: Final[Mapping[Backend, Sequence[Lane]]] = {
    Backend.JAVA: (
        Lane((*_SERVICES, "roll"), 3, 10),
        Lane(("kill kafka", "cut kafka", "still kafka", "hang up kafka", "slow kafka"), 10, 25),
        Lane(("restart mongodb", "cut mongodb", "still mongodb", "hang up mongodb", "slow mongodb"), 10, 25),
    ),
    Backend.EMBEDDED: (Lane((*_SERVICES, "roll"), 4, 10), Lane(("stop kafka",), 10, 20), Lane(("lock",), 8, 16)),
}
_LASTS: Final[Mapping[str, tuple[float, float]]] = {
    "freeze": (FROZEN_SECONDS, FROZEN_SECONDS),
    "cut kafka": (1, 10),
    "still kafka": (1, 15),
    "stop kafka": (1, 4),
    "slow kafka": (3, 10),
    "cut mongodb": (1, 10),
    "still mongodb": (1, 10),
    "slow mongodb": (3, 10),
    "lock": (1, 6),
}


def plan(lane: Lane, instances: Sequence[str], rng: Random) -> Iterator[Planned]:
    """Without an end: every kind of the deck again and again, in an order by chance. The same chance, the same plan."""
    while True:
        for kind in rng.sample(lane.deck, len(lane.deck)):
            least, most = _LASTS.get(kind, (0, 0))
            yield Planned(rng.uniform(lane.least, lane.most), kind, rng.choice(instances), rng.uniform(least, most))


class FaultInjector:
    """Injects the faults, and keeps the time of each, in seconds since `began`."""

    def __init__(self, folder: Path, began: float, say: Callable[[str], None], proxied: Proxied | None = None) -> None:
        self.injected: list[tuple[float, str]] = []
        self._folder = folder
        self._began = began
        self._say = say
        self._proxied = proxied

    async def run(self, lanes: Sequence[Lane], rng: Random) -> None:
        """All lanes at once, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for lane in lanes:
                group.create_task(self._deal(plan(lane, self.instances(), Random(rng.getrandbits(64)))))

    async def _deal(self, planned: Iterator[Planned]) -> None:
        for one in planned:
            await asyncio.sleep(one.after)
            await self.inject(one)

    async def inject(self, one: Planned) -> None:
        """Injects one fault, to its end. An instance that just died, and has not restarted yet, is spared."""
        kinds: Mapping[str, Callable[[Planned], Awaitable[None]]] = {
            "kill": self._kill,
            "restart": self._restart,
            "freeze": self._freeze,
            "roll": self._roll,
            "kill kafka": self._kill_kafka,
            "stop kafka": self._stop_kafka,
            "restart mongodb": self._restart_mongodb,
            "lock": self._lock,
        }
        verb, _, server = one.kind.rpartition(" ")
        if one.kind in kinds:
            await kinds[one.kind](one)
        else:
            await self._befall(verb, server, one.seconds)

    # --- services

    async def _kill(self, one: Planned) -> None:
        """SIGKILL of an instance; the supervisor restarts it."""
        self._signal(one.instance, signal.SIGKILL, "kill -9")

    async def _restart(self, one: Planned) -> None:
        """SIGTERM of an instance: it finishes its batch, commits, leaves its group, and restarts."""
        self._signal(one.instance, signal.SIGTERM, "SIGTERM")

    async def _freeze(self, one: Planned) -> None:
        """SIGSTOP beyond the session's end: its partitions go to another, and it wakes up believing they are its own."""
        async with self._stopped(one.instance, one.seconds):
            await asyncio.sleep(one.seconds)

    async def _roll(self, one: Planned) -> None:
        """SIGTERM of every instance, one after the other, each once the one before is another process."""
        for name in self.instances():
            before = self._signal(name, signal.SIGTERM, "SIGTERM (rolling)")
            for _ in range(_LOOKS_FOR_IT):
                await asyncio.sleep(0.1)
                if self._pids()[name] not in {0, before}:
                    break

    # --- servers

    async def _kill_kafka(self, one: Planned) -> None:
        """SIGKILL of the broker; its log is on disk."""
        self._signal("broker", signal.SIGKILL, "kill -9")

    async def _stop_kafka(self, one: Planned) -> None:
        """SIGSTOP of the broker: nobody is refused, and nothing answers."""
        async with self._stopped("broker", one.seconds):
            await asyncio.sleep(one.seconds)

    async def _restart_mongodb(self, one: Planned) -> None:
        """Ends the MongoDB stand-in in order; see above why."""
        self._signal("mongodb", signal.SIGTERM, "SIGTERM")

    async def _lock(self, one: Planned) -> None:
        """Another process holds the lock of a service's file."""
        service = one.instance.partition("-")[0]
        self._tell("locked", f"{service}.sqlite", one.seconds)
        with closing(sqlite3.connect(self._folder / f"{service}.sqlite", timeout=10, isolation_level=None)) as file:
            file.execute("BEGIN IMMEDIATE")
            try:
                await asyncio.sleep(one.seconds)
            finally:
                file.execute("ROLLBACK")

    async def _befall(self, verb: str, server: str, seconds: float) -> None:
        """What the proxy before a server does, and undoes."""
        assert self._proxied is not None
        proxy: Proxy = self._proxied.kafka_proxy if server == "kafka" else self._proxied.mongodb_proxy
        self._tell(verb, f"the way to {server}", seconds)
        try:
            if verb == "cut":
                proxy.cut()
            elif verb == "still":
                proxy.freeze()
            elif verb == "slow":
                proxy.delay(_SLOWER_BY)
            else:
                proxy.hang_up()
            await asyncio.sleep(seconds)
        finally:
            proxy.mend()

    # --- processes

    def instances(self) -> list[str]:
        """Every instance of every service, by name."""
        return sorted(name for name in self._pids() if name not in _SERVERS)

    def _pids(self) -> Mapping[str, int]:
        pids: dict[str, int] = json.loads((self._folder / "run.json").read_text())["pids"]
        return pids

    @asynccontextmanager
    async def _stopped(self, name: str, seconds: float) -> AsyncIterator[None]:
        pid = self._signal(name, signal.SIGSTOP, "SIGSTOP", seconds)
        try:
            yield
        finally:
            # A dead instance has the process id 0, which would be our own group.
            with suppress(ProcessLookupError):
                if pid:
                    os.kill(pid, signal.SIGCONT)

    def _signal(self, name: str, number: signal.Signals, what: str, seconds: float = 0) -> int:
        pid = self._pids()[name]
        if is_alive(pid):
            os.kill(pid, number)
            self._tell(what, name, seconds)
        return pid

    def _tell(self, what: str, name: str, seconds: float = 0) -> None:
        self.injected.append((time.monotonic() - self._began, f"{what} {name}"))
        self._say(f"{what}: {name}" + (f", for {seconds:.1f} s" if seconds else ""))
