"""Trainings for professionals, and how many referrals their units issued before and after."""

from collections.abc import Mapping
from typing import Final

from services.partners.trainings import decide
from services.partners.trainings.model import Training
from shared.contracts.data import Data
from shared.contracts.envelope import Event
from shared.contracts.record_events import TrainingHeld
from shared.engine.model import Handler, Kind
from shared.store import Collection, Index

TRAININGS: Final = Kind(
    Collection("trainings", (Index(("listed",)), Index(("organiser", "listed")))),
    Training,
    fields=lambda one: {"listed": f"{one.organiser} {one.id}", "organiser": one.organiser},
)


def _own(event: Event[TrainingHeld]) -> str:
    return f"{event.source} {event.data.subject}"


HANDLERS: Final[Mapping[type[Data], Handler]] = {TrainingHeld: Handler(TRAININGS, _own, decide.held)}
