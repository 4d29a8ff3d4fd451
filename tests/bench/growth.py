"""What an event costs the engine as something grows: the aggregate's size, the senders' topics, the aggregates there are.

On the embedded backends. Of one size after another, in changing order from round to round.
"""

import asyncio
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import UUID

import msgspec

from shared.contracts import topics
from shared.engine.model import Document
from shared.kafka.producer import Record
from shared.store.interface import Outcome
from shared.store.sqlite import SqliteStore
from tests.bench.effort import Effort, turned
from tests.bench.one_way import COLLECTION, KIND, PADDING, CountedEvents
from tests.bench.pairs import EMBEDDED, TOPICS
from tests.bench.referrals import attended, referral_issued
from tests.bench.results import MeasuredRow, Part, Section, say
from tests.bench.runs import Failed, one_round
from tests.bench.ways import figures

_AT_ONCE: Final = 10_000
_OUTBOX: Final = 700  # bytes of one event that follows


# --- the aggregate's size


def measure_size(effort: Effort) -> Section:
    """Bytes of an aggregate; a second event for each reads and writes all of it."""
    says = (
        "Two events for each of 2,000 new aggregates of so many bytes; the second reads and writes the whole document."
    )
    counts = effort.of(4_000, 1_000)

    def once(size: int) -> dict[str, Any]:
        ids = [_id(number) for number in range(counts // 2)]
        records = [referral_issued(id_)[1] for id_ in ids * 2]
        return one_round(EMBEDDED, "engine", records, counts, "--padding", str(size))

    return Section(
        "size", "As an aggregate grows", says, [_part("bytes", (200, 1_000, 8_000, 64_000), counts, once, effort)]
    )


# --- how many aggregates there are


def measure_aggregates(effort: Effort) -> Section:
    """Aggregates in the store; the events concern some of them at random."""
    says = (
        "10,000 events, each for one of so many aggregates of 1 kB that stand in SQLite already, as the engine writes them, "
        "taken at random. The file is filled directly and written to the disk before. That of a million has 1.3 GB, SQLite's "
        "page cache 16 MiB."
    )
    sizes = effort.some((10_000, 100_000, 1_000_000), (10_000, 50_000))
    count = effort.of(10_000, 2_000)
    with tempfile.TemporaryDirectory(prefix="lahete-bench-") as place:
        for size in sizes:
            say(f"filling a store with {size:,} aggregates")
            (Path(place) / str(size)).mkdir()
            asyncio.run(filled(Path(place) / str(size), size))

        def once(size: int) -> dict[str, Any]:
            chance = Random(size)
            records = (referral_issued(_id(chance.randrange(size)))[1] for _ in range(count))
            return one_round(EMBEDDED, "engine", records, count, folder=Path(place) / str(size))

        part = _part("aggregates", sizes, count, once, effort)
    return Section("aggregates", "As aggregates become more", says, [part])


async def filled(folder: Path, count: int) -> None:
    """A store of so many aggregates, each opened by one event and cleared."""
    file = folder / "service.sqlite"
    store = SqliteStore(file)
    await store.open([KIND.stored])
    await store.close()
    seen = Outcome("/region/08", "x" * 36, 0, "y" * 32, "applied")
    body = msgspec.json.encode(Document(state=CountedEvents(1, "x" * PADDING), recent_outcomes=[seen]))
    with closing(sqlite3.connect(file)) as connection:
        for first in range(0, count, _AT_ONCE):
            rows = [(_id(number), body, b"o" * _OUTBOX) for number in range(first, min(count, first + _AT_ONCE))]
            with connection:
                connection.executemany(
                    f"INSERT INTO {COLLECTION.name} (id, version, body, brief, outbox) VALUES (?, 1, ?, x'', ?)", rows
                )
                # What was in the outbox leaves room in the page, for a document that grows.
                connection.execute(f"UPDATE {COLLECTION.name} SET outbox = NULL WHERE rowid > ?", [first])
    # What the system has still to write would be counted as the engine's.
    with file.open("rb") as written:
        os.fsync(written.fileno())


def _id(number: int) -> str:
    # As far apart as those that regions make up: neighbours in number are none in the index.
    return str(UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128, version=4))


# --- how many senders write to topics of their own


def measure_senders(effort: Effort) -> Section:
    """Topics of senders, each of one partition, all read by a pattern."""
    says = (
        "10,000 events of attendance over so many senders' own topics, one partition each, which the engine reads by a "
        "pattern beside `intake.http`: a client names every partition in every fetch."
    )
    count = effort.of(10_000, 2_000)

    def once(senders: int) -> dict[str, Any]:
        sources = [f"/opisto/bench-{number}" for number in range(senders)]
        own = {topics.intake_of(source): 1 for source in sources}
        records: Iterable[Record] = (attended(sources[number % senders], _id(number)) for number in range(count))
        pattern = ("--topics", topics.INTAKE_HTTP, "intake.opisto.*")
        return one_round(EMBEDDED, "engine", records, count, *pattern, topics={**TOPICS, **own})

    part = _part("topics", effort.some((10, 50, 200, 500), (10, 100)), count, once, effort)
    return Section("senders", "As senders with topics of their own become more", says, [part])


# --- what is the same


def _part(name: str, sizes: Sequence[int], count: int, once: Callable[[int], dict[str, Any]], effort: Effort) -> Part:
    rounds: dict[int, list[dict[str, Any]]] = {size: [] for size in sizes}
    failed: dict[int, str] = {}
    for number in range(effort.rounds):
        for size in turned(sizes, number):
            try:
                rounds[size].append(once(size))
                say(f"{size:,} {name}: {count / rounds[size][-1]['seconds']:.0f} events/s")
            except Failed as error:
                failed[size] = str(error)
                say(f"{size:,} {name}: {error}")
    lines = [MeasuredRow(f"{size:,}", figures(count, found)) for size, found in rounds.items() if found]
    first, last = lines[0], lines[-1]
    column = "processor an event"
    grown = {
        f"cost at {last.name} ÷ at {first.name} {name}": last.figures[column].median / first.figures[column].median
    }
    return Part(name, lines, grown, "; ".join(f"{size:,}: {why}" for size, why in failed.items()))
