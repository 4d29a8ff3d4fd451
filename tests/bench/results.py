"""What a measurement gives back: plain values, from which `report.py` makes a table, a page, a picture or JSON."""

import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class MeasuredFigure:
    """The median of several rounds, the least and the greatest of them, in `unit`."""

    unit: str
    median: float
    least: float
    greatest: float
    rounds: int = 1


@dataclass(frozen=True)
class MeasuredRow:
    """One row of a table: what was measured of one thing, by the names of the columns."""

    name: str
    figures: Mapping[str, MeasuredFigure]


@dataclass(frozen=True)
class Part:
    """One table: a pair of backends, or one question. `missing`: why there is none; `ratios` are of medians."""

    name: str
    lines: Sequence[MeasuredRow] = ()
    ratios: Mapping[str, float] = field(default_factory=dict)
    missing: str = ""

    def median(self, line: str, column: str) -> float | None:
        """A median, or None where it was not measured."""
        found = [one.figures[column].median for one in self.lines if one.name == line and column in one.figures]
        return found[0] if found else None


@dataclass(frozen=True)
class Section:
    """One measurement. `says`: what was done, and what the comparison includes."""

    name: str
    title: str
    says: str
    parts: Sequence[Part]

    def part(self, name: str) -> Part:
        """The table of that name; an empty one where it was not measured."""
        return next((one for one in self.parts if one.name == name), Part(name, missing="not measured"))


def figure(unit: str, values: Sequence[float]) -> MeasuredFigure:
    """One value a round."""
    return MeasuredFigure(unit, statistics.median(values), min(values), max(values), len(values))


def over_rounds(rounds: Sequence[Sequence[MeasuredRow]]) -> list[MeasuredRow]:
    """The lines of several rounds as one table, in the order of the first; each figure of a round is one value."""
    found: dict[str, dict[str, tuple[str, list[float]]]] = {}
    for lines in rounds:
        for line in lines:
            columns = found.setdefault(line.name, {})
            for column, one in line.figures.items():
                columns.setdefault(column, (one.unit, []))[1].append(one.median)
    return [
        MeasuredRow(name, {column: figure(unit, values) for column, (unit, values) in columns.items()})
        for name, columns in found.items()
    ]


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99 of a sample of at least two."""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98]}


def ratio(above: float | None, below: float | None) -> dict[str, float]:
    """Nothing where one of them was not measured."""
    return {} if above is None or not below else {"": above / below}


def say(line: str) -> None:
    """Progress, for a person who waits; stdout is the report's."""
    print(f"bench: {line}", file=sys.stderr, flush=True)
