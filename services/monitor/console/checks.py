"""The page Checks: whether the platform can work, and what to do where it cannot; the same as `lahete doctor`."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.monitor.console.pages import ConsolePage, Content, Visit


async def show(visit: Visit) -> Content:
    """The platform's own checks, then each service's."""
    said = await visit.ask("/v1/checks")
    services = dict.fromkeys(one["service"] for one in said["checks"])
    failed = sum(one["state"] == "failed" for one in said["checks"])
    return {
        "groups": [(service, _of(service, said["checks"])) for service in sorted(services, key=lambda one: one or "")],
        "failed": failed,
        "summary": f"{visit.words['failed']}: {failed}" if failed else visit.words["all_ok"],
    }


def _of(service: str | None, checks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{**one, "kind": one["name"].partition(":")[0]} for one in checks if one["service"] == service]


PAGE: Final = ConsolePage("checks", "/checks", show, "control", renews=True, key="c")
