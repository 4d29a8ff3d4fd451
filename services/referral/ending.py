"""How a referral ended, and which sessions counted. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from services.referral.deadlines import awaited_records, times_fired
from services.referral.model import AttendanceRecord, Ending, Listed, PlaceGrant, Referral
from services.referral.place import attendance_of, grant_to, last_end
from services.referral.view import Choice, CountedSession, SessionState
from services.referral.walk import Step, Walk
from shared.contracts.referral_events import ReferralOutcome


def ending_of(
    referral: Referral, walk: Walk, choice: Choice | None, grant: PlaceGrant | None
) -> tuple[tuple[CountedSession, ...], Ending | None]:
    """The sessions that count, and how the referral ended, if it did."""
    if walk.withdrawn:
        sessions = _recorded_until(referral, walk.choice, walk.withdrawn) if walk.choice else ()
        return sessions, ended_with("withdrawn", sessions)
    if choice is None and walk.discontinued:
        left, at = walk.discontinued
        given_then = grant_to(referral, left)
        sessions = tuple(
            session if session.state != "upcoming" else replace(session, state="not_recorded")
            for session in _counted(referral, left, given_then, at)
        )
        return sessions, ended_with("discontinued", sessions)
    if choice is None or grant is None or (grant.confirm and not choice.confirmed_at):
        return (), None
    sessions = _counted(referral, choice, grant, None)
    end = last_end(referral, choice)
    due = end is not None and times_fired(referral, "attendance", awaited_records(choice, end)) >= 1
    if due:
        sessions = tuple(
            replace(session, state="not_recorded") if session.state == "upcoming" else session for session in sessions
        )
    if not due and (not sessions or any(session.state == "upcoming" for session in sessions)):
        return sessions, None
    return sessions, ended_with(_outcome(sessions), sessions)


def _counted(
    referral: Referral, choice: Choice, grant: PlaceGrant | None, until: datetime | None
) -> tuple[CountedSession, ...]:
    """The sessions that count: every recorded one, and of the others those that begin after the place was given."""
    attendance: dict[tuple[str, str], AttendanceRecord] = {
        (record.activity, record.session): record for record in attendance_of(referral, choice)
    }
    answer = referral.answers.get(choice.activity)
    since = _granted_since(choice, grant)
    counted: list[CountedSession] = []
    for listed in answer.sessions if answer else ():
        record = attendance.pop((choice.activity, listed.session), None)
        if record:
            counted.append(_recorded(record, listed))
        elif not listed.called_off and listed.starts_at > since and (until is None or listed.starts_at <= until):
            counted.append(CountedSession(choice.activity, listed.session, listed.starts_at, "upcoming"))
    counted.extend(_recorded(record, _listing(referral, record)) for record in attendance.values())
    return tuple(counted)


def _recorded_until(referral: Referral, choice: Choice, step: Step) -> tuple[CountedSession, ...]:
    """The sessions recorded until the referral gave the place up; a later correction of one of them holds."""
    attendance = [
        record for record in attendance_of(referral, choice) if (*record.records[0], record.source) < step.order
    ]
    return tuple(_recorded(record, _listing(referral, record)) for record in attendance)


def _granted_since(choice: Choice, grant: PlaceGrant | None) -> datetime:
    if grant and grant.confirm and choice.confirmed_at:
        return choice.confirmed_at
    return grant.given_at if grant and grant.promoted else choice.at


def _recorded(record: AttendanceRecord, listed: Listed | None) -> CountedSession:
    starts_at = listed.starts_at if listed else None
    return CountedSession(record.activity, record.session, starts_at, _state_of(record))


def _state_of(record: AttendanceRecord) -> SessionState:
    if record.attended:
        return "attended"
    return "told_ahead" if record.told_ahead else "missed"


def _listing(referral: Referral, record: AttendanceRecord) -> Listed | None:
    answer = referral.answers.get(record.activity)
    return next((listed for listed in answer.sessions if listed.session == record.session), None) if answer else None


def _outcome(sessions: Sequence[CountedSession]) -> ReferralOutcome:
    states = {session.state for session in sessions}
    if "attended" in states:
        return "completed"
    return "never_attended" if states & {"missed", "told_ahead"} else "not_recorded"


def ended_with(outcome: ReferralOutcome, sessions: Iterable[CountedSession]) -> Ending:
    """An ending with these sessions, counted."""
    states = [session.state for session in sessions]
    counts = (states.count(one) for one in ("attended", "missed", "not_recorded", "told_ahead"))
    return Ending(outcome, *counts)
