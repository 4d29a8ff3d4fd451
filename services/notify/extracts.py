"""Who is told what: docs/contracts.md's list, and what each recipient's extract holds.

A region is told of its own referral; an opisto of a place only `referral_id referral_code activity_id languages
accessibility`, nothing else. Attendance reaches a region as counts alone.
"""

from collections.abc import Mapping
from typing import Any, Final

from services.notify.model import ToldReferral
from shared.contracts.envelope import Event

OF_THE_REGION: Final = frozenset(
    {
        "ReferralOpened",
        "ActivitiesProposed",
        "NoActivityFound",
        "PlaceReserved",
        "PlaceWaitlisted",
        "PlaceRefused",
        "PlaceReleased",
        "EnrolmentConfirmed",
        "EnrolmentCancelled",
        "FeedbackRequested",
        "ReferralCompleted",
        "ReferralLapsed",
        "ReferralClosed",
        "ReferralReopened",
    }
)
OF_ENROLMENT: Final = frozenset({"EnrolmentConfirmed", "EnrolmentCancelled"})
"""What an organiser says, of which the region is told once it counts for the referral."""
OF_THE_OPISTO: Final = frozenset({"PlaceReserved", "PlaceWaitlisted", "PlaceReleased"})
_INSIDE: Final = frozenset({"number", "answer", "request", "given_at", "promoted", "by_enrolment", "code_digest"})


def extract_for_region(event: Event) -> dict[str, Any]:
    """What the referral's region is told: the event without what services count among themselves."""
    data = event.data.model_dump(mode="json", exclude_none=True)
    extract = {name: value for name, value in data.items() if name not in _INSIDE}
    if event.name.startswith("Enrolment"):
        extract["organiser"] = event.source
    return extract


def extract_for_opisto(referral: ToldReferral, data: Mapping[str, Any]) -> dict[str, Any]:
    """What an opisto is told of a place."""
    return {
        "referral_id": referral.id,
        "referral_code": referral.code,
        "activity_id": data["activity_id"],
        "languages": list(referral.languages),
        "accessibility": list(referral.accessibility),
    }


def blank(referral_id: str) -> dict[str, Any]:
    """What erasure leaves of what was told."""
    return {"referral_id": referral_id, "erased": True}
