"""What an event does to a referral: a decision adds a fact, folds them all again, and tells what has changed.

Pure: no clock, no I/O, no logging. Each function takes (state, event, now, durations) and returns the new state with the
events that follow, or that the event must wait, or why the referral rejects it.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from services.referral.answers import with_answer
from services.referral.bounds import with_fact, with_record
from services.referral.erasing import WITHDRAWN, erase
from services.referral.fold import fold
from services.referral.model import (
    Access,
    AttendanceRecord,
    Fact,
    FeedbackReceived,
    Fired,
    LatestIssue,
    MatchAnswer,
    Purse,
    Referral,
    activity_key,
)
from services.referral.needs import does_not_count, is_chosen, published_sessions, until_published
from services.referral.referrers import RegionsReferrers, asked_region, refusal
from services.referral.relation import with_look_up
from services.referral.telling import tell_changes
from services.referral.view import Durations
from shared.contracts import (
    catalogue_events,
    every_service_events,
    feedback_events,
    notify_events,
    opisto_events,
    referral_events,
    region_events,
)
from shared.contracts.envelope import Event
from shared.contracts.identity import rank_of
from shared.engine.model import Decision, Due, Follow, Rejected, Waits

Decided = Decision[Referral] | Waits | Rejected
_changed = msgspec.structs.replace

ITS_ISSUE: Final = Waits("ReferralIssued")
"""The same for another's referral as for an unknown one: nobody learns by asking which ids exist."""


# --- events from outside


def issued(
    state: Referral | None,
    event: Event[region_events.ReferralIssued],
    now: datetime,
    durations: Durations,
    code: str = "",
    word: RegionsReferrers | None = None,
) -> Decided:
    """Opens the referral, or replaces its issue. Neither takes a place away.

    `code` becomes the referral's if it has none; without a code nobody can look the referral up. `word` is that of the
    client's region: whom it lets refer beside itself.
    """
    data = event.data
    state = state or Referral(data.referral_id)
    no = refusal(state, event, word)
    if state.issued and state.issued.source != event.source:
        return Rejected(no) if no else ITS_ISSUE
    purse = Purse(data.funding, data.kaikukortti_from, data.voucher_group)
    latest = LatestIssue(
        event.time,
        event.rank,
        event.source,
        "feedback" in data.consent.scopes,
        data.unit_ref,
        "agreement" in data.funding,
        purse,
        data.municipality,
    )
    if event.source in state.withdrawn_by:
        known = _changed(state, first_issued_at=event.time)
        return Rejected(WITHDRAWN, erase(known, latest, event.time, durations, now))
    if no:
        return Rejected(no)
    first = state.first_issued_at
    if state.issued and (state.issued.time, state.issued.id) > (latest.time, latest.id):
        latest = state.issued
    opened = not state.issued
    state = _changed(
        state,
        code=state.code or code,
        issued=latest,
        first_issued_at=min(first, event.time) if first else event.time,
    )
    decided = tell_changes(state, event, now, durations, opened=opened)
    return decided if asked_region(event) is None else _passed_on(decided, event)


def _passed_on(decided: Decision[Referral], event: Event[region_events.ReferralIssued]) -> Decision[Referral]:
    """The other services read such an issue once it counts, and none that does not."""
    taken = referral_events.IssueTaken(
        referral_id=event.data.referral_id,
        issued=event.data,
        event_id=event.id,
        event_source=event.source,
        event_time=event.time,
        event_finer=event.finer,
    )
    return Decision(decided.state, [*decided.follow, Follow(taken)])


def chosen(
    state: Referral | None, event: Event[region_events.ActivityChosen], now: datetime, durations: Durations
) -> Decided:
    """A choice; the last one counts."""
    data = event.data
    if state is None or state.issued is None or state.issued.source != event.source:
        return ITS_ISSUE
    return _with_fact(state, event, now, durations, "chosen", activity_key(data.organiser, data.activity_id))


def withdrawn(
    state: Referral | None, event: Event[region_events.ReferralWithdrawn], now: datetime, durations: Durations
) -> Decided:
    """A withdrawal wins if its time is before the end, whenever it arrives; withdrawn consent erases at once."""
    data = event.data
    if state is None or state.issued is None or state.issued.source != event.source:
        return _without_its_issue(state or Referral(data.referral_id), event, data.reason)
    if data.reason == "consent_withdrawn":
        return erase(state, state.issued, event.time, durations, now)
    return _with_fact(state, event, now, durations, "withdrawn")


def _without_its_issue(state: Referral, event: Event, reason: str) -> Decided:
    """Withdrawn consent stops what the same sender may issue later, and nobody else's referral."""
    if reason != "consent_withdrawn":
        return ITS_ISSUE
    if state.issued:
        return Decision(state)
    return Decision(_changed(state, withdrawn_by=tuple(sorted({*state.withdrawn_by, event.source}))))


def enrolment_confirmed(
    state: Referral | None, event: Event[opisto_events.EnrolmentConfirmed], now: datetime, durations: Durations
) -> Decided:
    """The opisto has the participant on its list."""
    data = event.data
    return _enrolment(state, event, now, durations, "confirmed", data.activity_id)


def enrolment_cancelled(
    state: Referral | None, event: Event[opisto_events.EnrolmentCancelled], now: datetime, durations: Durations
) -> Decided:
    """The opisto took the participant off its list, at any time."""
    data = event.data
    return _enrolment(state, event, now, durations, "cancelled", data.activity_id, data.reason)


def _enrolment(
    state: Referral | None,
    event: Event,
    now: datetime,
    durations: Durations,
    kind: Literal["confirmed", "cancelled"],
    activity_id: str,
    reason: opisto_events.EnrolmentEnd | Literal[""] = "",
) -> Decided:
    activity = activity_key(event.source, activity_id)
    if (no := does_not_count(state, event, durations)) is not None:
        return no
    assert state is not None
    if not (is_chosen(state, activity) or published_sessions(state, activity)):
        return until_published(state, event, activity, now)
    decided = _with_fact(state, event, now, durations, kind, activity)
    if not isinstance(decided, Decision):
        return decided
    taken = referral_events.EnrolmentTaken(
        referral_id=state.id,
        organiser=event.source,
        activity_id=activity_id,
        cancelled=reason or None,
        event_id=event.id,
        event_time=event.time,
        event_finer=event.finer,
    )
    return Decision(decided.state, [Follow(taken), *decided.follow])


def session_recorded(
    state: Referral | None,
    event: Event[opisto_events.ActivityAttended | opisto_events.ActivityMissed],
    now: datetime,
    durations: Durations,
) -> Decided:
    """A session attended or missed; of several records of one session the latest `time` holds."""
    data = event.data
    activity = activity_key(event.source, data.activity_id)
    if (no := does_not_count(state, event, durations)) is not None:
        return no
    assert state is not None
    if data.session_id not in published_sessions(state, activity):
        return until_published(state, event, activity, now, data.session_id)
    record = AttendanceRecord(
        activity,
        data.session_id,
        isinstance(data, opisto_events.ActivityAttended),
        event.time,
        event.rank,
        event.source,
        records=((event.time, event.rank),),
        told_ahead=isinstance(data, opisto_events.ActivityMissed) and data.told_ahead is True,
    )
    with_it = with_record(state, record)
    return tell_changes(with_it, event, now, durations) if with_it else _no_room(state, event)


def feedback_taken(
    state: Referral | None, event: Event[feedback_events.FeedbackTaken], now: datetime, durations: Durations
) -> Decided:
    """The participant's answer after the activity, which the feedback service took in, ends the wait for it."""
    data = event.data
    if state is None or state.issued is None:
        return ITS_ISSUE
    if data.phase != "after" or data.respondent not in {"participant", "carer"} or state.feedback:
        return Decision(state)
    answer = FeedbackReceived(data.event_time, rank_of(data.event_id, data.event_finer), data.event_source)
    return tell_changes(_changed(state, feedback=answer), event, now, durations)


def code_looked_up(
    state: Referral | None, event: Event[referral_events.CodeLookedUp], now: datetime, durations: Durations
) -> Decided:
    """An organiser that read the code may speak of the referral for 30 days."""
    data = event.data
    if state is None or state.issued is None:
        return ITS_ISSUE
    known = state.looked_up.get(data.organiser, ())
    looked_up = {**state.looked_up, data.organiser: with_look_up(known, event.time)}
    return tell_changes(_changed(state, looked_up=looked_up), event, now, durations)


def _with_fact(
    state: Referral,
    event: Event,
    now: datetime,
    durations: Durations,
    kind: Any,
    activity: str = "",
) -> Decided:
    fact = Fact(kind, event.time, event.rank, event.source, activity)
    with_it = with_fact(state, fact)
    return tell_changes(with_it, event, now, durations) if with_it else _no_room(state, event)


def _no_room(state: Referral, event: Event) -> Rejected:
    return Rejected(f"{event.source} said so much of {state.id} that counts that no more {event.name} is kept")


# --- what the catalogue answers


def matched(
    state: Referral | None,
    event: Event[catalogue_events.ActivitiesProposed | catalogue_events.NoActivityFound],
    now: datetime,
    durations: Durations,
) -> Decided:
    """Takes proposals, or that there are none; an answer to an older question counts for nothing."""
    data = event.data
    if state is None or state.issued is None:
        return ITS_ISSUE
    known = state.matched
    if known and (data.number, event.time, event.id) < (known.number, known.time, known.id):
        return Decision(state)
    answer = MatchAnswer(data.number, event.id, event.time, isinstance(data, catalogue_events.ActivitiesProposed))
    return tell_changes(_changed(state, matched=answer), event, now, durations)


def place_answered(
    state: Referral | None, event: Event[catalogue_events.PlaceAnswer], now: datetime, durations: Durations
) -> Decided:
    """Takes an activity's answer; the greatest answer holds."""
    data = event.data
    if state is None or state.issued is None:
        return ITS_ISSUE
    return tell_changes(with_answer(state, data), event, now, durations)


# --- silence


def deadline_passed(
    state: Referral | None, event: Event[every_service_events.DeadlinePassed], now: datetime, durations: Durations
) -> Decided:
    """A deadline passed, which counts if its step is still awaited."""
    data = event.data
    if state is None or state.issued is None:
        return Decision(state)
    for deadline in fold(state, durations).deadlines:
        if (deadline.what, deadline.due_at, deadline.nth) == (data.what, data.due_at, data.nth):
            fired = Fired(deadline.what, deadline.awaited, deadline.nth, deadline.due_at)
            return tell_changes(_changed(state, fired=(*_still_named(state, fired), fired)), event, now, durations)
    return Decision(state)


def _still_named(state: Referral, fired: Fired) -> tuple[Fired, ...]:
    """The passed deadlines that may yet count. A question to the matching never comes again under its old number."""
    return tuple(
        one
        for one in state.fired
        if one.what not in {"match", "choice"} or one.what != fired.what or one.awaited == fired.awaited
    )


# --- who looked


def accessed(
    state: Access | None, event: Event[every_service_events.AccessRecorded], now: datetime, durations: Durations
) -> Decision[Access]:
    """Keeps one look at a referral."""
    data = event.data
    service = event.source.rpartition("/")[2]
    return Decision(Access(data.subject, event.time, data.who, data.action, data.ground, data.allowed, service))


def disclosed(
    state: Access | None, event: Event[notify_events.NotificationDelivered], now: datetime, durations: Durations
) -> Decision[Access]:
    """Keeps one disclosure: an opisto read of the referral in its feed."""
    data = event.data
    return Decision(
        Access(data.subject, event.time, data.recipient, "disclosed", data.channel, allowed=True, service="notify")
    )


# --- for the engine


def deadlines_of(durations: Durations) -> Callable[[Referral], list[Due]]:
    """The deadlines of a referral, for the sweeper."""

    def deadlines(state: Referral) -> list[Due]:
        if state.issued is None:
            return []
        return [Due(one.what, one.due_at, one.nth, state.id, one.concerns) for one in fold(state, durations).deadlines]

    return deadlines
