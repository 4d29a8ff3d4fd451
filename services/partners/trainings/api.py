"""Trainings over HTTP, and how many referrals their units issued before and after."""

from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.partners.listing import AFTER, LIMIT, asked_for, one_of, walk
from services.partners.roles import KNOWN
from services.partners.trainings import TRAININGS
from services.partners.trainings.model import Training
from services.partners.trainings.responses import (
    AT_LEAST,
    ReferralsAround,
    ReferralsThen,
    TrainingAnswer,
    Trainings,
    TrainingShown,
)
from shared.contracts.envelope import written
from shared.contracts.partner_kinds import PARTNER_KINDS
from shared.http.keys import must_be, role_of
from shared.http.operations import Operation
from shared.http.parameters import Parameter, Pattern
from shared.http.problems import ProblemError

DAYS: Final = 90
FINLAND: Final = ZoneInfo("Europe/Helsinki")
_READERS: Final = (*PARTNER_KINDS, "ops", "reader")
_KIND: Final = Parameter("kind", "The organiser's kind.", example="opisto")
_ORGANISER: Final = Parameter("organiser", "The organiser's id.", example="tampere")
_ID: Final = Parameter("training_id", "The training, by its organiser's id.", example="2026-7")
_OF: Final = Pattern(
    "organiser", "/[a-z]+/[a-z0-9.-]{1,60}", "a partner, by its source", "Who held it.", example="/opisto/tampere"
)


def operations() -> list[Operation]:
    """The addresses of trainings."""
    one = "/v1/trainings/{kind}/{organiser}/{training_id}"
    return [
        Operation("GET", "/v1/trainings", list_trainings, {200: Trainings}, _READERS, (_OF, AFTER, LIMIT)),
        Operation("GET", one, one_training, {200: TrainingAnswer}, _READERS, (_KIND, _ORGANISER, _ID), also=(404,)),
    ]


async def list_trainings(request: Request) -> Response:
    """Trainings that were held, in order of organiser and id; for every partner, ops and readers."""
    must_be(request, *_READERS)
    organiser = _OF.of(request)
    asked = asked_for(request, organiser=organiser[0] if organiser else None)
    found, further = await walk(request.app.state.store, TRAININGS, asked, lambda _: True)
    answer: Trainings = {"trainings": [_shown(one) for one in found], "next": further}
    return JSONResponse(answer)


async def one_training(request: Request) -> Response:
    """One training; for its organiser, the organisations of its units, ops and readers with the number of referrals that
    the units issued in the 90 days before and after. 404 where nobody recorded it."""
    who = must_be(request, *_READERS)
    path = request.path_params
    organiser = f"/{path['kind']}/{path['organiser']}"
    state = await one_of(request.app.state.store, TRAININGS, f"{organiser} {path['training_id']}")
    if state is None:
        raise ProblemError(404, f"{organiser[:80]} has recorded no training {path['training_id'][:64]!r}")
    concerned = {state.organiser, *(one.partner for one in state.units)}
    around = await _around(request, state) if who in concerned or role_of(who) in {"ops", "reader"} else None
    answer: TrainingAnswer = {**_shown(state), "around": around}
    return JSONResponse(answer)


async def _around(request: Request, state: Training) -> ReferralsAround:
    day, span = timedelta(days=1), timedelta(days=DAYS)
    return {
        "before": await _then(request, state, state.held_on - span, state.held_on - day),
        "after": await _then(request, state, state.held_on + day, state.held_on + span),
    }


async def _then(request: Request, state: Training, first: date, last: date) -> ReferralsThen:
    """The referrals of these days, both included, as days are in Finland."""
    begins, ends = _begins(first), _begins(last + timedelta(days=1))
    units = {one.key for one in state.units}
    count = sum([await _issued(request, unit, begins, ends) for unit in sorted(units)])
    return {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "complete": ends <= request.app.state.clock.now(),
        "referrals": count if count >= AT_LEAST else None,
        "why": None if count >= AT_LEAST else "fewer_than_five",
    }


async def _issued(request: Request, unit: str, begins: datetime, ends: datetime) -> int:
    found: int = await request.app.state.store.count(
        KNOWN.collection.name,
        {"unit": unit},
        at_least=("issued_at", begins.timestamp()),
        at_most=("issued_at", (ends - timedelta(microseconds=1)).timestamp()),
    )
    return found


def _begins(day: date) -> datetime:
    return datetime.combine(day, time(0), FINLAND)


def _shown(one: Training) -> TrainingShown:
    return {
        "organiser": one.organiser,
        "training_id": one.id,
        "name": dict(one.name),
        "held_on": one.held_on.isoformat(),
        "units": [{"partner": unit.partner, "unit_ref": unit.unit_ref} for unit in one.units],
        "audience": list(one.audience),
        "came": one.came,
        "recorded_at": written(one.time),
    }
