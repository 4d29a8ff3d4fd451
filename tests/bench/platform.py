"""A platform to measure: all five services as processes, in a folder that is gone afterwards."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient

from deploy.embedded.keys import read_keys
from deploy.embedded.state import Run, open_folder, read_run
from deploy.embedded.supervisor import Supervisor
from shared.contracts.topics import SERVICES
from shared.engine.lag import partitions_read


@dataclass(frozen=True)
class Running:
    """A platform that runs."""

    run: Run
    keys: dict[str, str]

    def memory_mb(self) -> dict[str, float]:
        """Resident memory of each service."""
        return {name: psutil.Process(self.run.pids[name]).memory_info().rss / 1e6 for name in SERVICES}

    def cpu_seconds(self) -> dict[str, float]:
        """Processor time that each service has used."""
        times = {name: psutil.Process(self.run.pids[name]).cpu_times() for name in SERVICES}
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
def platform(port_base: int = 8700) -> Iterator[Running]:
    """Runs the platform meanwhile, and prints how long it took to be ready."""
    with tempfile.TemporaryDirectory(prefix="lahete-bench-") as place:
        folder = open_folder(Path(place))
        began = time.monotonic()
        with Supervisor(folder.path, port_base, "", {"LAHETE_LOG_LEVEL": "warning"}, say=lambda _: None):
            print(f"ready after {time.monotonic() - began:.1f} s")
            run = read_run(folder)
            assert run is not None
            yield Running(run, read_keys(folder))
