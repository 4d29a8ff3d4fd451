"""What an event does to an organiser's grant of study vouchers, and when the organiser is told how it stands.

Pure. Grant, uses and passed deadlines each keep their latest, so that they end the same in any order.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from services.catalogue.vouchers.model import Grant, VoucherUse, VoucherYearUse
from shared.contracts.catalogue_events import VoucherStandingChanged, VoucherUseChanged
from shared.contracts.envelope import Event
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.instants import later
from shared.contracts.opisto_events import VoucherGrantRecorded
from shared.engine.model import Decision, Due, Follow, Rejected

HALF_A_YEAR: Final = timedelta(days=183)
MAX_ACTIVITIES: Final = 2_000
"""Of one organiser and study year, at about 300 bytes each."""

_changed = msgspec.structs.replace


def recorded(
    state: VoucherYearUse | None, event: Event[VoucherGrantRecorded], now: datetime, context: object
) -> Decision[VoucherYearUse] | Rejected:
    """The grant; the latest by time holds."""
    data = event.data
    if event.synthetic:
        return Rejected(
            f"a grant is a figure of {event.source}, and no test has one of its own: send it without `synthetic`"
        )
    state = state or VoucherYearUse(event.source, data.year)
    grant = Grant(event.time, event.rank, data.grant_cents)
    known = state.grant
    if known is None or (known.time, known.rank) < (grant.time, grant.rank):
        state = _changed(state, grant=grant)
    return _told(state)


def used(
    state: VoucherYearUse | None, event: Event[VoucherUseChanged], now: datetime, context: object
) -> Decision[VoucherYearUse] | Rejected:
    """What an activity uses now; its greatest number holds."""
    data = event.data
    state = state or VoucherYearUse(data.organiser, data.year)
    known = state.uses.get(data.activity_id)
    if known and known.number >= data.number:
        return Decision(state)
    if known is None and len(state.uses) >= MAX_ACTIVITIES:
        return Rejected(
            f"{data.organiser} has {MAX_ACTIVITIES} activities with study vouchers of {data.year}; no more are counted"
        )
    use = VoucherUse(data.number, data.places, data.cents, data.themes, data.last_at)
    return _told(_changed(state, uses={**state.uses, data.activity_id: use}))


def silent(
    state: VoucherYearUse | None, event: Event[DeadlinePassed], now: datetime, context: object
) -> Decision[VoucherYearUse]:
    """Half a year has passed since a use, or since the grant."""
    if state is None:
        return Decision(state)
    due_at = event.data.due_at
    return _told(_changed(state, silent_until=max(state.silent_until or due_at, due_at)))


def deadlines(state: VoucherYearUse) -> list[Due]:
    """When the grant will have been idle for half a year, if nothing is used until then."""
    if state.grant is None or stands(state) != "in_use":
        return []
    return [Due("voucher_idle", _idle_from(state.grant, state))]


def stands(state: VoucherYearUse) -> Literal["in_use", "nearly_used", "idle"]:
    """How the grant stands, by all that is known."""
    grant, cents = state.grant, state.used_cents
    if grant is None:
        return "in_use"
    if cents and 4 * cents >= 3 * grant.cents:
        return "nearly_used"
    is_idle = state.silent_until is not None and state.silent_until >= _idle_from(grant, state)
    return "idle" if is_idle and grant.cents else "in_use"


def _idle_from(grant: Grant, state: VoucherYearUse) -> datetime:
    return later(max(grant.time, state.last_used_at or grant.time), HALF_A_YEAR)


def _told(state: VoucherYearUse) -> Decision[VoucherYearUse]:
    now_stands = stands(state)
    if now_stands == state.told or state.grant is None:
        return Decision(state)
    word = VoucherStandingChanged(
        recipient=state.organiser,
        year=state.year,
        stands=now_stands,
        grant_cents=state.grant.cents,
        used_cents=state.used_cents,
        used_by_theme=state.used_by_theme,
        last_used_at=state.last_used_at,
    )
    return Decision(_changed(state, told=now_stands), [Follow(word)])


def fields(state: VoucherYearUse) -> Mapping[str, str]:
    """The field to find an organiser's years by."""
    return {"organiser": state.organiser}
