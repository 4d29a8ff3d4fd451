"""A soak: steady load on a platform whose processes are killed, restarted and frozen, then the oracle.

    python -m tests.scenarios.soak --minutes 10 --seed 1 [--chaos] [--engine java|embedded] [--rate N] [--out FILE.svg]

With `--chaos` faults of several kinds overlap, and both servers are cut off, slowed and held up besides. The seed
decides the journeys and the faults: the same seed makes the same ones in the same order. Ends by itself and leaves
nothing running; exit 0 only if the oracle names no fault. A folder with faults is kept.
"""

import argparse
import asyncio
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, Final

import psutil

from deploy.backends import Backend
from deploy.java.jars import JavaError
from deploy.local.state import EmbeddedError, open_folder, read_run
from shared.log_events import START_TIMED_OUT
from tests.scenarios.drawing import Sample, drawing
from tests.scenarios.faults import CHAOS, SOAK, FaultInjector, Lane
from tests.scenarios.journeys import Journeys
from tests.scenarios.load import Load
from tests.scenarios.observation import Observation, until_quiet
from tests.scenarios.oracle import Declared, see, violations
from tests.scenarios.platform import Platform, open_platform

RATES: Final[Mapping[Backend, float]] = {Backend.JAVA: 12.0, Backend.EMBEDDED: 30.0}
"""Events from outside a second that two shared cores carry; each becomes about five on the log.

The MongoDB stand-in makes no index but of `_id`, so that every look by a field goes through all there is: at 35 a second
it fell behind after 5,000 events, at 20 it had kept up until the end of a short run.
"""
_INSTANCES: Final[Mapping[Backend, Mapping[str, int]]] = {
    Backend.JAVA: {"referral": 2, "catalogue": 2},
    Backend.EMBEDDED: {},
}
_OPISTOS: Final = 4
_SAMPLE_EVERY: Final = 2.0
_QUIET_WITHIN: Final = 120.0
"""Or as long as it was sent, where that is longer."""
_TOLD_EVERY: Final = 15.0
_MOST_FAULTS_SHOWN: Final = 40
_LINE: Final = 240

Say = Callable[[str], None]


@dataclass
class Soaked:
    """The soak's result. `faults`: what must not be, a line each."""

    faults: list[str]
    declared: Declared
    observation: Observation
    sent: int
    retries: int
    longest_wait: float
    injected: list[tuple[float, str]]
    samples: list[Sample] = field(default_factory=list)

    @property
    def line(self) -> str:
        """The numbers in a line."""
        return f"{self.sent} events sent, {len(self.injected)} faults, {self._effects} effects, {len(self.faults)} objections"

    @property
    def _effects(self) -> int:
        return len({record.named for record in self.observation.decided})

    def summary(self) -> Iterator[str]:
        """What there is to tell, a line each."""
        first, last = self.samples[0], self.samples[-1]
        kinds = Counter(what.rpartition(" ")[0] for _, what in self.injected)
        dead = Counter(letter.letter["reason"] for letter in self.observation.dead)
        yield f"events sent and taken: {self.sent}, of {len(self.declared.taken)} ids; tries without an answer: {self.retries}"
        yield f"effects: {self._effects}; repetitions on the wire: {len(self.observation.decided) - self._effects}"
        yield f"dead letters: {', '.join(f'{reason} {count}' for reason, count in sorted(dead.items())) or 'none'}"
        yield f"faults injected: {', '.join(f'{what} {count}' for what, count in sorted(kinds.items())) or 'none'}"
        yield f"longest wait of an event for a door: {self.longest_wait:.1f} s; longest pause of the services: {self._pause:.1f} s"
        yield f"memory: {sum(first.memory_mb.values()):.0f} MB at the begin, {sum(last.memory_mb.values()):.0f} MB at the end"
        for name in last.memory_mb:
            yield f"    {name}: {first.memory_mb.get(name, 0):.0f} -> {last.memory_mb[name]:.0f} MB"
        yield f"disk: {first.disk_mb:.0f} MB at the begin, {last.disk_mb:.0f} MB at the end"

    @property
    def _pause(self) -> float:
        times = sorted(record.timestamp for record in self.observation.decided)
        return max((after - before for before, after in pairwise(times)), default=0) / 1000


def soak(
    folder: Path, seconds: float, seed: int, engine: Backend, rate: float, say: Say, *, chaos: bool = False
) -> Soaked:
    """The whole of it, in a folder. `chaos`: a wider deck, and a proxy before each server that can have one.

    Raises what `Supervisor` raises where the platform cannot start, `AssertionError` where it does not end in order.
    """
    options: dict[str, Any] = {"instances": _INSTANCES[engine], "proxied": chaos, "say": say}
    lanes = (CHAOS if chaos else SOAK)[engine]
    with open_platform(folder, engine, seed=seed, **options) as platform:
        return asyncio.run(_soak(platform, lanes, seconds, rate, say))


async def _soak(platform: Platform, lanes: Sequence[Lane], seconds: float, rate: float, say: Say) -> Soaked:
    place, declared, folder, seed, check = (
        platform.place,
        platform.declared,
        platform.folder,
        platform.seed,
        platform.check,
    )
    opistos = sorted(who for who in place.keys if who.startswith("/opisto/"))[:_OPISTOS]
    world = Journeys(Random(seed), datetime.now(UTC) - timedelta(hours=12), opistos)
    began = time.monotonic()
    faults = FaultInjector(folder, began, say, platform.proxied)
    samples: list[Sample] = []
    async with Load(place, declared, world.journeys(), rate, Random(seed + 2)) as load:
        sampling = asyncio.create_task(_sample(folder, began, samples))
        telling = asyncio.create_task(_tell(load, samples, began, say, check))
        injecting = asyncio.create_task(faults.run(lanes, Random(seed + 1)))
        sending = asyncio.create_task(load.run(seconds))
        try:
            await asyncio.wait([sending, injecting, telling, sampling], timeout=seconds, return_when="FIRST_EXCEPTION")
            say("no more faults; what is under way goes on to its end")
            await _end(injecting)
            await asyncio.wait([sending, telling, sampling], return_when="FIRST_COMPLETED")
            say("all is sent; waiting for quiet")
            left = await until_quiet(place, max(_QUIET_WITHIN, seconds))
            await asyncio.sleep(_SAMPLE_EVERY)
            say("quiet; asking the oracle" if not left else f"not quiet: {left[0]}")
        finally:
            for task in (injecting, telling, sampling, sending):
                await _end(task)
    check()
    observation = await see(declared, place)
    found = load.faults + violations(declared, observation) + list(stood_still(folder))
    return Soaked(found, declared, observation, load.sent, load.retries, load.longest_wait, faults.injected, samples)


def stood_still(folder: Path) -> Iterator[str]:
    """Starts that had to be broken off: the platform mends that by itself, and it must not be."""
    for file in sorted((folder / "logs").glob("*.log")):
        for line in file.read_text(errors="replace").splitlines():
            if START_TIMED_OUT in line:
                yield f"{file.name}: {line}"


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _sample(folder: Path, began: float, samples: list[Sample]) -> None:
    while True:
        run = read_run(open_folder(folder))
        pids = {} if run is None else run.pids
        memory = {name: mb for name, pid in pids.items() if name != "supervisor" and (mb := _memory_mb(pid))}
        samples.append(Sample(time.monotonic() - began, memory, _disk_mb(folder)))
        await asyncio.sleep(_SAMPLE_EVERY)


def _memory_mb(pid: int) -> float:
    with suppress(psutil.Error):
        return float(psutil.Process(pid).memory_info().rss) / 1e6 if pid else 0.0
    return 0.0


def _disk_mb(folder: Path) -> float:
    """What is taken on disk: Kafka's index files are long and mostly holes."""
    used = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                used += (Path(place) / name).stat().st_blocks * 512
    return used / 1e6


async def _tell(load: Load, samples: list[Sample], began: float, say: Say, check: Callable[[], None]) -> None:
    told = began
    while True:
        await asyncio.sleep(0.5)
        check()
        if time.monotonic() - told >= _TOLD_EVERY and samples:
            told = time.monotonic()
            memory = sum(samples[-1].memory_mb.values())
            say(
                f"{load.sent} sent, {load.retries} tries without an answer, {memory:.0f} MB, disk {samples[-1].disk_mb:.0f} MB"
            )


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.scenarios.soak", description="Steady load, faults, oracle.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None, help="printed; by chance where none is given")
    parser.add_argument("--engine", type=Backend, choices=[Backend.JAVA, Backend.EMBEDDED], default=Backend.JAVA)
    parser.add_argument("--rate", type=float, default=None, help="events from outside a second")
    parser.add_argument("--chaos", action="store_true", help="all kinds of faults, several at once")
    parser.add_argument("--out", type=Path, default=Path("soak.svg"), help="where the picture goes")
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else Random().randrange(1_000_000)
    rate = asked.rate or RATES[asked.engine]
    began = time.monotonic()

    def say(line: str) -> None:
        sys.stdout.write(f"{time.monotonic() - began:6.1f} s  {line[:_LINE]}\n")
        sys.stdout.flush()

    # Its client says hundreds of times a second that a broker is away, which it is on purpose.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    title = f"{'Chaos' if asked.chaos else 'Soak'} of {asked.minutes:g} minutes, {asked.engine.value} engines, {rate:g} events a second, seed {seed}"
    say(title)
    # Whoever ends it with SIGTERM finds nothing left running either.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="lahete-soak-"))
    try:
        soaked = soak(folder, asked.minutes * 60, seed, asked.engine, rate, say, chaos=asked.chaos)
    except KeyboardInterrupt:
        sys.stderr.write(f"soak: ended before its time; see {folder}\n")
        return 130
    except (EmbeddedError, JavaError, AssertionError) as error:
        sys.stderr.write(f"soak: {error}; see {folder}\n")
        return 1
    asked.out.write_text(drawing(title, soaked.line, soaked.samples, soaked.injected), encoding="utf-8")
    for line in soaked.summary():
        say(line)
    for fault in soaked.faults[:_MOST_FAULTS_SHOWN]:
        say(f"OBJECTION  {fault}")
    say(f"{len(soaked.faults)} objections; the picture is in {asked.out}")
    if soaked.faults:
        (folder / "objections.txt").write_text("\n".join(soaked.faults), encoding="utf-8")
        say(f"kept for a look: {folder}")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
