"""Improvements over HTTP: each partner sees those that name it, or that it recorded."""

from datetime import datetime
from typing import Final, get_args

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.partners.improvements import IMPROVEMENTS
from services.partners.improvements.model import Improvement, LatestVersion
from services.partners.improvements.responses import Improvements, ImprovementShown, State
from services.partners.listing import AFTER, LIMIT, asked_for, walk
from shared.contracts.envelope import written
from shared.contracts.partner_kinds import PARTNER_KINDS
from shared.http.keys import must_be, role_of
from shared.http.operations import Operation
from shared.http.parameters import OneOf

_READERS: Final = (*PARTNER_KINDS, "ops", "reader")
_STATE: Final = OneOf("state", get_args(State), "Improvements alone that stand so.")


def operations() -> list[Operation]:
    """The address of improvements."""
    takes = (_STATE, AFTER, LIMIT)
    return [Operation("GET", "/v1/improvements", list_improvements, {200: Improvements}, _READERS, takes)]


async def list_improvements(request: Request) -> Response:
    """What was agreed to be done better: those that name the partner or that it recorded; for ops and readers all."""
    who = must_be(request, *_READERS)
    wanted, now = _STATE.of(request), request.app.state.clock.now()
    asked = asked_for(request, party=None if role_of(who) in {"ops", "reader"} else who)
    found, further = await walk(
        request.app.state.store, IMPROVEMENTS, asked, lambda one: wanted in {None, _state(one, now)}
    )
    shown = [_shown(one, one.agreed, now) for one in found if one.agreed]
    answer: Improvements = {"improvements": shown, "next": further}
    return JSONResponse(answer)


def _state(one: Improvement, now: datetime) -> State:
    if one.is_done:
        return "done"
    return "overdue" if one.agreed and one.agreed.over_at <= now else "open"


def _shown(one: Improvement, agreed: LatestVersion, now: datetime) -> ImprovementShown:
    return {
        "agreed_by": one.agreed_by,
        "improvement_id": one.id,
        "roles": [{"partner": role.partner, "role": role.role} for role in agreed.roles],
        "about": dict(agreed.about),
        "due": agreed.due.isoformat(),
        "state": _state(one, now),
        "recorded_at": written(agreed.time),
    }
