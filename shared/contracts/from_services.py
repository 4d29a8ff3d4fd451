"""The events that the services decide, each on its own `<service>.events`.

The first part is what partners may be told; the second is what services tell each other. Times are UTC; `number` is
the referral's count of what it asked of one activity, or of the matching: the greatest number holds, so a stale
message can neither free nor take a newer place.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.fields import (
    ActivityId,
    Count,
    Data,
    EventId,
    Instant,
    Integer,
    Organiser,
    ReferralId,
    RegionCode,
    SessionId,
    Source,
)
from shared.contracts.from_outside import AboutReferral, EnrolmentEnd
from shared.contracts.topics import LOG_KEPT_DAYS, ServiceName

Outcome = Literal[
    "completed", "discontinued", "never_attended", "not_recorded", "no_activity_found", "not_chosen", "withdrawn"
]
What = Literal["match", "choice", "confirmation", "attendance", "feedback", "early", "waiting_list", "ended", "rematch"]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class AboutPlace(AboutReferral):
    """One referral at one activity."""

    organiser: Organiser
    activity_id: ActivityId
    number: Count


# --- referral


class Deadline(_Part):
    """Until when something is awaited."""

    what: What
    due_at: Instant


class ReferralOpened(AboutReferral):
    """The platform has the referral and follows it."""

    region: RegionCode
    referral_code: str
    deadlines: tuple[Deadline, ...]


class PlaceRequested(AboutPlace):
    """The referral wants a place, asked for by the choice `request` made at `requested_at`.

    `enrolled`: the opisto has the participant on its list, so the place is given beyond the capacity if need be.
    `moved`: the place was held at an activity that this one replaces.
    """

    request: str
    requested_at: Instant
    enrolled: bool = False
    moved: bool = False


class PlaceGivenUp(AboutPlace):
    """The referral wants no place here; with `follow` it is still told of sessions and cancellation.

    `freed_at`: the time of the fact that made it so; who waits gets the place as of then.
    """

    follow: bool
    freed_at: Instant


class SessionCounts(_Part):
    """How many of the counted sessions were attended, missed, never recorded."""

    attended: Count
    missed: Count
    not_recorded: Count


class Ended(AboutReferral):
    """How a referral ended, as far as known."""

    outcome: Outcome
    sessions: SessionCounts


class ReferralCompleted(Ended):
    """Someone came. What follows is the feedback."""


class ReferralLapsed(Ended):
    """Nothing came of it: silence, or nobody came."""


class ReferralClosed(Ended):
    """The loop is closed. Sent again when what it said has changed; the latest holds."""


class ReferralReopened(AboutReferral):
    """What was told of its end, or of its closing, holds no more: something came, or came late, and it goes on."""

    completed: bool
    """Whether it is still completed, and merely not closed any more."""


class ReferralErased(AboutReferral):
    """Consent was withdrawn by the one whose word it is: whoever keeps something of the referral erases it, the id stays.

    `issuer`: the region that issued it or, where nothing was issued yet, that withdrew the consent. `log_kept_days`: for
    how long at most Kafka's log still holds what was sent before. `audit`: who looked is kept for a term of its own.
    `code_digest`: by what texts that hold its code are found, where it had one.
    """

    issuer: Source
    code_digest: str | None = None
    log_kept_days: Count = LOG_KEPT_DAYS
    audit: Literal["own_term"] = "own_term"


class CodeLookedUp(AboutReferral):
    """An organiser at its desk read the code that the client showed. For 30 days it may enrol the client."""

    organiser: Organiser


class EnrolmentTaken(AboutReferral):
    """An enrolment, or its end, counts as a fact of the referral: what the event named said, of which the region is told."""

    organiser: Organiser
    activity_id: ActivityId
    cancelled: EnrolmentEnd | None = None
    event_id: EventId
    event_time: Instant
    event_finer: str = ""
    """The digits of its time below a microsecond."""


class ActivityKey(_Part):
    """An activity is known by its organiser and the organiser's own id."""

    organiser: Organiser
    activity_id: ActivityId


class RematchRequested(AboutReferral):
    """Match it (again), leaving out what was tried."""

    number: Count
    without: Annotated[tuple[ActivityKey, ...], Field(max_length=200)] = ()


class MatchingEnded(AboutReferral):
    """No proposals are wanted any more."""

    number: Count


# --- catalogue


class Proposal(_Part):
    """One activity that fits. `score` is 0 to 100, a cosine over the ten dimensions; `reasons` are codes."""

    organiser: Organiser
    activity_id: ActivityId
    score: Annotated[int, Field(ge=0, le=100)]
    reasons: tuple[str, ...]
    starts_at: Instant
    places_left: Count


class ActivitiesProposed(AboutReferral):
    """Up to five activities, the best first."""

    number: Count
    proposals: Annotated[tuple[Proposal, ...], Field(min_length=1, max_length=5)]


class NoActivityFound(AboutReferral):
    """Nothing fits now; it is tried again as activities appear. `nearest_misses`: refused by that filter alone."""

    number: Count
    nearest_misses: dict[str, Count]


class ListedSession(_Part):
    """A session as its latest listing has it."""

    session_id: SessionId
    starts_at: Instant
    ends_at: Instant
    called_off: bool = False


class ActivityCall(_Part):
    """The activity was cancelled at `time`; places move to `replaced_by` where it is given."""

    time: Instant
    replaced_by: ActivityId | None = None


class PlaceAnswer(AboutPlace):
    """What the activity answers to the referral. The greatest `answer` of one activity holds."""

    answer: Count
    request: str


class PlaceReserved(PlaceAnswer):
    """A place is held. `given_at`: the time of the fact that gave it.

    `by_enrolment`: enrolment was closed at the choice's time; the place is there because the opisto enrolled all the same.
    """

    given_at: Instant
    promoted: bool
    confirm: bool
    by_enrolment: bool = False
    sessions: tuple[ListedSession, ...]
    cancelled: ActivityCall | None = None


class PlaceWaitlisted(PlaceAnswer):
    """No place yet; `position` 1 is next."""

    position: Count
    sessions: tuple[ListedSession, ...]
    cancelled: ActivityCall | None = None


class PlaceRefused(PlaceAnswer):
    """No place. `unknown` and `closed` are judged anew when a version of the activity arrives; `full` is final."""

    reason: Literal["full", "closed", "cancelled", "unknown"]


class PlaceReleased(PlaceAnswer):
    """The place, or the place on the waiting list, is free again."""


class SessionsChanged(PlaceAnswer):
    """The sessions or the fate of an activity that the referral holds or follows.

    `confirm` and `closed`: how its latest request is judged by the versions known now, also after the place was released.
    """

    sessions: tuple[ListedSession, ...]
    cancelled: ActivityCall | None = None
    confirm: bool | None = None
    closed: bool | None = None


class ActivityToMatch(AboutReferral):
    """The catalogue to itself: judge this activity for this referral (it is new, or changed, or gone)."""

    organiser: Organiser
    activity_id: ActivityId


# --- feedback


class FeedbackRequested(AboutReferral):
    """Someone is asked. The link is made by who hands it out; no token stands here."""

    phase: Literal["before", "after"]
    respondents: tuple[Literal["participant", "region", "opisto"], ...]
    instruments: tuple[str, ...]


class FeedbackTaken(AboutReferral):
    """Answers were taken in, those of the event named: by this, and not by what was sent, the wait for them ends."""

    respondent: Literal["participant", "carer", "region", "opisto"]
    phase: Literal["before", "after"]
    event_id: EventId
    event_source: Source
    event_time: Instant
    event_finer: str = ""
    """The digits of its time below a microsecond."""


class OutcomeMeasured(AboutReferral):
    """Before and after of one instrument are both there: the change an item, after minus before."""

    respondent: Literal["participant", "carer"]
    instrument: str
    change: dict[str, Integer]


class FormLinkIssued(AboutReferral):
    """A link to the form was handed out. Only the token's hash is kept."""

    phase: Literal["before", "after"]
    token_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    expires: Instant
    issued_to: Source


# --- notify


class Notification(_Part):
    """What a recipient is told: the event's own id, source, type and time, with the recipient's extract as data."""

    id: str
    source: Source
    type: str
    time: str
    """As it was written, so that no digit is lost."""
    subject: str
    data: str
    """The extract, JSON."""


class NotificationQueued(Data):
    """A recipient is to be told. `erase`: what was told of the referral is blanked in the recipient's feed instead.

    `once_more`: the same up to this entry, if the referral is erased by now.
    """

    recipient: Source
    referral_id: ReferralId | None = None
    notification: Notification | None = None
    erase: bool = False
    once_more: Count | None = None

    @property
    def subject(self) -> str:
        return self.referral_id or self.recipient


class NotificationDelivered(Data):
    """It stands in the recipient's feed, or reached the recipient's channel."""

    recipient: Source
    referral_id: ReferralId | None = None
    channel: Literal["feed", "webhook", "email"]
    event_id: EventId
    event_source: Source

    @property
    def subject(self) -> str:
        return self.referral_id or self.recipient


class NotificationFailed(NotificationDelivered):
    """It could not be delivered on that channel; it still stands in the feed."""

    error: Annotated[str, Field(max_length=200)]


# --- any service


class DeadlinePassed(Data):
    """Silence is an event: nothing came until `due_at`. `nth` 1 reminds, 2 acts (attendance, feedback act at 1)."""

    service: ServiceName
    collection: str
    aggregate: str
    what: What
    due_at: Instant
    nth: Count
    referral_id: ReferralId | None = None
    concerns: Source | None = None

    @property
    def subject(self) -> str:
        return self.referral_id or self.aggregate


class EventRefused(Data):
    """An event of a known sender was dead-lettered: which, and why; never what it said."""

    sender: Source
    service: ServiceName
    event_id: str
    event_type: str
    reason: str
    errors: Annotated[tuple[str, ...], Field(max_length=20)]
    referral_id: ReferralId | None = None

    @property
    def subject(self) -> str:
        return self.referral_id or self.sender


class DeadLetterSettled(Data):
    """A redriven dead letter was taken up: `outcome` is what became of it."""

    dl_id: str
    service: ServiceName
    attempt: Count
    outcome: Literal["resolved", "rejected", "handler_failed"]

    @property
    def subject(self) -> str:
        return self.dl_id


# --- monitor, and its own doors


class PartnerRegistered(Data):
    """What a partner said of itself: its name, which classes it wants to be told, in which language."""

    partner: Source
    name: Annotated[str, Field(min_length=1, max_length=200)]
    classes: Annotated[tuple[str, ...], Field(max_length=60)] | None = None
    language: Literal["fi", "sv", "en"] = "fi"

    @property
    def subject(self) -> str:
        return self.partner


class _ToDeadLetter(Data):
    # `place`, as `intake.http/3`: the topic and partition that the original came on. As subject, and so as key, it keeps
    # what is asked about the letters of one partition in order.
    dl_id: str
    by: str
    place: str | None = None

    @property
    def subject(self) -> str:
        return self.place or self.dl_id


class RedriveRequested(_ToDeadLetter):
    """An ops person sends a dead letter again; those whose originals stand on one `place` in the order asked for."""

    attempt: Count


class DiscardRequested(_ToDeadLetter):
    """An ops person lays a dead letter aside for good."""


class ErasureToSpread(AboutReferral):
    """The monitor to itself: what it keeps of an erased referral goes.

    `nth` 0 marks the referral, so that what comes later keeps nothing; each further one finds some of what is there.
    `code_digest` is of ReferralErased, or empty.
    """

    nth: Count
    code_digest: str = ""


class DeadLetterToErase(Data):
    """The monitor to itself: where this dead letter names an erased referral, its bytes go."""

    dl_id: str

    @property
    def subject(self) -> str:
        return self.dl_id


class TraceToErase(Data):
    """The monitor to itself: of this event of an erased referral the codes go, but for the outcome."""

    traced: str

    @property
    def subject(self) -> str:
        return self.traced


class AccessRecorded(Data):
    """Who looked at what, on what ground, and whether it was allowed; of a key: whose it is, and the `change`.

    `forged_sender`: `who` sent in another's name, as the line in `what` says; kept once a minute for each.
    """

    who: str
    action: Literal[
        "read",
        "read_accesses",
        "look_up_code",
        "proposals",
        "form_link",
        "deliveries",
        "trace",
        "dead_letters",
        "dead_letter",
        "redrive",
        "discard",
        "key",
        "forged_sender",
    ]
    what: str
    ground: str
    allowed: bool
    referral_id: ReferralId | None = None
    change: Literal["added", "revoked"] | None = None

    @property
    def subject(self) -> str:
        return self.referral_id or self.what
