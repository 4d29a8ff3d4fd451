"""Groups of dead letters: those of one fault, whoever's they are, and what the ops team has noted of a group. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from services.monitor.model import Dead
from shared.contracts.envelope import Event
from shared.contracts.error_kind import pointer_of, without_values
from shared.contracts.identity import derived_id
from shared.contracts.monitor_events import DeadGroupNoted
from shared.contracts.registry import CLASSES
from shared.engine.model import Decision

_TYPES: Final = frozenset(one.type for one in CLASSES.values())


class DeadGroup(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the ops team noted of a group, the latest word whole; the group itself is nothing but its letters."""

    id: str
    by: str
    time: datetime
    note: str = ""
    owner: str = ""
    link: str = ""
    parked_until: datetime | None = None


class Fault(NamedTuple):
    """What the letters of one group have in common."""

    service: str
    reason: str
    type: str
    """Empty for a class that nobody knows: senders may invent as many as they like."""
    pointer: str
    error: str


def fault_of(letter: Dead) -> Fault:
    """The fault of a letter, without ids and values."""
    type_ = letter.type if letter.type in _TYPES else ""
    return Fault(letter.service, letter.reason, type_, pointer_of(letter.error), without_values(letter.error))


def group_of(letter: Dead) -> str:
    """The id of the letter's group."""
    return derived_id("dead-letter-group", *fault_of(letter))


def noted(state: DeadGroup | None, event: Event[DeadGroupNoted], now: datetime, context: object) -> Decision[DeadGroup]:
    """The latest word replaces the one before."""
    data = event.data
    if state and state.time > event.time:
        return Decision(state)
    return Decision(DeadGroup(data.group, data.by, event.time, data.note, data.owner, data.link, data.parked_until))


class Counts(NamedTuple):
    """How many letters of each group came within an hour, a day, seven days, and how many stand open."""

    hour: Mapping[str | None, int]
    day: Mapping[str | None, int]
    week: Mapping[str | None, int]
    open: Mapping[str | None, int]


class Rank(NamedTuple):
    """Where a group stands in the list: what is open comes first, then what came most."""

    parked: bool
    open: int
    week: int
    id: str


def ranked(counts: Counts, parked: frozenset[str]) -> list[Rank]:
    """Every group with a letter of these seven days, or an open one; those that are parked stand last."""
    ids = {id_ for id_ in (*counts.week, *counts.open) if id_}
    found = [Rank(id_ in parked, counts.open.get(id_, 0), counts.week.get(id_, 0), id_) for id_ in ids]
    return sorted(found, key=lambda one: (one.parked, -one.open, -one.week, one.id))
