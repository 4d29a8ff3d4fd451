"""Which offsets the loop commits, and when it goes back: with a consumer that only remembers what it was told."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError
from structlog.testing import capture_logs

from shared import log_events, metrics
from shared.engine import loop as loops
from shared.engine.batch import Batch, Received
from shared.engine.circuit_breaker import CircuitBreaker, CircuitOpen
from shared.engine.loop import Loop
from shared.kafka import beginnings
from shared.kafka.cluster import Cluster
from shared.kafka.producer import BrokerUnavailable
from shared.kafka.raw import MOST_BYTES, Stretch, parts
from shared.store import StoreUnavailable
from tests.integration.engine_world import Given, table

pytestmark = pytest.mark.asyncio
A, B = TopicPartition("intake.http", 0), TopicPartition("intake.http", 1)
Found = dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]


class ConsumerDouble:
    """Holds A and B, and stands behind what was read."""

    def __init__(self) -> None:
        self.held = {A, B}
        self.at = {A: 8, B: 4}
        self.commits: list[dict[TopicPartition, int]] = []
        self.seeks: list[tuple[TopicPartition, int]] = []
        self.beginnings = {A: 0, B: 0}
        self.unanswered = 0
        self.refuses_commits = False
        self.answers = True
        self.batches: list[Found | Exception] = []
        self.paused: set[TopicPartition] = set()
        self._fetcher = SimpleNamespace(error_future=asyncio.get_running_loop().create_future())

    async def getmany(self, *partitions: TopicPartition, timeout_ms: int, max_records: int) -> "Found":
        """The next batch; of one partition alone, whatever of it is next."""
        if not self.batches:
            return {}
        found = self.batches.pop(0)
        if isinstance(found, Exception):
            raise found
        return {one: records for one, records in found.items() if not partitions or one in partitions}

    def pause(self, partition: TopicPartition) -> None:
        self.paused.add(partition)

    def assignment(self) -> set[TopicPartition]:
        return self.held

    async def position(self, partition: TopicPartition) -> int:
        if partition not in self.held:
            raise IllegalStateError(partition)
        return self.at[partition]

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        if self.refuses_commits:
            raise CommitFailedError("a rebalance is under way")
        if not self.answers:
            await asyncio.Event().wait()
        self.commits.append(offsets)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.seeks.append((partition, offset))

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        if self.unanswered:
            self.unanswered -= 1
            raise KafkaConnectionError("the broker is away")
        return {partition: self.beginnings[partition] for partition in partitions}

    async def committed(self, partition: TopicPartition) -> int | None:
        return 5 if partition == A else None


class Processing:
    """Stands in for the processor: `during` happens in the middle of each batch."""

    def __init__(self) -> None:
        self.table = table(Given())
        self.breaker = CircuitBreaker()
        self.steps: list[str] = []
        self.during: Callable[[], Awaitable[None]] | None = None
        self.became: dict[tuple[str, str], int] = {}

    def receive(self, records: Sequence[Any]) -> Received:
        received = Received()
        received.batch.outcomes.update(self.became)
        return received

    async def process(self, received: Received) -> Batch:
        self.steps.append("process")
        if self.during:
            await self.during()
        return Batch()

    async def clear(self, batch: Batch) -> None:
        self.steps.append("clear")


class LoopAndConsumer:
    def __init__(self) -> None:
        made: Any = Processing()
        self.processing = made
        self.loop = Loop(made, Cluster("127.0.0.1:1"))
        self.loop._pause = 0.001
        self.consumer = ConsumerDouble()
        self.loop._subscription._subscriber.consumer = self.consumer
        self.loop._held.assigned = True
        self.loop.reading.begin({A: 5, B: 3})

    async def is_assigned(self) -> None:
        await self.loop._held.on_partitions_assigned([A, B])
        assert self.loop._beginnings._looking
        await self.loop._beginnings._looking

    async def read(self) -> tuple[ConsumerRecord[bytes, bytes], ...]:
        """A batch, as the framework asks for it; its records at A begin behind what a compaction took."""
        self.consumer.batches.append({A: [record(A, 6), record(A, 7)], B: [record(B, 3)]})
        return await self.loop._next(self.loop.consumer)

    async def take(self) -> None:
        await self.loop._take(await self.read())
        await self.loop._finish_clearing()


@pytest_asyncio.fixture
async def world() -> LoopAndConsumer:
    return LoopAndConsumer()


def record(partition: TopicPartition, offset: int) -> ConsumerRecord[bytes, bytes]:
    an_hour_ago = int(time.time() - 3_600) * 1000
    return ConsumerRecord(*partition, offset, an_hour_ago, 0, b"k", b"v", None, 1, 1, ())


def raises(error: Exception) -> Callable[[], Awaitable[None]]:
    async def fail() -> None:
        raise error

    return fail


async def test_a_batch_commits_its_partitions_by_name_and_is_cleared_after(world: LoopAndConsumer) -> None:
    await world.take()
    assert world.consumer.commits == [{A: 8, B: 4}]
    assert world.loop.reading.done == {A: 8, B: 4}
    assert world.processing.steps == ["process", "clear"]


async def test_clearing_begins_before_the_next_batch_is_read(world: LoopAndConsumer) -> None:
    await world.loop._take(await world.read())
    assert world.processing.steps == ["process", "clear"]
    await world.loop._finish_clearing()


async def test_what_was_read_before_a_rebalance_is_not_committed_after_it(world: LoopAndConsumer) -> None:
    """A partition that went and came back stands where its other holder committed."""
    records = await world.read()
    await world.loop._held.on_partitions_revoked([])
    await world.loop._take(records)
    await world.loop._finish_clearing()
    assert world.consumer.commits == []
    assert world.consumer.seeks == []


@pytest.mark.parametrize("what", ["on_partitions_revoked", "on_partitions_assigned"])
async def test_after_a_rebalance_in_the_middle_of_a_batch_nothing_is_committed(
    world: LoopAndConsumer, what: str
) -> None:
    async def rebalance() -> None:
        await getattr(world.loop._held, what)([])

    world.processing.during = rebalance
    await world.take()
    assert world.consumer.commits == []
    assert world.loop.reading.done.get(A, 5) == 5


@pytest.mark.parametrize(
    "error", [StoreUnavailable("no answer"), BrokerUnavailable("no answer"), RuntimeError("a bug in the engine")]
)
async def test_a_batch_that_failed_comes_again_and_no_exception_gets_out(
    world: LoopAndConsumer, error: Exception
) -> None:
    """What got out would be swallowed by the framework, and the batch jumped over."""
    world.processing.during = raises(error)
    await world.take()
    assert world.consumer.commits == []
    assert world.consumer.seeks == [(A, 5), (B, 3)]
    assert "clear" not in world.processing.steps
    world.processing.during = None
    await world.take()
    assert world.consumer.commits == [{A: 8, B: 4}]


async def test_what_a_failed_batch_had_saved_is_counted_then_and_the_rest_once_it_is_through(
    world: LoopAndConsumer,
) -> None:
    def counted() -> list[float]:
        named = [("ReferralIssued", "applied"), ("ReferralIssued", "repetition"), ("", "skipped")]
        return [metrics.EVENTS.labels(world.loop.service, *one)._value.get() for one in named]

    before = counted()
    world.processing.became = {("ReferralIssued", "applied"): 2, ("", "skipped"): 1}
    world.processing.during = raises(BrokerUnavailable("no answer"))
    await world.take()
    assert [after - one for after, one in zip(counted(), before, strict=True)] == [2, 0, 0]
    world.processing.became = {("ReferralIssued", "repetition"): 2, ("", "skipped"): 1}
    world.processing.during = None
    await world.take()
    assert [after - one for after, one in zip(counted(), before, strict=True)] == [2, 2, 1]


async def test_what_is_large_is_processed_in_parts_and_committed_once(world: LoopAndConsumer) -> None:
    """What is refused of a batch is kept in a document until it is out: a document has a bound."""
    value = bytes(MOST_BYTES // 2)
    large = [ConsumerRecord(*A, offset, 1, 0, b"k", value, None, 1, 1, ()) for offset in (5, 6, 7)]
    world.consumer.batches.append({A: large, B: [record(B, 3)]})
    await world.loop._take(await world.loop._next(world.loop.consumer))
    await world.loop._finish_clearing()
    assert world.processing.steps == ["process", "clear"] * 3
    assert world.consumer.commits == [{A: 8, B: 4}]
    assert [len(part) for part in parts(large)] == [1, 1, 1]
    assert [len(part) for part in parts([record(A, 1)] * 9)] == [9]


async def test_the_pauses_grow_while_it_fails_and_shrink_when_it_works(world: LoopAndConsumer) -> None:
    first = world.loop._pause
    world.processing.during = raises(StoreUnavailable("no answer"))
    await world.take()
    await world.take()
    assert world.loop._pause == 4 * first
    world.processing.during = None
    await world.take()
    assert world.loop._pause == 0.1


async def test_after_a_rebalance_a_failed_batch_is_left_to_the_new_holders(world: LoopAndConsumer) -> None:
    async def rebalance_and_fail() -> None:
        await world.loop._held.on_partitions_revoked([])
        raise StoreUnavailable("no answer")

    world.processing.during = rebalance_and_fail
    await world.take()
    assert world.consumer.seeks == []


async def test_a_commit_that_is_refused_brings_the_batch_back_and_clears_nothing(world: LoopAndConsumer) -> None:
    world.consumer.refuses_commits = True
    await world.take()
    assert world.consumer.seeks == [(A, 5), (B, 3)]
    assert world.processing.steps == ["process"]


async def test_a_commit_that_is_never_answered_is_given_up_and_the_batch_comes_again(
    world: LoopAndConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka waits for the group's coordinator without end: a loop that waited with it would be deaf and say it is well."""
    monkeypatch.setattr(loops, "_COMMITTED_WITHIN", 0.01)
    world.loop._pause = loops._FIRST_PAUSE
    world.consumer.answers = False
    await world.take()
    await world.take()
    assert world.consumer.seeks == [(A, 5), (B, 3)] * 2
    assert "no offsets within" in str(world.loop.not_ready())
    world.consumer.answers = True
    await world.take()
    assert world.loop.not_ready() is None


async def test_a_clearing_that_fails_in_an_unforeseen_way_stops_one_batch_and_not_all(world: LoopAndConsumer) -> None:
    async def fail(batch: Batch) -> None:
        raise RuntimeError("unforeseen")

    world.processing.clear = fail
    await world.loop._take(await world.read())
    assert world.loop._clearing
    await asyncio.wait([world.loop._clearing])
    del world.processing.clear
    await world.take()
    await world.take()
    assert world.consumer.commits == [{A: 8, B: 4}] * 2
    assert world.consumer.seeks == [(A, 8), (B, 4)], "to what the first had done, and the second had not"


async def test_what_could_not_be_cleared_is_said_for_what_it_is(world: LoopAndConsumer) -> None:
    """An outbox that stays full, or a log that another reads: the sweep comes back to both."""
    world.processing.clear = raises_of_a_batch(StoreUnavailable("another process reads it"))
    with capture_logs() as said:
        await world.take()
    [warning] = [one for one in said if one["log_level"] == "warning"]
    assert (warning["event"], warning["why"]) == (
        log_events.CLEARING_POSTPONED,
        "another process reads it",
    )


def raises_of_a_batch(error: Exception) -> Callable[[Batch], Awaitable[None]]:
    async def fail(batch: Batch) -> None:
        raise error

    return fail


async def test_an_open_breaker_stops_consumption_and_is_said(world: LoopAndConsumer) -> None:
    async def open_it() -> None:
        world.processing.breaker.why = "the circuit breaker is open"
        raise CircuitOpen("20 of the last 20 events failed")

    assert world.loop.not_ready() is None
    world.processing.during = open_it
    await world.take()
    assert "the circuit breaker is open" in (world.loop.not_ready() or "")
    await world.take()
    assert world.processing.steps == ["process"], "what comes after is not even looked at"
    assert world.consumer.commits == []
    assert world.consumer.seeks == [(A, 5), (B, 3)] * 2


async def test_records_that_fell_out_unread_stop_the_service_with_an_alarm(world: LoopAndConsumer) -> None:
    await world.is_assigned()
    assert world.loop.not_ready() is None
    world.consumer.beginnings = {A: 5, B: 9}
    await world.is_assigned()
    assert world.loop.not_ready() is None, "B was never committed: it begins where the log begins"
    world.consumer.beginnings = {A: 9, B: 0}
    await world.is_assigned()
    assert "4 events fell out unread" in (world.loop.not_ready() or "")
    await world.take()
    assert world.processing.steps == []


async def test_no_batch_is_begun_before_it_is_known_where_the_log_begins(
    world: LoopAndConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginnings, "_FIRST_PAUSE", 0.01)
    world.consumer.unanswered = 2
    world.consumer.beginnings = {A: 9, B: 0}
    await world.loop._held.on_partitions_assigned([A, B])
    assert "where the logs" in (world.loop.not_ready() or "")
    reading = asyncio.create_task(world.read())
    await asyncio.sleep(0)
    assert len(world.consumer.batches) == 1, "it is not even asked for"
    assert world.loop._beginnings._looking
    await world.loop._beginnings._looking
    await world.loop._take(await reading)
    assert world.processing.steps == []
    assert "4 events fell out unread" in (world.loop.not_ready() or "")


async def test_what_another_holds_by_now_is_not_looked_at_any_more(
    world: LoopAndConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginnings, "_FIRST_PAUSE", 0.01)
    world.consumer.unanswered = 1
    world.consumer.beginnings = {A: 9, B: 0}
    await world.loop._held.on_partitions_assigned([A])
    await asyncio.sleep(0)
    await world.loop._held.on_partitions_assigned([B])
    await asyncio.sleep(0.05)
    assert world.consumer.unanswered == 0
    assert world.loop.not_ready() is None


async def test_what_fell_out_is_counted_where_an_alarm_sees_it(world: LoopAndConsumer) -> None:
    fell_out = metrics.FELL_OUT.labels(world.loop.service)
    before = fell_out._value.get()
    world.consumer.beginnings = {A: 9, B: 0}
    await world.is_assigned()
    assert fell_out._value.get() == before + 4


async def test_the_lag_is_the_age_of_the_oldest_event_in_hand_and_grows_while_it_cannot_be_dealt_with(
    world: LoopAndConsumer,
) -> None:
    assert world.loop.lag_seconds() == 0
    world.processing.during = raises(StoreUnavailable("the disk is full"))
    await world.take()
    assert world.loop.lag_seconds() == pytest.approx(3_600, abs=5)
    world.processing.during = None
    await world.take()
    assert world.loop.lag_seconds() == 0


async def test_an_open_breaker_and_a_shared_out_partition_do_not_hide_or_invent_a_lag(world: LoopAndConsumer) -> None:
    world.processing.breaker.why = "the circuit breaker is open"
    await world.take()
    assert world.loop.lag_seconds() > 0
    await world.loop._held.on_partitions_assigned([])
    assert world.loop.lag_seconds() == 0, "what is held now comes again and is then in hand"


async def test_before_anything_is_assigned_it_is_not_ready(world: LoopAndConsumer) -> None:
    world.loop._held.assigned = False
    assert world.loop.not_ready() == "no partitions assigned yet"


async def test_an_outage_is_said_from_the_second_failure_in_a_row_until_a_batch_is_through(
    world: LoopAndConsumer,
) -> None:
    """It is no reason to stop trying."""
    world.loop._pause = loops._FIRST_PAUSE
    world.processing.during = raises(StoreUnavailable("disk I/O error"))
    await world.take()
    assert world.loop.not_ready() is None
    await world.take()
    assert world.loop.not_ready() == "a batch failed and is read again: disk I/O error"
    world.processing.during = None
    await world.take()
    assert world.loop.not_ready() is None
    assert world.consumer.commits == [{A: 8, B: 4}]


async def test_what_a_bug_in_the_engine_quotes_of_an_event_is_neither_logged_nor_said_by_readiness(
    world: LoopAndConsumer,
) -> None:
    world.loop._pause = loops._FIRST_PAUSE
    world.processing.during = raises(ValueError("no need has 'Aino Esimerkki'"))
    with capture_logs() as said:
        await world.take()
        await world.take()
    assert [one["why"] for one in said if one["event"] == log_events.BATCH_REWOUND] == ["ValueError"] * 2
    assert world.loop.not_ready() == "a batch failed and is read again: ValueError"


async def test_a_partition_that_stands_still_is_named_by_readiness_until_it_goes_on(world: LoopAndConsumer) -> None:
    apart = world.loop.reading.apart
    gone: Stretch | Exception = OSError("the disk is gone")
    answers = [gone] * 4 + [Stretch((), 9)]

    async def fetched(*_: object) -> Stretch:
        if isinstance(answer := answers.pop(0), Exception):
            raise answer
        return answer

    apart._fetched = fetched  # type: ignore[assignment, method-assign]
    apart.take(B, ValueError("corrupt"))
    said = []
    while answers:
        apart._troubles[B].try_at = 0.0
        await apart.read({B: 8}, 100)
        said.append(world.loop.not_ready())
    assert said == [None] * 3 + ["intake.http[1] stands still at 8: OSError('the disk is gone')", None]
    apart.give_back_all()


async def test_what_is_not_held_any_more_keeps_nobody_from_being_ready(world: LoopAndConsumer) -> None:
    world.loop.waits_for = "a batch failed and is read again: disk I/O error"
    await world.is_assigned()
    assert world.loop.not_ready() is None


async def test_stopping_finishes_the_batch_in_hand_and_takes_no_other(world: LoopAndConsumer) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await go_on.wait()

    world.processing.during = wait
    world.loop._subscription.broker = SimpleNamespace(stop=broker_stops(world))  # type: ignore[assignment]
    taking = asyncio.create_task(world.loop._take(await world.read()))
    await reached.wait()
    stopping = asyncio.create_task(world.loop.stop())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not stopping.done()
    go_on.set()
    await asyncio.gather(taking, stopping)
    assert world.consumer.commits == [{A: 8, B: 4}]
    assert world.processing.steps == ["process", "clear", "broker stops"]
    await world.loop._take(await world.read())
    assert world.processing.steps == ["process", "clear", "broker stops"]


def broker_stops(world: LoopAndConsumer) -> Callable[[], Awaitable[None]]:
    async def stop() -> None:
        world.processing.steps.append("broker stops")

    return stop


@pytest.mark.parametrize(
    ("topic", "reads"),
    [
        ("intake.http", True),
        ("intake.region.06", True),
        ("intake.region.", False),
        ("intakexhttp", False),
        ("redrive.referral", True),
        ("redrive.catalogue", False),
        ("dead-letters", False),
    ],
)
async def test_the_group_reads_the_topics_of_its_table_and_no_others(
    world: LoopAndConsumer, topic: str, *, reads: bool
) -> None:
    assert world.loop.reads(topic) is reads
