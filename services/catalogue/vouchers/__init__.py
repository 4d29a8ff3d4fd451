"""Study vouchers (opintoseteli): one document for each organiser and year of a grant."""

from collections.abc import Mapping
from typing import Final

from services.catalogue.vouchers import decide
from services.catalogue.vouchers.model import VoucherYearUse
from shared.contracts.catalogue_events import VoucherUseChanged
from shared.contracts.data import Data
from shared.contracts.envelope import Event
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.opisto_events import VoucherGrantRecorded
from shared.engine.model import Handler, Kind
from shared.store import Collection, Index

VOUCHERS: Final = Kind(
    Collection("vouchers", (Index(("organiser",)),)),
    VoucherYearUse,
    fields=decide.fields,
    deadlines=decide.deadlines,
    marked=False,
)


def grant_key(organiser: str, year: int | str) -> str:
    """An organiser's grant of a year, as the store knows it."""
    return f"{organiser} {year}"


def _granted(event: Event[VoucherGrantRecorded]) -> str:
    return grant_key(event.source, event.data.subject)


def _used(event: Event[VoucherUseChanged]) -> str:
    return grant_key(event.data.organiser, event.data.year)


def _aggregate(event: Event[DeadlinePassed]) -> str:
    return event.data.aggregate


HANDLERS: Final[Mapping[type[Data], Handler]] = {
    VoucherGrantRecorded: Handler(VOUCHERS, _granted, decide.recorded),
    VoucherUseChanged: Handler(VOUCHERS, _used, decide.used),
}
SILENCE: Final = Handler(VOUCHERS, _aggregate, decide.silent)
