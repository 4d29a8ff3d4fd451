"""What a batch costs the store: 100 new referrals, loaded, saved and cleared, then a second event for each of them.

By SQLite and, where a MongoDB is to be had (tests/backends.py), by MongoDB with both of its drivers.
"""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.backends import STORES, Missed, mongodb
from tests.bench.effort import Effort
from tests.bench.results import MeasuredRow, Part, Section, figure, say
from tests.integration.engine_world import EngineWorld, attend, issue

BATCHES: Final = (20, 3)
EACH: Final = 100
SAYS: Final = (
    "A batch of 100 through the engine's processor, without Kafka: new referrals, then a second event for each of them."
)


def measure(effort: Effort) -> Section:
    """Milliseconds a batch, by each store and driver."""
    return Section(
        "stores", "A batch, by store and driver", SAYS, [_part(kind, effort.of(*BATCHES)) for kind in STORES]
    )


def _part(kind: str, batches: int) -> Part:
    found = mongodb()
    if kind != "sqlite" and isinstance(found, Missed):
        return Part(kind, missing=found.why)
    lines = []
    for name, times in zip(("first events", "second events"), asyncio.run(_measure(kind, batches)), strict=True):
        lines.append(MeasuredRow(name, {"a batch": figure("ms", times)}))
        say(f"{kind}, {name}: {lines[-1].figures['a batch'].median:.0f} ms a batch of {EACH}")
    return Part(kind, lines)


async def _measure(kind: str, batches: int) -> tuple[list[float], list[float]]:
    with tempfile.TemporaryDirectory(prefix="lahete-bench-") as place:
        async with EngineWorld(Path(place), store=kind) as world:
            await _batches(world, batches, attended=False, base=1_000_000)  # the first ones warm the server up
            first = await _batches(world, batches, attended=False, base=0)
            return first, await _batches(world, batches, attended=True, base=0)


async def _batches(world: EngineWorld, batches: int, *, attended: bool, base: int) -> list[float]:
    times = []
    for start in range(base, base + batches * EACH, EACH):
        numbers = range(start, start + EACH)
        records = [world.log.event(attend("1", number) if attended else issue(number)) for number in numbers]
        began = time.perf_counter()
        await world.take(*records)
        times.append((time.perf_counter() - began) * 1000)
    return times
