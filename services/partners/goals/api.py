"""Goals of wellbeing plans over HTTP: every partner may read them."""

from collections.abc import Callable
from datetime import date
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.partners import figures
from services.partners.goals import GOALS
from services.partners.goals.model import PlanGoal
from services.partners.goals.responses import Goals, GoalShown
from services.partners.listing import AFTER, LIMIT, asked_for, walk
from shared.contracts.envelope import written
from shared.contracts.partner_kinds import PARTNER_KINDS
from shared.contracts.record_events import MEASURES
from shared.http.keys import must_be
from shared.http.operations import Operation
from shared.http.parameters import OneOf, Pattern

_READERS: Final = (*PARTNER_KINDS, "ops", "reader")
_OWNER: Final = Pattern(
    "owner",
    "/region/[0-9]{2}|/municipality/[0-9]{3}",
    "a region or a municipality, by its source",
    "Whose plan.",
    example="/region/06",
)
_MEASURE: Final = OneOf("measure", MEASURES, "Goals that are followed by this figure.")
_ON: Final = Pattern(
    "on", "[0-9]{4}-[0-9]{2}-[0-9]{2}", "a day", "Goals of whose period this day is.", example="2026-09-01"
)


def operations() -> list[Operation]:
    """The address of goals."""
    takes = (_OWNER, _MEASURE, _ON, AFTER, LIMIT)
    return [Operation("GET", "/v1/goals", list_goals, {200: Goals}, _READERS, takes)]


async def list_goals(request: Request) -> Response:
    """Goals of regions' and municipalities' wellbeing plans, in order of owner and id; for every partner, ops and
    readers."""
    must_be(request, *_READERS)
    owner, measure = _OWNER.of(request), _MEASURE.of(request)
    asked = asked_for(request, **({"owner": owner[0]} if owner else {"measure": measure}))
    found, further = await walk(request.app.state.store, GOALS, asked, _filter(measure, _day(request)))
    answer: Goals = {"goals": [_shown(one) for one in found], "next": further}
    return JSONResponse(answer)


def _day(request: Request) -> date | None:
    said = _ON.of(request)
    try:
        return date.fromisoformat(said[0]) if said else None
    except ValueError as error:
        raise _ON.refused(said[0] if said else "", "there is no such day") from error


def _filter(measure: str | None, day: date | None) -> Callable[[PlanGoal], bool]:
    def passes(one: PlanGoal) -> bool:
        in_time = day is None or one.starts <= day <= one.ends
        return not one.withdrawn and in_time and measure in {None, one.figure.measure}

    return passes


def _shown(one: PlanGoal) -> GoalShown:
    return {
        "owner": one.owner,
        "goal_id": one.id,
        "goal": dict(one.goal),
        "starts": one.starts.isoformat(),
        "ends": one.ends.isoformat(),
        "described_at": one.described_at,
        "figure": figures.shown(one.figure),
        "target": one.target,
        "reach": one.reach,
        "recorded_at": written(one.time),
    }
