"""Documents leave a store once their term has passed: a few at a time, beside the service's work.

docs/decisions/0010 says why that fits docs/protocol.md.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from shared import log_events, metrics
from shared.contracts import heartbeat
from shared.engine.documents import decoder_of, read
from shared.engine.model import Kind
from shared.store import Collection, Row, Store, StoreUnavailable

AT_ONCE: Final = 500
_LOOKED_AGAIN: Final = timedelta(days=1)

log = structlog.get_logger()


@dataclass(frozen=True)
class InUse:
    """Which documents of a kind stay though their term has passed.

    `judge`: of each of these states, all of that time or older, whether it is in use.
    """

    kind: Kind[Any]
    judge: Callable[[Store, Sequence[Any], datetime], Awaitable[Sequence[bool]]]


@dataclass(frozen=True)
class Retention:
    """How long the documents of a collection are kept, and their rows of a `journal`, of which each owns its own.

    `field`, with which an index begins, says since when, in seconds of the platform's clock. A document without it stays.
    """

    collection: Collection
    field: str
    term: timedelta
    in_use: InUse | None = None
    journal: str = ""


def heartbeats(*kinds: Kind[Any]) -> list[Retention]:
    """What heartbeats leave in documents of these kinds goes after a day."""
    return [Retention(kind.collection, heartbeat.BEAT, heartbeat.KEPT) for kind in kinds]


class Keeping:
    """Removes documents of one collection whose term has passed.

    `until` is the platform's time up to which the service has consumed all there was: what it has not read yet may be
    about a document. None, while that is not known: nothing is removed.
    """

    def __init__(
        self,
        service: str,
        store: Store,
        retention: Retention,
        until: Callable[[], datetime | None],
        *,
        every: float = 60.0,
        pause: float = 0.5,
    ) -> None:
        self._store = store
        self._retention = retention
        self._until = until
        self._every = every
        self._pause = pause
        self._name = retention.collection.name
        self._removed = metrics.REMOVED.labels(service, self._name)
        self._began: datetime | None = None
        self._after: tuple[Any, str] | None = None
        """Behind the documents that were in use when they were looked at, less than a day ago."""

    async def run(self) -> None:
        """Removes until cancelled, through every outage: a round each `every` real seconds."""
        while True:
            if (until := self._until()) is not None:
                await self.sweep(until)
            await asyncio.sleep(self._every)

    async def sweep(self, until: datetime) -> None:
        """Removes all whose term has passed at that time, unless the store goes away meanwhile."""
        if self._began is None or until - self._began >= _LOOKED_AGAIN:
            self._began, self._after = until, None
        removed, more = 0, True
        try:
            while more:
                gone, more = await self._step(until - self._retention.term)
                removed += gone
                await asyncio.sleep(self._pause)
        except StoreUnavailable as error:
            log.warning(log_events.REMOVAL_POSTPONED, collection=self._name, why=str(error))
        except Exception:
            # A document that cannot be read must not end the service.
            log.exception(log_events.REMOVAL_FAILED, collection=self._name)
        if removed:
            log.info(log_events.TERM_PASSED, collection=self._name, removed=removed)

    async def _step(self, bound: datetime) -> tuple[int, bool]:
        """Removes some, the oldest first; how many, and whether more may be left."""
        rows = await self._store.find(
            self._name,
            at_most=(self._retention.field, bound.timestamp()),
            order=self._retention.field,
            limit=AT_ONCE,
            after=self._after,
            what="body" if self._retention.in_use else "brief",
        )
        in_use = self._retention.in_use
        stay = await self._judged(in_use, rows, bound) if in_use and rows else [False] * len(rows)
        gone = [row for row, stays in zip(rows, stay, strict=True) if not stays]
        if self._retention.journal:
            # First: rows without their document would be found by nobody, so that a kill would leave them for ever.
            await self._store.cut(self._retention.journal, [row.id for row in gone])
        removed = await self._store.remove(self._name, {row.id: row.version for row in gone})
        self._removed.inc(removed)
        return removed, len(rows) == AT_ONCE and (removed > 0 or self._after is not None)

    async def _judged(self, in_use: InUse, rows: Sequence[Row], bound: datetime) -> Sequence[bool]:
        decoder = decoder_of(in_use.kind)
        states = [read(row, decoder).state for row in rows]
        stay = await in_use.judge(self._store, states, bound)
        self._after = (in_use.kind.fields(states[-1])[self._retention.field], rows[-1].id)
        return stay
