"""Where the map of flows draws each sender, service and feed, and the way between two of them.

Senders stand left, services in the middle, feeds right; lengths are units of the picture. Pure: no clock, no I/O.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from math import log10
from typing import Final, NamedTuple

from services.monitor.console.flow_sums import FEEDS, MONITOR, NOBODY, PARTICIPANTS, PARTNERS, UNPROVEN, FlowSum

WIDTH: Final = 1_080
CHIP: Final = (124, 46)
"""Width and height of an arrow's figures."""
_COLUMNS: Final = (
    (*PARTNERS, PARTICIPANTS, UNPROVEN),
    ("catalogue", "referral", "feedback", "partners", MONITOR, NOBODY),
    ("", "notify", FEEDS),
)
_LEFT: Final = (4, 440, 866)
_WIDE: Final = (190, 200, 210)
_AT_NEED: Final = frozenset({*PARTNERS[2:], UNPROVEN, "partners", MONITOR, NOBODY})
"""Drawn only where something comes from there or goes there."""
_LOW: Final = 84
_BETWEEN: Final = 84
_PORT: Final = {"right": 52.0, "left": 30.0, "top": 136.0, "bottom": 136.0}
_HEAD: Final = 13


class MapNode(NamedTuple):
    """A box of the map: its name, its upper left corner, its size, its place among columns and rows."""

    name: str
    x: float
    y: float
    wide: float
    high: float
    column: int
    row: int


class MapEdge(NamedTuple):
    """An arrow: its path, the points of its head, its thickness, and the upper left corner of its figures."""

    flow: FlowSum
    path: str
    head: str
    thick: float
    x: float
    y: float


class FlowMap(NamedTuple):
    """The whole picture."""

    height: float
    nodes: Sequence[MapNode]
    edges: Sequence[MapEdge]


class _Port(NamedTuple):
    """Where an arrow leaves or enters a box, and the direction out of the box."""

    x: float
    y: float
    out: tuple[int, int]


_OUT: Final = {"right": (1, 0), "left": (-1, 0), "top": (0, -1), "bottom": (0, 1)}
_Ends = dict[tuple[str, str], list[tuple[FlowSum, str]]]
"""By a box and one of its sides: each flow that meets it there, with the box at its other end."""


def flow_map(flows: Iterable[FlowSum]) -> FlowMap:
    """The picture of these flows, but for the machinery among them."""
    shown = [flow for flow in flows if not flow.is_inner]
    places = _places({name for flow in shown for name in (flow.source, flow.target)})
    ends = _ends(shown, places)
    nodes, height = _nodes(places, ends)
    return FlowMap(height, list(nodes.values()), [_edge(flow, nodes, places, ends) for flow in shown])


def _places(named: Collection[str]) -> dict[str, tuple[int, int]]:
    """Column and row of each box."""
    drawn = [[name for name in column if name not in _AT_NEED or name in named] for column in _COLUMNS]
    return {name: (at, row) for at, column in enumerate(drawn) for row, name in enumerate(column) if name}


def _sides(source: tuple[int, int], target: tuple[int, int]) -> tuple[str, str]:
    """By which sides an arrow leaves and enters."""
    (column, row), (to_column, to_row) = source, target
    if column != to_column:
        return ("right", "left") if column < to_column else ("left", "right")
    if abs(row - to_row) == 1:
        return ("bottom", "top") if row < to_row else ("top", "bottom")
    return "right", "right"


def _ends(flows: Iterable[FlowSum], places: dict[str, tuple[int, int]]) -> _Ends:
    ends: _Ends = defaultdict(list)
    for flow in flows:
        leaves, enters = _sides(places[flow.source], places[flow.target])
        ends[flow.source, leaves].append((flow, flow.target))
        ends[flow.target, enters].append((flow, flow.source))
    for met in ends.values():
        # By row, so that arrows do not cross; of two that go to and fro between neighbours the one downwards is first.
        met.sort(key=lambda one: (places[one[1]][1], places[one[0].source][1] > places[one[0].target][1]))
    return ends


def _nodes(places: dict[str, tuple[int, int]], ends: _Ends) -> tuple[dict[str, MapNode], float]:
    high = {name: _height(name, ends) for name in places}
    tops: list[float] = [4.0]
    for row in range(max(row for _, row in places.values()) + 1):
        tops.append(tops[-1] + max(high[name] for name, (_, at) in places.items() if at == row) + _BETWEEN)
    nodes = {}
    for name, (column, row) in places.items():
        middle = (tops[row] + tops[row + 1] - _BETWEEN) / 2
        nodes[name] = MapNode(name, _LEFT[column], middle - high[name] / 2, _WIDE[column], high[name], column, row)
    return nodes, tops[-1] - _BETWEEN + 4


def _height(name: str, ends: _Ends) -> float:
    return max(_LOW, *(_PORT[side] * len(ends.get((name, side), ())) for side in ("left", "right")))


def _port(node: MapNode, side: str, flow: FlowSum, ends: _Ends) -> _Port:
    met = [one for one, _ in ends[node.name, side]]
    aside = (met.index(flow) - (len(met) - 1) / 2) * _PORT[side]
    if side in {"left", "right"}:
        return _Port(node.x + (node.wide if side == "right" else 0), node.y + node.high / 2 + aside, _OUT[side])
    return _Port(node.x + node.wide / 2 + aside, node.y + (node.high if side == "bottom" else 0), _OUT[side])


def _edge(flow: FlowSum, nodes: dict[str, MapNode], places: dict[str, tuple[int, int]], ends: _Ends) -> MapEdge:
    leaves, enters = _sides(places[flow.source], places[flow.target])
    start = _port(nodes[flow.source], leaves, flow, ends)
    end = _port(nodes[flow.target], enters, flow, ends)
    thick = thickness(flow.events)
    x, y = _chip(start, end)
    return MapEdge(flow, _path(start, end), _head(end, thick), thick, x, y)


def thickness(events: int) -> float:
    """Of an arrow: each ten times as many events are three units more."""
    return round(1.5 + 3 * log10(1 + events), 1)


def _path(start: _Port, end: _Port) -> str:
    """Straight past the figures, then in a bow to the back of the head."""
    x, y = end.x + end.out[0] * _HEAD, end.y + end.out[1] * _HEAD
    if start.out[1]:
        return f"M{start.x:g} {start.y:g}L{x:g} {y:g}"
    past = start.x + start.out[0] * (CHIP[0] + 16)
    bend = max(40.0, abs(x - past) * 0.6)
    return (
        f"M{start.x:g} {start.y:g}H{past:g}"
        f"C{past + start.out[0] * bend:g} {start.y:g} {x + end.out[0] * bend:g} {y:g} {x:g} {y:g}"
    )


def _head(end: _Port, thick: float) -> str:
    half, (right, down) = max(6.0, thick / 2 + 4), end.out
    base = end.x + right * _HEAD, end.y + down * _HEAD
    wings = ((base[0] + down * side * half, base[1] + right * side * half) for side in (1, -1))
    return " ".join(f"{x:g},{y:g}" for x, y in ((end.x, end.y), *wings))


def _chip(start: _Port, end: _Port) -> tuple[float, float]:
    wide, high = CHIP
    if start.out[1]:
        return (start.x + end.x - wide) / 2, (start.y + end.y - high) / 2
    return start.x + 10 if start.out[0] > 0 else start.x - 10 - wide, start.y - high / 2
