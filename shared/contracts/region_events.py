"""What regions send, and what municipalities, associations and libraries send where a region allows it: referrals."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic.config import JsonDict

from shared.contracts.data import AboutReferral, Data, Strict
from shared.contracts.errors import Problem
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
    Referrers,
    RegionCode,
    Theme,
    UnitRef,
    VoucherGroup,
)
from shared.contracts.instants import Day
from shared.contracts.partner_kinds import OTHER_REFERRERS, REFERRERS, is_of
from shared.reference import MUNICIPALITIES

CARD_FROM_AGE: Final = 16
"""The youngest who may have a Kaikukortti card, in years: kaikukortti.fi's national guideline."""
ConsentGiver = Annotated[Literal["client", "guardian", "both"], Field(title="ConsentGiver")]
CONSENT_AT: Final[Mapping[str, tuple[ConsentGiver, ...]]] = {
    "0-6": ("guardian",),
    "7-12": ("guardian",),
    "13-15": ("guardian", "both"),
    "16-17": ("both",),
}
"""Who may give the consent at an age band below 18 years; at any other the client alone.

Below 15 years the guardian gives it, from 15 to 17 client and guardian do. `13-15` holds both ages: the region, which alone
knows the client's, says which of the two it was.
"""
_GROWN: Final[tuple[ConsentGiver, ...]] = ("client",)


def _given_by_age() -> list[JsonDict]:
    """The same as JSON Schema: who may give the consent at each age band; at the others it may be left out."""
    grown: JsonDict = {"not": _one_of([*CONSENT_AT])}
    bands: list[tuple[JsonDict, JsonDict]] = [
        ({"const": band}, _consent_by([*givers], ["given_by"])) for band, givers in CONSENT_AT.items()
    ]
    return [
        {"if": {"properties": {"age_band": band}, "required": ["age_band"]}, "then": then}
        for band, then in [*bands, (grown, _consent_by([*_GROWN, None], []))]
    ]


def _consent_by(givers: list[str | None], required: list[str]) -> JsonDict:
    given: JsonDict = {"type": "object", "properties": {"given_by": _one_of(givers)}, "required": [*required]}
    return {"properties": {"consent": given}}


def _one_of(values: list[str | None]) -> JsonDict:
    return {"anyOf": [{"const": value} for value in values]}


class Consent(Strict):
    """What was agreed to for the client, when, and by whom. Without `referral` among the scopes a region must not send it."""

    recorded_on: Day
    """The day of the consent."""
    given_by: ConsentGiver = "client"
    """Who gave it, as a fact without a name: the guardian alone below 15 years, client and guardian (`both`) from 15 to 17,
    the client from 18 on. At the age band `13-15` it is `guardian` or `both`, as the client's age is."""
    scopes: Annotated[
        tuple[Annotated[Literal["referral", "feedback", "follow_up"], Field(title="ConsentScope")], ...],
        Field(
            min_length=1,
            max_length=3,
            json_schema_extra={"contains": {"const": "referral"}},
            examples=[["referral", "feedback", "follow_up"]],
        ),
        Distinct,
    ]
    """What is consented to. Without `feedback` nobody is asked whether it helped, without `follow_up` nobody is asked three and
    six months after closing, and no such answers are taken."""

    @model_validator(mode="after")
    def _covers_the_referral(self) -> Self:
        if "referral" not in self.scopes:
            raise ValueError("the scopes must hold referral")
        return self


Route = Annotated[
    Literal["service_guidance", "lifestyle_guidance", "clinic", "outreach", "self", "library", "other"],
    Field(title="Route"),
]
OTHERS_ROUTES: Final = ("self", "outreach", "library", "lifestyle_guidance")
"""The routes by which others than regions may refer."""


def region_of(issuer: str, municipality: str) -> str:
    """The code of the region that a referral counts for: the one that issued it, else the one where the client lives."""
    return issuer.rpartition("/")[2] if is_of(issuer, ("region",)) else MUNICIPALITIES[municipality].region


@event_class("referral", *REFERRERS, outcome="referrals")
class ReferralIssued(AboutReferral):
    """A client is referred whom the sender alone knows. What others than regions issue counts where the region in which
    the client lives allows it."""

    model_config = ConfigDict(json_schema_extra={"allOf": [*_given_by_age()]})

    referral_id: IssuedReferralId
    """A random UUID, version 4, that the sender draws for this referral; everybody names the referral by it."""
    unit_ref: UnitRef
    """The unit that refers: an organisation's OID, or a code of the sender's own."""
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
    """Where the client was met: in guidance through services, in guidance towards healthy habits (a municipality's culture
    counsellor too), in a clinic, in outreach work, in a library, or elsewhere; `self`: the client came without being
    sent. Others than regions must say it: `self`, `outreach`, `library` or `lifestyle_guidance`."""
    companion: bool = False
    """Whether the client wishes that somebody comes along to the first session. Of activities that fit, those that offer it
    stand first."""
    consent: Consent
    """What was agreed to for the client."""

    @field_validator("consent")
    @classmethod
    def _given_by_who_may(cls, consent: Consent, said: ValidationInfo) -> Consent:
        band = said.data.get("age_band", "")
        givers = CONSENT_AT.get(band, _GROWN)
        if band and consent.given_by not in givers:
            raise ValueError(
                f"given_by is {consent.given_by}; at {band} years it is {' or '.join(givers)}: below 15 the guardian consents, "
                "from 15 to 17 client and guardian, from 18 on nobody but the client"
            )
        return consent

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

    def unfit_for(self, source: str) -> Iterable[Problem]:
        if is_of(source, OTHER_REFERRERS) and self.route not in OTHERS_ROUTES:
            said = "is missing" if self.route is None else f"{self.route} is for regions"
            yield Problem("/data/route", f"{said}; {source} refers by one of {', '.join(OTHERS_ROUTES)}")


@event_class("referral", *REFERRERS, outcome="referrals")
class ActivityChosen(AboutReferral):
    """The client, with the professional, chose an activity; it need not be among the proposed."""

    organiser: Organiser
    """Who runs the activity: the `source` of its publication."""
    activity_id: ActivityId
    """The chosen activity, by its organiser's own id."""


@event_class("referral", *REFERRERS, outcome="referrals")
class ReferralWithdrawn(AboutReferral):
    """Who issued the referral takes it back. `consent_withdrawn` erases at once."""

    reason: Annotated[
        Literal["client_wish", "consent_withdrawn", "moved", "duplicate", "other"], Field(title="WithdrawalReason")
    ]
    """Why: the client wishes it, takes back the consent, has moved, was referred twice, or something else.
    `consent_withdrawn` erases all that was said of the referral, at once and everywhere."""


class ReferrersRoutes(Strict):
    """By which routes some may refer the region's inhabitants."""

    who: Referrers
    """Who may: `municipality`, `association` or `library`, all of that kind; or one of them, by its source."""
    routes: Annotated[
        tuple[Annotated[Literal["self", "outreach", "library", "lifestyle_guidance"], Field(title="OthersRoute")], ...],
        Field(min_length=1, max_length=4, examples=[["self", "library"]]),
        Distinct,
    ]
    """By which routes."""


@event_class("referral", "region", outcome="referrers")
class ReferrersAllowed(Data):
    """Whom the region lets refer its inhabitants beside itself, whole each time: the one with the latest `time` holds."""

    region: Annotated[RegionCode, Field(examples=["06"])]
    """The region's own code."""
    referrers: Annotated[tuple[ReferrersRoutes, ...], Field(max_length=200)]
    """Who may refer, by which routes; who stands here as one of its kind and by its source may by the routes of both.
    None: nobody."""

    @property
    def subject(self) -> str:
        return f"/region/{self.region}"

    def unfit_for(self, source: str) -> Iterable[Problem]:
        if is_of(source, ("region",)) and source != self.subject:
            yield Problem("/data/region", f"{self.region} is not the code of {source}: a region speaks for itself")
