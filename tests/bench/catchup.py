"""How long the engine needs for 100,000 events that wait: after an outage, or a night without the service."""

from typing import Final

from shared.contracts import topics
from tests.bench.effort import Effort, in_rounds
from tests.bench.pairs import MONGO, PAIRS, TOPICS, Pair
from tests.bench.results import MeasuredRow, Part, Section, figure, say
from tests.bench.runs import Failed, new_referrals, one_round

WAITING: Final = (100_000, 10_000)
ON_MONGO: Final = (20_000, 2_000)
"""The stand-in would take minutes over as many."""
# librdkafka's broker keeps 5 MiB a partition: of 8 it would let the first events fall out.
_WIDE: Final = {**TOPICS, topics.INTAKE_HTTP: 24, topics.events_of("referral"): 24}
SAYS: Final = (
    "Referrals stand on the log, of 24 partitions, before the engine starts, each a new aggregate; the clock runs from its "
    "first batch to its last commit."
)


def measure(effort: Effort) -> Section:
    """Seconds, on every pair of backends."""
    return Section("catchup", "Catching up", SAYS, [_part(pair, effort) for pair in PAIRS])


def _part(pair: Pair, effort: Effort) -> Part:
    if pair.missing:
        return Part(pair.name, missing=pair.missing)
    count = effort.of(*(ON_MONGO if pair is MONGO else WAITING))
    try:
        return Part(pair.name, in_rounds(effort, [count], lambda one: _line(pair, one)))
    except Failed as error:
        return Part(pair.name, missing=str(error))


def _line(pair: Pair, count: int) -> MeasuredRow:
    one = one_round(pair, "engine", new_referrals(count), count, topics=_WIDE)
    say(f"{pair.name}: {count:,} in {one['seconds']:.1f} s")
    found = {
        "until all are committed": figure("s", [one["seconds"]]),
        "events a second": figure("events/s", [count / one["seconds"]]),
        "memory": figure("MB", [one["memory_mb"]]),
    }
    return MeasuredRow(f"{count:,} waiting", found)
