"""The thirty scenarios of SCENARIOS.md: what each is called, and on which engines it is played when.

`quick`: in every `make test`; `full`: in `make scenarios` beside that. What an engine cannot show, it is not asked to:
the embedded broker keeps its log in memory, and one instance of a service reads it.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pytest

from deploy.engines import Engine

EMBEDDED, JAVA = Engine.EMBEDDED, Engine.JAVA
ALL: Final = bool(os.environ.get("LAHETE_SCENARIOS"))
"""Whether all are played: `make scenarios` sets it."""


@dataclass(frozen=True)
class Scenario:
    """One of them."""

    what: str
    quick: Sequence[Engine] = ()
    full: Sequence[Engine] = ()


TABLE: Final[Mapping[int, Scenario]] = {
    1: Scenario("the same event 50 times", quick=(EMBEDDED,), full=(JAVA,)),
    11: Scenario("records that nobody can read", quick=(EMBEDDED,), full=(JAVA,)),
    12: Scenario("an unknown type, a newer version", quick=(EMBEDDED,), full=(JAVA,)),
    17: Scenario("every order of five events", quick=(EMBEDDED,), full=(JAVA,)),
    18: Scenario("a dead letter redriven once mended", quick=(EMBEDDED,), full=(JAVA,)),
    19: Scenario("redriven by two people at once", quick=(EMBEDDED,), full=(JAVA,)),
    20: Scenario("redriven and still broken", quick=(EMBEDDED,), full=(JAVA,)),
    22: Scenario("every event fails: the fuse", quick=(EMBEDDED,), full=(JAVA,)),
    24: Scenario("the same id with another content", quick=(EMBEDDED,), full=(JAVA,)),
    25: Scenario("all is read again from the beginning", full=(JAVA,)),
    26: Scenario("very many events of one aggregate", quick=(EMBEDDED,)),
    29: Scenario("events in another's name", quick=(EMBEDDED,), full=(JAVA,)),
    30: Scenario("personal identity codes everywhere", quick=(EMBEDDED,), full=(JAVA,)),
}


def scenario(number: int) -> pytest.MarkDecorator:
    """Plays a test on the engines of the table, as its argument `engine`; its numbers go to the report."""
    one = TABLE[number]
    quick = [pytest.param(engine, id=f"{number}-{engine.value}") for engine in one.quick]
    reason = "played by `make scenarios`"
    skipped = [pytest.mark.skipif(not ALL, reason=reason), pytest.mark.timeout(900)]
    full = [pytest.param(engine, id=f"{number}-{engine.value}", marks=skipped) for engine in one.full]
    return pytest.mark.parametrize("engine", [*quick, *full])
