"""What the service keeps of a training: its organiser's latest word."""

from collections.abc import Mapping
from datetime import date, datetime

import msgspec


class TrainedAt(msgspec.Struct, frozen=True):
    """A unit that refers, at an organisation."""

    partner: str
    unit_ref: str

    @property
    def key(self) -> str:
        return f"{self.partner} {self.unit_ref}"


class Training(msgspec.Struct, frozen=True, omit_defaults=True):
    """A training as its organiser last recorded it; `time` and `rank` are of that word."""

    organiser: str
    id: str
    time: datetime
    rank: str
    name: Mapping[str, str]
    held_on: date
    units: tuple[TrainedAt, ...]
    audience: tuple[str, ...]
    came: int
