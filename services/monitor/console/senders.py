"""The pages of who sends: each sender of late, who is silent first, and what one of them sent a day and class."""

from collections.abc import Mapping
from typing import Final, get_args

from services.monitor.console.pages import ConsolePage, Content, Visit
from services.monitor.silence import Usual

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
    place = visit.request.path_params
    said = await visit.ask(f"/v1/senders/{place['kind']}/{place['id']}")
    return {
        "sender": said["sender"],
        "sent": said["sent"][:_MOST],
        "in_all": len(said["sent"]),
        "classes": visit.words_of("classes"),
    }


PAGES: Final = (
    ConsolePage("senders", PATH, show_list, "traffic", takes=("usual",), renews=True),
    ConsolePage("sender", f"{PATH}/{{kind}}/{{id}}", show_one),
)
