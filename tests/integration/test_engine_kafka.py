"""The engine on a broker that speaks Kafka: the loop, the publisher and the sweeper, with real processes that die."""

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from deploy.embedded_broker.control import REPOSITORY, start_broker
from shared.engine.loop import Loop
from shared.engine.model import Table
from shared.engine.sweep import Sweeper
from shared.kafka.cluster import Cluster
from shared.kafka.producer import BrokerUnavailable, Publisher, Record
from shared.process.run import fetching
from shared.store import StoreUnavailable
from tests.backends import address_of, broker_with, make_topic, mongodb
from tests.integration.engine_on_kafka import (
    TOPICS,
    all_is_read,
    everything_on,
    header,
    publisher_to,
    running,
    sent,
    until,
)
from tests.integration.engine_process import OPTIONS
from tests.integration.engine_world import (
    NOW,
    STEPS,
    TERM,
    EngineWorld,
    MemoryLog,
    attend,
    choose,
    issue,
    referral,
    watched,
)
from tests.integration.running import PATIENCE

pytestmark = pytest.mark.asyncio
ENGINES = (("embedded", "sqlite"), ("kafka", "mongodb"))


@pytest.fixture(params=ENGINES, ids="-".join)
def engines(request: pytest.FixtureRequest) -> tuple[str, str]:
    """What Kafka is, and what the store."""
    kinds: tuple[str, str] = request.param
    return kinds


@pytest.fixture
def broker(engines: tuple[str, str], tmp_path: Path) -> Iterator[Cluster]:
    with broker_with(engines[0], tmp_path / "broker", TOPICS) as running:
        yield running


@pytest.fixture
def real_broker(tmp_path: Path) -> Iterator[Cluster]:
    """One that shares out partitions among several of a group."""
    with broker_with("kafka", tmp_path / "broker", TOPICS) as running:
        yield running


# --- processes that die


def process(broker: Cluster, store: str, folder: Path, recent_outcomes: int, step: str) -> subprocess.Popen[bytes]:
    program = [sys.executable, "-m", "tests.integration.engine_process"]
    command = [*program, broker.bootstrap, store, str(folder), str(recent_outcomes), step]
    address = {"LAHETE_TEST_MONGODB": address_of(mongodb())} if store != "sqlite" else {}
    with (folder / "process.log").open("ab") as log:
        return subprocess.Popen(
            command, cwd=REPOSITORY, stdout=log, stderr=log, env={**os.environ, **address, "LC_ALL": "C"}
        )


async def ended(running: subprocess.Popen[bytes], folder: Path) -> int:
    try:
        return await asyncio.to_thread(running.wait, PATIENCE)
    except subprocess.TimeoutExpired as error:
        running.kill()
        raise AssertionError(f"it goes on: {(folder / 'process.log').read_text()[-3000:]}") from error


class Sending:
    """What is sent, wave by wave, and what must become of it."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.applied: Counter[int] = Counter()
        self.follow_ups = 0
        self.refused = 0

    def wave(self, number: int) -> list[Record]:
        """Six referrals each: the choice before its referral, two follow-ups, a refusal, a repetition, garbage."""
        start = len(self.log.records)
        for one in range(number * 6, number * 6 + 6):
            self.log.event(choose("a:b", one))
            self.log.event(issue(one))
            self.log.event(attend("1", one))
            self.log.event(choose("refused", one))
            self.log.records.append(self.log.records[-4])
            self.log.raw("intake.http", b"k", b"no event")
            self.applied[one] = 3
        self.follow_ups += 6 * 3
        self.refused += 6 * 2
        return [sent(record) for record in self.log.records[start:]]


async def test_killed_at_every_step_it_loses_nothing_and_doubles_nothing(
    broker: Cluster, engines: tuple[str, str], tmp_path: Path
) -> None:
    """A process a step, killed there by SIGKILL while events keep coming; then one that lives, reads all, and stops.

    With no recent outcomes in the document, so that every outcome goes the long way by the inbox.
    """
    recent_outcomes, sending, store = 0, Sending(), engines[1]
    async with publisher_to(broker) as publisher:
        await publisher.publish(sending.wave(0))
        for number, step in enumerate(STEPS, 1):
            dying = process(broker, store, tmp_path, recent_outcomes, step)
            await publisher.publish(sending.wave(number))
            assert await ended(dying, tmp_path) == -signal.SIGKILL
        living = process(broker, store, tmp_path, recent_outcomes, "-")
        # Those that died may have left nothing: what it alone can read shows that it is up.
        await publisher.publish(sending.wave(len(STEPS) + 1))
        try:
            async with EngineWorld(tmp_path, recent_outcomes, store) as world:
                await all_is_read(broker, world.table)
                living.terminate()
                assert await ended(living, tmp_path) == 0
                for one, count in sending.applied.items():
                    document = await world.document(one)
                    assert document.state is not None
                    assert len(document.state.applied) == len(set(document.state.applied)) == count
                    assert (document.outbox, document.early) == ([], [])
                    assert (document.recent_outcomes, document.spilled) == ([], 4)
        finally:
            living.kill()
            living.wait()
    await all_is_told_once(broker, sending)


async def test_instances_share_the_work_and_take_over_what_a_killed_one_held(
    real_broker: Cluster, tmp_path: Path
) -> None:
    """Three instances join one after the other under load, one is killed and does not come back.

    Prints how long it took until what had been its partitions was read again: the group waits for it until its session
    times out, 2 s here.
    """
    sending, started = Sending(), list[subprocess.Popen[bytes]]()
    async with publisher_to(real_broker) as publisher, EngineWorld(tmp_path, 1, "mongodb") as world:
        try:
            for number in range(3):
                started.append(process(real_broker, "mongodb", tmp_path, 1, "-"))
                await publisher.publish(sending.wave(number))
                await until(partial(has_members, real_broker, number + 1), f"{number + 1} are in the group")
            await all_is_read(real_broker, world.table)
            started[1].kill()
            killed_at = time.monotonic()
            for number in range(3, 8):
                await publisher.publish(sending.wave(number))
            await all_is_read(real_broker, world.table)
            print(f"read on {time.monotonic() - killed_at:.1f} s after the kill")
            for living in (started[0], started[2]):
                living.terminate()
                assert await ended(living, tmp_path) == 0
            for one, count in sending.applied.items():
                assert len(await world.applied(one)) == len(set(await world.applied(one))) == count
        finally:
            for left in started:
                left.kill()
                left.wait()
    await all_is_told_once(real_broker, sending)


async def has_members(broker: Cluster, count: int) -> bool:
    """Whether the group has so many, each with its partitions."""
    admin = AIOKafkaAdminClient(**broker.options())
    await admin.start()
    try:
        [answer] = await admin.describe_consumer_groups(["referral"])
    except GroupCoordinatorNotAvailableError:
        return False
    finally:
        await admin.close()
    [(_, _, state, _, _, members, *_)] = answer.groups
    return state == "Stable" and len(members) == count


async def all_is_told_once(broker: Cluster, sending: Sending) -> None:
    """What follows is on the wire, each under one id with one content however often, and what was refused as well."""
    told: dict[str, ConsumerRecord[bytes, bytes]] = {}
    for record in await everything_on(broker, "referral.events"):
        assert told.setdefault(header(record, "ce_id"), record).value == record.value
    by_class = Counter(header(record, "ce_type").split(".")[2] for record in told.values())
    assert by_class["ReferralOpened"] + by_class["PlaceRequested"] == sending.follow_ups
    letters = await everything_on(broker, "dead-letters")
    assert len({header(record, "dl_id") for record in letters}) == sending.refused
    assert {header(record, "dl_reason") for record in letters} == {"rejected", "undecodable"}


# --- one process, looked at from inside


@pytest.fixture
def setting(engines: tuple[str, str], tmp_path: Path) -> Callable[[], EngineWorld]:
    return lambda: EngineWorld(tmp_path, store=engines[1])


async def test_what_was_committed_before_a_clean_stop_is_not_read_again(
    broker: Cluster, setting: Callable[[], EngineWorld]
) -> None:
    async with setting() as world, publisher_to(broker) as publisher:
        await publisher.publish([sent(world.log.event(issue(one))) for one in range(20)])
        async with running(world, broker, publisher) as first:
            for one in range(20):
                await first.holds(one, 1)
        assert sum(first.loop.reading.done.values()) == 20
        await publisher.publish([sent(world.log.event(choose("a")))])
        async with running(world, broker, publisher) as second:
            await second.holds(1, 2)
            loaded = watched(second.processor).asked.count("load")
        assert loaded == 1, "one batch, of the one event that was new"


async def test_an_idle_service_waits_for_records_instead_of_asking_again_and_again(
    broker: Cluster, setting: Callable[[], EngineWorld], monkeypatch: pytest.MonkeyPatch
) -> None:
    """FastStream left to itself would ask some 500 times."""
    async with setting() as world, publisher_to(broker) as publisher, running(world, broker, publisher) as one:
        await publisher.publish([sent(world.log.event(issue(1)))])
        await one.holds(1, 1)
        assert one.loop.consumer
        fetcher, asked = one.loop.consumer._fetcher, []
        ask = fetcher.fetched_records

        async def counted(*what: object, **how: object) -> object:
            asked.append(how)
            return await ask(*what, **how)

        monkeypatch.setattr(fetcher, "fetched_records", counted)
        await asyncio.sleep(2)
        assert len(asked) <= 10


async def test_who_gathers_reads_together_what_comes_one_by_one(
    broker: Cluster, setting: Callable[[], EngineWorld]
) -> None:
    async with setting() as world, publisher_to(broker) as publisher:
        options = fetching(dataclasses.replace(world.table, gathers=True), wait_ms=3_000)
        async with running(world, broker, publisher, options=options) as one:
            await publisher.publish([sent(world.log.event(issue(0)))])
            await one.holds(0, 1)
            asked = watched(one.processor).asked
            before = asked.count("load")
            for number in range(1, 11):
                await publisher.publish([sent(world.log.event(issue(number)))])
                await asyncio.sleep(0.05)
            for number in range(1, 11):
                await one.holds(number, 1)
            assert asked.count("load") - before <= 3, "one by one they would be ten batches"


async def test_while_the_store_does_not_answer_the_batch_comes_again_and_nothing_is_dead_lettered(
    broker: Cluster, setting: Callable[[], EngineWorld]
) -> None:
    async with setting() as world, publisher_to(broker) as publisher:
        async with running(world, broker, publisher) as one:
            failures = 0

            async def no_answer() -> None:
                nonlocal failures
                failures += 1
                if failures < 3:
                    watched(one.processor).before["save"] = no_answer
                raise StoreUnavailable("no answer")

            watched(one.processor).before["save"] = no_answer
            await publisher.publish([sent(world.log.event(issue())), sent(world.log.event(choose("a")))])
            await one.holds(1, 2)
        assert failures == 3
    assert await everything_on(broker, "dead-letters") == []
    assert len(await everything_on(broker, "referral.events")) == 2


async def test_an_open_breaker_commits_nothing_and_a_restart_reads_it_all(
    broker: Cluster, setting: Callable[[], EngineWorld]
) -> None:
    async with setting() as world, publisher_to(broker) as publisher:
        opening = [sent(world.log.event(issue(one))) for one in range(45)]
        senders = ("/region/06", "/region/08", "/region/11", "/region/17")
        failing = (world.log.event(choose("broken", one), source=senders[one % 4]) for one in range(45))
        await publisher.publish([*opening, *map(sent, failing)])
        async with running(world, broker, publisher) as one:

            async def the_breaker_is_open() -> bool:
                return "circuit breaker" in (one.loop.not_ready() or "")

            await until(the_breaker_is_open, "the circuit breaker is open")
        assert await everything_on(broker, "dead-letters") == []
        world.context.broken.clear()
        async with running(world, broker, publisher) as mended:
            for number in range(45):
                await mended.holds(number, 2)
    assert await everything_on(broker, "dead-letters") == []


async def test_the_first_events_of_a_new_senders_topic_are_read(
    broker: Cluster, engines: tuple[str, str], setting: Callable[[], EngineWorld], tmp_path: Path
) -> None:
    async with setting() as world, publisher_to(broker) as publisher, running(world, broker, publisher) as one:
        await publisher.publish([sent(world.log.event(issue(1)))])
        await one.holds(1, 1)
        await asyncio.to_thread(make_topic, engines[0], tmp_path / "broker", "intake.region.02")
        early = world.log.event(issue(2), source="/region/02", topic="intake.region.02")
        await publisher.publish([sent(early)])
        await one.holds(2, 1)


async def test_a_record_of_a_megabyte_is_dead_lettered_and_the_batch_is_committed(
    broker: Cluster, setting: Callable[[], EngineWorld]
) -> None:
    """A dead letter is larger than its record: where it did not fit, the batch would come again for ever."""
    large = Record("intake.http", referral(1).encode(), b"x" * 1_000_000, [(f"h{n}", b"y" * 1_000) for n in range(90)])
    async with setting() as world, publisher_to(broker) as publisher:
        await publisher.publish([large, sent(world.log.event(issue()))])
        async with running(world, broker, publisher) as one:
            await one.holds(1, 1)
            await all_is_read(broker, world.table)
    [letter] = await everything_on(broker, "dead-letters")
    assert letter.value == large.value
    assert header(letter, "dl_reason") == "undecodable"


async def test_deadlines_fire_when_all_before_them_is_consumed(
    broker: Cluster, setting: Callable[[], EngineWorld]
) -> None:
    async with setting() as world, publisher_to(broker) as publisher:
        world.table = with_own_events(world.table)
        await publisher.publish([sent(world.log.event(issue(1))), sent(world.log.event(choose("a", 2)))])
        async with running(world, broker, publisher, sweeps=True) as one:
            await one.holds(1, 1)
            world.clock.set(NOW + TERM)
            await one.holds(1, 2)
            world.clock.set(NOW + timedelta(days=40))

            async def it_left() -> bool:
                return (await world.document(2)).early == [] and await world.version(2) > 1

            await until(it_left, "what waited left")
            await all_is_read(broker, world.table)
        assert (await world.document(1)).state is not None
    events = await everything_on(broker, "referral.events")
    passed = [record for record in events if b'"due_at"' in (record.value or b"")]
    assert len({header(record, "ce_id") for record in passed}) == 2
    [letter] = await everything_on(broker, "dead-letters")
    assert header(letter, "dl_reason") == "rejected"


async def test_a_deadline_waits_for_the_backlog_from_the_first_look_after_a_start(
    broker: Cluster, setting: Callable[[], EngineWorld]
) -> None:
    """A service was away, the answer came meanwhile and stands on the log, and the deadline is long past."""
    async with setting() as world, publisher_to(broker) as publisher:
        world.table = with_own_events(world.table)
        await world.take(world.log.event(issue(1)))
        await publisher.publish([sent(world.log.event(attend("a", 1)))])
        world.clock.set(NOW + TERM + TERM)
        loop = Loop(world.main, broker)
        async with Sweeper(loop, world.main, publisher, world.clock, broker) as sweeper:
            for _ in range(3):
                await sweeper._sweep_outboxes()
                await sweeper._fire_deadlines()
            assert await everything_on(broker, "referral.events") == []
        async with running(world, broker, publisher, sweeps=True):
            await until(lambda: _passed(broker), "the deadline fires once the backlog is consumed")


async def _passed(broker: Cluster) -> bool:
    return any(b'"due_at"' in (record.value or b"") for record in await everything_on(broker, "referral.events"))


def with_own_events(table: Table) -> Table:
    return dataclasses.replace(table, topics=(*table.topics, "referral.events"))


async def test_a_broker_that_is_gone_is_an_outage_and_no_error_and_keeps_nobody_from_ending(
    tmp_path: Path,
) -> None:
    with start_broker(tmp_path, TOPICS) as broker:
        async with asyncio.timeout(PATIENCE), publisher_to(Cluster(broker.kafka)) as publisher:
            await publisher.publish([Record("dead-letters", None, b"1", [])])
            broker.stop()
            with pytest.raises(BrokerUnavailable):
                await publisher.publish([Record("dead-letters", None, b"2", [])], within=1.0)
    with pytest.raises(BrokerUnavailable):
        await Publisher.to(Cluster("127.0.0.1:1")).start()


async def test_a_broker_that_stands_still_keeps_nobody_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka by itself would wait for the group's answer, 40 s."""
    monkeypatch.setattr("shared.engine.loop._LEFT_WITHIN", 1.0)
    with start_broker(tmp_path / "broker", TOPICS) as broker:
        cluster = Cluster(broker.kafka)
        async with EngineWorld(tmp_path) as world:
            loop = Loop(world.main, cluster, OPTIONS)
            await loop.start()
            os.kill(broker.pid, signal.SIGSTOP)
            try:
                async with asyncio.timeout(20):
                    await loop.stop()
            finally:
                os.kill(broker.pid, signal.SIGCONT)


async def test_a_broker_that_dies_as_partitions_are_assigned_keeps_nobody_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked where partitions are assigned, aiokafka would look for the dead coordinator for ever, stopped or not."""
    monkeypatch.setattr("shared.engine.loop._LEFT_WITHIN", 60.0)
    with start_broker(tmp_path / "broker", TOPICS) as broker:
        committed, asked = AIOKafkaConsumer.committed, asyncio.Event()

        async def dies(consumer: AIOKafkaConsumer, partition: TopicPartition) -> int | None:
            if not asked.is_set():
                os.kill(broker.pid, signal.SIGKILL)
            asked.set()
            offset: int | None = await committed(consumer, partition)
            return offset

        monkeypatch.setattr(AIOKafkaConsumer, "committed", dies)
        async with EngineWorld(tmp_path) as world:
            loop = Loop(world.main, Cluster(broker.kafka), OPTIONS)
            await loop.start()
            async with asyncio.timeout(20):
                await asked.wait()
                await loop.stop()


async def test_records_keep_their_order_key_and_headers_however_many_there_are(broker: Cluster) -> None:
    headers: list[tuple[str, bytes | None]] = [("a", b"1"), ("a", b"2"), ("none", b"")]
    records = [Record("intake.http", referral(n % 7).encode(), b"%d" % n + b" " * 900, headers) for n in range(2_000)]
    async with publisher_to(broker) as publisher:
        await publisher.publish(records)
    found = await everything_on(broker, "intake.http")
    assert len(found) == 2_000
    for key in {record.key for record in records}:
        mine = [record for record in found if record.key == key]
        assert [record.value for record in mine] == [record.value for record in records if record.key == key]
        assert len({record.partition for record in mine}) == 1
    assert {tuple(record.headers) for record in found} == {tuple(headers)}
