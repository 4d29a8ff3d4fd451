"""The users that deploy/mongodb makes are those that the services log in as, each in its own database."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "deploy" / "mongodb" / "users.js"
SERVICES = sorted(path.parent.name for path in (REPOSITORY / "services").glob("*/__main__.py"))

MADE_UP = """
const made = [];
const db = { getSiblingDB: (name) => ({
  createRole: (role) => made.push({ in: name, ...role }),
  createUser: (user) => made.push({ in: name, ...user }),
}) };
"""
"""What mongosh has, as far as the script asks for it. The secrets are read from a folder of the test."""


def test_there_is_a_user_for_every_service() -> None:
    [listed] = re.findall(r"const SERVICES = (\[.*\]);", SCRIPT.read_text())
    assert json.loads(listed) == SERVICES


def test_each_may_touch_its_own_database_and_no_other(tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("no node here to run the script with")
    for service in SERVICES:
        (tmp_path / f"mongodb_{service}").write_text(f"secret of {service}\n")
    script = MADE_UP + SCRIPT.read_text().replace("/run/secrets", str(tmp_path)) + "console.log(JSON.stringify(made));"
    run = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    roles, users = json.loads(run.stdout)[::2], json.loads(run.stdout)[1::2]
    assert [one["user"] for one in users] == SERVICES
    assert [one["pwd"] for one in users] == [f"secret of {service}" for service in SERVICES]
    for role, user in zip(roles, users, strict=True):
        own = f"lahete_{user['user']}"
        assert role["in"] == user["in"] == own
        assert user["roles"] == [{"role": role["role"], "db": own}]
        assert role["roles"] == [{"role": "readWrite", "db": own}]
        assert [one["resource"]["db"] for one in role["privileges"]] == [own]


def test_a_secret_that_is_empty_stops_it(tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("no node here to run the script with")
    (tmp_path / f"mongodb_{SERVICES[0]}").write_text("\n")
    script = MADE_UP + SCRIPT.read_text().replace("/run/secrets", str(tmp_path))
    run = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert f"mongodb_{SERVICES[0]} is empty" in run.stderr
