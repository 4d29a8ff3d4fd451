"""The events that the services decide, each on its own `<service>.events`.

Partners may read the first part; services send the second to each other. Times are UTC; `number` is the referral's
count of its requests to one activity, or to the matching: the greatest number holds, so a stale message can neither
free nor take a newer place.
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
    """The referral's count of its requests to this activity, from 1; the greatest holds."""


# --- referral


class AwaitedStep(_ServicePart):
    """A step that is awaited, and until when."""

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
    """The steps that are awaited first, with their deadlines."""


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
    """Whether the referral still follows the activity's sessions and cancellation."""
    freed_at: Instant
    """The time of the fact that freed the place, in UTC; the first in the queue has it from then on."""


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
    """Someone came. The feedback follows."""


@event_class("feedback", "service/referral")
class ReferralLapsed(ReferralEnd):
    """Nothing came of it: silence, or nobody came."""


@event_class("feedback", "service/referral")
class ReferralClosed(ReferralEnd):
    """The loop is closed. Sent again when what it said has changed; the latest holds."""


@event_class("feedback", "service/referral")
class ReferralReopened(AboutReferral):
    """The referral goes on: an event came, or came late, after which its end, or its closing, holds no more."""

    completed: bool
    """Whether the referral is still completed, and merely not closed any more."""


@event_class("notify", "service/referral")
class ReferralErased(AboutReferral):
    """The one who may do so withdrew the consent: every service erases what it keeps of the referral; the id stays."""

    issuer: Issuer
    """The region that issued it or, where nothing was issued yet, that withdrew the consent."""
    code_digest: CodeDigest | None = None
    """The digest to find texts by that hold the referral's code, if it had one."""
    log_kept_days: Annotated[Count, Field(examples=[30])] = LOG_KEPT_DAYS
    """For how many days at most Kafka's log still holds the events before."""
    audit: Literal["own_term"] = "own_term"
    """The list of who looked at the referral is kept for a term of its own."""


@event_class("referral", "service/referral")
class CodeLookedUp(AboutReferral):
    """An organiser at its desk read the code that the client showed. For 30 days it may enrol the client."""

    organiser: Organiser
    """Who looked the code up."""


@event_class("notify", "service/referral")
class EnrolmentTaken(AboutReferral):
    """An enrolment, or its end, counts as a fact of the referral; the region reads of it in its feed."""

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
    """The catalogue shall match the referral (again), without the activities that were tried."""

    number: Count
    """The referral's count of what it asked of the matching, from 1; the greatest holds."""
    without: Annotated[tuple[ActivityKey, ...], Field(max_length=200)] = ()
    """The activities that are not to be proposed again."""


@event_class("catalogue", "service/referral")
class MatchingEnded(AboutReferral):
    """The referral wants no more proposals."""

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
    """No activity fits now; the catalogue tries again as activities appear."""

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
    """Whether the place came from the waiting list."""
    confirm: bool
    """Whether the opisto must confirm the place."""
    by_enrolment: bool = False
    """Whether enrolment was closed when the place was chosen, and the opisto enrolled the client all the same."""
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
    """Why. The catalogue judges `unknown` and `closed` again when a version of the activity arrives; `full` is final."""


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
    """Whether the opisto must confirm the latest request, by the versions known now."""
    closed: bool | None = None
    """Whether enrolment was closed at the latest request, by the versions known now."""


@event_class("catalogue", "service/catalogue")
class ActivityToMatch(AboutReferral):
    """The catalogue to itself: judge this activity for this referral (the activity is new, or changed, or gone)."""

    organiser: Organiser
    """Who runs the activity: the `source` of its publication."""
    activity_id: ActivityId
    """The activity, by its organiser's own id."""


# --- feedback


@event_class("notify", "service/feedback")
class FeedbackRequested(AboutReferral):
    """Someone is asked. Whoever hands the link out makes it; no token stands here."""

    phase: Phase
    """Whether the answers are asked for before the activity or after it."""
    respondents: tuple[Asked, ...]
    """Who is asked."""
    instruments: tuple[Instrument, ...]
    """Which questions are asked."""


@event_class("referral", "service/feedback")
class FeedbackTaken(AboutReferral):
    """Feedback has taken the answers of the event named: this, and not the event itself, ends the wait for them."""

    respondent: Respondent
    """Who answered."""
    phase: Phase
    """Whether the answers are from before the activity or after it."""
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


@event_class("feedback", "service/feedback")
class FormLinkIssued(AboutReferral):
    """A partner got a link to the form. Only the token's hash is kept."""

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
    """A recipient's notification: the event's own id, source, type and time, with the recipient's extract as data."""

    id: Annotated[str, Field(examples=["att-77"])]
    """The id of the event of which it notifies."""
    source: Source
    """Its source."""
    type: EventType
    """Its type."""
    time: Annotated[str, Field(examples=["2026-09-09T14:30:00.1234567Z"])]
    """The event's time as written, so that no digit is lost."""
    subject: Annotated[str, Field(examples=["7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"])]
    """Its subject."""
    data: Annotated[str, Field(examples=['{"referral_id":"7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11","completed":true}'])]
    """The extract, JSON."""


@event_class("notify", "service/notify")
class NotificationQueued(Data):
    """A recipient's feed shall have a notification, or shall blank those about a referral."""

    recipient: Source
    """The partner who is told."""
    referral_id: ReferralId | None = None
    """The referral that it concerns, if one."""
    notification: Notification | None = None
    """The notification; left out where the feed blanks."""
    erase: bool = False
    """Whether the recipient's feed blanks all its entries about the referral."""
    once_more: Count | None = None
    """The number of the entry up to which the feed blanks, if the referral is erased by now."""

    @property
    def subject(self) -> str:
        return self.referral_id or self.recipient


@event_class("monitor", "service/notify")
class NotificationDelivered(Data):
    """The notification stands in the recipient's feed, or reached the recipient's channel."""

    recipient: Source
    """The partner who was notified."""
    referral_id: ReferralId | None = None
    """The referral that it concerns, if one."""
    channel: Annotated[Literal["feed", "webhook", "email"], Field(title="DeliveryChannel")]
    """By which channel."""
    event_id: EventId
    """The id of the event of which it notified."""
    event_source: Source
    """The source of the event of which it notified."""

    @property
    def subject(self) -> str:
        return self.referral_id or self.recipient


@event_class("monitor", "service/notify")
class NotificationFailed(NotificationDelivered):
    """The channel did not take the notification; it still stands in the feed."""

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
    """A service dead-lettered an event of a known sender: which, and why; never its content."""

    sender: Source
    """Who sent the event that was refused."""
    service: Service
    """The service that refused it."""
    event_id: Annotated[str, Field(examples=["att-77"])]
    """The event's id, as far as it could be read."""
    event_type: EventType
    """The event's type, as far as it could be read."""
    reason: RefusalReason
    """Why, by class."""
    errors: Refusals
    """Why, one line each: a JSON Pointer and what is wrong there."""
    referral_id: ReferralId | None = None
    """The referral that the event named, if one could be read."""

    @property
    def subject(self) -> str:
        return self.referral_id or self.sender


@event_class("monitor", *EVERY_SERVICE)
class DeadLetterSettled(Data):
    """A service took a redriven dead letter up."""

    dl_id: DeadLetterId
    """The dead letter, by its id."""
    service: Service
    """The service that took the dead letter up."""
    attempt: Count
    """Which redrive of it this is, from 1."""
    outcome: Annotated[Literal["resolved", "rejected", "handler_failed"], Field(title="DeadLetterOutcome")]
    """The outcome of the redrive."""

    @property
    def subject(self) -> str:
        return self.dl_id


# --- monitor, and its own doors


@event_class("monitor", "service/monitor", outcome="partners")
class PartnerRegistered(Data):
    """A partner's own words about itself: its name, which classes it wants to read, in which language."""

    partner: Source
    """The partner: its source."""
    name: Annotated[str, Field(min_length=1, max_length=200, examples=["Pirkanmaan hyvinvointialue"])]
    """The partner's name."""
    classes: Annotated[tuple[str, ...], Field(max_length=60, examples=[["PlaceReserved", "ReferralClosed"]])] | None = (
        None
    )
    """The classes that the partner wants in its feed; left out: all."""
    language: Annotated[Literal["fi", "sv", "en"], Field(title="PartnerLanguage")] = "fi"
    """The language that people at the partner read."""

    @property
    def subject(self) -> str:
        return self.partner


class _ToDeadLetter(Data):
    # `place`, as `intake.http/3`: the topic and partition of the original. As subject, and so as key, it keeps requests
    # about the letters of one partition in order.
    dl_id: DeadLetterId
    """The dead letter, by its id."""
    by: Annotated[str, Field(examples=["ops:first"])]
    """Who made the request: role and name."""
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
    """The monitor to itself: erase all that the monitor keeps of a referral."""

    nth: Count
    """Which step of the erasure: 0 marks the referral, so that the monitor keeps nothing of later events; each further
    one finds some of the earlier ones."""
    code_digest: CodeDigest = ""
    """The digest to find texts by that hold the referral's code; empty where it had none."""


@event_class("monitor", "service/monitor")
class DeadLetterToErase(Data):
    """The monitor to itself: erase this dead letter's bytes if it names an erased referral."""

    dl_id: DeadLetterId
    """The dead letter, by its id."""

    @property
    def subject(self) -> str:
        return self.dl_id


@event_class("monitor", "service/monitor")
class TraceToErase(Data):
    """The monitor to itself: erase the codes of this event of an erased referral, except the outcome."""

    traced: Annotated[str, Field(examples=["/opisto/1.2.246.562.10.00000000001 att-77"])]
    """The event's envelope in the monitor's store, by its id there."""

    @property
    def subject(self) -> str:
        return self.traced


@event_class("monitor", *EVERY_SERVICE)
class AccessRecorded(Data):
    """Who looked at what, on what legal ground, and whether it was allowed; of a key: its holder, and the `change`.

    `forged_sender`: `who` sent in another's name, as the line in `what` says; at most one a minute for each.
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
    """On what legal ground the look was allowed; `none` where it was not."""
    allowed: bool
    """Whether the look was allowed."""
    referral_id: ReferralId | None = None
    """The referral that it concerns, if one."""
    change: Annotated[Literal["added", "revoked"], Field(title="KeyChange")] | None = None
    """What was done to a key."""

    @property
    def subject(self) -> str:
        return self.referral_id or self.what
