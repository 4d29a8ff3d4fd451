"""The pages of who sends: each sender of late, who is silent first; of one what it sent a day and class, and what was wrong."""

from collections.abc import Mapping
from typing import Final, get_args

from starlette.responses import RedirectResponse, Response

from services.monitor.console.asked import NotAnswered
from services.monitor.console.pages import ConsolePage, Content, Fields, Visit
from services.monitor.silence import Usual
from shared.http.language import LANGUAGES

PATH: Final = "/senders"
_TONES: Final[Mapping[Usual, str]] = {"silent": "bad", "loud": "warn", "usual": "good", "unknown": ""}
_MOST: Final = 200


async def show_list(visit: Visit) -> Content:
    """Every sender, or those alone who are unusual in this way."""
    said = await visit.ask("/v1/senders", visit.query)
    silent = sum(one["usual"] == "silent" for one in said["senders"])
    return {
        "senders": said["senders"],
        "tones": _TONES,
        "states": get_args(Usual),
        "usual": visit.query.get("usual", ""),
        "summary": f"{visit.words['usual_silent']}: {silent}",
    }


async def show_one(visit: Visit) -> Content:
    """What one sender sent, the newest day first, and no more rows than a person reads."""
    said = await visit.ask(_address(visit))
    wrong = await visit.part(f"{_address(visit)}/violations")
    return {
        "sender": said["sender"],
        "sent": said["sent"][:_MOST],
        "in_all": len(said["sent"]),
        "classes": visit.words_of("classes"),
        "wrong": wrong.said,
        "fault": wrong.fault,
        "reasons": visit.words_of("dead_letter"),
        "texts_in": LANGUAGES,
        "report": f"{PATH}{said['sender']}/report",
    }


async def show_report(visit: Visit) -> Content:
    """What would be put into the sender's feed, as of now."""
    return await _report(visit, "")


async def report(visit: Visit, fields: Fields) -> Content | Response:
    """Has the sender told."""
    try:
        await visit.send(f"{_address(visit)}/violations/report")
    except NotAnswered as error:
        return await _report(visit, error.detail)
    return RedirectResponse(_address(visit).removeprefix("/v1"), 303)


async def _report(visit: Visit, fault: str) -> Content:
    wrong = await visit.ask(f"{_address(visit)}/violations")
    letters = sum(one["count"] for one in wrong["violations"]) + wrong["others"]["count"]
    return {"wrong": wrong, "letters": letters, "fault": fault, "page": _address(visit).removeprefix("/v1")}


def _address(visit: Visit) -> str:
    place = visit.request.path_params
    return f"/v1{PATH}/{place['kind']}/{place['id']}"


PAGES: Final = (
    ConsolePage("senders", PATH, show_list, "traffic", takes=("usual",), renews=True),
    ConsolePage("sender", f"{PATH}/{{kind}}/{{id}}", show_one),
    ConsolePage("sender_report", f"{PATH}/{{kind}}/{{id}}/report", show_report, roles=("ops",), act=report),
)
