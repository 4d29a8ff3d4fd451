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
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import uuid4

import msgspec
from aiokafka import ConsumerRecord

from deploy.demo.people import people
from deploy.demo.programme import programme
from deploy.demo.register import load_opistos
from deploy.embedded.control import start_broker
from services.catalogue.handlers import table
from shared.clock import Clock
from shared.cluster import Cluster
from shared.contracts import topics
from shared.contracts.envelope import Event, Raw, decode, written
from shared.contracts.from_outside import ActivityPublished
from shared.contracts.from_services import PlaceRequested
from shared.engine.batch import Processor
from shared.engine.model import Decision, Document, Table
from shared.engine.publish import Publisher
from shared.store import Row
from shared.store.sqlite import SqliteStore
from tests.bench.effort import Effort
from tests.bench.goals import MATCHINGS, OTHERS
from tests.bench.results import Figure, Line, Part, Section, figure, quantiles, say
from tests.integration.engine_world import Log

SIZES: Final = ((100, 1_000, 5_000, 20_000), (100, 2_000))
BATCH: Final = 100
CONCERNED: Final = 100
SPOKEN_NOWHERE: Final = ["tlh"]
SAYS: Final = (
    "Processor time on the embedded engines. *A referral matched*: look-up and decision, the median of 300 referrals after "
    "900 others, as of a service that has run for some minutes; *that nothing fits*: in a language that no activity is in, "
    "so that all is looked through. *A place asked for* and *an activity published* again go through the whole engine in "
    "batches of 100, and concern 100 of the activities: the median of nine or ten batches."
)


def measure(effort: Effort) -> Section:
    """Milliseconds a referral, microseconds an event, at each number of activities."""
    lines = [asyncio.run(_at(size, effort)) for size in effort.some(*SIZES)]
    return Section("activities", "As activities become more", SAYS, [Part("activities", lines)])


async def _at(size: int, effort: Effort) -> Line:
    now = datetime.now(UTC)
    catalogue = table(timedelta(days=1))
    with tempfile.TemporaryDirectory(prefix="lahete-bench-") as place:
        store = SqliteStore(Path(place) / "catalogue.sqlite")
        await store.open([kind.collection for kind in catalogue.kinds])
        activities = await _fill(store, catalogue, now, size)
        found = await _matching(store, catalogue, now, effort)
        found |= await _others(Path(place), store, catalogue, activities, now, effort.of(1_000, 200))
        await store.close()
    told = ", ".join(f"{name} {one.median:.2f} {one.unit}" for name, one in found.items())
    say(f"{size:,} activities: {told}")
    return Line(f"{size:,}", found)


async def _fill(store: SqliteStore, catalogue: Table, now: datetime, size: int) -> list[Event]:
    opistos, _ = load_opistos()
    kind = catalogue.kinds[0]
    rows, events = [], []
    for number, activity in enumerate(programme(opistos, Random(1), now, size // len(opistos) + 1)):
        if number == size:
            break
        data = ActivityPublished.model_validate_json(json.dumps(activity.data))
        event = Event(f"a{number}", activity.organiser, now, data)
        decided = catalogue.handlers["ActivityPublished"].decide(None, event, now, catalogue.given)
        assert isinstance(decided, Decision)
        body = msgspec.json.encode(Document(state=decided.state))
        fields, brief = kind.fields(decided.state), kind.brief(decided.state)
        rows.append(Row(f"{activity.organiser} {data.activity_id}", 1, body, fields, brief))
        events.append(event)
    await store.save(kind.collection.name, rows)
    return events


# --- matching


async def _matching(store: SqliteStore, catalogue: Table, now: datetime, effort: Effort) -> dict[str, Figure]:
    before, referrals = effort.of(900, 100), effort.of(300, 60)
    plans = people(Random(2), before + referrals, 1.0)
    found: dict[str, Figure] = {}
    for column in MATCHINGS:
        if column != MATCHINGS[0]:
            for plan in plans:
                plan.data["languages"] = SPOKEN_NOWHERE
        for plan in plans[:before]:
            await _one(store, catalogue, plan, now)
        times = [await _one(store, catalogue, plan, now) for plan in plans[before:]]
        found[column] = figure("ms", [statistics.median(processor for _, processor in times)])
        found[f"{column}, p95 of the clock"] = figure("ms", [quantiles([clock for clock, _ in times])["p95"]])
    return found


async def _one(store: SqliteStore, catalogue: Table, plan: Any, now: datetime) -> tuple[float, float]:
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
    handler = catalogue.handlers["ReferralIssued"]
    assert handler.look_up is not None
    began, used = time.perf_counter(), time.process_time()
    found = await handler.look_up(None, event, store, now)
    decision = handler.decide(None, event, now, found)
    assert isinstance(decision, Decision)
    return (time.perf_counter() - began) * 1000, (time.process_time() - used) * 1000


# --- what needs no matching


async def _others(
    place: Path, store: SqliteStore, catalogue: Table, activities: Sequence[Event], now: datetime, count: int
) -> dict[str, Figure]:
    chance, log = Random(3), Log()
    with start_broker(place, {topics.events_of("catalogue"): 8, topics.DEAD_LETTERS: 1}) as broker:
        publisher = Publisher.to(Cluster(broker.kafka))
        await publisher.start()
        processor = Processor(catalogue, store, publisher, Clock(), ring=64, due_early=timedelta(days=30))
        # As many concerned at every size, so that nothing but what stands beside them grows.
        concerned = chance.sample(activities, CONCERNED)
        wanted = [_wanted(log, concerned[number % CONCERNED], now) for number in range(count)]
        again = [_again(log, concerned[number % CONCERNED], now) for number in range(count)]
        await _through(processor, wanted[:BATCH])
        # As a service does once it has started: what the bench itself holds of 20,000 activities is no part of it.
        gc.collect()
        gc.freeze()
        found = {
            name: await _through(processor, some) for name, some in zip(OTHERS, (wanted[BATCH:], again), strict=True)
        }
        gc.unfreeze()
        await publisher.stop()
    return found


def _wanted(log: Log, activity: Event, now: datetime) -> ConsumerRecord[bytes, bytes]:
    data = PlaceRequested(
        referral_id=str(uuid4()),
        organiser=activity.source,
        activity_id=activity.data.activity_id,  # type: ignore[attr-defined]
        number=1,
        request=str(uuid4()),
        requested_at=now,
    )
    return log.event(data, source="/service/referral", time=now, topic=topics.events_of("referral"))


def _again(log: Log, activity: Event, now: datetime) -> ConsumerRecord[bytes, bytes]:
    return log.event(activity.data, source=activity.source, time=now)


async def _through(processor: Processor, records: Iterable[ConsumerRecord[bytes, bytes]]) -> Figure:
    waiting, costs = list(records), list[float]()
    while waiting:
        some, waiting = waiting[:BATCH], waiting[BATCH:]
        used = time.process_time()
        batch = await processor.process(processor.receive(some))
        await processor.clear(batch)
        taken = sum(count for (_, outcome), count in batch.outcomes.items() if outcome == "applied")
        assert taken, "none of them was applied"
        costs.append((time.process_time() - used) / taken * 1e6)
    return figure("µs", costs)
