"""Where a referral stands: a function of the set of its facts and their times, folded anew at each step.

Pure. Read it from the top: `fold` walks the facts in order of (time, id, source) to the choice that holds, then asks
what came of it: the place, the sessions, the ending, the deadlines. docs/contracts.md, “The life of a referral”.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from services.referral.model import Answer, Ended, Given, Listed, Mark, Matched, Referral, Status, split_key
from services.referral.relation import chosen_organisers, looked_up
from shared.contracts.from_services import Outcome
from shared.contracts.instants import later

PlaceState = Literal["requested", "waitlisted", "placed"]
SessionState = Literal["upcoming", "attended", "missed", "not_recorded"]


@dataclass(frozen=True)
class Durations:
    """How long silence lasts before it is an event."""

    match: timedelta
    choice: timedelta
    confirmation: timedelta
    attendance: timedelta
    feedback: timedelta


@dataclass(frozen=True)
class Choice:
    """The choice that holds: an activity, asked for by `request` at `at`; `chain` are those it replaced."""

    activity: str
    at: datetime
    request: str
    confirmed_at: datetime | None = None
    enrolled: bool = False
    moved: bool = False
    chain: tuple[str, ...] = ()

    @property
    def activities(self) -> tuple[str, ...]:
        """The activity and those it replaced: records of each count."""
        return (*self.chain, self.activity)


@dataclass(frozen=True)
class Session:
    """A counted session and its record."""

    session: str
    starts_at: datetime | None
    state: SessionState


@dataclass(frozen=True)
class Deadline:
    """What is awaited until when. `awaited` names it, so that the deadline dies when that changes."""

    what: Literal["match", "choice", "confirmation", "attendance", "feedback"]
    due_at: datetime
    nth: int
    awaited: str
    concerns: str


@dataclass(frozen=True)
class Want:
    """What the referral wants of one activity."""

    want: Literal["place", "follow"]
    request: str = ""
    requested_at: datetime | None = None
    enrolled: bool = False
    moved: bool = False


@dataclass(frozen=True)
class View:
    """Where the referral stands."""

    status: Status
    choice: Choice | None
    place: PlaceState | None
    position: int | None
    sessions: tuple[Session, ...]
    ended: Ended | None
    closed: bool
    deadlines: tuple[Deadline, ...]
    wants: dict[str, Want]
    matching: bool
    without: tuple[str, ...]
    related: frozenset[str]
    """Organisers whose word counts whenever it was said: the region chose them, or a place was asked for there."""


@dataclass
class _Walk:
    """The walk through the facts, as far as it has come."""

    related: set[str]
    choice: Choice | None = None
    ever: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    discontinued: tuple[Choice, datetime] | None = None
    open: dict[str, Choice] = field(default_factory=dict)
    """By activity, choices on whose answer the end depends though the walk went on: they are asked for all the same."""
    withdrawn: "_Step | None" = None
    ends_wait: bool = False
    """A withdrawal that came after the end: it only ends the wait for feedback."""

    @property
    def stands(self) -> tuple[object, ...]:
        """All that a step may change."""
        rest = (self.discontinued, self.withdrawn, self.ends_wait)
        return (self.choice, len(self.ever), len(self.tried), tuple(self.open.items()), *rest)


@dataclass(frozen=True)
class _Step:
    """A fact on the walk, whatever told it."""

    time: datetime
    id: str
    source: str
    kind: str
    activity: str = ""
    replaced_by: str = ""

    @property
    def order(self) -> tuple[datetime, str, str]:
        """Where it stands among the facts."""
        return self.time, self.id, self.source


def fold(referral: Referral, durations: Durations) -> View:
    """Where the referral stands by what is known now. The referral was issued."""
    walk = _walk(referral)
    choice = walk.choice
    answer = _answer(referral, choice)
    given = _given(referral, choice)
    expired = choice is not None and _expired_at(referral, choice) is not None
    if choice and not walk.withdrawn and (expired or _refused(referral, choice)):
        walk.tried.append(choice.activity)
        fallen, choice, given = choice, None, None
    else:
        fallen = None
    sessions, ended = _ending(referral, walk, choice, given)
    status = _status(referral, walk, choice, answer, given, ended)
    if status == "lapsed" and ended is None:
        ended = _ended(_silent_outcome(referral), ())
    closed = _closed(referral, walk, status)
    deadlines = () if closed else tuple(_deadlines(referral, status, choice, given, durations))
    return View(
        status=status,
        choice=choice,
        place=None if closed else _place_state(status, choice, answer, given),
        position=answer.position if status == "waitlisted" and answer else None,
        sessions=sessions,
        ended=ended,
        closed=closed,
        deadlines=deadlines,
        wants=_wants(referral, walk, choice, None if expired else fallen, closed=closed),
        matching=status in {"issued", "proposed", "unmatched"},
        without=tuple(dict.fromkeys(walk.tried)),
        related=frozenset(walk.related),
    )


# --- the walk to the choice that holds


def _walk(referral: Referral) -> _Walk:
    walk = _Walk(chosen_organisers(referral))
    for step in sorted(_steps(referral), key=lambda one: one.order):
        _go(referral, walk, step)
        if walk.withdrawn:
            break
    if walk.discontinued and not walk.withdrawn:
        # Which sessions count depends on when the place was given, and that on whether a confirmation is needed.
        _ask_all_the_same(referral, walk, walk.discontinued[0])
    return walk


def decisive(referral: Referral) -> set[tuple[datetime, str, str]]:
    """The facts and records, each by its order, without which the walk would go elsewhere."""
    walk = _Walk(chosen_organisers(referral))
    found = set()
    for step in sorted(_steps(referral), key=lambda one: one.order):
        before = walk.stands
        _go(referral, walk, step)
        if walk.stands != before:
            found.add(step.order)
        if walk.withdrawn:
            break
    return found


def _go(referral: Referral, walk: _Walk, step: "_Step") -> None:
    if step.kind == "withdrawn":
        _withdraw(referral, walk, step)
    elif step.kind not in _OF_ORGANISERS or _is_related(referral, walk, step):
        _MOVES[step.kind](referral, walk, step)


def _steps(referral: Referral) -> Iterator[_Step]:
    for fact in referral.facts:
        yield _Step(fact.time, fact.id, fact.source, fact.kind, fact.activity)
    for mark in referral.marks:
        for time, id_ in mark.records:
            # A record of attendance confirms too.
            yield _Step(time, id_, mark.source, "recorded", mark.activity)
    for activity, answer in referral.answers.items():
        if answer.cancelled_at:
            yield _Step(answer.cancelled_at, "", "", "called_off", activity, answer.replaced_by)


def _is_related(referral: Referral, walk: _Walk, step: _Step) -> bool:
    """Judged at each step: what counted for a moment only must not depend on when it arrived."""
    organiser = split_key(step.activity)[0]
    return organiser in walk.related or looked_up(referral, organiser, step.time)


def _choose(referral: Referral, walk: _Walk, step: _Step) -> None:
    current = walk.choice
    if current is None or current.activity != step.activity or _asks_again(referral, current, step.time):
        _take(walk, Choice(step.activity, step.time, step.id))


def _asks_again(referral: Referral, current: Choice, time: datetime) -> bool:
    if expired_at := _expired_at(referral, current):
        return time >= expired_at
    asked, verdict = _asked(current), _verdict(referral, current)
    closed = verdict == "closed" or (asked in referral.closed and asked not in referral.given)
    return verdict == "refused" or (closed and not current.enrolled)


def _take(walk: _Walk, choice: Choice) -> None:
    walk.choice = choice
    walk.discontinued = None
    # An activity is asked one thing at a time, and what counts now goes before what might have counted.
    walk.open.pop(choice.activity, None)
    walk.related.add(split_key(choice.activity)[0])
    if choice.activity not in walk.ever:
        walk.ever.append(choice.activity)


def _confirm(referral: Referral, walk: _Walk, step: _Step) -> None:
    current = walk.choice
    if current is None:
        if walk.discontinued is None or step.activity not in walk.discontinued[0].activities:
            _enrol(walk, step)
    elif step.activity in current.activities:
        walk.choice = replace(current, confirmed_at=current.confirmed_at or step.time, enrolled=True)
        _meet_cancellation(referral, walk, step.time)
    elif step.activity not in walk.ever and _gives_way(referral, walk, current, step):
        _enrol(walk, step)


def _enrol(walk: _Walk, step: _Step) -> None:
    _take(walk, Choice(step.activity, step.time, step.id, confirmed_at=step.time, enrolled=True))


def _gives_way(referral: Referral, walk: _Walk, current: Choice, step: _Step) -> bool:
    """An organiser moves its own to another activity; another's choice stands until it is refused, cancelled or lapses."""
    if split_key(current.activity)[0] == split_key(step.activity)[0]:
        return True
    if not _asks_again(referral, current, step.time):
        return False
    # What was closed is judged anew when a version arrives, and then goes before what came after it.
    _ask_all_the_same(referral, walk, current)
    return True


def _record(referral: Referral, walk: _Walk, step: _Step) -> None:
    # What was left by a cancellation is not taken up again by a record that the nightly run brings after it.
    if walk.choice is not None or step.activity not in walk.ever:
        _confirm(referral, walk, step)


def _cancel(referral: Referral, walk: _Walk, step: _Step) -> None:
    current = walk.choice
    if current is None or current.activity != step.activity or _is_over(referral, current, step.time):
        return
    walk.choice = None
    walk.tried.append(current.activity)
    if any(mark.attended for mark in _marks(referral, current)):
        walk.discontinued = (current, step.time)


def _call_off(referral: Referral, walk: _Walk, step: _Step) -> None:
    current = walk.choice
    if current is None or current.activity != step.activity or _is_over(referral, current, step.time):
        return
    # Never twice to the same activity: two that replace each other would be a circle without end.
    if not step.replaced_by or step.replaced_by in current.activities:
        _cancel(referral, walk, step)
        return
    verdict = _verdict(referral, current)
    if verdict is None:
        _ask_all_the_same(referral, walk, current)
    # A place moves, and a place in the queue; not what was refused or has lapsed.
    elif verdict in {"held", "waited"} and _expired_at(referral, current) is None:
        held = current.moved or verdict == "held"
        _take(walk, replace(current, activity=step.replaced_by, moved=held, chain=current.activities))
        _meet_cancellation(referral, walk, step.time)


def _meet_cancellation(referral: Referral, walk: _Walk, time: datetime) -> None:
    """What came to an activity that was called off before: a place that moved, a confirmation of what was refused."""
    answer = referral.answers.get(walk.choice.activity) if walk.choice else None
    if walk.choice and answer and answer.cancelled_at and answer.cancelled_at <= time:
        _call_off(referral, walk, _Step(time, "", "", "called_off", walk.choice.activity, answer.replaced_by))


def _ask_all_the_same(referral: Referral, walk: _Walk, choice: Choice) -> None:
    if _verdict(referral, choice) in {None, "held"} and _asked(choice) not in referral.given:
        walk.open[choice.activity] = choice


_OF_ORGANISERS = frozenset({"confirmed", "recorded", "cancelled"})
_MOVES = {"chosen": _choose, "confirmed": _confirm, "recorded": _record, "cancelled": _cancel, "called_off": _call_off}


def _withdraw(referral: Referral, walk: _Walk, step: _Step) -> None:
    """Nothing after it counts, unless it came after the end: then it only ends the wait for feedback."""
    if walk.discontinued and walk.choice is None:
        walk.ends_wait = True
        return
    if walk.choice and _is_over(referral, walk.choice, step.time):
        if _is_placed(referral, walk.choice):
            walk.ends_wait = True
            return
        _ask_all_the_same(referral, walk, walk.choice)
    walk.withdrawn = step


# --- the place


def _asked(choice: Choice) -> str:
    return f"{choice.activity} {choice.request}"


def _answer(referral: Referral, choice: Choice | None) -> Answer | None:
    answer = referral.answers.get(choice.activity) if choice else None
    return answer if answer and choice and answer.request == choice.request else None


def _given(referral: Referral, choice: Choice | None) -> Given | None:
    given = None if choice is None or _refused(referral, choice) else referral.given.get(_asked(choice))
    return given if given and choice and (choice.enrolled or not given.by_enrolment) else None


def _refused(referral: Referral, choice: Choice) -> bool:
    """Refused as far as is known; `unknown` and `closed` are judged anew."""
    answer = _answer(referral, choice)
    return _was_cancelled_before(referral, choice) or (answer is not None and answer.state == "refused")


def _was_cancelled_before(referral: Referral, choice: Choice) -> bool:
    answer = referral.answers.get(choice.activity)
    cancelled_at = answer.cancelled_at if answer else None
    return cancelled_at is not None and choice.at >= cancelled_at and not choice.moved


def _verdict(referral: Referral, choice: Choice) -> Literal["held", "waited", "refused", "closed"] | None:
    """What the choice was answered for good, whatever the activity was asked since."""
    asked = _asked(choice)
    if _was_cancelled_before(referral, choice):
        return "refused"
    if choice.enrolled:
        return "held"
    if given := referral.given.get(asked):
        return "closed" if given.by_enrolment else "held"
    if asked in referral.refused:
        return "refused"
    return "waited" if asked in referral.waited else None


def _is_placed(referral: Referral, choice: Choice) -> bool:
    given = _given(referral, choice)
    return given is not None and (not given.confirm or choice.confirmed_at is not None)


def _last_end(referral: Referral, choice: Choice) -> datetime | None:
    answer = referral.answers.get(choice.activity)
    return (
        max((listed.ends_at for listed in answer.sessions if not listed.called_off), default=None) if answer else None
    )


def _is_over(referral: Referral, choice: Choice, time: datetime) -> bool:
    end = _last_end(referral, choice)
    return end is not None and time >= end


def _expired_at(referral: Referral, choice: Choice) -> datetime | None:
    """When the confirmation that the choice needs was overdue for the second time; its place is released then."""
    given = referral.given.get(_asked(choice))
    if given is None or not given.confirm or choice.confirmed_at:
        return None
    awaited = ("confirmation", _asked(choice))
    return next((one.due_at for one in referral.fired if (one.what, one.awaited) == awaited and one.nth >= 2), None)


def _place_state(
    status: Status, choice: Choice | None, answer: Answer | None, given: Given | None
) -> PlaceState | None:
    if choice is None or status == "withdrawn":
        return None
    if given and (not given.confirm or choice.confirmed_at):
        return "placed"
    return "waitlisted" if answer and answer.state == "waitlisted" else "requested"


# --- the sessions and the ending


def _marks(referral: Referral, choice: Choice) -> list[Mark]:
    return [mark for mark in referral.marks if mark.activity in choice.activities]


def _ending(
    referral: Referral, walk: _Walk, choice: Choice | None, given: Given | None
) -> tuple[tuple[Session, ...], Ended | None]:
    if walk.withdrawn:
        sessions = _recorded_until(referral, walk.choice, walk.withdrawn) if walk.choice else ()
        return sessions, _ended("withdrawn", sessions)
    if choice is None and walk.discontinued:
        left, at = walk.discontinued
        given_then = _given(referral, left)
        sessions = tuple(
            session if session.state != "upcoming" else replace(session, state="not_recorded")
            for session in _counted(referral, left, given_then, at)
        )
        return sessions, _ended("discontinued", sessions)
    if choice is None or given is None or (given.confirm and not choice.confirmed_at):
        return (), None
    sessions = _counted(referral, choice, given, None)
    end = _last_end(referral, choice)
    due = end is not None and _fired(referral, "attendance", _awaited_records(choice, end)) >= 1
    if due:
        sessions = tuple(
            replace(session, state="not_recorded") if session.state == "upcoming" else session for session in sessions
        )
    if not due and (not sessions or any(session.state == "upcoming" for session in sessions)):
        return sessions, None
    return sessions, _ended(_outcome(sessions), sessions)


def _counted(referral: Referral, choice: Choice, given: Given | None, until: datetime | None) -> tuple[Session, ...]:
    """The sessions that count: every recorded one, and of the others those that begin after the place was given."""
    marks: dict[tuple[str, str], Mark] = {(mark.activity, mark.session): mark for mark in _marks(referral, choice)}
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


def _recorded_until(referral: Referral, choice: Choice, step: _Step) -> tuple[Session, ...]:
    """The sessions that were recorded when the place was given up; a later correction of one of them holds."""
    marks = [mark for mark in _marks(referral, choice) if (*mark.records[0], mark.source) < step.order]
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


def _ended(outcome: Outcome, sessions: Iterable[Session]) -> Ended:
    states = [session.state for session in sessions]
    return Ended(outcome, states.count("attended"), states.count("missed"), states.count("not_recorded"))


# --- the status


def _status(
    referral: Referral,
    walk: _Walk,
    choice: Choice | None,
    answer: Answer | None,
    given: Given | None,
    ended: Ended | None,
) -> Status:
    if walk.withdrawn:
        return "withdrawn"
    if ended:
        return "completed" if ended.outcome in {"completed", "discontinued"} else "lapsed"
    if choice is None:
        return _matching_status(referral)
    if given and (not given.confirm or choice.confirmed_at):
        return "attending" if _marks(referral, choice) else "placed"
    return "waitlisted" if answer and answer.state == "waitlisted" else "requested"


def _matching_status(referral: Referral) -> Status:
    if _silence(referral, "choice") or _silence(referral, "match"):
        return "lapsed"
    matched = _current_match(referral)
    if matched is None:
        return "issued"
    return "proposed" if matched.proposed else "unmatched"


def _current_match(referral: Referral) -> Matched | None:
    matched = referral.matched
    return matched if matched and matched.number >= referral.matching.asked else None


def _silence(referral: Referral, what: Literal["match", "choice"]) -> bool:
    matched = _current_match(referral)
    if what == "choice" and not (matched and matched.proposed):
        return False
    return _fired(referral, what, _awaited(referral, what)) >= 2


def _silent_outcome(referral: Referral) -> Outcome:
    return "not_chosen" if _silence(referral, "choice") else "no_activity_found"


def _closed(referral: Referral, walk: _Walk, status: Status) -> bool:
    if status in {"lapsed", "withdrawn"}:
        return True
    if status != "completed":
        return False
    assert referral.issued is not None
    over = referral.told.completed_at is not None and _fired(referral, "feedback", _awaited_feedback(referral)) >= 1
    return not referral.issued.feedback or referral.feedback is not None or walk.ends_wait or over


# --- deadlines


def _fired(referral: Referral, what: str, awaited: str) -> int:
    return max((fired.nth for fired in referral.fired if (fired.what, fired.awaited) == (what, awaited)), default=0)


def _awaited(referral: Referral, what: Literal["match", "choice"]) -> str:
    assert referral.issued is not None
    matched = _current_match(referral)
    round_ = matched.id if what == "choice" and matched else ""
    return f"{referral.issued.id} {referral.matching.asked} {round_}"


def _awaited_records(choice: Choice, end: datetime) -> str:
    return f"{choice.activity} {end.isoformat()}"


def _awaited_feedback(referral: Referral) -> str:
    return str(referral.told.completed_at and referral.told.completed_at.isoformat())


def _deadlines(
    referral: Referral, status: Status, choice: Choice | None, given: Given | None, durations: Durations
) -> Iterator[Deadline]:
    assert referral.issued is not None
    region = referral.issued.source
    if status in {"issued", "unmatched"}:
        since = max(referral.issued.time, referral.matching.asked_at or referral.issued.time)
        yield _next(referral, "match", since, durations.match, _awaited(referral, "match"), region)
    elif status == "proposed" and (matched := _current_match(referral)):
        yield _next(referral, "choice", matched.time, durations.choice, _awaited(referral, "choice"), region)
    elif status == "requested" and choice and given:
        asked = referral.registers.get(choice.activity)
        since = max(given.given_at, asked.asked_at if asked and asked.asked_at else given.given_at)
        awaited = _asked(choice)
        opisto = choice.activity.partition(" ")[0]
        yield _next(referral, "confirmation", since, durations.confirmation, awaited, opisto)
    elif status in {"placed", "attending"} and choice and (end := _last_end(referral, choice)):
        opisto = choice.activity.partition(" ")[0]
        yield _next(referral, "attendance", end, durations.attendance, _awaited_records(choice, end), opisto)
    elif status == "completed" and referral.told.completed_at:
        since = referral.told.completed_at
        yield _next(referral, "feedback", since, durations.feedback, _awaited_feedback(referral), region)


def _next(
    referral: Referral,
    what: Literal["match", "choice", "confirmation", "attendance", "feedback"],
    since: datetime,
    duration: timedelta,
    awaited: str,
    concerns: str,
) -> Deadline:
    nth = _fired(referral, what, awaited) + 1
    return Deadline(what, later(since, duration, nth), nth, awaited, concerns)


# --- what the activities are told


def _wants(
    referral: Referral, walk: _Walk, choice: Choice | None, refused: Choice | None, *, closed: bool
) -> dict[str, Want]:
    # What was once asked for and, by a fact that came late, should not have been: its place must be freed too.
    wants = {activity: Want("follow") for activity in (*referral.registers, *walk.ever)}
    # A refused choice stays registered: `unknown` and `closed` are judged anew when a version of the activity arrives.
    wanted = choice or refused
    asked = [*walk.open.values()]
    if wanted and not closed and not walk.withdrawn:
        asked.append(wanted)
    for one in asked:
        wants[one.activity] = Want("place", one.request, one.at, one.enrolled, one.moved)
    return wants
