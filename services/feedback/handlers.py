"""Which event concerns the feedback on a referral, and which function decides."""

from services.feedback import decide
from services.feedback.model import Feedback
from shared.contracts.envelope import Event
from shared.contracts.from_services import DeadlinePassed
from shared.contracts.topics import INTAKE_HTTP, events_of, redrive_to
from shared.engine.model import Decide, Handler, Kind, Table
from shared.store import Collection, Index

COLLECTION = Collection(
    "feedback",
    (
        Index(("outbox_since",)),
        Index(("due_at",)),
        Index(("quarter",)),
        Index(("answered_in",)),
        Index(("token",), many=True),
    ),
)
FEEDBACK = Kind(COLLECTION, Feedback, fields=decide.fields, erased_fields=decide.erased_fields, brief=decide.brief)


def table() -> Table:
    """What the feedback service does with each class of events."""
    return Table(
        service="feedback",
        gathers=True,
        topics=(
            INTAKE_HTTP,
            "intake.region.*",
            "intake.opisto.*",
            events_of("referral"),
            events_of("catalogue"),
            events_of("feedback"),
            redrive_to("feedback"),
        ),
        kinds=(FEEDBACK,),
        handlers={
            "ReferralIssued": _by_referral(decide.issued),
            "ReferralOpened": _by_referral(decide.opened),
            "ReferralErased": _by_referral(decide.erased),
            "ActivitiesProposed": _by_referral(decide.matched),
            "NoActivityFound": _by_referral(decide.matched),
            "PlaceReserved": _by_referral(decide.place_answered),
            "PlaceWaitlisted": _by_referral(decide.place_answered),
            "PlaceRefused": _by_referral(decide.place_answered),
            "PlaceReleased": _by_referral(decide.place_answered),
            "ReferralCompleted": _by_referral(decide.ended),
            "ReferralLapsed": _by_referral(decide.ended),
            "ReferralClosed": _by_referral(decide.closed),
            "ReferralReopened": _by_referral(decide.reopened),
            "FormLinkIssued": _by_referral(decide.form_link_issued),
            "FeedbackSubmitted": _by_referral(decide.feedback_submitted),
            "DeadlinePassed/feedback": Handler(FEEDBACK, _aggregate, decide.deadline_passed),
        },
    )


def _by_referral(decision: Decide) -> Handler:
    return Handler(FEEDBACK, _referral, decision)


def _referral(event: Event) -> str:
    return event.data.subject


def _aggregate(event: Event[DeadlinePassed]) -> str:
    return event.data.aggregate


def locate(source: str, name: str, subject: str) -> tuple[str, str] | None:
    """Where the outcome of an event from outside is kept."""
    return (COLLECTION.name, subject) if name == "FeedbackSubmitted" else None
