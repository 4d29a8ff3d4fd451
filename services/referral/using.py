"""What a referral uses of activities that an agreement may pay for: places that were given, sessions that were attended.

Pure. Each change is told once, as a difference of one activity's counts of one month, without the referral's id: what the
referral remembers of it goes with an erasure, and the counts stay.
"""

from collections.abc import Iterator, Mapping
from datetime import date

import msgspec

from services.referral.model import AttendanceRecord, Referral, UsedHere, split_key
from services.referral.place import asked_as, is_placed
from services.referral.view import Choice, View
from services.referral.walk import Step, Walk
from shared.contracts.agreement_events import DayOfUse, UseCounted, month_of
from shared.contracts.instants import in_finland
from shared.engine.model import Follow

Counts = Mapping[date, tuple[int, int]]
"""By day: places given, sessions attended."""


def used_by(referral: Referral, walk: Walk, choice: Choice | None) -> dict[str, UsedHere]:
    """What counts as used, by activity, as far as the walk has come. `choice`: the one that holds.

    A place counts while it is held, to the activity's end and after it, and wherever a session was attended; one that was
    given up before any counts no more. One that moved to another activity counts there, as given when it was first.
    """
    assert referral.issued is not None
    if not referral.issued.by_agreement:
        return {}
    attended = _attended(referral, walk)
    held = choice.request if choice and not walk.withdrawn and is_placed(referral, choice) else ""
    given = {
        one.activity: _given_on(referral, one)
        for one in walk.took.values()
        if one.request == held or not attended.keys().isdisjoint(one.activities)
    }
    return {
        activity: UsedHere(
            referral.issued.source, referral.issued.unit_ref, given.get(activity), attended.get(activity, {})
        )
        for activity in sorted(given.keys() | attended.keys())
    }


def _attended(referral: Referral, walk: Walk) -> dict[str, dict[date, int]]:
    """How many sessions, by activity and day, of all that were ever chosen; until a withdrawal."""
    chosen = {activity for choice in walk.took.values() for activity in choice.activities}
    days: dict[str, dict[date, int]] = {}
    for record in referral.attendance:
        if record.attended and record.activity in chosen and _counts(record, walk.withdrawn):
            of_activity, day = days.setdefault(record.activity, {}), _day_of(referral, record)
            of_activity[day] = of_activity.get(day, 0) + 1
    return days


def _counts(record: AttendanceRecord, withdrawn: Step | None) -> bool:
    return withdrawn is None or (*record.records[0], record.source) < withdrawn.order


def _given_on(referral: Referral, choice: Choice) -> date:
    grant = referral.grants.get(asked_as(choice))
    return in_finland(grant.given_at if grant and grant.promoted else choice.at)


def _day_of(referral: Referral, record: AttendanceRecord) -> date:
    answer = referral.answers.get(record.activity)
    listed = next((one for one in answer.sessions if one.session == record.session), None) if answer else None
    # An activity may list no more what it held: then the record has a day too.
    return in_finland(listed.starts_at if listed else record.time)


def tell_use(state: Referral, view: View) -> tuple[Referral, list[Follow]]:
    """The state that remembers the counts as told, and the words, where they differ from the last ones."""
    if view.used == state.used:
        return state, []
    follow = [
        Follow(word, word.subject)
        for activity in sorted(state.used.keys() | view.used.keys())
        for word in _changes(activity, state.used.get(activity), view.used.get(activity))
    ]
    return msgspec.structs.replace(state, used=view.used), follow


def _changes(activity: str, told: UsedHere | None, used: UsedHere | None) -> Iterator[UseCounted]:
    if told and used and (told.referrer, told.unit_ref) != (used.referrer, used.unit_ref):
        yield from _changes(activity, told, None)
        yield from _changes(activity, None, used)
    elif (one := used or told) is not None:
        yield from _differences(activity, one, _counted(told), _counted(used))


def _differences(activity: str, one: UsedHere, told: Counts, used: Counts) -> Iterator[UseCounted]:
    organiser, activity_id = split_key(activity)
    by_month: dict[str, list[DayOfUse]] = {}
    for day in sorted(told.keys() | used.keys()):
        (places, sessions), (places_now, sessions_now) = told.get(day, (0, 0)), used.get(day, (0, 0))
        if (places, sessions) != (places_now, sessions_now):
            change = DayOfUse(day=day, places=places_now - places, sessions=sessions_now - sessions)
            by_month.setdefault(month_of(day), []).append(change)
    for month, days in by_month.items():
        yield UseCounted(
            referrer=one.referrer,
            unit_ref=one.unit_ref,
            organiser=organiser,
            activity_id=activity_id,
            month=month,
            days=tuple(days),
        )


def _counted(used: UsedHere | None) -> Counts:
    if used is None:
        return {}
    counts = {day: (0, sessions) for day, sessions in used.sessions.items()}
    if used.given_on:
        counts[used.given_on] = (1, used.sessions.get(used.given_on, 0))
    return counts
