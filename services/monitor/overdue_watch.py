"""Late referrals that nobody looks after, as Prometheus sees them: an alert finds who has no page open."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from services.monitor.standings import REFERRAL, STANDINGS, ReferralStanding, late_from
from shared import metrics
from shared.engine.model import Document
from shared.store import Store, StoreUnavailable

_EVERY: Final = 15.0
_MOST: Final = 1_000
_SOON: Final = timedelta(days=7)
_DOCUMENT: Final = msgspec.json.Decoder(Document[ReferralStanding])


async def run(state: Mapping[str, Any]) -> None:
    """Looks until it is cancelled."""
    while True:
        with suppress(StoreUnavailable):  # readiness says it
            await look(state["store"], state["clock"].now())
        await asyncio.sleep(_EVERY)


async def look(store: Store, now: datetime) -> None:
    """Looks once, at the oldest. Raises `StoreUnavailable`."""
    until = ("late_from", now.timestamp())
    of = {"of": REFERRAL}
    rows = await store.find(STANDINGS.collection.name, equal=of, at_most=until, order="late_from", limit=_MOST)
    late = [one for row in rows if (one := _DOCUMENT.decode(row.body).state)]
    untended = [one for one in late if not (one.care and one.care.owner)]
    metrics.OVERDUE.labels("monitor", "yes").set(len(late) - len(untended))
    metrics.OVERDUE.labels("monitor", "no").set(len(untended))
    metrics.OVERDUE_BEFORE_SESSION.labels("monitor").set(sum(_has_a_session_soon(one, now) for one in untended))
    metrics.OVERDUE_UNTENDED_SECONDS.labels("monitor").set(_seconds_late(untended[:1], now))


def _has_a_session_soon(one: ReferralStanding, now: datetime) -> bool:
    return one.session_at is not None and now <= one.session_at <= now + _SOON


def _seconds_late(oldest: Sequence[ReferralStanding], now: datetime) -> float:
    return max((now.timestamp() - since for one in oldest if (since := late_from(one)) is not None), default=0.0)
