"""The catalogue's HTTP: what can be enrolled for (public), and what was proposed to a referral (who issued it)."""

from collections.abc import Callable, Iterable
from typing import Any, Final, get_args

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.catalogue import cards_api
from services.catalogue.decide import EVERYWHERE, LISTED, brief_of
from services.catalogue.listing import AFTER, cursor_of, start_of, walk
from services.catalogue.matching import primary
from services.catalogue.model import Activity, Brief, Match
from services.catalogue.responses import Activities, ActivityShown, Proposals
from services.catalogue.vouchers import api as vouchers
from shared.contracts.fields import Format
from shared.contracts.partner_kinds import REFERRERS
from shared.engine.model import Document
from shared.http.audit import REFERRAL_ID, record_look, referral_asked
from shared.http.intake import INTAKE
from shared.http.keys import role_of, who_asks
from shared.http.operations import Operation
from shared.http.parameters import Number, OneOf, Parameter
from shared.http.problems import ProblemError
from shared.reference import DIMENSIONS, MUNICIPALITIES, THEMES

_ACTIVITY = msgspec.json.Decoder(Document[Activity])
_MATCH = msgspec.json.Decoder(Document[Match])


_COUNTS: Final = frozenset({"capacity", "waiting_list", "kaikukortti_places"})
"""What the public does not see of an activity."""

_MUNICIPALITY: Final = OneOf(
    "municipality",
    MUNICIPALITIES,
    "The code of a municipality: what is held there, and what is open to all of the country.",
    example="837",
    pattern="^[0-9]{3}$",
)
_THEME: Final = OneOf("theme", THEMES, "A theme that it has.")
_NEED: Final = OneOf("need", DIMENSIONS, "A need that it supports.")
_FORMAT: Final = OneOf("format", get_args(get_args(Format)[0]), "How it is attended.")
_FREE: Final = OneOf("free", ("true", "false"), "`true`: only what costs nothing.")
_LANGUAGE: Final = Parameter("language", "A language that it is held in, as an ISO 639 code.", example="fi")
_WORDS: Final = Parameter("q", "Words that its text has; a hundred characters are read.", example="kuoro")
_PAGE: Final = Number("page", 1, 1, 10, "Which page; further on by `after`.")
_PER_PAGE: Final = Number("per_page", 20, 1, 100, "How many on a page.")
_LIST: Final = (_MUNICIPALITY, _THEME, _NEED, _LANGUAGE, _FORMAT, _FREE, _WORDS, _PAGE, _PER_PAGE, AFTER)
_ONE: Final = (
    Parameter("kind", "The organiser's kind.", example="opisto"),
    Parameter("organiser", "The organiser's id.", example="tampere"),
    Parameter("activity_id", "The organiser's own id of the activity.", example="kuoro-2026s"),
)


def operations() -> list[Operation]:
    """The catalogue's addresses."""
    one, proposed = "/v1/activities/{kind}/{organiser}/{activity_id}", "/v1/referrals/{referral_id}/proposals"
    return [
        INTAKE,
        Operation("GET", "/v1/activities", list_activities, {200: Activities}, takes=_LIST, also=(503,)),
        Operation("GET", one, one_activity, {200: ActivityShown}, takes=_ONE, also=(404, 503)),
        Operation("GET", proposed, proposals, {200: Proposals}, (*REFERRERS, "ops"), (REFERRAL_ID,), hides=True),
        *vouchers.operations(),
        *cards_api.operations(),
    ]


async def list_activities(request: Request) -> Response:
    """Activities that take enrolments, those that close first at the front; public.

    One answer looks at no more than 1,000 activities: where few fit, an answer may be short or empty and still have a
    `next`.
    """
    municipality = _MUNICIPALITY.of(request)
    page, per_page = _PAGE.of(request), _PER_PAGE.of(request)
    passes = _filter(request)
    start = start_of(request, request.app.state.clock.now().timestamp())
    store = request.app.state.store
    areas = (municipality, EVERYWHERE) if municipality else (LISTED,)
    found, end = await walk(store, areas, start, passes, page * per_page)
    shown = found[(page - 1) * per_page :]
    whole = await store.load("activities", [brief.key for brief in shown])
    activities = [_public(_activity(whole[brief.key].body), brief) for brief in shown if brief.key in whole]
    answer: Activities = {"activities": activities, "page": page, "per_page": per_page, "next": cursor_of(end)}
    return JSONResponse(answer)


def _filter(request: Request) -> Callable[[Brief], bool]:
    theme, need, format_, free = (one.of(request) for one in (_THEME, _NEED, _FORMAT, _FREE))
    language = _LANGUAGE.value(request)
    words = (_WORDS.value(request) or "").lower()[:100].split()
    now = request.app.state.clock.now().timestamp()
    needed = DIMENSIONS.index(need) if need else None

    def passes(brief: Brief) -> bool:
        return (
            brief.opens <= now
            and (theme is None or theme in brief.themes)
            and (needed is None or brief.needs[needed] > 0)
            and (format_ is None or brief.format == format_)
            and (free != "true" or brief.price_cents == 0)
            and (language is None or primary(language) in brief.languages)
            and (not words or _has(brief.titles.lower(), words))
        )

    return passes


def _has(text: str, words: Iterable[str]) -> bool:
    return all(word in text for word in words)


async def one_activity(request: Request) -> Response:
    """One activity; public.

    404 if nobody published it.
    """
    path = request.path_params
    key = f"/{path['kind']}/{path['organiser']} {path['activity_id']}"
    rows = await request.app.state.store.load("activities", [key])
    state = _activity(rows[key].body) if key in rows else None
    if state is None or not state.versions or state.synthetic:
        raise ProblemError(
            404, f"no activity {path['activity_id']} of /{path['kind']}/{path['organiser']} was published"
        )
    return JSONResponse(_public(state, brief_of(state)))


def _activity(body: bytes) -> Activity:
    state = _ACTIVITY.decode(body).state
    assert state is not None
    return state


def _public(state: Activity, brief: Brief) -> dict[str, Any]:
    """The public view of an activity: no counts, only whether there is room."""
    data = {name: value for name, value in state.published.items() if name not in _COUNTS}
    availability = "places" if brief.places_left > 0 else "waiting_list" if brief.waiting_left > 0 else "full"
    return {
        "organiser": state.organiser,
        **data,
        "availability": availability,
        "cancelled": state.cancelled is not None,
        "needs": {dimension: weight for dimension, weight in zip(DIMENSIONS, state.needs, strict=True) if weight},
        "needs_from": "organiser" if data.get("needs_supported") else "derived",
    }


async def proposals(request: Request) -> Response:
    """The latest proposals; for who issued the referral and ops."""
    who = who_asks(request)
    referral_id = referral_asked(request)
    rows = await request.app.state.store.load("matches", [referral_id])
    state = _MATCH.decode(rows[referral_id].body).state if referral_id in rows else None
    issuer = _issuer(state) if state else None
    allowed = issuer is not None and (who == issuer or role_of(who) == "ops")
    ground = "operations" if role_of(who) == "ops" else "own referral"
    await record_look(request, who, "proposals", referral_id, ground, known=issuer is not None, allowed=allowed)
    assert state is not None
    answer: Proposals = {"referral_id": referral_id, "status": state.status, "proposals": list(state.proposals)}
    return JSONResponse(answer)


def _issuer(state: Match) -> str | None:
    if state.erased:
        return state.issuer
    return state.wish.issuer if state.wish else None
