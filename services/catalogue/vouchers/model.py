"""What the catalogue keeps of an organiser's study vouchers of a year: the grant, and what each activity uses of it."""

from collections import Counter
from datetime import datetime
from typing import Literal

import msgspec


class Grant(msgspec.Struct, frozen=True, array_like=True):
    """The latest VoucherGrantRecorded."""

    time: datetime
    rank: str
    cents: int


class VoucherUse(msgspec.Struct, frozen=True, array_like=True):
    """What one activity uses, by its word of the greatest `number`."""

    number: int
    places: int
    cents: int
    themes: tuple[str, ...]
    last_at: datetime | None = None


class VoucherYearUse(msgspec.Struct, frozen=True, omit_defaults=True):
    """One organiser's document of one year's grant."""

    organiser: str
    year: int
    grant: Grant | None = None
    uses: dict[str, VoucherUse] = {}
    """By activity id."""
    silent_until: datetime | None = None
    """The latest deadline that passed: no use was known then."""
    told: Literal["in_use", "nearly_used", "idle"] = "in_use"

    @property
    def used_cents(self) -> int:
        return sum(use.cents for use in self.uses.values())

    @property
    def places(self) -> int:
        return sum(use.places for use in self.uses.values())

    @property
    def last_used_at(self) -> datetime | None:
        return max((use.last_at for use in self.uses.values() if use.last_at), default=None)

    @property
    def used_by_theme(self) -> dict[str, int]:
        """Cents by theme, which add up to all that is used: an activity of several themes counts in equal parts."""
        found: Counter[str] = Counter()
        for use in self.uses.values():
            part, rest = divmod(use.cents, len(use.themes) or 1)
            for place, theme in enumerate(use.themes):
                found[theme] += part + (place < rest)
        return dict(sorted((+found).items()))
