"""The page Flow: which classes come from whom to whom, what nobody declares and what has stopped first."""

from collections.abc import Iterable, Mapping
from typing import Final, get_args

from services.monitor.console.overview_map import FLOW, FLOW_TONES
from services.monitor.console.pages import ConsolePage, Content, Visit
from services.monitor.flow import FlowState

_ENDS: Final = ("sender", "to")


async def show(visit: Visit) -> Content:
    """Every edge of a week, or those alone of which this is so, from this sender, to this service."""
    query = visit.query
    said = await visit.ask("/v1/flow", {"state": query["state"]} if "state" in query else {})
    ends = {name: query[name] for name in _ENDS if name in query}
    states = [one["state"] for one in said["edges"]]
    return {
        "edges": [one for one in said["edges"] if ends.items() <= one.items()],
        "ends": {name: _choices(said["edges"], name, ends.get(name)) for name in _ENDS},
        "query": {name: query.get(name, "") for name in _ENDS},
        "is_filtered": bool(query),
        "tones": FLOW_TONES,
        "classes": visit.words_of("classes"),
        "states": get_args(FlowState),
        "state": visit.query.get("state", ""),
        "summary": f"{visit.words['state_undeclared']}: {states.count('undeclared')}",
    }


def _choices(edges: Iterable[Mapping[str, str]], name: str, chosen: str | None) -> list[str]:
    return sorted({one[name] for one in edges} | ({chosen} if chosen else set()))


PAGE: Final = ConsolePage("flow", FLOW, show, "traffic", takes=("state", *_ENDS), renews=True)
