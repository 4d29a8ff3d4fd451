"""Goals of wellbeing plans: of each the figure of the platform by which it is followed."""

from collections.abc import Mapping
from typing import Final

from services.partners.goals.decide import recorded
from services.partners.goals.model import PlanGoal
from shared.contracts.data import Data
from shared.contracts.envelope import Event
from shared.contracts.record_events import PlanGoalRecorded
from shared.engine.model import Handler, Kind
from shared.store import Collection, Index

GOALS: Final = Kind(
    Collection("goals", (Index(("listed",)), Index(("owner", "listed")), Index(("measure", "listed")))),
    PlanGoal,
    fields=lambda one: {
        "listed": None if one.withdrawn else f"{one.owner} {one.id}",
        "owner": one.owner,
        "measure": one.figure.measure,
    },
)


def _own(event: Event[PlanGoalRecorded]) -> str:
    return f"{event.source} {event.data.subject}"


HANDLERS: Final[Mapping[type[Data], Handler]] = {PlanGoalRecorded: Handler(GOALS, _own, recorded)}
