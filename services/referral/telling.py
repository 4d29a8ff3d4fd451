"""Telling what has changed: folds a referral's facts again, and tells each listener what differs from the last words.

Pure. The referral tells each word about the ending and the matching once until it changes; orders to an activity carry
numbers, and the activity goes by the greatest.
"""

from datetime import datetime
from typing import Any

import msgspec

from services.referral.absences import tell_absences
from services.referral.fold import fold
from services.referral.model import Ending, Matching, PlaceOrder, Referral, split_key
from services.referral.standing import tell_standing
from services.referral.using import tell_use
from services.referral.view import Durations, View, Want
from shared.contracts import data, referral_events
from shared.contracts.envelope import Event
from shared.engine.model import Decision, Follow

_changed = msgspec.structs.replace


def tell_changes(
    state: Referral, event: Event, now: datetime, durations: Durations, *, opened: bool = False
) -> Decision[Referral]:
    """The state that remembers these words as told, and the events that tell them."""
    view = fold(state, durations)
    state, follow = tell_absences(state, view)
    for tell in (_tell_ending, _tell_matching):
        state, events = tell(state, view, now)
        follow += events
    state, events = _tell_activities(state, view, event.time, now)
    follow += events
    state, events = tell_use(state, view)
    follow += events
    # What was just told may begin a wait: the referral is folded again where it told anything.
    view = fold(state, durations) if follow else view
    state, events = tell_standing(state, view, now)
    follow += events
    if opened:
        follow.insert(0, Follow(_opening(state, view, event)))
    return Decision(state, follow)


def _opening(state: Referral, view: View, issue: Event[Any]) -> referral_events.ReferralOpened:
    assert state.issued is not None
    return referral_events.ReferralOpened(
        referral_id=state.id,
        issuer=state.issued.source,
        region=state.issued.region,
        referral_code=state.code,
        deadlines=tuple(
            referral_events.AwaitedStep(what=deadline.what, due_at=deadline.due_at) for deadline in view.deadlines
        ),
        unit_ref=issue.data.unit_ref,
    )


_Telling = tuple[Referral, list[Follow]]


# --- the ending


def _tell_ending(state: Referral, view: View, now: datetime) -> _Telling:
    known = state.told
    completed = view.ended if view.status == "completed" else None
    lapsed = view.ended if view.status == "lapsed" else None
    closed = view.ended if view.closed else None
    follow: list[Follow] = []
    over = known.completed or known.lapsed
    if not closed and (known.closed or (over and not (completed or lapsed))):
        follow.append(Follow(referral_events.ReferralReopened(referral_id=state.id, completed=completed is not None)))
    if completed and completed != known.completed:
        follow.append(Follow(_ending_event(referral_events.ReferralCompleted, state.id, completed)))
    if lapsed and lapsed != known.lapsed:
        follow.append(Follow(_ending_event(referral_events.ReferralLapsed, state.id, lapsed)))
    if closed and closed != known.closed:
        follow.append(Follow(closing_event(state.id, closed, known.closed_at or now)))
    completed_at = (known.completed_at or now) if completed else None
    closed_at = (known.closed_at or now) if closed else None
    told_now = _changed(
        known, completed=completed, completed_at=completed_at, lapsed=lapsed, closed=closed, closed_at=closed_at
    )
    return _changed(state, told=told_now), follow


def _ending_event(
    event_class: type[referral_events.ReferralEnd], referral_id: str, ended: Ending
) -> referral_events.ReferralEnd:
    return event_class(referral_id=referral_id, outcome=ended.outcome, sessions=_counts(ended))


def closing_event(referral_id: str, ended: Ending, closed_at: datetime | None) -> referral_events.ReferralClosed:
    """The event that tells that the loop is closed, and since when."""
    return referral_events.ReferralClosed(
        referral_id=referral_id, outcome=ended.outcome, sessions=_counts(ended), closed_at=closed_at
    )


def _counts(ended: Ending) -> referral_events.SessionCounts:
    return referral_events.SessionCounts(
        attended=ended.attended, missed=ended.missed, told_ahead=ended.told_ahead, not_recorded=ended.not_recorded
    )


# --- the matching


def _tell_matching(state: Referral, view: View, now: datetime) -> _Telling:
    known = state.matching
    without = view.without if view.matching else known.without
    if (known.wanted, known.without) == (view.matching, without):
        return state, []
    number = known.number + 1
    if not view.matching:
        state = _changed(state, matching=_changed(known, number=number, wanted=False))
        return state, [Follow(referral_events.MatchingEnded(referral_id=state.id, number=number))]
    state = _changed(state, matching=Matching(number, number, wanted=True, without=without, asked_at=now))
    left_out = tuple(_key_model(activity) for activity in without)
    return state, [Follow(referral_events.RematchRequested(referral_id=state.id, number=number, without=left_out))]


def _key_model(activity: str) -> referral_events.ActivityKey:
    organiser, activity_id = split_key(activity)
    return referral_events.ActivityKey(organiser=organiser, activity_id=activity_id)


# --- the activities


def _tell_activities(state: Referral, view: View, freed_at: datetime, now: datetime) -> _Telling:
    follow = []
    for activity, want in view.wants.items():
        known = state.orders.get(activity)
        if known and _same(known, want):
            continue
        order = PlaceOrder(
            number=(known.number if known else 0) + 1,
            want=want.want,
            request=want.request,
            requested_at=want.requested_at,
            enrolled=want.enrolled,
            moved=want.moved,
            purse=want.purse,
            asked_at=known.asked_at if known and known.request == want.request else now,
            why=want.why if known and _was_asked(known) else None,
        )
        state = _changed(state, orders={**state.orders, activity: order})
        follow.append(Follow(registration(state.id, activity, order, freed_at), activity))
    return state, follow


def _same(known: PlaceOrder, want: Want) -> bool:
    if known.want != want.want:
        return False
    if want.want == "follow":
        return known.why == want.why or not _was_asked(known)
    return (known.request, known.enrolled, known.moved, known.purse) == (
        want.request,
        want.enrolled,
        want.moved,
        want.purse,
    )


def _was_asked(known: PlaceOrder) -> bool:
    """Whether a place was ever asked for there."""
    return known.want == "place" or known.why is not None


def registration(referral_id: str, activity: str, order: PlaceOrder, freed_at: datetime) -> data.AboutPlace:
    """The order that tells an activity what a referral wants of it."""
    organiser, activity_id = split_key(activity)
    if order.want == "follow" or order.requested_at is None:
        return referral_events.PlaceGivenUp(
            referral_id=referral_id,
            organiser=organiser,
            activity_id=activity_id,
            number=order.number,
            follow=True,
            freed_at=freed_at,
            why=order.why,
        )
    return referral_events.PlaceRequested(
        referral_id=referral_id,
        organiser=organiser,
        activity_id=activity_id,
        number=order.number,
        request=order.request,
        requested_at=order.requested_at,
        enrolled=order.enrolled,
        moved=order.moved,
        funding=order.purse.funding,
        kaikukortti_from=order.purse.kaikukortti_from,
        voucher_group=order.purse.voucher_group,
    )
