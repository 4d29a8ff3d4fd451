"""The catalogue's HTTP: what can be enrolled for (public), and what was proposed to a referral (its region's)."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from services.catalogue.decide import EVERYWHERE, LISTED, brief_of
from services.catalogue.listing import cursor_of, start_of, walk
from services.catalogue.matching import primary
from services.catalogue.model import Activity, Brief, Match
from shared.contracts.fields import Format
from shared.engine.model import Document
from shared.http.audit import record_look, referral_asked
from shared.http.intake import post_events
from shared.http.keys import role_of, who_asks
from shared.http.problems import ProblemError
from shared.http.query import choice, number, takes
from shared.reference import DIMENSIONS, MUNICIPALITIES, THEMES

_ACTIVITY = msgspec.json.Decoder(Document[Activity])
_MATCH = msgspec.json.Decoder(Document[Match])


def routes() -> list[BaseRoute]:
    """The catalogue's routes."""
    return [
        Route("/v1/events", post_events, methods=["POST"]),
        Route("/v1/activities", list_activities),
        Route("/v1/activities/{kind}/{organiser}/{activity_id}", one_activity),
        Route("/v1/referrals/{referral_id}/proposals", proposals),
    ]


@takes("municipality", "theme", "need", "language", "format", "free", "q", "page", "per_page", "after")
async def list_activities(request: Request) -> Response:
    """`{activities, page, per_page, next}`: what can be enrolled for, what closes first before the others.

    `next` is where `after` goes on, null at the end: no more than 1,000 are looked at for one answer, however few fit.
    """
    municipality = choice(request, "municipality", MUNICIPALITIES)
    page, per_page = number(request, "page", 1, 1, 10), number(request, "per_page", 20, 1, 100)
    passes = _filter(request)
    start = start_of(request, request.app.state.clock.now().timestamp())
    store = request.app.state.store
    areas = (municipality, EVERYWHERE) if municipality else (LISTED,)
    found, end = await walk(store, areas, start, passes, page * per_page)
    shown = found[(page - 1) * per_page :]
    whole = await store.load("activities", [brief.key for brief in shown])
    activities = [_public(_activity(whole[brief.key].body), brief) for brief in shown if brief.key in whole]
    answer = {"activities": activities, "page": page, "per_page": per_page, "next": cursor_of(end)}
    return JSONResponse(answer)


def _filter(request: Request) -> Callable[[Brief], bool]:
    theme = choice(request, "theme", THEMES)
    need = choice(request, "need", DIMENSIONS)
    format_ = choice(request, "format", Format.__args__)  # type: ignore[attr-defined]
    free = choice(request, "free", ("true", "false"))
    language = request.query_params.get("language")
    words = request.query_params.get("q", "").lower()[:100].split()
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
            and all(word in brief.search for word in words)
        )

    return passes


async def one_activity(request: Request) -> Response:
    """One activity; 404 where it is not, or not public."""
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


def _public(state: Activity, brief: Brief) -> Mapping[str, Any]:
    """What anybody may see: no counts, only whether there is room."""
    data = {name: value for name, value in state.published.items() if name not in {"capacity", "waiting_list"}}
    availability = "places" if brief.places_left > 0 else "waiting_list" if brief.waiting_left > 0 else "full"
    return {
        "organiser": state.organiser,
        **data,
        "availability": availability,
        "cancelled": state.cancelled is not None,
    }


async def proposals(request: Request) -> Response:
    """What was proposed last; for the referral's region."""
    who = who_asks(request)
    referral_id = referral_asked(request)
    rows = await request.app.state.store.load("matches", [referral_id])
    state = _MATCH.decode(rows[referral_id].body).state if referral_id in rows else None
    region = _region(state) if state else None
    allowed = region is not None and (who == region or role_of(who) == "ops")
    ground = "operations" if role_of(who) == "ops" else "own referral"
    await record_look(request, who, "proposals", referral_id, ground, known=region is not None, allowed=allowed)
    assert state is not None
    return JSONResponse({"referral_id": referral_id, "status": state.status, "proposals": list(state.proposals)})


def _region(state: Match) -> str | None:
    if state.erased:
        return state.issuer
    return state.wish.region if state.wish else None
