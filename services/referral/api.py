"""The referral service's HTTP: intake, where a referral stands, who looked at it, and the desk's look-up of a code."""

from datetime import datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from services.referral.fold import Choice, View, fold
from services.referral.model import Referral, split_key
from shared.contracts.envelope import written
from shared.contracts.referral_code import read_code, referral_code
from shared.engine.model import Document
from shared.http.audit import record_access
from shared.http.intake import post_events
from shared.http.keys import must_be, role_of, who_asks
from shared.http.problems import ProblemError

_DOCUMENT = msgspec.json.Decoder(Document[Referral])


def routes() -> list[BaseRoute]:
    """The referral service's routes."""
    return [
        Route("/v1/events", post_events, methods=["POST"]),
        Route("/v1/referrals/{referral_id}", one_referral),
        Route("/v1/referrals/{referral_id}/accesses", accesses),
        Route("/v1/codes/{code}", look_up_code),
    ]


async def one_referral(request: Request) -> Response:
    """Where the referral stands; for its region and ops. 404 until it is applied."""
    who = who_asks(request)
    state = await _referral(request)
    allowed = role_of(who) == "ops" or (state.issued is not None and who == state.issued.source)
    await record_access(request, who, "read", state.id, _ground(who), allowed=allowed)
    if not allowed:
        raise ProblemError(403, f"{who} may not read this referral; it is for the region that issued it")
    return JSONResponse(_erased(state) if state.erased else answer(request, state))


async def accesses(request: Request) -> Response:
    """Who read it and to whom it was disclosed: kept by the monitor, told by way of the region's own question here."""
    who = who_asks(request)
    state = await _referral(request)
    allowed = state.issued is not None and who == state.issued.source
    await record_access(request, who, "read_accesses", state.id, _ground(who), allowed=allowed)
    if not allowed:
        raise ProblemError(403, f"{who} may not read who looked; it is for the region that issued the referral")
    rows = await request.app.state.store.find("accesses", equal={"referral_id": state.id}, order="at", limit=1_000)
    found = [msgspec.json.decode(row.body)["state"] for row in rows]
    shown = ("time", "who", "action", "ground", "allowed", "service")
    return JSONResponse({"referral_id": state.id, "accesses": [{name: one[name] for name in shown} for one in found]})


async def look_up_code(request: Request) -> Response:
    """An opisto at its desk: the code that a client shows becomes the referral's id. Kept as a disclosure."""
    who = must_be(request, "opisto")
    request.app.state.code_limit.take(who)
    code = read_code(request.path_params["code"])
    if code is None:
        raise ProblemError(
            422, "that is no referral code: 12 characters, the last one checks the others; read it again"
        )
    rows = await request.app.state.store.find("referrals", equal={"code": code}, limit=1)
    found = rows[0].id if rows else None
    await record_access(
        request, who, "look_up_code", found or code, "desk", allowed=found is not None, about_referral=bool(found)
    )
    if found is None:
        raise ProblemError(404, "no referral has this code")
    return JSONResponse({"referral_id": found})


async def _referral(request: Request) -> Referral:
    referral_id = request.path_params["referral_id"]
    rows = await request.app.state.store.load("referrals", [referral_id])
    state = _DOCUMENT.decode(rows[referral_id].body).state if referral_id in rows else None
    if state is None or (state.issued is None and state.erased is None):
        raise ProblemError(404, f"no referral {referral_id[:60]} is applied yet")
    return state


def _ground(who: str) -> str:
    return "operations" if role_of(who) == "ops" else "own referral"


def _erased(state: Referral) -> dict[str, Any]:
    assert state.erased is not None
    left = state.erased
    return {
        "referral_id": state.id,
        "referral_code": None,
        "status": left.status,
        "outcome": left.outcome,
        "issued_at": _written(left.issued_at),
        "closed_at": _written(left.closed_at),
        "choice": None,
        "place": None,
        "sessions": [],
        "session_counts": {"attended": 0, "missed": 0, "not_recorded": 0},
        "deadlines": [],
        "history": [],
    }


def answer(request: Request, state: Referral) -> dict[str, Any]:
    """docs/contracts.md, “Answers”."""
    view = fold(state, request.app.state.table.given)
    now = request.app.state.clock.now()
    sessions = [
        {"session_id": one.session, "starts_at": _written(one.starts_at), "state": _session_state(one, now)}
        for one in view.sessions
    ]
    states = [session["state"] for session in sessions]
    return {
        "referral_id": state.id,
        "referral_code": referral_code(state.id),
        "status": view.status,
        "outcome": view.ended.outcome if view.ended else None,
        "issued_at": _written(state.first_issued_at),
        "closed_at": _written(state.told.closed_at),
        "choice": _choice(view.choice),
        "place": _place(view),
        "sessions": sessions,
        "session_counts": {name: states.count(name) for name in ("attended", "missed", "not_recorded")},
        "deadlines": [{"what": one.what, "due_at": _written(one.due_at), "nth": one.nth} for one in view.deadlines],
        "history": _history(state),
    }


def _session_state(session: Any, now: datetime) -> str:
    if session.state == "upcoming" and session.starts_at and session.starts_at < now:
        return "not_recorded"
    return str(session.state)


def _choice(choice: Choice | None) -> dict[str, Any] | None:
    if choice is None:
        return None
    organiser, activity_id = split_key(choice.activity)
    return {"organiser": organiser, "activity_id": activity_id, "time": _written(choice.at)}


def _place(view: View) -> dict[str, Any] | None:
    if view.choice is None or view.place is None:
        return None
    organiser, activity_id = split_key(view.choice.activity)
    return {"organiser": organiser, "activity_id": activity_id, "state": view.place, "position": view.position}


_CLASS_OF = {
    "chosen": "ActivityChosen",
    "confirmed": "EnrolmentConfirmed",
    "cancelled": "EnrolmentCancelled",
    "withdrawn": "ReferralWithdrawn",
}


def _history(state: Referral) -> list[dict[str, Any]]:
    facts: list[tuple[datetime, str, str, str]] = []
    if state.issued:
        facts.append((state.issued.time, state.issued.id, state.issued.source, "ReferralIssued"))
    facts += [(fact.time, fact.id, fact.source, _CLASS_OF[fact.kind]) for fact in state.facts]
    for mark in state.marks:
        facts.append((mark.time, mark.id, mark.source, "ActivityAttended" if mark.attended else "ActivityMissed"))
    if state.feedback:
        facts.append((state.feedback.time, state.feedback.id, state.feedback.source, "FeedbackSubmitted"))
    return [
        {"time": written(time_), "type": name, "source": source, "id": id_}
        for time_, id_, source, name in sorted(facts)
    ]


def _written(time_: datetime | None) -> str | None:
    return written(time_) if time_ else None
