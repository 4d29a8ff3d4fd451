"""Where an event's processor time goes in the engine, step by step.

The engine says where it is (`Processor`'s `between`); here the steps follow each other without overlap, clearing before the
next fetch, so that each has its own time. What aiokafka fetches ahead meanwhile falls to the step it runs beside.
"""

from typing import Any, Final

from tests.bench.effort import Effort
from tests.bench.pairs import PAIRS, Pair
from tests.bench.results import MeasuredRow, Part, Section, figure, say
from tests.bench.runs import Failed, new_referrals, one_round

STEPS: Final = ("fetch", "decode", "load", "recall", "decide", "save", "publish", "commit", "clear")
SAYS: Final = (
    "Processor time of the engine's process, all its threads, for each event of 16,000 in batches of up to 1,000. *decode* "
    "is all judging of an event: envelope, search for identity codes, contract, digest; *decide* is the decision and the "
    "encoding of the document; *save* with the store's own thread; *clear* empties the outbox afterwards. The servers' time "
    "is not in it, save SQLite's, which is in the process."
)


def measure(effort: Effort) -> Section:
    """Microseconds an event, on every pair of backends."""
    return Section("steps", "Processor time of an event, by step", SAYS, [_part(pair, effort) for pair in PAIRS])


def _part(pair: Pair, effort: Effort) -> Part:
    if pair.missing:
        return Part(pair.name, missing=pair.missing)
    count = effort.of(16_000, 4_000)
    try:
        rounds = [one_round(pair, "engine", new_referrals(count), count, "--by-step") for _ in range(effort.rounds)]
    except Failed as error:
        return Part(pair.name, missing=str(error))
    lines = [MeasuredRow(step, {"an event": figure("µs", [_of(one, step, count) for one in rounds])}) for step in STEPS]
    whole = figure("µs", [sum(_of(one, step, count) for step in STEPS) for one in rounds])
    say(f"{pair.name}: {whole.median:.0f} µs an event")
    return Part(pair.name, [*lines, MeasuredRow("together", {"an event": whole})])


def _of(one: dict[str, Any], step: str, count: int) -> float:
    return float(one["steps"].get(step, 0.0) / count * 1e6)
