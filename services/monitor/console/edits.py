"""The page of a dead letter's edit: one person proposes other content there, another one looks at it and decides.

Covered first, like the letter. Nothing that is proposed stands in an address.
"""

from typing import Any, Final

import msgspec
from starlette.responses import RedirectResponse, Response

from services.monitor.console.asked import NotAnswered
from services.monitor.console.dead_letters import PATH, letter_of, original_in
from services.monitor.console.masked import masked
from services.monitor.console.pages import ConsolePage, Content, Fields, Visit
from shared.http.audit import record_access

_ONE: Final = f"{PATH}/{{dl_id}}/edit"
_TYPED: Final = ("data", "why", "type", "time")
_LOOKED_AT_FOR: Final = "mend"


async def show(visit: Visit) -> Content:
    """The letter, covered, with a form for a proposal, or who has made one."""
    return await _page(visit)


async def _page(
    visit: Visit, *, fault: str = "", typed: Fields | None = None, looked: bool = False, proposal: Any = None
) -> Content:
    letter = await letter_of(visit)
    original = original_in(letter["original"])
    words = dict.fromkeys(_TYPED, "") | dict(typed or {})
    if looked and original and not words["data"]:
        words["data"] = _pretty(original["value"] or "")
    return {
        "letter": letter,
        "is_on": visit.request.app.state.settings.edits,
        "original": original if looked or original is None else masked(original),
        "looked": looked,
        "proposal": proposal,
        "proposed": _pretty(msgspec.json.encode(proposal["data"]).decode()) if proposal else "",
        "typed": words,
        "fault": fault,
    }


def _pretty(text: str) -> str:
    try:
        return msgspec.json.format(text, indent=2)
    except msgspec.MsgspecError:
        return text


async def act(visit: Visit, fields: Fields) -> Content | Response:
    """Uncovers the letter and what is proposed, proposes, confirms or refuses; what was typed is kept where that fails."""
    match fields.get("step"):
        case "look":
            return await _look(visit)
        case "propose":
            return await _propose(visit, {name: fields.get(name, "").strip() for name in _TYPED})
        case "confirm" | "refuse" as how:
            return await _decide(visit, how, fields.get("edit_id", ""))
        case _:
            return await _page(visit)


async def _look(visit: Visit) -> Content:
    letter = await letter_of(visit)
    proposal = await visit.ask(_address(visit)) if letter["edit_by"] else None
    await record_access(visit.request, visit.who, "reveal", letter["dl_id"], _LOOKED_AT_FOR, allowed=True)
    return await _page(visit, looked=True, proposal=proposal)


async def _propose(visit: Visit, typed: Fields) -> Content | Response:
    try:
        data = msgspec.json.decode(typed["data"], type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        return await _page(visit, fault=visit.words["no_json"], typed=typed)
    given = {name: typed[name] for name in ("type", "time") if typed[name]}
    return await _sent(visit, "", {"data": data, "why": typed["why"], **given}, typed)


async def _decide(visit: Visit, how: str, edit_id: str) -> Content | Response:
    return await _sent(visit, f"/{how}", {"edit_id": edit_id}, {})


async def _sent(visit: Visit, where: str, body: Any, typed: Fields) -> Content | Response:
    try:
        await visit.send(f"{_address(visit)}{where}", body)
    except NotAnswered as error:
        return await _page(visit, fault=error.detail, typed=typed)
    return RedirectResponse(f"{PATH}/{visit.request.path_params['dl_id']}", 303)


def _address(visit: Visit) -> str:
    return f"/v1{PATH}/{visit.request.path_params['dl_id']}/edit"


PAGE: Final = ConsolePage("edit", _ONE, show, roles=("ops",), act=act)
