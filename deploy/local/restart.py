"""Restarting one service of a run, from another process: ends the service in order, and its supervisor starts it."""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import psutil

from deploy.local.processes import is_alive, port_of, why_not_ready
from deploy.local.state import Folder, Run, StartError, read_run
from deploy.local.supervisor import ENDED_WITHIN, READY_WITHIN

_LOOK_EVERY: Final = 0.05


def instances_of(run: Run, name: str) -> list[str]:
    """The processes that a name means: all instances of a service, or the one of this name."""
    return [one for one in run.urls if one == name or one.rpartition("-")[0] == name]


def restart(folder: Folder, name: str) -> int:
    """Ends a process and returns the one that replaces it, once that is ready. Raises `StartError`, `FolderError`."""
    before = _of(folder).pids[name]
    _end(before)
    missing: list[str] | None = None
    for run in _meanwhile(folder):
        pid = run.pids[name]
        if pid not in {0, before} and (missing := why_not_ready(port_of(run.urls[name]))) == []:
            return pid
    why = "; ".join(missing) if missing else "it does not answer"
    raise StartError(f"{name}: not ready in {READY_WITHIN:.0f} s: {why}; see {folder.log(name)}")


def _of(folder: Folder) -> Run:
    run = read_run(folder)
    if run is None:
        raise StartError(f"the run in {folder.path} has ended")
    return run


def _meanwhile(folder: Folder) -> Iterator[Run]:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        yield _of(folder)
        time.sleep(_LOOK_EVERY)


def _end(pid: int) -> None:
    """Ends a process by SIGTERM, in order; by SIGKILL if it does not react."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        process.terminate()
        deadline = time.monotonic() + ENDED_WITHIN
        while is_alive(pid) and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY)
        if is_alive(pid):
            process.kill()
