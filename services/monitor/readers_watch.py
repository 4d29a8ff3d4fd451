"""The feed that is unread for longest, as Prometheus sees it."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec

from services.monitor.projections.readers import READERS, Reader
from shared import metrics
from shared.store import Store, StoreUnavailable

_EVERY: Final = 15.0
_READER: Final = msgspec.json.Decoder(Reader)


async def run(state: Mapping[str, Any]) -> None:
    """Looks until it is cancelled."""
    while True:
        with suppress(StoreUnavailable):  # readiness says it
            await look(state["store"], state["clock"].now().timestamp())
        await asyncio.sleep(_EVERY)


async def look(store: Store, now: float) -> None:
    """Looks once. Raises `StoreUnavailable`."""
    oldest = await store.find(READERS.name, at_most=("unread_since", now), order="unread_since", limit=1)
    since = [one.unread_since for row in oldest if (one := _READER.decode(row.body)).unread_since]
    metrics.UNREAD_SECONDS.labels("monitor").set(max((now - at for at in since), default=0.0))
