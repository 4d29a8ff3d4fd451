"""How many of one sender's facts a referral keeps: all that count, and of the rest as many as fit.

Pure. The referral keeps all of up to `MAX_FACTS` facts of one sender, and `MAX_RECORDS` records of one session. Beyond
that it drops facts that repeat another without any effect, the oldest first: never a withdrawal, never one that took,
confirmed or gave up a place, never the first or the last of one sender, activity and kind. So the rest folds to the
same. Where no fact can go, there is no room, and the sender hears so.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from services.referral.model import AttendanceRecord, Fact, Referral
from services.referral.walk import decisive

MAX_FACTS: Final = 64
MAX_MARKS: Final = 400
MAX_RECORDS: Final = 8

Order = tuple[datetime, str, str]

_changed = msgspec.structs.replace


def with_fact(state: Referral, fact: Fact) -> Referral | None:
    """The state with one more fact; None where there is no room for the fact."""
    state = _changed(state, facts=tuple(sorted([*state.facts, fact], key=lambda one: one.order)))
    own = [one for one in state.facts if one.source == fact.source]
    if len(own) <= MAX_FACTS:
        return state
    repeated = _repeated(own, decisive(state))
    if repeated is None:
        return state if fact.kind == "withdrawn" else None
    return _without(state, repeated)


def _repeated(own: Sequence[Fact], decisive: set[Order]) -> Fact | None:
    first = {(one.kind, one.activity): one for one in reversed(own)}
    last = {(one.kind, one.activity): one for one in own}
    ends = {one.order for one in (*first.values(), *last.values())}
    return next((one for one in own if one.order not in decisive | ends), None)


def _without(state: Referral, fact: Fact) -> Referral:
    """Drops a fact, and the answers to it: nobody names that request any more."""
    facts = tuple(one for one in state.facts if one is not fact)
    gone = f" {fact.id}"
    if any(one.id == fact.id for one in facts) or any(
        fact.id == id_ for record in state.attendance for _, id_ in record.records
    ):
        return _changed(state, facts=facts)
    return _changed(
        state,
        facts=facts,
        grants={asked: grant for asked, grant in state.grants.items() if not asked.endswith(gone)},
        waited=_others(state.waited, gone),
        refused=_others(state.refused, gone),
        closed=_others(state.closed, gone),
    )


def _others(asked: Sequence[str], gone: str) -> tuple[str, ...]:
    return tuple(one for one in asked if not one.endswith(gone))


def with_record(state: Referral, record: AttendanceRecord) -> Referral | None:
    """The state with one more record of a session, the latest of which holds; None where there is no room for it."""
    same = [one for one in state.attendance if (one.activity, one.session) == (record.activity, record.session)]
    latest = max([*same, record], key=lambda one: (one.time, one.id))
    records = tuple(sorted({one for record in [*same, record] for one in record.records}))
    others = [one for one in state.attendance if one not in same]
    if not same and sum(one.source == record.source for one in others) >= MAX_MARKS:
        return None
    state = _with_attendance(state, others, _changed(latest, records=records))
    if len(records) <= MAX_RECORDS:
        return state
    counts = decisive(state)
    repeated = next((one for one in records[1:-1] if (*one, record.source) not in counts), None)
    if repeated is None:
        return None
    return _with_attendance(state, others, _changed(latest, records=tuple(one for one in records if one != repeated)))


def _with_attendance(state: Referral, others: Sequence[AttendanceRecord], record: AttendanceRecord) -> Referral:
    return _changed(state, attendance=tuple(sorted([*others, record], key=lambda one: (one.time, one.id, one.source))))
