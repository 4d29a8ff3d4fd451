"""What asks Kafka closes its clients where Kafka does not answer: refused, or taken in and never answered."""

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from shared import metrics
from shared.engine.loop import Loop
from shared.engine.sweep import Sweeper
from shared.kafka.cluster import Cluster
from shared.kafka.lag import LagReader
from shared.kafka.producer import Publisher
from tests.integration.engine_world import EngineWorld

pytestmark = pytest.mark.asyncio
Asks = Callable[[EngineWorld, Cluster], AbstractAsyncContextManager[object]]


def lag(_: EngineWorld, kafka: Cluster) -> LagReader:
    return LagReader(kafka)


@asynccontextmanager
async def sweep(world: EngineWorld, kafka: Cluster) -> AsyncIterator[None]:
    publisher = Publisher.to(kafka)
    try:
        async with Sweeper(Loop(world.main, kafka), world.main, publisher, world.clock, kafka):
            yield
    finally:
        await publisher.stop()


@asynccontextmanager
async def silent() -> AsyncIterator[tuple[Cluster, asyncio.Event]]:
    """A broker that takes connections and never answers, and whether it has taken one."""
    taken = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.set()
        while await reader.read(65_536):
            pass
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield Cluster(f"127.0.0.1:{server.sockets[0].getsockname()[1]}"), taken


async def left_open_by(asking: Callable[[], Awaitable[object]]) -> list[str]:
    """What clients say of themselves that were let go unclosed."""
    # A gauge holds another test's sweeper until a new one takes its place: what that left open is not of this one.
    metrics.OLDEST_OUTBOX_SECONDS.clear()
    gc.collect()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", ResourceWarning)
        await asking()
        gc.collect()
    return [str(one.message) for one in said]


async def enter(asks: Asks, world: EngineWorld, kafka: Cluster) -> None:
    async with asks(world, kafka):
        raise AssertionError("nobody answers")


@pytest.mark.parametrize("asks", [lag, sweep])
async def test_where_nobody_listens_nothing_is_left_open(asks: Asks, tmp_path: Path) -> None:
    async with EngineWorld(tmp_path) as world:

        async def asked() -> None:
            with pytest.raises(KafkaError):
                await enter(asks, world, Cluster("127.0.0.1:1"))

        assert await left_open_by(asked) == []


@pytest.mark.parametrize("asks", [lag, sweep])
async def test_where_nobody_answers_who_waits_no_longer_leaves_nothing_open(asks: Asks, tmp_path: Path) -> None:
    async with EngineWorld(tmp_path) as world, silent() as (kafka, taken):

        async def given_up() -> None:
            waiting = asyncio.create_task(enter(asks, world, kafka))
            await taken.wait()
            waiting.cancel()
            await asyncio.wait([waiting])
            assert waiting.cancelled()

        assert await left_open_by(given_up) == []
