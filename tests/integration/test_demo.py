"""The demo at a small size: real processes, a kill in the middle, and every event accounted for."""

import json
import subprocess
import sys
from pathlib import Path

from tests.integration.test_run import free_base

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
