"""docs/bench.svg: rates and their ratios, latency, cost by step, and how cost grows. Pure; every bar and line is also in words."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from tests.bench.goals import OTHERS
from tests.bench.latency import RATES
from tests.bench.report import Report, number
from tests.bench.results import Part, Section
from tests.svg import COLOURS, opening, step, style

WIDTH: Final = 860
_LEFT: Final = 230
_RIGHT: Final = 120
_BAR: Final = 18
_GAP: Final = 40
_SPAN: Final = WIDTH - _LEFT - _RIGHT
_GROWTH: Final = (
    ("size", "processor an event", "aggregate, bytes"),
    ("aggregates", "processor an event", "aggregates"),
    ("activities", OTHERS[0], "activities, a place asked for"),
    ("senders", "processor an event", "senders' topics"),
)


@dataclass(frozen=True)
class Bar:
    """One horizontal bar: its length from 0 to 1, and what stands beside it."""

    name: str
    length: float
    told: str
    colour: int = 0


def picture(report: Report) -> str:
    """The picture as SVG, with its text alternative."""
    sections = {section.name: section for section in report.sections}
    drawn, top, words = list[str](), 70, list[str]()
    for title, groups in (
        ("Events a second, on a logarithmic scale; beside it the engine's ratio to it", _rates(sections.get("ways"))),
        ("p95 of latency at 100 events a second, ms", _latency(sections.get("latency"))),
        ("Processor time of an event by step, µs", _steps(sections.get("steps"))),
    ):
        if groups:
            drawn += _panel(title, groups, top)
            words += [f"{title}: {_in_words(groups)}"]
            top += 30 + sum(24 + _BAR * len(bars) for _, bars in groups) + _GAP
    lines = [(name, points) for name, points in _grown(sections) if len(points) > 1]
    if lines:
        drawn += _growth(lines, top)
        words.append(f"Cost an event, to what it is at the least: {_told(lines)}")
        top += 240
    title = "What an event costs"
    summary = f"{report.machine.get('when', '')}, {report.machine.get('cores', '?')} cores, {report.command}"
    heading = [
        f'<text x="20" y="26" font-size="16">{title}</text>',
        f'<text x="20" y="46" fill="#555">{escape(summary)}</text>',
    ]
    return "\n".join([*opening(WIDTH, top, title, f"{summary}. {'. '.join(words)}."), *heading, *drawn, "</svg>", ""])


# --- bars

Groups = Sequence[tuple[str, Sequence[Bar]]]


def _panel(title: str, groups: Groups, top: int) -> Iterator[str]:
    yield f'<text x="20" y="{top}" font-weight="bold">{escape(title)}</text>'
    y = top + 12
    for name, bars in groups:
        y += 24
        yield f'<text x="20" y="{y - 6}" fill="#555">{escape(name)}</text>'
        for bar in bars:
            width = max(1.0, bar.length * _SPAN)
            yield f'<text x="{_LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(bar.name)}</text>'
            yield f'<rect x="{_LEFT}" y="{y + 2}" width="{width:.1f}" height="{_BAR - 4}" fill="{COLOURS[bar.colour]}"/>'
            yield f'<text x="{_LEFT + width + 6:.1f}" y="{y + 13}">{escape(bar.told)}</text>'
            y += _BAR


def _rates(ways: Section | None) -> Groups:
    column = "events a second"
    parts = [part for part in (ways.parts if ways else ()) if part.lines]
    most = max((line.figures[column].median for part in parts for line in part.lines), default=1.0)
    return [(part.name, [*_rate_bars(part, column, most)]) for part in parts]


def _rate_bars(part: Part, column: str, most: float) -> Iterator[Bar]:
    for line in part.lines:
        rate = line.figures[column].median
        ratio = part.ratios.get(f"engine ÷ {line.name}")
        told = number(rate) + (f", ÷ {number(ratio)}" if ratio else "")
        yield Bar(line.name, math.log10(max(rate, 1)) / math.log10(max(most, 10)), told, line.name == "engine")


def _latency(latency: Section | None) -> Groups:
    at = f"{RATES[1]} events a second"
    found = []
    for part in latency.parts if latency else ():
        delays = {moment: part.median(at, f"{moment} p95") for moment in ("hop", "proposal", "road")}
        found.append((part.name, {moment: delay for moment, delay in delays.items() if delay is not None}))
    most = max((delay for _, delays in found for delay in delays.values()), default=1.0)
    return [
        (name, [Bar(moment, delay / most, f"{number(delay)} ms") for moment, delay in delays.items()])
        for name, delays in found
        if delays
    ]


def _steps(steps: Section | None) -> Groups:
    parts = [part for part in (steps.parts if steps else ()) if part.lines]
    shown = {part.name: [(line.name, line.figures["an event"].median) for line in part.lines[:-1]] for part in parts}
    most = max((cost for costs in shown.values() for _, cost in costs), default=1.0)
    return [
        (name, [Bar(one, cost / most, f"{number(cost)} µs") for one, cost in costs]) for name, costs in shown.items()
    ]


def _in_words(groups: Groups) -> str:
    return "; ".join(f"{name}: {', '.join(f'{bar.name} {bar.told}' for bar in bars)}" for name, bars in groups)


# --- lines

Lines = Sequence[tuple[str, Sequence[tuple[str, float]]]]


def _grown(sections: dict[str, Section]) -> Iterator[tuple[str, Sequence[tuple[str, float]]]]:
    """Of each growth, the sizes with what an event costs, to what it costs at the least size."""
    for name, column, told in _GROWTH:
        section = sections.get(name)
        costs = [
            (line.name, line.figures[column].median)
            for part in (section.parts if section else ())
            for line in part.lines
        ]
        if costs and costs[0][1]:
            yield told, [(size, cost / costs[0][1]) for size, cost in costs]


def _growth(lines: Lines, top: int) -> Iterator[str]:
    height, width, left = 150, 420, 70
    most = max(value for _, points in lines for _, value in points)
    each = step(most, 5)
    ceiling = -(-most // each) * each
    yield f'<text x="20" y="{top}" font-weight="bold">Cost an event, times what it is at the least; from left to right it grows</text>'
    for nth in range(round(ceiling / each) + 1):
        y = top + 20 + height * (1 - nth * each / ceiling)
        yield f'<path d="M{left} {y:.1f}h{width}" stroke="#ccc" stroke-width="0.5"/>'
        yield f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{nth * each:g}</text>'
    for nth, (name, points) in enumerate(lines):
        places = [
            (left + width * at / (len(points) - 1), top + 20 + height * (1 - value / ceiling))
            for at, (_, value) in enumerate(points)
        ]
        yield f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}" {style(nth)}/>'
        y = top + 34 + nth * 36
        yield f'<path d="M{left + width + 14} {y - 4}h24" {style(nth)}/>'
        yield f'<text x="{left + width + 44}" y="{y}">{escape(name)}: × {points[-1][1]:.2f}</text>'
        yield f'<text x="{left + width + 44}" y="{y + 15}" fill="#555">{points[0][0]} to {points[-1][0]}</text>'


def _told(lines: Lines) -> str:
    return "; ".join(
        f"{name}: {', '.join(f'{size} × {value:.2f}' for size, value in points)}" for name, points in lines
    )
