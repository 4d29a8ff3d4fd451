"""The picture of a group in docs/contracts.md: every status, and no arrow that the real services do not take.

As tests/unit/test_referral_picture.py: small worlds through the real handlers in order of time, deadlines among them.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final, get_args

from services.referral.groups.fold import GroupStatus, fold
from shared.contracts.envelope import Event
from shared.contracts.registry import class_of
from tests.unit.facts import at, called_off, published
from tests.unit.group_facts import (
    a_group,
    group_cancelled,
    group_chose,
    group_confirmed,
    group_issued,
    group_met,
    group_withdrawn,
)
from tests.unit.network import DURATIONS, Network
from tests.unit.test_referral_picture import Arrow, arrows

HEADING: Final = "The life of a group"
PUBLISHED: Final = published(-5)
MISFIT: Final = published(-5, age={"max": 40})
TO_CONFIRM: Final = published(-5, confirm=True)
CHOSEN: Final = (group_issued(0), group_chose(1))
CAME: Final = (PUBLISHED, *CHOSEN, group_met(20.1, "s1"))
OTHER: Final = a_group("other")
OTHERS: Final = (group_issued(0, OTHER), group_chose(0.5, group=OTHER))
FULL: Final = (published(-5, capacity=8, waiting=8), *OTHERS, *CHOSEN)
LATE: Final = published(-5, meetings=[("s1", 60)])
WORLDS: Final[Sequence[Sequence[Event]]] = (
    (group_issued(0), published(3)),
    (group_issued(0), group_withdrawn(1)),
    (PUBLISHED, group_issued(0), published(3, age={"max": 40})),
    (PUBLISHED, group_issued(0), group_withdrawn(1)),
    (PUBLISHED, group_issued(0)),
    (MISFIT, *CHOSEN),
    (PUBLISHED, *CHOSEN),
    (PUBLISHED, *CHOSEN, group_cancelled(2)),
    (PUBLISHED, *CHOSEN, called_off(2)),
    (PUBLISHED, *CHOSEN, group_withdrawn(2)),
    (PUBLISHED, *CHOSEN, group_met(20.1, "s1", participants=0), group_met(30.1, "s2", participants=0)),
    CAME,
    (*CAME, group_met(30.1, "s2")),
    (*CAME, group_cancelled(21)),
    (*CAME, called_off(21)),
    (*CAME, group_cancelled(21), published(22, "b", meetings=[("s1", 40)]), group_chose(23, "b")),
    (TO_CONFIRM, *CHOSEN),
    (TO_CONFIRM, *CHOSEN, group_confirmed(2)),
    (TO_CONFIRM, *CHOSEN, group_met(20.1, "s1")),
    (TO_CONFIRM, *CHOSEN, group_cancelled(2)),
    (TO_CONFIRM, *CHOSEN, group_withdrawn(2)),
    (published(-5, capacity=1), *CHOSEN),
    FULL,
    (*FULL, group_withdrawn(2, OTHER)),
    (*FULL, group_cancelled(2)),
    (*FULL, group_withdrawn(2)),
    (*FULL, called_off(2)),
    (*FULL, published(2, capacity=8, waiting=8, closes=3)),
    (LATE, group_issued(0), group_chose(45)),
    (LATE, group_issued(0), group_withdrawn(45)),
    (*CAME, group_issued(25, size=10)),
)


@cache
def taken() -> frozenset[Arrow]:
    """The changes of status that are seen in these worlds."""
    return frozenset(arrow for world in WORLDS for arrow in seen_in(world))


def seen_in(world: Sequence[Event]) -> set[Arrow]:
    network, seen, last = Network(at(-6)), set[Arrow](), "[*]"

    def look() -> None:
        nonlocal last
        message = network.delivered[-1]
        if message.to != "referral" or a_group() not in network.groups():
            return
        status = fold(network.group(a_group()), DURATIONS).status
        if status != last:
            seen.add((last, status, class_of((dict(message.record.headers)["ce_type"] or b"").decode()).name))
        last = status

    network.after_each = look
    for event in sorted(world, key=lambda one: one.order):
        network.let_time_pass((event.time - network.clock.now()).days)
        network.in_order([event])
    network.let_time_pass(80)
    return seen


def test_the_picture_has_every_status_and_nothing_else() -> None:
    assert {status for arrow in arrows(HEADING) for status in arrow[:2]} - {"[*]"} == set(get_args(GroupStatus))


def test_the_services_take_every_arrow_of_the_picture() -> None:
    assert sorted(arrows(HEADING) - taken()) == []


def test_every_change_of_status_in_these_worlds_is_in_the_picture() -> None:
    assert sorted(taken() - arrows(HEADING)) == []
