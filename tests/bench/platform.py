"""A platform to measure: services as processes, in a folder that is gone afterwards, on any pair of backends."""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import psutil
import pymongo
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient

from demo.register import opisto_sources
from deploy.backends import Backend
from deploy.local.keys import read_keys
from deploy.local.state import Run, open_folder, read_run
from deploy.local.supervisor import Supervisor
from shared.contracts.topics import SERVICES, platform_topics
from shared.kafka.cluster import Cluster
from shared.kafka.lag import partitions_read
from tests.backends import _only, address_of, kafka, mongodb
from tests.bench.pairs import EMBEDDED, Pair
from tests.bench.results import say


@dataclass(frozen=True)
class MeasuredPlatform:
    """A platform that runs."""

    run: Run
    keys: dict[str, str]
    ready_after: float

    @property
    def services(self) -> list[str]:
        """Those that run."""
        return [name for name in SERVICES if name in self.run.pids]

    def memory_mb(self) -> dict[str, float]:
        """Resident memory of each service."""
        return {name: psutil.Process(self.run.pids[name]).memory_info().rss / 1e6 for name in self.services}

    def cpu_seconds(self) -> dict[str, float]:
        """Processor time that each service has used."""
        times = {name: psutil.Process(self.run.pids[name]).cpu_times() for name in self.services}
        return {name: one.user + one.system for name, one in times.items()}


async def written(kafka: str) -> int:
    """How many events stand on the log, or have stood there, in all topics."""
    client = AIOKafkaClient(bootstrap_servers=kafka)
    await client.bootstrap()
    try:
        async with AIOKafkaConsumer(bootstrap_servers=kafka) as consumer:
            partitions = await partitions_read(client, lambda _: True)
            return sum((await consumer.end_offsets(partitions)).values())
    finally:
        await client.close()


@contextmanager
def platform(
    port_base: int = 8700, pair: Pair = EMBEDDED, services: Sequence[str] = SERVICES
) -> Iterator[MeasuredPlatform]:
    """Runs it meanwhile, and says how long it took to be ready."""
    with ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix="lahete-bench-"))
        engine, settings = _engine(pair, stack)
        # The supervisor reads where Kafka and MongoDB are from its own environment, as `lahete run --engine env` does.
        stack.enter_context(patch.dict(os.environ, settings))
        folder = open_folder(Path(place))
        extra = {"LAHETE_ENV": "test", "LAHETE_LOG_LEVEL": "warning"}
        began = time.monotonic()
        supervisor = stack.enter_context(
            Supervisor(
                folder.path,
                port_base,
                "",
                extra,
                engine=engine,
                services=services,
                say=lambda _: None,
                opistos=opisto_sources(),
            )
        )
        ready_after = time.monotonic() - began
        say(f"{', '.join(services)} on {pair.name}: ready after {ready_after:.1f} s")
        run = read_run(folder)
        assert run is not None
        yield MeasuredPlatform(run, read_keys(folder), ready_after)
        # In order, so that Kafka's groups are left: who comes after one that was killed waits for its session to end.
        for left in supervisor.stop():
            say(left)


def _engine(pair: Pair, stack: ExitStack) -> tuple[Backend, Mapping[str, str]]:
    if pair.broker == "embedded":
        return Backend.EMBEDDED, {}
    settings = {"LAHETE_KAFKA": address_of(kafka()), "LAHETE_MONGODB": ""}

    asyncio.run(_only(Cluster(settings["LAHETE_KAFKA"]), platform_topics()))
    if pair.store == "mongodb":
        settings["LAHETE_MONGODB"] = address_of(mongodb())
        stack.callback(_drop, settings["LAHETE_MONGODB"])
    return Backend.ENV, settings


def _drop(address: str) -> None:
    with pymongo.MongoClient[dict[str, object]](address) as client:
        for name in client.list_database_names():
            if name in {f"lahete_{service}" for service in SERVICES}:
                client.drop_database(name)
