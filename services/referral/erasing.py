"""Erasure: the consent is withdrawn, and the referral keeps only its id, its issuer, the status and the dates.

Pure. Every service hears of the erasure, the issuer of the end; whoever issues it later, that nothing is kept.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from services.referral.fold import fold
from services.referral.model import Ending, ErasedReferral, LatestIssue, Referral, split_key
from services.referral.telling import closing_event
from services.referral.view import Durations
from shared.contracts import referral_events
from shared.contracts.referral_code import digest_of
from shared.engine.model import Decision, Follow

WITHDRAWN: Final = (
    "the consent for this referral_id was withdrawn: nothing of it is kept; with a new consent issue it under a new id"
)
NOT_KEPT: Final = "nothing is kept under this referral_id; issue it under a new id"
"""To another one, who learns neither whose referral it was nor that the consent was withdrawn."""


def erase(
    state: Referral, issue: LatestIssue, withdrawn_at: datetime, durations: Durations, now: datetime
) -> Decision[Referral]:
    """Leaves the id, the issuer, the status, the dates. Tells every service of the erasure, the issuer of the end.

    `issue` may be one that only meets the withdrawal, and never opened the referral.
    """
    issuer = issue.source
    left = ErasedReferral("withdrawn", "withdrawn", state.first_issued_at, now, issuer)
    ended = Ending("withdrawn", 0, 0, 0)
    if state.issued:
        view = fold(state, durations)
        if view.status in {"completed", "lapsed"} and view.ended:
            closed_at = state.told.closed_at or now
            left = ErasedReferral(view.status, view.ended.outcome, state.first_issued_at, closed_at, issuer)
            ended = view.ended
    forget = list(_forgetting(state, withdrawn_at))
    # ReferralErased first, since it blanks the feeds: the end that follows stays in them.
    digest = digest_of(state.code) if state.code else None
    erased = referral_events.ReferralErased(
        referral_id=state.id, issuer=issuer, region=issue.region, code_digest=digest
    )
    ended_matching = referral_events.MatchingEnded(referral_id=state.id, number=state.matching.number + 1)
    follow = [Follow(erased), *forget, Follow(ended_matching)]
    if ended != state.told.closed:
        follow.append(Follow(closing_event(state.id, ended, left.closed_at)))
    return Decision(Referral(state.id, erased=left), follow, erase=True)


def _forgetting(state: Referral, freed_at: datetime) -> Iterator[Follow]:
    for activity, order in state.orders.items():
        organiser, activity_id = split_key(activity)
        given_up = referral_events.PlaceGivenUp(
            referral_id=state.id,
            organiser=organiser,
            activity_id=activity_id,
            number=order.number + 1,
            follow=False,
            freed_at=freed_at,
            why="withdrawn" if order.want == "place" else order.why,
        )
        yield Follow(given_up, activity)


# --- events after an erasure


def meets_erasure(state: Referral, source: str, name: str) -> str | None:
    """Answers whoever issues an erased referral that nothing is kept; with the reason, if it was its own."""
    if name != "ReferralIssued":
        return None
    own = state.erased is not None and state.erased.issuer == source
    return WITHDRAWN if own else NOT_KEPT
