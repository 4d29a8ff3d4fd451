"""Resident memory while many events pass: of the engine over a million, and of each service of a platform."""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Final

from shared.contracts.topics import SERVICES
from shared.kafka.cluster import Cluster
from shared.kafka.lag import LagReader
from shared.kafka.producer import Publisher
from tests.backends import broker_with
from tests.bench.child import Child
from tests.bench.effort import Effort
from tests.bench.goals import MILLION
from tests.bench.pairs import EMBEDDED, TOPICS
from tests.bench.platform import MeasuredPlatform, platform, written
from tests.bench.referrals import referral_issued
from tests.bench.results import MeasuredRow, Part, Section, figure, over_rounds, say

EVENTS: Final = (1_000_000, 20_000)
REFERRALS: Final = (10_000, 500)
WITHIN: Final = (240.0, 30.0)
PARTS: Final = 10
_AT_ONCE: Final = 1_000
_UNDER_WAY: Final = 4_000  # the embedded broker keeps 5 MiB a partition
SAYS: Final = (
    "On the embedded backends. The engine alone, over a million events, each a new aggregate, as many as pass within four "
    "minutes; and all services, over what follows from 10,000 referrals, as many as pass within four minutes."
)


def measure(effort: Effort) -> Section:
    """MB after each part."""
    engine = over_rounds([_engine(effort) for _ in range(effort.rounds)])
    services = over_rounds([_services(effort) for _ in range(effort.rounds)])
    return Section("memory", "Memory", SAYS, [Part(MILLION, engine), Part("all services", services)])


def _engine(effort: Effort) -> list[MeasuredRow]:
    count = effort.of(*EVENTS)
    with (
        tempfile.TemporaryDirectory(prefix="lahete-bench-") as place,
        broker_with("embedded", Path(place) / "broker", TOPICS) as cluster,
        Child(EMBEDDED, cluster, Path(place)) as child,
    ):
        lines = asyncio.run(_pass(cluster, child, count, WITHIN[effort.quick]))
        child.end()
    return lines


async def _pass(cluster: Cluster, child: Child, count: int, within: float) -> list[MeasuredRow]:
    publisher = Publisher.to(cluster)
    await publisher.start()
    began, sent, lines = time.monotonic(), 0, list[MeasuredRow]()
    while child.done < count and time.monotonic() - began < within:
        child.check()
        if sent < count and sent - child.done < _UNDER_WAY:
            await publisher.publish([referral_issued()[1] for _ in range(_AT_ONCE)])
            sent += _AT_ONCE
        else:
            await asyncio.sleep(0.01)
        if child.done >= (after := (len(lines) + 1) * count // PARTS):
            lines.append(_line(child, after, time.monotonic() - began))
    if child.done >= count and len(lines) < PARTS:
        lines.append(_line(child, count, time.monotonic() - began))
    await publisher.stop()
    return lines


def _line(child: Child, after: int, seconds: float) -> MeasuredRow:
    say(f"the engine after {child.done:,} events, {seconds:.0f} s: {child.memory_mb:.0f} MB")
    found = {"events": figure("", [child.done]), "memory": figure("MB", [child.memory_mb])}
    return MeasuredRow(f"after {after:,}", found)


# --- all services


def _services(effort: Effort) -> list[MeasuredRow]:
    with platform() as running:
        return asyncio.run(_referrals(running, effort.of(*REFERRALS), WITHIN[effort.quick]))


async def _referrals(running: MeasuredPlatform, count: int, within: float) -> list[MeasuredRow]:
    publisher = Publisher.to(Cluster(running.run.kafka))
    await publisher.start()
    began, sent, lines = time.monotonic(), 0, list[MeasuredRow]()
    async with LagReader(Cluster(running.run.kafka)) as reader:
        while sent < count and time.monotonic() - began < within:
            await publisher.publish([referral_issued()[1] for _ in range(min(_AT_ONCE, count - sent))])
            sent += min(_AT_ONCE, count - sent)
            while sum(one.lag for one in await reader.lags()) > _AT_ONCE // 2:  # noqa: ASYNC110 - asked, not told
                await asyncio.sleep(0.05)
            if sent >= (len(lines) + 1) * count // 5:
                lines.append(await _services_line(running, sent, time.monotonic() - began))
    await publisher.stop()
    return lines


async def _services_line(running: MeasuredPlatform, sent: int, seconds: float) -> MeasuredRow:
    memory = running.memory_mb()
    events = await written(running.run.kafka)
    say(f"after {sent:,} referrals, {events:,} events: {max(memory.values()):.0f} MB at most")
    found = {name: figure("MB", [memory[name]]) for name in SERVICES}
    found["events"] = figure("", [events])
    found["referrals a second, so far"] = figure("", [sent / seconds])
    return MeasuredRow(f"after {sent:,} referrals", found)
