"""A hop's latency, log to log: from when a ReferralIssued is written to when the ReferralOpened that follows is."""

import asyncio
import statistics
import time

from aiokafka import AIOKafkaConsumer

from shared.cluster import Cluster
from shared.contracts.topics import events_of
from shared.engine.publish import Publisher
from tests.bench.platform import platform, written
from tests.bench.referrals import referral_issued

RATES = (14, 100)
"""Referrals a second. With all that follows from one, the first rate is about 100 events a second on the log."""
SECONDS = 20


def measure() -> None:
    """Prints the quantiles at each rate, and what the services use meanwhile."""
    with platform() as running:
        for rate in RATES:
            before, events = running.cpu_seconds(), asyncio.run(written(running.run.kafka))
            delays = asyncio.run(_delays(running.run.kafka, rate))
            used = {name: after - before[name] for name, after in running.cpu_seconds().items()}
            events = asyncio.run(written(running.run.kafka)) - events
            cuts = [cut * 1000 for cut in statistics.quantiles(delays, n=100)]
            print(f"hop at {rate} referrals, {events / SECONDS:.0f} events a second: ", end="")
            print(f"p50 {cuts[49]:.1f} ms, p95 {cuts[94]:.1f} ms, p99 {cuts[98]:.1f} ms; of one core: ", end="")
            print(", ".join(f"{name} {share / SECONDS:.0%}" for name, share in used.items()))


async def _delays(kafka: str, rate: int) -> list[float]:
    publisher = Publisher.to(Cluster(kafka))
    await publisher.start()
    consumer = AIOKafkaConsumer(events_of("referral"), bootstrap_servers=kafka, fetch_max_wait_ms=10)
    await consumer.start()
    sent: dict[str, float] = {}
    delays: list[float] = []
    reading = asyncio.create_task(_read(consumer, sent, delays, rate * SECONDS))
    began = time.monotonic()
    for number in range(rate * SECONDS):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        referral_id, record = referral_issued()
        sent[referral_id] = time.time()
        await publisher.publish([record])
    await asyncio.wait_for(reading, 30)
    await consumer.stop()
    await publisher.stop()
    return delays


async def _read(consumer: AIOKafkaConsumer, sent: dict[str, float], delays: list[float], count: int) -> None:
    async for record in consumer:
        type_ = dict(record.headers).get("ce_type", b"")
        if type_.endswith(b"ReferralOpened.v1") and record.key.decode() in sent:
            delays.append(record.timestamp / 1000 - sent[record.key.decode()])
        if len(delays) == count:
            return
