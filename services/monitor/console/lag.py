"""The page Lag: how far each service is behind, all its partitions together, and each by itself."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from services.monitor.console.pages import Content, Page, Visit
from shared.contracts.topics import SERVICES


async def show(visit: Visit) -> Content:
    """A line a service, the partitions that are behind below it."""
    groups = (await visit.ask("/v1/lag"))["groups"]
    services = [_together(service, groups) for service in SERVICES]
    behind = [one["service"] for one in services if one["lag"]]
    words = visit.words
    return {
        "services": services,
        "summary": words["summary_some"] + ", ".join(behind) if behind else words["summary_none"],
    }


def _together(service: str, groups: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    own = [one for one in groups if one["service"] == service]
    behind = sorted((one for one in own if one["lag"]), key=lambda one: -float(one["seconds"]))
    return {
        "service": service,
        "partitions": len(own),
        "lag": sum(one["lag"] for one in behind),
        "seconds": max((one["seconds"] for one in behind), default=0.0),
        "behind": behind,
    }


PAGE: Final = Page("lag", "/lag", show, "traffic", renews=True)
