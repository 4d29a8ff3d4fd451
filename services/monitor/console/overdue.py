"""The pages of what is late: the list, counted in people, and who looks after one of it."""

from typing import Final

from starlette.responses import RedirectResponse, Response

from services.monitor.console.asked import NotAnswered
from services.monitor.console.links import address
from services.monitor.console.pages import ConsolePage, Content, Fields, Visit
from shared.contracts.fields import LATE_WHATS

PATH: Final = "/overdue"
_FILTERS: Final = ("what", "concerns")
_A_PAGE: Final = "50"


async def show_list(visit: Visit) -> Content:
    """Referrals whose next step is late and events that have waited too long, the oldest first."""
    query = visit.query
    said = await visit.ask("/v1/overdue", {"limit": _A_PAGE, **query})
    return {
        "counted": said["counted"],
        "overdue": said["overdue"],
        "classes": visit.words_of("classes"),
        "next": address(PATH, query, after=said["next"]) if said["next"] else "",
        "first": address(PATH, query, after=None) if "after" in query else "",
        "steps": LATE_WHATS,
        "query": {name: query.get(name, "") for name in _FILTERS},
        "is_filtered": any(name in query for name in _FILTERS),
        "summary": f"{visit.words['title']}: {said['counted']['referrals'] + said['counted']['events']}",
    }


async def show_care(visit: Visit) -> Content:
    """The form by which somebody says who looks after it."""
    return _form(visit, owner=visit.who, note="", fault="")


async def care(visit: Visit, fields: Fields) -> Content | Response:
    """Says it; what was typed is kept where it cannot be said."""
    owner, note = fields.get("owner", "").strip(), fields.get("note", "").strip()
    said = {name: value for name, value in (("owner", owner), ("note", note)) if value}
    try:
        await visit.send(f"/v1/overdue/{visit.request.path_params['late_id']}", said, method="PUT")
    except NotAnswered as error:
        return _form(visit, owner=owner, note=note, fault=error.detail)
    return RedirectResponse(PATH, 303)


def _form(visit: Visit, **entered: str) -> Content:
    return {"late_id": visit.request.path_params["late_id"], **entered}


PAGES: Final = (
    ConsolePage("overdue", PATH, show_list, "mend", takes=(*_FILTERS, "after"), renews=True, key="u"),
    ConsolePage("care", f"{PATH}/{{late_id}}", show_care, roles=("ops",), act=care),
)
