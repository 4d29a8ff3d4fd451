"""What the partners service decides, on `partners.events`, and what partners say of themselves by its door."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from shared.contracts.cooperation_events import RoleId, RoleKind
from shared.contracts.data import Data, Strict, ToPartner
from shared.contracts.event_class import event_class
from shared.contracts.fields import (
    Distinct,
    Issuer,
    Language,
    Municipality,
    Organiser,
    Partner,
    RoleTitle,
    ShortText,
    Text,
    UnitRef,
)
from shared.contracts.instants import Day, Instant
from shared.contracts.record_events import Doer, RecordId
from shared.contracts.topics import INTAKE_HTTP

UnitKind = Annotated[
    Literal[
        "health_centre",
        "hospital",
        "mental_health",
        "substance_services",
        "home_care",
        "long_term_care",
        "housing_unit",
        "rehabilitative_work",
        "child_and_family",
        "disability_services",
        "client_guidance",
        "culture_service",
        "branch",
        "other",
    ],
    Field(title="UnitKind"),
]


def _of_a_role(address: str) -> str:
    # `first.last@` is how organisations in Finland name a person's mailbox.
    if "." in address.partition("@")[0]:
        raise ValueError(
            f"{address[:80]!r} looks like a person's mailbox, first.last@…: name a role's, such as kulttuuri@example.fi"
        )
    return address


Mailbox = Annotated[
    str,
    Field(
        max_length=120,
        pattern=r"^[A-Za-z0-9._+-]{1,60}@[A-Za-z0-9-]{1,60}(?:\.[A-Za-z0-9-]{1,60}){1,4}$",
        examples=["kulttuuri@example.fi"],
    ),
    AfterValidator(_of_a_role),
]


class UnitSaid(Strict):
    """A part of a partner that refers, is told or holds activities."""

    unit_ref: UnitRef
    """The unit: an organisation's OID, or a code of the partner's own."""
    kind: UnitKind
    """What kind of unit it is."""
    name: Text | None = None
    """What it is called, by language."""


@event_class("partners", "service/partners", outcome="partners", on=(INTAKE_HTTP,))
class PartnerRegistered(Data):
    """A partner's own words about itself, whole each time: the latest holds."""

    partner: Partner
    """The partner: its source."""
    name: Annotated[str, Field(min_length=1, max_length=200, examples=["Pirkanmaan hyvinvointialue"])]
    """The partner's name."""
    classes: Annotated[tuple[str, ...], Field(max_length=60, examples=[["PlaceReserved", "ReferralClosed"]])] | None = (
        None
    )
    """The classes that the partner wants in its feed; left out: all."""
    language: Annotated[Literal["fi", "sv", "en"], Field(title="PartnerLanguage")] = "fi"
    """The language that people at the partner read."""
    languages: Annotated[tuple[Language, ...], Field(max_length=20), Distinct] = ()
    """The languages in which it serves people: ISO 639 codes."""
    area: Annotated[tuple[Municipality, ...], Field(max_length=308), Distinct] = ()
    """The municipalities that it is for, by Statistics Finland's code; a municipality's own, a region's all."""
    units: Annotated[tuple[UnitSaid, ...], Field(max_length=500)] = ()
    """Its units that refer, are told, or hold activities."""
    addresses: (
        Annotated[
            dict[RoleTitle, Mailbox], Field(max_length=13, examples=[{"culture_coordinator": "kulttuuri@example.fi"}])
        ]
        | None
    ) = None
    """The mailbox of each role; never a person's."""

    @property
    def subject(self) -> str:
        return self.partner


@event_class("notify", "service/partners")
class RoleEndsSoon(ToPartner):
    """A role of the partner's ends in at most 30 days; told once for each last day."""

    role_id: RoleId
    """The role, by the partner's own id."""
    kind: RoleKind
    """What the role is for."""
    title: RoleTitle
    """Which role of the partner's it is."""
    ends_on: Annotated[Day, Field(examples=["2027-08-31"])]
    """The last day of the role, in Finland."""
    counterpart: Partner | None = None
    """The other side of the pair or of the seat; left out for another kind of role."""


@event_class("notify", "service/partners")
class PairSilent(ToPartner):
    """The two of a pair have done nothing together for 90 days; told to both, once until they do something again."""

    region: Issuer
    """The region of the pair."""
    unit_ref: UnitRef
    """The region's unit that the pair is for."""
    organiser: Organiser
    """The organiser of the pair."""
    active_on: Day | None = None
    """The day, in UTC, on which they last did something together; left out: nobody knows of any."""
    since: Instant
    """Since when nothing has been heard of them, in UTC."""


@event_class("partners", "service/partners")
class RolesToReview(Data):
    """The partners service to itself: a partner has said who it is, and roles that name it may wait for that."""

    partner: Partner
    """The partner."""
    after: Annotated[str, Field(examples=["/opisto/tampere choir-contact"])] = ""
    """Behind which role to go on; empty at the beginning."""

    @property
    def subject(self) -> str:
        return self.partner


@event_class("partners", "service/partners")
class RoleToReview(Data):
    """The partners service to itself: what this role waits for may be there."""

    owner: Partner
    """Whose role it is."""
    role_id: RoleId
    """The role, by its owner's own id."""

    @property
    def subject(self) -> str:
        return self.role_id


class _AboutBond(Data):
    kind: Annotated[Literal["pair", "hyte_seat"], Field(title="BondKind")]
    """A pair, or a seat in a wellbeing group."""
    host: Partner
    """The region of the pair, or the region or municipality whose group it is."""
    organiser: Organiser
    """The organiser of the pair or of the seat."""
    unit_ref: UnitRef | None = None
    """The region's unit that the pair is for; a seat has none."""

    @property
    def subject(self) -> str:
        return f"{self.kind} {self.host} {self.unit_ref or '-'} {self.organiser}"


@event_class("partners", "service/partners")
class BondToReview(_AboutBond):
    """The partners service to itself: a role of one of the two has changed."""


@event_class("partners", "service/partners")
class BondActive(_AboutBond):
    """The partners service to itself: the two did something together for a referral."""

    on: Day
    """On which day, in UTC."""


@event_class("notify", "service/partners")
class ImprovementTold(ToPartner):
    """What a partner is told of an improvement that names it, or that it recorded."""

    news: Annotated[Literal["agreed", "due_soon", "overdue", "done"], Field(title="ImprovementNews")]
    """Agreed or changed; two weeks are left; its day is over, and nobody said that it is done; it is done."""
    agreed_by: Partner
    """Who recorded the improvement."""
    improvement_id: RecordId
    """The improvement, by that partner's id."""
    roles: tuple[Doer, ...]
    """Who does it."""
    about: ShortText
    """What is to be done better."""
    due: Day
    """Until which day, that day included."""
