"""The referral service's HTTP: intake, where a referral stands, who looked at it, and the desk's look-up of a code."""

from typing import Final
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.referral.groups import api as groups
from services.referral.model import Access, Referral
from services.referral.responses import Accesses, CodeRead, Look, ReferralNow
from services.referral.shown import shown
from shared.contracts.envelope import Event, written
from shared.contracts.partner_kinds import ORGANISERS, REFERRERS
from shared.contracts.referral_code import read_code
from shared.contracts.referral_events import CodeLookedUp
from shared.engine.model import Document
from shared.http.audit import REFERRAL_ID, deny_look, record_access, record_look, referral_asked
from shared.http.intake import INTAKE, must_be_open, write
from shared.http.keys import role_of, who_asks
from shared.http.operations import Operation
from shared.http.parameters import After, Number, Parameter, further
from shared.http.problems import ProblemError
from shared.store import Row, Store

OWN: Final = "/service/referral"
NO_REFERRALS_CODE: Final = "a code that no referral has"
"""The object of a look in vain: not the code itself, which may be an erased referral's."""
_DOCUMENT = msgspec.json.Decoder(Document[Referral])
_ACCESS = msgspec.json.Decoder(Document[Access])


_LIMIT: Final = Number("limit", 100, 1, 500, "How many looks at most.")
_AFTER: Final = After("[A-Za-z0-9._:-]{1,64}", "1788249600.0~a1b2")
_CODE: Final = Parameter(
    "code", "The code that the client shows, with or without hyphens, in any case.", example="7K3M-9Q2X-B4DT"
)


def operations() -> list[Operation]:
    """The referral service's addresses."""
    referral = "/v1/referrals/{referral_id}"
    looks, their_own = (REFERRAL_ID, _AFTER, _LIMIT), REFERRERS
    return [
        INTAKE,
        Operation("GET", referral, one_referral, {200: ReferralNow}, (*REFERRERS, "ops"), (REFERRAL_ID,), hides=True),
        Operation("GET", f"{referral}/accesses", accesses, {200: Accesses}, their_own, looks, hides=True),
        Operation("GET", "/v1/codes/{code}", look_up_code, {200: CodeRead}, ORGANISERS, (_CODE,), also=(404,)),
        *groups.operations(),
    ]


async def one_referral(request: Request) -> Response:
    """Where a referral stands; for who issued it and ops.

    404 until the service has applied its issue.
    """
    state = await _looked_at(request, "read", "ops")
    return JSONResponse(shown(state, request.app.state.table.context, request.app.state.clock.now()))


async def accesses(request: Request) -> Response:
    """The looks at a referral and its disclosures, the newest first; for who issued it, also after an erasure."""
    limit, after = _LIMIT.of(request), _AFTER.place(request)
    state = await _looked_at(request, "read_accesses")
    store = request.app.state.store
    page = await _page(store, state.id, after, limit + 1)
    cursor = _stands(page[limit - 1]) if len(page) > limit else None
    answer: Accesses = {
        "referral_id": state.id,
        "accesses": [_look(document.state) for _, document in page[:limit]],
        "next": cursor and further(*cursor),
        "denied": await store.count("accesses", {"denied_of": state.id}),
    }
    return JSONResponse(answer)


async def look_up_code(request: Request) -> Response:
    """At an organiser's desk: the code that a client shows becomes the referral's id, and the organiser related to it.

    For 30 days the organiser may then enrol the client. Kept as a disclosure, and as a fact of the referral, both before
    the answer.
    """
    if role_of(who := who_asks(request)) not in ORGANISERS:
        await deny_look(request, who, "look_up_code", "a code", "opisto")
    must_be_open(request)
    request.app.state.code_limit.take(who)
    code = read_code(request.path_params["code"])
    if code is None:
        raise ProblemError(
            422, "that is no referral code: 12 characters, the last one checks the others; read it again"
        )
    rows = await request.app.state.store.find("referrals", equal={"code": code}, limit=1)
    found = rows[0].id if rows else None
    what, about = (found, [found]) if found else (NO_REFERRALS_CODE, [])
    await record_access(request, who, "look_up_code", what, "desk", allowed=found is not None, about=about)
    if found is None:
        raise ProblemError(404, "no referral has this code")
    document = _DOCUMENT.decode(rows[0].body)
    data = CodeLookedUp(referral_id=found, organiser=who)
    now = request.app.state.clock.now()
    event = Event(str(uuid4()), OWN, now, data, correlation=found, synthetic=document.synthetic)
    await write(request.app.state.publisher, [event])
    return JSONResponse(CodeRead(referral_id=found))


_Found = tuple[Row, Document[Access]]


async def _page(store: Store, referral_id: str, after: tuple[float, str] | None, limit: int) -> list[_Found]:
    found: list[_Found] = []
    offset = 0
    while len(found) < limit:
        bound = ("at", after[0]) if after else None
        rows = await store.find(
            "accesses",
            equal={"referral_id": referral_id},
            at_most=bound,
            order="at",
            descending=True,
            limit=limit,
            offset=offset,
        )
        looks = [(row, _ACCESS.decode(row.body)) for row in rows]
        # Looks of the cursor's own moment that stand before the cursor were shown already.
        found += [look for look in looks if after is None or _stands(look) < after]
        if len(rows) < limit:
            break
        offset += limit
    return found[:limit]


def _stands(look: _Found) -> tuple[float, str]:
    row, document = look
    assert document.state is not None
    return document.state.time.timestamp(), row.id


def _look(look: Access | None) -> Look:
    assert look is not None
    return {
        "time": written(look.time),
        "who": look.who,
        "action": look.action,
        "ground": look.ground,
        "allowed": look.allowed,
        "service": look.service,
    }


async def _looked_at(request: Request, action: str, *roles: str) -> Referral:
    """The referral, for who issued it and these roles; the look is kept. Raises 404, also where there is no such referral."""
    who = who_asks(request)
    referral_id = referral_asked(request)
    rows = await request.app.state.store.load("referrals", [referral_id])
    state = _DOCUMENT.decode(rows[referral_id].body).state if referral_id in rows else None
    issuer = _issuer(state) if state else None
    ground = "operations" if role_of(who) == "ops" else "own referral"
    allowed = issuer is not None and (who == issuer or role_of(who) in roles)
    await record_look(request, who, action, referral_id, ground, known=issuer is not None, allowed=allowed)
    assert state is not None
    return state


def _issuer(state: Referral) -> str | None:
    if state.erased:
        return state.erased.issuer
    return state.issued.source if state.issued else None
