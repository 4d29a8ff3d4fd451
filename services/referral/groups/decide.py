"""What an event does to a group: a decision adds a fact, folds them all again, and tells what has changed. Pure."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from services.referral.groups.fold import GroupDeadline, fold
from services.referral.groups.model import GroupIssue, HeldSession, ListedActivity, Meeting, PlacesVerdict, UnitGroup
from services.referral.groups.statement import stated
from services.referral.groups.telling import tell_changes
from services.referral.groups.walk import asked_as
from services.referral.model import Fact, Fired, MatchAnswer, activity_key
from services.referral.view import Durations
from shared.contracts import group_events, group_place_events
from shared.contracts.envelope import Event
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.group_told_events import GroupMatched, GroupReminded
from shared.engine.model import Decision, Due, Follow, Rejected, Waits

MAX_FACTS: Final = 12
"""Of one kind and one sender: a choice holds a whole activity's sessions, and a document has to stay small."""
MAX_HELD: Final = 400
MAX_FIRED: Final = 40
ITS_ISSUE: Final = Waits("GroupReferralIssued")
"""The same for another's group as for an unknown one, and for an id that is a client's referral."""
RELATION: Final = "its group, and the unit's choice of that activity of the sender's"

Decided = Decision[UnitGroup] | Waits | Rejected
_changed = msgspec.structs.replace


# --- events of partners


def issued(
    state: UnitGroup | None, event: Event[group_events.GroupReferralIssued], now: datetime, durations: Durations
) -> Decided:
    """Opens the group, or replaces its issue; the latest by `time` holds."""
    data = event.data
    state = state or UnitGroup(data.group_id)
    if state.issued and state.issued.source != event.source:
        return ITS_ISSUE
    latest, first = _issue(event), state.first_issued_at
    if state.issued and (state.issued.time, state.issued.id) > (latest.time, latest.id):
        latest = state.issued
    state = _changed(state, issued=latest, first_issued_at=min(first, event.time) if first else event.time)
    ours = asked_as(state)
    verdicts = {asked: verdict for asked, verdict in state.verdicts.items() if asked.endswith(ours)}
    return tell_changes(_changed(state, verdicts=verdicts), event, now, durations)


def _issue(event: Event[group_events.GroupReferralIssued]) -> GroupIssue:
    data = event.data
    return GroupIssue(
        time=event.time,
        id=event.rank,
        source=event.source,
        unit_ref=data.unit_ref,
        kind=data.kind,
        size=data.size,
        premises=data.premises,
        municipality=data.municipality,
        languages=data.languages,
        needs=data.needs,
        age_min=data.age.min,
        age_max=data.age.max,
        themes=data.themes,
        formats=data.formats,
        accessibility=data.accessibility,
        max_price_cents=data.max_price_cents,
        funding=data.funding,
    )


def chosen(
    state: UnitGroup | None, event: Event[group_events.GroupActivityChosen], now: datetime, durations: Durations
) -> Decided:
    """A choice; the last one counts."""
    if state is None or state.issued is None or state.issued.source != event.source:
        return ITS_ISSUE
    activity = activity_key(event.data.organiser, event.data.activity_id)
    return _with_fact(state, event, now, durations, "chosen", activity)


def withdrawn(
    state: UnitGroup | None, event: Event[group_events.GroupReferralWithdrawn], now: datetime, durations: Durations
) -> Decided:
    """A withdrawal wins if its time is before the end, whenever it arrives."""
    if state is None or state.issued is None or state.issued.source != event.source:
        return ITS_ISSUE
    return _with_fact(state, event, now, durations, "withdrawn")


def places_confirmed(
    state: UnitGroup | None, event: Event[group_events.GroupPlacesConfirmed], now: datetime, durations: Durations
) -> Decided:
    """The organiser expects the group."""
    return _by_organiser(state, event, now, durations, "confirmed")


def places_cancelled(
    state: UnitGroup | None, event: Event[group_events.GroupPlacesCancelled], now: datetime, durations: Durations
) -> Decided:
    """The organiser does not take the group, or no longer."""
    return _by_organiser(state, event, now, durations, "cancelled")


def _by_organiser(
    state: UnitGroup | None,
    event: Event[group_events.GroupPlacesConfirmed | group_events.GroupPlacesCancelled],
    now: datetime,
    durations: Durations,
    kind: Literal["confirmed", "cancelled"],
) -> Decided:
    activity = activity_key(event.source, event.data.activity_id)
    if state is None or state.issued is None or activity not in state.chosen:
        return Waits(RELATION)
    return _with_fact(state, event, now, durations, kind, activity)


def _with_fact(
    state: UnitGroup, event: Event, now: datetime, durations: Durations, kind: Any, activity: str = ""
) -> Decided:
    fact = Fact(kind, event.time, event.rank, event.source, activity)
    if sum((one.kind, one.source) == (kind, event.source) for one in state.facts) >= MAX_FACTS:
        return Rejected(f"{event.source} sent {MAX_FACTS} {event.name} of {state.id} already; no more are kept")
    facts = tuple(sorted([*state.facts, fact], key=lambda one: one.order))
    return tell_changes(_changed(state, facts=facts), event, now, durations)


def session_held(
    state: UnitGroup | None, event: Event[group_events.GroupSessionHeld], now: datetime, durations: Durations
) -> Decided:
    """Who came to a session; of several records of one session the latest `time` holds. More than the group has is kept."""
    data = event.data
    activity = activity_key(event.source, data.activity_id)
    if state is None or state.issued is None or activity not in state.chosen:
        return Waits(RELATION)
    listed = state.listed.get(activity)
    known = next((one for one in state.held if (one.activity, one.session) == (activity, data.session_id)), None)
    if known is None and data.session_id not in {one.session for one in (listed.meetings if listed else ())}:
        return Waits(f"the session {data.session_id} of {activity} to be published")
    if known is None and len(state.held) >= MAX_HELD:
        return Rejected(f"{len(state.held)} sessions of {state.id} are recorded already; no more are kept")
    record = HeldSession(activity, data.session_id, data.participants, data.staff, event.time, event.rank, event.source)
    if known and (known.time, known.id) > (record.time, record.id):
        return Decision(state)
    held = sorted([record, *(one for one in state.held if one is not known)], key=lambda one: one.key)
    return tell_changes(_changed(state, held=tuple(held)), event, now, durations)


# --- what the catalogue answers


def activities_found(
    state: UnitGroup | None, event: Event[group_place_events.GroupActivitiesFound], now: datetime, durations: Durations
) -> Decided:
    """Takes proposals, or that there are none, and passes them on; an answer to an older question counts for nothing."""
    data = event.data
    if state is None or state.issued is None:
        return ITS_ISSUE
    known = state.matched
    if known and (data.number, event.time, event.id) < (known.number, known.time, known.id):
        return Decision(state)
    answer = MatchAnswer(data.number, event.id, event.time, bool(data.proposals))
    decision = tell_changes(_changed(state, matched=answer), event, now, durations)
    if data.number < state.matching.asked or not state.matching.wanted:
        return decision
    told = GroupMatched(
        recipient=state.issued.source,
        group_id=state.id,
        proposals=data.proposals,
        nearest_misses=data.nearest_misses,
    )
    return _changed(decision, follow=[Follow(told), *decision.follow])


def places_answered(
    state: UnitGroup | None, event: Event[group_place_events.GroupPlacesAnswered], now: datetime, durations: Durations
) -> Decided:
    """Takes an activity's answer; the greatest holds, of the places by request, and of the sessions."""
    data = event.data
    if state is None or state.issued is None:
        return ITS_ISSUE
    activity = activity_key(data.organiser, data.activity_id)
    state = _with_verdict(state, f"{activity} {data.request}", data)
    return tell_changes(_with_listing(state, activity, data), event, now, durations)


def _with_verdict(state: UnitGroup, asked: str, data: group_place_events.GroupPlacesAnswered) -> UnitGroup:
    known = state.verdicts.get(asked)
    if data.state == "followed" or data.state == "released":  # noqa: PLR1714: mypy follows these
        return state
    if not asked.endswith(asked_as(state)) or (known and known.answer > data.answer):
        return state
    verdict = PlacesVerdict(data.answer, data.state, data.reason, data.position, data.given_at, data.confirm)
    return _changed(state, verdicts={**state.verdicts, asked: verdict})


def _with_listing(state: UnitGroup, activity: str, data: group_place_events.GroupPlacesAnswered) -> UnitGroup:
    known = state.listed.get(activity)
    if not data.sessions or (known and known.answer > data.answer):
        return state
    meetings = tuple(Meeting(one.session_id, one.starts_at, one.ends_at, one.called_off) for one in data.sessions)
    call = data.cancelled
    listed = ListedActivity(data.answer, meetings, call.time if call else None, (call and call.replaced_by) or "")
    return _changed(state, listed={**state.listed, activity: listed})


# --- silence


def deadline_passed(
    state: UnitGroup | None, event: Event[DeadlinePassed], now: datetime, durations: Durations
) -> Decided:
    """A deadline passed, which counts if its step is still awaited; or the week's statement is due."""
    data = event.data
    if state is None or state.issued is None:
        return Decision(state)
    if data.what == "statement":
        return Decision(*stated(state)) if data.due_at == state.statement_due else Decision(state)
    for one in fold(state, durations).deadlines:
        if (one.what, one.due_at, one.nth) == (data.what, data.due_at, data.nth):
            return _passed(state, one, event, now, durations)
    return Decision(state)


def _passed(
    state: UnitGroup, deadline: GroupDeadline, event: Event, now: datetime, durations: Durations
) -> Decision[UnitGroup]:
    fired = Fired(deadline.what, deadline.awaited, deadline.nth, deadline.due_at)
    state = _changed(state, fired=(*state.fired, fired)[-MAX_FIRED:])
    decision = tell_changes(state, event, now, durations)
    reminder = GroupReminded(
        recipient=deadline.concerns,
        group_id=state.id,
        what=deadline.what,
        due_at=deadline.due_at,
        nth=deadline.nth,
    )
    return _changed(decision, follow=[Follow(reminder), *decision.follow])


def deadlines_of(durations: Durations) -> Callable[[UnitGroup], list[Due]]:
    """The deadlines of a group, for the sweeper."""

    def deadlines(state: UnitGroup) -> list[Due]:
        if state.issued is None:
            return []
        awaited = [Due(one.what, one.due_at, one.nth) for one in fold(state, durations).deadlines]
        return [*awaited, Due("statement", state.statement_due)] if state.statement_due else awaited

    return deadlines
