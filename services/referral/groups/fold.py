"""Where a group stands: a function of the set of its facts and their times. Pure. docs/contracts.md, “The life of a group”."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from services.referral.groups.model import GroupEnding, HeldSession, Meeting, PlacesVerdict, UnitGroup
from services.referral.groups.walk import (
    GroupChoice,
    GroupWalk,
    awaited_confirmation,
    fired_for,
    is_placed,
    lapse_of,
    last_end,
    request_of,
    verdict_on,
    walk_of,
)
from services.referral.model import MatchAnswer, split_key
from services.referral.view import Durations
from shared.contracts.group_told_events import GroupAwaits, GroupOutcome
from shared.contracts.instants import later

GroupStatus = Literal[
    "issued", "proposed", "unmatched", "requested", "waitlisted", "placed", "completed", "lapsed", "withdrawn"
]
_GOOD = ("completed", "discontinued")


@dataclass(frozen=True)
class GroupDeadline:
    """An awaited step and its deadline; once `awaited` changes, the deadline counts no more."""

    what: GroupAwaits
    due_at: datetime
    nth: int
    awaited: str
    concerns: str


@dataclass(frozen=True)
class GroupView:
    """Where the group stands. `chosen` is the choice of which `verdict` speaks, refused ones too; `asks` the one for which
    places are asked."""

    status: GroupStatus
    chosen: GroupChoice | None
    asks: GroupChoice | None
    verdict: PlacesVerdict | None
    ended: GroupEnding | None
    deadlines: tuple[GroupDeadline, ...]
    wants: dict[str, str]
    """By activity the request that stands there; empty: the group only follows it."""
    without: tuple[str, ...]

    @property
    def matching(self) -> bool:
        """Whether proposals are wanted."""
        return self.status in {"issued", "proposed", "unmatched"}


def fold(group: UnitGroup, durations: Durations) -> GroupView:
    """Where the group stands by its facts so far. It must have been issued."""
    walk = walk_of(group)
    chosen = None if walk.withdrawn or (walk.choice and lapse_of(group, walk.choice)) else walk.choice
    verdict = verdict_on(group, chosen) if chosen else None
    refused = verdict is not None and verdict.state == "refused"
    standing = None if refused else chosen
    if walk.choice and not standing:
        walk.tried.append(walk.choice.activity)
    ended = _ended(group, walk, standing)
    status = _status(group, walk, standing, verdict, ended)
    if status == "lapsed" and ended is None:
        ended = _ending(group, "not_chosen" if _is_silent(group, "choice") else "no_activity_found")
    wants = dict.fromkeys(sorted(group.chosen), "")
    asks = chosen or walk.open
    if asks:
        wants[asks.activity] = request_of(group, asks)
    deadlines = tuple(_deadlines(group, status, standing, verdict, durations))
    return GroupView(status, chosen, asks, verdict, ended, deadlines, wants, tuple(dict.fromkeys(walk.tried)))


def _status(
    group: UnitGroup,
    walk: GroupWalk,
    choice: GroupChoice | None,
    verdict: PlacesVerdict | None,
    ended: GroupEnding | None,
) -> GroupStatus:
    if walk.withdrawn:
        return "withdrawn"
    if ended:
        return "completed" if ended.outcome in _GOOD else "lapsed"
    if choice is None:
        return _matching_status(group)
    if is_placed(group, choice):
        return "placed"
    return "waitlisted" if verdict and verdict.state == "waitlisted" else "requested"


def _matching_status(group: UnitGroup) -> GroupStatus:
    if _is_silent(group, "choice") or _is_silent(group, "match"):
        return "lapsed"
    matched = current_match(group)
    if matched is None:
        return "issued"
    return "proposed" if matched.proposed else "unmatched"


# --- the end


def _ended(group: UnitGroup, walk: GroupWalk, choice: GroupChoice | None) -> GroupEnding | None:
    if walk.withdrawn:
        return _ending(group, "withdrawn")
    if choice is None:
        return _ending(group, "discontinued") if walk.discontinued else None
    if not is_placed(group, choice):
        return None
    missing, met = not_recorded(group, choice), records_of(group, choice.activity)
    is_silence = bool(fired_for(group, "attendance", _awaited_records(group, choice)))
    if not is_silence and (missing or not met):
        return None
    came = any(one.participants for one in met)
    return _ending(group, "completed" if came else "not_held", len(missing))


def _ending(group: UnitGroup, outcome: GroupOutcome, missing: int = 0) -> GroupEnding:
    met = [one for one in group.held if one.participants]
    return GroupEnding(
        outcome, len(met), missing, sum(one.participants for one in met), sum(one.staff for one in group.held)
    )


def records_of(group: UnitGroup, activity: str) -> list[HeldSession]:
    """The records of the sessions at one activity."""
    return [one for one in group.held if one.activity == activity]


def not_recorded(group: UnitGroup, choice: GroupChoice) -> list[Meeting]:
    """The sessions that count and of which nobody said that they were held: those after the places were given."""
    listed, verdict = group.listed.get(choice.activity), verdict_on(group, choice)
    recorded = {one.session for one in records_of(group, choice.activity)}
    since = verdict.given_at if verdict else None
    return [
        one
        for one in (listed.meetings if listed else ())
        if not one.called_off and one.session not in recorded and (since is None or one.starts_at > since)
    ]


# --- deadlines


def _deadlines(
    group: UnitGroup,
    status: GroupStatus,
    choice: GroupChoice | None,
    verdict: PlacesVerdict | None,
    durations: Durations,
) -> Iterator[GroupDeadline]:
    assert group.issued is not None
    issuer = group.issued.source
    if status in {"issued", "unmatched"}:
        since = group.matching.asked_at or group.issued.time
        yield _next(group, "match", since, durations.match, _awaited(group, "match"), issuer)
    elif status == "proposed" and (matched := current_match(group)):
        yield _next(group, "choice", matched.time, durations.choice, _awaited(group, "choice"), issuer)
    elif status == "requested" and choice and verdict and verdict.state == "reserved" and verdict.given_at:
        order = group.orders.get(choice.activity)
        since = max(verdict.given_at, order.asked_at if order and order.asked_at else verdict.given_at)
        awaited = awaited_confirmation(choice)
        yield _next(group, "confirmation", since, durations.confirmation, awaited, split_key(choice.activity)[0])
    elif status == "placed" and choice and (end := last_end(group, choice.activity)):
        awaited = _awaited_records(group, choice)
        yield _next(group, "attendance", end, durations.attendance, awaited, split_key(choice.activity)[0])


def _next(
    group: UnitGroup, what: GroupAwaits, since: datetime, duration: timedelta, awaited: str, concerns: str
) -> GroupDeadline:
    nth = max((one.nth for one in fired_for(group, what, awaited)), default=0) + 1
    return GroupDeadline(what, later(since, duration, nth), nth, awaited, concerns)


def current_match(group: UnitGroup) -> MatchAnswer | None:
    """The catalogue's answer, if it is to the last question."""
    matched = group.matched
    return matched if matched and matched.number >= group.matching.asked else None


def _is_silent(group: UnitGroup, what: Literal["match", "choice"]) -> bool:
    matched = current_match(group)
    if what == "choice" and not (matched and matched.proposed):
        return False
    return any(one.nth >= 2 for one in fired_for(group, what, _awaited(group, what)))


def _awaited(group: UnitGroup, what: Literal["match", "choice"]) -> str:
    assert group.issued is not None
    matched = current_match(group)
    round_ = matched.id if what == "choice" and matched else ""
    return f"{group.issued.id} {group.matching.asked} {round_}"


def _awaited_records(group: UnitGroup, choice: GroupChoice) -> str:
    end = last_end(group, choice.activity)
    return f"{choice.activity} {end.isoformat() if end else ''}"
