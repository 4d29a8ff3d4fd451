"""The result of folding a referral's facts: where it stands, which steps it awaits, what it wants of activities."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from services.referral.model import NOTHING_PAYS, AttendanceRecord, Ending, Purse, UsedHere
from shared.contracts.fields import Release
from shared.contracts.referral_events import Status

PlaceState = Literal["requested", "waitlisted", "placed"]
SessionState = Literal["upcoming", "attended", "missed", "told_ahead", "not_recorded"]


@dataclass(frozen=True)
class Durations:
    """How long silence lasts before it is an event."""

    match: timedelta
    choice: timedelta
    confirmation: timedelta
    attendance: timedelta
    feedback: timedelta


@dataclass(frozen=True)
class Choice:
    """The choice that holds: an activity, chosen by `request` at `at`; `chain` are those it replaced."""

    activity: str
    at: datetime
    request: str
    confirmed_at: datetime | None = None
    enrolled: bool = False
    moved: bool = False
    chain: tuple[str, ...] = ()

    @property
    def activities(self) -> tuple[str, ...]:
        """The activity and those it replaced: records of each count."""
        return (*self.chain, self.activity)


@dataclass(frozen=True)
class CountedSession:
    """A counted session and its record."""

    activity: str
    session: str
    starts_at: datetime | None
    state: SessionState

    @property
    def name(self) -> str:
        """The session's name within a referral."""
        return f"{self.activity} {self.session}"


@dataclass(frozen=True)
class OpenDeadline:
    """An awaited step and its deadline. `awaited` names the step: once it changes, the deadline counts no more.

    The step is awaited since `since`, and is late from `first_due_at` on; `due_at` is its `nth` deadline.
    """

    what: Literal["match", "choice", "confirmation", "attendance", "feedback"]
    due_at: datetime
    nth: int
    awaited: str
    concerns: str
    since: datetime
    first_due_at: datetime


@dataclass(frozen=True)
class Want:
    """The referral's wish of one activity: a place, or only news."""

    want: Literal["place", "follow"]
    request: str = ""
    requested_at: datetime | None = None
    enrolled: bool = False
    moved: bool = False
    purse: Purse = NOTHING_PAYS
    why: Release | None = None
    """Why it wants no place, if it ever asked for one."""


@dataclass(frozen=True)
class View:
    """Where the referral stands."""

    status: Status
    choice: Choice | None
    place: PlaceState | None
    position: int | None
    sessions: tuple[CountedSession, ...]
    ended: Ending | None
    closed: bool
    deadlines: tuple[OpenDeadline, ...]
    wants: dict[str, Want]
    matching: bool
    without: tuple[str, ...]
    related: frozenset[str]
    """Organisers whose events always count: the region chose them, or the referral asked them for a place."""
    unplaced: AttendanceRecord | None
    """The oldest attendance at an activity where the referral never had a place."""
    used: dict[str, UsedHere]
    """What it used, by activity, where an agreement may pay."""
