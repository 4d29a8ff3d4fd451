"""The statement to the unit each week: the sessions of which anything is new since the last one. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final

import msgspec

from services.referral.groups.model import HeldSession, UnitGroup
from services.referral.model import split_key
from shared.contracts.group_told_events import MAX_STATED, GroupSessionsStated, StatedSession
from shared.engine.model import Follow

_AT: Final = time(4, tzinfo=UTC)
"""On Monday before work begins in Finland."""
_WEEK: Final = timedelta(days=7)

_changed = msgspec.structs.replace


def with_statement_due(state: UnitGroup, now: datetime) -> UnitGroup:
    """The state with the time of the next statement, where there is anything new to state and no time for it yet."""
    if state.statement_due or not _unstated(state):
        return state
    return _changed(state, statement_due=_next_monday(now))


def _next_monday(now: datetime) -> datetime:
    monday = datetime.combine(now.astimezone(UTC).date() - timedelta(days=now.astimezone(UTC).weekday()), _AT)
    return monday if monday > now else monday + _WEEK


def _unstated(state: UnitGroup) -> list[HeldSession]:
    return [one for one in state.held if state.stated.get(one.key) != one.heads]


def stated(state: UnitGroup) -> tuple[UnitGroup, list[Follow]]:
    """The state that remembers the sessions as stated, and the statement: more than one where an event is too small."""
    news = _unstated(state)
    parts = [news[first : first + MAX_STATED] for first in range(0, len(news), MAX_STATED)]
    follow = [Follow(_statement(state, part), str(nth)) for nth, part in enumerate(parts)]
    said = {**state.stated, **{one.key: one.heads for one in news}}
    return _changed(state, stated=said, statement_due=None), follow


def _statement(state: UnitGroup, part: Sequence[HeldSession]) -> GroupSessionsStated:
    assert state.issued is not None
    return GroupSessionsStated(
        recipient=state.issued.source,
        group_id=state.id,
        unit_ref=state.issued.unit_ref,
        size=state.issued.size,
        sessions=tuple(_sessions(state, part)),
    )


def _sessions(state: UnitGroup, part: Sequence[HeldSession]) -> Iterator[StatedSession]:
    assert state.issued is not None
    for one in part:
        organiser, activity_id = split_key(one.activity)
        listed = state.listed.get(one.activity)
        begins = {meeting.session: meeting.starts_at for meeting in (listed.meetings if listed else ())}
        yield StatedSession(
            organiser=organiser,
            activity_id=activity_id,
            session_id=one.session,
            starts_at=begins.get(one.session),
            participants=one.participants,
            staff=one.staff,
            above_size=one.participants > state.issued.size,
        )
