"""The page of one referral, or of what an id names: one timeline; and how it is found, by whatever a person holds.

A `referral_code` is a secret that a client carries: it is asked for by a form, and never stands in an address.
"""

from typing import Any, Final

from starlette.responses import RedirectResponse, Response

from services.monitor.console.asked import NotAnswered
from services.monitor.console.pages import ConsolePage, Content, Fields, Visit
from services.monitor.console.timeline import timeline
from services.monitor.typed import MOST_TYPED

PATH: Final = "/referrals"
_IN_VAIN: Final = {404: "nothing_known", 422: "no_id"}


async def show_search(visit: Visit) -> Content:
    """The field to search by."""
    return _search("")


async def find(visit: Visit, fields: Fields) -> Content | Response:
    """Where what was typed leads: to the referral if it is one, else all that it may be."""
    asked = fields.get("asked", "")[: MOST_TYPED + 1]
    try:
        found = await visit.ask("/v1/found", {"q": asked})
    except NotAnswered as error:
        if error.status not in _IN_VAIN:
            raise
        return _search(asked, fault=_IN_VAIN[error.status])
    if len(found["referrals"]) == 1 and not found["dead_letters"]:
        return RedirectResponse(f"{PATH}/{found['referrals'][0]['referral_id']}", 303)
    return _search(asked, found=found)


def _search(asked: str, *, fault: str = "", found: Any = None) -> Content:
    return {"asked": asked, "fault": fault, "found": found, "most": MOST_TYPED}


async def show(visit: Visit) -> Content:
    """All that is known of a referral, an event, a dead letter, or an activity."""
    trace: dict[str, Any] = await visit.ask(f"/v1/traces/{visit.request.path_params['asked']}", visit.query)
    return {
        "trace": trace,
        "steps": timeline(trace["events"], trace["deliveries"]),
        "classes": visit.words_of("classes"),
        "waits": visit.words_of("overdue"),
        "looks": visit.words_of("looks"),
        "open_letters": [one for one in trace["dead_letters"] if one["state"] in {"open", "redriven"}],
    }


PAGES: Final = (
    ConsolePage("search", PATH, show_search, "today", act=find),
    ConsolePage("referral", f"{PATH}/{{asked}}", show, takes=("source",)),
)
