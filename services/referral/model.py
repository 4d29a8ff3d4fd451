"""What the referral service keeps of one referral: its facts, the answers it got, and its own last words.

The `id` of a fact is its event's rank (shared/contracts/identity.py), which orders those of one microsecond; so is `request`.

Nothing here says where the referral stands: `fold.py` computes that from the facts, whatever their order of arrival.
"""

from datetime import date, datetime
from typing import Final, Literal

import msgspec

from shared.contracts.fields import Funding, Release, VoucherGroup, What
from shared.contracts.referral_events import ReferralOutcome, Status
from shared.contracts.region_events import region_of


class Purse(msgspec.Struct, frozen=True, omit_defaults=True):
    """What may pay for the client, by the latest issue: each order to an activity carries it."""

    funding: tuple[Funding, ...] = ()
    kaikukortti_from: date | None = None
    voucher_group: VoucherGroup | None = None


NOTHING_PAYS: Final = Purse()


class LatestIssue(msgspec.Struct, frozen=True):
    """The latest ReferralIssued, as far as this service needs it."""

    time: datetime
    id: str
    source: str
    feedback: bool
    """Whether the consent covers asking for feedback."""
    unit_ref: str = ""
    by_agreement: bool = False
    """Whether an agreement may pay for the client."""
    purse: Purse = NOTHING_PAYS
    municipality: str = ""
    """Where the client lives; empty in what a region issued while regions alone did."""

    @property
    def region(self) -> str:
        """The code of the region that the referral counts for."""
        return region_of(self.source, self.municipality)


class Fact(msgspec.Struct, frozen=True):
    """A choice, an enrolment or a withdrawal. `activity` is `<organiser> <activity_id>`, empty for a withdrawal."""

    kind: Literal["chosen", "confirmed", "cancelled", "withdrawn"]
    time: datetime
    id: str
    source: str
    activity: str = ""

    @property
    def order(self) -> tuple[datetime, str, str]:
        """The fact's place in the order of facts."""
        return self.time, self.id, self.source


Stretch = tuple[datetime, datetime]
"""The first and the last of some look-ups, of which each still held when the next was made."""


class AttendanceRecord(msgspec.Struct, frozen=True):
    """The opisto's records of one session; the latest holds."""

    activity: str
    session: str
    attended: bool
    time: datetime
    id: str
    source: str
    records: tuple[tuple[datetime, str], ...]
    """(time, id) of all records of the session, corrected ones too: each of them confirms the place."""
    told_ahead: bool = False
    """Of a missed one, whether the participant had said so beforehand."""


class FeedbackReceived(msgspec.Struct, frozen=True):
    """The participant's answer after the activity is in."""

    time: datetime
    id: str
    source: str


class Listed(msgspec.Struct, frozen=True):
    """A session as the activity lists it."""

    session: str
    starts_at: datetime
    ends_at: datetime
    called_off: bool = False


class PlaceGrant(msgspec.Struct, frozen=True):
    """An activity gave a choice a place. The grant outlives the release, for only the referral releases a place."""

    answer: int
    given_at: datetime
    promoted: bool
    confirm: bool
    by_enrolment: bool = False
    """Enrolment was closed at the choice's time: without the opisto's confirmation there would be no place."""


class Answer(msgspec.Struct, frozen=True):
    """One activity's last answers: about the place the one of number `answer`, about sessions that of `listed`."""

    answer: int = 0
    request: str = ""
    state: Literal["reserved", "waitlisted", "refused", "released", "followed"] = "followed"
    position: int = 0
    listed: int = 0
    sessions: tuple[Listed, ...] = ()
    cancelled_at: datetime | None = None
    replaced_by: str = ""


class MatchAnswer(msgspec.Struct, frozen=True):
    """The catalogue's latest answer to the matching."""

    number: int
    id: str
    time: datetime
    proposed: bool


class PlaceOrder(msgspec.Struct, frozen=True):
    """The referral's last order to one activity. The activity goes by the greatest number."""

    number: int
    want: Literal["place", "follow"]
    request: str = ""
    requested_at: datetime | None = None
    enrolled: bool = False
    moved: bool = False
    purse: Purse = NOTHING_PAYS
    asked_at: datetime | None = None
    """When the platform sent the order, in its own time: the confirmation's deadline runs from here."""
    why: Release | None = None
    """Why a place that was asked for is wanted no more."""


class Matching(msgspec.Struct, frozen=True):
    """The referral's last word to the catalogue about matching. Number 0 is ReferralIssued itself.

    `asked`: the number of the last question, which stays the same when the referral says that it wants no answer any more:
    a lapse is such a word, and must not end the wait that it lapsed by.
    """

    number: int = 0
    asked: int = 0
    wanted: bool = True
    without: tuple[str, ...] = ()
    asked_at: datetime | None = None


class Ending(msgspec.Struct, frozen=True):
    """The content of an ending."""

    outcome: ReferralOutcome
    attended: int
    missed: int
    not_recorded: int
    told_ahead: int = 0


class ToldEnding(msgspec.Struct, frozen=True):
    """The last announcement of the ending, and when."""

    completed: Ending | None = None
    completed_at: datetime | None = None
    lapsed: Ending | None = None
    closed: Ending | None = None
    closed_at: datetime | None = None


class ToldStanding(msgspec.Struct, frozen=True):
    """The last word about where the referral stands."""

    status: Status
    closed: bool
    what: What | None = None
    concerns: str = ""
    since: datetime | None = None
    due_at: datetime | None = None
    passed: int = 0
    unplaced: str = ""
    """The activity of an attendance without a place, of which `unplaced_since` is the time."""
    unplaced_since: datetime | None = None


class UsedHere(msgspec.Struct, frozen=True):
    """What the referral used of one activity, and whose agreement may pay for it."""

    referrer: str
    unit_ref: str
    given_on: date | None
    """The day on which the place was given, in Finland; None where it counts at another activity, that replaced this one."""
    sessions: dict[date, int]
    """How many sessions were attended, by day in Finland."""


class Fired(msgspec.Struct, frozen=True):
    """A deadline that passed: `awaited` names the step, so that the deadline counts no more once the step changes."""

    what: str
    awaited: str
    nth: int
    due_at: datetime


class ErasedReferral(msgspec.Struct, frozen=True):
    """What erasure leaves. The issuer is no personal datum: it says who may read the rest, nothing of the client."""

    status: Status
    outcome: ReferralOutcome | None
    issued_at: datetime | None
    closed_at: datetime | None
    issuer: str
    """Who issued the referral."""


class Referral(msgspec.Struct, frozen=True, omit_defaults=True):
    """One referral's document. A field whose name in the store differs says so by `name`."""

    id: str
    code: str = ""
    """Drawn when the referral was opened. A desk finds the referral by it; an erasure takes it with the rest."""
    first_issued_at: datetime | None = None
    issued: LatestIssue | None = None
    facts: tuple[Fact, ...] = ()
    looked_up: dict[str, tuple[Stretch, ...]] = {}
    """When organisers looked the code up."""
    grants: dict[str, PlaceGrant] = msgspec.field(name="given", default_factory=dict)
    """The places that activities gave, by `<activity> <request>`."""
    waited: tuple[str, ...] = ()
    """`<activity> <request>` of choices on a waiting list, now or before."""
    refused: tuple[str, ...] = ()
    """`<activity> <request>` of choices refused for good: a new choice of the same activity asks again."""
    closed: tuple[str, ...] = ()
    """`<activity> <request>` of choices made while enrolment was closed, as far as known: a new choice asks again."""
    attendance: tuple[AttendanceRecord, ...] = msgspec.field(name="marks", default=())
    feedback: FeedbackReceived | None = None
    answers: dict[str, Answer] = {}
    matched: MatchAnswer | None = None
    fired: tuple[Fired, ...] = ()
    orders: dict[str, PlaceOrder] = msgspec.field(name="registers", default_factory=dict)
    matching: Matching = Matching()
    told: ToldEnding = ToldEnding()
    absences: tuple[str, ...] = ()
    """The missed sessions, `<activity> <session>`, of whose row the one who referred was told."""
    standing: ToldStanding | None = None
    standings: int = 0
    """How often the referral has told where it stands."""
    used: dict[str, UsedHere] = {}
    """What was told as used, by activity, where an agreement may pay."""
    withdrawn_by: tuple[str, ...] = ()
    """Who withdrew the consent before anybody issued: each for the referral that it may yet issue itself."""
    erased: ErasedReferral | None = None


class Access(msgspec.Struct, frozen=True):
    """The people and partners who looked at the referral, or to whom it was disclosed."""

    referral_id: str
    time: datetime
    who: str
    action: str
    ground: str
    allowed: bool
    service: str


def activity_key(organiser: str, activity_id: str) -> str:
    """An activity's name within a referral."""
    return f"{organiser} {activity_id}"


def split_key(activity: str) -> tuple[str, str]:
    """Organiser and activity id of a key."""
    organiser, _, activity_id = activity.partition(" ")
    return organiser, activity_id
