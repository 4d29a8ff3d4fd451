"""Agreements: what a region or a municipality and an organiser say of one, and what of it is counted and told.

Either side says the whole content; it stands once the other has said the same. An agreement is known by its two parties and
an id between them, so that nobody but the two can touch it.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from shared.contracts.data import Data, Strict, ToPartner
from shared.contracts.errors import Problem
from shared.contracts.event_class import event_class
from shared.contracts.fields import ActivityId, Count, Distinct, Partner, Theme, UnitRef
from shared.contracts.instants import Day, in_finland
from shared.contracts.partner_kinds import ORGANISERS, PARTNER_KINDS

BUYERS: Final = ("region", "municipality")
"""Those for whose referrals an agreement is made."""
MOST_ACTIVITIES: Final = 30
MOST_CONTRIBUTIONS: Final = 20


def _kind(source: str) -> str:
    return source.split("/", 2)[1]


def _buys(value: str) -> str:
    if _kind(value) not in BUYERS:
        raise ValueError(f"{value[:80]!r} is neither a region nor a municipality: no other refers by an agreement")
    return value


def _organises(value: str) -> str:
    if _kind(value) not in ORGANISERS:
        raise ValueError(f"{value[:80]!r} is no organiser of activities")
    return value


Referrer = Annotated[
    Partner,
    AfterValidator(_buys),
    Field(
        json_schema_extra={"pattern": f"^/(?:{'|'.join(BUYERS)})/[a-z0-9.-]{{1,60}}$"},
        examples=["/region/06"],
    ),
]
OtherParty = Annotated[
    Partner,
    AfterValidator(_organises),
    Field(
        json_schema_extra={"pattern": f"^/(?:{'|'.join(ORGANISERS)})/[a-z0-9.-]{{1,60}}$"},
        examples=["/opisto/tampere"],
    ),
]
AgreementId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$", examples=["taidetta-2026"])]
QuotaUnit = Annotated[Literal["places", "sessions"], Field(title="QuotaUnit")]
AgreementStatus = Annotated[Literal["proposed", "standing", "ended"], Field(title="AgreementStatus")]
ContributionKind = Annotated[
    Literal["premises", "staff", "transport", "equipment", "materials"], Field(title="ContributionKind")
]
Price = Annotated[Count, Field(examples=[1250])]


class Period(Strict):
    """From a day to a day, both included."""

    starts_on: Annotated[Day, Field(examples=["2026-08-01"])]
    """The first day, in Finland."""
    ends_on: Annotated[Day, Field(examples=["2027-07-31"])]
    """The last day, in Finland; not before the first."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.starts_on > self.ends_on:
            raise ValueError(f"it ends on {self.ends_on}, before it begins on {self.starts_on}")
        return self


class Quota(Strict):
    """How much the agreement is for."""

    of: QuotaUnit
    """What is counted: places that were given, or sessions that were attended."""
    amount: Annotated[Count, Field(ge=1, examples=[40])]
    """How many places, or sessions, in the whole period."""


class Contribution(Strict):
    """What one party brings besides."""

    by: Annotated[Partner, Field(examples=["/opisto/tampere"])]
    """Which of the two parties brings it."""
    kind: ContributionKind
    """What it is."""
    amount: Annotated[Count, Field(examples=[60000])]
    """What it is worth in the whole period, in euro cents."""


class Terms(Strict):
    """What two parties agree on."""

    period: Period
    """From when until when."""
    unit_ref: UnitRef | None = None
    """The unit whose referrals alone it is for; left out: all of the referrer's."""
    activities: Annotated[tuple[ActivityId, ...], Field(max_length=MOST_ACTIVITIES), Distinct] = ()
    """The activities that it is for, by the organiser's own ids. Without activities and themes: all of the organiser's."""
    themes: Annotated[tuple[Theme, ...], Field(max_length=18, examples=[[]]), Distinct] = ()
    """The themes that it is for, instead of activities: an activity counts that has one of them, as it was published last."""
    quota: Quota
    """How much it is for."""
    price_cents: Price | None = None
    """What the referrer pays for each place, or for each session, as the quota counts, in euro cents; left out: nothing."""
    contributions: Annotated[tuple[Contribution, ...], Field(max_length=MOST_CONTRIBUTIONS)] = ()
    """What the parties bring besides."""

    @model_validator(mode="after")
    def _by_activities_or_themes(self) -> Self:
        if self.activities and self.themes:
            raise ValueError("it is for activities or for themes, not for both: make two agreements")
        return self


class OfAgreement(Data):
    """An event about one agreement."""

    agreement_id: AgreementId
    """The agreement, by an id that the two parties use between them."""
    referrer: Referrer
    """The region or municipality whose referrals it is for: the one party."""
    organiser: OtherParty
    """Who runs the activities: the other party."""

    @model_validator(mode="after")
    def _of_two(self) -> Self:
        if self.referrer == self.organiser:
            raise ValueError(f"{self.referrer} is both parties")
        return self

    @property
    def subject(self) -> str:
        return f"{self.referrer}{self.organiser}/{self.agreement_id}"


class AgreementTerms(OfAgreement, Terms):
    """One side's word on what is agreed, whole."""

    @model_validator(mode="after")
    def _parties_bring(self) -> Self:
        for one in self.contributions:
            if one.by not in {self.referrer, self.organiser}:
                raise ValueError(f"a contribution is by {one.by}, which is neither party")
        return self


@event_class("partners", *PARTNER_KINDS, outcome="agreements")
class AgreementMade(AgreementTerms):
    """One party's word that this is agreed. It stands once both have said the same; until then it is proposed."""


@event_class("partners", *PARTNER_KINDS, outcome="agreements")
class AgreementChanged(AgreementTerms):
    """One party's word that something else is agreed from a day on. It holds once both have said the same."""

    from_day: Annotated[Day, Field(examples=["2027-01-01"])]
    """From which day on it holds, in Finland; a day of the period. What was used before goes by what held then."""

    @model_validator(mode="after")
    def _within_the_period(self) -> Self:
        if not self.period.starts_on <= self.from_day <= self.period.ends_on:
            raise ValueError(f"from_day {self.from_day} is not in the period")
        return self


@event_class("partners", *PARTNER_KINDS, outcome="agreements")
class AgreementEnded(OfAgreement):
    """One party ends the agreement, or takes back or turns down what is proposed. It needs no word of the other."""

    last_day: Annotated[Day, Field(examples=["2027-03-31"])]
    """The last day on which use still counts, in Finland; not before the day of the event's `time`."""

    def misdated(self, time: datetime) -> Iterable[Problem]:
        """A last day that has passed: what the other side gave in good faith would count no more."""
        if self.last_day < (said_on := in_finland(time)):
            yield Problem("/data/last_day", f"{self.last_day} is before {said_on}, the day on which it is said")


# --- what is told


class AgreedTerms(Terms):
    """Terms, and from when on they hold."""

    from_day: Annotated[Day, Field(examples=["2026-08-01"])]
    """From which day on they hold, in Finland."""


class ProposedTerms(AgreedTerms):
    """Terms that one party has said, and the other has not."""

    by: Annotated[Partner, Field(examples=["/opisto/tampere"])]
    """Who said them; the other party agrees by saying the same."""


@event_class("notify", "service/partners")
class AgreementTold(ToPartner, OfAgreement):
    """How an agreement stands, told to both parties each time that this changes."""

    number: Count
    """The agreement's count of these words, from 1; the greatest holds."""
    status: AgreementStatus
    """`proposed`: nothing is agreed yet; `standing`: both have said the same; `ended`: one has ended it."""
    agreed: AgreedTerms | None = None
    """What both agreed on last; left out: nothing yet."""
    proposed: Annotated[tuple[ProposedTerms, ...], Field(max_length=2)] = ()
    """What one side has said and the other has not."""
    last_day: Day | None = None
    """The last day on which use counts, in Finland, where one party has ended it before the end of its period."""

    @property
    def subject(self) -> str:
        return self.recipient


UseNotice = Annotated[
    Literal["quota_nearly_used", "quota_passed", "quota_idle", "ends_soon", "overlaps"], Field(title="UseNotice")
]


@event_class("notify", "service/partners")
class AgreementUseTold(ToPartner, OfAgreement):
    """Something about an agreement that both parties should look at; told once of what both agreed on last."""

    what: UseNotice
    """`quota_nearly_used`: four fifths are used; `quota_passed`: more is used than was agreed, and is counted all the same;
    `quota_idle`: less than a quarter is used at half time; `ends_soon`: it ends within 60 days; `overlaps`: other agreements
    of the two are for the same, and each use counts once, for the one that was agreed first."""
    used: Count
    """How many places, or sessions, are used, as the quota counts."""
    quota: Quota
    """What was agreed."""
    last_day: Annotated[Day, Field(examples=["2027-07-31"])]
    """The last day on which use counts, in Finland."""
    overlaps: Annotated[tuple[AgreementId, ...], Field(max_length=20)] = ()
    """The other agreements, up to 20, by their ids."""

    @property
    def subject(self) -> str:
        return self.recipient


# --- what is counted


class DayOfUse(Strict):
    """By how much the counts of one day change."""

    day: Annotated[Day, Field(examples=["2026-09-09"])]
    """The day, in Finland."""
    places: Annotated[int, Field(ge=-1, le=1, examples=[1])] = 0
    """How many places were given on it: one more, or one fewer by what is known now."""
    sessions: Annotated[int, Field(ge=-400, le=400, examples=[1])] = 0
    """How many of its sessions were attended: more, or fewer by what is known now."""


@event_class("partners", "service/referral")
class UseCounted(Data):
    """What one referral that an agreement may pay for has used: by how much an activity's counts of a month change. It names
    no referral, so that the counts outlast an erasure."""

    referrer: Annotated[Partner, Field(examples=["/region/06"])]
    """Who issued the referral."""
    unit_ref: UnitRef
    """The unit that issued it."""
    organiser: OtherParty
    """Who runs the activity."""
    activity_id: ActivityId
    """The activity, by its organiser's own id."""
    month: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}$", examples=["2026-09"])]
    """The month of all the days, in Finland."""
    days: Annotated[tuple[DayOfUse, ...], Field(min_length=1, max_length=31)]
    """The days whose counts change."""

    @property
    def subject(self) -> str:
        return f"{self.referrer} {self.unit_ref} {self.organiser} {self.activity_id} {self.month}"


@event_class("partners", "service/partners")
class AgreementToLook(OfAgreement):
    """The service to itself: look again at what of an agreement is used, and which others are for the same."""


def month_of(day: date) -> str:
    """`2026-09`."""
    return day.isoformat()[:7]
