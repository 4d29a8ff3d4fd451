"""The demo at a small size: real processes, a kill in the middle, and every event accounted for."""

import json
import subprocess
import sys
from pathlib import Path

import psutil

from tests.integration.running import wait_for
from tests.ports import free_base

REPOSITORY = Path(__file__).parents[2]


def test_the_demo_balances_and_leaves_nothing_running() -> None:
    arguments = ["--json", "--referrals", "60", "--opistos", "30", "--seconds", "20", "--port-base", str(free_base())]
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "demo", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    told = json.loads(done.stdout)
    balance = told["balance"]
    parts = ("applied", "repeated", "refused", "dead_lettered", "waiting")
    assert told["balances"] is True
    assert sum(balance[part] for part in parts) == balance["sent"] > 300
    assert balance["faults"] == []
    assert told["left"] == []
    assert told["loop"]["issued"] == 60
    assert told["loop"]["proposed"] > 30
    assert told["killed"]["back_after_seconds"] < 30
    assert {"conflict", "forged_sender", "invalid", "personal_data", "undecodable", "unknown_type"} <= told[
        "dead_letters"
    ].keys()
    assert told["register_faults"]["nameless"] == 4


def test_a_broker_that_dies_ends_the_demo_in_one_line_and_leaves_nothing_running() -> None:
    arguments = ["--referrals", "10", "--opistos", "5", "--seconds", "60", "--port-base", str(free_base())]
    demo = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "demo", *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert demo.stdout is not None
        # Its first line of news says that the partners act: the start has its own test.
        assert any(line.startswith("day") for line in iter(demo.stdout.readline, ""))
        left = psutil.Process(demo.pid).children()
        broker = next(one for one in left if "deploy.embedded.broker" in one.cmdline())
        broker.kill()
        _, complaint = demo.communicate(timeout=40)
    finally:
        demo.kill()
    assert demo.returncode == 1
    assert complaint.startswith("lahete: the broker ended by SIGKILL")
    assert len(complaint.splitlines()) == 1
    assert wait_for(lambda: not any(one.is_running() for one in left), 10)
