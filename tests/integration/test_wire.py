"""What a sender's client may put on its own topic, on a broker: nobody else notices, and nothing is lost."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from confluent_kafka import Producer

from shared.kafka.cluster import Cluster
from shared.kafka.lag import lags
from shared.kafka.producer import Publisher
from tests.backends import broker_with
from tests.integration.engine_on_kafka import (
    TOPICS,
    LoopOnKafka,
    all_is_read,
    everything_on,
    header,
    publisher_to,
    running,
    sent,
)
from tests.integration.engine_world import NOW, TERM, EngineWorld, issue
from tests.integration.librdkafka import written
from tests.integration.running import PATIENCE
from tests.wire import CODECS, WireBatch, Wired, issued, produce

pytestmark = pytest.mark.asyncio
OWN = "intake.region.06"


@pytest.fixture(params=["embedded", "kafka"])
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def broker(kind: str, tmp_path: Path) -> Iterator[Cluster]:
    with broker_with(kind, tmp_path / "broker", TOPICS) as found:
        yield found


@pytest_asyncio.fixture
async def publisher(broker: Cluster) -> AsyncIterator[Publisher]:
    async with publisher_to(broker) as publisher:
        yield publisher


@pytest_asyncio.fixture
async def one(broker: Cluster, publisher: Publisher, tmp_path: Path) -> AsyncIterator[LoopOnKafka]:
    async with EngineWorld(tmp_path) as world:
        world.table = dataclasses.replace(world.table, topics=(*world.table.topics, "referral.events"))
        async with running(world, broker, publisher, sweeps=True) as one:
            yield one


@pytest.mark.parametrize("codec", CODECS)
async def test_every_codec_is_read(broker: Cluster, one: LoopOnKafka, codec: str) -> None:
    [taken] = await produce(broker, OWN, WireBatch([issued(1), issued(2)], codec).encoded())
    assert taken.code == 0
    await one.holds(2, 1)
    await all_is_read(broker, one.world.table)
    assert await everything_on(broker, "dead-letters") == []


async def test_beside_batches_that_nobody_can_read_everything_flows_and_of_each_it_is_told(
    broker: Cluster, one: LoopOnKafka, publisher: Publisher
) -> None:
    odd_name = WireBatch([issued(1), issued(2, (b"\xff\xfe", b"1")), issued(3)])
    broken = [
        WireBatch([issued(4), issued(5)], crc=1),
        WireBatch([issued(6)], codec_number=5),
        WireBatch(packed=b"\x01\x02"),
    ]
    bomb = WireBatch([Wired(value=bytes(40_000_000))], "zstd")
    crowded, many = WireBatch([issued(8), issued(9, *[(b"x", b"")] * 1_001)]), WireBatch([Wired()] * 20_001)
    batches = [odd_name, *broken, bomb, crowded, many, WireBatch([issued(7)])]
    taken = [one.code for one in await produce(broker, OWN, *(batch.encoded() for batch in batches))]
    assert (taken[0], taken[-1]) == (0, 0)
    for number in range(100, 160):
        await publisher.publish([sent(one.world.log.event(issue(number)))])
    for number in (1, 2, 3, 7, 8, *range(100, 160)):
        await one.holds(number, 1)
    await all_is_read(broker, one.world.table)
    letters = await everything_on(broker, "dead-letters")
    # Kafka itself refuses most of them at its door; librdkafka's broker takes whatever comes.
    assert len(letters) == taken.count(0) - 2
    assert {header(letter, "dl_reason") for letter in letters} <= {"undecodable"}
    assert all(f"of {OWN}[0] cannot be read" in header(letter, "dl_error") for letter in letters)
    told = [record for record in await everything_on(broker, "referral.events") if b'"undecodable"' in record.value]
    assert len(told) == len(letters)
    assert one.loop.not_ready() is None


@pytest.mark.parametrize("codec", ["none", "zstd"])
async def test_the_offset_that_a_record_says_it_has_is_data(
    broker: Cluster, kind: str, one: LoopOnKafka, codec: str
) -> None:
    """Deltas that stand still, jump far beyond the end, go back or are below 0: each record takes effect, and lag ends."""
    odd = [(0, 0, 0), (0, 2**31 - 1, 1), (2, 1, 0), (-3, -2, -1), (None,)]
    batches = [
        {number: dataclasses.replace(issued(number), said=said) for number, said in enumerate(deltas, start=10 * nth)}
        for nth, deltas in enumerate(odd, start=1)
    ]
    taken = await produce(broker, OWN, *(WireBatch([*batch.values()], codec).encoded() for batch in batches))
    # What is packed, Kafka itself looks into and refuses.
    assert [answer.code for answer in taken] == [-1 if kind == "kafka" and codec != "none" else 0] * 4 + [0]
    for batch, answer in zip(batches, taken, strict=True):
        for number in batch if answer.code == 0 else ():
            await one.holds(number, 1)
    await all_is_read(broker, one.world.table)
    assert await everything_on(broker, "dead-letters") == []
    assert one.loop.not_ready() is None


class TransactionalClient:
    """A client of its own making, librdkafka's, with a transaction."""

    def __init__(self, broker: Cluster) -> None:
        self.producer = Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": "register-of-06"})
        self.producer.init_transactions(PATIENCE)

    def writes(self, *numbers: int, then: Callable[[Producer], None] = lambda _: None) -> None:
        self.producer.begin_transaction()
        written(self.producer, OWN, [issued(number) for number in numbers])
        then(self.producer)


async def test_transactions_are_read_when_they_are_committed_and_hold_up_nothing(
    broker: Cluster, kind: str, one: LoopOnKafka
) -> None:
    """Neither an open one nor the markers that end one count as lag: `lahete stop` and every deadline would wait."""
    sender = await asyncio.to_thread(TransactionalClient, broker)
    await asyncio.to_thread(sender.writes, 1, then=Producer.commit_transaction)
    await one.holds(1, 1)
    await all_is_read(broker, one.world.table)
    if kind == "embedded":  # it writes no markers, and shows what is aborted
        return
    await asyncio.to_thread(sender.writes, 2, then=Producer.abort_transaction)
    await all_is_read(broker, one.world.table)
    await asyncio.to_thread(sender.writes, 3)
    await all_is_read(broker, one.world.table)
    one.world.clock.set(NOW + TERM)
    await one.holds(1, 2)
    assert [await one.world.version(number) for number in (2, 3)] == [0, 0]
    await asyncio.to_thread(sender.producer.commit_transaction)
    await one.holds(3, 1)
    await all_is_read(broker, one.world.table)


@pytest.mark.parametrize("time", [-1, 0, 1_790_000_000_000_000, 2**63 - 1, -(2**63)])
async def test_any_clock_of_a_record_is_data(broker: Cluster, one: LoopOnKafka, time: int) -> None:
    await produce(broker, OWN, WireBatch([issued(1)], time=time).encoded())
    await produce(broker, OWN, WireBatch([issued(2)]).encoded())
    await one.holds(2, 1)
    await all_is_read(broker, one.world.table)
    assert await everything_on(broker, "dead-letters") == []
    assert all(0 <= lag.seconds < 60 for lag in await lags(broker, {"referral": lambda topic: topic == OWN}))
