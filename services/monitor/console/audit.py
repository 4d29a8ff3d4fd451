"""The page Audit: who looked, acted, or was refused."""

from typing import Final

from services.monitor.console.links import address
from services.monitor.console.pages import ConsolePage, Content, Visit

PATH: Final = "/audit"
_A_PAGE: Final = "100"


async def show(visit: Visit) -> Content:
    """What the audit has, the newest first."""
    query = visit.query
    said = await visit.ask("/v1/audit", {"limit": _A_PAGE, **query})
    return {
        "entries": said["entries"],
        "query": {name: query.get(name, "") for name in ("who", "allowed")},
        "deeds": visit.words_of("looks"),
        "next": address(PATH, query, after=said["next"]) if said["next"] else "",
        "first": address(PATH, query, after=None) if "after" in query else "",
    }


PAGE: Final = ConsolePage("audit", PATH, show, "control", roles=("ops",), takes=("who", "allowed", "after"))
