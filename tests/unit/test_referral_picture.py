"""The picture of a referral in docs/contracts.md: every status, and no arrow that the real services do not take.

Small worlds go through the real handlers in order of time (`network.py`), deadlines among them; each arrow is a change of
status that was seen there, at an event of a class that stands on it.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Final, get_args

from shared.contracts.envelope import Event
from shared.contracts.referral_events import Status
from shared.contracts.registry import class_of
from tests.unit.facts import (
    a_referral,
    at,
    called_off,
    chosen,
    confirmed,
    issued,
    off_the_list,
    published,
    recorded,
    withdrawn,
)
from tests.unit.network import Network
from tests.unit.test_import_rules import REPOSITORY

PAGE: Final = REPOSITORY / "docs" / "contracts.md"
ARROW: Final = re.compile(r"^ *(\[\*\]|\w+) --> (\w+) ?: (.+)$")
Arrow = tuple[str, str, str]
"""From, to, and the class of the event at which it is taken."""

PUBLISHED: Final = published(-5)
MISFIT: Final = published(-5, age={"min": 86})
TO_CONFIRM: Final = published(-5, confirm=True)
FULL: Final = published(-5, capacity=0, waiting=1)
CHOSEN: Final = (issued(0), chosen(1))
CAME: Final = (PUBLISHED, *CHOSEN, recorded(20, "s1"))
WORLDS: Final[Sequence[Sequence[Event]]] = (
    (issued(0), published(3)),
    (issued(0), withdrawn(1)),
    (PUBLISHED, issued(0), published(3, age={"min": 86})),
    (PUBLISHED, issued(0), withdrawn(1)),
    (PUBLISHED, issued(0)),
    (MISFIT, *CHOSEN),
    (PUBLISHED, *CHOSEN),
    (PUBLISHED, *CHOSEN, off_the_list(2)),
    (PUBLISHED, *CHOSEN, called_off(2)),
    (PUBLISHED, *CHOSEN, withdrawn(2)),
    (PUBLISHED, *CHOSEN, recorded(20, "s1", came=False), off_the_list(21)),
    (PUBLISHED, *CHOSEN, recorded(20, "s1", came=False), recorded(30, "s2", came=False)),
    (PUBLISHED, *CHOSEN, recorded(20, "s1", came=False)),
    CAME,
    (*CAME, recorded(30, "s2")),
    (*CAME, off_the_list(21)),
    (*CAME, off_the_list(21), published(22, "b", meetings=[("s1", 40)]), chosen(23, "b")),
    (*CAME, withdrawn(21)),
    (TO_CONFIRM, *CHOSEN),
    (TO_CONFIRM, *CHOSEN, confirmed(2)),
    (TO_CONFIRM, *CHOSEN, off_the_list(2)),
    (TO_CONFIRM, *CHOSEN, withdrawn(2)),
    (published(-5, capacity=0), *CHOSEN),
    (FULL, *CHOSEN, published(2, waiting=1)),
    (FULL, *CHOSEN, published(2, capacity=0, waiting=1, closes=3)),
    (FULL, *CHOSEN, withdrawn(2)),
    (published(-5, meetings=[("s1", 20)]), *CHOSEN, recorded(20, "s1")),
    (published(-5, meetings=[("s1", 20)]), *CHOSEN, recorded(20, "s1", came=False)),
    (published(-5, meetings=[("s1", 60)]), issued(0), chosen(45)),
    (published(-5, meetings=[("s1", 60)]), issued(0), withdrawn(45)),
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
        if message.to != "referral" or not network.knows(a_referral()):
            return
        status = network.view(a_referral()).status
        if status != last:
            seen.add((last, status, class_of(dict(message.record.headers)["ce_type"].decode()).name))
        last = status

    network.after_each = look
    for event in world:
        network.let_time_pass((event.time - network.clock.now()).days)
        network.in_order([event])
    network.let_time_pass(80)
    return seen


def arrows(heading: str = "The life of a referral") -> set[Arrow]:
    """Those of the picture under a heading, one for each class that stands on it."""
    _, _, section = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    picture = re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)```", section, re.DOTALL)[0]
    found = [ARROW.match(line) for line in picture.splitlines()]
    assert all(found), picture
    return {(one[1], one[2], name) for one in found if one for name in one[3].split(", ")}


def test_the_picture_has_every_status_and_nothing_else() -> None:
    assert {status for arrow in arrows() for status in arrow[:2]} - {"[*]"} == set(get_args(Status))


def test_the_services_take_every_arrow_of_the_picture() -> None:
    assert sorted(arrows() - taken()) == []


def test_every_change_of_status_in_these_worlds_is_in_the_picture() -> None:
    assert sorted(taken() - arrows()) == []
