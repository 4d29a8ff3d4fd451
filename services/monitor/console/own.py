"""The page Settings: how the console looks to this person, which keys lead somewhere, and what his key may do."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from starlette.responses import RedirectResponse, Response

from services.monitor.api import operations
from services.monitor.console.frame import KEYS, KEYS_COOKIE, THEME_COOKIE, THEMES, keys_of, theme_of
from services.monitor.console.pages import ConsolePage, Content, Fields, Visit
from shared.http.keys import role_of
from shared.http.operations import Operation

PATH: Final = "/settings"
_A_YEAR: Final = 365 * 86_400


class Deed(NamedTuple):
    """Something that can be done, and the address by which it is."""

    text: str
    method: str
    path: str


DEEDS: Final = (
    Deed("see_lag", "GET", "/v1/lag"),
    Deed("see_live", "GET", "/v1/live"),
    Deed("see_checks", "GET", "/v1/checks"),
    Deed("see_senders", "GET", "/v1/senders"),
    Deed("see_readers", "GET", "/v1/readers"),
    Deed("see_flow", "GET", "/v1/flow"),
    Deed("see_overdue", "GET", "/v1/overdue"),
    Deed("see_trace", "GET", "/v1/traces/{asked}"),
    Deed("find", "GET", "/v1/found"),
    Deed("tend", "PUT", "/v1/overdue/{late_id}"),
    Deed("see_letters", "GET", "/v1/dead-letters"),
    Deed("note_group", "PUT", "/v1/dead-letter-groups/{group}"),
    Deed("redrive", "POST", "/v1/dead-letters/{dl_id}/redrive"),
    Deed("redrive_many", "POST", "/v1/redrives"),
    Deed("discard", "POST", "/v1/dead-letters/{dl_id}/discard"),
    Deed("discard_many", "POST", "/v1/discards"),
    Deed("edit", "POST", "/v1/dead-letters/{dl_id}/edit"),
    Deed("tell_sender", "POST", "/v1/senders/{kind}/{id}/violations/report"),
    Deed("see_audit", "GET", "/v1/audit"),
)


async def show(visit: Visit) -> Content:
    """How the console looks, and each deed with whether it may be done."""
    role, known = role_of(visit.who), operations()
    return {
        "themes": THEMES,
        "theme": theme_of(visit.request),
        "keys": KEYS,
        "keys_chosen": keys_of(visit.request),
        "role": role,
        "deeds": [(deed.text, role in _who(deed, known)) for deed in DEEDS],
    }


async def choose(visit: Visit, fields: Fields) -> Content | Response:
    """Keeps the choices in this browser."""
    theme, keys = fields.get("theme", ""), fields.get("keys", "")
    if theme not in THEMES or keys not in KEYS:
        return await show(visit)
    response = RedirectResponse(PATH, 303)
    for name, value in ((THEME_COOKIE, theme), (KEYS_COOKIE, keys)):
        response.set_cookie(name, value, max_age=_A_YEAR, path="/", httponly=True, samesite="lax")
    return response


def _who(deed: Deed, operations: Iterable[Operation]) -> tuple[str, ...]:
    (found,) = (one for one in operations if (one.method, one.path) == (deed.method, deed.path))
    return found.who


PAGE: Final = ConsolePage("settings", PATH, show, "control", act=choose)
