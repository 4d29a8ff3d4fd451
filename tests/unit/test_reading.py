"""What is read together and what apart: with a consumer that fails where it is told to, as aiokafka does."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import (
    ConsumerStoppedError,
    NodeNotReadyError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
)
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from shared import log_events
from shared.kafka import apart as aparts
from shared.kafka import reading as readings
from shared.kafka.apart import Apart
from shared.kafka.cluster import Cluster
from shared.kafka.raw import Stretch, Unreadable
from shared.kafka.reading import Reading
from tests.wire import WireBatch, Wired

pytestmark = pytest.mark.asyncio
A, B, C = (TopicPartition("intake.region.06", number) for number in range(3))


def record(partition: TopicPartition, offset: int) -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord(*partition, offset, 1, 0, b"k", b"v", None, 1, 1, ())


class ListConsumer:
    """A consumer over lists of records; `broken` of a partition is raised instead of what it has."""

    def __init__(self) -> None:
        self.logs: dict[TopicPartition, list[int]] = {A: [], B: [], C: []}
        self.at = {A: 0, B: 0, C: 0}
        self.broken: dict[TopicPartition, Exception] = {}
        self.breaks: Exception | None = None
        self.paused: set[TopicPartition] = set()

    def assignment(self) -> set[TopicPartition]:
        return set(self.at)

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int, max_records: int
    ) -> dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]:
        """As aiokafka: what was taken before a failure is gone, and the positions have moved on."""
        if self.breaks and not partitions:
            raise self.breaks
        found = {}
        for partition in partitions or self.logs:
            if partition in self.paused:
                continue
            if partition in self.broken:
                raise self.broken[partition]
            taken = [offset for offset in self.logs[partition] if offset >= self.at[partition]]
            if taken:
                self.at[partition] = taken[-1] + 1
                found[partition] = [record(partition, offset) for offset in taken]
        return found

    async def position(self, partition: TopicPartition) -> int:
        return self.at[partition]

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.at[partition] = offset

    def pause(self, partition: TopicPartition) -> None:
        self.paused.add(partition)

    def resume(self, partition: TopicPartition) -> None:
        self.paused.discard(partition)


class ReadingOfLists:
    def __init__(self) -> None:
        self.log = ListConsumer()
        self.assignment = 1
        self.reading = Reading("referral", Cluster("127.0.0.1:1"), lambda: self.assignment)
        self.reading.begin({A: 0, B: 0, C: 0})
        self.raw: list[Stretch | Exception] = []
        self.reading.apart._fetched = self._fetched  # type: ignore[method-assign]

    async def _fetched(self, partition: TopicPartition, at: int, most: int) -> Stretch:
        found = self.raw.pop(0) if self.raw else Stretch((), at)
        if isinstance(found, Exception):
            raise found
        return found

    async def look(self) -> dict[TopicPartition, list[int]]:
        """One look, processed whole where it found anything."""
        found = await self.reading.look(self.log, 100)
        self.reading.done.update(self.reading.ends)
        return {partition: [one.offset for one in records] for partition, records in found.items()}

    async def looks(self, times: int) -> list[tuple[TopicPartition, int]]:
        """What several looks found, in order."""
        found = [await self.look() for _ in range(times)]
        return [(partition, offset) for one in found for partition, offsets in one.items() for offset in offsets]

    def stands_still_at(self, partition: TopicPartition) -> float | None:
        labels = {"service": "referral", "topic": partition.topic, "partition": str(partition.partition)}
        return REGISTRY.get_sample_value("lahete_partition_stands_still_at", labels)


@pytest_asyncio.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ReadingOfLists]:
    for module in (readings, aparts):
        monkeypatch.setattr(module, "_FIRST_PAUSE", 0.0)
    monkeypatch.setattr(readings, "_POSITIONS_EVERY", 0.0)
    monkeypatch.setattr(readings, "_BETWEEN_ROUNDS", 0.0)
    world = ReadingOfLists()
    yield world
    world.reading.apart.give_back_all()


@pytest.mark.parametrize(
    "error", [UnicodeDecodeError("utf-8", b"\xe4", 0, 1, "no"), ValueError("corrupt"), KeyError(1)]
)
async def test_what_was_taken_before_a_partition_failed_is_read_again_and_the_others_go_on(
    world: ReadingOfLists, error: Exception
) -> None:
    world.log.logs |= {A: [0, 1], C: [0]}
    world.log.broken[B] = error
    assert await world.looks(8) == [(A, 0), (A, 1), (C, 0)]
    assert (world.log.paused, set(world.reading.apart.partitions)) == ({B}, {B})
    assert world.reading.done == {A: 2, B: 0, C: 1}
    world.log.logs[A].append(2)
    assert await world.looks(1) == [(A, 2)], "nobody looks for a culprit any more"


async def test_what_stands_where_the_client_fails_is_read_apart_and_handed_on_with_the_rest(
    world: ReadingOfLists,
) -> None:
    world.log.broken[B] = ValueError("corrupt")
    await world.looks(3)
    world.log.logs[A] = [0]
    world.raw = [Stretch([record(B, 4), record(B, 6)], 9), Stretch((), 12)]
    assert await world.looks(1) == [(B, 4), (B, 6), (A, 0)]
    assert world.reading.done[B] == 9
    await world.looks(1)
    assert world.reading.done[B] == 12, "markers of a transaction"


async def test_a_record_with_too_many_headers_is_handed_on_unread_and_its_partition_is_not_tried_again(
    world: ReadingOfLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowded = replace(record(B, 0), headers=(("", b""),) * 1_001)

    async def getmany(*_: object, **__: object) -> dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]:
        world.log.at[B] = 2
        return {B: [crowded, record(B, 1)]}

    monkeypatch.setattr(world.log, "getmany", getmany)
    first, second = (await world.reading.look(world.log, 100))[B]
    assert isinstance(first, Unreadable)
    assert first.why == "offset 0 of intake.region.06[1] cannot be read: it has 1001 headers; 1000 are allowed"
    assert second == record(B, 1)
    assert (world.reading.ends, set(world.reading.apart.partitions)) == ({B: 2}, set())


async def test_what_cannot_be_read_is_tried_some_times_and_then_handed_on(world: ReadingOfLists) -> None:
    world.log.broken[B] = ValueError("corrupt")
    await world.looks(3)
    unreadable = Unreadable.of(B, 4, 6, "its checksum is wrong")
    world.raw = [Stretch([unreadable], 7)] * 4
    assert await world.looks(3) == []
    assert world.stands_still_at(B) == 4
    assert world.reading.apart.stands_still() is None, "of what will be skipped in a moment no alarm is made"
    assert await world.looks(1) == [(B, 4)]
    assert world.reading.done[B] == 7
    assert world.stands_still_at(B) is None


async def test_what_a_connection_had_spoilt_is_read_at_the_next_try(world: ReadingOfLists) -> None:
    world.log.broken[B] = ValueError("corrupt")
    await world.looks(3)
    world.raw = [Stretch([Unreadable.of(B, 4, 6, "its checksum is wrong")], 7), Stretch([record(B, 4)], 7)]
    assert await world.looks(2) == [(B, 4)]


async def test_a_partition_that_kafka_does_not_give_stands_still_alone_and_is_named(world: ReadingOfLists) -> None:
    world.log.broken[B] = TopicAuthorizationFailedError("intake.region.06")
    world.raw = [TopicAuthorizationFailedError("intake.region.06")] * 20
    await world.looks(8)
    stands = world.reading.apart.stands_still()
    assert stands
    assert stands.startswith("intake.region.06[1] stands still at 0: TopicAuthorizationFailedError")
    assert world.stands_still_at(B) == 0
    world.log.logs[A] = [0]
    assert await world.looks(1) == [(A, 0)]
    world.raw = [Stretch([record(B, 0)], 1)]
    assert await world.looks(1) == [(B, 0)]
    assert (world.reading.apart.stands_still(), world.stands_still_at(B)) == (None, None)


async def test_a_partition_that_stands_still_is_asked_ever_more_seldom_and_named_in_the_log_each_time() -> None:
    apart = Apart("referral", Cluster("127.0.0.1:1"))
    apart._client = OfTwoBrokers(both_are_gone=True)
    apart.take(B, ValueError("corrupt"))
    trouble = apart._troubles[B]
    with capture_logs() as said:
        for _ in range(12):
            trouble.try_at, began = 0.0, time.monotonic()
            await apart.read({B: 7}, 100)
            pause = said[-1]["pause"]
            assert began + pause <= trouble.try_at <= time.monotonic() + pause
        await apart.read({B: 7}, 100)
    assert [(one["log_level"], one["event"], one["tries"]) for one in said] == [
        ("warning", log_events.PARTITION_STALLED, number) for number in range(1, 13)
    ]
    assert {one["where"] for one in said} == {"intake.region.06[1] stands still at 7: NodeNotReadyError('it is gone')"}
    assert [one["pause"] for one in said] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0, 30.0, 30.0]
    apart.give_back_all()


async def test_a_partition_without_a_fault_for_a_while_is_read_with_the_others_again(
    world: ReadingOfLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.log.broken[B] = ValueError("corrupt")
    world.raw = [Stretch([record(B, 0)], 1)]
    await world.looks(4)
    world.log.broken.clear()
    world.log.logs[B] = [0, 1]
    monkeypatch.setattr(aparts, "_SOUND_AFTER", 0.0)
    assert await world.looks(1) == [(B, 1)]
    assert (world.log.paused, set(world.reading.apart.partitions)) == (set(), set())


async def test_a_partition_whose_next_record_retention_took_is_read_with_the_others_again(
    world: ReadingOfLists,
) -> None:
    world.log.broken[B] = ValueError("corrupt")
    world.raw = [OffsetOutOfRangeError()]
    await world.looks(4)
    world.log.broken.clear()
    world.log.logs[B] = [7]
    assert await world.looks(2) == [(B, 7)]
    assert world.reading.apart.stands_still() is None


async def test_of_a_partition_that_changed_hands_while_it_was_asked_for_nothing_is_said_to_stand_still(
    world: ReadingOfLists,
) -> None:
    world.log.broken[B] = ValueError("corrupt")
    await world.looks(3)

    async def fetched(*_: object) -> Stretch:
        world.assignment += 1
        world.reading.begin({A: 0})
        raise TimeoutError

    world.reading.apart._fetched = fetched  # type: ignore[assignment, method-assign]
    await world.looks(1)
    assert world.stands_still_at(B) is None


class OfTwoBrokers:
    """Kafka's client, whose first broker is gone, or both."""

    def __init__(self, *, both_are_gone: bool = False) -> None:
        self.asked = 0
        self._both = both_are_gone

    async def fetch_all_metadata(self) -> Any:
        self.asked += 1
        return SimpleNamespace(leader_for_partition=lambda _: self.asked)

    async def send(self, broker: int, _: object) -> Any:
        if broker == 1 or self._both:
            raise NodeNotReadyError("it is gone")
        return SimpleNamespace(API_VERSION=4, topics=[("", [(0, 0, 9, 9, None, b"")])])


async def test_who_leads_a_partition_is_asked_anew_once_the_leader_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(aparts, "_FIRST_PAUSE", 0.0)
    apart = Apart("referral", Cluster("127.0.0.1:1"))
    apart._client = kafka = OfTwoBrokers()
    apart.take(B, ValueError("corrupt"))
    await apart.read({B: 0}, 100)
    assert apart.partitions
    await apart.read({B: 0}, 100)
    assert kafka.asked == 2
    apart.give_back_all()


async def test_partitions_that_do_not_answer_delay_no_other(
    world: ReadingOfLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is asked while the others are waited for: the last has its turn although the first never says anything."""
    waiting: set[TopicPartition] = set()
    healthy_is_asked = asyncio.Event()

    async def fetched(partition: TopicPartition, at: int, most: int) -> Stretch:
        if partition == C:
            healthy_is_asked.set()
            return Stretch([record(C, at)], at + len(waiting))
        waiting.add(partition)
        try:
            await healthy_is_asked.wait()
        finally:
            waiting.remove(partition)
        raise NodeNotReadyError("it is gone")

    world.reading.apart._fetched = fetched  # type: ignore[method-assign]
    monkeypatch.setattr(aparts, "_ANSWERS_WITHIN", 0.5)
    for partition in (A, B, C):
        world.reading.apart.take(partition, ValueError("corrupt"))
    found = await world.reading.apart.read({A: 0, B: 0, C: 0}, 100)
    assert found == {C: Stretch([record(C, 0)], 2)}, "both others were still waited for"
    assert (world.stands_still_at(A), world.stands_still_at(B), world.stands_still_at(C)) == (0, 0, None)


class OfOneBatch:
    """Kafka's client, of a log that has one batch."""

    def __init__(self, records: int) -> None:
        self.asked_at: list[int] = []
        self._raw = WireBatch([Wired()] * records, "zstd").encoded()
        self._end = records

    async def fetch_all_metadata(self) -> Any:
        return SimpleNamespace(leader_for_partition=lambda _: 1)

    async def send(self, _: int, request: Any) -> Any:
        [(_, [(_, at, _)])] = request._topics
        self.asked_at.append(at)
        return SimpleNamespace(API_VERSION=4, topics=[("", [(0, 0, 9, 9, None, self._raw if at < self._end else b"")])])


async def test_a_batch_of_many_records_is_fetched_and_unpacked_once() -> None:
    apart = Apart("referral", Cluster("127.0.0.1:1"))
    apart._client = kafka = OfOneBatch(records=25)
    apart.take(B, ValueError("corrupt"))
    found = []
    for at in (0, 10, 10, 20):
        stretch = (await apart.read({B: at}, 10))[B]
        found.append([one.offset for one in stretch.records])
    assert found == [[*range(10)], [*range(10, 20)], [*range(10, 20)], [*range(20, 25)]]
    assert kafka.asked_at == [0, 10], "anew for what comes again alone"
    assert await apart.read({B: 25}, 10) == {}
    assert kafka.asked_at == [0, 10, 25]
    apart.give_back_all()


async def test_a_client_that_gives_nothing_at_all_is_said_and_blames_no_partition(
    world: ReadingOfLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "_SEARCHED_FOR", -1.0)
    world.log.breaks = TimeoutError("the coordinator is away")
    world.reading._pause = 0.001
    await world.looks(2)
    assert world.reading.fails == "Kafka's client gives nothing: TimeoutError('the coordinator is away')"
    assert not world.reading.apart.partitions
    world.log.breaks, world.log.logs[A] = None, [0]
    assert await world.looks(1) == [(A, 0)]
    assert world.reading.fails is None


async def test_what_a_failure_quotes_of_a_record_is_neither_logged_nor_said_by_readiness(
    world: ReadingOfLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "_SEARCHED_FOR", -1.0)
    quoting = UnicodeDecodeError("utf-8", b"Aino Esimerkki " + b"\xff", 15, 16, "invalid start byte")
    world.log.breaks, world.reading._pause = quoting, 0.001
    with capture_logs() as said:
        await world.looks(2)
        world.reading.apart.take(A, quoting)
    assert [one["why"] for one in said] == ["UnicodeDecodeError"] * 3
    assert world.reading.fails == "Kafka's client gives nothing: UnicodeDecodeError"
    world.reading.apart.give_back_all()


async def test_after_a_failure_nothing_of_before_is_committed(world: ReadingOfLists) -> None:
    world.log.logs[A] = [0, 1]
    await world.reading.look(world.log, 100)
    assert world.reading.ends == {A: 2}
    world.log.breaks = ValueError("corrupt")
    await world.reading.look(world.log, 100)
    assert world.reading.ends == {}
    world.log.breaks = None
    assert await world.looks(3) == [(A, 0), (A, 1)]


async def test_what_was_read_while_partitions_changed_hands_is_read_again(world: ReadingOfLists) -> None:
    world.log.logs[A] = [0]
    getmany = world.log.getmany

    async def meanwhile(*what: TopicPartition, **how: int) -> Any:
        world.assignment += 1
        world.log.getmany = getmany  # type: ignore[method-assign]
        return await getmany(*what, **how)

    world.log.getmany = meanwhile  # type: ignore[method-assign]
    assert await world.looks(2) == [(A, 0)]


async def test_a_position_that_goes_on_without_a_record_is_committed_at_the_second_look(world: ReadingOfLists) -> None:
    """As over the markers of a transaction. At the first it may be what the client steps over before it says so."""
    await world.looks(1)
    world.log.at[B] = 3
    await world.looks(1)
    assert world.reading.done[B] == 0
    world.log.at[B] = 5
    await world.looks(1)
    assert world.reading.done[B] == 3


async def test_a_consumer_that_is_stopped_ends_the_reading(world: ReadingOfLists) -> None:
    world.log.breaks = ConsumerStoppedError()
    with pytest.raises(ConsumerStoppedError):
        await world.look()
