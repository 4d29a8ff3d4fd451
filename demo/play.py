"""The demo, start to end: real processes, real HTTP and Kafka, real opistos, made-up people.

`play` starts the platform, lets a month pass, kills a service in the middle, waits until all is quiet, and returns the
outcome of every sending.
"""

import asyncio
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from demo.organisers import organisers
from demo.script import OWN_REGION
from demo.simulation import DemoResult, Show, Simulation
from demo.size import Size
from deploy.backends import Backend
from deploy.local.state import EmbeddedError, Folder, Run, grant, open_folder, read_run
from deploy.local.supervisor import Supervisor
from shared.clock import PacedClock

START: Final = datetime.fromisoformat("2026-09-01T08:00:00+03:00")
_ENVIRONMENT: Final[Mapping[str, str]] = {
    "LAHETE_ENV": "demo",
    "LAHETE_DUE_MATCH": "P7D",
    "LAHETE_DUE_CHOICE": "P3D",
    "LAHETE_DUE_CONFIRMATION": "P3D",
    "LAHETE_DUE_ATTENDANCE": "P3D",
    "LAHETE_DUE_FEEDBACK": "P3D",
    "LAHETE_REMATCH": "P2D",
    "LAHETE_LOG_LEVEL": "warning",
    # At this pace of the clock nobody misses 20 ms, and five idle consumers cost half a core less.
    "LAHETE_KAFKA_FETCH_WAIT_MS": "30",
}

Linger = Callable[[DemoResult, Folder, Callable[[], None]], None]
"""Is called while all still runs: with what is told, the folder, and what raises where the platform has ended."""


def play(
    size: Size,
    port_base: int,
    show: Show,
    say: Callable[[str], None],
    engine: Backend = Backend.EMBEDDED,
    linger: Linger | None = None,
) -> DemoResult:
    """The whole demo, in a folder that it removes afterwards, unless `linger`.

    Raises what `Supervisor` raises where it cannot start, and `NoReckoningError`.
    """
    named = [one.source for one in organisers(size.opistos, size.others)]
    own_opisto = named[0]
    with _folder(kept=linger is not None) as folder:
        for source in (OWN_REGION, own_opisto):
            grant(folder, source)
        clock = PacedClock(file=folder.path / "pace.json")
        clock.begin(START)
        with Supervisor(
            folder.path, port_base, str(clock.file), _ENVIRONMENT, engine=engine, say=say, opistos=named
        ) as supervisor:
            with _looked_after(supervisor) as platform:
                result = asyncio.run(_played(size, folder, clock, own_opisto, show, platform.check))
                if linger is not None:
                    clock.go(1.0, None)
                    linger(result, folder, platform.check)
            run = read_run(folder)
            supervisor.stop()
        running = () if run is None else tuple(still_running(run))
    return replace(result, course=replace(result.course, running=running))


async def _played(
    size: Size, folder: Folder, clock: PacedClock, own_opisto: str, show: Show, check: Callable[[], None]
) -> DemoResult:
    return await Simulation(size, folder, clock, own_opisto, show, check).play()


@contextmanager
def _folder(*, kept: bool) -> Iterator[Folder]:
    path = Path(tempfile.mkdtemp(prefix="lahete-demo-"))
    try:
        yield open_folder(path)
    finally:
        if not kept:
            shutil.rmtree(path)


def still_running(run: Run) -> list[str]:
    """Processes of the run that are still there: none, if all went well."""
    return [f"{name} ({pid}) still runs" for name, pid in run.pids.items() if name != "supervisor" and _is_there(pid)]


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class _looked_after:  # noqa: N801 - reads as a phrase: with a supervisor looked after
    """Restarts services that died, from a thread, while the demo plays."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._fault: EmbeddedError | None = None

    def _run(self) -> None:
        try:
            self._supervisor.run_until(self._over.is_set)
        except EmbeddedError as error:
            self._fault = error

    def check(self) -> None:
        """Raises what ended the looking after: a broker that died ends the demo, and at once."""
        if self._fault is not None:
            raise self._fault

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        # Every other failure meanwhile followed from the broker's.
        self.check()
