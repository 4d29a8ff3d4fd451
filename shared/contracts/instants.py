"""Times: what one looks like in an event, and what comes of counting on from one."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BeforeValidator, Field

_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
MIDNIGHT: Final = time(0)
YEARS: Final = range(2000, 2101)
"""The years that partners may name: a year beyond is a sentinel or a mistake, and times counted from it overflow."""
_D = TypeVar("_D", bound=date)
FINLAND: Final = ZoneInfo("Europe/Helsinki")
END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)


def _instant(value: object) -> object:
    # pydantic takes a number for seconds since 1970, even strictly; our own code passes a datetime.
    if isinstance(value, datetime):
        return _in_utc(value) if value.tzinfo else value
    return _read_instant(value)


def _read_instant(text: object) -> datetime:
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        raise ValueError("a time is RFC 3339 with an offset and at most nanoseconds, such as 2026-09-01T10:15:00+03:00")
    text = text.upper()
    try:
        return _in_utc(_after_leap_second(text) if text[17:19] == "60" else datetime.fromisoformat(text))
    except OverflowError as error:
        raise ValueError("the year is out of range") from error


def read_time(text: object) -> datetime:
    """A time that a partner names, in UTC. Raises `ValueError` that says what is wrong with the time."""
    return _within_bounds(_read_instant(text))


def _time(value: object) -> object:
    # Reading and checking in one step: each step of ours costs as much as all of pydantic's.
    if isinstance(value, datetime):
        return _within_bounds(_in_utc(value) if value.tzinfo else value)
    return read_time(value)


def _after_leap_second(text: str) -> datetime:
    """As POSIX counts: 23:59:60 is the next day's 00:00:00. A leap second is inserted there in UTC, nowhere else."""
    before = datetime.fromisoformat(text[:17] + "59" + text[19:])
    after = before + timedelta(seconds=1)
    if (after - before.utcoffset()).time().replace(microsecond=0) != MIDNIGHT:  # type: ignore[operator]
        raise ValueError("a second 60 stands at 23:59 of UTC alone")
    return after


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is UTC:
        return value
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the year is out of range") from error


def _day(value: object) -> object:
    if isinstance(value, date):
        return _within_bounds(value)
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("a date is YYYY-MM-DD")
    return _within_bounds(date.fromisoformat(value))


def _within_bounds(value: _D) -> _D:
    if value.year not in YEARS:
        raise ValueError(
            f"the year {value.year} is not one of {YEARS[0]} to {YEARS[-1]}; name the day itself, no stand-in for “open”"
        )
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_instant), Field(examples=["2026-09-09T14:30:00Z"])]
"""A time of our own: a time counted from a partner's may lie beyond the years that partners may name."""
Time = Annotated[AwareDatetime, BeforeValidator(_time), Field(examples=["2026-09-09T17:30:00+03:00"])]
Day = Annotated[date, BeforeValidator(_day), Field(examples=["2026-09-01"])]


def later(time: datetime, span: timedelta, times: int = 1) -> datetime:
    """`time` plus so many spans, UTC; the end of time where that lies beyond it."""
    try:
        return time + times * span
    except OverflowError:
        return END_OF_TIME


def in_finland(instant: datetime) -> date:
    """The day that it is in Finland then."""
    return instant.astimezone(FINLAND).date()


def midnight_of(day: date) -> datetime:
    """When the day begins in Finland, in UTC."""
    return datetime.combine(day, MIDNIGHT, FINLAND).astimezone(UTC)
