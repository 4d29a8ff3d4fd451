"""Days on which nobody expects a sender's events: Finland's public holidays, and an opisto's pauses between terms. Pure."""

from datetime import date
from functools import cache
from typing import Final

import holidays

_PAUSES: Final = (((6, 1), (8, 31)), ((12, 15), (12, 31)), ((1, 1), (1, 10)))
"""First and last (month, day) of summer and of the turn of the year."""
_BREAK_WEEKS: Final = frozenset({8, 9, 10, 42})
"""The winter break, of which each municipality has one of three weeks, and the autumn break: ISO weeks."""


def is_silent_day(sender: str, day: date) -> bool:
    """Whether silence of this sender says nothing on this day."""
    return is_holiday(day) or (sender.startswith("/opisto/") and is_between_terms(day))


def is_holiday(day: date) -> bool:
    """Whether the day is a public holiday in Finland. Source: the library `holidays`."""
    return day in _holidays_of(day.year)


def is_between_terms(day: date) -> bool:
    """Whether opistos pause, by when most of them do; a few have sessions all the same, and silence is no fault then."""
    in_pause = any(first <= (day.month, day.day) <= last for first, last in _PAUSES)
    return in_pause or day.isocalendar().week in _BREAK_WEEKS


@cache
def _holidays_of(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("FI", years=year))
