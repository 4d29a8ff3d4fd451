"""What each sender sent, summed over partitions: by class and day, and by hour. Pure."""

from collections.abc import Iterable

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


def summed(documents: Iterable[DayCounts]) -> list[SentInADay]:
    """One row a day, sender and class, in this order."""
    rows: dict[tuple[str, str, str], SentInADay] = {}
    for document in documents:
        for key, cell in document.cells.items():
            sender, name, *refused_by = key.split(" ")
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
