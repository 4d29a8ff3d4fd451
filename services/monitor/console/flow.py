"""The page Flow: which classes come from whom to whom, what nobody declares and what has stopped first."""

from collections.abc import Mapping
from typing import Final, get_args

from services.monitor.console.pages import ConsolePage, Content, Visit
from services.monitor.flow import FlowState

_TONES: Final[Mapping[FlowState, str]] = {"undeclared": "bad", "silent": "warn", "flows": "good"}


async def show(visit: Visit) -> Content:
    """Every edge of a week, or those alone of which this is so."""
    said = await visit.ask("/v1/flow", visit.query)
    states = [one["state"] for one in said["edges"]]
    return {
        "edges": said["edges"],
        "tones": _TONES,
        "classes": visit.words_of("classes"),
        "states": get_args(FlowState),
        "state": visit.query.get("state", ""),
        "summary": f"{visit.words['state_undeclared']}: {states.count('undeclared')}",
    }


PAGE: Final = ConsolePage("flow", "/flow", show, "traffic", takes=("state",), renews=True)
