"""The events that regions, opistos and participants send, exactly. docs/contracts.md has them in a table."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from shared.contracts.errors import Problem
from shared.contracts.event_class import event_class
from shared.contracts.fields import (
    Accessibility,
    ActivityId,
    AgeBand,
    Count,
    Data,
    Day,
    Dimension,
    Distinct,
    Format,
    Funding,
    Integer,
    IssuedReferralId,
    Language,
    Municipality,
    Needs,
    Organiser,
    Phase,
    ReferralId,
    Respondent,
    SessionId,
    Setting,
    Text,
    Theme,
    Time,
    UnitRef,
    Weight,
)

PLANNED_WITHIN: Final = timedelta(days=3_653)
"""Ten years: how far an activity's sessions may be from its publication."""


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, use_attribute_docstrings=True)


class Consent(_Part):
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


class AboutReferral(Data):
    """An event about one referral."""

    referral_id: ReferralId
    """The referral, by the id under which its region issued it."""

    @property
    def subject(self) -> str:
        return self.referral_id


Route = Annotated[
    Literal["service_guidance", "lifestyle_guidance", "clinic", "outreach", "other"], Field(title="Route")
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
    funding: Annotated[tuple[Funding, ...], Field(max_length=3), Distinct] = ()
    """What else can pay for the client: the Kaikukortti card, the study voucher (opintoseteli), an agreement by which the
    region pays. An activity that accepts one of these may cost more than the limit."""
    route: Route | None = None
    """Where the client was met: in guidance through services, in guidance towards healthy habits, in a clinic, in outreach
    work, or elsewhere."""
    consent: Consent
    """What the client agreed to."""


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


class Venue(_Part):
    """Where an activity meets."""

    name: Annotated[Text, Field(examples=[{"fi": "Sampola"}])]
    """What the place is called, by language."""
    address: Annotated[Text, Field(examples=[{"fi": "Sammonkatu 2"}])] | None = None
    """Its street address, by language."""
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, examples=[61.503])] | None = None
    """Latitude in degrees of WGS 84, positive to the north."""
    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, examples=[23.812])] | None = None
    """Longitude in degrees of WGS 84, positive to the east."""


class AgeLimits(_Part):
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


class Enrolment(_Part):
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


class Session(_Part):
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


@event_class("catalogue", "opisto", outcome="activities")
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
    """What the activity helps with, by dimension of 3X10D: 1 to 10, the greater the more. Left out: derived from themes
    and setting."""
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
    languages: Annotated[tuple[Language, ...], Field(min_length=1, max_length=20)]
    """In which languages it is led: ISO 639 codes."""
    age: AgeLimits
    """For whom it is, in years."""
    capacity: Annotated[Count, Field(examples=[6])]
    """How many places are set aside for the referred; lowering it takes no place away."""
    waiting_list: Annotated[Count, Field(examples=[4])] = 0
    """How many may wait for a place that falls free; 0: there is no waiting list."""
    price_cents: Annotated[Count, Field(examples=[4500])]
    """What a participant pays for the whole activity, in euro cents; 0: it is free."""
    accepts: Annotated[tuple[Funding, ...], Field(max_length=3), Distinct] = ()
    """What may pay instead of the participant: the Kaikukortti card, the study voucher (opintoseteli), an agreement by which
    the region pays."""
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


@event_class("catalogue", "opisto", outcome="activities")
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


@event_class("referral", "opisto", outcome="referrals")
class EnrolmentConfirmed(AboutReferral):
    """The opisto has the participant on its list."""

    activity_id: ActivityId
    """The activity, by the organiser's own id."""


EnrolmentEnd = Annotated[
    Literal["full", "not_suitable", "not_reached", "client_wish", "absences", "other"], Field(title="EnrolmentEnd")
]


@event_class("referral", "opisto", outcome="referrals")
class EnrolmentCancelled(AboutReferral):
    """The opisto took the participant off its list."""

    activity_id: ActivityId
    """The activity, by the organiser's own id."""
    reason: EnrolmentEnd
    """Why: the activity is full; it does not suit the participant, who was not reached, wished it or stayed away; or
    something else."""


@event_class("referral", "opisto", outcome="referrals")
class ActivityAttended(AboutReferral):
    """The participant came to this session."""

    activity_id: ActivityId
    """The activity, by the organiser's own id."""
    session_id: SessionId
    """The session that the participant came to, as it was published."""


@event_class("referral", "opisto", outcome="referrals")
class ActivityMissed(AboutReferral):
    """The participant did not come to this session."""

    activity_id: ActivityId
    """The activity, by the organiser's own id."""
    session_id: SessionId
    """The session that the participant missed, as it was published."""
    told_ahead: bool | None = None
    """Whether the participant said beforehand that he would not come; left out: nobody knows."""


class About(_Part):
    """What feedback is about."""

    kind: Literal["referral"]
    """The kind of what the feedback is about; always a referral."""
    id: ReferralId
    """The referral, by the id under which its region issued it."""


INSTRUMENTS: dict[str, dict[str, tuple[int, int]]] = {
    "dimensions_v1": dict.fromkeys(
        (
            "health",
            "resilience",
            "housing",
            "working_studying",
            "family",
            "friends",
            "finance",
            "improvement_of_strengths",
            "self_esteem",
            "life_satisfaction",
        ),
        (0, 10),
    ),
    "who5": dict.fromkeys(("q1", "q2", "q3", "q4", "q5"), (0, 5)),
    "experience_v1": {"satisfaction": (1, 5), "recommend": (0, 10)},
}
"""Each instrument's items and their lowest and highest answer."""


def _answers_to(instrument: str, items: dict[str, tuple[int, int]]) -> JsonDict:
    limits: JsonDict = {
        item: {"anyOf": [{"type": "integer", "minimum": low, "maximum": high}, {"type": "null"}]}
        for item, (low, high) in items.items()
    }
    answers: JsonDict = {
        "type": "object",
        "properties": limits,
        "propertyNames": {"title": f"Items of {instrument}", "enum": [*items]},
    }
    if instrument == "who5":
        answers["required"] = [*items]
    chosen: JsonDict = {"properties": {"instrument": {"const": instrument}}, "required": ["instrument"]}
    return {"if": chosen, "then": {"properties": {"answers": answers}}}


@event_class("feedback", "region", "opisto", "service/feedback", outcome="feedback")
class FeedbackSubmitted(Data):
    """Answers of one respondent, before or after."""

    model_config = ConfigDict(json_schema_extra={"allOf": [_answers_to(*row) for row in INSTRUMENTS.items()]})

    about: About
    """What the feedback is about."""
    respondent: Respondent
    """Who answers: the participant, a carer for the participant, or a region or an opisto for itself, by `experience_v1`
    alone."""
    phase: Phase
    """Whether the answers are from before the activity or after it."""
    instrument: Annotated[Literal["dimensions_v1", "who5", "experience_v1"], Field(title="Instrument")]
    """Which questions are answered: the ten dimensions, WHO-5, or how it was."""
    answers: Annotated[dict[str, Integer], Field(min_length=1, max_length=10, examples=[{"friends": 3, "family": 6}])]
    """The answer to each item, the greater the better: dimensions_v1 0 to 10 for each dimension, who5 0 to 5 for each
    of `q1` to `q5`, experience_v1 `satisfaction` 1 to 5 and `recommend` 0 to 10."""
    channel: Annotated[Literal["form", "paper", "phone"], Field(title="AnswerChannel", examples=["paper"])] | None = (
        None
    )
    """How the answers came; a partner sends a participant's only from `paper` or `phone`."""

    @model_validator(mode="after")
    def _answers_fit_the_instrument(self) -> Self:
        if self.respondent in {"region", "opisto"} and self.instrument != "experience_v1":
            raise ValueError(f"{self.instrument} is the participant's; a {self.respondent} answers experience_v1")
        items = INSTRUMENTS[self.instrument]
        for item, answer in self.answers.items():
            if item not in items:
                raise ValueError(f"{self.instrument} has no item {item[:40]!r}; it has {', '.join(items)}")
            low, high = items[item]
            if not low <= answer <= high:
                raise ValueError(f"{item} is {answer}; {self.instrument} takes {low} to {high}")
        if self.instrument == "who5" and len(self.answers) < 5:
            raise ValueError("who5 needs all of q1 to q5")
        return self

    @property
    def subject(self) -> str:
        return self.about.id
