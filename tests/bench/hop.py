"""A hop's latency: a ReferralIssued is written to Kafka, the ReferralOpened that follows is read from Kafka."""

import asyncio
import statistics
import time

from aiokafka import AIOKafkaConsumer

from shared.contracts.topics import events_of
from shared.engine.publish import Publisher
from tests.bench.platform import platform
from tests.bench.referrals import referral_issued

A_SECOND = 100
SECONDS = 20


def measure() -> None:
    """Prints the quantiles at 100 referrals a second, and what the services use meanwhile."""
    with platform() as running:
        before = running.cpu_seconds()
        delays = asyncio.run(_delays(running.run.kafka))
        used = {name: after - before[name] for name, after in running.cpu_seconds().items()}
    quantiles = statistics.quantiles(delays, n=100)
    print(f"hop, {A_SECOND} a second, {len(delays)} events: ", end="")
    print(f"p50 {quantiles[49] * 1000:.1f} ms, p95 {quantiles[94] * 1000:.1f} ms, p99 {quantiles[98] * 1000:.1f} ms")
    print("of one core: " + ", ".join(f"{name} {share / SECONDS:.0%}" for name, share in used.items()))


async def _delays(kafka: str) -> list[float]:
    publisher = Publisher.to(kafka)
    await publisher.start()
    consumer = AIOKafkaConsumer(events_of("referral"), bootstrap_servers=kafka, fetch_max_wait_ms=10)
    await consumer.start()
    sent: dict[str, float] = {}
    delays: list[float] = []
    reading = asyncio.create_task(_read(consumer, sent, delays))
    began = time.monotonic()
    for number in range(A_SECOND * SECONDS):
        await asyncio.sleep(max(0.0, began + number / A_SECOND - time.monotonic()))
        referral_id, record = referral_issued()
        sent[referral_id] = time.monotonic()
        await publisher.publish([record])
    await asyncio.wait_for(reading, 30)
    await consumer.stop()
    await publisher.stop()
    return delays


async def _read(consumer: AIOKafkaConsumer, sent: dict[str, float], delays: list[float]) -> None:
    async for record in consumer:
        type_ = dict(record.headers).get("ce_type", b"")
        if type_.endswith(b"ReferralOpened.v1"):
            delays.append(time.monotonic() - sent[record.key.decode()])
        if len(delays) == A_SECOND * SECONDS:
            return
