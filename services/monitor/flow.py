"""The flows of events of a week: what was declared against what was seen. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from services.monitor.projections.observed import UNKNOWN
from services.monitor.sending import SentInADay
from shared.contracts.event_class import EventClass
from shared.contracts.registry import kind_of

FlowState = Literal["flows", "silent", "undeclared"]
_ORDER: Final = ("undeclared", "silent", "flows")
_FROM_THE_START: Final = {"region", "opisto"}
"""Of another kind of partner a platform may have none: it is silent only once one of it has sent something."""


@dataclass(frozen=True)
class Edge:
    """A class from a kind of sender to the service that owns it; `delay` in seconds from its own time, on average."""

    sender: str
    name: str
    to: str
    state: FlowState
    events: int
    refused: int
    delay: float


def edges(rows: Iterable[SentInADay], classes: Mapping[str, EventClass]) -> list[Edge]:
    """Every declared edge, and each that was seen: what is undeclared first, then what is silent."""
    seen: dict[tuple[str, str], list[SentInADay]] = {}
    for row in rows:
        seen.setdefault((_kind(row.sender), row.name), []).append(row)
    there = _FROM_THE_START | {kind for kind, _ in seen}
    declared = {
        (sender, one.name)
        for one in classes.values()
        for sender in one.senders
        if sender in there or sender.startswith("service/")
    }
    found = [_edge(at, seen.get(at, ()), classes, declared=at in declared) for at in seen.keys() | declared]
    return sorted(found, key=lambda one: (_ORDER.index(one.state), one.sender, one.name))


def _kind(sender: str) -> str:
    return UNKNOWN if sender == UNKNOWN else kind_of(sender)


def _edge(
    at: tuple[str, str], rows: Iterable[SentInADay], classes: Mapping[str, EventClass], *, declared: bool
) -> Edge:
    sender, name = at
    rows = list(rows)
    events = sum(row.total for row in rows)
    refused = sum(row.refused for row in rows)
    state: FlowState = ("flows" if events else "silent") if declared else "undeclared"
    delay = sum(row.delays for row in rows) / events if events else 0.0
    to = classes[name].owner if name in classes else UNKNOWN
    return Edge(sender, name, to, state, events, refused, delay)
