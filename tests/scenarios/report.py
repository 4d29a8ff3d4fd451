"""REPORT.md, written at the end of `make scenarios`: the scenarios, when and on which backends, and their numbers.

Where some were played alone (`make scenarios ONLY=15-java`), the others stay as they were, each with its own date.
"""

import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from tests.scenarios.platform import Played
from tests.scenarios.table import TABLE

REPORT: Final = Path(__file__).with_name("REPORT.md")
_PLAYED: Final = re.compile(r"\[(\d+)-")
_LINE: Final = re.compile(r"\| (?P<number>\d+) \| [^|]+ \| (?P<engine>\w+) \|")


@dataclass(frozen=True)
class ScenarioRow:
    """One scenario on one engine. `played` is None where it ended before the oracle was asked."""

    number: int
    engine: str
    passed: bool
    seconds: float
    played: Played | None


def rows_of(stats: Mapping[str, Sequence[Any]]) -> list[ScenarioRow]:
    """The scenarios among the tests that ran, by number and engine."""
    ran = [
        report
        for outcome in ("passed", "failed")
        for report in stats.get(outcome, ())
        if isinstance(report, pytest.TestReport) and report.when == "call"
    ]
    found = (_row(report) for report in ran)
    return sorted((row for row in found if row), key=lambda row: (row.number, row.engine))


def _row(report: pytest.TestReport) -> ScenarioRow | None:
    properties = dict(report.user_properties)
    number = _PLAYED.search(report.nodeid)
    if number is None or "engine" not in properties:
        return None
    played = properties.get("played")
    numbers = Played(**played) if isinstance(played, dict) else None
    return ScenarioRow(int(number[1]), str(properties["engine"]), report.passed, report.duration, numbers)


def as_markdown(rows: Iterable[ScenarioRow], before: str = "") -> str:
    """The page. `before`: the last one, whose scenarios stay unless they were played now."""
    played: dict[tuple[int, str], list[str]] = {}
    for row in rows:
        played.setdefault((row.number, row.engine), []).append(_line(row))
    kept: dict[tuple[int, str], list[str]] = {}
    for line in before.splitlines():
        if match := _LINE.match(line):
            kept.setdefault((int(match["number"]), match["engine"]), []).append(line)
    lines = [
        "# What the platform survived",
        "",
        f"Written by `make scenarios`, last on {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}. After each the oracle was asked: everything accepted had exactly one effect, is dead-lettered or waits, as declared before it was sent (`tests/scenarios/oracle.py`). Repetitions are records that came on the wire again under their own id; the longest pause is between two effects, whatever was sent meanwhile.",
        "",
        "| # | what happens | engine | played on | rounds | events | effects | repetitions | dead letters | longest pause, s | took, s | |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
        *(line for _, lines in sorted((kept | played).items()) for line in lines),
        "",
    ]
    return "\n".join(lines)


def _line(row: ScenarioRow) -> str:
    one = row.played
    numbers = (
        [one.rounds, one.events, one.effects, one.repetitions, one.dead_letters, f"{one.longest_pause:.1f}"]
        if one
        else [""] * 6
    )
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    cells = [row.number, TABLE[row.number].what, row.engine, today, *numbers, f"{row.seconds:.0f}"]
    return f"| {' | '.join(map(str, cells))} | {'held' if row.passed else 'FAILED'} |"
