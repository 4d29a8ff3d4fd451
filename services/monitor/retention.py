"""How long the monitor keeps what it keeps.

A referral's events stay together: none of them is removed while the referral is open, nor within the term after its end.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from services.monitor.handlers import EVENTS
from services.monitor.model import Traced
from services.monitor.settings import MonitorSettings
from services.monitor.shares import BEHIND_ALL, decoded_events, said
from services.monitor.standings import STANDINGS
from shared.contracts.registry import CLASSES
from shared.process.keeping import Retention, heartbeats
from shared.store import Store

_REFERRAL: Final = "/service/referral"
_OPENS: Final = frozenset(CLASSES[name].type for name in ("ReferralOpened", "ReferralReopened"))
_ENDS: Final = frozenset(CLASSES[name].type for name in ("ReferralClosed", "ReferralErased"))
_PAGE: Final = 1_000


def retentions(settings: MonitorSettings) -> list[Retention]:
    """What the monitor keeps for a term."""
    return [Retention(EVENTS, "at", settings.keep_traces, of_referrals_in_use), *heartbeats(EVENTS, STANDINGS)]


async def of_referrals_in_use(store: Store, traced: Sequence[Traced], bound: datetime) -> list[bool]:
    """Of each event, whether the referral that it concerns is open, or was until after `bound`."""
    # One after another: questions of people come in between.
    in_use = {
        referral for referral in {one.correlation for one in traced} if is_in_use(await _told(store, referral), bound)
    }
    return [one.correlation in in_use for one in traced]


def is_in_use(told: Iterable[Traced], bound: datetime) -> bool:
    """By what its service told of a referral. One that was never opened, of a mistyped id, is not in use."""
    turns = [(one.first.recorded_at, one.first.offset, one) for one in told if one.type in _OPENS | _ENDS and one.first]
    if not turns:
        return False
    # One partition holds all of them, in order; the time tells should it ever have been another.
    *_, last = max(turns, key=lambda turn: turn[:2])
    return last.type in _OPENS or (last.last_at is not None and last.last_at > bound)


async def _told(store: Store, referral: str) -> list[Traced]:
    """What the referral's service told of it."""
    told: list[Traced] = []
    after = (f"{_REFERRAL} ", "")
    while referral:
        rows = await store.find(
            EVENTS.collection.name,
            equal={"correlation": referral},
            at_most=("said", f"{_REFERRAL} {BEHIND_ALL}"),
            order="said",
            after=after,
            limit=_PAGE,
        )
        told += (own := decoded_events(rows))
        if len(rows) < _PAGE:
            break
        after = (said(own[-1]), rows[-1].id)
    return told
