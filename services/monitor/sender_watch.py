"""What the senders sent of late, kept in memory by day, and whether one is unusually silent or loud.

The last days are read again at each look, and older ones once an hour: they change only where a partition was read late.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec

from services.monitor.projections.counts import COUNTS, HELSINKI, DayCounts
from services.monitor.projections.observed import UNKNOWN
from services.monitor.sending import SentInADay, summed
from services.monitor.silence import WEEKS, UsualVerdict, verdict_on
from shared import metrics
from shared.contracts.heartbeat import PARTNERS
from shared.store import Store, StoreUnavailable

REACHES_BACK: Final = timedelta(weeks=2 * WEEKS + 4)
"""A sender of which nothing came for longer than the rest of this is no sender any more."""
_EVERY: Final = 30.0
_FRESH_DAYS: Final = 3
_KEPT_FOR: Final = 3_600.0
_A_DAYS_DOCUMENTS: Final = 10_000
_COUNTS: Final = msgspec.json.Decoder(DayCounts)


@dataclass(frozen=True)
class PartnerSending:
    """One partner: what it sent a day and class, and the verdict on it."""

    source: str
    rows: tuple[SentInADay, ...]
    verdict: UsualVerdict


class SenderWatch:
    """The days that are known, an instance each."""

    def __init__(self) -> None:
        self._days: dict[str, tuple[float, list[SentInADay]]] = {}

    async def run(self, state: Mapping[str, Any]) -> None:
        """Looks until it is cancelled."""
        while True:
            with suppress(StoreUnavailable):  # readiness says it
                await self.senders(state["store"], state["clock"].now())
            await asyncio.sleep(_EVERY)

    async def senders(self, store: Store, now: datetime) -> list[PartnerSending]:
        """Every partner of which something came. Raises `StoreUnavailable`."""
        rows: dict[str, list[SentInADay]] = {}
        for row in await self.rows(store, now, REACHES_BACK):
            if _is_a_partner(row.sender):
                rows.setdefault(row.sender, []).append(row)
        found = [
            PartnerSending(source, tuple(sent), _verdict(source, sent, now)) for source, sent in sorted(rows.items())
        ]
        for usual in ("silent", "loud"):
            count = sum(one.verdict.usual == usual for one in found)
            metrics.UNUSUAL_SENDERS.labels("monitor", usual).set(count)
        return found

    async def rows(self, store: Store, now: datetime, back: timedelta) -> list[SentInADay]:
        """What came on the days since then, of everybody. Raises `StoreUnavailable`."""
        today = now.astimezone(HELSINKI).date()
        wanted = [today - timedelta(days=days) for days in range(back.days, -1, -1)]
        oldest = (today - REACHES_BACK).isoformat()
        self._days = {day: kept for day, kept in self._days.items() if day >= oldest}
        for day in wanted:
            await self._look(store, day, fresh=(today - day).days < _FRESH_DAYS)
        return [row for day in wanted for row in self._days[day.isoformat()][1]]

    async def _look(self, store: Store, day: date, *, fresh: bool) -> None:
        name, at = day.isoformat(), time.monotonic()
        known = self._days.get(name)
        if known and not fresh and at - known[0] < _KEPT_FOR:
            return
        found = await store.find(COUNTS.name, equal={"day": name}, limit=_A_DAYS_DOCUMENTS)
        self._days[name] = at, summed(_COUNTS.decode(row.body) for row in found)


def _is_a_partner(source: str) -> bool:
    return source != UNKNOWN and source not in PARTNERS and not source.startswith("/service/")


def _verdict(source: str, rows: Iterable[SentInADay], now: datetime) -> UsualVerdict:
    days: dict[date, list[int]] = {}
    for row in rows:
        hours = days.setdefault(date.fromisoformat(row.day), [0] * 24)
        days[date.fromisoformat(row.day)] = [one + other for one, other in zip(hours, row.hours, strict=True)]
    first = min((row.first for row in rows if row.first is not None), default=None)
    last = max((row.last for row in rows if row.last is not None), default=None)
    if first is None or last is None:
        return UsualVerdict("unknown", None)
    return verdict_on(source, days, _at(first), _at(last), now)


def _at(second: float) -> datetime:
    return datetime.fromtimestamp(second, HELSINKI)
