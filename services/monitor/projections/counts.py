"""How many events each sender sent, by class, day and hour, and how many of them could not be taken. Pure.

One document for each partition and day, which holds the offset up to which it has counted: a record that is read again
is counted once, so that after any kill the counts equal a recount of the log (docs/decisions/0011).
"""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from services.monitor.projections.observed import UNKNOWN, Observed
from shared.store import Collection, Index
from shared.store.interface import Fields

MOST_CELLS: Final = 5_000
"""Senders by classes in one document; what is beyond is counted as of an unknown sender."""
HELSINKI: Final = ZoneInfo("Europe/Helsinki")
COUNTS: Final = Collection("counts", (Index(("day",)), Index(("ended",))))


class Cell(msgspec.Struct, array_like=True):
    """Of one sender and class: the events of each hour, in Finnish time; the furthest that one was ahead of us, in seconds;
    in all by how many seconds they came after their own time; and how many of them had come before."""

    hours: list[int]
    ahead: float = 0.0
    first: float = 0.0
    last: float = 0.0
    delays: float = 0.0
    repeated: int = 0

    @property
    def total(self) -> int:
        """The events of the day."""
        return sum(self.hours)


class DayCounts(msgspec.Struct):
    """One partition's events of one day in Finland, counted up to the offset `up_to`, which is not."""

    topic: str
    partition: int
    day: str
    up_to: int = 0
    cells: dict[str, Cell] = {}
    """By `<sender> <class>`, and for dead letters by `<sender> <class> <service>`."""


def id_of(one: Observed) -> str:
    """The document that counts the record."""
    return f"{one.topic}/{one.partition} {_day_and_hour(one)[0]}"


def counted(state: DayCounts | None, records: Iterable[Observed]) -> DayCounts:
    """The counts with these records, which are all of one partition and day, in the order of their offsets."""
    for one in records:
        if state is None:
            state = DayCounts(one.topic, one.partition, _day_and_hour(one)[0])
        if one.offset >= state.up_to:
            state.up_to = one.offset + 1
            if not one.synthetic:
                _count(state, one)
    assert state is not None
    return state


def fields_of(state: DayCounts) -> Fields:
    """By which fields the store finds a document."""
    over = datetime.combine(date.fromisoformat(state.day) + timedelta(days=1), time.min, HELSINKI)
    return {"day": state.day, "ended": over.timestamp()}


def _count(state: DayCounts, one: Observed) -> None:
    key = f"{one.sender} {one.name} {one.refused_by}" if one.refused_by else f"{one.sender} {one.name}"
    if key not in state.cells and len(state.cells) >= MOST_CELLS:
        key = f"{UNKNOWN} {UNKNOWN}"
    at = one.at.timestamp()
    cell = state.cells.get(key)
    if cell is None:
        cell = state.cells[key] = Cell([0] * 24, first=at)
    cell.hours[_day_and_hour(one)[1]] += 1
    cell.ahead = max(cell.ahead, -one.delay)
    cell.delays += max(0.0, one.delay)
    cell.last = max(cell.last, at)
    cell.repeated += one.repeated


def _day_and_hour(one: Observed) -> tuple[str, int]:
    """The day and the hour in Finland, whose clocks differ from UTC by whole hours."""
    return _in_finland(int(one.at.timestamp() // 3_600))


@lru_cache(maxsize=64)
def _in_finland(hour: int) -> tuple[str, int]:
    local = datetime.fromtimestamp(hour * 3_600, HELSINKI)
    return local.date().isoformat(), local.hour
