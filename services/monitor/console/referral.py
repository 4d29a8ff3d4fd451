"""The page of one referral, or of what an id names: one timeline; and how it is found, by whatever a person holds.

A `referral_code` is a secret that a client carries: it is asked for by a form, and never stands in an address.
"""

import re
from typing import Any, Final

from starlette.responses import RedirectResponse, Response

from services.monitor.console.pages import ConsolePage, Content, Fields, Visit
from services.monitor.console.timeline import timeline
from shared.contracts.referral_code import read_code

PATH: Final = "/referrals"
_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,80}")


async def show_search(visit: Visit) -> Content:
    """The field to search by."""
    return {"asked": "", "fault": ""}


async def find(visit: Visit, fields: Fields) -> Content | Response:
    """What is asked for: by its id under its own address, by a code here."""
    asked = fields.get("asked", "").strip()[:200]
    if not asked:
        return {"asked": "", "fault": "nothing_asked"}
    if read_code(asked):
        return await _traced(visit, asked)
    if not _ID.fullmatch(asked):
        return {"asked": asked, "fault": "no_id"}
    return RedirectResponse(f"{PATH}/{asked}", 303)


async def show(visit: Visit) -> Content:
    """All that is known of a referral, an event, or a dead letter."""
    return await _traced(visit, visit.request.path_params["asked"])


async def _traced(visit: Visit, asked: str) -> Content:
    trace: dict[str, Any] = await visit.ask(f"/v1/traces/{asked}")
    return {
        "template": "referral",
        "words": visit.words_of("referral"),
        "trace": trace,
        "steps": timeline(trace["events"], trace["deliveries"]),
        "classes": visit.words_of("classes"),
        "open_letters": [one for one in trace["dead_letters"] if one["state"] in {"open", "redriven"}],
    }


PAGES: Final = (
    ConsolePage("search", PATH, show_search, "today", act=find),
    ConsolePage("referral", f"{PATH}/{{asked}}", show),
)
