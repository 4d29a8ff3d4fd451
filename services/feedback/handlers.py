"""Which event concerns the feedback on a referral, and which function decides."""

from datetime import datetime

from services.feedback import cooperation, decide
from services.feedback.follow_up import deadlines
from services.feedback.model import ReferralFeedback
from shared.contracts import (
    catalogue_events,
    every_service_events,
    feedback_events,
    group_told_events,
    participant_events,
    record_events,
    referral_events,
    region_events,
)
from shared.contracts.envelope import Event
from shared.contracts.heartbeat import BEAT
from shared.contracts.issues import of_a_region
from shared.contracts.topics import READ_BY
from shared.engine.model import Decide, Handler, Kind, Table
from shared.store import Collection, Index

COLLECTION = Collection(
    "feedback",
    (
        Index(("quarter",)),
        Index(("answered_in",)),
        Index(("token",), many=True),
        Index(("about",)),
        Index((BEAT,)),
    ),
)
FEEDBACK = Kind(
    COLLECTION,
    ReferralFeedback,
    fields=decide.fields,
    erased_fields=decide.erased_fields,
    brief=decide.brief,
    deadlines=deadlines,
)


def table() -> Table:
    """The feedback service's table."""
    return Table(
        service="feedback",
        gathers=True,
        topics=READ_BY["feedback"],
        kinds=(FEEDBACK,),
        handlers={
            region_events.ReferralIssued: Handler(FEEDBACK, of_a_region, decide.issued),
            referral_events.IssueTaken: _by_referral(decide.issued),
            referral_events.ReferralOpened: _by_referral(decide.opened),
            referral_events.ReferralErased: _by_referral(decide.erased),
            catalogue_events.ActivitiesProposed: _by_referral(decide.matched),
            catalogue_events.NoActivityFound: _by_referral(decide.matched),
            catalogue_events.PlaceReserved: _by_referral(decide.place_answered),
            catalogue_events.PlaceWaitlisted: _by_referral(decide.place_answered),
            catalogue_events.PlaceRefused: _by_referral(decide.place_answered),
            catalogue_events.PlaceReleased: _by_referral(decide.place_answered),
            referral_events.ReferralCompleted: _by_referral(decide.ended),
            referral_events.ReferralLapsed: _by_referral(decide.ended),
            referral_events.ReferralClosed: _by_referral(decide.closed),
            referral_events.ReferralReopened: _by_referral(decide.reopened),
            feedback_events.FormLinkIssued: _by_referral(decide.form_link_issued),
            participant_events.FeedbackSubmitted: _by_referral(_submitted),
            record_events.TrainingHeld: Handler(FEEDBACK, _training, cooperation.training_held),
            group_told_events.GroupPlaced: Handler(FEEDBACK, _group, cooperation.group_placed),
        },
        deadlines={
            "feedback": Handler(FEEDBACK, _aggregate, decide.deadline_passed),
        },
    )


def _submitted(
    state: ReferralFeedback | None, event: Event[participant_events.FeedbackSubmitted], now: datetime, context: object
) -> decide.Decided:
    judge = decide.feedback_submitted if event.data.about.kind == "referral" else cooperation.submitted
    return judge(state, event, now, context)


def _training(event: Event[record_events.TrainingHeld]) -> str:
    return f"training {event.source} {event.data.subject}"


def _group(event: Event[group_told_events.GroupPlaced]) -> str:
    return f"group {event.data.group_id}"


def _by_referral(decision: Decide) -> Handler:
    return Handler(FEEDBACK, _referral, decision)


def _referral(event: Event) -> str:
    return event.data.subject


def _aggregate(event: Event[every_service_events.DeadlinePassed]) -> str:
    return event.data.aggregate
