"""What the service keeps of roles: each role's words, what two partners named for each other, and what of a referral tells
that two of them did something together."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

Order = tuple[datetime, str]
"""Time and rank of an event: tells the later of two."""
BondKind = Literal["pair", "hyte_seat"]
FINLAND: Final = ZoneInfo("Europe/Helsinki")
ONE_DAY: Final = timedelta(days=1)


def begin_of(day: date) -> datetime:
    """When a day begins in Finland, in UTC."""
    return datetime.combine(day, time(0), FINLAND).astimezone(UTC)


class Bond(msgspec.Struct, frozen=True):
    """Which two partners a pair or a seat is of. `host`: the pair's region, or whose wellbeing group it is."""

    kind: BondKind
    host: str
    organiser: str
    unit_ref: str = ""

    @property
    def key(self) -> str:
        return f"{self.kind} {self.host} {self.unit_ref or '-'} {self.organiser}"

    def side_of(self, owner: str) -> str:
        """The name of the roles that this partner named for the bond."""
        return f"{self.key} of {owner}"


class RoleWords(msgspec.Struct, frozen=True, omit_defaults=True):
    """A RoleNamed, as far as this service needs it."""

    time: datetime
    rank: str
    kind: Literal["pair", "hyte_seat", "kaikukortti_contact"]
    title: str
    begins_on: date
    ends_on: date | None = None
    counterpart: str = ""
    unit_ref: str = ""
    host: str = ""
    recognised_only: bool = False

    @property
    def order(self) -> Order:
        return self.time, self.rank


class Role(msgspec.Struct, frozen=True, omit_defaults=True):
    """One partner's role: its latest words, and where these stand now."""

    owner: str
    role_id: str
    words: RoleWords | None = None
    ended: Order | None = None
    """The latest RoleEnded."""
    awaits: tuple[str, ...] = ()
    """Partners that have not said yet who they are, and that events which wait here name."""
    state: Literal["", "upcoming", "current", "ended"] = ""
    reminded_of: date | None = None
    """The last day that its owner was reminded of."""

    @property
    def key(self) -> str:
        return role_key(self.owner, self.role_id)

    @property
    def said_at(self) -> datetime | None:
        """When its owner last said anything of it."""
        if self.words is None:
            return None
        return max(self.words.time, self.ended[0]) if self.ended else self.words.time

    @property
    def bond(self) -> Bond | None:
        """The pair or the seat that it is for."""
        words = self.words
        if words is None or words.kind == "kaikukortti_contact":
            return None
        host = words.host or (self.owner if self.owner.startswith("/region/") else words.counterpart)
        organiser = words.counterpart if host == self.owner else self.owner
        return Bond(words.kind, host, organiser, words.unit_ref)


class SideRole(msgspec.Struct, frozen=True, omit_defaults=True):
    """A role that holds now, at one side of a bond."""

    role_id: str
    title: str
    ends_on: date | None = None


class BondState(msgspec.Struct, frozen=True, omit_defaults=True):
    """What two partners named for each other, as both sides' roles stood when it was last reviewed."""

    bond: Bond
    standing: Literal[
        "", "whole", "lacks_region", "lacks_organiser", "seated", "recognised_only", "claimed", "nobody"
    ] = ""
    host_roles: tuple[SideRole, ...] = ()
    organiser_roles: tuple[SideRole, ...] = ()
    whole_on: date | None = None
    """The day, in UTC, on which the service first saw both sides' roles hold; none while one lacks."""
    active_on: date | None = None
    """The last day, in UTC, on which the two did something together."""
    told_silent: bool = False
    """Whether both have been told of the silence that lasts."""


class MetOn(msgspec.Struct, frozen=True, array_like=True):
    """One organiser's last day with a referral. It counts once the platform itself has said that the two are related."""

    on: date
    related: bool


class IssueOfUnit(msgspec.Struct, frozen=True):
    """When one sender issued a referral first, and from which unit by its latest word."""

    first: datetime
    time: datetime
    rank: str
    unit_ref: str


class KnownReferral(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whose referral or group it is, and which organisers did something for it, by source."""

    region: str = ""
    """Its issuer: mostly a region."""
    unit_ref: str = ""
    met: Mapping[str, MetOn] = {}
    issues: Mapping[str, IssueOfUnit] = {}
    """By sender; once it is known whose the referral is, the issuer's alone."""

    @property
    def counted(self) -> tuple[str, datetime] | None:
        """The unit, `<partner> <unit_ref>`, and when it issued the referral; None where it does not count yet."""
        issue = self.issues.get(self.region)
        return (f"{self.region} {issue.unit_ref}", issue.first) if issue else None


def role_key(owner: str, role_id: str) -> str:
    """A role's id in the store: an owner names its own roles alone."""
    return f"{owner} {role_id}"
