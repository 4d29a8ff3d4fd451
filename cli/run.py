"""`lahete run` and `lahete stop`."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cli import sample, terminal
from cli.failure import VerbError
from cli.options import DEFAULT_DIR, Dir
from demo.register import opisto_sources
from deploy.backends import SPOKEN_TO, Backend
from deploy.embedded_broker.control import REPOSITORY
from deploy.local import foreground
from deploy.local.state import Folder, Run, open_folder, read_run
from shared.contracts.topics import SERVICES
from shared.private import open_private
from shared.process.settings import PlatformSettings, read

HIGHEST_BASE = 65_531
MOST_INSTANCES = 32
_DETACHED_WITHIN = 200.0  # longer than the servers and the services may take together


def run(
    engine: Annotated[Backend, typer.Option(help="The backends: Kafka and the store.")] = Backend.EMBEDDED,
    port_base: Annotated[
        int, typer.Option(min=1, max=HIGHEST_BASE, help="The monitor's port; four more follow.")
    ] = 8100,
    directory: Dir = DEFAULT_DIR,
    instances: Annotated[
        list[str] | None,
        typer.Option(
            help="How many of a service: referral=3. May be given several times; not for the embedded backends."
        ),
    ] = None,
    *,
    detach: Annotated[bool, typer.Option("--detach", help="In the background; returns once all is ready.")] = False,
    with_sample: Annotated[
        bool, typer.Option("--sample", help="Publish a few activities, so that a first referral finds a place.")
    ] = False,
) -> None:
    """Run the whole platform until Ctrl-C. What it keeps stays in the folder; run it again to go on."""
    settings = read(PlatformSettings)
    if with_sample and _is_production(settings, engine):
        raise typer.BadParameter("--sample publishes what is made up: it needs LAHETE_ENV=demo or test")
    once_ready: Callable[[], None] = partial(sample.publish, directory) if with_sample else lambda: None
    counts = dict(_counted(one) for one in instances or [])
    if engine is Backend.EMBEDDED and any(count > 1 for count in counts.values()):
        raise typer.BadParameter("librdkafka's broker serves one consumer a group; several need --engine java or env")
    if detach:
        _detach(engine, port_base, directory, instances or [], once_ready)
        return
    if not foreground.run(
        directory, port_base, settings.clock, terminal.line, engine, counts, opisto_sources(), once_ready
    ):
        raise typer.Exit(1)


def _is_production(settings: PlatformSettings, engine: Backend) -> bool:
    """Whether the services will say so; with its own backends a run is a demo, unless the environment differs."""
    said = engine is Backend.ENV or "env" in settings.model_fields_set
    return said and settings.env == "production"


def _counted(text: str) -> tuple[str, int]:
    service, _, count = text.partition("=")
    if service not in SERVICES or not count.isdecimal() or not 1 <= int(count) <= MOST_INSTANCES:
        raise typer.BadParameter(
            f"--instances {text!r}: it is <service>=<1 to {MOST_INSTANCES}>, the service one of {', '.join(SERVICES)}"
        )
    return service, int(count)


def _detach(
    engine: Backend, port_base: int, path: Path, instances: Sequence[str], once_ready: Callable[[], None]
) -> None:
    folder = open_folder(path)
    log = folder.log("supervisor")
    with open_private(log, "ab") as output:
        said_from = output.tell()
        process = subprocess.Popen(  # noqa: S603 - this program itself
            [
                *(sys.executable, "-m", "cli.main", "run", "--engine", engine.value),
                *("--port-base", str(port_base), "--dir", str(folder.path)),
                *(argument for one in instances for argument in ("--instances", one)),
            ],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        started = _wait_for(folder, process, said_from)
    except BaseException:
        process.terminate()
        raise
    once_ready()
    terminal.table(("service", "url"), started.urls.items())
    terminal.line(f"Kafka is {started.kafka}{SPOKEN_TO[engine]}")
    terminal.line(f"runs in the background, process {process.pid}; end it with: lahete stop --dir {path}")


def _wait_for(folder: Folder, process: subprocess.Popen[bytes], said_from: int) -> Run:
    deadline = time.monotonic() + _DETACHED_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise VerbError(_last_words(folder.log("supervisor"), said_from) or f"it ended with {process.returncode}")
        started = read_run(folder)
        if started is not None and started.pids["supervisor"] == process.pid:
            return started
        time.sleep(0.05)
    raise VerbError(f"not ready in {_DETACHED_WITHIN:.0f} s; see {folder.log('supervisor')}")


def _last_words(log: Path, said_from: int) -> str:
    said = log.read_bytes()[said_from:].decode(errors="replace").strip().splitlines()
    return said[-1].removeprefix("lahete: ") if said else ""


def stop(directory: Dir = DEFAULT_DIR) -> None:
    """Stop a run in order: the doors close, what is under way is dealt with (30 s at most), then all ends."""
    left = foreground.stop(Folder(directory.resolve()))
    if left is None:
        terminal.line(f"nothing runs in {directory}")
        return
    for line in left:
        terminal.complain(f"left: {line}")
    if left:
        raise typer.Exit(1)
    terminal.line("stopped")
