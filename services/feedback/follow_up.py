"""When the participant is asked once more, three and six months after the loop was closed. Pure.

Nothing waits for these answers: the loop stays closed.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from services.feedback.model import COMPLETED, Phase, ReferralFeedback
from shared.engine.model import Due

MONTHS: Final[tuple[tuple[Phase, int], ...]] = (("after_3_months", 3), ("after_6_months", 6))


class LaterAsking(NamedTuple):
    """A phase that is to be asked, and when."""

    phase: Phase
    due_at: datetime
    nth: int


def askings_to_come(state: ReferralFeedback) -> Iterator[LaterAsking]:
    """What is still to be asked of who took part, where the consent that covers it was there in time."""
    issued, closed = state.issued, state.closed
    if not state.issuer or issued is None or not issued.follow_up or closed is None or closed.outcome not in COMPLETED:
        return
    for nth, (phase, months) in enumerate(MONTHS, start=1):
        due_at = months_after(closed.closed_at or closed.time, months)
        if phase not in state.asked and issued.time < due_at:
            yield LaterAsking(phase, due_at, nth)


def deadlines(state: ReferralFeedback) -> list[Due]:
    """The deadlines of a referral's feedback; no partner is late by them."""
    return [Due("follow_up", asking.due_at, asking.nth, state.id) for asking in askings_to_come(state)]


def months_after(time: datetime, months: int) -> datetime:
    """The same day and time so many months later; the last day of the month where it has no such day."""
    years, month = divmod(time.month - 1 + months, 12)
    year, month = time.year + years, month + 1
    return time.replace(year=year, month=month, day=min(time.day, monthrange(year, month)[1]))
