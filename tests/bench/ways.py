"""The engine against a bare loop and against the framework: the same step on the same events, each in rounds of its own.

Ratios first: these machines are noisy, and what stands side by side in one run can be compared. Each figure is the median
of the rounds, with the least and the greatest of them; the order changes from round to round.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.cluster import Cluster
from shared.contracts import topics
from shared.engine.publish import Publisher
from tests.bench.referrals import referral_issued
from tests.engines import Missed, address_of, broker_with, kafka, mongodb

ROUNDS = 3
EVENTS = {"bare": 16_000, "engine": 16_000, "framework": 600}
"""How many: the framework, an event at a time, would take minutes over as many as the others."""
ENGINES = {
    "librdkafka's broker, SQLite": ("embedded", "sqlite"),
    "Apache Kafka, SQLite": ("kafka", "sqlite"),
    "Apache Kafka, MongoDB's stand-in": ("kafka", "mongodb"),
}
TOPICS = {topics.INTAKE_HTTP: 8, topics.events_of("referral"): 8, topics.DEAD_LETTERS: 1}


@dataclass(frozen=True)
class Figure:
    """Events a second: the median of the rounds, the least, the greatest; and microseconds of processor time an event."""

    way: str
    median: float
    least: float
    greatest: float
    processor_us: float
    memory_mb: float


def measure() -> None:
    """Prints a table for each pair of engines that is to be had here."""
    for name, (broker, store) in ENGINES.items():
        missing = [one for one in _needed(broker, store) if isinstance(one, Missed)]
        if missing:
            print(f"{name}: {missing[0].why}")
            continue
        figures = {figure.way: figure for figure in compare(broker, store)}
        print(as_table(name, figures))


def _needed(broker: str, store: str) -> Iterator[object]:
    if broker == "kafka":
        yield kafka()
    if store == "mongodb":
        yield mongodb()


def compare(broker: str, store: str) -> Iterator[Figure]:
    """Every way on one pair of engines."""
    ways = list(EVENTS)
    measured: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for number in range(ROUNDS):
        for way in ways[number % len(ways) :] + ways[: number % len(ways)]:
            measured[way].append(_round(broker, store, way))
    for way, rounds in measured.items():
        rates = [EVENTS[way] / one["seconds"] for one in rounds]
        processor = statistics.median(one["processor"] for one in rounds) / EVENTS[way] * 1e6
        memory = statistics.median(one["memory_mb"] for one in rounds)
        yield Figure(way, statistics.median(rates), min(rates), max(rates), processor, memory)


def _round(broker: str, store: str, way: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="lahete-bench-") as place:
        folder = Path(place)
        with broker_with(broker, folder / "broker", TOPICS) as cluster:
            asyncio.run(_fill(cluster, EVENTS[way]))
            program = [sys.executable, "-m", "tests.bench.one_way"]
            arguments = [way, cluster.bootstrap, store, str(folder), str(EVENTS[way])]
            address = {"LAHETE_TEST_MONGODB": address_of(mongodb())} if store == "mongodb" else {}
            ended = subprocess.run(
                [*program, *arguments], env={**os.environ, **address}, capture_output=True, text=True, check=False
            )
    if ended.returncode:
        raise SystemExit(f"bench: {way} on {broker} and {store} failed: {ended.stderr.strip()[-800:]}")
    found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return found


async def _fill(cluster: Cluster, count: int) -> None:
    publisher = Publisher.to(cluster)
    await publisher.start()
    for start in range(0, count, 1_000):
        await publisher.publish([referral_issued()[1] for _ in range(min(1_000, count - start))])
    await publisher.stop()


def as_table(name: str, figures: dict[str, Figure]) -> str:
    """Ratios, then what they are made of."""
    engine, bare, framework = figures["engine"], figures["bare"], figures["framework"]
    ratios = (
        f"engine ÷ bare {engine.median / bare.median:.2f}, engine ÷ framework {engine.median / framework.median:.0f}"
    )
    return "\n".join([f"{name}: {ratios}", *map(_line, figures.values())])


def _line(figure: Figure) -> str:
    rate = f"{figure.median:7.0f} events/s ({figure.least:.0f} to {figure.greatest:.0f})"
    return f"  {figure.way:10} {rate}, {figure.processor_us:.0f} µs of processor an event, {figure.memory_mb:.0f} MB"
