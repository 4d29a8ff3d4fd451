"""What the referral service decides, on `referral.events`.

`number` is the referral's count of its requests to one activity, or to the matching: the greatest number holds, so a stale
message can neither free nor take a newer place.
"""

from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.data import AboutPlace, AboutReferral, Strict
from shared.contracts.event_class import event_class
from shared.contracts.fields import (
    ActivityId,
    Cause,
    CodeDigest,
    Count,
    EventId,
    Finer,
    Funding,
    Issuer,
    Organiser,
    RegionCode,
    Release,
    Source,
    UnitRef,
    VoucherGroup,
    What,
)
from shared.contracts.instants import Day, Instant
from shared.contracts.opisto_events import EnrolmentEnd
from shared.contracts.region_events import ReferralIssued
from shared.contracts.topics import INTAKE_HTTP, LOG_KEPT_DAYS

ReferralOutcome = Annotated[
    Literal[
        "completed", "discontinued", "never_attended", "not_recorded", "no_activity_found", "not_chosen", "withdrawn"
    ],
    Field(title="Outcome"),
]
Status = Literal[
    "issued",
    "proposed",
    "unmatched",
    "requested",
    "waitlisted",
    "placed",
    "attending",
    "completed",
    "lapsed",
    "withdrawn",
]
ReferralCode = Annotated[str, Field(examples=["DKGDM5F8QK4V"])]


class AwaitedStep(Strict):
    """A step that is awaited, and until when."""

    what: What
    """What is awaited."""
    due_at: Instant
    """Until when, in UTC."""


@event_class("notify", "service/referral")
class ReferralOpened(AboutReferral):
    """The platform has the referral and follows it."""

    issuer: Issuer
    """Who issued it: the referral is theirs."""
    region: RegionCode
    """The region that it counts for, by its code: the issuer, else the one where the client lives."""
    referral_code: ReferralCode
    """Twelve characters by which an opisto at its desk finds the referral; the client shows them."""
    deadlines: tuple[AwaitedStep, ...]
    """The steps that are awaited first, with their deadlines."""
    unit_ref: UnitRef | None = None
    """The unit that issued it; left out in what was opened before this stood here."""


@event_class("catalogue", "service/referral")
class IssueTaken(AboutReferral):
    """What a municipality, an association or a library issued counts, since the client's region allows it. The other
    services read such an issue here, and none that is not allowed."""

    issued: ReferralIssued
    """What was issued."""
    event_id: EventId
    """The id of the event that counts."""
    event_source: Issuer
    """Who sent it."""
    event_time: Instant
    """The time of the event that counts, in UTC."""
    event_finer: Finer = ""
    """The digits of its time below a microsecond."""


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
    funding: Annotated[tuple[Funding, ...], Field(max_length=3)] = ()
    """What may pay for the client, in the order of the referral's latest issue."""
    kaikukortti_from: Day | None = None
    """The day from which the client's Kaikukortti card is valid for a year."""
    voucher_group: VoucherGroup | None = None
    """The group for which a study voucher would be."""


@event_class("catalogue", "service/referral")
class PlaceGivenUp(AboutPlace):
    """The referral wants no place here."""

    follow: bool
    """Whether the referral still follows the activity's sessions and cancellation."""
    freed_at: Instant
    """The time of the fact that freed the place, in UTC; the first in the queue has it from then on."""
    why: Release | None = None
    """Why; left out: no place was ever asked for here. Another `why` than before corrects it."""


class SessionCounts(Strict):
    """How many of the counted sessions were attended, missed, missed after a word beforehand, never recorded."""

    attended: Count
    """How many sessions the participant came to."""
    missed: Count
    """How many sessions the participant missed without a word."""
    told_ahead: Annotated[Count, Field(examples=[0])] = 0
    """How many sessions the participant missed and had said so beforehand."""
    not_recorded: Count
    """Of how many sessions nobody said whether the participant came."""


class ReferralEnd(AboutReferral):
    """How a referral ended, as far as known."""

    outcome: ReferralOutcome
    """How it ended: completed; discontinued when some sessions had been attended; never attended; with no session recorded;
    without an activity that fits; without a choice in time; withdrawn."""
    sessions: SessionCounts
    """How many of the counted sessions were attended, missed, missed after a word beforehand, or never recorded."""


@event_class("feedback", "service/referral")
class ReferralCompleted(ReferralEnd):
    """Someone came. The feedback follows."""


@event_class("feedback", "service/referral")
class ReferralLapsed(ReferralEnd):
    """Nothing came of it: silence, or nobody came."""


@event_class("feedback", "service/referral")
class ReferralClosed(ReferralEnd):
    """The loop is closed. Sent again when what it said has changed; the latest holds."""

    closed_at: Instant | None = None
    """When the loop was closed, in UTC; the same each time that it is sent, until the referral goes on again."""


@event_class("notify", "service/referral")
class AbsencesNoticed(AboutReferral):
    """The participant missed three sessions in a row, or more, without a word: somebody who knows the client should ask how
    things are. Said once of a row; a session attended, or a word beforehand, ends the row."""

    organiser: Organiser
    """Who runs the activity: the `source` of its publication."""
    activity_id: ActivityId
    """The activity, by its organiser's own id."""
    in_a_row: Annotated[Count, Field(ge=3, examples=[3])]
    """How many sessions in a row were missed, as far as known."""


@event_class("feedback", "service/referral")
class ReferralReopened(AboutReferral):
    """The referral goes on: an event came, or came late, after which its end, or its closing, holds no more."""

    completed: bool
    """Whether the referral is still completed, and merely not closed any more."""


@event_class("notify", "service/referral")
class ReferralErased(AboutReferral):
    """The one who may do so withdrew the consent: every service erases what it keeps of the referral; the id stays."""

    issuer: Issuer
    """Who issued it or, where nothing was issued yet, withdrew the consent."""
    region: RegionCode
    """The region that it counts for, by its code."""
    code_digest: CodeDigest | None = None
    """The digest to find texts by that hold the referral's code, if it had one."""
    log_kept_days: Annotated[Count, Field(examples=[30])] = LOG_KEPT_DAYS
    """For how many days at most Kafka's log still holds the events before."""
    audit: Literal["own_term"] = "own_term"
    """The list of who looked at the referral is kept for a term of its own."""


@event_class("referral", "service/referral", on=(INTAKE_HTTP,))
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


class ActivityKey(Strict):
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


class AwaitedNow(Strict):
    """The step that is awaited now, from whom, and how long silence has lasted."""

    what: What
    """What is awaited."""
    concerns: Source
    """From whom it is awaited: the partner who is reminded."""
    since: Instant
    """Since when it is awaited, in UTC."""
    due_at: Instant
    """Until when it should be there, in UTC; later it is late, whether or not a reminder went out."""
    passed: Count
    """How often its deadline has passed: how many reminders the partner had."""


class AttendedUnplaced(Strict):
    """A session that was attended where the referral never had a place."""

    organiser: Organiser
    """Who recorded it."""
    activity_id: ActivityId
    """The activity, by its organiser's own id."""
    since: Instant
    """The time of the record, in UTC."""
    due_at: Instant
    """Until when a place, or a correction, should be there, in UTC."""


@event_class("monitor", "service/referral")
class StandingChanged(AboutReferral):
    """Where the referral stands now, and what is awaited from whom: for those who watch, so that they copy no rule."""

    number: Count
    """The referral's count of these words, from 1; the greatest holds."""
    status: Annotated[Status, Field(title="ReferralStatus")]
    """Where it stands."""
    closed: bool
    """Whether the loop is closed: nothing is awaited any more."""
    awaits: AwaitedNow | None = None
    """The step that is awaited; left out: none, or one of the platform's own."""
    session_at: Instant | None = None
    """When the first session of the chosen activity begins that was still to come, in UTC."""
    unplaced: AttendedUnplaced | None = None
    """The oldest attendance at an activity where the referral never had a place; left out: there is none."""
