"""When a deadline fires: not before all was consumed that was there when its time was up, and always as the same event."""

import sqlite3
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import TopicPartition

from shared.contracts.envelope import read_kafka
from shared.contracts.identity import deadline_id
from shared.engine.receive import RoutedEvent, receive
from shared.engine.sweep import OUTBOX_AGE, Sweeper
from shared.kafka.cluster import Cluster
from shared.kafka.producer import Record
from shared.store import StoreUnavailable
from tests.integration.engine_world import COLLECTION, NOW, TERM, EngineWorld, choose, header, issue, referral, withdraw

pytestmark = pytest.mark.asyncio
A, B, FOREIGN = TopicPartition("intake.http", 0), TopicPartition("intake.http", 1), TopicPartition("audit.events", 0)
DUE = NOW + TERM


class Offsets:
    """Where each log ends, and what the group has committed."""

    def __init__(self) -> None:
        self.ends = {A: 10, B: 0, FOREIGN: 99}
        self.beginnings: dict[TopicPartition, int] = {}
        self.commits: dict[TopicPartition, int] = {A: 10}
        self._client = self

    async def set_topics(self, names: set[str]) -> None:
        assert names == {"intake.http"}, "no other is read"

    async def fetch_all_metadata(self) -> "Offsets":
        return self

    def topics(self) -> set[str]:
        return {partition.topic for partition in self.ends}

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {partition.partition for partition in self.ends if partition.topic == topic}

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return {partition: self.ends[partition] for partition in partitions}

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return {partition: self.beginnings.get(partition, 0) for partition in partitions}

    async def committed(self, partition: TopicPartition) -> int | None:
        return self.commits.get(partition)


class Reads:
    """The loop, as far as the sweeper asks it."""

    def __init__(self) -> None:
        self.lost: str | None = None
        self.reading = SimpleNamespace(done=dict[TopicPartition, int]())

    def reads(self, topic: str) -> bool:
        return topic == "intake.http"


class SweptWorld:
    """A sweeper over a world, and its offsets."""

    def __init__(self, world: EngineWorld) -> None:
        self.world = world
        self.offsets = Offsets()
        self.loop = Reads()
        self.sweeper = self._made()

    def _made(self) -> Sweeper:
        loop: Any = self.loop
        made = Sweeper(loop, self.world.main, self.world.wire, self.world.clock, Cluster("127.0.0.1:1"))
        made.consumed._offsets = made.consumed._client = self.offsets
        return made

    async def fired(self) -> list[Record]:
        """What fires at one look."""
        before = len(self.world.wire.named("DeadlinePassed"))
        await self.sweeper._fire_deadlines()
        return self.world.wire.named("DeadlinePassed")[before:]

    def restart(self) -> None:
        self.sweeper = self._made()


@pytest_asyncio.fixture
async def sweep(tmp_path: Path) -> AsyncIterator[SweptWorld]:
    async with EngineWorld(tmp_path) as world:
        await world.take(world.log.event(issue()))
        yield SweptWorld(world)


async def test_a_deadline_fires_once_its_time_is_up_and_all_before_is_consumed(sweep: SweptWorld) -> None:
    sweep.world.clock.set(DUE - timedelta(seconds=1))
    assert await sweep.fired() == []
    sweep.world.clock.set(DUE)
    assert len(await sweep.fired()) == 1


async def test_a_log_that_retention_has_emptied_stops_no_deadline(sweep: SweptWorld) -> None:
    sweep.offsets.ends[B] = sweep.offsets.beginnings[B] = 7
    sweep.world.clock.set(DUE)
    assert len(await sweep.fired()) == 1


async def test_where_events_fell_out_unread_no_silence_is_taken_for_one(sweep: SweptWorld) -> None:
    sweep.loop.lost = "4 events fell out unread"
    sweep.world.clock.set(DUE)
    assert await sweep.fired() == []


async def test_nothing_goes_out_while_the_ground_is_at_fault(sweep: SweptWorld) -> None:
    """What was published to another cluster would be cleared from its outbox, and lost."""
    fault = ["it is another cluster"]
    sweep.sweeper._not_ready = lambda: fault[0] if fault else None
    sweep.world.clock.set(DUE)
    await sweep.sweeper._sweep_outboxes()
    await sweep.sweeper._fire_deadlines()
    assert sweep.world.wire.named("DeadlinePassed") == []
    fault.clear()
    await sweep.sweeper._sweep_outboxes()
    await sweep.sweeper._fire_deadlines()
    assert len(sweep.world.wire.named("DeadlinePassed")) == 1


async def test_a_deadline_does_not_fire_while_the_backlog_may_hold_the_answer(sweep: SweptWorld) -> None:
    """After an outage: the clock is past it, and what was answered in time is still to be read."""
    sweep.offsets.ends[A] = 12
    sweep.world.clock.set(DUE + timedelta(days=9))
    for committed in (10, 11):
        sweep.offsets.commits[A] = committed
        assert await sweep.fired() == []
    sweep.offsets.commits[A] = 12
    assert len(await sweep.fired()) == 1


async def test_what_is_written_later_does_not_keep_it_waiting(sweep: SweptWorld) -> None:
    sweep.offsets.ends[A] = 12
    sweep.world.clock.set(DUE)
    assert await sweep.fired() == []
    sweep.offsets.ends[A] = 500
    sweep.offsets.commits[A] = 12
    assert len(await sweep.fired()) == 1


async def test_being_done_with_what_was_there_before_its_time_does_not_suffice(sweep: SweptWorld) -> None:
    """The end was read before the time was up: what was written between the two may hold the answer."""
    sweep.offsets.ends[A] = 12
    assert await sweep.fired() == []
    sweep.world.clock.set(DUE)
    sweep.offsets.commits[A] = 12
    sweep.offsets.ends[A] = 13
    assert await sweep.fired() == []
    assert await sweep.fired() == []
    sweep.offsets.commits[A] = 13
    assert len(await sweep.fired()) == 1


async def test_every_partition_counts_whoever_holds_it_and_no_topic_that_is_not_read(sweep: SweptWorld) -> None:
    sweep.world.clock.set(DUE)
    sweep.offsets.ends[B] = 3
    assert await sweep.fired() == []
    sweep.offsets.commits[B] = 3
    assert len(await sweep.fired()) == 1


async def test_where_no_topic_is_there_nothing_is_known_to_be_consumed(sweep: SweptWorld) -> None:
    sweep.offsets.ends = {}
    sweep.world.clock.set(DUE + TERM)
    assert [await sweep.fired() for _ in range(3)] == [[], [], []]


async def test_what_this_instance_committed_is_known_without_a_question(sweep: SweptWorld) -> None:
    sweep.world.clock.set(DUE)
    sweep.offsets.commits.clear()
    sweep.loop.reading.done[A] = 10
    assert len(await sweep.fired()) == 1


async def test_its_id_is_derived_and_its_time_is_when_it_was_due(sweep: SweptWorld) -> None:
    sweep.world.clock.set(DUE + timedelta(days=3))
    [record] = await sweep.fired()
    raw = read_kafka(record.value, record.headers)
    assert raw.id == deadline_id("referral", f"{COLLECTION.name}/{referral(1)}", "choice", DUE, 1)
    assert raw.attributes["time"] == "2026-09-15T12:00:00Z"
    assert (record.topic, record.key) == ("referral.events", referral(1).encode())


async def test_it_fires_as_the_same_event_after_a_restart_and_not_at_every_look(sweep: SweptWorld) -> None:
    sweep.world.clock.set(DUE)
    [first] = await sweep.fired()
    assert await sweep.fired() == []
    sweep.world.clock.set(DUE + timedelta(hours=1))
    sweep.restart()
    assert await sweep.fired() == [first]


async def test_its_handler_takes_it_and_the_deadline_is_gone(sweep: SweptWorld) -> None:
    sweep.world.clock.set(DUE)
    [record] = await sweep.fired()
    written = sweep.world.log.raw(record.topic, record.key, record.value, record.headers)
    assert isinstance(receive(written, sweep.world.table, DUE), RoutedEvent)
    await sweep.world.take(written, written)
    assert (await sweep.world.applied())[1:] == [header(record, "ce_id")]
    sweep.restart()
    assert await sweep.fired() == []


async def test_what_waits_too_long_is_due_as_well(sweep: SweptWorld) -> None:
    await sweep.world.take(sweep.world.log.event(choose("a", 2), synthetic=True))
    sweep.world.clock.set(NOW + timedelta(days=30))
    early = [record for record in await sweep.fired() if b'"early"' in (record.value or b"")]
    assert [record.key for record in early] == [referral(2).encode()]
    assert header(early[0], "ce_synthetic") == "true"


async def test_what_is_erased_is_never_due(sweep: SweptWorld) -> None:
    await sweep.world.take(sweep.world.log.event(withdraw("consent_withdrawn")))
    sweep.world.clock.set(DUE + timedelta(days=99))
    assert await sweep.fired() == []


def database_in(folder: Path) -> Path:
    [file] = folder.glob("*.sqlite")
    return file


async def test_what_an_erasure_could_not_take_from_the_log_while_it_was_read_is_taken_later(
    sweep: SweptWorld, tmp_path: Path
) -> None:
    file = database_in(tmp_path)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute(f"SELECT * FROM {COLLECTION.name}").fetchall()
        with pytest.raises(StoreUnavailable, match="another process reads it"):
            await sweep.world.take(sweep.world.log.event(withdraw("consent_withdrawn")))
    assert file.with_name(file.name + "-wal").stat().st_size > 0
    await sweep.world.main.scrub()
    assert file.with_name(file.name + "-wal").stat().st_size == 0


async def test_the_sweep_leaves_a_living_consumer_its_time(sweep: SweptWorld) -> None:
    await sweep.world.crash("saved", sweep.world.log.event(choose("a")))
    await sweep.sweeper._sweep_outboxes()
    assert sweep.world.wire.named("PlaceRequested") == []
    assert await sweep.world.main.sweep(time.time() + OUTBOX_AGE) == 1
    assert len(sweep.world.wire.named("PlaceRequested")) == 1


async def test_the_age_of_what_is_not_out_rises_while_nothing_can_go_out(sweep: SweptWorld) -> None:
    """A scrape computes the age; and the sweeper looks at the store during an outage, too."""
    lacks = ["Kafka does not answer"]
    sweep.sweeper._not_ready = lambda: lacks[0] if lacks else None
    await sweep.world.crash("saved", sweep.world.log.event(choose("a")))
    assert sweep.sweeper.outbox_seconds() == 0
    await sweep.sweeper._sweep_outboxes()
    await sweep.sweeper._fire_deadlines()
    first = sweep.sweeper.outbox_seconds()
    assert 0 < first < sweep.sweeper.outbox_seconds()
    assert sweep.world.wire.named("PlaceRequested") == []
    lacks.clear()
    assert await sweep.world.main.sweep(time.time() + OUTBOX_AGE) == 1
    await sweep.sweeper._sweep_outboxes()
    await sweep.sweeper._fire_deadlines()
    assert sweep.sweeper.outbox_seconds() == 0
