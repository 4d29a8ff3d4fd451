"""What the feedback service decides, on `feedback.events`."""

from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.data import AboutReferral
from shared.contracts.event_class import event_class
from shared.contracts.fields import EventId, Finer, Integer, Phase, Respondent, Source
from shared.contracts.instants import Instant
from shared.contracts.topics import INTAKE_HTTP

Asked = Annotated[Literal["participant", "carer", "issuer", "organiser"], Field(title="Asked")]
"""Who is asked, by the part in the referral: a partner answers as what it is, `respondent: library`."""
Instrument = Annotated[str, Field(examples=["experience_v1"])]


@event_class("notify", "service/feedback")
class FeedbackRequested(AboutReferral):
    """Someone is asked. Whoever hands the link out makes it; no token stands here."""

    phase: Phase
    """When the answers are of: before the activity, after it, or three or six months after the loop was closed."""
    respondents: tuple[Asked, ...]
    """Who is asked: the participant or, where that is a child below seven, a carer; and the partners."""
    instruments: tuple[Instrument, ...]
    """Which questions are asked."""


@event_class("referral", "service/feedback")
class FeedbackTaken(AboutReferral):
    """Feedback has taken the answers of the event named: this, and not the event itself, ends the wait for them."""

    respondent: Respondent
    """Who answered."""
    phase: Phase
    """When the answers are of: before the activity, after it, or three or six months after the loop was closed."""
    event_id: EventId
    """The id of the event that holds the answers."""
    event_source: Source
    """Who sent the event."""
    event_time: Instant
    """The event's time, in UTC."""
    event_finer: Finer = ""
    """The digits of its time below a microsecond."""


@event_class("feedback", "service/feedback")
class OutcomeMeasured(AboutReferral):
    """Before and after of one instrument are both there: the change an item, after minus before."""

    respondent: Annotated[Literal["participant", "carer"], Field(title="Measured")]
    """Who answered."""
    instrument: Annotated[str, Field(examples=["dimensions_v1"])]
    """Which questions were answered."""
    change: Annotated[dict[str, Integer], Field(examples=[{"friends": 2, "health": -1}])]
    """The answer after less the answer before, by item, in steps of the instrument's scale; above 0 is better."""


@event_class("feedback", "service/feedback", on=(INTAKE_HTTP,))
class FormLinkIssued(AboutReferral):
    """A partner got a link to the form. Only the token's hash is kept."""

    phase: Phase
    """When the form asks: before the activity, after it, or three or six months after the loop was closed."""
    token_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", examples=["0123456789abcdef" * 4])]
    """SHA-256 of the link's token, in hexadecimal digits."""
    expires: Instant
    """Until when the link opens, in UTC."""
    issued_to: Source
    """The partner who got the link."""
