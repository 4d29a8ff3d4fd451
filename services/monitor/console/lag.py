"""The page Lag: how each service keeps up, all its partitions together, and each that is behind by itself."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from services.monitor.console.pages import ConsolePage, Content, Visit
from services.monitor.lag_states import LagState

TONES: Final[Mapping[LagState, str]] = {
    "ok": "good",
    "warn": "warn",
    "rewind": "warn",
    "stall": "bad",
    "stop": "bad",
    "unknown": "",
}
"""How each state looks."""


async def show(visit: Visit) -> Content:
    """A line a service, the partitions that are behind below it."""
    said = await visit.ask("/v1/lag")
    services = [_together(one["service"], one["state"], said["groups"]) for one in said["services"]]
    behind = [one["service"] for one in services if one["state"] != "ok" or one["lag"]]
    words = visit.words
    summary = words["summary_some"] + ", ".join(behind) if behind else words["summary_none"]
    return {"services": services, "tones": TONES, "summary": summary}


def _together(service: str, state: LagState, groups: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    own = [one for one in groups if one["service"] == service]
    behind = sorted((one for one in own if one["lag"]), key=lambda one: -float(one["seconds"]))
    return {
        "service": service,
        "state": state,
        "partitions": len(own),
        "lag": sum(one["lag"] for one in behind),
        "seconds": max((one["seconds"] for one in behind), default=0.0),
        "behind": behind,
    }


PAGE: Final = ConsolePage("lag", "/lag", show, "traffic", renews=True)
