"""What regions send."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from shared.contracts.data import AboutReferral, Strict
from shared.contracts.event_class import event_class
from shared.contracts.fields import (
    Accessibility,
    ActivityId,
    AgeBand,
    Count,
    Distinct,
    Format,
    Funding,
    IssuedReferralId,
    Language,
    Municipality,
    Needs,
    Organiser,
    Theme,
    UnitRef,
    VoucherGroup,
)
from shared.contracts.instants import Day

CARD_FROM_AGE: Final = 16
"""The youngest who may have a Kaikukortti card, in years: kaikukortti.fi's national guideline."""


class Consent(Strict):
    """What the client agreed to, and when. Without `referral` among the scopes a region must not send the referral."""

    recorded_on: Day
    """The day on which the client consented."""
    scopes: Annotated[
        tuple[Annotated[Literal["referral", "feedback"], Field(title="ConsentScope")], ...],
        Field(
            min_length=1,
            max_length=2,
            json_schema_extra={"contains": {"const": "referral"}},
            examples=[["referral", "feedback"]],
        ),
        Distinct,
    ]
    """What the client consents to. Without `feedback` nobody is asked whether it helped, and no answers are taken."""

    @model_validator(mode="after")
    def _covers_the_referral(self) -> Self:
        if "referral" not in self.scopes:
            raise ValueError("the scopes must hold referral")
        return self


Route = Annotated[
    Literal["service_guidance", "lifestyle_guidance", "clinic", "outreach", "self", "library", "other"],
    Field(title="Route"),
]


@event_class("referral", "region", outcome="referrals")
class ReferralIssued(AboutReferral):
    """A region refers a client whom it alone knows."""

    referral_id: IssuedReferralId
    """A random UUID, version 4, that the region draws for this referral; everybody names the referral by it."""
    unit_ref: UnitRef
    """The unit that refers: an organisation's OID, or a code of the region's own."""
    municipality: Municipality
    """Where the client lives: Statistics Finland's code of the municipality."""
    age_band: AgeBand
    """The client's age in whole years, both ends included; `85-` has no upper end."""
    languages: Annotated[tuple[Language, ...], Field(min_length=1, max_length=5)]
    """In which languages the client can take part, the preferred one first: ISO 639 codes."""
    needs: Needs
    """What the referral should help with, by dimension of 3X10D: 1 to 10, the greater the more. A dimension left out
    counts 0."""
    themes: Annotated[tuple[Theme, ...], Field(max_length=18), Distinct] = ()
    """What the client likes; of activities that fit equally well, one with these stands first."""
    formats: Annotated[tuple[Format, ...], Field(max_length=3), Distinct] = ()
    """How the client can take part: `in_person` on the spot, `remote` over the net, `hybrid` either way. None: any way."""
    accessibility: Annotated[tuple[Accessibility, ...], Field(max_length=6), Distinct] = ()
    """What the client needs in order to take part: a way without steps, an induction loop, quiet, sign language, easy
    language, room for a companion. Only activities that have all of it are proposed."""
    max_price_cents: Annotated[Count, Field(examples=[5000])] | None = None
    """The most that the client can pay for an activity, in euro cents; left out: there is no limit."""
    funding: Annotated[
        tuple[Funding, ...], Field(max_length=3, examples=[["kaikukortti", "opintoseteli"]]), Distinct
    ] = ()
    """What else can pay for the client: the Kaikukortti card, the study voucher (opintoseteli), an agreement by which the
    region pays. An activity that accepts one of these may cost more than the limit."""
    kaikukortti_from: Annotated[Day, Field(examples=["2026-08-15"])] | None = None
    """The day on which the client got the Kaikukortti card, which is valid for a year from and including it; never its
    number. Left out: nobody can say whether the card is valid, and it pays nothing."""
    voucher_group: VoucherGroup | None = None
    """For which of the groups a study voucher would be: an immigrant, unemployed, without education after basic education,
    with learning difficulties, young without a place to study, a senior, a pensioner. A year's voucher pays only for that
    year's groups. Left out: the professional has looked whether the client belongs to one of them."""
    route: Route | None = None
    """Where the client was met: in guidance through services, in guidance towards healthy habits, in a clinic, in outreach
    work, by coming of their own accord (`self`), in a library, or elsewhere."""
    consent: Consent
    """What the client agreed to."""

    @model_validator(mode="after")
    def _funding_can_be_the_clients(self) -> Self:
        if self.kaikukortti_from and "kaikukortti" not in self.funding:
            raise ValueError("kaikukortti_from is given, and funding does not hold kaikukortti")
        if self.voucher_group and "opintoseteli" not in self.funding:
            raise ValueError("voucher_group is given, and funding does not hold opintoseteli")
        if "kaikukortti" in self.funding and int(self.age_band.partition("-")[0]) < CARD_FROM_AGE:
            raise ValueError(
                f"a Kaikukortti card is for those of {CARD_FROM_AGE} years or more, and age_band is {self.age_band}: "
                "leave kaikukortti out of funding"
            )
        return self


@event_class("referral", "region", outcome="referrals")
class ActivityChosen(AboutReferral):
    """The client, with the professional, chose an activity; it need not be among the proposed."""

    organiser: Organiser
    """Who runs the activity: the `source` of its publication."""
    activity_id: ActivityId
    """The chosen activity, by its organiser's own id."""


@event_class("referral", "region", outcome="referrals")
class ReferralWithdrawn(AboutReferral):
    """The region takes the referral back. `consent_withdrawn` erases at once."""

    reason: Annotated[
        Literal["client_wish", "consent_withdrawn", "moved", "duplicate", "other"], Field(title="WithdrawalReason")
    ]
    """Why: the client wishes it, takes back the consent, has moved, was referred twice, or something else.
    `consent_withdrawn` erases all that was said of the referral, at once and everywhere."""
