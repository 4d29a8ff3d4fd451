"""Agreements over HTTP: each party's own, with what of them is used and a month's statement; ops and readers see all."""

from typing import Final, get_args

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.partners.agreements import reading
from services.partners.agreements.account import Use, uses_of
from services.partners.agreements.model import Agreement, key_of
from services.partners.agreements.responses import AgreementInUse, Agreements, Statement
from services.partners.agreements.shown import COLUMNS, in_use, rows, shown, statement
from shared.contracts.agreement_events import BUYERS, AgreementStatus
from shared.contracts.errors import Problem
from shared.contracts.partner_kinds import ORGANISERS, PARTNER_KINDS
from shared.http.csv_cells import in_csv
from shared.http.keys import must_be, role_of, who_asks
from shared.http.operations import Content, Operation
from shared.http.parameters import Number, OneOf, Parameter, Pattern
from shared.http.problems import ProblemError

_WHO: Final = (*PARTNER_KINDS, "ops", "reader")
_PATH: Final = "/v1/agreements/{referrer_kind}/{referrer}/{organiser_kind}/{organiser}/{agreement_id}"
_NAMED: Final = (
    OneOf("referrer_kind", BUYERS, "The kind of the one whose referrals it is for.", example="region"),
    Parameter("referrer", "The id of the one whose referrals it is for.", example="06"),
    OneOf("organiser_kind", ORGANISERS, "The kind of organiser.", example="opisto"),
    Parameter("organiser", "The organiser's id.", example="tampere"),
    Parameter("agreement_id", "The agreement's id between the two.", example="taidetta-2026"),
)
_MONTH: Final = Pattern(
    "month", "(20[0-9]{2}-(?:0[1-9]|1[0-2]))", "a month, YYYY-MM", "Which month, in Finland.", example="2026-10"
)
_STATUS: Final = OneOf("status", get_args(get_args(AgreementStatus)[0]), "Agreements alone that stand so.")
_LIMIT: Final = Number("limit", 100, 1, 500, "How many agreements at most.")
_AFTER: Final = Pattern(
    "after",
    "(?:/[a-z]+/[a-z0-9.-]{1,60}){2}/[A-Za-z0-9._:-]{1,64}",
    "the `next` of an answer",
    "Where to go on.",
    example="/region/06/opisto/tampere/taidetta-2026",
)
_BOM: Final = "\ufeff"
"""By which spreadsheets know UTF-8."""


def operations() -> list[Operation]:
    """The addresses of agreements. To another than the two parties, ops and readers there is no such agreement."""
    rows_of_it = Content({"text/csv": {"type": "string"}}, "A row a line, behind one of the columns' names.")
    return [
        Operation("GET", "/v1/agreements", list_agreements, {200: Agreements}, _WHO, (_STATUS, _LIMIT, _AFTER)),
        Operation("GET", _PATH, one_agreement, {200: AgreementInUse}, _WHO, _NAMED, hides=True),
        Operation("GET", f"{_PATH}/statement", month_statement, {200: Statement}, _WHO, (*_NAMED, _MONTH), hides=True),
        Operation(
            "GET", f"{_PATH}/statement.csv", statement_rows, {200: rows_of_it}, _WHO, (*_NAMED, _MONTH), hides=True
        ),
    ]


async def list_agreements(request: Request) -> Response:
    """A party's own agreements; for ops and readers all."""
    who = must_be(request, *_WHO)
    status, limit, after = _STATUS.of(request), _LIMIT.of(request), _AFTER.of(request)
    equal = {"status": status} if status else {}
    if role_of(who) in PARTNER_KINDS:
        equal["parties"] = who
    rows = await request.app.state.store.find(
        reading.AGREEMENTS, equal=equal, order="listed", after=(after[0], after[0]) if after else None, limit=limit
    )
    agreements = [one for row in rows if (one := reading.agreement_in(row).state)]
    answer: Agreements = {
        "agreements": [shown(one) for one in agreements],
        "next": rows[-1].id if len(rows) == limit else None,
    }
    return JSONResponse(answer)


async def one_agreement(request: Request) -> Response:
    """How an agreement stands, and what of it is used by what is known now."""
    agreement, uses = await _asked(request)
    return JSONResponse(in_use(agreement, uses))


async def month_statement(request: Request) -> Response:
    """What was used in a month, to be invoiced: by activity and price, without any referral."""
    agreement, uses = await _asked(request)
    month = _month(request)
    return JSONResponse(statement(agreement, uses, month))


async def statement_rows(request: Request) -> Response:
    """The same as rows for a spreadsheet: UTF-8 with a byte order mark, formulas disarmed."""
    agreement, uses = await _asked(request)
    month = _month(request)
    said = statement(agreement, uses, month)
    name = f"statement-{month}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return Response(_BOM + in_csv(COLUMNS, rows(said)), media_type="text/csv", headers=headers)


def _month(request: Request) -> str:
    if (month := _MONTH.of(request)) is None:
        raise ProblemError(422, "name a month: ?month=2026-10", [Problem("/month", "is needed")])
    return month[1]


async def _asked(request: Request) -> tuple[Agreement, list[Use]]:
    """The agreement of the path and its use. Raises 404 to all but its parties, ops and readers."""
    who, path = who_asks(request), request.path_params
    referrer = f"/{path['referrer_kind']}/{path['referrer']}"
    organiser = f"/{path['organiser_kind']}/{path['organiser']}"
    store, key = request.app.state.store, key_of(referrer, organiser, path["agreement_id"])
    rows = await store.load(reading.AGREEMENTS, [key])
    document = reading.agreement_in(rows[key]) if key in rows else None
    may_see = who in {referrer, organiser} or role_of(who) in {"ops", "reader"}
    if document is None or document.state is None or not may_see:
        raise ProblemError(404, f"{who} is party to no agreement {key[:160]}")
    if document.synthetic:
        return document.state, []
    beside = await reading.surroundings(store, document.state)
    return document.state, uses_of(document.state, beside)
