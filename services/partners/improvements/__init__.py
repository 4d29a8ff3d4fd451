"""What partners agreed to do better, by whom and until when: they are told of it, and reminded."""

from collections.abc import Mapping
from typing import Final

from services.partners.improvements import decide
from services.partners.improvements.model import Improvement, deadlines
from shared.contracts.data import Data
from shared.contracts.envelope import Event
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.record_events import ImprovementAgreed, ImprovementDone
from shared.engine.model import Handler, Kind
from shared.store import Collection, Index

IMPROVEMENTS: Final = Kind(
    Collection("improvements", (Index(("listed",)), Index(("party", "listed"), many=True)), ("listed",)),
    Improvement,
    fields=lambda one: {"listed": f"{one.agreed_by} {one.id}", "party": one.parties},
    deadlines=deadlines,
)


def _own(event: Event[ImprovementAgreed]) -> str:
    return f"{event.source} {event.data.subject}"


def _named(event: Event[ImprovementDone]) -> str:
    return event.data.subject


def _aggregate(event: Event[DeadlinePassed]) -> str:
    return event.data.aggregate


HANDLERS: Final[Mapping[type[Data], Handler]] = {
    ImprovementAgreed: Handler(IMPROVEMENTS, _own, decide.agreed),
    ImprovementDone: Handler(IMPROVEMENTS, _named, decide.done),
}
DEADLINES: Final[Mapping[str, Handler]] = {"improvements": Handler(IMPROVEMENTS, _aggregate, decide.deadline_passed)}
