"""Which issue of a referral every service reads at once, and which only once the referral service has taken it.

A region's counts as it is. What others issue counts where the client's region allows it, which the referral service
judges alone: then IssueTaken says the same again, and an issue that is not allowed concerns no other service.
"""

from shared.contracts.envelope import Event
from shared.contracts.partner_kinds import is_of
from shared.contracts.referral_events import IssueTaken
from shared.contracts.region_events import ReferralIssued


def of_a_region(event: Event[ReferralIssued]) -> str | None:
    """The referral that a region issued; None of what others issued."""
    return event.data.subject if is_of(event.source, ("region",)) else None


def issue_in(event: Event[ReferralIssued | IssueTaken]) -> Event[ReferralIssued]:
    """The issue, with the id, source and time that its sender gave it."""
    data = event.data
    if isinstance(data, ReferralIssued):
        return event  # type: ignore[return-value]
    return Event(
        data.event_id,
        data.event_source,
        data.event_time,
        data.issued,
        finer=data.event_finer,
        synthetic=event.synthetic,
    )
