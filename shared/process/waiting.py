"""How long the oldest event has waited for another one: nothing else says so before it leaves as a dead letter."""

import asyncio
import math
from contextlib import suppress
from datetime import timedelta
from typing import Final

from shared import metrics
from shared.clock import Clock
from shared.engine.documents import Decoder, decoder_of, read
from shared.engine.model import Table
from shared.store import Store, StoreUnavailable

_EVERY: Final = 15.0


class OldestWaiting:
    """Of one service; the metric is asked when it is scraped, so that it rises while the store is away.

    Args:
        due_early: how long an event may wait; documents keep only until when.
    """

    def __init__(self, table: Table, store: Store, clock: Clock, due_early: timedelta) -> None:
        self._decoders = {kind.collection.name: decoder_of(kind) for kind in table.kinds}
        self._store = store
        self._clock = clock
        self._due_early = due_early.total_seconds()
        self._until: float | None = None
        metrics.OLDEST_WAITING_SECONDS.labels(table.service).set_function(self.seconds)

    def seconds(self) -> float:
        """Since the oldest one began to wait, by the platform's clock; 0 where none waits."""
        if self._until is None:
            return 0.0
        return max(0.0, self._clock.now().timestamp() - self._until + self._due_early)

    async def run(self) -> None:
        """Looks until cancelled."""
        while True:
            with suppress(StoreUnavailable):  # readiness says it
                await self.look()
            await asyncio.sleep(_EVERY)

    async def look(self) -> None:
        """Looks once. Raises `StoreUnavailable`."""
        found = [await self._first(name, decoder) for name, decoder in self._decoders.items()]
        self._until = min((until for until in found if until is not None), default=None)

    async def _first(self, name: str, decoder: Decoder) -> float | None:
        rows = await self._store.find(name, at_most=("early_until", math.inf), order="early_until", limit=1)
        leaves = [early.leaves_at.timestamp() for row in rows for early in read(row, decoder).early]
        return min(leaves, default=None)
