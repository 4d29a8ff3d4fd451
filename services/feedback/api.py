"""The feedback service's HTTP: intake, links to the form, the form itself, and the reports."""

import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.feedback import cooperation_report, form, reports
from services.feedback.compared import VALUES, compared
from services.feedback.decide import OWN
from services.feedback.form import hash_of, link_becomes
from services.feedback.instruments import TO_PARTNERS
from services.feedback.model import FORM, CooperationFigures, Figures, Phase, ReferralFeedback, has_the_place
from services.feedback.question import Question
from services.feedback.reports import ReportFilters
from services.feedback.responses import (
    CooperationReport,
    FormLink,
    InstrumentItem,
    Instruments,
    LinkAsked,
    LoopReport,
    OutcomesReport,
)
from shared.clock import real_now
from shared.contracts.envelope import Event, written
from shared.contracts.errors import Problem
from shared.contracts.feedback_events import FormLinkIssued
from shared.contracts.participant_events import AFTERWARDS, INSTRUMENTS
from shared.contracts.partner_kinds import PARTNER_KINDS
from shared.engine.model import Document
from shared.http import intake
from shared.http.audit import REFERRAL_ID, record_look, referral_asked
from shared.http.body import read_body
from shared.http.keys import must_be, role_of, who_asks
from shared.http.operations import Operation, in_json
from shared.http.parameters import OneOf, Parameter, Pattern
from shared.http.problem_types import NO_CONSENT
from shared.http.problems import ProblemError
from shared.reference import MUNICIPALITIES, REGIONS
from shared.store import Row, Store
from shared.store.interface import What

_DOCUMENT = msgspec.json.Decoder(Document[ReferralFeedback])
_FIGURES = msgspec.json.Decoder(Figures)
_COOPERATION = msgspec.json.Decoder(CooperationFigures)
_MAX_REQUEST: Final = 4 * 1024
_PAGE: Final = 500


_REGION: Final = OneOf(
    "region", [code for code, region in REGIONS.items() if region.may_refer], "A region's code; a region sees its own."
)
_MUNICIPALITY: Final = OneOf(
    "municipality", MUNICIPALITIES, "A municipality's code.", example="837", pattern="^[0-9]{3}$"
)
_QUARTER: Final = ("[0-9]{4}-Q[1-4]", "a quarter such as 2026-Q1")
_FROM: Final = Pattern("from", *_QUARTER, "The first quarter.", example="2026-Q1")
_TO: Final = Pattern("to", *_QUARTER, "The last quarter.", example="2026-Q4")
_FILTERS: Final = (_REGION, _MUNICIPALITY, _FROM, _TO)
_BY: Final = OneOf(
    "by",
    tuple(VALUES),
    "In rows by this; over whole years, and not by municipality. By unit: for the unit's region, and ops.",
)
_ONLY: Final = Parameter("only", "Of the rows `by` something the one with this value.", example="outreach")


def operations() -> list[Operation]:
    """The feedback service's addresses."""
    links, asked = "/v1/referrals/{referral_id}/form-links", in_json(LinkAsked, _MAX_REQUEST, "For which answers.")
    partners, readers, everybody = PARTNER_KINDS, ("ops", "reader", "region"), (*PARTNER_KINDS, "ops", "reader")
    return [
        intake.INTAKE,
        Operation("POST", links, issue_form_link, {201: FormLink}, partners, (REFERRAL_ID,), asked, also=(404,)),
        *form.OPERATIONS,
        Operation("GET", "/v1/reports/outcomes", report_outcomes, {200: OutcomesReport}, readers, _FILTERS),
        Operation("GET", "/v1/reports/loop", report_loop, {200: LoopReport}, readers, (*_FILTERS, _BY, _ONLY)),
        Operation("GET", "/v1/reports/cooperation", report_cooperation, {200: CooperationReport}, everybody),
        Operation("GET", "/v1/instruments", list_instruments, {200: Instruments}, everybody, never=(503,)),
    ]


# --- links to the form


async def issue_form_link(request: Request) -> Response:
    """Makes a link to the participant's form; for who issued the referral, or the organiser with the place.

    The token stands in this answer and nowhere else. 404 to others, and where the referral is not known here; 422 of the
    type `no-consent` where the consent does not cover feedback, for a phase months later follow_up, or was withdrawn.
    """
    who = must_be(request, *PARTNER_KINDS)
    phase = await _phase(request)
    document, state = await _looked_at(request, who)
    if state.issued is None or not state.issued.covers(phase):
        scope = "follow_up" if phase in AFTERWARDS else "feedback"
        said = f"the consent of {state.id} does not cover {scope}: no link is handed out"
        raise ProblemError(422, said, kind=NO_CONSENT)
    intake.must_be_open(request)
    token = secrets.token_urlsafe(32)
    expires = real_now() + timedelta(days=request.app.state.settings.form_link_days)
    data = FormLinkIssued(referral_id=state.id, phase=phase, token_hash=hash_of(token), expires=expires, issued_to=who)
    now = request.app.state.clock.now()
    event = Event(str(uuid4()), OWN, now, data, correlation=state.id, synthetic=document.synthetic)
    await intake.write(request.app.state.publisher, [event])
    # A participant who opens the link at once must find it.
    await link_becomes(request.app.state.store, data.token_hash, lambda opened: opened is not None)
    url = request.app.state.settings.form_url(token)
    return JSONResponse(FormLink(url=url, phase=phase, expires=written(expires)), 201)


async def _phase(request: Request) -> Phase:
    try:
        return msgspec.json.decode(await read_body(request, _MAX_REQUEST), type=LinkAsked).phase
    except msgspec.ValidationError as error:
        detail = f'send {{"phase": "before"}}; a phase is one of {", ".join(FORM)}'
        raise ProblemError(422, detail, [Problem("/phase", f"is one of {', '.join(FORM)}")]) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(400, f"no JSON: {error}") from error


async def _looked_at(request: Request, who: str) -> tuple[Document[ReferralFeedback], ReferralFeedback]:
    """The document and its state; keeps the look. Raises 404, and 422 where the consent was withdrawn."""
    referral_id = referral_asked(request)
    rows = await request.app.state.store.load("feedback", [referral_id])
    document = _DOCUMENT.decode(rows[referral_id].body) if referral_id in rows else Document[ReferralFeedback]()
    state = document.state or ReferralFeedback(referral_id)
    issuer = _issuer(state)
    allowed = who == issuer or has_the_place(state, who)
    ground = "own referral" if who == issuer else "place"
    await record_look(request, who, "form_link", referral_id, ground, known=issuer is not None, allowed=allowed)
    if state.erased:
        said = f"the consent of {state.id} was withdrawn, and what was known of it erased: no link"
        raise ProblemError(422, said, kind=NO_CONSENT)
    return document, state


def _issuer(state: ReferralFeedback) -> str | None:
    if state.erased:
        return state.erased.issuer
    return state.issued.source if state.issued else None


# --- reports


async def report_loop(request: Request) -> Response:
    """How far the referrals came; for ops, readers, and a region about its own. By unit not for readers."""
    filters = _filters(request)
    by, only = _rows_asked(request, filters)
    states = []
    async for row in _rows(request.app.state.store, "quarter", filters, what="body"):
        document = _DOCUMENT.decode(row.body)
        if document.state is not None and not document.synthetic:
            states.append(document.state)
    rows = {"by": _only(compared(states, filters, by), only)} if by else {}
    return JSONResponse({**_shown(filters), **reports.loop(states, filters), **rows})


def _rows_asked(request: Request, filters: ReportFilters) -> tuple[str | None, str | None]:
    """By what rows are asked for, and which alone. Raises 403, 422."""
    by, only = _BY.of(request), _ONLY.value(request)
    if only is not None and by is None:
        raise _ONLY.refused(only, "say by what: by=route&only=outreach", "needs by")
    if by is None:
        return None, None
    if by == "unit" and role_of(who_asks(request)) == "reader":
        raise ProblemError(403, "a unit's figures are for its own region and ops; ask by route or age band")
    if filters.municipality:
        raise _MUNICIPALITY.refused(filters.municipality, "rows are of a whole region: leave it out, or by")
    if filters.first and not filters.first.endswith("Q1"):
        raise _FROM.refused(filters.first, "rows are of whole years: begin with a Q1")
    if filters.last and not filters.last.endswith("Q4"):
        raise _TO.refused(filters.last, "rows are of whole years: end with a Q4")
    if only is not None and VALUES[by] and only not in VALUES[by]:
        raise _ONLY.refused(only, f"of {by} there is {', '.join(VALUES[by])}", f"is none of {by}")
    return by, only


def _only(found: dict[str, Any], value: str | None) -> dict[str, Any]:
    if value is None:
        return found
    return {"dimension": found["dimension"], "rows": [row for row in found["rows"] if row["value"] == value]}


async def report_outcomes(request: Request) -> Response:
    """What changed for the people who answered, five or more of them; for ops, readers, and a region about its own."""
    filters = _filters(request)
    everything = ReportFilters()
    figures = [
        _FIGURES.decode(row.brief)
        async for row in _rows(request.app.state.store, "answered_in", everything, what="brief")
        if row.brief
    ]
    return JSONResponse({**_shown(filters), **reports.outcomes(figures, filters)})


async def report_cooperation(request: Request) -> Response:
    """What partners said of groups, trainings, pairs and agreements; for ops and readers, and for a partner with what
    others said of what they do with it."""
    who = must_be(request, *PARTNER_KINDS, "ops", "reader")
    partner = who if role_of(who) in PARTNER_KINDS else None
    figures = [
        _COOPERATION.decode(row.brief)
        async for row in _rows(request.app.state.store, "about", ReportFilters(), what="brief")
        if row.brief
    ]
    return JSONResponse({"partner": partner, **cooperation_report.cooperation(figures, partner)})


async def list_instruments(request: Request) -> Response:
    """What partners answer for themselves, in words that their systems may show, in Finnish, Swedish and English."""
    must_be(request, *PARTNER_KINDS, "ops", "reader")
    answer: Instruments = {
        "instruments": [
            {"instrument": name, "items": [_item(name, *item) for item in questions.items()]}
            for name, questions in TO_PARTNERS.items()
        ]
    }
    return JSONResponse(answer)


def _item(instrument: str, item: str, question: Question) -> InstrumentItem:
    lowest, highest = INSTRUMENTS[instrument][item]
    return {
        "item": item,
        "heading": dict(question.heading),
        "question": dict(question.text),
        "lowest": lowest,
        "lowest_means": dict(question.low),
        "highest": highest,
        "highest_means": dict(question.high),
    }


async def _rows(store: Store, field: str, filters: ReportFilters, *, what: What) -> AsyncIterator[Row]:
    """Documents by quarter, or by another field, page by page; one that moves between two pages comes once."""
    first, last = (field, filters.first or ""), (field, filters.last) if filters.last else None
    handed_out: set[str] = set()
    page: list[Row] = []
    for offset in range(0, 1_000_000_000, _PAGE):
        page = await store.find(
            "feedback", at_least=first, at_most=last, order=field, limit=_PAGE, offset=offset, what=what
        )
        for row in page:
            if row.id not in handed_out:
                handed_out.add(row.id)
                yield row
        if len(page) < _PAGE:
            return


def _filters(request: Request) -> ReportFilters:
    """The filters of the request. A region sees its own. Raises 401, 403, 422."""
    who = must_be(request, "ops", "reader", "region")
    code = _REGION.of(request)
    region = f"/region/{code}" if code else None
    if role_of(who) == "region":
        if region not in {None, who}:
            raise ProblemError(403, f"{who} may not read the figures of {region}; leave the filter out to read its own")
        region = who
    municipality = _MUNICIPALITY.of(request)
    first, last = (quarter and quarter[0] for quarter in (_FROM.of(request), _TO.of(request)))
    if first and last and first > last:
        raise ProblemError(422, f"from, {first}, is after to, {last}", [Problem("/from", "is after to")])
    return ReportFilters(region, municipality, first, last)


def _shown(filters: ReportFilters) -> dict[str, object]:
    region = filters.region.rpartition("/")[2] if filters.region else None
    return {"region": region, "municipality": filters.municipality, "from": filters.first, "to": filters.last}
