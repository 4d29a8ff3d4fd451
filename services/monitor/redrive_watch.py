"""Asks what became of a redrive's letters that have no answer after some seconds, and says which wait for another event.

A service says by an event that it took a letter or refused it again, and nothing where the letter waits. So it is asked,
as a dry run asks it; what it says becomes an event, by which the redrive goes on. Who does not answer is asked again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from starlette.datastructures import State

from services.monitor.handlers import REDRIVES
from services.monitor.model import Dead
from services.monitor.redrives import Redrive
from services.monitor.rehearsals import Forecast, rehearsed
from services.monitor.selection import whole
from shared.contracts.error_kind import without_values
from shared.contracts.monitor_events import RedriveAnswered
from shared.engine.model import Document, OutEvent
from shared.engine.outbox import own_event, record_of
from shared.http.intake import why_closed
from shared.kafka.producer import BrokerUnavailable
from shared.store import Store, StoreUnavailable

ASKED_AFTER: Final = timedelta(seconds=10)
"""Most letters have their answer sooner, and nobody need be asked."""
_EVERY: Final = 5.0
_MOST: Final = 100
_DOCUMENT: Final = msgspec.json.Decoder(Document[Redrive])


async def run(state: Mapping[str, Any]) -> None:
    """Looks until it is cancelled."""
    place = State(dict(state))
    while True:
        with suppress(StoreUnavailable, BrokerUnavailable):  # readiness says it
            if not why_closed(place):
                await look(place)
        await asyncio.sleep(_EVERY)


async def look(place: State) -> None:
    """Asks once, of each redrive that runs. Raises `StoreUnavailable`, `BrokerUnavailable`."""
    now = place.clock.now()
    for redrive in await _running(place.store):
        if redrive.began and now >= redrive.began + ASKED_AFTER:
            letters = await _without_answer(place.store, redrive)
            answers = [one for one in await rehearsed(place.owners, letters) if one.would == "waits"]
            records = [record for one in answers if (record := record_of(_said(redrive, one, now)))]
            await place.publisher.publish(records)


async def _running(store: Store) -> list[Redrive]:
    rows = await store.find(REDRIVES.collection.name, equal={"state": "running"}, order="created", limit=_MOST)
    return [one for row in rows if (one := _DOCUMENT.decode(row.body).state)]


async def _without_answer(store: Store, redrive: Redrive) -> Sequence[Dead]:
    asked = (*redrive.outstanding, *redrive.unanswered)[:_MOST]
    return [one for one in await whole(store, asked) if one.redrive == redrive.id and not one.erased]


def _said(redrive: Redrive, one: Forecast, now: datetime) -> OutEvent:
    dl_id = one.letter.dl_id
    data = RedriveAnswered(redrive=redrive.id, dl_id=dl_id, outcome="waits", reason=without_values(one.why)[:300])
    return own_event("monitor", data, now, "waits", redrive.id, dl_id)
