"""Which event concerns the feedback on a referral, and which function decides."""

from services.feedback import decide
from services.feedback.model import ReferralFeedback
from shared.contracts import partner_events, service_events
from shared.contracts.envelope import Event
from shared.contracts.topics import READ_BY
from shared.engine.model import Decide, Handler, Kind, Table
from shared.store import Collection, Index

COLLECTION = Collection(
    "feedback",
    (
        Index(("quarter",)),
        Index(("answered_in",)),
        Index(("token",), many=True),
    ),
)
FEEDBACK = Kind(
    COLLECTION, ReferralFeedback, fields=decide.fields, erased_fields=decide.erased_fields, brief=decide.brief
)


def table() -> Table:
    """The feedback service's table."""
    return Table(
        service="feedback",
        gathers=True,
        topics=READ_BY["feedback"],
        kinds=(FEEDBACK,),
        handlers={
            partner_events.ReferralIssued: _by_referral(decide.issued),
            service_events.ReferralOpened: _by_referral(decide.opened),
            service_events.ReferralErased: _by_referral(decide.erased),
            service_events.ActivitiesProposed: _by_referral(decide.matched),
            service_events.NoActivityFound: _by_referral(decide.matched),
            service_events.PlaceReserved: _by_referral(decide.place_answered),
            service_events.PlaceWaitlisted: _by_referral(decide.place_answered),
            service_events.PlaceRefused: _by_referral(decide.place_answered),
            service_events.PlaceReleased: _by_referral(decide.place_answered),
            service_events.ReferralCompleted: _by_referral(decide.ended),
            service_events.ReferralLapsed: _by_referral(decide.ended),
            service_events.ReferralClosed: _by_referral(decide.closed),
            service_events.ReferralReopened: _by_referral(decide.reopened),
            service_events.FormLinkIssued: _by_referral(decide.form_link_issued),
            partner_events.FeedbackSubmitted: _by_referral(decide.feedback_submitted),
        },
        deadlines={
            "feedback": Handler(FEEDBACK, _aggregate, decide.deadline_passed),
        },
    )


def _by_referral(decision: Decide) -> Handler:
    return Handler(FEEDBACK, _referral, decision)


def _referral(event: Event) -> str:
    return event.data.subject


def _aggregate(event: Event[service_events.DeadlinePassed]) -> str:
    return event.data.aggregate
