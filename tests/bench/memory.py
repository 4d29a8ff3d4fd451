"""Resident memory of each service while many events pass, and how many pass a second."""

import asyncio
import os
import time

from shared.cluster import Cluster
from shared.engine.lag import LagReader
from shared.engine.publish import Publisher
from tests.bench.platform import Running, platform, written
from tests.bench.referrals import referral_issued

REFERRALS = int(os.environ.get("BENCH_REFERRALS", "20000"))
AT_ONCE = 1_000


def measure() -> None:
    """Prints memory after each tenth, and the rate over all."""
    with platform() as running:
        asyncio.run(_pass(running))


async def _pass(running: Running) -> None:
    publisher = Publisher.to(Cluster(running.run.kafka))
    await publisher.start()
    began = time.monotonic()
    async with LagReader(Cluster(running.run.kafka)) as reader:
        for sent in range(AT_ONCE, REFERRALS + 1, AT_ONCE):
            await publisher.publish([referral_issued()[1] for _ in range(AT_ONCE)])
            # The embedded broker keeps 5 MiB a partition: no more than it can hold is ever under way.
            while sum(one.lag for one in await reader.lags()) > AT_ONCE:  # noqa: ASYNC110 - asked, not told
                await asyncio.sleep(0.05)
            if sent % (REFERRALS // 10) == 0:
                memory = ", ".join(f"{name} {mb:.0f}" for name, mb in running.memory_mb().items())
                events = await written(running.run.kafka)
                print(
                    f"after {sent} referrals, {events} events, {time.monotonic() - began:.0f} s: MB resident: {memory}"
                )
    await publisher.stop()
    print(f"{REFERRALS / (time.monotonic() - began):.0f} referrals a second through all five services")
