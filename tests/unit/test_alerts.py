"""The alarms fire when they should, as Prometheus' own promtool plays them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.unit.containers import REPOSITORY

PROMETHEUS = REPOSITORY / "deploy/prometheus"
PLAYED = sorted(PROMETHEUS.glob("*.test.yml"))
REQUIRED = "LAHETE_REQUIRE_PROMTOOL"


def promtool(*arguments: str) -> str:
    """What it prints. Skips, loudly, where there is none; fails where it is required."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    found = shutil.which("promtool", path=places)
    if found is None:
        assert not os.environ.get(REQUIRED), f"{REQUIRED} is set, and no promtool is here"
        pytest.skip("no promtool is here: the rules of deploy/prometheus are NOT played")
    ended = subprocess.run([found, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_prometheus_reads_the_rules() -> None:
    assert "SUCCESS" in promtool("check", "rules", str(PROMETHEUS / "alerts.yml"))


def test_every_alarm_fires_when_its_test_says_so_and_not_before() -> None:
    assert "SUCCESS" in promtool("test", "rules", *map(str, PLAYED))


def test_no_alarm_is_left_out_of_the_tests() -> None:
    rules = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    named = {rule["alert"] for group in rules for rule in group["rules"]}
    tested = [
        (asked["alertname"], bool(asked["exp_alerts"]))
        for path in PLAYED
        for one in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
        for asked in one["alert_rule_test"]
    ]
    assert {name for name, fires in tested if fires} == named
    assert {name for name, fires in tested if not fires} == named
