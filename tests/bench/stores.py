"""What a batch costs the store: 100 new referrals, loaded, saved and cleared, then a second event for each of them.

By SQLite and, where a MongoDB is to be had (tests/engines.py), by MongoDB with both of its drivers.
"""

import asyncio
import tempfile
import time
from pathlib import Path

from tests.engines import STORES, Missed, mongodb
from tests.integration.engine_world import World, attend, issue

BATCHES = 20
EACH = 100


def measure() -> None:
    """Prints the median and the slowest of 20 batches for each store."""
    found = mongodb()
    for kind in STORES:
        if kind != "sqlite" and isinstance(found, Missed):
            print(f"{kind}: {found.why}")
        else:
            first, second = asyncio.run(_measure(kind))
            print(f"a batch of {EACH} by {kind}: first events {_told(first)}, second events {_told(second)}")


def _told(times: list[float]) -> str:
    ordered = sorted(times)
    return f"p50 {ordered[len(ordered) // 2]:.0f} ms, slowest {ordered[-1]:.0f} ms"


async def _measure(kind: str) -> tuple[list[float], list[float]]:
    with tempfile.TemporaryDirectory() as place:
        async with World(Path(place), store=kind) as world:
            await _batches(world, attended=False, base=1_000_000)  # the first ones warm the server up
            return await _batches(world, attended=False, base=0), await _batches(world, attended=True, base=0)


async def _batches(world: World, *, attended: bool, base: int) -> list[float]:
    times = []
    for start in range(base, base + BATCHES * EACH, EACH):
        numbers = range(start, start + EACH)
        records = [world.log.event(attend("1", number) if attended else issue(number)) for number in numbers]
        began = time.perf_counter()
        await world.take(*records)
        times.append((time.perf_counter() - began) * 1000)
    return times
