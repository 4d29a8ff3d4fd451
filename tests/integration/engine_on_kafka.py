"""The engine on a broker that speaks Kafka, in the test's own process: what the tests of it share."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from fnmatch import fnmatchcase

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared.engine.batch import Processor
from shared.engine.loop import Loop
from shared.engine.model import Table
from shared.engine.sweep import Sweeper
from shared.kafka.cluster import Cluster
from shared.kafka.lag import lags
from shared.kafka.producer import Publisher, Record
from tests.integration.engine_process import OPTIONS
from tests.integration.engine_world import DUE_EARLY, EngineWorld, watched
from tests.integration.running import PATIENCE

TOPICS = {"intake.http": 4, "intake.region.06": 1, "redrive.referral": 1, "referral.events": 4, "dead-letters": 1}


@contextlib.asynccontextmanager
async def publisher_to(broker: Cluster) -> AsyncIterator[Publisher]:
    publisher = Publisher.to(broker)
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()


def sent(record: ConsumerRecord[bytes, bytes]) -> Record:
    return Record(record.topic, record.key, record.value, record.headers)


async def everything_on(broker: Cluster, topic: str) -> list[ConsumerRecord[bytes, bytes]]:
    """Every record of a topic, read by nobody's group."""
    async with AIOKafkaConsumer(
        bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest", fetch_max_wait_ms=10
    ) as reader:
        partitions = [TopicPartition(topic, number) for number in range(TOPICS[topic])]
        reader.assign(partitions)
        left = sum((await reader.end_offsets(partitions)).values())
        found: list[ConsumerRecord[bytes, bytes]] = []
        async with asyncio.timeout(PATIENCE):
            while len(found) < left:
                for records in (await reader.getmany(timeout_ms=100)).values():
                    found += records
        return found


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(0.05)


async def all_is_read(broker: Cluster, table: Table) -> None:
    """Waits until the group has committed all there is."""
    reads = {"referral": lambda topic: any(fnmatchcase(topic, pattern) for pattern in table.topics)}

    async def no_lag() -> bool:
        return not any(one.lag for one in await lags(broker, reads))

    await until(no_lag, "all is read and committed")


def header(record: ConsumerRecord[bytes, bytes], name: str) -> str:
    headers: dict[str, bytes] = dict(record.headers)
    return headers.get(name, b"").decode()


class LoopOnKafka:
    """The loop, the publisher and the sweeper in this process, on a world's store."""

    def __init__(
        self, world: EngineWorld, broker: Cluster, processor: Processor, publisher: Publisher, options: dict[str, int]
    ) -> None:
        self.world = world
        self.processor = processor
        self.loop = Loop(processor, broker, OPTIONS | options)
        self.sweeper = Sweeper(self.loop, processor, publisher, world.clock, broker, every=0.1)

    async def holds(self, number: int, count: int) -> None:
        """Waits until a referral has so many events applied."""

        async def there() -> bool:
            return len(await self.world.applied(number)) >= count

        await until(there, f"referral {number} has {count} applied")


@contextlib.asynccontextmanager
async def running(
    world: EngineWorld,
    broker: Cluster,
    publisher: Publisher,
    *,
    sweeps: bool = False,
    options: dict[str, int] | None = None,
) -> AsyncIterator[LoopOnKafka]:
    store = watched(await world.processor())
    processor = Processor(
        world.table, store, publisher, world.clock, recent_outcomes=world.recent_outcomes, due_early=DUE_EARLY
    )
    one = LoopOnKafka(world, broker, processor, publisher, options or {})
    await one.loop.start()
    sweeping = asyncio.create_task(one.sweeper.run()) if sweeps else None
    try:
        yield one
    finally:
        if sweeping:
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)
        await one.loop.stop()
