"""The events that the services decide, each on its own `<service>.events`.

The first part is what partners may be told; the second is what services tell each other. Times are UTC; `number` is
the referral's count of what it asked of one activity, or of the matching: the greatest number holds, so a stale
message can neither free nor take a newer place.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.errors import REASONS
from shared.contracts.event_class import EVERY_SERVICE, event_class
from shared.contracts.fields import (
    ActivityId,
    Count,
    Data,
    EventId,
    Instant,
    Integer,
    Issuer,
    Organiser,
    Phase,
    ReferralId,
    RegionCode,
    Respondent,
    Service,
    SessionId,
    Source,
)
from shared.contracts.partner_events import AboutReferral, EnrolmentEnd
from shared.contracts.topics import LOG_KEPT_DAYS

ReferralOutcome = Annotated[
    Literal[
        "completed", "discontinued", "never_attended", "not_recorded", "no_activity_found", "not_chosen", "withdrawn"
    ],
    Field(title="Outcome"),
]
What = Annotated[
    Literal["match", "choice", "confirmation", "attendance", "feedback", "early", "waiting_list", "ended", "rematch"],
    Field(title="Awaited"),
]
Asked = Annotated[Literal["participant", "region", "opisto"], Field(title="Asked")]
PlaceRefusal = Annotated[Literal["full", "closed", "cancelled", "unknown"], Field(title="PlaceRefusal")]
EventType = Annotated[str, Field(examples=["fi.kulttuurilahete.ReferralIssued.v1"])]
ReferralCode = Annotated[str, Field(examples=["DKGDM5F8QK4V"])]
CodeDigest = Annotated[str, Field(examples=["9f86d081884c7d659a2feaa0"])]
DeadLetterId = Annotated[str, Field(examples=["0f2d7c3e-8a51-5b64-9c0d-3e1f6a2d8c11"])]
Cause = Annotated[str, Field(examples=["choice-12"])]
"""The id of the event that asked."""
Finer = Annotated[str, Field(examples=["789"])]
Instrument = Annotated[str, Field(examples=["experience_v1"])]
NearestMisses = Annotated[dict[str, Count], Field(examples=[{"municipality": 12, "price": 3}])]
RefusalReason = Annotated[str, Field(title="RefusalReason", json_schema_extra={"enum": [*REASONS]})]
Refusals = Annotated[
    tuple[str, ...], Field(max_length=20, examples=[["/data/municipality: no municipality has the code 'Oulu'"]])
]
Reasons = Annotated[tuple[str, ...], Field(examples=[["need:friends", "theme:singing", "municipality:837"]])]


class _ServicePart(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, use_attribute_docstrings=True)


class AboutPlace(AboutReferral):
    """One referral at one activity."""

    organiser: Organiser
    """Who runs the activity: the `source` of its publication."""
    activity_id: ActivityId
    """The activity, by its organiser's own id."""
    number: Count
    """The referral's count of what it asked of this activity, from 1; the greatest holds."""


# --- referral


class AwaitedStep(_ServicePart):
    """Until when something is awaited."""

    what: What
    """What is awaited."""
    due_at: Instant
    """Until when, in UTC."""


@event_class("notify", "service/referral")
class ReferralOpened(AboutReferral):
    """The platform has the referral and follows it."""

    region: RegionCode
    """The region whose referral it is, by its code."""
    referral_code: ReferralCode
    """Twelve characters by which an opisto at its desk finds the referral; the client shows them."""
    deadlines: tuple[AwaitedStep, ...]
    """Until when what is awaited first."""


@event_class("catalogue", "service/referral")
class PlaceRequested(AboutPlace):
    """The referral wants a place."""

    request: Cause
    """The id of the event that asks for the place."""
    requested_at: Instant
    """The time of that event, in UTC."""
    enrolled: bool = False
    """Whether the opisto has the participant on its list, so that the place is given beyond the capacity if need be."""
    moved: bool = False
    """Whether the place was held at an activity that this one replaces."""


@event_class("catalogue", "service/referral")
class PlaceGivenUp(AboutPlace):
    """The referral wants no place here."""

    follow: bool
    """Whether the referral is still told of the activity's sessions and cancellation."""
    freed_at: Instant
    """The time of the fact that freed the place, in UTC; who waits gets it as of then."""


class SessionCounts(_ServicePart):
    """How many of the counted sessions were attended, missed, never recorded."""

    attended: Count
    """How many sessions the participant came to."""
    missed: Count
    """How many sessions the participant missed."""
    not_recorded: Count
    """Of how many sessions nobody said whether the participant came."""


class ReferralEnd(AboutReferral):
    """How a referral ended, as far as known."""

    outcome: ReferralOutcome
    """How it ended: completed; discontinued when some sessions had been attended; never attended; with no session recorded;
    without an activity that fits; without a choice in time; withdrawn."""
    sessions: SessionCounts
    """How many of the counted sessions were attended, missed, or never recorded."""


@event_class("feedback", "service/referral")
class ReferralCompleted(ReferralEnd):
    """Someone came. What follows is the feedback."""


@event_class("feedback", "service/referral")
class ReferralLapsed(ReferralEnd):
    """Nothing came of it: silence, or nobody came."""


@event_class("feedback", "service/referral")
class ReferralClosed(ReferralEnd):
    """The loop is closed. Sent again when what it said has changed; the latest holds."""


@event_class("feedback", "service/referral")
class ReferralReopened(AboutReferral):
    """What was told of its end, or of its closing, holds no more: something came, or came late, and it goes on."""

    completed: bool
    """Whether it is still completed, and merely not closed any more."""


@event_class("notify", "service/referral")
class ReferralErased(AboutReferral):
    """Consent was withdrawn by the one whose word it is: whoever keeps something of the referral erases it, the id stays."""

    issuer: Issuer
    """The region that issued it or, where nothing was issued yet, that withdrew the consent."""
    code_digest: CodeDigest | None = None
    """The digest by which texts that hold its code are found, where it had one."""
    log_kept_days: Annotated[Count, Field(examples=[30])] = LOG_KEPT_DAYS
    """For how many days at most Kafka's log still holds what was sent before."""
    audit: Literal["own_term"] = "own_term"
    """That who looked at the referral is kept for a term of its own."""


@event_class("referral", "service/referral")
class CodeLookedUp(AboutReferral):
    """An organiser at its desk read the code that the client showed. For 30 days it may enrol the client."""

    organiser: Organiser
    """Who looked the code up."""


@event_class("notify", "service/referral")
class EnrolmentTaken(AboutReferral):
    """An enrolment, or its end, counts as a fact of the referral: what the event named said, of which the region is told."""

    organiser: Organiser
    """Who sent the event that counts."""
    activity_id: ActivityId
    """The activity, by its organiser's own id."""
    cancelled: EnrolmentEnd | None = None
    """Why the enrolment ended; left out: it was confirmed."""
    event_id: EventId
    """The id of the event that counts."""
    event_time: Instant
    """The time of the event that counts, in UTC."""
    event_finer: Finer = ""
    """The digits of its time below a microsecond."""


class ActivityKey(_ServicePart):
    """An activity is known by its organiser and the organiser's own id."""

    organiser: Organiser
    """Who runs the activity: the `source` of its publication."""
    activity_id: ActivityId
    """The activity, by its organiser's own id."""


@event_class("catalogue", "service/referral")
class RematchRequested(AboutReferral):
    """Match it (again), leaving out what was tried."""

    number: Count
    """The referral's count of what it asked of the matching, from 1; the greatest holds."""
    without: Annotated[tuple[ActivityKey, ...], Field(max_length=200)] = ()
    """The activities that are not to be proposed again."""


@event_class("catalogue", "service/referral")
class MatchingEnded(AboutReferral):
    """No proposals are wanted any more."""

    number: Count
    """The referral's count of what it asked of the matching, from 1; the greatest holds."""


# --- catalogue


class Proposal(_ServicePart):
    """One activity that fits."""

    organiser: Organiser
    """Who runs the activity: the `source` of its publication."""
    activity_id: ActivityId
    """The activity, by its organiser's own id."""
    score: Annotated[int, Field(ge=0, le=100, examples=[87])]
    """How well it fits the needs, 0 to 100, the greater the better: the cosine over the ten dimensions,
    in hundredths."""
    reasons: Reasons
    """Why it is proposed, as codes."""
    starts_at: Instant
    """When its first session that is still to come begins, in UTC."""
    places_left: Annotated[Count, Field(examples=[6])]
    """How many places were free when it was proposed; 0: it has a waiting list."""


@event_class("referral", "service/catalogue")
class ActivitiesProposed(AboutReferral):
    """Up to five activities, the best first."""

    number: Count
    """The referral's count of what it asked of the matching, from 1; the greatest holds."""
    proposals: Annotated[tuple[Proposal, ...], Field(min_length=1, max_length=5)]
    """One to five activities, the best first."""


@event_class("referral", "service/catalogue")
class NoActivityFound(AboutReferral):
    """Nothing fits now; it is tried again as activities appear."""

    number: Count
    """The referral's count of what it asked of the matching, from 1; the greatest holds."""
    nearest_misses: NearestMisses
    """How many activities each filter alone refused, by its name."""


class ListedSession(_ServicePart):
    """A session as its latest listing has it."""

    session_id: SessionId
    """The session, by the organiser's own id."""
    starts_at: Instant
    """When it begins, in UTC."""
    ends_at: Annotated[Instant, Field(examples=["2026-09-09T16:00:00Z"])]
    """When it ends, in UTC."""
    called_off: bool = False
    """Whether it will not be held."""


class ActivityCall(_ServicePart):
    """The activity was cancelled."""

    time: Instant
    """When it was cancelled, in UTC."""
    replaced_by: Annotated[ActivityId, Field(examples=["kuoro-2027k"])] | None = None
    """The activity of the same organiser to which places move, if there is one."""


class PlaceAnswer(AboutPlace):
    """What the activity answers to the referral. The greatest `answer` of one activity holds."""

    answer: Count
    """The activity's count of its answers to this referral, from 1; the greatest holds."""
    request: Cause
    """The id of the event that asked for the place."""


@event_class("referral", "service/catalogue")
class PlaceReserved(PlaceAnswer):
    """A place is held."""

    given_at: Instant
    """The time of the fact that gave the place, in UTC."""
    promoted: bool
    """Whether it came from the waiting list."""
    confirm: bool
    """Whether the opisto is to confirm it."""
    by_enrolment: bool = False
    """Whether enrolment was closed when the place was chosen; it is there because the opisto enrolled all the same."""
    sessions: tuple[ListedSession, ...]
    """The activity's sessions, as listed last."""
    cancelled: ActivityCall | None = None
    """When the activity was cancelled, if it was."""


@event_class("referral", "service/catalogue")
class PlaceWaitlisted(PlaceAnswer):
    """No place yet, but one on the waiting list."""

    position: Count
    """The place on the waiting list; 1 is next."""
    sessions: tuple[ListedSession, ...]
    """The activity's sessions, as listed last."""
    cancelled: ActivityCall | None = None
    """When the activity was cancelled, if it was."""


@event_class("referral", "service/catalogue")
class PlaceRefused(PlaceAnswer):
    """No place."""

    reason: PlaceRefusal
    """Why. `unknown` and `closed` are judged anew when a version of the activity arrives; `full` is final."""


@event_class("referral", "service/catalogue")
class PlaceReleased(PlaceAnswer):
    """The place, or the place on the waiting list, is free again."""


@event_class("referral", "service/catalogue")
class SessionsChanged(PlaceAnswer):
    """The sessions or the fate of an activity that the referral holds or follows, also after the place was released."""

    sessions: tuple[ListedSession, ...]
    """The activity's sessions, as listed last."""
    cancelled: ActivityCall | None = None
    """When the activity was cancelled, if it was."""
    confirm: bool | None = None
    """Whether the opisto is to confirm the latest request, by the versions known now."""
    closed: bool | None = None
    """Whether enrolment was closed at the latest request, by the versions known now."""


@event_class("catalogue", "service/catalogue")
class ActivityToMatch(AboutReferral):
    """The catalogue to itself: judge this activity for this referral (it is new, or changed, or gone)."""

    organiser: Organiser
    """Who runs the activity: the `source` of its publication."""
    activity_id: ActivityId
    """The activity, by its organiser's own id."""


# --- feedback


@event_class("notify", "service/feedback")
class FeedbackRequested(AboutReferral):
    """Someone is asked. The link is made by who hands it out; no token stands here."""

    phase: Phase
    """Whether the answers are asked for before the activity or after it."""
    respondents: tuple[Asked, ...]
    """Who is asked."""
    instruments: tuple[Instrument, ...]
    """Which questions are asked."""


@event_class("referral", "service/feedback")
class FeedbackTaken(AboutReferral):
    """Answers were taken in, those of the event named: by this, and not by what was sent, the wait for them ends."""

    respondent: Respondent
    """Who answered."""
    phase: Phase
    """Whether the answers are from before the activity or after it."""
    event_id: EventId
    """The id of the event that holds the answers."""
    event_source: Source
    """Who sent it."""
    event_time: Instant
    """Its time, in UTC."""
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


@event_class("feedback", "service/feedback")
class FormLinkIssued(AboutReferral):
    """A link to the form was handed out. Only the token's hash is kept."""

    phase: Phase
    """Whether the form asks before the activity or after it."""
    token_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", examples=["0123456789abcdef" * 4])]
    """SHA-256 of the link's token, in hexadecimal digits."""
    expires: Instant
    """Until when the link opens, in UTC."""
    issued_to: Source
    """The partner who got the link."""


# --- notify


class Notification(_ServicePart):
    """What a recipient is told: the event's own id, source, type and time, with the recipient's extract as data."""

    id: Annotated[str, Field(examples=["att-77"])]
    """The id of the event that is told."""
    source: Source
    """Its source."""
    type: EventType
    """Its type."""
    time: Annotated[str, Field(examples=["2026-09-09T14:30:00.1234567Z"])]
    """As it was written, so that no digit is lost."""
    subject: Annotated[str, Field(examples=["7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"])]
    """Its subject."""
    data: Annotated[str, Field(examples=['{"referral_id":"7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11","completed":true}'])]
    """The extract, JSON."""


@event_class("notify", "service/notify")
class NotificationQueued(Data):
    """A recipient is to be told, or what it was told of a referral is to be blanked."""

    recipient: Source
    """The partner who is told."""
    referral_id: ReferralId | None = None
    """The referral that it concerns, if one."""
    notification: Notification | None = None
    """What is told; left out where something is erased."""
    erase: bool = False
    """Whether all that was told of the referral is blanked in the recipient's feed."""
    once_more: Count | None = None
    """The number of the entry up to which it is blanked, if the referral is erased by now."""

    @property
    def subject(self) -> str:
        return self.referral_id or self.recipient


@event_class("monitor", "service/notify")
class NotificationDelivered(Data):
    """It stands in the recipient's feed, or reached the recipient's channel."""

    recipient: Source
    """The partner who was told."""
    referral_id: ReferralId | None = None
    """The referral that it concerns, if one."""
    channel: Annotated[Literal["feed", "webhook", "email"], Field(title="DeliveryChannel")]
    """How it was told."""
    event_id: EventId
    """The id of the event that was told."""
    event_source: Source
    """The source of the event that was told."""

    @property
    def subject(self) -> str:
        return self.referral_id or self.recipient


@event_class("monitor", "service/notify")
class NotificationFailed(NotificationDelivered):
    """It could not be delivered on that channel; it still stands in the feed."""

    error: Annotated[str, Field(max_length=200, examples=["the channel has not answered within 5 s"])]
    """Why, in one line."""


# --- any service


@event_class("monitor", *EVERY_SERVICE)
class DeadlinePassed(Data):
    """Silence is an event: nothing came until `due_at`. `nth` 1 reminds, 2 acts (attendance, feedback act at 1)."""

    service: Service
    """The service whose deadline it is."""
    collection: Annotated[str, Field(examples=["referrals"])]
    """The collection of its store in which the aggregate stands."""
    aggregate: Annotated[str, Field(examples=["7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"])]
    """The aggregate, by its id."""
    what: What
    """What was awaited."""
    due_at: Instant
    """Until when it was awaited, in UTC."""
    nth: Count
    """Which passing of this deadline it is, from 1."""
    referral_id: ReferralId | None = None
    """The referral that it concerns, if one."""
    concerns: Source | None = None
    """The partner who is told."""

    @property
    def subject(self) -> str:
        return self.referral_id or self.aggregate


@event_class("monitor", *EVERY_SERVICE)
class EventRefused(Data):
    """An event of a known sender was dead-lettered: which, and why; never what it said."""

    sender: Source
    """Who sent the event that was refused."""
    service: Service
    """The service that refused it."""
    event_id: Annotated[str, Field(examples=["att-77"])]
    """Its id, as far as it could be read."""
    event_type: EventType
    """Its type, as far as it could be read."""
    reason: RefusalReason
    """Why, by class."""
    errors: Refusals
    """Why, one line each: a JSON Pointer and what is wrong there."""
    referral_id: ReferralId | None = None
    """The referral that it named, if one could be read."""

    @property
    def subject(self) -> str:
        return self.referral_id or self.sender


@event_class("monitor", *EVERY_SERVICE)
class DeadLetterSettled(Data):
    """A redriven dead letter was taken up."""

    dl_id: DeadLetterId
    """The dead letter, by its id."""
    service: Service
    """The service that took it up."""
    attempt: Count
    """Which redrive of it this is, from 1."""
    outcome: Annotated[Literal["resolved", "rejected", "handler_failed"], Field(title="DeadLetterOutcome")]
    """What became of it."""

    @property
    def subject(self) -> str:
        return self.dl_id


# --- monitor, and its own doors


@event_class("monitor", "service/monitor", outcome="partners")
class PartnerRegistered(Data):
    """What a partner said of itself: its name, which classes it wants to be told, in which language."""

    partner: Source
    """The partner who says so: its source."""
    name: Annotated[str, Field(min_length=1, max_length=200, examples=["Pirkanmaan hyvinvointialue"])]
    """What the partner is called."""
    classes: Annotated[tuple[str, ...], Field(max_length=60, examples=[["PlaceReserved", "ReferralClosed"]])] | None = (
        None
    )
    """The classes that it wants to be told; left out: all."""
    language: Annotated[Literal["fi", "sv", "en"], Field(title="PartnerLanguage")] = "fi"
    """The language of what people at the partner read."""

    @property
    def subject(self) -> str:
        return self.partner


class _ToDeadLetter(Data):
    # `place`, as `intake.http/3`: the topic and partition that the original came on. As subject, and so as key, it keeps
    # what is asked about the letters of one partition in order.
    dl_id: DeadLetterId
    """The dead letter, by its id."""
    by: Annotated[str, Field(examples=["ops:first"])]
    """Who asked for it: role and name."""
    place: Annotated[str, Field(examples=["intake.http/3"])] | None = None
    """The topic and the partition on which the original came, as `intake.http/3`."""

    @property
    def subject(self) -> str:
        return self.place or self.dl_id


@event_class("monitor", "service/monitor")
class RedriveRequested(_ToDeadLetter):
    """An ops person sends a dead letter again; those whose originals stand on one `place` in the order asked for."""

    attempt: Count
    """Which redrive of it this is, from 1."""


@event_class("monitor", "service/monitor")
class DiscardRequested(_ToDeadLetter):
    """An ops person lays a dead letter aside for good."""


@event_class("monitor", "service/monitor")
class ErasureToSpread(AboutReferral):
    """The monitor to itself: what it keeps of an erased referral goes."""

    nth: Count
    """Which step of the erasure it is: 0 marks the referral, so that what comes later keeps nothing; each further one
    finds some of what is there."""
    code_digest: CodeDigest = ""
    """The digest by which texts that hold its code are found; empty where it had none."""


@event_class("monitor", "service/monitor")
class DeadLetterToErase(Data):
    """The monitor to itself: where this dead letter names an erased referral, its bytes go."""

    dl_id: DeadLetterId
    """The dead letter, by its id."""

    @property
    def subject(self) -> str:
        return self.dl_id


@event_class("monitor", "service/monitor")
class TraceToErase(Data):
    """The monitor to itself: of this event of an erased referral the codes go, but for the outcome."""

    traced: Annotated[str, Field(examples=["/opisto/1.2.246.562.10.00000000001 att-77"])]
    """The event's envelope in the monitor's store, by its id there."""

    @property
    def subject(self) -> str:
        return self.traced


@event_class("monitor", *EVERY_SERVICE)
class AccessRecorded(Data):
    """Who looked at what, on what ground, and whether it was allowed; of a key: whose it is, and the `change`.

    `forged_sender`: `who` sent in another's name, as the line in `what` says; kept once a minute for each.
    """

    who: Annotated[str, Field(examples=["ops:first"])]
    """Who looked, or whose key was changed: role and name, or a source."""
    action: Annotated[
        Literal[
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
        ],
        Field(title="Access"),
    ]
    """What was done."""
    what: Annotated[str, Field(examples=["7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"])]
    """What was looked at."""
    ground: Annotated[str, Field(examples=["operations"])]
    """On what ground it was allowed; `none` where it was not."""
    allowed: bool
    """Whether it was allowed."""
    referral_id: ReferralId | None = None
    """The referral that it concerns, if one."""
    change: Annotated[Literal["added", "revoked"], Field(title="KeyChange")] | None = None
    """What was done to a key."""

    @property
    def subject(self) -> str:
        return self.referral_id or self.what
