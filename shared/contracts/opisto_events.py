"""What opistos and other organisers of activities send."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from shared.contracts.data import AboutReferral, Data, Strict
from shared.contracts.errors import Problem
from shared.contracts.event_class import event_class
from shared.contracts.fields import (
    Accessibility,
    ActivityId,
    Count,
    Dimension,
    Distinct,
    Format,
    Funding,
    Language,
    Municipality,
    SessionId,
    Setting,
    Text,
    Theme,
    VoucherYear,
    Weight,
)
from shared.contracts.instants import Time
from shared.contracts.partner_kinds import ORGANISERS

PLANNED_WITHIN: Final = timedelta(days=3_653)
"""Ten years: how far an activity's sessions may be from its publication."""


class Venue(Strict):
    """Where an activity meets."""

    name: Annotated[Text, Field(examples=[{"fi": "Sampola"}])]
    """What the place is called, by language."""
    address: Annotated[Text, Field(examples=[{"fi": "Sammonkatu 2"}])] | None = None
    """Its street address, by language."""
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, examples=[61.503])] | None = None
    """Latitude in degrees of WGS 84, positive to the north."""
    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, examples=[23.812])] | None = None
    """Longitude in degrees of WGS 84, positive to the east."""


class AgeLimits(Strict):
    """Years, both ends included; an end that is missing is open."""

    min: Annotated[int, Field(ge=0, le=130, examples=[18])] | None = None
    """The youngest who may take part, in whole years; left out: nobody is too young."""
    max: Annotated[int, Field(ge=0, le=130, examples=[99])] | None = None
    """The oldest who may take part, in whole years; left out: nobody is too old."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class Enrolment(Strict):
    """When the activity can be enrolled for, and whether the opisto confirms each one."""

    opens: Annotated[Time, Field(examples=["2026-08-20T09:00:00+03:00"])] | None = None
    """From when on a place can be asked for; left out: at once."""
    closes: Annotated[Time, Field(examples=["2026-09-07T16:00:00+03:00"])] | None = None
    """Until when a place can be asked for; left out: until the last session ends."""
    confirm: bool = True
    """Whether the opisto confirms each place by EnrolmentConfirmed, without which it is released in the end."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.opens and self.closes and self.opens > self.closes:
            raise ValueError("opens is after closes")
        return self


class Session(Strict):
    """One meeting. A new time under its id moves it."""

    session_id: SessionId
    """The session, by the organiser's own id; it stands once in the activity."""
    starts_at: Time
    """When it begins, with an offset to UTC."""
    ends_at: Annotated[Time, Field(examples=["2026-09-09T19:00:00+03:00"])]
    """When it ends, with an offset to UTC; not before it begins."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.starts_at > self.ends_at:
            raise ValueError("starts_at is after ends_at")
        return self


@event_class("catalogue", *ORGANISERS, outcome="activities")
class ActivityPublished(Data):
    """The whole activity, at each publication; of several the latest `time` holds."""

    activity_id: ActivityId
    """The activity, by the organiser's own id; a publication under the same id changes the activity."""
    title: Text
    """What the activity is called, by language."""
    description: Annotated[Text, Field(examples=[{"fi": "Lauletaan yhdessä, nuotteja ei tarvita."}])] | None = None
    """What a participant may expect, by language."""
    themes: Annotated[tuple[Theme, ...], Field(min_length=1, max_length=8), Distinct]
    """What it is about."""
    needs_supported: (
        Annotated[dict[Dimension, Weight], Field(max_length=10, examples=[{"friends": 8, "self_esteem": 5}])] | None
    ) = None
    """What the activity helps with, by dimension of 3X10D: 1 to 10, the greater the more. Left out: derived from title,
    description, themes and setting."""
    setting: Setting | None = None
    """What kind of gathering it is: a course, a group of peers, open doors without a course, something at which one meets
    people, or guidance."""
    municipality: Municipality
    """Where it is held: Statistics Finland's code of the municipality."""
    serves: Annotated[tuple[Municipality, ...], Field(max_length=308), Distinct] | None = None
    """The municipalities whose residents may take part, by code; left out: its own, and all where the
    format is remote."""
    format: Format
    """How one takes part: `in_person` on the spot, `remote` over the net, `hybrid` either way."""
    place: Venue | None = None
    """Where it meets."""
    accessibility: Annotated[tuple[Accessibility, ...], Field(max_length=6), Distinct] = ()
    """What it offers to those who need it: a way without steps, an induction loop, quiet, sign language, easy language, room
    for a companion."""
    companion: bool = False
    """Whether somebody can come along with a participant who wishes it to the first session."""
    languages: Annotated[tuple[Language, ...], Field(min_length=1, max_length=20)]
    """In which languages it is led: ISO 639 codes."""
    age: AgeLimits
    """For whom it is, in years."""
    at_unit: bool | None = None
    """Whether it is held at a unit's own premises: then the whole activity is one group's, and no single client is proposed
    it. Left out: no."""
    capacity: Annotated[Count, Field(examples=[6])]
    """How many places are set aside for the referred; lowering it takes no place away."""
    waiting_list: Annotated[Count, Field(examples=[4])] = 0
    """How many may wait for a place that falls free; 0: there is no waiting list."""
    price_cents: Annotated[Count, Field(examples=[4500])]
    """What a participant pays for the whole activity, in euro cents; 0: it is free."""
    accepts: Annotated[tuple[Funding, ...], Field(max_length=3), Distinct] = ()
    """What may pay instead of the participant: the Kaikukortti card, the study voucher (opintoseteli), an agreement by which
    the region pays."""
    kaikukortti_places: Annotated[Count, Field(examples=[2])] | None = None
    """How many of the referred may come with the Kaikukortti card; left out: there is no quota. Lowering it takes no place
    away."""
    enrolment: Enrolment
    """When and how places are asked for."""
    sessions: Annotated[tuple[Session, ...], Field(min_length=1, max_length=200)]
    """Every meeting. One that is left out before it begins is called off."""

    @model_validator(mode="after")
    def _sessions_are_distinct(self) -> Self:
        ids = [session.session_id for session in self.sessions]
        if len(set(ids)) != len(ids):
            raise ValueError("each session_id may stand only once")
        return self

    @model_validator(mode="after")
    def _quota_is_of_an_accepted_card(self) -> Self:
        if self.kaikukortti_places is not None and "kaikukortti" not in self.accepts:
            raise ValueError("kaikukortti_places is given, and accepts does not hold kaikukortti")
        return self

    def misdated(self, time: datetime) -> Iterable[Problem]:
        """Sessions more than ten years from the publication: a sentinel for “open”, or a mistake."""
        for index, session in enumerate(self.sessions):
            for name, at in (("starts_at", session.starts_at), ("ends_at", session.ends_at)):
                if abs(at - time) > PLANNED_WITHIN:
                    message = f"{at.isoformat()} is more than ten years from the event's time, {time.isoformat()}"
                    yield Problem(f"/data/sessions/{index}/{name}", message)

    @property
    def subject(self) -> str:
        return self.activity_id


@event_class("catalogue", *ORGANISERS, outcome="activities")
class ActivityCancelled(Data):
    """The activity will not be held; with `replaced_by`, places and queue move there."""

    activity_id: ActivityId
    """The activity that is cancelled, by the organiser's own id."""
    reason: Annotated[
        Literal["too_few_participants", "teacher_absent", "premises", "merged", "other"],
        Field(title="CancellationReason"),
    ]
    """Why: too few participants, no teacher, no premises, one with another activity now, or something else."""
    replaced_by: Annotated[ActivityId, Field(examples=["kuoro-2027k"])] | None = None
    """Another activity of the same organiser, to which places and queue move; left out: the catalogue matches those
    again who had a place."""

    @model_validator(mode="after")
    def _not_by_itself(self) -> Self:
        if self.replaced_by == self.activity_id:
            raise ValueError("replaced_by names the activity itself")
        return self

    @property
    def subject(self) -> str:
        return self.activity_id


@event_class("referral", *ORGANISERS, outcome="referrals")
class EnrolmentConfirmed(AboutReferral):
    """The opisto has the participant on its list."""

    activity_id: ActivityId
    """The activity, by the organiser's own id."""


EnrolmentEnd = Annotated[
    Literal["full", "not_suitable", "not_reached", "client_wish", "absences", "other"], Field(title="EnrolmentEnd")
]


@event_class("referral", *ORGANISERS, outcome="referrals")
class EnrolmentCancelled(AboutReferral):
    """The opisto took the participant off its list."""

    activity_id: ActivityId
    """The activity, by the organiser's own id."""
    reason: EnrolmentEnd
    """Why: the activity is full; it does not suit the participant, who was not reached, wished it or stayed away; or
    something else."""


@event_class("referral", *ORGANISERS, outcome="referrals")
class ActivityAttended(AboutReferral):
    """The participant came to this session."""

    activity_id: ActivityId
    """The activity, by the organiser's own id."""
    session_id: SessionId
    """The session that the participant came to, as it was published."""


@event_class("referral", *ORGANISERS, outcome="referrals")
class ActivityMissed(AboutReferral):
    """The participant did not come to this session."""

    activity_id: ActivityId
    """The activity, by the organiser's own id."""
    session_id: SessionId
    """The session that the participant missed, as it was published."""
    told_ahead: bool | None = None
    """Whether the participant said beforehand that he would not come; left out: nobody knows."""


@event_class("catalogue", *ORGANISERS, outcome="vouchers")
class VoucherGrantRecorded(Data):
    """What the National Agency for Education granted the organiser in a year; of several the latest `time` holds."""

    year: VoucherYear
    """The year of the grant, in calendar years, one whose rule is known; it is used in the study year from its 1 August."""
    grant_cents: Annotated[Count, Field(examples=[1_500_000])]
    """The whole grant, in euro cents."""

    @property
    def subject(self) -> str:
        return str(self.year)
