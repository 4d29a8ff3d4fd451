"""Agreements between a region or a municipality and an organiser: what both say, what of it is used, what both are told."""

from collections.abc import Mapping
from typing import Final

from services.partners.agreements import decide, reading
from services.partners.agreements.fold import course_of
from services.partners.agreements.model import ActivityThemes, Agreement, MonthOfUse, pair_of
from shared.contracts.agreement_events import (
    AgreementChanged,
    AgreementEnded,
    AgreementMade,
    AgreementToLook,
    UseCounted,
)
from shared.contracts.data import Data
from shared.contracts.envelope import Event
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.opisto_events import ActivityPublished
from shared.engine.model import Handler, Kind
from shared.store import Collection, Index

AGREEMENTS: Final = Kind(
    Collection(
        reading.AGREEMENTS,
        (
            Index(("pair", "listed")),
            Index(("organiser", "listed")),
            Index(("status", "listed")),
            Index(("listed",)),
            Index(("parties",), many=True),
        ),
    ),
    Agreement,
    fields=lambda one: {
        "pair": pair_of(one),
        "organiser": one.organiser,
        "parties": [one.referrer, one.organiser],
        "status": course_of(one).standing.status,
        "listed": one.id,
    },
    deadlines=decide.deadlines,
)
MONTHS: Final = Kind(
    Collection(reading.MONTHS, (Index(("pair", "listed")),)),
    MonthOfUse,
    fields=lambda one: {"pair": pair_of(one), "listed": one.id},
    marked=False,
)
THEMES: Final = Kind(Collection(reading.THEMES), ActivityThemes, marked=False)


def _subject(event: Event) -> str:
    return event.data.subject


def _activity(event: Event[ActivityPublished]) -> str | None:
    return None if event.synthetic else f"{event.source} {event.data.activity_id}"


def _aggregate(event: Event[DeadlinePassed]) -> str:
    return event.data.aggregate


KINDS: Final = (AGREEMENTS, MONTHS, THEMES)
_SAID: Final = Handler(AGREEMENTS, _subject, decide.said)
HANDLERS: Final[Mapping[type[Data], Handler]] = {
    AgreementMade: _SAID,
    AgreementChanged: _SAID,
    AgreementEnded: _SAID,
    AgreementToLook: Handler(AGREEMENTS, _subject, decide.looked, reading.around),
    UseCounted: Handler(MONTHS, _subject, decide.use_counted, reading.between),
    ActivityPublished: Handler(THEMES, _activity, decide.published, reading.of_the_organiser),
}
DEADLINES: Final[Mapping[str, Handler]] = {
    reading.AGREEMENTS: Handler(AGREEMENTS, _aggregate, decide.deadline_passed, reading.around)
}
