"""What events cost the catalogue among 100 to 20,000 activities: a referral to match, and what needs no matching.

Matching is the look-up by index and the decision. The others go through the whole engine, in batches, with the store and
the embedded broker: reading, loading, deciding, saving, publishing, clearing.
"""

import asyncio
import gc
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import uuid4

import msgspec
from aiokafka import ConsumerRecord

from demo.organisers import organisers
from demo.people import people
from demo.programme import programme
from deploy.embedded_broker.control import start_broker
from services.catalogue.handlers import table
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.envelope import Event, Raw, decode, written
from shared.contracts.opisto_events import ActivityPublished
from shared.contracts.referral_events import PlaceRequested
from shared.contracts.region_events import ReferralIssued
from shared.engine.batch import Processor
from shared.engine.model import Decision, Document, Table
from shared.kafka.cluster import Cluster
from shared.kafka.producer import Publisher
from shared.store import Row
from shared.store.sqlite import SqliteStore
from tests.bench.effort import Effort, turned
from tests.bench.goals import MATCHINGS, OTHERS
from tests.bench.results import MeasuredFigure, MeasuredRow, Part, Section, figure, quantiles, say
from tests.integration.engine_world import MemoryLog

SIZES: Final = ((100, 1_000, 5_000, 20_000), (100, 2_000))
CONCERNED: Final = 100
SPOKEN_NOWHERE: Final = ["tlh"]
SAYS: Final = (
    "Processor time on the embedded backends. *A referral matched*: look-up and decision, the median of 300 referrals after "
    "900 others, as of a service that has run for some minutes; *that nothing fits*: in a language that no activity is in, "
    "so that all is looked through. *A place asked for* and *an activity published* again go through the whole engine in "
    "batches of 100, one for each of 100 activities, the same at every size: the median of ten batches, by turns of sizes."
)


def measure(effort: Effort) -> Section:
    """Milliseconds a referral, microseconds an event, at each number of activities."""
    return Section("activities", "As activities become more", SAYS, [Part("activities", asyncio.run(_lines(effort)))])


@dataclass(frozen=True)
class _Catalogue:
    """One of so many activities, on a store of its own."""

    size: int
    table: Table
    store: SqliteStore


async def _lines(effort: Effort) -> list[MeasuredRow]:
    now, sizes = datetime.now(UTC), effort.some(*SIZES)
    activities = _activities(max(sizes), now)
    async with AsyncExitStack() as stack:
        catalogues = [await stack.enter_async_context(_catalogue(activities[:size], now)) for size in sizes]
        _settle()
        matched = [await _matching(one, now, effort) for one in catalogues]
        _settle()
        others = await _others(catalogues, activities[:CONCERNED], now, effort.of(10, 2))
        gc.unfreeze()
    found = [MeasuredRow(f"{one.size:,}", {**matched[at], **others[at]}) for at, one in enumerate(catalogues)]
    for line in found:
        told = ", ".join(f"{name} {one.median:.2f} {one.unit}" for name, one in line.figures.items())
        say(f"{line.name} activities: {told}")
    return found


def _activities(count: int, now: datetime) -> list[Event]:
    """Of all opistos in any order, so that whatever they are cut to is like the whole."""
    opistos = organisers(1_000, 0)
    published = programme(opistos, Random(1), now, count // len(opistos) + 1)
    return [
        Event(f"a{number}", one.organiser, now, ActivityPublished.model_validate_json(json.dumps(one.data)))
        for number, one in enumerate(Random(3).sample(published, count))
    ]


@asynccontextmanager
async def _catalogue(activities: Sequence[Event], now: datetime) -> AsyncIterator[_Catalogue]:
    catalogue = table(timedelta(days=1))
    with tempfile.TemporaryDirectory(prefix="lahete-bench-") as place:
        store = SqliteStore(Path(place) / "catalogue.sqlite")
        await store.open(catalogue.collections)
        rows = [_row(catalogue, event, now) for event in activities]
        await store.save(catalogue.kinds[0].collection.name, rows)
        yield _Catalogue(len(activities), catalogue, store)
        await store.close()


def _row(catalogue: Table, event: Event, now: datetime) -> Row:
    kind = catalogue.kinds[0]
    decided = catalogue.handlers[ActivityPublished].decide(None, event, now, catalogue.context)
    assert isinstance(decided, Decision)
    body = msgspec.json.encode(Document(state=decided.state))
    name = f"{event.source} {event.data.activity_id}"  # type: ignore[attr-defined]
    return Row(name, 1, body, kind.fields(decided.state), kind.brief(decided.state))


def _settle() -> None:
    # As a service does once it has started: what the bench itself holds of 20,000 activities is no part of it.
    gc.collect()
    gc.freeze()


# --- matching


async def _matching(catalogue: _Catalogue, now: datetime, effort: Effort) -> dict[str, MeasuredFigure]:
    before, referrals = effort.of(900, 100), effort.of(300, 60)
    plans = people(Random(2), before + referrals, 1.0)
    found: dict[str, MeasuredFigure] = {}
    for column in MATCHINGS:
        if column != MATCHINGS[0]:
            for plan in plans:
                plan.data["languages"] = SPOKEN_NOWHERE
        for plan in plans[:before]:
            await _one(catalogue, plan, now)
        times = [await _one(catalogue, plan, now) for plan in plans[before:]]
        found[column] = figure("ms", [statistics.median(processor for _, processor in times)])
        found[f"{column}, p95 of the clock"] = figure("ms", [quantiles([clock for clock, _ in times])["p95"]])
    return found


async def _one(catalogue: _Catalogue, plan: Any, now: datetime) -> tuple[float, float]:
    """Milliseconds of the clock, and of the processor."""
    attributes = {
        "specversion": "1.0",
        "id": "1",
        "source": plan.source,
        "type": "fi.kulttuurilahete.ReferralIssued.v1",
        "time": written(now),
    }
    body = json.dumps({"referral_id": plan.referral_id, **plan.data}).encode()
    event = decode(Raw(attributes, body), now=now)
    handler = catalogue.table.handlers[ReferralIssued]
    assert handler.look_up is not None
    began, used = time.perf_counter(), time.process_time()
    found = await handler.look_up(None, event, catalogue.store, now)
    decision = handler.decide(None, event, now, found)
    assert isinstance(decision, Decision)
    return (time.perf_counter() - began) * 1000, (time.process_time() - used) * 1000


# --- what needs no matching


async def _others(
    catalogues: Sequence[_Catalogue], concerned: Sequence[Event], now: datetime, batches: int
) -> list[dict[str, MeasuredFigure]]:
    """By turns, a batch of each size and then the next: the machine's speed changes within minutes.

    As many activities are concerned at every size, and the same, so that nothing but what stands beside them grows.
    """
    log = MemoryLog()
    costs = [{name: list[float]() for name in OTHERS} for _ in catalogues]
    with (
        tempfile.TemporaryDirectory(prefix="lahete-bench-") as place,
        start_broker(Path(place), {topics.events_of("catalogue"): 8, topics.DEAD_LETTERS: 1}) as broker,
    ):
        publisher = Publisher.to(Cluster(broker.kafka))
        await publisher.start()
        processors = [
            Processor(one.table, one.store, publisher, Clock(), recent_outcomes=64, due_early=timedelta(days=30))
            for one in catalogues
        ]
        for turn in range(batches + 1):
            for name, made in zip(OTHERS, (_wanted, _again), strict=True):
                for at in turned(range(len(catalogues)), turn):
                    cost = await _through(processors[at], [made(log, activity, now) for activity in concerned])
                    costs[at][name] += [cost] if turn else []  # the first is to warm up
        await publisher.stop()
    return [{name: figure("µs", some) for name, some in one.items()} for one in costs]


def _wanted(log: MemoryLog, activity: Event, now: datetime) -> ConsumerRecord[bytes, bytes]:
    data = PlaceRequested(
        referral_id=str(uuid4()),
        organiser=activity.source,
        activity_id=activity.data.activity_id,  # type: ignore[attr-defined]
        number=1,
        request=str(uuid4()),
        requested_at=now,
    )
    return log.event(data, source="/service/referral", time=now, topic=topics.events_of("referral"))


def _again(log: MemoryLog, activity: Event, now: datetime) -> ConsumerRecord[bytes, bytes]:
    return log.event(activity.data, source=activity.source, time=now)


async def _through(processor: Processor, records: Sequence[ConsumerRecord[bytes, bytes]]) -> float:
    """Microseconds of the processor an event."""
    used = time.process_time()
    batch = await processor.process(processor.receive(records))
    await processor.clear(batch)
    spent = time.process_time() - used
    taken = sum(count for (_, outcome), count in batch.outcomes.items() if outcome == "applied")
    assert taken == len(records), f"of {len(records)} events {taken} were applied"
    return spent / taken * 1e6
