"""How long the monitor keeps what it keeps.

A referral's events stay together: none of them is removed while the referral is open, nor within the term after its end.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from services.monitor.handlers import DEAD_LETTERS, EVENTS, REDRIVES
from services.monitor.model import Traced
from services.monitor.projections.counts import COUNTS
from services.monitor.redrives import JOURNAL
from services.monitor.settings import MonitorSettings
from services.monitor.shares import BEHIND_ALL, decoded_events, sayer_of
from services.monitor.standings import STANDINGS, ReferralStanding
from shared.contracts.registry import CLASSES
from shared.engine.model import Document
from shared.process.keeping import InUse, Retention, heartbeats
from shared.store import Store

_STANDING = msgspec.json.Decoder(Document[ReferralStanding])
_REFERRAL: Final = "/service/referral"
_OPENS: Final = frozenset(CLASSES[name].type for name in ("ReferralOpened", "ReferralReopened"))
_ENDS: Final = frozenset(CLASSES[name].type for name in ("ReferralClosed", "ReferralErased"))


def retentions(settings: MonitorSettings) -> list[Retention]:
    """What the monitor keeps for a term."""
    return [
        Retention(EVENTS.collection, "at", settings.keep_traces, InUse(EVENTS, of_referrals_in_use)),
        Retention(STANDINGS.collection, "closed_since", settings.keep_traces),
        Retention(DEAD_LETTERS.collection, "settled", settings.keep_settled_letters),
        Retention(REDRIVES.collection, "ended", settings.keep_settled_letters, journal=JOURNAL),
        Retention(COUNTS, "ended", settings.keep_counts),
        *heartbeats(EVENTS, STANDINGS),
    ]


def kept_for(settings: MonitorSettings) -> str:
    """For who finds nothing: for how long there was something."""
    traces, letters = (term / timedelta(days=1) for term in (settings.keep_traces, settings.keep_settled_letters))
    return (
        f"a trace is kept for {traces:g} days after an event's last record, of a referral after it closed,"
        f" and a dead letter for {letters:g} days after it is settled"
    )


async def of_referrals_in_use(store: Store, traced: Sequence[Traced], bound: datetime) -> list[bool]:
    """Of each event, whether the referral that it concerns is open, or was until after `bound`."""
    referrals = sorted({one.correlation for one in traced if one.correlation})
    rows = await store.load(STANDINGS.collection.name, referrals)
    stand = {id_: _STANDING.decode(row.body).state for id_, row in rows.items()}
    in_use = {referral for referral in referrals if await _is_in_use(store, referral, stand.get(referral), bound)}
    return [one.correlation in in_use for one in traced]


async def _is_in_use(store: Store, referral: str, standing: ReferralStanding | None, bound: datetime) -> bool:
    if standing and standing.told_at:
        return not standing.closed or standing.told_at > bound
    # It never told where it stands: it is of an earlier version, or erased, or there never was such a referral.
    return _is_open_or_was([one for type_ in _OPENS | _ENDS for one in await _last(store, referral, type_)], bound)


def _is_open_or_was(turns: Sequence[Traced], bound: datetime) -> bool:
    """By the last of each word that opened or ended a referral: whether it is open, or was until after `bound`.

    One that was never opened, of a mistyped id, is not.
    """
    # One partition holds all of them, in order; the time tells should it ever have been another.
    last = max(turns, key=_recorded, default=None)
    return last is not None and (last.type in _OPENS or (last.last_at is not None and last.last_at > bound))


def _recorded(traced: Traced) -> tuple[datetime, int]:
    assert traced.first is not None
    return traced.first.recorded_at, traced.first.offset


async def _last(store: Store, referral: str, type_: str) -> list[Traced]:
    """The last of what the referral's service said of it, of one class."""
    rows = await store.find(
        EVENTS.collection.name,
        equal={"correlation": referral},
        at_least=("said", f"{sayer_of(_REFERRAL, type_)} "),
        at_most=("said", f"{sayer_of(_REFERRAL, type_)} {BEHIND_ALL}"),
        order="said",
        descending=True,
        limit=1,
    )
    return decoded_events(rows)
