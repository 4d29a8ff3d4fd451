"""The walk through a group's facts, in order of (time, id, source), to the choice that holds. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.referral.groups.model import ListedActivity, PlacesVerdict, UnitGroup
from services.referral.model import Fired

_ASKED_AGAIN = frozenset({"full", "closed", "cancelled"})
"""Refusals after which a new choice of the same activity asks again; the others the catalogue judges again by itself."""
_NEVER_LISTED = ListedActivity(0)


@dataclass(frozen=True)
class GroupChoice:
    """The choice that holds; a session held with the group confirms it too."""

    activity: str
    at: datetime
    id: str
    confirmed: bool = False


@dataclass
class GroupWalk:
    """The walk through the facts, as far as it has come."""

    choice: GroupChoice | None = None
    tried: list[str] = field(default_factory=list)
    discontinued: bool = False
    withdrawn: bool = False
    open: GroupChoice | None = None
    """A choice whose answer decides whether the withdrawal came after the end: places are asked for all the same."""


@dataclass(frozen=True, order=True)
class GroupStep:
    """A fact on the walk, from whichever event."""

    time: datetime
    id: str
    source: str
    kind: str
    activity: str = ""


def walk_of(group: UnitGroup) -> GroupWalk:
    """The whole walk, up to a withdrawal; one after the end changes nothing."""
    walk = GroupWalk()
    for step in sorted(_steps(group)):
        if step.kind == "withdrawn":
            _withdraw(group, walk, step)
        else:
            _MOVES[step.kind](group, walk, step)
        if walk.withdrawn:
            break
    return walk


def _steps(group: UnitGroup) -> Iterator[GroupStep]:
    for fact in group.facts:
        yield GroupStep(fact.time, fact.id, fact.source, fact.kind, fact.activity)
    for one in group.held:
        yield GroupStep(one.time, one.id, one.source, "confirmed", one.activity)
    for activity, listed in group.listed.items():
        if listed.cancelled_at:
            yield GroupStep(listed.cancelled_at, "", "", "cancelled", activity)


# --- the moves


def _choose(group: UnitGroup, walk: GroupWalk, step: GroupStep) -> None:
    current = walk.choice
    if current is None or current.activity != step.activity or _asks_again(group, current, step.time):
        walk.choice = GroupChoice(step.activity, step.time, step.id)
        walk.discontinued = False


def _asks_again(group: UnitGroup, current: GroupChoice, time: datetime) -> bool:
    if lapsed_at := lapse_of(group, current):
        return time >= lapsed_at
    verdict = verdict_on(group, current)
    return verdict is not None and verdict.state == "refused" and verdict.reason in _ASKED_AGAIN


def _confirm(group: UnitGroup, walk: GroupWalk, step: GroupStep) -> None:
    if walk.choice and walk.choice.activity == step.activity:
        walk.choice = replace(walk.choice, confirmed=True)


def _cancel(group: UnitGroup, walk: GroupWalk, step: GroupStep) -> None:
    if walk.choice is None or walk.choice.activity != step.activity or _is_over(group, step.activity, step.time):
        return
    walk.choice = None
    walk.tried.append(step.activity)
    walk.discontinued = any(one.participants for one in group.held if one.activity == step.activity)


def _withdraw(group: UnitGroup, walk: GroupWalk, step: GroupStep) -> None:
    current = walk.choice
    if current is None:
        walk.withdrawn = not walk.discontinued
        return
    over = _is_over(group, current.activity, step.time)
    walk.withdrawn = not (over and is_placed(group, current))
    walk.open = current if over and verdict_on(group, current) is None else None


_MOVES = {"chosen": _choose, "confirmed": _confirm, "cancelled": _cancel}


# --- what the activities said


def request_of(group: UnitGroup, choice: GroupChoice) -> str:
    """What the activity is asked by: a group that changes its size or place asks anew."""
    assert group.issued is not None
    return f"{choice.id}{asked_as(group)}"


def asked_as(group: UnitGroup) -> str:
    """The end of every request of the group as it is now."""
    assert group.issued is not None
    return f":{group.issued.size}:{group.issued.premises}"


def verdict_on(group: UnitGroup, choice: GroupChoice) -> PlacesVerdict | None:
    """The activity's answer to the choice, as far as there is one; a release is the group's own doing, and none."""
    return group.verdicts.get(f"{choice.activity} {request_of(group, choice)}")


def is_placed(group: UnitGroup, choice: GroupChoice) -> bool:
    """Whether places are held and, where that is needed, confirmed."""
    verdict = verdict_on(group, choice)
    return verdict is not None and verdict.state == "reserved" and (choice.confirmed or not verdict.confirm)


def last_end(group: UnitGroup, activity: str) -> datetime | None:
    """When the activity's last session ends."""
    return group.listed.get(activity, _NEVER_LISTED).last_end


def _is_over(group: UnitGroup, activity: str, time: datetime) -> bool:
    end = last_end(group, activity)
    return end is not None and time >= end


# --- silence


def lapse_of(group: UnitGroup, choice: GroupChoice) -> datetime | None:
    """When the confirmation was overdue for the second time: the group gives its places up then."""
    if choice.confirmed:
        return None
    found = fired_for(group, "confirmation", awaited_confirmation(choice))
    return next((one.due_at for one in found if one.nth >= 2), None)


def fired_for(group: UnitGroup, what: str, awaited: str) -> list[Fired]:
    """The passings of one step's deadline."""
    return [one for one in group.fired if (one.what, one.awaited) == (what, awaited)]


def awaited_confirmation(choice: GroupChoice) -> str:
    """The name of the confirmation of a choice."""
    return f"{choice.activity} {choice.id}"
