"""How a referral ended, and which sessions counted. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from services.referral.deadlines import awaited_records, times_fired
from services.referral.model import Ended, Given, Listed, Mark, Referral
from services.referral.place import given_to, last_end, marks_of
from services.referral.view import Choice, Session
from services.referral.walk import Step, Walk
from shared.contracts.from_services import Outcome


def ending_of(
    referral: Referral, walk: Walk, choice: Choice | None, given: Given | None
) -> tuple[tuple[Session, ...], Ended | None]:
    """The sessions that count, and how it ended, if it did."""
    if walk.withdrawn:
        sessions = _recorded_until(referral, walk.choice, walk.withdrawn) if walk.choice else ()
        return sessions, ended_with("withdrawn", sessions)
    if choice is None and walk.discontinued:
        left, at = walk.discontinued
        given_then = given_to(referral, left)
        sessions = tuple(
            session if session.state != "upcoming" else replace(session, state="not_recorded")
            for session in _counted(referral, left, given_then, at)
        )
        return sessions, ended_with("discontinued", sessions)
    if choice is None or given is None or (given.confirm and not choice.confirmed_at):
        return (), None
    sessions = _counted(referral, choice, given, None)
    end = last_end(referral, choice)
    due = end is not None and times_fired(referral, "attendance", awaited_records(choice, end)) >= 1
    if due:
        sessions = tuple(
            replace(session, state="not_recorded") if session.state == "upcoming" else session for session in sessions
        )
    if not due and (not sessions or any(session.state == "upcoming" for session in sessions)):
        return sessions, None
    return sessions, ended_with(_outcome(sessions), sessions)


def _counted(referral: Referral, choice: Choice, given: Given | None, until: datetime | None) -> tuple[Session, ...]:
    """The sessions that count: every recorded one, and of the others those that begin after the place was given."""
    marks: dict[tuple[str, str], Mark] = {(mark.activity, mark.session): mark for mark in marks_of(referral, choice)}
    answer = referral.answers.get(choice.activity)
    since = _given_since(choice, given)
    counted: list[Session] = []
    for listed in answer.sessions if answer else ():
        mark = marks.pop((choice.activity, listed.session), None)
        if mark:
            counted.append(_recorded(mark, listed))
        elif not listed.called_off and listed.starts_at > since and (until is None or listed.starts_at <= until):
            counted.append(Session(listed.session, listed.starts_at, "upcoming"))
    counted.extend(_recorded(mark, _listing(referral, mark)) for mark in marks.values())
    return tuple(counted)


def _recorded_until(referral: Referral, choice: Choice, step: Step) -> tuple[Session, ...]:
    """The sessions that were recorded when the place was given up; a later correction of one of them holds."""
    marks = [mark for mark in marks_of(referral, choice) if (*mark.records[0], mark.source) < step.order]
    return tuple(_recorded(mark, _listing(referral, mark)) for mark in marks)


def _given_since(choice: Choice, given: Given | None) -> datetime:
    if given and given.confirm and choice.confirmed_at:
        return choice.confirmed_at
    return given.given_at if given and given.promoted else choice.at


def _recorded(mark: Mark, listed: Listed | None) -> Session:
    return Session(mark.session, listed.starts_at if listed else None, "attended" if mark.attended else "missed")


def _listing(referral: Referral, mark: Mark) -> Listed | None:
    answer = referral.answers.get(mark.activity)
    return next((listed for listed in answer.sessions if listed.session == mark.session), None) if answer else None


def _outcome(sessions: Sequence[Session]) -> Outcome:
    states = {session.state for session in sessions}
    if "attended" in states:
        return "completed"
    return "never_attended" if "missed" in states else "not_recorded"


def ended_with(outcome: Outcome, sessions: Iterable[Session]) -> Ended:
    """An ending with these sessions, counted."""
    states = [session.state for session in sessions]
    return Ended(outcome, states.count("attended"), states.count("missed"), states.count("not_recorded"))
