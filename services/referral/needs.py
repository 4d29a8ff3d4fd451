"""The conditions of an organiser's event: the organiser is related to the referral, and the activity is published.

Pure. Until then the event waits.
"""

from datetime import datetime
from typing import Final

import msgspec

from services.referral.fold import fold
from services.referral.model import PlaceOrder, Referral, split_key
from services.referral.relation import looked_up
from services.referral.telling import registration
from services.referral.view import Durations
from shared.contracts.envelope import Event
from shared.engine.model import Decision, Follow, Rejected, Waits

MAX_FOLLOWED: Final = 64
"""Activities of one organiser that the region did not choose."""
RELATION: Final = (
    "its referral, and the region's choice of an activity of the sender's or the sender's look-up of its code"
)
"""The same where there is no such referral: a stranger to a referral learns nothing of it."""

_changed = msgspec.structs.replace


def does_not_count(state: Referral | None, event: Event, durations: Durations) -> Waits | None:
    """None where the sender is related to the referral, else the condition that its event waits for."""
    if state is None or state.issued is None:
        return Waits(RELATION)
    related = looked_up(state, event.source, event.time) or event.source in fold(state, durations).related
    return None if related else Waits(RELATION)


def is_chosen(state: Referral, activity: str) -> bool:
    """Whether the region ever chose the activity."""
    return any(fact.kind == "chosen" and fact.activity == activity for fact in state.facts)


def published_sessions(state: Referral, activity: str) -> set[str]:
    """Whether the catalogue knows the activity: a published one has sessions."""
    answer = state.answers.get(activity)
    return {listed.session for listed in answer.sessions} if answer else set()


def until_published(state: Referral, event: Event, activity: str, now: datetime, session: str = "") -> Waits | Rejected:
    """Nothing counts about an unpublished activity. The referral asks the catalogue to say when it is published."""
    what = f"the session {session} of {activity} to be published" if session else f"{activity} to be published"
    if activity in state.orders:
        return Waits(what)
    organiser = event.source
    followed = [one for one in state.orders if split_key(one)[0] == organiser and not is_chosen(state, one)]
    if len(followed) >= MAX_FOLLOWED:
        return Rejected(
            f"{organiser} named {len(followed)} activities for {state.id} that were not chosen; no more are taken"
        )
    order = PlaceOrder(1, "follow", asked_at=now)
    asking = registration(state.id, activity, order, event.time)
    state = _changed(state, orders={**state.orders, activity: order})
    # A key of its own: the event itself may follow up with the same activity in its turn.
    return Waits(what, Decision(state, [Follow(asking, f"{activity} until published")]))
