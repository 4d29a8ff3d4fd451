"""The soak's picture: memory of each process, disk of the folder, and the times of the faults. Pure.

Services and servers have axes of their own: beside a Java server a service's memory would be a straight line.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from tests.svg import opening, step, style

WIDTH: Final = 860
_LEFT, _RIGHT = 62, 190
_TOPS: Final = (76, 326, 496)
_HEIGHTS: Final = (190, 110, 110)
_HEIGHT: Final = 650
_SERVERS: Final = ("broker", "mongodb")


@dataclass(frozen=True)
class Sample:
    """The measurements of one moment, `at` seconds after the begin."""

    at: float
    memory_mb: dict[str, float]
    disk_mb: float


def drawing(title: str, summary: str, samples: Sequence[Sample], faults: Sequence[tuple[float, str]]) -> str:
    """The picture as SVG, with its text alternative."""
    end = max(samples[-1].at, 1.0)
    names = sorted({name for sample in samples for name in sample.memory_mb})
    servers = [name for name in names if name in _SERVERS]
    services = [name for name in names if name not in _SERVERS]
    panels = (
        _Panel("Memory of each service, MB resident", _TOPS[0], _HEIGHTS[0], end, _most(samples, services)),
        _Panel("Memory of the servers, MB resident", _TOPS[1], _HEIGHTS[1], end, _most(samples, servers)),
        _Panel("Disk of the folder, MB", _TOPS[2], _HEIGHTS[2], end, max(sample.disk_mb for sample in samples)),
    )
    parts = [
        *opening(WIDTH, _HEIGHT, title, _in_words(summary, samples, names, faults)),
        f'<text x="{_LEFT}" y="24" font-size="16">{escape(title)}</text>',
        f'<text x="{_LEFT}" y="44" fill="#555">{escape(summary)}</text>',
        *_fault_lines(panels, faults),
        *(line for panel in panels for line in panel.axes()),
    ]
    for panel, shown in zip(panels, (services, servers), strict=False):
        for number, name in enumerate(shown):
            points = [(one.at, one.memory_mb[name]) for one in samples if name in one.memory_mb]
            parts += [
                panel.line(points, style(number)),
                *_legend(panel.top, number, f"{name}, {points[-1][1]:.0f} MB"),
            ]
    parts.append(panels[-1].line([(one.at, one.disk_mb) for one in samples], style(0)))
    return "\n".join([*parts, "</svg>", ""])


def _most(samples: Sequence[Sample], names: Sequence[str]) -> float:
    return max((sample.memory_mb.get(name, 0.0) for sample in samples for name in names), default=1.0)


@dataclass(frozen=True)
class _Panel:
    """One pair of axes: seconds across, an amount upwards from 0."""

    title: str
    top: int
    height: int
    end: float
    most: float

    def x(self, at: float) -> float:
        return _LEFT + at / self.end * (WIDTH - _LEFT - _RIGHT)

    def y(self, amount: float) -> float:
        each = step(self.most, 5)
        ceiling = -(-max(self.most, 1.0) // each) * each
        return self.top + self.height * (1 - amount / ceiling)

    def line(self, points: Sequence[tuple[float, float]], style: str) -> str:
        return f'<polyline points="{" ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)}" {style}/>'

    def axes(self) -> Iterator[str]:
        bottom, right = self.top + self.height, WIDTH - _RIGHT
        yield f'<text x="{_LEFT}" y="{self.top - 8}" font-weight="bold">{self.title}</text>'
        each = step(self.most, 5)
        for number in range(int(-(-max(self.most, 1.0) // each)) + 1):
            y = self.y(number * each)
            yield f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="#ccc" stroke-width="0.5"/>'
            yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{number * each:g}</text>'
        yield f'<path d="M{_LEFT} {self.top}V{bottom}H{right}" stroke="#222" fill="none"/>'
        seconds = step(self.end, 8) if self.end < 120 else 60 * step(self.end / 60, 8)
        for number in range(int(self.end // seconds) + 1):
            at = number * seconds
            yield f'<path d="M{self.x(at):.1f} {bottom}v5" stroke="#222"/>'
            yield f'<text x="{self.x(at):.1f}" y="{bottom + 18}" text-anchor="middle">{_clock(at)}</text>'
        yield f'<text x="{right}" y="{bottom + 34}" text-anchor="end">minutes:seconds since the begin</text>'


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _fault_lines(panels: Sequence[_Panel], faults: Sequence[tuple[float, str]]) -> Iterator[str]:
    style = 'stroke="#d32f2f" stroke-width="0.8" stroke-dasharray="1 2"'
    for at, what in faults:
        x = panels[0].x(at)
        path = "".join(f"M{x:.1f} {panel.top}V{panel.top + panel.height}" for panel in panels)
        yield f'<path d="{path}" {style}><title>{_clock(at)} {escape(what)}</title></path>'
    if faults:
        yield f'<path d="M{WIDTH - _RIGHT + 14} {_TOPS[-1] + 10}h24" {style}/>'
        yield f'<text x="{WIDTH - _RIGHT + 44}" y="{_TOPS[-1] + 14}">a kill, stop or freeze</text>'


def _legend(top: int, number: int, text: str) -> Iterator[str]:
    y = top + 10 + number * 20
    yield f'<path d="M{WIDTH - _RIGHT + 14} {y}h24" {style(number)}/>'
    yield f'<text x="{WIDTH - _RIGHT + 44}" y="{y + 4}">{escape(text)}</text>'


def _in_words(
    summary: str, samples: Sequence[Sample], names: Sequence[str], faults: Sequence[tuple[float, str]]
) -> str:
    first, last = samples[0], samples[-1]
    memory = "; ".join(
        f"{name} {first.memory_mb[name]:.0f} to {last.memory_mb[name]:.0f}"
        for name in names
        if name in first.memory_mb and name in last.memory_mb
    )
    done = "; ".join(f"{_clock(at)} {what}" for at, what in faults) or "nothing"
    return (
        f"{summary}. Memory in MB, begin to end: {memory}. Disk: {first.disk_mb:.0f} to {last.disk_mb:.0f} MB. "
        f"What was done: {done}."
    )
