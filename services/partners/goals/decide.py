"""What a region or a municipality records of its wellbeing plan: its latest word about a goal holds, whole."""

from datetime import datetime

from services.partners.figures import named
from services.partners.goals.model import PlanGoal
from services.partners.texts import by_language
from shared.contracts.envelope import Event
from shared.contracts.record_events import PlanGoalRecorded
from shared.engine.model import Decision, Rejected
from shared.reference import MUNICIPALITIES_OF


def recorded(
    state: PlanGoal | None, event: Event[PlanGoalRecorded], now: datetime, context: object
) -> Decision[PlanGoal] | Rejected:
    """Keeps the owner's latest word about the goal. Its figure is of the owner's own clients."""
    data = event.data
    own = _own(event.source)
    if data.figure.municipality is not None and data.figure.municipality not in own:
        return Rejected(f"/data/figure/municipality: {data.figure.municipality} is no municipality of {event.source}")
    if state and (state.time, state.rank) > (event.time, event.rank):
        return Decision(state)
    return Decision(
        PlanGoal(
            owner=event.source,
            id=data.goal_id,
            time=event.time,
            rank=event.rank,
            goal=by_language(data.goal),
            starts=data.starts,
            ends=data.ends,
            described_at=data.described_at,
            figure=named(data.figure),
            target=data.target,
            reach=data.reach,
            withdrawn=data.withdrawn,
        )
    )


def _own(source: str) -> tuple[str, ...]:
    """The municipalities whose clients are a region's, or a municipality's own."""
    _, kind, code = source.split("/", 2)
    return MUNICIPALITIES_OF.get(code, ()) if kind == "region" else (code,)
