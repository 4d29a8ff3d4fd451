"""Telling where the referral stands, and what is awaited from whom, each time that it changes. Pure.

Those who watch the road learn it from here alone: no other service knows the rules by which a step is late.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from services.referral.model import AttendanceRecord, Referral, ToldStanding, split_key
from services.referral.view import View
from shared.contracts.instants import later
from shared.contracts.referral_events import AttendedUnplaced, AwaitedNow, StandingChanged
from shared.engine.model import Follow

_PLACED_WITHIN: Final = timedelta(days=1)
"""How long after a record of attendance its place may still come, or the record's correction."""


def tell_standing(state: Referral, view: View, now: datetime) -> tuple[Referral, list[Follow]]:
    """The state that remembers the word as told, and the word, if it differs from the last one."""
    standing = _standing(view)
    if standing == state.standing:
        return state, []
    state = msgspec.structs.replace(state, standing=standing, standings=state.standings + 1)
    return state, [Follow(_said(state, standing, view, now))]


def _standing(view: View) -> ToldStanding:
    step = view.deadlines[0] if view.deadlines else None
    told = ToldStanding(view.status, view.closed)
    if step:
        told = ToldStanding(
            view.status, view.closed, step.what, step.concerns, step.since, step.first_due_at, step.nth - 1
        )
    stray = view.unplaced
    return msgspec.structs.replace(told, unplaced=stray.activity, unplaced_since=stray.time) if stray else told


def _said(state: Referral, standing: ToldStanding, view: View, now: datetime) -> StandingChanged:
    awaits = None
    if standing.what and standing.since and standing.due_at:
        awaits = AwaitedNow(
            what=standing.what,
            concerns=standing.concerns,
            since=standing.since,
            due_at=standing.due_at,
            passed=standing.passed,
        )
    return StandingChanged(
        referral_id=state.id,
        number=state.standings,
        status=standing.status,
        closed=standing.closed,
        awaits=awaits,
        session_at=_next_session(state, view, now),
        unplaced=_unplaced(view.unplaced) if view.unplaced else None,
    )


def _unplaced(record: AttendanceRecord) -> AttendedUnplaced:
    organiser, activity_id = split_key(record.activity)
    due_at = later(record.time, _PLACED_WITHIN)
    return AttendedUnplaced(organiser=organiser, activity_id=activity_id, since=record.time, due_at=due_at)


def _next_session(state: Referral, view: View, now: datetime) -> datetime | None:
    """When the first session of the chosen activity begins that is still to come."""
    answer = state.answers.get(view.choice.activity) if view.choice else None
    sessions = answer.sessions if answer else ()
    return min((one.starts_at for one in sessions if not one.called_off and one.starts_at > now), default=None)
