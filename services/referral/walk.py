"""The walk through a referral's facts, in order of (time, id, source), to the choice that holds.

Pure. Each fact makes one move: it chooses, confirms, records, cancels, calls off or withdraws, or changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.referral.model import Referral, split_key
from services.referral.place import asked_as, attendance_of, is_over, is_placed, lapsed_at, verdict_on
from services.referral.relation import chosen_organisers, looked_up
from services.referral.view import Choice
from shared.contracts.fields import Release


@dataclass
class Walk:
    """The walk through the facts, as far as it has come."""

    related: set[str]
    choice: Choice | None = None
    ever: list[str] = field(default_factory=list)
    took: dict[str, Choice] = field(default_factory=dict)
    """By request, each choice that ever held, as it was last: at the activity to which its place moved."""
    tried: list[str] = field(default_factory=list)
    left: dict[str, Release] = field(default_factory=dict)
    """Why the referral left an activity that it had chosen."""
    discontinued: tuple[Choice, datetime] | None = None
    open: dict[str, Choice] = field(default_factory=dict)
    """By activity, choices whose answer decides the end though the walk went on: their places are asked for too."""
    withdrawn: "Step | None" = None
    ends_wait: bool = False
    """A withdrawal after the end: it only ends the wait for feedback."""

    @property
    def stands(self) -> tuple[object, ...]:
        """Everything that a step may change."""
        rest = (self.discontinued, self.withdrawn, self.ends_wait)
        return (self.choice, len(self.ever), len(self.tried), tuple(self.open.items()), *rest)


@dataclass(frozen=True)
class Step:
    """A fact on the walk, from whichever event."""

    time: datetime
    id: str
    source: str
    kind: str
    activity: str = ""
    replaced_by: str = ""

    @property
    def order(self) -> tuple[datetime, str, str]:
        """The fact's place in the order of facts."""
        return self.time, self.id, self.source


def walk_of(referral: Referral) -> Walk:
    """The whole walk, up to a withdrawal."""
    walk = Walk(chosen_organisers(referral))
    for step in sorted(_steps(referral), key=lambda one: one.order):
        _go(referral, walk, step)
        if walk.withdrawn:
            break
    if walk.discontinued and not walk.withdrawn:
        # The sessions that count depend on when the place was given, and that on whether it needs a confirmation.
        _ask_all_the_same(referral, walk, walk.discontinued[0])
    return walk


def decisive(referral: Referral) -> set[tuple[datetime, str, str]]:
    """The facts and records that the walk depends on, each by its order."""
    walk = Walk(chosen_organisers(referral))
    found = set()
    for step in sorted(_steps(referral), key=lambda one: one.order):
        before = walk.stands
        _go(referral, walk, step)
        if walk.stands != before:
            found.add(step.order)
        if walk.withdrawn:
            break
    return found


def _go(referral: Referral, walk: Walk, step: Step) -> None:
    if step.kind == "withdrawn":
        _withdraw(referral, walk, step)
    elif step.kind not in _OF_ORGANISERS or _is_related(referral, walk, step):
        _MOVES[step.kind](referral, walk, step)


def _steps(referral: Referral) -> Iterator[Step]:
    for fact in referral.facts:
        yield Step(fact.time, fact.id, fact.source, fact.kind, fact.activity)
    for record in referral.attendance:
        for time, id_ in record.records:
            # A record of attendance confirms too.
            yield Step(time, id_, record.source, "recorded", record.activity)
    for activity, answer in referral.answers.items():
        if answer.cancelled_at:
            yield Step(answer.cancelled_at, "", "", "called_off", activity, answer.replaced_by)


def _is_related(referral: Referral, walk: Walk, step: Step) -> bool:
    """Judged at each step: a fact that counted only for a moment must not depend on when it arrived."""
    organiser = split_key(step.activity)[0]
    return organiser in walk.related or looked_up(referral, organiser, step.time)


# --- the moves


def _choose(referral: Referral, walk: Walk, step: Step) -> None:
    current = walk.choice
    if current is None or current.activity != step.activity or _asks_again(referral, current, step.time):
        _take(referral, walk, Choice(step.activity, step.time, step.id))


def _asks_again(referral: Referral, current: Choice, time: datetime) -> bool:
    if expired_at := lapsed_at(referral, current):
        return time >= expired_at
    asked, verdict = asked_as(current), verdict_on(referral, current)
    closed = verdict == "closed" or (asked in referral.closed and asked not in referral.grants)
    return verdict == "refused" or (closed and not current.enrolled)


def _take(referral: Referral, walk: Walk, choice: Choice) -> None:
    if walk.choice:
        walk.left[walk.choice.activity] = "not_confirmed" if lapsed_at(referral, walk.choice) else "moved"
    walk.left.pop(choice.activity, None)
    walk.choice = walk.took[choice.request] = choice
    walk.discontinued = None
    # The referral asks an activity one thing at a time: a choice that counts goes before one that might have.
    walk.open.pop(choice.activity, None)
    walk.related.add(split_key(choice.activity)[0])
    if choice.activity not in walk.ever:
        walk.ever.append(choice.activity)


def _confirm(referral: Referral, walk: Walk, step: Step) -> None:
    current = walk.choice
    if current is None:
        if walk.discontinued is None or step.activity not in walk.discontinued[0].activities:
            _enrol(referral, walk, step)
    elif step.activity in current.activities:
        walk.choice = replace(current, confirmed_at=current.confirmed_at or step.time, enrolled=True)
        _meet_cancellation(referral, walk, step.time)
    elif step.activity not in walk.ever and _gives_way(referral, walk, current, step):
        _enrol(referral, walk, step)


def _enrol(referral: Referral, walk: Walk, step: Step) -> None:
    _take(referral, walk, Choice(step.activity, step.time, step.id, confirmed_at=step.time, enrolled=True))


def _gives_way(referral: Referral, walk: Walk, current: Choice, step: Step) -> bool:
    """An organiser moves its own to another activity; another's choice stands until it is refused, cancelled or lapses."""
    if split_key(current.activity)[0] == split_key(step.activity)[0]:
        return True
    if not _asks_again(referral, current, step.time):
        return False
    # The catalogue judges a closed choice again when a version arrives; then that choice goes before later ones.
    _ask_all_the_same(referral, walk, current)
    return True


def _record(referral: Referral, walk: Walk, step: Step) -> None:
    # A record that the nightly run brings after a cancellation does not take the place up again.
    if walk.choice is not None or step.activity not in walk.ever:
        _confirm(referral, walk, step)


def _cancel(referral: Referral, walk: Walk, step: Step) -> None:
    current = walk.choice
    if current is None or current.activity != step.activity or is_over(referral, current, step.time):
        return
    walk.choice = None
    walk.left[current.activity] = "refused" if step.kind == "cancelled" else "called_off"
    walk.tried.append(current.activity)
    if any(record.attended for record in attendance_of(referral, current)):
        walk.discontinued = (current, step.time)


def _call_off(referral: Referral, walk: Walk, step: Step) -> None:
    current = walk.choice
    if current is None or current.activity != step.activity or is_over(referral, current, step.time):
        return
    # Never twice to the same activity: two activities that replace each other would make an endless circle.
    if not step.replaced_by or step.replaced_by in current.activities:
        _cancel(referral, walk, step)
        return
    verdict = verdict_on(referral, current)
    if verdict is None:
        _ask_all_the_same(referral, walk, current)
    # A place moves, and a place in the queue; a refused or lapsed choice does not.
    elif verdict in {"held", "waited"} and lapsed_at(referral, current) is None:
        held = current.moved or verdict == "held"
        _take(referral, walk, replace(current, activity=step.replaced_by, moved=held, chain=current.activities))
        _meet_cancellation(referral, walk, step.time)


def _meet_cancellation(referral: Referral, walk: Walk, time: datetime) -> None:
    """Calls the choice off if its activity was cancelled already: a place moved or was confirmed there."""
    answer = referral.answers.get(walk.choice.activity) if walk.choice else None
    if walk.choice and answer and answer.cancelled_at and answer.cancelled_at <= time:
        _call_off(referral, walk, Step(time, "", "", "called_off", walk.choice.activity, answer.replaced_by))


def _ask_all_the_same(referral: Referral, walk: Walk, choice: Choice) -> None:
    if verdict_on(referral, choice) in {None, "held"} and asked_as(choice) not in referral.grants:
        walk.open[choice.activity] = choice


_OF_ORGANISERS = frozenset({"confirmed", "recorded", "cancelled"})
_MOVES = {"chosen": _choose, "confirmed": _confirm, "recorded": _record, "cancelled": _cancel, "called_off": _call_off}


def _withdraw(referral: Referral, walk: Walk, step: Step) -> None:
    """Nothing after a withdrawal counts; one after the end only ends the wait for feedback."""
    if walk.discontinued and walk.choice is None:
        walk.ends_wait = True
        return
    if walk.choice and is_over(referral, walk.choice, step.time):
        if is_placed(referral, walk.choice):
            walk.ends_wait = True
            return
        _ask_all_the_same(referral, walk, walk.choice)
    walk.withdrawn = step
