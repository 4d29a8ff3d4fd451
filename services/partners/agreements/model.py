"""What the service keeps of an agreement: each side's words; of an activity: its themes, and its counts of a month."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

import msgspec

from shared.contracts.agreement_events import AgreementStatus, ContributionKind, UseNotice

Unit = Literal["places", "sessions"]


class Brought(msgspec.Struct, frozen=True, order=True):
    """What one party brings besides, and what it is worth in cents."""

    by: str
    kind: ContributionKind
    amount: int


class Agreed(msgspec.Struct, frozen=True, omit_defaults=True):
    """The content of an agreement, in the one form in which two are compared."""

    starts_on: date
    ends_on: date
    from_day: date
    of: Unit
    quota: int
    unit_ref: str = ""
    activities: tuple[str, ...] = ()
    themes: tuple[str, ...] = ()
    price_cents: int | None = None
    contributions: tuple[Brought, ...] = ()


class Word(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one party said: terms, or the last day."""

    time: datetime
    rank: str
    source: str
    terms: Agreed | None = None
    last_day: date | None = None

    @property
    def order(self) -> tuple[datetime, str, str]:
        """The word's place among all."""
        return self.time, self.rank, self.source


class AgreementStanding(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the agreement stands, as both parties are told."""

    status: AgreementStatus
    agreed: Agreed | None = None
    proposed: tuple[tuple[str, Agreed], ...] = ()
    """By whom, in order, and what."""
    last_day: date | None = None


class Agreement(msgspec.Struct, frozen=True, omit_defaults=True):
    """One agreement. `number` counts how often it was told how it stands."""

    id: str
    referrer: str
    organiser: str
    words: tuple[Word, ...] = ()
    told: AgreementStanding | None = None
    number: int = 0
    noticed: Mapping[UseNotice, str] = {}
    """What the parties were told to look at, each with the state of the agreement for which they were."""
    passed: Mapping[str, str] = {}
    """The deadlines that passed, each with the state of the agreement for which it did."""


class ActivityThemes(msgspec.Struct, frozen=True):
    """The themes of an activity, as it was published last."""

    time: datetime
    rank: str
    themes: tuple[str, ...]


class MonthOfUse(msgspec.Struct, frozen=True):
    """What the referrals of one unit used of one activity in a month, by day of the month: places, sessions."""

    referrer: str
    unit_ref: str
    organiser: str
    activity_id: str
    month: str
    days: Mapping[int, tuple[int, int]] = {}

    @property
    def id(self) -> str:
        """Its key: who used what when."""
        return f"{self.referrer} {self.unit_ref} {self.organiser} {self.activity_id} {self.month}"

    def by_day(self) -> list[tuple[date, int, int]]:
        """Each day with its places and sessions, in order."""
        first = date.fromisoformat(f"{self.month}-01")
        return [(first.replace(day=day), *self.days[day]) for day in sorted(self.days)]


class Surroundings(NamedTuple):
    """What an agreement is judged by beside itself: all of the same two parties, what was used, and activities' themes."""

    agreements: tuple[Agreement, ...] = ()
    months: tuple[MonthOfUse, ...] = ()
    themes: Mapping[str, tuple[str, ...]] = {}
    """By the organiser's id of the activity."""


def key_of(referrer: str, organiser: str, agreement_id: str) -> str:
    """An agreement's key: nobody but its two parties writes there."""
    return f"{referrer}{organiser}/{agreement_id}"


def pair_of(one: Any) -> str:
    """The two parties, by which the store finds all that is between them."""
    return f"{one.referrer} {one.organiser}"
