"""What the service keeps of a partner: its latest word about itself."""

from collections.abc import Mapping
from datetime import datetime

import msgspec


class Unit(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of a partner that refers, is told or holds activities."""

    unit_ref: str
    kind: str
    name: Mapping[str, str] = {}


class Partner(msgspec.Struct, frozen=True, omit_defaults=True):
    """A partner as it last described itself; `time` and `rank` are of that word."""

    source: str
    name: str
    classes: tuple[str, ...] | None
    language: str
    time: datetime
    rank: str
    languages: tuple[str, ...] = ()
    area: tuple[str, ...] = ()
    """The municipalities that it is for."""
    units: tuple[Unit, ...] = ()
    addresses: Mapping[str, str] = {}
    """A mailbox by role."""

    @property
    def kind(self) -> str:
        return self.source.split("/", 2)[1]
