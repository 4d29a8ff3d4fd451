"""Good practices: what works, recorded by who does it, for others to take up."""

from collections.abc import Mapping
from typing import Final

from services.partners.practices.decide import recorded
from services.partners.practices.model import Practice
from shared.contracts.data import Data
from shared.contracts.envelope import Event
from shared.contracts.record_events import PracticeRecorded
from shared.engine.model import Handler, Kind
from shared.store import Collection, Index

PRACTICES: Final = Kind(
    Collection("practices", (Index(("listed",)), Index(("theme", "listed"), many=True)), ("listed",)),
    Practice,
    fields=lambda one: {"listed": None if one.withdrawn else f"{one.owner} {one.id}", "theme": list(one.themes)},
)


def _own(event: Event[PracticeRecorded]) -> str:
    return f"{event.source} {event.data.subject}"


HANDLERS: Final[Mapping[type[Data], Handler]] = {PracticeRecorded: Handler(PRACTICES, _own, recorded)}
