"""Telling what has changed: folds a group's facts again, and tells each listener what differs from the last words. Pure.

The catalogue is told by numbers, of which the greatest holds; a partner each word once until it changes.
"""

import hashlib
from datetime import datetime
from typing import Any

import msgspec

from services.referral.groups.fold import GroupView, fold
from services.referral.groups.model import GroupIssue, GroupMatching, GroupOrder, UnitGroup
from services.referral.groups.statement import with_statement_due
from services.referral.groups.walk import is_placed
from services.referral.model import split_key
from services.referral.view import Durations
from shared.contracts import group_place_events, group_told_events
from shared.contracts.catalogue_events import ActivityCall, ListedSession
from shared.contracts.data import ToPartner
from shared.contracts.envelope import Event
from shared.contracts.group_told_events import GroupPlaced, GroupReleased, GroupWaitlisted
from shared.contracts.opisto_events import AgeLimits
from shared.contracts.referral_events import ActivityKey
from shared.engine.model import Decision, Follow

_changed = msgspec.structs.replace
_Telling = tuple[UnitGroup, list[Follow]]
_HOLDS = (GroupPlaced.__name__, GroupWaitlisted.__name__)


def tell_changes(state: UnitGroup, event: Event, now: datetime, durations: Durations) -> Decision[UnitGroup]:
    """The state that remembers these words as told, and the events that tell them."""
    view = fold(state, durations)
    state, follow = _tell_ending(state, view)
    state, events = _tell_matching(state, view, now)
    follow += events
    state, events = _tell_activities(state, view, event.time, now)
    follow += events
    state, events = _tell_places(state, view)
    return Decision(with_statement_due(state, now), [*follow, *events])


# --- the ending


def _tell_ending(state: UnitGroup, view: GroupView) -> _Telling:
    assert state.issued is not None
    if view.ended == state.ending:
        return state, []
    to_issuer: dict[str, Any] = {"recipient": state.issued.source, "group_id": state.id}
    said: ToPartner = (
        group_told_events.GroupEnded(**to_issuer, **msgspec.structs.asdict(view.ended))
        if view.ended
        else group_told_events.GroupReopened(**to_issuer)
    )
    return _changed(state, ending=view.ended), [Follow(said)]


# --- the matching


def _tell_matching(state: UnitGroup, view: GroupView, now: datetime) -> _Telling:
    assert state.issued is not None
    known = state.matching
    without = view.without if view.matching else known.without
    issue = state.issued.id if view.matching else known.issue
    if (known.wanted, known.without, known.issue) == (view.matching, without, issue):
        return state, []
    number = known.number + 1
    if not view.matching:
        ended = group_place_events.GroupMatchingEnded(group_id=state.id, number=number)
        return _changed(state, matching=_changed(known, number=number, wanted=False)), [Follow(ended)]
    asked = GroupMatching(number, number, wanted=True, issue=issue, without=without, asked_at=now)
    return _changed(state, matching=asked), [Follow(_wish(state.id, state.issued, asked))]


def _wish(group_id: str, issued: GroupIssue, asked: GroupMatching) -> group_place_events.GroupMatchRequested:
    left_out = [split_key(activity) for activity in asked.without]
    return group_place_events.GroupMatchRequested(
        group_id=group_id,
        number=asked.number,
        issued_at=issued.time,
        size=issued.size,
        premises=issued.premises,
        municipality=issued.municipality,
        age=AgeLimits(min=issued.age_min, max=issued.age_max),
        languages=issued.languages,
        needs=issued.needs,
        themes=issued.themes,
        formats=issued.formats,
        accessibility=issued.accessibility,
        max_price_cents=issued.max_price_cents,
        funding=issued.funding,
        without=tuple(ActivityKey(organiser=organiser, activity_id=id_) for organiser, id_ in left_out),
    )


# --- the activities


def _tell_activities(state: UnitGroup, view: GroupView, freed_at: datetime, now: datetime) -> _Telling:
    follow = []
    for activity, request in view.wants.items():
        known = state.orders.get(activity)
        if known and known.request == request:
            continue
        order = GroupOrder((known.number if known else 0) + 1, request, now if request else None)
        state = _changed(state, orders={**state.orders, activity: order})
        follow.append(Follow(_order(state, view, activity, order, freed_at), activity))
    return state, follow


def _order(
    state: UnitGroup, view: GroupView, activity: str, order: GroupOrder, freed_at: datetime
) -> group_place_events.OfGroupPlaces:
    assert state.issued is not None
    organiser, activity_id = split_key(activity)
    about: dict[str, Any] = {
        "group_id": state.id,
        "organiser": organiser,
        "activity_id": activity_id,
        "number": order.number,
    }
    if not order.request or view.asks is None:
        return group_place_events.GroupPlacesGivenUp(**about, freed_at=freed_at)
    return group_place_events.GroupPlacesRequested(
        **about,
        request=order.request,
        requested_at=view.asks.at,
        places=state.issued.size,
        whole=state.issued.whole,
    )


# --- the places


def _tell_places(state: UnitGroup, view: GroupView) -> _Telling:
    assert state.issued is not None
    follow, issuer = [], state.issued.source
    for activity in view.wants:
        for recipient in (issuer, split_key(activity)[0]):
            known = state.told.get(f"{recipient} {activity}", "")
            word = _word(state, view, activity, recipient, holds=known.startswith(_HOLDS))
            said = _short(word) if word else known
            if word and said != known:
                follow.append(Follow(word, f"{recipient} {activity}"))
                state = _changed(state, told={**state.told, f"{recipient} {activity}": said})
    return state, follow


def _word(state: UnitGroup, view: GroupView, activity: str, recipient: str, *, holds: bool) -> ToPartner | None:
    """What the partner is to know of the group's places at the activity; None while the activity has not answered."""
    assert state.issued is not None
    to_whom: dict[str, Any] = {"recipient": recipient, "group_id": state.id}
    organiser, activity_id = split_key(activity)
    about = to_whom | {"organiser": organiser, "activity_id": activity_id}
    verdict = view.verdict
    if view.chosen is None or view.chosen.activity != activity:
        return _release(state, activity, about) if holds else None
    if verdict is None:
        return None
    wanted = about | _wanted(state.issued)
    if verdict.state == "reserved":
        confirmed = verdict.confirm and is_placed(state, view.chosen)
        sessions = _sessions(state, activity)
        return GroupPlaced(**wanted, confirm=verdict.confirm, confirmed=confirmed, sessions=sessions)
    if verdict.state == "waitlisted":
        return GroupWaitlisted(**wanted, position=verdict.position)
    if recipient != state.issued.source or verdict.reason is None:
        return _release(state, activity, about) if holds else None
    return group_told_events.GroupRefused(**about, reason=verdict.reason)


def _wanted(issued: GroupIssue) -> dict[str, Any]:
    names = ("kind", "size", "premises", "municipality", "languages", "accessibility")
    return {name: getattr(issued, name) for name in names}


def _release(state: UnitGroup, activity: str, about: dict[str, Any]) -> GroupReleased:
    listed = state.listed.get(activity)
    cancelled = None
    if listed and listed.cancelled_at:
        cancelled = ActivityCall(time=listed.cancelled_at, replaced_by=listed.replaced_by or None)
    return GroupReleased(**about, cancelled=cancelled)


def _sessions(state: UnitGroup, activity: str) -> tuple[ListedSession, ...]:
    listed = state.listed.get(activity)
    return tuple(
        ListedSession(session_id=one.session, starts_at=one.starts_at, ends_at=one.ends_at, called_off=one.called_off)
        for one in (listed.meetings if listed else ())
    )


def _short(word: ToPartner) -> str:
    """The word's name and content: two that say the same are one. A step on the waiting list is no news."""
    content = word.model_dump_json(exclude={"position"}).encode()
    return f"{type(word).__name__} {hashlib.blake2b(content, digest_size=8).hexdigest()}"
