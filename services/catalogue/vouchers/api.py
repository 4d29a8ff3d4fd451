"""An organiser's study vouchers of a year, over HTTP: for itself, ops and readers."""

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.catalogue.vouchers import decide, grant_key
from services.catalogue.vouchers.model import VoucherYearUse
from services.catalogue.vouchers.responses import VouchersOfActivity, VouchersOfTheme, VouchersOfYear
from shared.contracts.envelope import written
from shared.contracts.partner_kinds import ORGANISERS
from shared.engine.model import Document
from shared.http.keys import role_of, who_asks
from shared.http.operations import Operation
from shared.http.parameters import Parameter
from shared.http.problems import ProblemError
from shared.reference import VOUCHER_RULES

ONE_ORGANISER: Final = (
    Parameter("kind", "The organiser's kind.", example="opisto"),
    Parameter("id", "The organiser's id.", example="tampere"),
)
_YEAR: Final = Parameter("year", "The year of the grant; one whose rule is known.", example="2026")
_DOCUMENT: Final = msgspec.json.Decoder(Document[VoucherYearUse])


def operations() -> list[Operation]:
    """The address of study vouchers."""
    path, readers = "/v1/vouchers/{kind}/{id}/{year}", (*ORGANISERS, "ops", "reader")
    takes = (*ONE_ORGANISER, _YEAR)
    return [Operation("GET", path, vouchers_of_year, {200: VouchersOfYear}, readers, takes, also=(404,))]


def own_or_watched(request: Request) -> str:
    """The organiser that the path names. Raises 401 without a key, 403 for another partner's."""
    organiser = f"/{request.path_params['kind']}/{request.path_params['id']}"
    who = who_asks(request)
    if who != organiser and role_of(who) not in {"ops", "reader"}:
        raise ProblemError(403, f"{who} may not look at what {organiser[:80]} has")
    return organiser


async def vouchers_of_year(request: Request) -> Response:
    """An organiser's grant of a year and its use by theme and activity; for itself, ops and readers.

    404 where it has recorded no grant and no voucher pays a place; 422 for a year without a rule.
    """
    organiser = own_or_watched(request)
    year = _year(request)
    rows = await request.app.state.store.load("vouchers", [grant_key(organiser, year)])
    if not rows:
        raise ProblemError(404, f"{organiser[:80]} has neither a grant nor a use of study vouchers of {year}")
    (row,) = rows.values()
    state = _DOCUMENT.decode(row.body).state
    assert state is not None
    return JSONResponse(_shown(state))


def _year(request: Request) -> int:
    said = request.path_params["year"]
    if said not in {str(year) for year in VOUCHER_RULES}:
        known = ", ".join(map(str, VOUCHER_RULES))
        raise _YEAR.refused(said, f"there are rules of study vouchers for {known}", "no rule of that year is known")
    return int(said)


def _shown(state: VoucherYearUse) -> VouchersOfYear:
    rule, cents = VOUCHER_RULES[state.year], state.grant.cents if state.grant else None
    return {
        "organiser": state.organiser,
        "year": state.year,
        "groups": list(rule.groups),
        "source": rule.source,
        "grant_cents": cents,
        "used_cents": state.used_cents,
        "places": state.places,
        "last_used_at": written(state.last_used_at) if state.last_used_at else None,
        "stands": decide.stands(state),
        "by_theme": {theme: _of_theme(used, cents) for theme, used in state.used_by_theme.items()},
        "activities": [_of_activity(state, activity) for activity in sorted(state.uses)],
    }


def _of_theme(used: int, cents: int | None) -> VouchersOfTheme:
    return {"cents": used, "share": round(used / cents, 4) if cents else None}


def _of_activity(state: VoucherYearUse, activity: str) -> VouchersOfActivity:
    use = state.uses[activity]
    return {"activity_id": activity, "places": use.places, "cents": use.cents}
