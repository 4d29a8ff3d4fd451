"""The demo at a small size: real processes, a kill in the middle, and every event accounted for."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import psutil
import pytest

from deploy.backends import Backend
from deploy.embedded_broker.control import REPOSITORY
from deploy.local.state import Folder, read_run
from shared.contracts.topics import SERVICES
from tests.backends import address_of, for_ci_alone, java
from tests.integration.running import PATIENCE, READY_WITHIN, SERVERS, lahete, wait_for
from tests.over_http import ask
from tests.ports import free_base


@dataclass(frozen=True)
class Small:
    """How small, and what comes of it at least."""

    referrals: int
    opistos: int
    seconds: int
    sent: int
    proposed: int

    @property
    def arguments(self) -> list[str]:
        return [f"--referrals={self.referrals}", f"--opistos={self.opistos}", f"--seconds={self.seconds}"]


SMALL = {
    Backend.EMBEDDED: Small(referrals=60, opistos=30, seconds=20, sent=300, proposed=30),
    Backend.JAVA: Small(referrals=20, opistos=40, seconds=30, sent=80, proposed=10),
}
LEFT_RUNNING = "Ctrl-C ends it"
EVERY_FAULT = {"conflict", "forged_sender", "invalid", "personal_data", "undecodable", "unknown_type"}


@pytest.mark.parametrize("engine", SMALL)
def test_the_demo_balances_and_leaves_nothing_running(engine: Backend) -> None:
    if engine is Backend.JAVA:
        for_ci_alone("the demo on the backends in Java")
        address_of(java())
    small = SMALL[engine]
    with demo("--json", "--engine", engine.value, *small.arguments) as process:
        whole = len(SERVICES) + len(SERVERS[engine])
        assert wait_for(lambda: len(psutil.Process(process.pid).children()) >= whole, READY_WITHIN)
        left = psutil.Process(process.pid).children()
        printed, complaint = process.communicate(timeout=400)
    assert process.returncode == 0, printed[-2_000:] + complaint[-2_000:]
    assert not any(one.is_running() for one in left)
    result = json.loads(printed)
    balance = result["balance"]
    parts = ("applied", "repeated", "refused", "dead_lettered", "waiting")
    assert result["balances"] is True
    assert sum(balance[part] for part in parts) == balance["sent"] > small.sent
    assert balance["faults"] == []
    assert result["left"] == []
    assert result["loop"]["issued"] == sum(result["terms"].values()) == small.referrals
    assert result["loop"]["proposed"] >= small.proposed
    assert result["killed"]["back_after_seconds"] < 30
    assert result["dead_letters"].keys() >= EVERY_FAULT
    assert result["register_faults"]["nameless"] == 4


def test_a_service_that_stands_still_makes_the_clock_wait_and_the_loop_is_still_true() -> None:
    """The five seconds between two looks are seven days at full speed: longer than every term but one."""
    with demo("--referrals=40", "--opistos=40", "--seconds=20", "--keep") as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any(line.startswith("day") for line in lines)
        children = psutil.Process(process.pid).children()
        catalogue = next(one for one in children if "services.catalogue" in one.cmdline())
        catalogue.suspend()
        frozen = next(line for line in lines if "catalogue lags" in line or not line.strip())
        stood = next(line for line in lines if line.startswith("day") or not line.strip())
        catalogue.resume()
        rest = list(takewhile(lambda line: not line.startswith(LEFT_RUNNING), lines))
        said = "".join(rest)
        assert "All adds up, and the loop is true." in said, said[-2_000:]
        _looked_at_and_stopped(Path(re.search(r"--dir (\S+)", said)[1]))  # type: ignore[index]
        _, complaint = process.communicate(timeout=PATIENCE)
    assert day_of(stood) - day_of(frozen) < 1, (frozen, stood)
    assert process.returncode == 0, said[-2_000:] + complaint


def _looked_at_and_stopped(folder: Path) -> None:
    """What `--keep` left running: every verb finds it in its folder."""
    run = read_run(Folder(folder))
    assert run is not None
    began = run.platform_clock().now()
    assert wait_for(lambda: run.platform_clock().now() > began)
    assert all(ask("GET", f"{url}/health/ready").status_code == 200 for url in run.urls.values())
    assert lahete("stop", "--dir", str(folder)) == (0, "stopped\n")
    shutil.rmtree(folder)


def day_of(line: str) -> float:
    return float(line.removeprefix("day").split()[0])


@contextmanager
def demo(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Killed at the end of the block if it has not ended by then."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "demo", "--port-base", str(free_base()), *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_broker_in_memory_that_dies_ends_the_demo_in_one_line_and_leaves_nothing_running() -> None:
    """The broker in Java restarts: test_run.py."""
    with demo("--referrals=10", "--opistos=5", "--seconds=60") as process:
        assert process.stdout is not None
        # Its first line of news says that the partners act: the start has its own test.
        assert any(line.startswith("day") for line in iter(process.stdout.readline, ""))
        left = psutil.Process(process.pid).children()
        broker = next(one for one in left if "deploy.embedded_broker.broker" in one.cmdline())
        broker.kill()
        _, complaint = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert complaint.startswith("lahete: the broker ended by SIGKILL")
    assert len(complaint.splitlines()) == 1
    assert wait_for(lambda: not any(one.is_running() for one in left))
