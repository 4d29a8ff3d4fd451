"""The bench's arithmetic and what it renders. What it measures, `make bench` shows; here the figures are made up."""

import ast
import json
from xml.etree import ElementTree

import pytest

from tests.bench.goals import MATCHINGS, MILLION, OTHERS, Goal
from tests.bench.pairs import EMBEDDED, KAFKA, MONGO
from tests.bench.peers import environment
from tests.bench.picture import picture
from tests.bench.profile import table
from tests.bench.report import Report, as_json, as_page, as_text, cell, number
from tests.bench.results import MeasuredRow, Part, Section, figure, over_rounds, quantiles
from tests.bench.steps import STEPS
from tests.bench.ways import figures, ratios

SVG = "{http://www.w3.org/2000/svg}"


def rated(**rates: float) -> Part:
    lines = [MeasuredRow(way, {"events a second": figure("events/s", [rate])}) for way, rate in rates.items()]
    part = Part(KAFKA.name, lines)
    return Part(KAFKA.name, lines, ratios(part))


def line(name: str, **values: float) -> MeasuredRow:
    return MeasuredRow(name, {column.replace("_", " "): figure("µs", [value]) for column, value in values.items()})


def report(*sections: Section) -> Report:
    return Report("python -m tests.bench", {"when": "2026-11-22", "cores": "2"}, sections)


WHOLE = report(
    Section(
        "ways",
        "The engine beside others",
        "What was done.",
        [rated(bare=10_000, engine=6_500, framework=325, quix=7_000), Part(MONGO.name, missing="no Docker")],
    ),
    Section(
        "latency",
        "Latency",
        "From log to log.",
        [
            Part(
                KAFKA.name,
                [
                    MeasuredRow(
                        "100 events a second",
                        {"hop p95": figure("ms", [11.9]), "road p95": figure("ms", [80.0])},
                    )
                ],
            )
        ],
    ),
    Section(
        "steps",
        "By step",
        "Each.",
        [Part(EMBEDDED.name, [line(step, an_event=3.0) for step in (*STEPS, "together")])],
    ),
    Section(
        "aggregates",
        "As aggregates become more",
        "Each.",
        [Part("aggregates", [line("10,000", processor_an_event=100), line("1,000,000", processor_an_event=116)])],
    ),
)


def found(name: str, whole: Report = WHOLE) -> Goal:
    (goal,) = [goal for goal in whole.goals if goal.what.startswith(name)]
    return goal


# --- the arithmetic


def test_a_figure_is_the_median_with_the_least_and_the_greatest() -> None:
    assert figure("ms", [3.0, 9.0, 1.0]) == figure("ms", [1.0, 3.0, 9.0])
    assert cell(figure("ms", [3.0, 9.0, 1.0])) == "3.00 (1.00 to 9.00)"
    assert cell(figure("ms", [3.0])) == "3.00"


def test_rounds_are_one_table_in_the_order_of_the_first() -> None:
    first, second = [line("slow", p95=9), line("fast", p95=2)], [line("fast", p95=4), line("slow", p95=5)]
    slow, fast = over_rounds([first, second, [line("slow", p95=6)]])
    assert (slow.name, slow.figures["p95"]) == ("slow", figure("µs", [9, 5, 6]))
    assert (fast.name, fast.figures["p95"]) == ("fast", figure("µs", [2, 4]))


def test_rates_are_of_the_clock_and_costs_of_the_processor() -> None:
    told = figures(1_000, [{"seconds": 2.0, "processor": 0.1, "memory_mb": 90.0}])
    assert told["events a second"].median == 500
    assert told["processor an event"].median == pytest.approx(100)


def test_quantiles_of_a_hundred_equal_steps() -> None:
    assert quantiles([float(value) for value in range(101)]) == {"p50": 50, "p95": 95, "p99": 99}


def test_a_ratio_is_only_of_what_was_measured() -> None:
    assert rated(engine=6_500, bare=10_000).ratios == {"engine ÷ bare": 0.65}
    assert rated(bare=10_000).ratios == {}


# --- the goals


def test_a_goal_is_reached_at_its_bound_and_says_what_was_found() -> None:
    assert found(f"engine ÷ bare, {KAFKA.name}") == Goal(
        f"engine ÷ bare, {KAFKA.name}", "at least 0.65", "0.65", reached=True
    )
    assert found(f"engine ÷ framework, {KAFKA.name}").reached is False
    assert found(f"p95 of a hop at 100 events a second, {KAFKA.name}").reached is True
    assert found("cost an event, 10 thousand to 1 million").reached is False


def test_what_was_not_measured_is_neither_reached_nor_missed() -> None:
    assert found(f"engine ÷ bare, {MONGO.name}") == Goal(
        f"engine ÷ bare, {MONGO.name}", "at least 0.65", "not measured", reached=None
    )
    assert all(goal.reached is None for goal in report().goals)


@pytest.mark.parametrize(("events", "reached"), [(1_000_000, True), (999_999, None)])
def test_memory_is_flat_over_a_million_events_and_no_less(events: int, reached: bool | None) -> None:
    lines = [
        MeasuredRow("", {"events": figure("", [count]), "memory": figure("MB", [size])})
        for count, size in ((1_000, 100), (events, 110))
    ]
    whole = report(Section("memory", "Memory", "", [Part(MILLION, lines)]))
    assert found("memory flat", whole).reached is reached
    assert found("resident memory", whole).reached is True


def test_matching_may_grow_where_the_rest_may_not() -> None:
    lines = [
        MeasuredRow(size, {column: figure("", [value]) for column in (*OTHERS, *MATCHINGS)})
        for size, value in (("100", 1.0), ("20,000", 4.0))
    ]
    whole = report(Section("activities", "", "", [Part("activities", lines)]))
    assert [found(f"{column} among", whole).reached for column in MATCHINGS] == [True, True]
    assert [found(f"cost of {column}", whole).reached for column in OTHERS] == [False, False]


# --- what is rendered


def test_json_is_one_object_with_every_section_and_goal() -> None:
    told = json.loads(as_json(WHOLE))
    assert told["sections"]["ways"]["parts"][0]["lines"][1]["figures"]["events a second"]["median"] == 6_500
    assert len(told["goals"]) == len(WHOLE.goals)


@pytest.mark.parametrize("rendered", [as_text(WHOLE), as_page(WHOLE)])
def test_ratios_stand_before_what_they_are_made_of(rendered: str) -> None:
    assert rendered.index("engine ÷ bare") < rendered.index("6,500")
    assert "no Docker" in rendered


def test_the_page_tells_by_which_command_and_each_goal() -> None:
    page = as_page(WHOLE)
    assert "`python -m tests.bench ways`" in page
    assert "| engine ÷ framework, Apache Kafka, SQLite | at least 30 | 20.00 | not reached |" in page
    widths = {row.count("|") for row in page.splitlines() if row.startswith("| engine ÷")}
    assert len(widths) == 1


def test_the_picture_says_in_words_all_that_it_shows() -> None:
    root = ElementTree.fromstring(picture(WHOLE))  # noqa: S314 - our own
    assert root.get("aria-labelledby") == "title desc"
    description = root.findtext(f"{SVG}desc") or ""
    assert "engine 6,500" in description
    assert "1,000,000 × 1.16" in description
    written = [text.text or "" for text in root.iter(f"{SVG}text")]
    assert any("÷ 0.65" in text for text in written)
    assert "hop" in written


def test_the_picture_of_nothing_is_still_one() -> None:
    assert ElementTree.fromstring(picture(report())).findtext(f"{SVG}title")  # noqa: S314 - our own


@pytest.mark.parametrize(("value", "told"), [(12_345.6, "12,346"), (12.34, "12.3"), (0.654, "0.65")])
def test_three_digits_count(value: float, told: str) -> None:
    assert number(value) == told


def test_a_profile_counts_a_function_that_calls_itself_once() -> None:
    told = table(["main (a.py:1);work (a.py:2);work (a.py:3) 3", "main (a.py:1) 1"])
    assert " 75.0%  75.0%  work (a.py" in told
    assert "100.0%  25.0%  main (a.py" in told


# --- the peers


@pytest.mark.parametrize("program", ["step.py", "meter.py", "quix.py", "faust_streaming.py"])
def test_a_peer_imports_nothing_that_its_environment_lacks(program: str) -> None:
    source = (environment.ROOT / "tests" / "bench" / "peers" / program).read_text(encoding="utf-8")
    modules = [node.module or "" for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
    ours = [module for module in modules if module.startswith(("shared", "tests", "services", "deploy"))]
    assert all(module.startswith(("shared.contracts.", "tests.bench.peers.")) for module in ours)
