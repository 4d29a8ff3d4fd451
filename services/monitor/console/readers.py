"""The page Readers: how far each partner has read its feed, who left something unread for longest first."""

from typing import Final

from services.monitor.console.links import address
from services.monitor.console.pages import ConsolePage, Content, Visit

PATH: Final = "/readers"
_A_PAGE: Final = "50"


async def show(visit: Visit) -> Content:
    """A page of partners."""
    query = visit.query
    said = await visit.ask("/v1/readers", {"limit": _A_PAGE, **query})
    unread = sum(one["unread_since"] is not None for one in said["readers"])
    return {
        "readers": said["readers"],
        "next": address(PATH, query, after=said["next"]) if said["next"] else "",
        "first": PATH if "after" in query else "",
        "summary": f"{visit.words['unread']}: {unread}",
    }


PAGE: Final = ConsolePage("readers", PATH, show, "traffic", takes=("after",), renews=True)
