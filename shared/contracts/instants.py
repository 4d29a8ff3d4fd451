"""Counting on from a time: a sum of what a partner and a setting name must not overflow."""

from datetime import UTC, datetime, timedelta
from typing import Final

END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)


def later(time: datetime, span: timedelta, times: int = 1) -> datetime:
    """`time` plus so many spans, UTC; the end of time where that lies beyond it."""
    try:
        return time + times * span
    except OverflowError:
        return END_OF_TIME
