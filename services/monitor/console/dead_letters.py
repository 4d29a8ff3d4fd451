"""The pages of dead letters: the list by its filters, one of them, and what may be done with it."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, get_args

from starlette.responses import RedirectResponse, Response

from services.monitor.console.asked import NotAnswered
from services.monitor.console.links import address
from services.monitor.console.masked import masked
from services.monitor.console.pages import ConsolePage, Content, Fields, Visit
from services.monitor.console.redrives import CHOOSES
from services.monitor.model import DeadState
from shared.contracts.errors import REASONS
from shared.contracts.topics import SERVICES
from shared.http.audit import record_access

PATH: Final = "/dead-letters"
_CSV: Final = f"{PATH}.csv"
_ROWS: Final = "10000"
_ONE: Final = f"{PATH}/{{dl_id}}"
_FILTERS: Final = ("reason", "state", "service", "sender", "type", "group")
_A_PAGE: Final = "50"
_MOST_SHOWN: Final = 8_000
"""Characters of a value or a header that a page shows."""
_NOT_OF_A_NAME: Final = re.compile(r"[^A-Za-z0-9-]")
_OF_A_FILE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "no-store",
}
REVEALED_FOR: Final = ("mend", "sender_asks", "client_asks", "incident")
"""What a record may be looked at for; the audit keeps it."""


async def show_list(visit: Visit) -> Content:
    """Dead letters, the newest first."""
    query = visit.query
    said = await visit.ask("/v1/dead-letters", {"limit": _A_PAGE, **query})
    chosen = {name: value for name, value in query.items() if name in CHOOSES} if said["dead_letters"] else {}
    return {
        "redrive_these": address("/redrives/new", chosen) if chosen else "",
        "discard_these": address("/discards/new", chosen) if chosen else "",
        "undo_these": address("/discards/undo", chosen) if chosen else "",
        "letters": said["dead_letters"],
        "as_csv": address(_CSV, query),
        "next": address(PATH, query, after=said["next"]) if said["next"] else "",
        "first": address(PATH, query, after=None) if "after" in query else "",
        "reasons": REASONS,
        "states": get_args(DeadState),
        "services": SERVICES,
        "query": {name: query.get(name, "") for name in _FILTERS},
        "is_filtered": any(name in query for name in _FILTERS),
    }


async def export(visit: Visit) -> Response:
    """The same letters as rows for a spreadsheet, as many as one file has."""
    content = await visit.file(f"/v1{_CSV}", {"limit": _ROWS, **visit.query})
    headers = {"Content-Disposition": 'attachment; filename="dead-letters.csv"', **_OF_A_FILE}
    return Response(content, media_type="text/csv", headers=headers)


async def show_one(visit: Visit) -> Content:
    """One dead letter; what its record says is covered."""
    letter = await letter_of(visit)
    original = original_in(letter["original"])
    return {**_shown(letter), "original": masked(original) if original else None, "revealed": ""}


async def reveal(visit: Visit, fields: Fields) -> Content | Response:
    """The record as it came, or its value as a file, once the audit has kept what it is looked at for."""
    reason = fields.get("reason", "")
    if reason not in REVEALED_FOR:
        return {**await show_one(visit), "fault": "no_reason"}
    letter = await letter_of(visit)
    await record_access(visit.request, visit.who, "reveal", letter["dl_id"], reason, allowed=True)
    if fields.get("as") == "file":
        return await _file(visit, letter)
    return {**_shown(letter), "original": original_in(letter["original"]), "revealed": reason}


async def _file(visit: Visit, letter: Mapping[str, Any]) -> Response:
    """The value, byte for byte: no browser shows it, whatever it says that it is."""
    content = await visit.file(f"/v1{PATH}/{letter['dl_id']}/original")
    name = f"dead-letter-{_NOT_OF_A_NAME.sub('_', letter['dl_id'])[:64]}.bin"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', **_OF_A_FILE}
    return Response(content, media_type="application/octet-stream", headers=headers)


async def letter_of(visit: Visit) -> dict[str, Any]:
    """The letter of the page's address. Raises `NotAnswered`."""
    letter: dict[str, Any] = await visit.ask(f"/v1/dead-letters/{visit.request.path_params['dl_id']}")
    return letter


def _shown(letter: Mapping[str, Any]) -> dict[str, Any]:
    return {"letter": letter, "most": _MOST_SHOWN, "reasons": REVEALED_FOR, "fault": ""}


def original_in(original: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The record as text; None where nothing of it is kept."""
    if original is None:
        return None
    return {
        "key": _text(original["key"]),
        "value": _text(original["value"]),
        "headers": [(_text(name), _text(value)) for name, value in original["headers"]],
        "value_bytes": original["value_bytes"],
        "in_part": original["in_part"],
    }


def _text(content: Any) -> str | None:
    return f"base64: {content['base64']}" if isinstance(content, dict) else content


# --- what may be done with one, each over a page that says what would be


async def _ask_first(action: str, visit: Visit) -> Content:
    return {"letter": await letter_of(visit), "action": action, "fault": "", "why": ""}


async def _act(action: str, visit: Visit, fields: Fields) -> Content | Response:
    here, why = f"{PATH}/{visit.request.path_params['dl_id']}", fields.get("why", "")
    try:
        await visit.send(f"/v1{here}/{action}", {"why": why} if action == "discard" else None)
    except NotAnswered as error:
        return {**await _ask_first(action, visit), "fault": error.detail, "why": why}
    return RedirectResponse(here, 303)


def _action(action: str) -> ConsolePage:
    ask, act = partial(_ask_first, action), partial(_act, action)
    return ConsolePage("letter_action", f"{_ONE}/{action}", ask, roles=("ops",), act=act)


PAGES: Final = (
    ConsolePage("dead_letters", PATH, show_list, "mend", roles=("ops",), takes=(*_FILTERS, "after"), renews=True),
    ConsolePage("dead_letters", _CSV, export, roles=("ops",), takes=(*_FILTERS, "after")),
    ConsolePage("dead_letter", _ONE, show_one, roles=("ops",), act=reveal),
    _action("discard"),
    _action("undo-discard"),
)
