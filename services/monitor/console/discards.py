"""The pages of discards over a filter: many dead letters laid aside for one reason, and taken back by it."""

from collections import Counter
from typing import Any, Final

from starlette.responses import RedirectResponse, Response

from services.monitor.console.asked import NotAnswered
from services.monitor.console.links import address
from services.monitor.console.pages import ConsolePage, Content, Fields, Visit
from services.monitor.console.redrives import CHOOSES, dry_run, group_in_words
from services.monitor.discards_api import AT_ONCE
from shared.clock import real_now
from shared.contracts.envelope import written

PATH: Final = "/discards"
_LETTERS: Final = "/dead-letters"
_MOST_REASONS: Final = "500"
"""Letters whose reasons are offered to be taken back."""


async def ask_first(visit: Visit) -> Content:
    """What is chosen, in words, and how many that is as of now."""
    return await _page(visit, dict(visit.query), "", "")


async def discard(visit: Visit, fields: Fields) -> Content | Response:
    """Lays aside what had come when the page was made; what was typed is kept where it cannot be."""
    chosen = {name: fields[name] for name in (*CHOOSES, "until") if fields.get(name)}
    why = fields.get("why", "").strip()
    try:
        await visit.send("/v1/discards", {**chosen, "why": why})
    except NotAnswered as error:
        return await _page(visit, chosen, why, error.detail)
    return _to_the_list(chosen, "discarded")


async def _page(visit: Visit, chosen: dict[str, str], why: str, fault: str) -> Content:
    chosen = {"until": written(real_now()), **chosen}
    many = (await dry_run(visit, chosen, 0))["chosen"]
    said = {"chosen": chosen, "group_in_words": await group_in_words(visit, chosen), "many": many}
    return {**_words(visit), **said, "at_once": AT_ONCE, "why": why, "fault": fault}


async def ask_to_undo(visit: Visit) -> Content:
    """The reasons with which the chosen letters were laid aside, and how many have each."""
    return await _undo_page(visit, dict(visit.query), "", "")


async def undo(visit: Visit, fields: Fields) -> Content | Response:
    """Takes those back that have the reason."""
    chosen = {name: fields[name] for name in CHOOSES if fields.get(name)}
    why = fields.get("why", "")
    try:
        await visit.send(f"/v1{PATH}/undo", {**chosen, "why": why})
    except NotAnswered as error:
        return await _undo_page(visit, chosen, why, error.detail)
    return _to_the_list(chosen, "open")


async def _undo_page(visit: Visit, chosen: dict[str, str], why: str, fault: str) -> Content:
    said = await visit.ask(f"/v1{_LETTERS}", {**chosen, "state": "discarded", "limit": _MOST_REASONS})
    reasons = Counter(one["why"] for one in said["dead_letters"] if one["why"]) if chosen else Counter[str]()
    return {
        **_words(visit),
        "chosen": chosen,
        "group_in_words": await group_in_words(visit, chosen),
        "reasons": reasons.most_common(),
        "complete": said["next"] is None,
        "why": why,
        "fault": fault,
    }


def _to_the_list(chosen: dict[str, str], state: str) -> Response:
    filters = {name: value for name, value in chosen.items() if name in CHOOSES}
    return RedirectResponse(address(_LETTERS, filters, state=state), 303)


def _words(visit: Visit) -> dict[str, Any]:
    """The page's own, and those by which a redrive says what is chosen."""
    return {"words": {**visit.words_of("redrive_order"), **visit.words}}


PAGES: Final = (
    ConsolePage("discard_order", f"{PATH}/new", ask_first, roles=("ops",), takes=CHOOSES, act=discard),
    ConsolePage("discard_undo", f"{PATH}/undo", ask_to_undo, roles=("ops",), takes=CHOOSES, act=undo),
)
