"""What the store has around an agreement: all between the same two, what was used, activities' themes.

Tests' agreements are nobody's neighbours, and nothing is used by one.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from services.partners.agreements.model import ActivityThemes, Agreement, MonthOfUse, Surroundings, pair_of
from shared.contracts.agreement_events import AgreementToLook, UseCounted
from shared.contracts.envelope import Event
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.opisto_events import ActivityPublished
from shared.engine.model import Document
from shared.store import Row, Store

AGREEMENTS: Final = "agreements"
MONTHS: Final = "agreement_months"
THEMES: Final = "activity_themes"
_MANY: Final = 500
_AGREEMENT: Final = msgspec.json.Decoder(Document[Agreement])
_MONTH: Final = msgspec.json.Decoder(Document[MonthOfUse])
_THEMES: Final = msgspec.json.Decoder(Document[ActivityThemes])


def agreement_in(row: Row) -> Document[Agreement]:
    """The agreement that a row holds."""
    return _AGREEMENT.decode(row.body)


async def around(
    state: Agreement | None, event: Event[AgreementToLook | DeadlinePassed], store: Store, now: datetime
) -> Surroundings:
    """What an agreement is judged by."""
    return Surroundings() if state is None or event.synthetic else await surroundings(store, state)


async def surroundings(store: Store, agreement: Agreement) -> Surroundings:
    """All that is between the agreement's two parties."""
    pair = pair_of(agreement)
    agreements = await _agreements(store, "pair", pair)
    rows = _all(store, MONTHS, "pair", pair)
    months = [state async for row in rows if (state := _MONTH.decode(row.body).state)]
    themes = await _themes(store, months) if _go_by_themes(agreements) else {}
    return Surroundings(tuple(agreements), tuple(months), themes)


async def between(state: Any, event: Event[UseCounted], store: Store, now: datetime) -> Sequence[Agreement]:
    """The agreements between the two of whom something was used."""
    return () if event.synthetic else await _agreements(store, "pair", pair_of(event.data))


async def of_the_organiser(
    state: Any, event: Event[ActivityPublished], store: Store, now: datetime
) -> Sequence[Agreement]:
    """All agreements of an organiser."""
    return await _agreements(store, "organiser", event.source)


async def _agreements(store: Store, name: str, value: str) -> list[Agreement]:
    documents = [agreement_in(row) async for row in _all(store, AGREEMENTS, name, value)]
    return [one.state for one in documents if one.state and not one.synthetic]


async def _themes(store: Store, months: Sequence[MonthOfUse]) -> dict[str, tuple[str, ...]]:
    keys = {f"{one.organiser} {one.activity_id}": one.activity_id for one in months}
    rows = await store.load(THEMES, sorted(keys))
    known = {keys[id_]: _THEMES.decode(row.body).state for id_, row in rows.items()}
    return {activity_id: state.themes for activity_id, state in known.items() if state}


def _go_by_themes(agreements: Sequence[Agreement]) -> bool:
    return any(word.terms and word.terms.themes for one in agreements for word in one.words)


async def _all(store: Store, collection: str, name: str, value: str) -> AsyncIterator[Row]:
    """Every document with this value, by its id."""
    after = None
    while True:
        rows = await store.find(collection, equal={name: value}, order="listed", after=after, limit=_MANY)
        for row in rows:
            yield row
        if len(rows) < _MANY:
            return
        after = (rows[-1].id, rows[-1].id)
