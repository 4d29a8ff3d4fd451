"""The scenarios of docs/scenarios.md: the name of each, and on which backends it is played when.

`quick`: in every `make test`; `full`: in `make scenarios` beside that. What an engine cannot show, it is not asked to:
the embedded broker keeps its log in memory, and one instance of a service reads it.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pytest

from deploy.backends import Backend

EMBEDDED, JAVA = Backend.EMBEDDED, Backend.JAVA
ALL: Final = bool(os.environ.get("LAHETE_SCENARIOS"))
"""Whether all are played: `make scenarios` sets it."""


@dataclass(frozen=True)
class Scenario:
    """One of them."""

    what: str
    quick: Sequence[Backend] = ()
    full: Sequence[Backend] = ()


TABLE: Final[Mapping[int, Scenario]] = {
    1: Scenario("the same event 50 times", quick=(EMBEDDED,), full=(JAVA,)),
    2: Scenario("kill -9 of a random service, 30 times", full=(EMBEDDED, JAVA)),
    3: Scenario("killed between save and publish", full=(EMBEDDED, JAVA)),
    4: Scenario("killed between publish and clearing the outbox", full=(EMBEDDED, JAVA)),
    5: Scenario("killed between effect and commit", full=(EMBEDDED, JAVA)),
    6: Scenario("200 first events of one referral at once", quick=(EMBEDDED,), full=(JAVA,)),
    7: Scenario("Kafka away while HTTP intake goes on", full=(EMBEDDED, JAVA)),
    8: Scenario("the database away under load", full=(EMBEDDED, JAVA)),
    9: Scenario("a database error twice, then none", full=(EMBEDDED, JAVA)),
    10: Scenario("an event whose handler always fails", quick=(EMBEDDED,), full=(JAVA,)),
    11: Scenario("records that nobody can read", quick=(EMBEDDED,), full=(JAVA,)),
    12: Scenario("an unknown type, a newer version", quick=(EMBEDDED,), full=(JAVA,)),
    13: Scenario("SIGTERM of all under load", full=(EMBEDDED, JAVA)),
    14: Scenario("rolling restart under load", full=(EMBEDDED, JAVA)),
    15: Scenario("an instance slower than its session", full=(JAVA,)),
    16: Scenario("an instance frozen beyond its session", full=(EMBEDDED, JAVA)),
    17: Scenario("every order of five events", full=(EMBEDDED, JAVA)),
    18: Scenario("a dead letter redriven once mended", quick=(EMBEDDED,), full=(JAVA,)),
    19: Scenario("redriven by two people at once", quick=(EMBEDDED,), full=(JAVA,)),
    20: Scenario("redriven and still broken", quick=(EMBEDDED,), full=(JAVA,)),
    21: Scenario("the dead-letter topic cannot be written", full=(JAVA,)),
    22: Scenario("every event fails: the circuit breaker", quick=(EMBEDDED,), full=(JAVA,)),
    23: Scenario("a hot key that fails beside thousands of cold ones", full=(EMBEDDED, JAVA)),
    24: Scenario("the same id with another content", quick=(EMBEDDED,), full=(JAVA,)),
    25: Scenario("all is read again from the beginning", full=(JAVA,)),
    26: Scenario("very many events of one aggregate", full=(EMBEDDED, JAVA)),
    27: Scenario("what the metrics count", full=(EMBEDDED, JAVA)),
    28: Scenario("a cold start before 100,000 waiting records", full=(JAVA,)),
    29: Scenario("events in another's name", quick=(EMBEDDED,), full=(JAVA,)),
    30: Scenario("personal identity codes everywhere", quick=(EMBEDDED,), full=(JAVA,)),
    31: Scenario("a codec storm on one topic", full=(EMBEDDED, JAVA)),
    32: Scenario("a stranger's takeover", full=(EMBEDDED, JAVA)),
    33: Scenario("a poisoned aggregate, and one sender's chain of them", quick=(EMBEDDED,), full=(JAVA,)),
    34: Scenario("transactions, and clocks of any kind", full=(EMBEDDED, JAVA)),
    35: Scenario("an attack on the doors while referrals flow", full=(EMBEDDED, JAVA)),
    36: Scenario("an erasure with late arrivals", full=(EMBEDDED, JAVA)),
    37: Scenario("a broker that stands still until the alarm", full=(EMBEDDED, JAVA)),
}


def scenario(number: int) -> pytest.MarkDecorator:
    """Plays a test on the backends of the table, as its argument `engine`; its numbers go to the report."""
    one = TABLE[number]
    quick = [pytest.param(engine, id=f"{number}-{engine.value}") for engine in one.quick]
    reason = "played by `make scenarios`"
    skipped = [pytest.mark.skipif(not ALL, reason=reason), pytest.mark.timeout(900)]
    full = [pytest.param(engine, id=f"{number}-{engine.value}", marks=skipped) for engine in one.full]
    return pytest.mark.parametrize("engine", [*quick, *full])
