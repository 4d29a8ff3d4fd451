"""The engine against a bare loop, the framework and its peers: the same step on the same events, in rounds of their own.

Ratios first: these machines are noisy, and what stands side by side in one run can be compared. The order changes from
round to round.
"""

from collections.abc import Sequence
from typing import Any, Final

from tests.bench.effort import Effort, turned
from tests.bench.pairs import KAFKA, PAIRS, Pair
from tests.bench.peers.environment import NotInstalled
from tests.bench.results import MeasuredFigure, MeasuredRow, Part, Section, figure, say
from tests.bench.runs import PEERS, Failed, new_referrals, one_round

WAYS: Final = {"bare": (16_000, 4_000), "engine": (16_000, 4_000), "framework": (600, 100)}
"""How many events, in full and quick: the framework, one at a time, would take minutes over as many as the others."""
COUNTS: Final = {**WAYS, "quix": (16_000, 4_000), "faust_streaming": (3_000, 400)}
SAYS: Final = (
    "One process reads a ReferralIssued, loads its aggregate of 1 kB, changes it, saves it, publishes a ReferralOpened and "
    "commits. *bare* is a loop of aiokafka and the store with the engine's batches, codecs and settings and none of its "
    "guarantees; *framework* is FastStream as its documentation shows it, an event at a time. *quix* (Quix Streams) and "
    "*faust_streaming* (Faust) judge each event by the same contracts, search it for personal identity codes and recognise "
    "repetitions as the engine does, exactly once, their state in RocksDB with a changelog in Kafka and not in a database; "
    "dead letters, erasure, and state that others can query they do not have. They need transactions, which "
    "librdkafka's broker lacks: Apache Kafka alone, whose `group.coordinator.append.linger.ms` is 0."
)


def measure(effort: Effort) -> Section:
    """Events a second and processor time of every way on every pair of backends."""
    return Section("ways", "The engine beside others", SAYS, [_part(pair, effort) for pair in PAIRS])


def _part(pair: Pair, effort: Effort) -> Part:
    if pair.missing:
        return Part(pair.name, missing=pair.missing)
    ways = [*WAYS, *(PEERS if pair is KAFKA else ())]
    lines, why = compare(pair, ways, effort)
    part = Part(pair.name, lines, missing="; ".join(why))
    return Part(pair.name, lines, ratios(part), part.missing)


def compare(pair: Pair, ways: Sequence[str], effort: Effort) -> tuple[list[MeasuredRow], list[str]]:
    """A line a way, and why one is missing."""
    measured: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    failed: dict[str, str] = {}
    for number in range(effort.rounds):
        for way in turned(ways, number):
            if way in failed:
                continue
            try:
                count = effort.of(*COUNTS[way])
                measured[way].append(one_round(pair, way, new_referrals(count), count))
                say(f"{pair.name}, round {number + 1}, {way}: {count / measured[way][-1]['seconds']:.0f} events/s")
            except (Failed, NotInstalled) as error:
                failed[way] = str(error)
                say(f"{pair.name}, {way}: {error}")
    lines = [MeasuredRow(way, figures(effort.of(*COUNTS[way]), rounds)) for way, rounds in measured.items() if rounds]
    return lines, [f"{way}: {why}" for way, why in failed.items()]


def figures(count: int, rounds: Sequence[dict[str, Any]]) -> dict[str, MeasuredFigure]:
    """Of rounds over so many events."""
    return {
        "events a second": figure("events/s", [count / one["seconds"] for one in rounds]),
        "processor an event": figure("µs", [one["processor"] / count * 1e6 for one in rounds]),
        "memory": figure("MB", [one["memory_mb"] for one in rounds]),
    }


def ratios(part: Part) -> dict[str, float]:
    """The engine's rate, divided by each other's."""
    engine = part.median("engine", "events a second")
    found = {}
    for way in COUNTS:
        other = part.median(way, "events a second")
        if engine and other and way != "engine":
            found[f"engine ÷ {way}"] = engine / other
    return found
