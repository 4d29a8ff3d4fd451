"""Whether a sender is unusually silent or loud, by what it sent on the same weekdays and hours of eight weeks. Pure.

An hour counts as one in which the sender sent something, or nothing: a nightly batch of fifty is one fact and not fifty.
The chance that a sender who is as before sends nothing from its last event until now is the product, over the hours in
between, of the share of weeks in which the same hour was empty. Below one in a thousand it is silent.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal

from services.monitor.finnish_days import is_silent_day
from services.monitor.projections.counts import HELSINKI

Usual = Literal["usual", "silent", "loud", "unknown"]
WEEKS: Final = 8
NEW_FOR: Final = timedelta(weeks=4)
FEWEST: Final = 10
"""Hours with an event in the eight weeks: a sender with fewer is too rare to judge."""
_CHANCE: Final = 0.001
_DOUBT: Final = 0.5
"""As if each hour had been empty for half a week more: eight weeks alone make nothing certain."""
_LOUDER: Final = 3
_LEAST_LOUD: Final = 50

Days = Mapping[date, Sequence[int]]
"""Of each day the events of its hours, in Finnish time."""


@dataclass(frozen=True)
class UsualVerdict:
    """How a sender is of late. `since`: its last event. `chance`: of such silence in one who is as before, 0 to 1."""

    usual: Usual
    since: datetime | None
    chance: float = 1.0


def verdict_on(sender: str, days: Days, first: datetime, last: datetime | None, now: datetime) -> UsualVerdict:
    """The verdict at `now`. `first`: the sender's first event ever; `days` reach back `WEEKS` before the last event."""
    if last is None:
        return UsualVerdict("unknown", None)
    history = _history(days, last)
    busy = sum(1 for hours in history.values() for events in hours if events)
    if now - first < NEW_FOR or busy < FEWEST:
        return UsualVerdict("unknown", last)
    chance = _chance_of_silence(sender, history, last, now)
    if chance < _CHANCE:
        return UsualVerdict("silent", last, chance)
    return UsualVerdict("loud" if _is_loud(days, now) else "usual", last, chance)


def _history(days: Days, last: datetime) -> dict[date, Sequence[int]]:
    """The eight weeks up to the last event: what came after it is the silence itself."""
    end = last.astimezone(HELSINKI).date()
    begin = end - timedelta(weeks=WEEKS)
    return {day: hours for day, hours in days.items() if begin <= day <= end}


def _chance_of_silence(sender: str, history: Days, last: datetime, now: datetime) -> float:
    known = _judged_days(sender, history)
    logarithm = 0.0
    for day, hours in _hours_between(last, now):
        if is_silent_day(sender, day):
            continue
        logarithm += sum(math.log(_share_empty(history, known[day.weekday()], hour)) for hour in hours)
        if logarithm < math.log(_CHANCE):
            break
    return math.exp(logarithm)


def _judged_days(sender: str, history: Days) -> list[list[date]]:
    """The days of the history on which events were expected, by weekday."""
    by_weekday: list[list[date]] = [[] for _ in range(7)]
    end = max(history)
    for back in range(7 * WEEKS):
        day = end - timedelta(days=back)
        if day >= min(history) and not is_silent_day(sender, day):
            by_weekday[day.weekday()].append(day)
    return by_weekday


def _share_empty(history: Days, days: Sequence[date], hour: int) -> float:
    empty = sum(1 for day in days if not (day in history and history[day][hour]))
    return (empty + _DOUBT) / (len(days) + _DOUBT)


def _hours_between(last: datetime, now: datetime) -> Iterator[tuple[date, range]]:
    """The whole hours after the last event that are over, by day, in Finnish time."""
    begin, end = (one.astimezone(HELSINKI) for one in (last, now))
    for later in range((end.date() - begin.date()).days + 1):
        day = begin.date() + timedelta(days=later)
        first = begin.hour + 1 if day == begin.date() else 0
        yield day, range(first, end.hour if day == end.date() else 24)


def _is_loud(days: Days, now: datetime) -> bool:
    """Whether today is far above the most that any day before had."""
    today = now.astimezone(HELSINKI).date()
    before = [sum(hours) for day, hours in days.items() if day < today]
    sent = sum(days.get(today, ()))
    return sent > _LEAST_LOUD and sent > _LOUDER * max(before, default=0)
