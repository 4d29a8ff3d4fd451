"""One place that renders: a table on the terminal, JSON, a page in Markdown. Ratios first, then what they are made of. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench.goals import Goal, goals
from tests.bench.results import MeasuredFigure, Part, Section

_REACHED = {True: "reached", False: "not reached", None: "not measured"}


@dataclass(frozen=True)
class Report:
    """All that was measured in one run: by which command, on what."""

    command: str
    machine: Mapping[str, str]
    sections: Sequence[Section]

    @property
    def goals(self) -> list[Goal]:
        """Held against what was measured."""
        return goals({section.name: section for section in self.sections})


def as_json(report: Report) -> str:
    """One object."""
    told: dict[str, Any] = {"command": report.command, "machine": dict(report.machine)}
    told["goals"] = [asdict(goal) for goal in report.goals]
    told["sections"] = {section.name: asdict(section) for section in report.sections}
    return json.dumps(told, ensure_ascii=False, indent=1)


def number(value: float) -> str:
    """Three digits that count."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def cell(figure: MeasuredFigure | None) -> str:
    """The median, and the spread where there were several rounds."""
    if figure is None:
        return "–"
    spread = f" ({number(figure.least)} to {number(figure.greatest)})" if figure.rounds > 1 else ""
    return number(figure.median) + spread


def rows(part: Part) -> list[tuple[str, ...]]:
    """A table's head and its rows."""
    columns = list(dict.fromkeys(name for line in part.lines for name in line.figures))
    units = {name: line.figures[name].unit for line in part.lines for name in line.figures}
    head = ("", *(f"{name}, {units[name]}" if units[name] else name for name in columns))
    return [head, *((line.name, *(cell(line.figures.get(name)) for name in columns)) for line in part.lines)]


def ratio_rows(section: Section) -> list[tuple[str, ...]]:
    """The ratios of all parts; empty where there are none."""
    parts = [part for part in section.parts if part.ratios]
    names = list(dict.fromkeys(name for part in parts for name in part.ratios))
    if not names:
        return []
    found = ((part.name, *(number(part.ratios[one]) if one in part.ratios else "–" for one in names)) for part in parts)
    return [("", *names), *found]


def goal_rows(report: Report) -> list[tuple[str, ...]]:
    """The goals, each with what was found."""
    found = ((goal.what, goal.wanted, goal.found, _REACHED[goal.reached]) for goal in report.goals)
    return [("goal", "wanted", "found", ""), *found]


# --- the terminal


def as_text(report: Report) -> str:
    """Tables in plain text."""
    return "\n".join(_text(report))


def _text(report: Report) -> Iterator[str]:
    for section in report.sections:
        yield f"\n{section.title}"
        yield from _aligned(ratio_rows(section))
        for part in section.parts:
            if part.missing:
                yield f"  {part.name}: {part.missing}"
            if part.lines:
                yield f"  {part.name}"
                yield from _aligned(rows(part))
    yield "\nGoals"
    yield from _aligned(goal_rows(report))


def _aligned(table: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = [
            one.ljust(width) if at == 0 else one.rjust(width)
            for at, (one, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield f"    {'  '.join(cells)}".rstrip()


# --- the page


def as_page(report: Report) -> str:
    """docs/bench.md."""
    return "\n".join(_page(report)) + "\n"


def _page(report: Report) -> Iterator[str]:
    yield "# What it costs\n"
    yield f"Written by `{report.command}`; every figure is what that run measured on the machine below, and another"
    yield "machine gives others. Each is the median of its rounds, with the least and the greatest in brackets; ratios are"
    yield "of medians and stand first, since what stands side by side in one run can be compared."
    yield "\n![Rates, latency, cost by step and growth, as bars and lines; the tables below say the same](bench.svg)\n"
    yield from (f"- {name}: {value}" for name, value in report.machine.items())
    yield "\n## Goals\n"
    yield from _markdown(goal_rows(report))
    for section in report.sections:
        yield f"\n## {section.title}\n\n{section.says}\n\n`python -m tests.bench {section.name}`\n"
        if ratios := ratio_rows(section):
            yield from (*_markdown(ratios), "")
        yield from _parts(section.parts)


def _parts(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        yield f"**{part.name}**" + (f": {part.missing}" if part.missing else "")
        yield ""
        if part.lines:
            yield from (*_markdown(rows(part)), "")


def _markdown(table: Sequence[Sequence[str]]) -> Iterator[str]:
    head, *rest = table
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join(['---', *['---:'] * (len(head) - 1)])} |"
    yield from (f"| {' | '.join(row)} |" for row in rest)
