"""The answers about agreements, as the OpenAPI document shows them."""

from typing import Annotated, TypedDict

from msgspec import Meta

from services.partners.agreements.model import Unit
from shared.contracts.agreement_events import AgreementStatus

DayShown = Annotated[
    str, Meta(description="A day in Finland.", examples=["2026-08-01"], extra_json_schema={"format": "date"})
]
MonthShown = Annotated[str, Meta(description="A month in Finland.", examples=["2026-10"])]
ReferrerShown = Annotated[
    str, Meta(description="The region or municipality whose referrals it is for.", examples=["/region/06"])
]
OrganiserShown = Annotated[str, Meta(description="Who runs the activities.", examples=["/opisto/tampere"])]
AgreementIdShown = Annotated[
    str, Meta(description="The agreement, by the id that the two use.", examples=["taidetta-2026"])
]
Places = Annotated[int, Meta(description="How many places were given.", examples=[12])]
Sessions = Annotated[int, Meta(description="How many sessions were attended.", examples=[31])]
Counted = Annotated[int, Meta(description="How many places, or sessions, as the quota counts.", examples=[31])]
UnitShownAs = Annotated[Unit, Meta(description="What the quota counts.")]
PriceShown = Annotated[
    int | None,
    Meta(description="What the referrer pays for each, in euro cents; null: nothing.", examples=[1250]),
]
Cents = Annotated[int, Meta(description="What the referrer pays, in euro cents.", examples=[38750])]


class BroughtShown(TypedDict):
    """What one party brings besides."""

    by: Annotated[str, Meta(description="Which of the two.", examples=["/opisto/tampere"])]
    kind: Annotated[str, Meta(description="What it is.", examples=["premises"])]
    amount: Annotated[int, Meta(description="What it is worth, in euro cents.", examples=[60000])]


class TermsShown(TypedDict):
    """What is agreed, or proposed."""

    starts_on: DayShown
    ends_on: DayShown
    from_day: DayShown
    unit_ref: Annotated[
        str | None, Meta(description="The unit whose referrals alone it is for; null: all.", examples=["unit-17"])
    ]
    activities: Annotated[list[str], Meta(description="The activities that it is for.", examples=[["kuoro-2026s"]])]
    themes: Annotated[list[str], Meta(description="The themes that it is for.", examples=[["singing"]])]
    of: UnitShownAs
    quota: Annotated[int, Meta(description="How many places, or sessions, in the whole period.", examples=[40])]
    price_cents: PriceShown
    contributions: Annotated[list[BroughtShown], Meta(description="What the two bring besides.")]


class ProposedShown(TypedDict):
    """What one side has said and the other has not."""

    by: Annotated[str, Meta(description="Who said it.", examples=["/region/06"])]
    terms: Annotated[TermsShown, Meta(description="What it said.")]


class AgreementShown(TypedDict):
    """How an agreement stands."""

    agreement_id: AgreementIdShown
    referrer: ReferrerShown
    organiser: OrganiserShown
    status: Annotated[AgreementStatus, Meta(description="Whether it is proposed, stands, or was ended.")]
    agreed: Annotated[TermsShown | None, Meta(description="What both agreed on last; null: nothing yet.")]
    proposed: Annotated[list[ProposedShown], Meta(description="What one side alone says now.")]
    last_day: Annotated[
        str | None,
        Meta(
            description="The last day, where one party ended it; null: the period's.",
            examples=["2027-03-31"],
            extra_json_schema={"format": "date"},
        ),
    ]


class Agreements(TypedDict):
    """Agreements, by their parties and ids."""

    agreements: Annotated[list[AgreementShown], Meta(description="Those of this answer.")]
    next: Annotated[
        str | None,
        Meta(
            description="Where `after` goes on; null at the end.", examples=["/region/06/opisto/tampere/taidetta-2026"]
        ),
    ]


class MonthOfAgreement(TypedDict):
    """What was used in a month."""

    month: MonthShown
    places: Places
    sessions: Sessions


class AgreementInUse(AgreementShown):
    """How an agreement stands, and what of it is used by what is known now."""

    used: Annotated[
        int, Meta(description="How many places, or sessions, of the quota are used in its whole period.", examples=[31])
    ]
    months: Annotated[list[MonthOfAgreement], Meta(description="Each month in which something was used.")]


class StatementLine(TypedDict):
    """One activity at one price."""

    activity_id: Annotated[str, Meta(description="The organiser's own id of the activity.", examples=["kuoro-2026s"])]
    of: UnitShownAs
    places: Places
    sessions: Sessions
    counted: Counted
    price_cents: PriceShown
    cents: Cents


class Statement(TypedDict):
    """What was used in a month, to be invoiced, by what is known now: a record that comes later changes it."""

    agreement_id: AgreementIdShown
    referrer: ReferrerShown
    organiser: OrganiserShown
    month: MonthShown
    lines: Annotated[list[StatementLine], Meta(description="By activity and price.")]
    counted: Counted
    cents: Cents
    quota: Annotated[
        int, Meta(description="How many places, or sessions, were agreed for the whole period.", examples=[40])
    ]
    used: Annotated[
        int,
        Meta(description="How many of them are used from the period's beginning to this month's end.", examples=[38]),
    ]
    beyond: Annotated[
        int, Meta(description="How many of this month's are beyond the quota; counted all the same.", examples=[0])
    ]
