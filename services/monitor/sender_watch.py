"""What the senders sent of late, kept in memory by day, and whether one is unusually silent or loud.

A look costs by what has changed since the one before: the documents of the last days are asked for their versions each
time, those of older days once an hour, since they change only where a partition was read late. Who sent nothing new is
judged again once an hour: a verdict goes by whole hours.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec

from services.monitor.projections.counts import COUNTS, HELSINKI, DayCounts
from services.monitor.projections.observed import UNKNOWN
from services.monitor.sending import SenderDay, SentInADay, by_sender, changed, summed
from services.monitor.silence import WEEKS, UsualVerdict, verdict_on
from shared import metrics
from shared.contracts.heartbeat import PARTNERS
from shared.store import Store, StoreUnavailable

REACHES_BACK: Final = timedelta(weeks=2 * WEEKS + 4)
"""A sender of which nothing came for longer than the rest of this is no sender any more."""
_EVERY: Final = 30.0
_FRESH_DAYS: Final = 3
_KEPT_FOR: Final = 3_600.0
_AN_HOUR: Final = 3_600
_A_DAYS_DOCUMENTS: Final = 10_000
_COUNTS: Final = msgspec.json.Decoder(DayCounts)


@dataclass(frozen=True)
class PartnerSending:
    """One partner: what it sent a day and class, and the verdict on it."""

    source: str
    rows: tuple[SentInADay, ...]
    verdict: UsualVerdict


@dataclass
class _KnownDay:
    """A day as it was read last: when, by the process's clock, and in which versions of its documents."""

    looked_at: float = float("-inf")
    versions: Mapping[str, int] = field(default_factory=dict)
    senders: Mapping[str, SenderDay] = field(default_factory=dict)


class SenderWatch:
    """The days and the verdicts that are known, an instance each."""

    def __init__(self) -> None:
        self._days: dict[str, _KnownDay] = {}
        self._partners: dict[str, PartnerSending] = {}
        self._changed: set[str] = set()
        self._judged_in: tuple[date, int] | None = None
        self._looking = asyncio.Lock()

    async def run(self, state: Mapping[str, Any]) -> None:
        """Looks until it is cancelled."""
        while True:
            with suppress(StoreUnavailable):  # readiness says it
                await self.senders(state["store"], state["clock"].now())
            await asyncio.sleep(_EVERY)

    async def senders(self, store: Store, now: datetime) -> list[PartnerSending]:
        """Every partner of which something came. Raises `StoreUnavailable`."""
        # One look at a time: two that fall on both sides of midnight look at different days.
        async with self._looking:
            return await self._all_judged(store, now)

    async def _all_judged(self, store: Store, now: datetime) -> list[PartnerSending]:
        days = await self._look_back(store, now, REACHES_BACK)
        hour = days[-1], int(now.timestamp() // _AN_HOUR)
        if hour != self._judged_in:
            self._judged_in = hour
            self._changed.update(*(self._days[day.isoformat()].senders for day in days), self._partners)
        while self._changed:
            self._judge(self._changed.pop(), days, now)
            await asyncio.sleep(0)  # all of a country are a tenth of a second
        found = [self._partners[source] for source in sorted(self._partners)]
        for usual in ("silent", "loud"):
            count = sum(one.verdict.usual == usual for one in found)
            metrics.UNUSUAL_SENDERS.labels("monitor", usual).set(count)
        return found

    async def rows(self, store: Store, now: datetime, back: timedelta) -> list[SentInADay]:
        """What came on the days since then, of everybody. Raises `StoreUnavailable`."""
        async with self._looking:
            days = await self._look_back(store, now, back)
        return [row for day in days for sent in self._days[day.isoformat()].senders.values() for row in sent.rows]

    async def _look_back(self, store: Store, now: datetime, back: timedelta) -> list[date]:
        """Reads what has changed on these days, and forgets those that are long over. Returns them, the oldest first."""
        today = now.astimezone(HELSINKI).date()
        oldest = (today - REACHES_BACK).isoformat()
        self._days = {day: known for day, known in self._days.items() if day >= oldest}
        days = [today - timedelta(days=one) for one in range(back.days, -1, -1)]
        for day in days:
            await self._look(store, day, fresh=(today - day).days < _FRESH_DAYS)
        return days

    async def _look(self, store: Store, day: date, *, fresh: bool) -> None:
        name, at = day.isoformat(), time.monotonic()
        if (known := self._days.get(name)) is None:
            known = self._days[name] = _KnownDay()
        if not fresh and at - known.looked_at < _KEPT_FOR:
            return
        versions = {row.id: row.version for row in await store.find(COUNTS.name, **_of(name), what="brief")}
        if versions != known.versions:
            rows = await store.find(COUNTS.name, **_of(name))
            senders = by_sender(summed(_COUNTS.decode(row.body) for row in rows))
            self._changed |= changed(known.senders, senders)
            known.versions, known.senders = {row.id: row.version for row in rows}, senders
        known.looked_at = at

    def _judge(self, source: str, days: list[date], now: datetime) -> None:
        """Anew, by all that is known of it; who is no partner, or of whom nothing is left, is none of the list."""
        sent = {day: one for day in days if (one := self._days[day.isoformat()].senders.get(source))}
        if not sent or not _is_a_partner(source):
            self._partners.pop(source, None)
            return
        rows = tuple(row for one in sent.values() for row in one.rows)
        self._partners[source] = PartnerSending(source, rows, _verdict(source, sent, now))


def _of(day: str) -> dict[str, Any]:
    return {"equal": {"day": day}, "limit": _A_DAYS_DOCUMENTS}


def _is_a_partner(source: str) -> bool:
    return source != UNKNOWN and source not in PARTNERS and not source.startswith("/service/")


def _verdict(source: str, sent: Mapping[date, SenderDay], now: datetime) -> UsualVerdict:
    first = min((one.first for one in sent.values() if one.first is not None), default=None)
    last = max((one.last for one in sent.values() if one.last is not None), default=None)
    if first is None or last is None:
        return UsualVerdict("unknown", None)
    return verdict_on(source, {day: one.hours for day, one in sent.items()}, _at(first), _at(last), now)


def _at(second: float) -> datetime:
    return datetime.fromtimestamp(second, HELSINKI)
