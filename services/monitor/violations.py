"""What a sender did wrong, by class, reason and field: of its dead letters, with what the contract wants there. Pure.

Nothing of what stood in a record is here: a pointer goes as deep as the contract knows it, the error is without its ids
and values, and an event's id counts as one only in the form that the contract has for it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from services.monitor.contract_fields import ContractField, contract_field
from services.monitor.dead_groups import fault_of
from services.monitor.model import EVENT_ID, Dead
from shared.contracts.errors import REASONS
from shared.contracts.registry import known_class

OURS: Final = "handler_failed"
THEIRS: Final = frozenset(REASONS) - {OURS}
"""The reasons that are a sender's; a fault of the platform's own is nothing that a sender did wrong."""
MOST_EXAMPLES: Final = 3


class SeenFault(NamedTuple):
    """One group of a sender's dead letters: how many there are, the oldest of them, the newest ones first."""

    letters: int
    oldest: Dead
    newest: Sequence[Dead]


class Example(NamedTuple):
    """One dead letter. `event_id`: empty where it could not be read, or is none."""

    dl_id: str
    event_id: str


class Violation(NamedTuple):
    """One field of one class, refused for one reason. `name`: the class, empty for one that nobody knows."""

    name: str
    reason: str
    field: ContractField
    letters: int
    first: datetime
    last: datetime
    error: str
    """The newest of them, in the service's words, with `…` for each id and value."""
    examples: tuple[Example, ...]


class OtherFaults(NamedTuple):
    """Further faults, which are not looked at one by one, and how many dead letters there are of them."""

    faults: int
    letters: int


class ViolationsFound(NamedTuple):
    """What was found of one sender. `complete`: no dead letter was left uncounted."""

    violations: Sequence[Violation]
    others: OtherFaults
    complete: bool = True


def violations_of(faults: Iterable[SeenFault]) -> list[Violation]:
    """Those with the most dead letters first; faults that differ in their words alone are one."""
    found: dict[tuple[str, str, str], Violation] = {}
    for fault in sorted(faults, key=lambda one: one.newest[0].time, reverse=True):
        one = _violation(fault)
        known = found.get(key := (one.name, one.reason, one.field.pointer))
        found[key] = _together(known, one) if known else one
    shown = (one for one in found.values() if one.reason in THEIRS)
    return sorted(shown, key=lambda one: (-one.letters, one.name, one.reason, one.field.pointer))


def _violation(fault: SeenFault) -> Violation:
    newest = fault.newest[0]
    said = fault_of(newest)
    named = known_class(said.type)
    return Violation(
        named.name if named else "",
        said.reason,
        contract_field(said.type, said.pointer),
        fault.letters,
        fault.oldest.time,
        newest.time,
        said.error,
        tuple(map(_example, fault.newest[:MOST_EXAMPLES])),
    )


def _together(one: Violation, other: Violation) -> Violation:
    return one._replace(
        letters=one.letters + other.letters,
        first=min(one.first, other.first),
        last=max(one.last, other.last),
        examples=(*one.examples, *other.examples)[:MOST_EXAMPLES],
    )


def _example(letter: Dead) -> Example:
    is_an_id = EVENT_ID.fullmatch(letter.event_id)
    return Example(letter.dl_id, letter.event_id if is_an_id else "")
