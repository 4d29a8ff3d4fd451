"""What the service keeps of an improvement that partners agreed on."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import msgspec

from shared.engine.model import Due

SOON: Final = timedelta(days=14)
"""How long before its day an improvement is reminded of."""


class DoingRole(msgspec.Struct, frozen=True):
    """A role at a partner."""

    partner: str
    role: str


class LatestVersion(msgspec.Struct, frozen=True):
    """The latest version of an improvement; `time` and `rank` are of that word."""

    roles: tuple[DoingRole, ...]
    about: Mapping[str, str]
    due: date
    time: datetime
    rank: str

    @property
    def soon_at(self) -> datetime:
        """When its partners are reminded, in UTC."""
        return _midnight(self.due) - SOON

    @property
    def over_at(self) -> datetime:
        """When its day is over in all of Finland, in UTC."""
        return _midnight(self.due) + timedelta(days=1)


class Improvement(msgspec.Struct, frozen=True, omit_defaults=True):
    """An improvement, by who recorded it and that partner's id."""

    agreed_by: str
    id: str
    agreed: LatestVersion | None = None
    named: tuple[str, ...] = ()
    """The partners that any version names, and who recorded it: they hear of each change, and may say that it is done."""
    done: tuple[datetime, str] | None = None
    """The latest word that it is done, by time and rank; a later version opens it again."""
    told: Mapping[str, str] = {}
    """What each partner heard last, but for reminders."""
    soon_for: date | None = None
    """The day of which the partners were reminded last."""
    overdue_for: date | None = None
    """The day that passed, as the partners heard last."""
    synthetic: bool = False

    @property
    def is_done(self) -> bool:
        return self.agreed is not None and self.done is not None and self.done > (self.agreed.time, self.agreed.rank)

    @property
    def parties(self) -> list[str]:
        """Who recorded it, and whose roles do it, as the latest version says; of a test's the first alone."""
        doing = [one.partner for one in self.agreed.roles] if self.agreed and not self.synthetic else []
        return list(dict.fromkeys([self.agreed_by, *doing]))


def deadlines(state: Improvement) -> Sequence[Due]:
    """Two weeks before its day, unless it was agreed later than that; and once the day is over."""
    agreed = state.agreed
    if agreed is None or state.is_done:
        return ()
    soon = agreed.time < agreed.soon_at and agreed.due not in {state.soon_for, state.overdue_for}
    return [
        *([Due("improvement", agreed.soon_at, 1)] if soon else ()),
        *([Due("improvement", agreed.over_at, 2)] if state.overdue_for != agreed.due else ()),
    ]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), UTC)
