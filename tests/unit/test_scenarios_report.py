"""The report of the scenarios: what was played now, and what stays of earlier."""

from tests.scenarios.platform import Played
from tests.scenarios.report import ScenarioRow, as_markdown


def row(number: int, engine: str = "java", *, passed: bool = True, events: int = 1) -> ScenarioRow:
    return ScenarioRow(number, engine, passed, 12.3, Played(events, 2, 3, 4, 0.5, 1))


def lines(page: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| #")]


def test_each_scenario_has_a_line_by_number_and_engine() -> None:
    page = as_markdown([row(15), row(2, "embedded"), row(2)])
    assert [line.split(" | ")[0] for line in lines(page)] == ["| 2", "| 2", "| 15"]
    assert all(line.endswith("| held |") for line in lines(page))


def test_what_was_not_played_now_stays_as_it_was() -> None:
    before = as_markdown([row(2), row(15, passed=False), row(17), row(17, events=7)])
    after = as_markdown([row(15)], before)
    assert [one for one in lines(before) if "| 15 " not in one] == [one for one in lines(after) if "| 15 " not in one]
    assert len(lines(after)) == 4
    assert "FAILED" in before
    assert "FAILED" not in after


def test_of_two_tests_of_a_scenario_both_are_replaced() -> None:
    page = as_markdown([row(17, events=8), row(17, events=9)], as_markdown([row(17), row(17, events=7)]))
    assert [line.split(" | ")[5] for line in lines(page)] == ["8", "9"]
