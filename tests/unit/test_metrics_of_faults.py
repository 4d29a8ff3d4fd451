"""The metrics that alerts ask for, while the fault that each stands for is played."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY

from services.notify.handlers import table as notify
from shared.contracts import topics
from shared.contracts.envelope import Event, attributes_of, kafka_headers
from shared.engine.batch import Processor
from shared.kafka.cluster import Cluster
from shared.kafka.producer import BrokerUnavailable, Publisher, Record
from shared.process.waiting import OldestWaiting
from shared.store.sqlite import SqliteStore
from tests.integration.engine_world import DUE_EARLY, EngineWorld, HandClock, KeepingPublisher, choose, issue
from tests.unit.consumed import consumed
from tests.unit.feedback_facts import START, issued, opened

pytestmark = pytest.mark.asyncio


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


# --- dead letters that cannot be written


@pytest.mark.parametrize(("topic", "more"), [(topics.DEAD_LETTERS, 1), (topics.AUDIT, 0)])
async def test_a_try_to_write_dead_letters_that_kafka_does_not_take_is_counted(topic: str, more: int) -> None:
    publisher = Publisher.to(Cluster("127.0.0.1:1"), "referral")
    before = counted("lahete_dead_letters_unwritten_total", service="referral")
    with pytest.raises(BrokerUnavailable):
        await publisher.publish([Record(topic, b"k", b"{}", [])], within=0.05)
    await publisher.stop()
    assert counted("lahete_dead_letters_unwritten_total", service="referral") - before == more


# --- an event that waits for another one


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[EngineWorld]:
    async with EngineWorld(tmp_path) as made:
        yield made


def waited() -> float:
    return counted("lahete_oldest_waiting_seconds", service="referral")


async def test_the_age_of_the_oldest_event_that_waits_rises_until_none_waits(world: EngineWorld) -> None:
    processor = await world.processor()
    oldest = OldestWaiting(world.table, processor.store, world.clock, DUE_EARLY)
    began = world.clock.now()
    await oldest.look()
    assert waited() == 0
    await world.take(world.log.event(choose("a", 2)), by=processor)
    world.clock.set(began + timedelta(hours=1))
    await world.take(world.log.event(choose("a", 1)), by=processor)
    await oldest.look()
    assert waited() == 3_600
    world.clock.set(began + timedelta(hours=30))
    assert waited() == 30 * 3_600, "at each scrape, looked or not"
    await world.take(world.log.event(issue(2)), by=processor)
    await oldest.look()
    assert waited() == 29 * 3_600, "the other one"
    await world.take(world.log.event(issue(1)), by=processor)
    await oldest.look()
    assert waited() == 0


# --- notify that does not deliver


async def told_of_one_referral(folder: Path, failing: frozenset[str]) -> Counter[tuple[str, str]]:
    """What becomes in notify of an issued referral and of what notify says to itself, as the loop counts it."""
    store, wire = SqliteStore(folder / "notify.sqlite"), KeepingPublisher()
    table = notify()
    await store.open(table.collections, table.journals)
    processor = Processor(
        table, store, wire, HandClock(START), recent_outcomes=64, due_early=timedelta(days=30), failing=failing
    )
    outcomes = Counter[tuple[str, str]]()
    records = [_record("referral", issued()), _record("referral", opened())]
    while records:
        received = processor.receive([consumed(record, offset) for offset, record in enumerate(records)])
        wire.records.clear()
        outcomes += (await processor.process(received)).outcomes
        records = [record for record in wire.records if record.topic == topics.events_of("notify")]
    await store.close()
    return outcomes


def _record(service: str, event: Event) -> Record:
    headers = kafka_headers(attributes_of(event))
    return Record(
        topics.events_of(service), event.data.subject.encode(), event.data.model_dump_json().encode(), headers
    )


async def test_an_issued_referral_is_told_to_its_region_and_counted_so(tmp_path: Path) -> None:
    assert (await told_of_one_referral(tmp_path, frozenset()))["NotificationQueued", "applied"] >= 1


async def test_while_notify_delivers_nothing_nothing_is_counted_as_applied(tmp_path: Path) -> None:
    outcomes = await told_of_one_referral(tmp_path, frozenset({"NotificationQueued"}))
    assert outcomes["NotificationQueued", "applied"] == 0
    assert outcomes["NotificationQueued", "handler_failed"] >= 1
