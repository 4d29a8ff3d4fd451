"""The events that regions, opistos and participants send. docs/contracts.md has them in a table; this is the same, exact."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from shared.contracts.errors import Problem
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
    ReferralId,
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
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class Consent(_Part):
    """What the client agreed to, and when. Without `referral` among the scopes there is nothing to send."""

    recorded_on: Day
    scopes: Annotated[
        tuple[Literal["referral", "feedback"], ...],
        Field(min_length=1, max_length=2, json_schema_extra={"contains": {"const": "referral"}}),
        Distinct,
    ]

    @model_validator(mode="after")
    def _covers_the_referral(self) -> Self:
        if "referral" not in self.scopes:
            raise ValueError("the scopes must hold referral")
        return self


class AboutReferral(Data):
    """An event about one referral."""

    referral_id: ReferralId

    @property
    def subject(self) -> str:
        return self.referral_id


class ReferralIssued(AboutReferral):
    """A region refers a client whom it alone knows."""

    referral_id: IssuedReferralId
    unit_ref: UnitRef
    municipality: Municipality
    age_band: AgeBand
    languages: Annotated[tuple[Language, ...], Field(min_length=1, max_length=5)]
    needs: Needs
    themes: Annotated[tuple[Theme, ...], Field(max_length=18), Distinct] = ()
    formats: Annotated[tuple[Format, ...], Field(max_length=3), Distinct] = ()
    accessibility: Annotated[tuple[Accessibility, ...], Field(max_length=6), Distinct] = ()
    max_price_cents: Count | None = None
    funding: Annotated[tuple[Funding, ...], Field(max_length=3), Distinct] = ()
    route: Literal["service_guidance", "lifestyle_guidance", "clinic", "outreach", "other"] | None = None
    consent: Consent


class ActivityChosen(AboutReferral):
    """The client, with the professional, chose an activity; it need not be among the proposed."""

    organiser: Organiser
    activity_id: ActivityId


class ReferralWithdrawn(AboutReferral):
    """The referral is taken back. `consent_withdrawn` erases at once."""

    reason: Literal["client_wish", "consent_withdrawn", "moved", "duplicate", "other"]


class Place(_Part):
    """Where an activity meets."""

    name: Text
    address: Text | None = None
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] | None = None
    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] | None = None


class AgeLimits(_Part):
    """Years, both ends included; an end that is missing is open."""

    min: Annotated[int, Field(ge=0, le=130)] | None = None
    max: Annotated[int, Field(ge=0, le=130)] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class Enrolment(_Part):
    """When the activity can be enrolled for, and whether the opisto confirms each one."""

    opens: Time | None = None
    closes: Time | None = None
    confirm: bool = True

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.opens and self.closes and self.opens > self.closes:
            raise ValueError("opens is after closes")
        return self


class Session(_Part):
    """One meeting. A new time under its id moves it."""

    session_id: SessionId
    starts_at: Time
    ends_at: Time

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.starts_at > self.ends_at:
            raise ValueError("starts_at is after ends_at")
        return self


class ActivityPublished(Data):
    """The whole activity, each time anew; of several the latest `time` holds."""

    activity_id: ActivityId
    title: Text
    description: Text | None = None
    themes: Annotated[tuple[Theme, ...], Field(min_length=1, max_length=8), Distinct]
    needs_supported: Annotated[dict[Dimension, Weight], Field(max_length=10)] | None = None
    setting: Setting | None = None
    municipality: Municipality
    serves: Annotated[tuple[Municipality, ...], Field(max_length=308), Distinct] | None = None
    format: Format
    place: Place | None = None
    accessibility: Annotated[tuple[Accessibility, ...], Field(max_length=6), Distinct] = ()
    languages: Annotated[tuple[Language, ...], Field(min_length=1, max_length=20)]
    age: AgeLimits
    capacity: Count
    waiting_list: Count = 0
    price_cents: Count
    accepts: Annotated[tuple[Funding, ...], Field(max_length=3), Distinct] = ()
    enrolment: Enrolment
    sessions: Annotated[tuple[Session, ...], Field(min_length=1, max_length=200)]

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


class ActivityCancelled(Data):
    """The activity will not be held; with `replaced_by`, places and queue move there."""

    activity_id: ActivityId
    reason: Literal["too_few_participants", "teacher_absent", "premises", "merged", "other"]
    replaced_by: ActivityId | None = None

    @model_validator(mode="after")
    def _not_by_itself(self) -> Self:
        if self.replaced_by == self.activity_id:
            raise ValueError("replaced_by names the activity itself")
        return self

    @property
    def subject(self) -> str:
        return self.activity_id


class EnrolmentConfirmed(AboutReferral):
    """The opisto has the participant on its list."""

    activity_id: ActivityId


EnrolmentEnd = Literal["full", "not_suitable", "not_reached", "client_wish", "absences", "other"]


class EnrolmentCancelled(AboutReferral):
    """The opisto took the participant off its list."""

    activity_id: ActivityId
    reason: EnrolmentEnd


class ActivityAttended(AboutReferral):
    """The participant came to this session."""

    activity_id: ActivityId
    session_id: SessionId


class ActivityMissed(AboutReferral):
    """The participant did not come to this session."""

    activity_id: ActivityId
    session_id: SessionId
    told_ahead: bool | None = None


class About(_Part):
    """What feedback is about."""

    kind: Literal["referral"]
    id: ReferralId


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
    limits: JsonDict = {item: {"minimum": low, "maximum": high} for item, (low, high) in items.items()}
    answers: JsonDict = {"properties": limits, "propertyNames": {"enum": [*items]}}
    if instrument == "who5":
        answers["required"] = [*items]
    chosen: JsonDict = {"properties": {"instrument": {"const": instrument}}, "required": ["instrument"]}
    return {"if": chosen, "then": {"properties": {"answers": answers}}}


class FeedbackSubmitted(Data):
    """Answers of one respondent, before or after."""

    model_config = ConfigDict(json_schema_extra={"allOf": [_answers_to(*row) for row in INSTRUMENTS.items()]})

    about: About
    respondent: Literal["participant", "carer", "region", "opisto"]
    phase: Literal["before", "after"]
    instrument: Literal["dimensions_v1", "who5", "experience_v1"]
    answers: Annotated[dict[str, Integer], Field(min_length=1, max_length=10)]
    channel: Literal["form", "paper", "phone"] | None = None

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
