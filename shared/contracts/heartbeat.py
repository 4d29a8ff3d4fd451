"""The platform's heartbeat: a synthetic referral and activity, of partners that are none, whose way every service sees.

The monitor sends it in these partners' names; nobody else can, since neither of them can hold a key or a topic.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from shared.contracts import topics

REGION_CODE: Final = "00"
REGION: Final = f"/region/{REGION_CODE}"
OPISTO: Final = "/opisto/heartbeat"
PARTNERS: Final = frozenset({REGION, OPISTO})

KEPT: Final = timedelta(days=1)
BEAT: Final = "beat"
"""The field by which what a heartbeat leaves is found, to be removed: its time, in seconds; nothing else has it."""

STAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "referral": ("ReferralIssued", "ActivitiesProposed", "PlaceReserved", "ActivityAttended", "FeedbackTaken"),
    "catalogue": ("ActivityPublished", "ReferralOpened", "PlaceRequested"),
    "feedback": ("ReferralOpened", "PlaceReserved", "ReferralCompleted", "FeedbackSubmitted"),
    "notify": ("ReferralOpened", "PlaceReserved", "FeedbackRequested", "NotificationQueued", "ReferralClosed"),
    "monitor": ("ReferralIssued", "OutcomeMeasured", "ReferralClosed", "NotificationDelivered"),
}
"""By service: the classes of events whose arrival shows that what comes before has worked."""

_OURS: Final = frozenset({topics.INTAKE_HTTP, *map(topics.events_of, topics.SERVICES)})
_MARKS: Final = frozenset(
    (header, partner.encode()) for header in ("ce_source", "ce_origin") for partner in (REGION, OPISTO)
)


def is_of_a_heartbeat(topic: str, headers: Iterable[tuple[str, bytes | None]]) -> bool:
    """Whether a record belongs to a heartbeat: it begins one, or follows from it. What a stranger writes never does."""
    return topic in _OURS and not _MARKS.isdisjoint(headers)


def beat_of(partner: str | None = None, time: datetime | None = None) -> dict[str, float | None]:
    """The field of a document that belongs to this partner since that time."""
    return {BEAT: time.timestamp() if time and partner in PARTNERS else None}
