"""What the partners service decides, on `partners.events`, and what partners say of themselves by its door."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from shared.contracts.data import Data, Strict
from shared.contracts.event_class import event_class
from shared.contracts.fields import Distinct, Language, Municipality, Partner, Text, UnitRef
from shared.contracts.topics import INTAKE_HTTP

RoleTitle = Annotated[
    Literal[
        "director",
        "service_manager",
        "client_counsellor",
        "wellbeing_coordinator",
        "culture_coordinator",
        "planning_officer",
        "teacher",
        "librarian",
        "customer_service",
        "billing",
        "technical_support",
        "data_protection",
        "other",
    ],
    Field(title="RoleTitle"),
]
"""A role in an organisation, never a person."""
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
