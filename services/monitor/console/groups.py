"""The pages of dead letters by fault: the groups, and what the team notes of one."""

from datetime import datetime
from typing import Any, Final

from starlette.responses import RedirectResponse, Response

from services.monitor.console.asked import NotAnswered
from services.monitor.console.links import address
from services.monitor.console.pages import ConsolePage, Content, Fields, Visit
from services.monitor.console.shown import FINLAND

PATH: Final = "/dead-letter-groups"
_A_PAGE: Final = "50"
_NOTED: Final = ("note", "owner", "link")


async def show_list(visit: Visit) -> Content:
    """Groups, those with the most open letters first."""
    query = visit.query
    said = await visit.ask("/v1/dead-letter-groups", {"limit": _A_PAGE, **query})
    return {
        "groups": said["groups"],
        "complete": said["complete"],
        "next": address(PATH, query, after=said["next"]) if said["next"] else "",
        "first": PATH if "after" in query else "",
    }


async def show_note(visit: Visit) -> Content:
    """What is noted of a group, to be changed."""
    known = await visit.ask(f"/v1{PATH}/{visit.request.path_params['group']}")
    return _form(visit, {name: known[name] for name in _NOTED}, _day(known["parked_until"]), "")


def _day(time: str | None) -> str:
    """The day in Finland on which something is parked no more."""
    return datetime.fromisoformat(time).astimezone(FINLAND).date().isoformat() if time else ""


async def note(visit: Visit, fields: Fields) -> Content | Response:
    """Notes it; what was typed is kept where it cannot be noted."""
    said = {name: fields.get(name, "").strip() for name in _NOTED}
    parked = fields.get("parked", "").strip()
    try:
        until = datetime.fromisoformat(parked).replace(tzinfo=FINLAND).isoformat() if parked else None
    except ValueError:
        return _form(visit, said, parked, visit.words["no_day"])
    try:
        await visit.send(
            f"/v1{PATH}/{visit.request.path_params['group']}", {**said, "parked_until": until}, method="PUT"
        )
    except NotAnswered as error:
        return _form(visit, said, parked, error.detail)
    return RedirectResponse(PATH, 303)


def _form(visit: Visit, said: dict[str, Any], parked: str, fault: str) -> Content:
    return {"group": visit.request.path_params["group"], "said": said, "parked": parked, "fault": fault}


PAGES: Final = (
    ConsolePage("groups", PATH, show_list, "mend", roles=("ops",), takes=("after",), renews=True, key="d"),
    ConsolePage("group", f"{PATH}/{{group}}", show_note, roles=("ops",), act=note),
)
