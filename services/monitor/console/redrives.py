"""The pages of redrives: ordering one over a page that says what is chosen and how many that is, watching it, steering it."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, get_args

from starlette.responses import RedirectResponse, Response

from services.monitor.console.asked import NotAnswered
from services.monitor.console.links import address
from services.monitor.console.pages import ConsolePage, Content, Fields, Visit
from services.monitor.redrives import STEERED_FROM, RedriveState
from shared.clock import real_now
from shared.contracts.envelope import written

PATH: Final = "/redrives"
_ONE: Final = f"{PATH}/{{redrive_id}}"
CHOOSES: Final = ("reason", "service", "sender", "type", "group")
"""By which dead letters are chosen, to be sent again or laid aside."""
_LETTER: Final = "letter"
"""By which one is chosen instead, its id."""
_A_PAGE: Final = "50"
_ENTRIES: Final = "100"
_MOST_TRIED: Final = 50
_MOST_GROUPS: Final = "200"
_TONES: Final[Mapping[RedriveState, str]] = {"running": "warn", "stopped": "bad", "paused": "warn", "done": "good"}


async def show_list(visit: Visit) -> Content:
    """Redrives, the newest first."""
    query = visit.query
    said = await visit.ask("/v1/redrives", {"limit": _A_PAGE, **query})
    return {
        "redrives": said["redrives"],
        "states": get_args(RedriveState),
        "state": query.get("state", ""),
        "tones": _TONES,
        "next": address(PATH, query, after=said["next"]) if said["next"] else "",
        "first": address(PATH, query, after=None) if "after" in query else "",
    }


async def ask_first(visit: Visit) -> Content:
    """What is chosen, in words, and how many that is as of now."""
    return await _order_page(visit, dict(visit.query), {"why": "", "a_minute": "600", "stop_on_error": "on"}, "")


async def order(visit: Visit, fields: Fields) -> Content | Response:
    """Orders it for what had come when the page was made; what was typed is kept where it cannot be ordered."""
    chosen = {name: fields[name] for name in (_LETTER, *CHOOSES, "until") if fields.get(name)}
    typed = {name: fields.get(name, "").strip() for name in ("why", "a_minute", "stop_on_error")}
    if not typed["a_minute"].isdecimal():
        return await _order_page(visit, chosen, typed, visit.words["no_number"])
    how = {"why": typed["why"], "stop_on_error": bool(typed["stop_on_error"]), "a_minute": int(typed["a_minute"])}
    try:
        said = await visit.send("/v1/redrives", {**_asked(chosen), **how})
    except NotAnswered as error:
        return await _order_page(visit, chosen, typed, error.detail)
    return RedirectResponse(f"{PATH}/{said['redrive_id']}", 303)


async def _order_page(visit: Visit, chosen: dict[str, str], typed: dict[str, str], fault: str) -> Content:
    chosen = {"until": written(real_now()), **chosen}
    run, group = await dry_run(visit, chosen, _MOST_TRIED), await group_in_words(visit, chosen)
    return {"chosen": chosen, "group_in_words": group, "run": run, "typed": typed, "fault": fault}


async def group_in_words(visit: Visit, chosen: Mapping[str, str]) -> str:
    """The error that the letters of the chosen group have in common."""
    if "group" not in chosen:
        return ""
    groups = (await visit.ask("/v1/dead-letter-groups", {"limit": _MOST_GROUPS}))["groups"]
    return next((one["error"] for one in groups if one["group"] == chosen["group"]), "")


async def dry_run(visit: Visit, chosen: dict[str, str], most: int) -> dict[str, Any]:
    """How many are chosen, and what would become of the oldest of them now."""
    try:
        run: dict[str, Any] = await visit.send("/v1/redrives/dry-run", {**_asked(chosen), "most": most})
    except NotAnswered as error:
        if error.status not in {409, 422}:
            raise
        return {"chosen": 0, "tried": 0, "would": {}, "letters": []}
    return run


def _asked(chosen: Mapping[str, str]) -> dict[str, Any]:
    """What was chosen, as the addresses take it."""
    by_filter = {name: value for name, value in chosen.items() if name != _LETTER}
    return {**by_filter, "dl_ids": [chosen[_LETTER]]} if _LETTER in chosen else by_filter


async def show_one(visit: Visit) -> Content:
    """One redrive, and what became of its letters so far."""
    id_, query = visit.request.path_params["redrive_id"], visit.query
    redrive = await visit.ask(f"/v1/redrives/{id_}")
    entries = await visit.ask(f"/v1/redrives/{id_}/entries", {"limit": _ENTRIES, **query})
    return {
        "redrive": redrive,
        "entries": entries["entries"],
        "next": address(f"{PATH}/{id_}", query, after=entries["next"]) if entries["next"] else "",
        "actions": [(action, redrive["state"] in states) for action, states in STEERED_FROM.items()],
        "tones": _TONES,
    }


async def _ask_to_steer(action: str, visit: Visit) -> Content:
    redrive = await visit.ask(f"/v1/redrives/{visit.request.path_params['redrive_id']}")
    return {"redrive": redrive, "action": action, "can": redrive["state"] in STEERED_FROM[action], "fault": ""}


async def _steer(action: str, visit: Visit, fields: Fields) -> Content | Response:
    here = f"{PATH}/{visit.request.path_params['redrive_id']}"
    try:
        await visit.send(f"/v1{here}/{action}")
    except NotAnswered as error:
        return {**await _ask_to_steer(action, visit), "fault": error.detail}
    return RedirectResponse(here, 303)


def _steering(action: str) -> ConsolePage:
    ask, act = partial(_ask_to_steer, action), partial(_steer, action)
    return ConsolePage("redrive_action", f"{_ONE}/{action}", ask, roles=("ops",), act=act)


PAGES: Final = (
    ConsolePage("redrives", PATH, show_list, "mend", roles=("ops",), takes=("state", "after"), renews=True),
    ConsolePage("redrive_order", f"{PATH}/new", ask_first, roles=("ops",), takes=(_LETTER, *CHOOSES), act=order),
    ConsolePage("redrive", _ONE, show_one, roles=("ops",), takes=("after",), renews=True),
    *(_steering(action) for action in STEERED_FROM),
)
