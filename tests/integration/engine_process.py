"""The tally service as a process of its own, which kills itself at a step: `python -m tests.integration.engine_process`.

Arguments: Kafka's address, the store, its folder, how many outcomes a document keeps, and the step to end at (or `-`).
"""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

from shared.clock import Clock
from shared.engine.batch import Processor
from shared.engine.loop import Loop
from shared.engine.sweep import Sweeper
from shared.kafka.cluster import Cluster
from shared.kafka.producer import Publisher
from tests.backends import open_store
from tests.integration.engine_world import DIARY, NOW, TALLIES, Given, table

OPTIONS = {"session_timeout_ms": 2_000, "heartbeat_interval_ms": 300, "fetch_max_wait_ms": 10}


async def run(address: str, kind: str, folder: Path, recent_outcomes: int, fatal: str) -> None:
    """Serves until SIGTERM, or until the fatal step."""
    kafka = Cluster(address)
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)

    def between(step: str) -> None:
        if step == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    store = open_store(kind, folder)
    await store.open([TALLIES.stored], [DIARY])
    publisher = Publisher.to(kafka)
    # Its platform's time stands still, before every deadline.
    clock = Clock(NOW, 0.0, 0.0)
    processor = Processor(
        table(Given()),
        store,
        publisher,
        clock,
        recent_outcomes=recent_outcomes,
        due_early=timedelta(days=30),
        between=between,
    )
    loop = Loop(processor, kafka, OPTIONS)
    await publisher.start()
    await loop.start()
    sweeping = asyncio.create_task(Sweeper(loop, processor, publisher, clock, kafka).run())
    await told.wait()
    sweeping.cancel()
    await asyncio.gather(sweeping, return_exceptions=True)
    await loop.stop()
    await publisher.stop()
    await store.close()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), sys.argv[5]))
