"""What the referral service keeps of one group: its facts, the catalogue's answers, and its own last words.

The `id` of a fact is its event's rank (shared/contracts/identity.py). Nothing here says where the group stands: `fold.py`
computes that from the facts, whatever their order of arrival.
"""

from datetime import datetime
from typing import Literal

import msgspec

from services.referral.model import Fact, Fired, MatchAnswer
from shared.contracts.fields import Accessibility, Format, Funding
from shared.contracts.group_events import GroupKind, Premises
from shared.contracts.group_told_events import GroupOutcome, GroupRefusal


class GroupIssue(msgspec.Struct, frozen=True, omit_defaults=True):
    """The latest GroupReferralIssued; `source` issued the first one too."""

    time: datetime
    id: str
    source: str
    unit_ref: str
    kind: GroupKind
    size: int
    premises: Premises
    municipality: str
    languages: tuple[str, ...]
    needs: dict[str, int]
    age_min: int | None = None
    age_max: int | None = None
    themes: tuple[str, ...] = ()
    formats: tuple[Format, ...] = ()
    accessibility: tuple[Accessibility, ...] = ()
    max_price_cents: int | None = None
    funding: tuple[Funding, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether the whole activity shall be the group's: at its unit."""
        return self.premises == "unit"


class HeldSession(msgspec.Struct, frozen=True, array_like=True):
    """The organiser's latest record of one session, and who came."""

    activity: str
    session: str
    participants: int
    staff: int
    time: datetime
    id: str
    source: str

    @property
    def key(self) -> str:
        """The session's name among all that the group met at."""
        return f"{self.activity} {self.session}"

    @property
    def heads(self) -> tuple[int, int]:
        """How many came: of the group, and of the unit's staff."""
        return self.participants, self.staff


class PlacesVerdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """The activity's latest answer to one request; the greatest `answer` holds. It outlives the release, which is the
    group's own doing."""

    answer: int
    state: Literal["reserved", "waitlisted", "refused"]
    reason: GroupRefusal | None = None
    position: int = 0
    given_at: datetime | None = None
    confirm: bool = False


class Meeting(msgspec.Struct, frozen=True, array_like=True):
    """A session as the activity lists it."""

    session: str
    starts_at: datetime
    ends_at: datetime
    called_off: bool = False


class ListedActivity(msgspec.Struct, frozen=True, omit_defaults=True):
    """An activity's sessions and its fate, as the greatest `answer` has them."""

    answer: int
    meetings: tuple[Meeting, ...] = ()
    cancelled_at: datetime | None = None
    replaced_by: str = ""

    @property
    def last_end(self) -> datetime | None:
        """When the last session ends."""
        return max((one.ends_at for one in self.meetings if not one.called_off), default=None)


class GroupOrder(msgspec.Struct, frozen=True, omit_defaults=True):
    """The group's last order to one activity; without `request` it only follows its sessions."""

    number: int
    request: str = ""
    asked_at: datetime | None = None


class GroupMatching(msgspec.Struct, frozen=True, omit_defaults=True):
    """The group's last word to the catalogue about matching; `asked` is the number of the last question."""

    number: int = 0
    asked: int = 0
    wanted: bool = False
    issue: str = ""
    without: tuple[str, ...] = ()
    asked_at: datetime | None = None


class GroupEnding(msgspec.Struct, frozen=True):
    """The content of an ending."""

    outcome: GroupOutcome
    held: int
    not_recorded: int
    participants: int
    staff: int


class UnitGroup(msgspec.Struct, frozen=True, omit_defaults=True):
    """One group's document."""

    id: str
    issued: GroupIssue | None = None
    first_issued_at: datetime | None = None
    facts: tuple[Fact, ...] = ()
    held: tuple[HeldSession, ...] = ()
    verdicts: dict[str, PlacesVerdict] = {}
    """By `<activity> <request>`."""
    listed: dict[str, ListedActivity] = {}
    matched: MatchAnswer | None = None
    fired: tuple[Fired, ...] = ()
    orders: dict[str, GroupOrder] = {}
    matching: GroupMatching = GroupMatching()
    told: dict[str, str] = {}
    """The last word about the places, by `<recipient> <activity>`."""
    ending: GroupEnding | None = None
    """The last word about the end."""
    stated: dict[str, tuple[int, int]] = {}
    """Who came to a session by the last statement that holds it, by its name."""
    statement_due: datetime | None = None
    """When the next statement is due; None while there is nothing new."""

    @property
    def chosen(self) -> frozenset[str]:
        """Every activity that the unit ever chose: its organiser's word about the group counts."""
        return frozenset(fact.activity for fact in self.facts if fact.kind == "chosen")
