"""`lahete run` in a process of its own, started, asked and ended by a test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
from typer.testing import CliRunner

from cli.main import app
from deploy.backends import Backend
from deploy.embedded_broker.control import REPOSITORY
from tests.over_http import ask
from tests.ports import free_base

EVENT = "application/cloudevents+json"
PATIENCE = 60.0
"""Seconds that a test waits for work of one or two, on a machine that has much else to do."""
READY_WITHIN = 150.0
"""Seconds that a run may take to start: the servers' own patience, and the services', on a busy machine."""
SERVERS = {Backend.EMBEDDED: {"broker"}, Backend.JAVA: {"broker", "mongodb"}}
SEVERAL = {Backend.EMBEDDED: (), Backend.JAVA: ("--instances", "referral=2")}
"""One consumer a group is all that librdkafka's broker serves."""


def wait_for(condition: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Whether it came to hold."""
    deadline = time.monotonic() + seconds
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds


def is_running(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


class RunningPlatform:
    """A platform in a process of its own."""

    def __init__(self, engine: Backend, folder: Path, base: int, process: subprocess.Popen[str]) -> None:
        self.engine = engine
        self.folder = folder
        self.base = base
        self.process = process

    @property
    def run(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.folder / "run.json").read_text())
        return document

    def key(self, holder: str) -> str:
        return str(json.loads((self.folder / "keys.json").read_text())[holder])

    def ready(self, service: str) -> bool:
        with suppress(httpx.TransportError):
            return bool(ask("GET", self.run["urls"][service] + "/health/ready").status_code == 200)
        return False

    def send(self, event: Mapping[str, object], key: str | None) -> httpx.Response:
        headers = {"Content-Type": EVENT} | ({"Authorization": f"Bearer {key}"} if key else {})
        url = self.run["urls"]["referral"] + "/v1/events"
        return ask("POST", url, content=json.dumps(event), headers=headers, timeout=30)

    def get(self, service: str, path: str, holder: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key(holder)}"}
        return ask("GET", self.run["urls"][service] + path, headers=headers, timeout=30)

    def holds(self, event: Mapping[str, object]) -> bool:
        """Whether the referral of an event is known."""
        headers = {"Authorization": f"Bearer {self.key('ops:first')}"}
        url = f"{self.run['urls']['referral']}/v1/referrals/{event['subject']}"
        with suppress(httpx.TransportError):
            return ask("GET", url, headers=headers, timeout=30).status_code == 200
        return False

    def ended(self, seconds: float = PATIENCE) -> tuple[int, str]:
        """Exit code and all that it printed."""
        printed, _ = self.process.communicate(timeout=seconds)
        return self.process.returncode, printed


def command(engine: Backend, folder: Path, base: int, *further: str) -> list[str]:
    """`lahete run`, with more than one of a service where the backends serve several."""
    at = ("--engine", engine.value, "--dir", str(folder), "--port-base", str(base))
    return [sys.executable, "-m", "cli.main", "run", *at, *SEVERAL[engine], *further]


def start(engine: Backend, folder: Path, base: int, *further: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(engine, folder, base, *further),
        cwd=REPOSITORY,
        env=os.environ | {"LAHETE_ENV": "test"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def running(
    engine: Backend, folder: Path, base: int | None = None, *further: str, **environment: str
) -> Iterator[RunningPlatform]:
    """A run that is ready; killed at the end of the block if it has not ended by then."""
    base = base or free_base()
    process = start(engine, folder, base, *further, **environment)
    platform = RunningPlatform(engine, folder, base, process)
    try:
        there = wait_for(lambda: (folder / "run.json").exists() or process.poll() is not None, READY_WITHIN)
        assert there, f"not ready; see {folder}/logs"
        assert process.poll() is None, process.communicate()[0]
        yield platform
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def lahete(*arguments: str, given: str = "") -> tuple[int, str]:
    """Exit code and output of a verb, run within this process, with what it is given on standard input."""
    result = CliRunner().invoke(app, [*arguments], input=given)
    return result.exit_code, result.stdout


def referral(region: str = "06", **changes: object) -> dict[str, object]:
    id_ = str(uuid.uuid4())
    return {
        "specversion": "1.0",
        "id": f"test-{id_}",
        "source": f"/region/{region}",
        "type": "fi.kulttuurilahete.ReferralIssued.v1",
        "subject": id_,
        "time": datetime.now(UTC).isoformat(),
        "data": {
            "referral_id": id_,
            "unit_ref": "unit-1",
            "municipality": "837",
            "age_band": "30-64",
            "languages": ["fi"],
            "needs": {"friends": 8},
            "consent": {"recorded_on": "2026-08-31", "scopes": ["referral"]},
        },
    } | changes
