"""What each sender sent, summed over partitions: by class and day, and by hour. Pure."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from services.monitor.projections.counts import Cell, DayCounts


class SentInADay(msgspec.Struct):
    """Of one sender, class and day: how many by the hour, how many could not be taken, how far its clock was ahead."""

    day: str
    sender: str
    name: str
    hours: list[int]
    refused: int = 0
    ahead: float = 0.0
    first: float | None = None
    last: float | None = None
    delays: float = 0.0
    """In all, the seconds from the events' own times to when they came."""
    repeated: int = 0
    """How many of them had come before."""

    @property
    def total(self) -> int:
        """How many were sent."""
        return sum(self.hours)


@dataclass(frozen=True, slots=True)
class SenderDay:
    """What one sender sent on one day: a row each class, and of all of them the hours, the first and the last second."""

    rows: tuple[SentInADay, ...]
    hours: list[int]
    first: float | None
    last: float | None


def by_sender(rows: Iterable[SentInADay]) -> dict[str, SenderDay]:
    """The rows of one day, by who sent them."""
    sent: dict[str, list[SentInADay]] = {}
    for row in rows:
        sent.setdefault(row.sender, []).append(row)
    return {sender: _a_day(some) for sender, some in sent.items()}


def _a_day(rows: list[SentInADay]) -> SenderDay:
    hours = [sum(of_an_hour) for of_an_hour in zip(*(row.hours for row in rows), strict=True)]
    first = min((row.first for row in rows if row.first is not None), default=None)
    last = max((row.last for row in rows if row.last is not None), default=None)
    return SenderDay(tuple(rows), hours, first, last)


def changed(before: Mapping[str, SenderDay], now: Mapping[str, SenderDay]) -> set[str]:
    """Who of a day's senders sent something else than was known."""
    return {sender for sender in before.keys() | now.keys() if before.get(sender) != now.get(sender)}


def summed(documents: Iterable[DayCounts]) -> list[SentInADay]:
    """One row a day, sender and class, in this order."""
    rows: dict[tuple[str, str, str], SentInADay] = {}
    for document in documents:
        for key, cell in document.cells.items():
            # A hundred thousand rows name some hundreds of senders and some tens of classes.
            sender, name, *refused_by = map(sys.intern, key.split(" "))
            row = rows.setdefault((document.day, sender, name), SentInADay(document.day, sender, name, [0] * 24))
            _add(row, cell, refused=bool(refused_by))
    return [rows[key] for key in sorted(rows)]


def _add(row: SentInADay, cell: Cell, *, refused: bool) -> None:
    if refused:
        row.refused += cell.total
        return
    row.hours = [one + other for one, other in zip(row.hours, cell.hours, strict=True)]
    row.ahead = max(row.ahead, cell.ahead)
    row.delays += cell.delays
    row.repeated += cell.repeated
    row.first = min(row.first if row.first is not None else cell.first, cell.first)
    row.last = max(row.last or 0.0, cell.last)
