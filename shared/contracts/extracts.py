"""The extracts of events that a partner reads in its feed: as a referral's issuer, as an activity's organiser, or as the event's sender.

An entry keeps the event's type, id, source and time. Its data is one of these extracts; `dataschema` names which. A
field without a value is left out, never null.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, create_model

from shared.contracts import (
    catalogue_events,
    every_service_events,
    feedback_events,
    monitor_events,
    opisto_events,
    referral_events,
)
from shared.contracts.data import Data, Strict, ToPartner
from shared.contracts.fields import (
    Accessibility,
    ActivityId,
    Count,
    EventType,
    Issuer,
    Language,
    Organiser,
    Phase,
    PriceRule,
    ReferralId,
    RegionCode,
    Release,
    Service,
    What,
)
from shared.contracts.instants import Instant
from shared.contracts.partner_kinds import ORGANISERS, REFERRERS
from shared.contracts.registry import CLASSES


class Extract(Strict):
    """What a partner reads of one class of events, by its part in a referral."""


class _OfReferral(Extract):
    referral_id: ReferralId
    """The referral, by the id under which it was issued."""


class _OfPlace(_OfReferral):
    organiser: Organiser
    """Who runs the activity: the `source` of its publication."""
    activity_id: ActivityId
    """The activity, by its organiser's own id."""


class ReferralOpenedToIssuer(_OfReferral):
    """The platform has the referral and follows it."""

    issuer: Issuer
    """Who issued it: the referral is theirs."""
    region: RegionCode
    """The region that it counts for, by its code: the issuer, else the one where the client lives."""
    referral_code: referral_events.ReferralCode
    """Twelve characters by which an organiser at its desk finds the referral; the client shows them."""
    deadlines: tuple[referral_events.AwaitedStep, ...]
    """The steps that are awaited first, with their deadlines."""


class ActivitiesProposedToIssuer(_OfReferral):
    """Up to five activities that fit; they replace those proposed before."""

    proposals: Annotated[tuple[catalogue_events.Proposal, ...], Field(min_length=1, max_length=5)]
    """One to five activities, the best first."""


class NoActivityFoundToIssuer(_OfReferral):
    """No activity fits now; the catalogue tries again as activities appear."""

    nearest_misses: catalogue_events.NearestMisses
    """How many activities each filter alone refused, by its name."""


class PlaceReservedToIssuer(_OfPlace):
    """A place is held."""

    confirm: bool
    """Whether the organiser must confirm the place."""
    price_cents: Annotated[Count, Field(examples=[0])] | None = None
    """What the client pays for the whole activity, in euro cents."""
    price_rule: PriceRule | None = None
    """What made that price."""
    sessions: tuple[catalogue_events.ListedSession, ...]
    """The activity's sessions, as listed last."""
    cancelled: catalogue_events.ActivityCall | None = None
    """When the activity was cancelled, if it was."""


class PlaceWaitlistedToIssuer(_OfPlace):
    """No place yet, but one on the waiting list."""

    position: Count
    """The place on the waiting list; 1 is next."""
    sessions: tuple[catalogue_events.ListedSession, ...]
    """The activity's sessions, as listed last."""
    cancelled: catalogue_events.ActivityCall | None = None
    """When the activity was cancelled, if it was."""


class PlaceRefusedToIssuer(_OfPlace):
    """No place."""

    reason: catalogue_events.PlaceRefusal
    """Why. The catalogue judges `unknown` and `closed` again when a version of the activity arrives; `full` is final."""


class PlaceReleasedToIssuer(_OfPlace):
    """The place, or the place on the waiting list, is free again. Comes again where the reason turns out to be another."""

    reason: Release
    """Why: the loop was closed, which takes nobody off a list; the issuer took the referral back; the referral has moved to
    another activity; the organiser took the participant off its list; the activity was called off; or nobody confirmed the
    place in time."""


class AbsencesNoticedToIssuer(_OfPlace):
    """The participant missed three sessions in a row, or more, without a word: somebody who knows the client should ask how
    things are. Comes once for a row; a session attended, or a word beforehand, ends the row."""

    in_a_row: Annotated[Count, Field(ge=3, examples=[3])]
    """How many sessions in a row were missed, as far as known."""


class EnrolmentConfirmedToIssuer(_OfPlace):
    """The organiser has the participant on its list. Comes once it counts, under the event's own id, source and time."""


class EnrolmentCancelledToIssuer(_OfPlace):
    """The organiser took the participant off its list. Comes once it counts, under the event's own id, source and time."""

    reason: opisto_events.EnrolmentEnd
    """Why: the activity is full; it does not suit the participant, who was not reached, wished it or stayed away; or
    something else."""


class FeedbackRequestedToIssuer(_OfReferral):
    """The issuer shall ask someone: it makes the link to the form, and hands it out."""

    phase: Phase
    """When the answers are of: before the activity, after it, or three or six months after the loop was closed."""
    respondents: tuple[feedback_events.Asked, ...]
    """Who is asked: the participant or, where that is a child below seven, a carer; and the partners."""
    instruments: tuple[feedback_events.Instrument, ...]
    """Which questions are asked."""


class _EndToIssuer(_OfReferral):
    outcome: referral_events.ReferralOutcome
    """How it ended: completed; discontinued when some sessions had been attended; never attended; with no session recorded;
    without an activity that fits; without a choice in time; withdrawn."""
    sessions: referral_events.SessionCounts
    """How many of the counted sessions were attended, missed, missed after a word beforehand, or never recorded."""


class ReferralCompletedToIssuer(_EndToIssuer):
    """Someone came. The feedback follows."""


class ReferralLapsedToIssuer(_EndToIssuer):
    """Nothing came of it: silence, or nobody came."""


class ReferralClosedToIssuer(_OfReferral):
    """The loop is closed. Comes again when its content has changed; the latest holds."""

    outcome: referral_events.ReferralOutcome
    """How it ended: completed; discontinued when some sessions had been attended; never attended; with no session recorded;
    without an activity that fits; without a choice in time; withdrawn."""
    sessions: referral_events.SessionCounts | None = None
    """How many of the counted sessions were attended, missed, missed after a word beforehand, or never recorded; left out
    after an erasure."""
    closed_at: Instant | None = None
    """When the loop was closed, in UTC; left out after an erasure."""


class ReferralReopenedToIssuer(_OfReferral):
    """The referral goes on: its end, or its closing, holds no more."""

    completed: bool
    """Whether the referral is still completed, and merely not closed any more."""


class ReferralErasedToIssuer(_OfReferral):
    """The consent was withdrawn, and every service has erased the referral. No feed has its earlier entries any more."""

    issuer: Issuer
    """Who issued it or, where nothing was issued yet, withdrew the consent."""
    log_kept_days: Annotated[Count, Field(examples=[30])]
    """For how many days at most Kafka's log still holds the events before."""
    audit: Literal["own_term"]
    """The list of who looked at the referral is kept for a term of its own."""


class _ClientToOrganiser(_OfReferral):
    referral_code: referral_events.ReferralCode
    """What the client shows at the desk."""
    activity_id: ActivityId
    """The activity, by the organiser's own id."""
    languages: tuple[Language, ...]
    """In which languages the client can take part, the preferred one first: ISO 639 codes."""
    accessibility: tuple[Accessibility, ...]
    """What the client needs in order to take part; may be none."""
    companion: bool
    """Whether the client wishes that somebody comes along to the first session."""


class PlaceReservedToOrganiser(_ClientToOrganiser):
    """A place of the organiser's activity is held for a client."""

    price_cents: Annotated[Count, Field(examples=[0])] | None = None
    """What the client pays for the whole activity, in euro cents."""
    price_rule: PriceRule | None = None
    """What made that price: by `kaikukortti` the place is one use of the card, by `opintoseteli` the grant pays it."""


class PlaceWaitlistedToOrganiser(_ClientToOrganiser):
    """A client waits for a place of the organiser's activity."""


class PlaceReleasedToOrganiser(_OfReferral):
    """A place of the organiser's activity, or a place on its waiting list, is free again. Comes again where the reason turns out
    to be another."""

    reason: Release
    """Why. `loop_closed`: the referral has come to its end, and the participant stays on the opisto's list. Any other takes the
    participant off it: the region took the referral back; the referral has moved to another activity; the opisto itself took
    the participant off; the activity was called off; or nobody confirmed the place in time."""
    referral_code: referral_events.ReferralCode | None = None
    """What the client showed at the desk; left out after an erasure."""
    activity_id: ActivityId
    """The activity, by the organiser's own id."""
    languages: tuple[Language, ...] | None = None
    """In which languages the client could take part, the preferred one first: ISO 639 codes; left out after an erasure."""
    accessibility: tuple[Accessibility, ...] | None = None
    """What the client needed in order to take part; may be none; left out after an erasure."""


class DeadlinePassedToPartner(_OfReferral):
    """The partner's step has not come in time. The first passing reminds, the second acts."""

    what: What
    """The awaited step: an activity that fits, the issuer's choice, the organiser's confirmation or records of attendance,
    the participant's answers; the others are the services' own."""
    due_at: Instant
    """Until when the step was awaited, in UTC."""
    nth: Count
    """Which passing of this deadline it is, from 1."""


class EventRefusedToSender(Extract):
    """A service dead-lettered an event of the partner's: which, and why; never its content."""

    service: Service
    """The service that refused the event."""
    event_id: Annotated[str, Field(examples=["att-77"])]
    """The event's id, as far as it could be read."""
    event_type: EventType
    """The event's type, as far as it could be read."""
    reason: every_service_events.RefusalReason
    """Why, by class."""
    errors: every_service_events.Refusals
    """Why, one line each: a JSON Pointer and what is wrong there."""
    referral_id: ReferralId | None = None
    """The referral that the event named, if one could be read."""


class ViolationsReportedToSender(Extract):
    """What the partner did wrong of late, summed up by class, reason and field; ops have it told, once a day at most."""

    violations: tuple[monitor_events.CountedViolation, ...]
    """Those with the most dead letters."""
    further: Count
    """How many dead letters there are of others."""


def _told_whole(model: type[ToPartner]) -> type[Extract]:
    """The event without the name of its reader."""
    said: dict[str, Any] = {
        name: (one.annotation, one) for name, one in model.model_fields.items() if name != "recipient"
    }
    return create_model(f"{model.__name__}ToPartner", __base__=Extract, __doc__=model.__doc__, **said)


ADDRESSED: Final[Mapping[type[Data], type[Extract]]] = {
    one.model: _told_whole(one.model) for one in CLASSES.values() if issubclass(one.model, ToPartner)
}
"""The classes that name their one reader, with what he reads."""
_TO_BOTH: Final[Mapping[type[Data], type[Extract]]] = {
    every_service_events.DeadlinePassed: DeadlinePassedToPartner,
    every_service_events.EventRefused: EventRefusedToSender,
    monitor_events.ViolationsReported: ViolationsReportedToSender,
    **ADDRESSED,
}
TO_ISSUER: Final[Mapping[type[Data], type[Extract]]] = {
    referral_events.ReferralOpened: ReferralOpenedToIssuer,
    catalogue_events.ActivitiesProposed: ActivitiesProposedToIssuer,
    catalogue_events.NoActivityFound: NoActivityFoundToIssuer,
    catalogue_events.PlaceReserved: PlaceReservedToIssuer,
    catalogue_events.PlaceWaitlisted: PlaceWaitlistedToIssuer,
    catalogue_events.PlaceRefused: PlaceRefusedToIssuer,
    catalogue_events.PlaceReleased: PlaceReleasedToIssuer,
    referral_events.AbsencesNoticed: AbsencesNoticedToIssuer,
    opisto_events.EnrolmentConfirmed: EnrolmentConfirmedToIssuer,
    opisto_events.EnrolmentCancelled: EnrolmentCancelledToIssuer,
    feedback_events.FeedbackRequested: FeedbackRequestedToIssuer,
    referral_events.ReferralCompleted: ReferralCompletedToIssuer,
    referral_events.ReferralLapsed: ReferralLapsedToIssuer,
    referral_events.ReferralClosed: ReferralClosedToIssuer,
    referral_events.ReferralReopened: ReferralReopenedToIssuer,
    referral_events.ReferralErased: ReferralErasedToIssuer,
    **_TO_BOTH,
}
TO_ORGANISER: Final[Mapping[type[Data], type[Extract]]] = {
    catalogue_events.PlaceReserved: PlaceReservedToOrganiser,
    catalogue_events.PlaceWaitlisted: PlaceWaitlistedToOrganiser,
    catalogue_events.PlaceReleased: PlaceReleasedToOrganiser,
    **_TO_BOTH,
}
_PARTS: Final = ((TO_ISSUER, REFERRERS), (TO_ORGANISER, ORGANISERS))
"""What is read in each part, and which kinds of partners can have it: some can be a referral's issuer and its organiser."""
EXTRACTS: Final[Mapping[str, type[Extract]]] = {
    extract.__name__: extract for told, _ in _PARTS for extract in told.values()
}


def read_as(kind: str) -> list[tuple[type[Data], type[Extract]]]:
    """The classes that a kind of partner may read of, each with its extract."""
    return list(dict.fromkeys(row for told, kinds in _PARTS if kind in kinds for row in told.items()))
