"""That a sender is told in its feed what it did wrong: once a day in Finland at most, whoever orders it. Pure."""

from datetime import UTC, datetime, time, timedelta

import msgspec

from services.monitor.projections.counts import HELSINKI
from shared.contracts.envelope import Event
from shared.contracts.monitor_events import ViolationsReported, ViolationsReportOrdered
from shared.engine.model import Decision, Follow


class ReportedSender(msgspec.Struct, frozen=True):
    """A sender, and when it was last told."""

    sender: str
    at: datetime


def ordered(
    state: ReportedSender | None, event: Event[ViolationsReportOrdered], now: datetime, context: object
) -> Decision[ReportedSender]:
    """Tells the sender; a second order of that day does nothing. The day is that of the order's own time."""
    data = event.data
    if state and event.time < again_from(state.at):
        return Decision(state)
    told = ViolationsReported(sender=data.sender, violations=data.violations, further=data.further)
    return Decision(ReportedSender(data.sender, event.time), [Follow(told)])


def again_from(told_at: datetime) -> datetime:
    """The midnight in Finland that ends the day on which a sender was told, in UTC."""
    next_day = told_at.astimezone(HELSINKI).date() + timedelta(days=1)
    return datetime.combine(next_day, time.min, HELSINKI).astimezone(UTC)
