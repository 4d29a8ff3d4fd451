"""The verdict on a run of the demo: whether all adds up, and whether the loop was a true picture. Pure.

A lost event is one thing, a machine that could not carry the run another: each has an exit code of its own.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from demo.flows import GuidelineFlow
from demo.groups import MISCOUNTED
from demo.ledger import Balance
from demo.size import DAYS
from demo.terms import terms

TRUE: Final = 0
LOST: Final = 1
TOO_MUCH: Final = 3
HARDLY: Final = 0.25
"""The share of clients near activities below which hardly anybody got a place."""


@dataclass(frozen=True)
class Course:
    """How a run went.

    Args:
        day: how far the clock came, of `DAYS`.
        seconds: how long the partners had, in real time, if they did not have all days.
        slowest: who slowed the clock down at the end.
        unread: the work left when the patience ended, a line each.
        reachable: how many clients live where an opisto of the demo has activities.
        unrecorded: how many clients' attendance their opistos meant to leave unrecorded.
        letters: how many dead letters are meant, by reason.
        refused: how many events are meant to be refused at the door.
        twice: how many sendings nobody answered, so that they were sent again and may have landed twice.
        running: processes that should have ended and have not, a line each.
        groups: where the groups of units stand, by outcome or status.
        groups_issued: how many there are.
        flows: what the guidelines ask for, as meant and as the platform shows it.
    """

    day: float
    seconds: float
    slowest: str
    unread: tuple[str, ...]
    reachable: int
    unrecorded: int
    letters: Mapping[str, int] = field(default_factory=dict)
    refused: int = 0
    twice: int = 0
    running: tuple[str, ...] = ()
    groups: Mapping[str, int] = field(default_factory=dict)
    groups_issued: int = 0
    flows: Sequence[GuidelineFlow] = ()


@dataclass(frozen=True)
class Verdict:
    """The exit code, and why, a line each."""

    code: int
    lines: tuple[str, ...]


def judge(course: Course, balance: Balance, loop: Mapping[str, Any], dead: Mapping[str, int]) -> Verdict:
    """`TRUE`, `LOST` if all was read and does not add up, `TOO_MUCH` if the machine could not carry it."""
    missing = tuple(_does_not_add_up(course, balance, loop, dead))
    slow = tuple(_was_too_much(course, loop))
    if missing and not course.unread:
        return Verdict(LOST, missing)
    return Verdict(TOO_MUCH, slow) if slow else Verdict(TRUE, ())


def _does_not_add_up(
    course: Course, balance: Balance, loop: Mapping[str, Any], dead: Mapping[str, int]
) -> Sequence[str]:
    lines = [*balance.faults, *course.running]
    if not balance.balances and not balance.faults:
        lines.append(f"{balance.accounted} events are accounted for, {balance.sent} were sent")
    issued, stand = int(loop.get("issued", 0)), sum(term.count for term in terms(loop))
    if issued != stand:
        lines.append(f"{issued} referrals were issued, the loop's terms add up to {stand}")
    if sum(course.groups.values()) != course.groups_issued or course.groups.get(MISCOUNTED):
        lines.append(f"{course.groups_issued} groups were issued, they stand as {dict(course.groups)}")
    lines += [f"{one.what}: {one.came}, meant were {one.meant}" for one in course.flows if not one.is_as_meant]
    more = Counter(dead) - Counter(course.letters)
    if more.total() > course.twice:
        lines += [f"dead letters {reason}: {count} more than meant" for reason, count in more.items()]
    if balance.refused != course.refused:
        lines.append(f"refused at the door: {balance.refused}, meant were {course.refused}")
    return lines


def _was_too_much(course: Course, loop: Mapping[str, Any]) -> Sequence[str]:
    lines = list(course.unread)
    if course.day < DAYS:
        by = f", {course.slowest} lagged" if course.slowest else ""
        lines.append(f"the clock came to day {course.day:.1f} of {DAYS:.0f} in {course.seconds:.0f} s{by}")
    placed, unrecorded = int(loop.get("placed", 0)), loop.get("lost", {}).get("attendance", {}).get("not_recorded", 0)
    if placed < HARDLY * course.reachable:
        lines.append(f"hardly anybody was placed: {placed} of {course.reachable} who live where activities are")
    if unrecorded > course.unrecorded:
        lines.append(f"not recorded: {unrecorded}, of whom the opistos meant to leave {course.unrecorded} unrecorded")
    return lines
