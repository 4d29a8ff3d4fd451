"""What organisations agree on and record beside referrals: improvements, good practices, goals of plans, trainings."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from shared.contracts.data import Data, Strict
from shared.contracts.errors import Problem
from shared.contracts.event_class import event_class
from shared.contracts.fields import AgeBand, Distinct, Municipality, Partner, RoleTitle, ShortText, Theme, UnitRef
from shared.contracts.instants import Day
from shared.contracts.partner_kinds import PARTNER_KINDS, REFERRERS, is_of
from shared.contracts.region_events import Route
from shared.reference import DIMENSIONS

WITHIN: Final = timedelta(days=3_653)
"""Ten years: how far a day that is agreed or recorded may be from the event's own time."""
_PUBLIC: Final = re.compile(
    r"^https://[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}(?::[0-9]{1,5})?(?:/[^\s?#@<>\x22']*)?$"
)
_OF_ONE: Final = re.compile(r"@|[?#]")


def _for_all(address: str) -> str:
    if _OF_ONE.search(address):
        raise ValueError(
            f"{address[:80]!r} has a login, a query or a fragment, where a name or a secret may stand: name the page itself"
        )
    if not _PUBLIC.fullmatch(address):
        raise ValueError(
            f"{address[:80]!r} is no public address: it begins with https:// and a host such as www.example.fi"
        )
    return address


PublicAddress = Annotated[
    str,
    Field(
        max_length=300,
        json_schema_extra={"pattern": _PUBLIC.pattern},
        examples=["https://www.example.fi/hyvat-kaytannot/kuoro"],
    ),
    AfterValidator(_for_all),
]
"""Where all can read on: https, without login, query and fragment."""
RecordId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$", examples=["2026-7"])]

MEASURES: Final[Mapping[str, tuple[str, ...]]] = {
    **{name: ("loop", name) for name in ("issued", "proposed", "placed", "attended", "completed", "closed")},
    **{f"{name}_change": ("outcomes", "participants", "dimensions_v1", name, "mean_change") for name in DIMENSIONS},
    "who5_change": ("outcomes", "participants", "who5", "score", "mean_change"),
    "satisfaction": ("outcomes", "participants", "experience_v1", "satisfaction", "mean"),
    "recommend": ("outcomes", "participants", "experience_v1", "recommend", "mean"),
}
"""The platform's figures that a goal or a practice may name: of each the report, GET /v1/reports/<the first>, and where
in its answer the figure stands."""


def _measured(value: str) -> str:
    if value not in MEASURES:
        raise ValueError(f"the platform has no figure {value[:40]!r}; it has {', '.join(MEASURES)}")
    return value


Measure = Annotated[
    str,
    AfterValidator(_measured),
    Field(title="Measure", json_schema_extra={"enum": [*MEASURES]}, examples=["completed"]),
]


class FigureNamed(Strict):
    """One of the platform's figures, and what it is counted of; a filter left out takes all."""

    measure: Measure
    """The figure: how many referrals were issued, ever had a proposal or a place, came to a session, were completed or
    closed; by how many points the participants' answers changed from before to after, of one dimension (0 to 10) or of
    WHO-5 (0 to 100); or the mean of their satisfaction (1 to 5) or of whether they would recommend it (0 to 10)."""
    municipality: Municipality | None = None
    """Clients of this municipality alone."""
    theme: Theme | None = None
    """Activities of this theme alone."""
    route: Route | None = None
    """Clients who were met on this way alone."""
    age_band: AgeBand | None = None
    """Clients of this age alone."""


class Doer(Strict):
    """A role at a partner, never a person."""

    partner: Partner
    """The organisation."""
    role: RoleTitle
    """Which role there."""


def _misdated(name: str, day: datetime, time: datetime) -> Iterable[Problem]:
    if abs(day - time) > WITHIN:
        yield Problem(f"/data/{name}", f"{day.date()} is more than ten years from the event's time, {time.date()}")


def _begins(day: object, time: datetime) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=time.tzinfo)  # type: ignore[attr-defined]


@event_class("partners", *PARTNER_KINDS, outcome="improvements")
class ImprovementAgreed(Data):
    """Partners agreed to do something better: who does what until when, whole each time. The latest by `time` holds."""

    improvement_id: RecordId
    """The improvement, by an id of the sender's own."""
    roles: Annotated[tuple[Doer, ...], Field(min_length=1, max_length=10), Distinct]
    """Who does it: roles at partners, the sender's own or others'. Each of these partners is told, and reminded."""
    about: ShortText
    """What is to be done better, in the organisations' own words; never about a client."""
    due: Day
    """Until which day, that day included."""

    @property
    def subject(self) -> str:
        return self.improvement_id

    def misdated(self, time: datetime) -> Iterable[Problem]:
        return _misdated("due", _begins(self.due, time), time)


@event_class("partners", *PARTNER_KINDS, outcome="improvements")
class ImprovementDone(Data):
    """What was agreed is done. It counts from the partner that recorded it, and from those whose roles do it."""

    agreed_by: Partner
    """Who recorded the improvement: the `source` of ImprovementAgreed."""
    improvement_id: RecordId
    """The improvement, by that partner's id."""

    @property
    def subject(self) -> str:
        return f"{self.agreed_by} {self.improvement_id}"


@event_class("partners", *PARTNER_KINDS, outcome="practices")
class PracticeRecorded(Data):
    """A practice that works, for others to take up: whole each time, and the latest by `time` holds."""

    practice_id: RecordId
    """The practice, by an id of the sender's own; the sender is its owner."""
    name: ShortText
    """What it is called."""
    what: ShortText
    """What is done."""
    for_whom: ShortText
    """For whom it is; never about one person."""
    described_at: PublicAddress
    """Where it is described."""
    themes: Annotated[tuple[Theme, ...], Field(max_length=18), Distinct] = ()
    """Its themes."""
    municipalities: Annotated[tuple[Municipality, ...], Field(max_length=308), Distinct] = ()
    """The municipalities in which it is practised; none: all of the country."""
    figures: Annotated[
        tuple[FigureNamed, ...],
        Field(max_length=10, examples=[[{"measure": "completed", "theme": "singing", "age_band": "65-74"}]]),
        Distinct,
    ] = ()
    """Which of the platform's figures show what it does."""
    withdrawn: bool = False
    """Whether its owner takes it off the list."""

    @property
    def subject(self) -> str:
        return self.practice_id


@event_class("partners", "region", "municipality", outcome="goals")
class PlanGoalRecorded(Data):
    """A goal of a region's or municipality's wellbeing plan, and the figure by which it is followed: whole each time, and
    the latest by `time` holds."""

    goal_id: RecordId
    """The goal, by an id of the sender's own."""
    goal: ShortText
    """The goal, in the plan's words."""
    starts: Day
    """The first day of the period."""
    ends: Annotated[Day, Field(examples=["2029-12-31"])]
    """The last day of the period."""
    described_at: PublicAddress
    """Where the plan stands."""
    figure: Annotated[FigureNamed, Field(examples=[{"measure": "completed", "theme": "singing", "age_band": "65-74"}])]
    """The figure by which it is followed. A municipality's is of its own clients, a region's of its own."""
    target: Annotated[float, Field(ge=-1_000, le=1_000_000_000, allow_inf_nan=False, examples=[120])]
    """The value to reach, in the figure's own unit: how many referrals, or points."""
    reach: Annotated[Literal["at_least", "at_most"], Field(title="GoalReach")] = "at_least"
    """Whether the figure is to come up to the target, or not above it."""
    withdrawn: bool = False
    """Whether the sender takes it off the list."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.starts > self.ends:
            raise ValueError(f"starts, {self.starts}, is after ends, {self.ends}")
        return self

    @property
    def subject(self) -> str:
        return self.goal_id

    def misdated(self, time: datetime) -> Iterable[Problem]:
        yield from _misdated("starts", _begins(self.starts, time), time)
        yield from _misdated("ends", _begins(self.ends, time), time)


def _refers(partner: str) -> str:
    if not is_of(partner, REFERRERS):
        raise ValueError(f"{partner[:80]!r} refers nobody: the units are of {', '.join(REFERRERS)}")
    return partner


class TrainedUnit(Strict):
    """A unit that refers, whose professionals were trained."""

    partner: Annotated[Partner, AfterValidator(_refers)]
    """The organisation that it belongs to."""
    unit_ref: UnitRef
    """The unit, as its referrals name it."""


Audience = Annotated[
    Literal[
        "health_care",
        "social_care",
        "client_guidance",
        "rehabilitation",
        "employment",
        "early_childhood",
        "youth_work",
        "teaching",
        "library",
        "culture",
        "sports",
        "management",
        "volunteers",
        "other",
    ],
    Field(title="Audience"),
]


@event_class("partners", *PARTNER_KINDS, outcome="trainings")
class TrainingHeld(Data):
    """A training for professionals was held: whole each time, and the latest by `time` holds."""

    training_id: RecordId
    """The training, by an id of the sender's own; the sender held it."""
    name: ShortText
    """What it was about."""
    held_on: Annotated[Day, Field(examples=["2025-05-20"])]
    """The day, of several the last."""
    units: Annotated[tuple[TrainedUnit, ...], Field(min_length=1, max_length=50), Distinct]
    """The units whose professionals it was for."""
    audience: Annotated[tuple[Audience, ...], Field(min_length=1, max_length=14, examples=[["social_care"]]), Distinct]
    """For which professionals it was."""
    came: Annotated[int, Field(ge=0, le=100_000, examples=[24])]
    """How many came."""

    @property
    def subject(self) -> str:
        return self.training_id

    def misdated(self, time: datetime) -> Iterable[Problem]:
        held = _begins(self.held_on, time)
        if held > time + timedelta(days=1):
            yield Problem("/data/held_on", f"{self.held_on} is after the event's time: it is recorded once it was held")
        yield from _misdated("held_on", held, time)
