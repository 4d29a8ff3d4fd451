"""An attack on the doors, with keys and without, while referrals flow."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Final
from urllib.parse import urlsplit

import httpx

from shared.contracts.topics import DOORS
from tests.over_http import NO_TLS
from tests.scenarios.delays import delays, percentile
from tests.scenarios.platform import Platform
from tests.scenarios.referrals import referrals
from tests.scenarios.send import Senders
from tests.scenarios.table import ALL, scenario

OPENED = {"LAHETE_EVENTS_A_MINUTE": "15000"}
"""A quarter of what is usual: thirty wide batches, which the slowest machine reads while the attack lasts."""
HONEST: Final = 400 if ALL else 100
A_SECOND: Final = 20
SLOW: Final = 100
ENDLESS: Final = 8
MOST_OF_A_HEAD: Final = 16 * 1024 * 1024
"""Bytes after which an endless head that nobody refused is given up."""
STILL_OPEN, CUT_OFF, NO_ANSWER = 0, -1, -2
"""Beside the statuses that were told."""
Told = defaultdict[str, Counter[int]]
"""How often whom was told what: by attack and status."""
GROWTH_MB: Final = 150
MIB: Final = 1024 * 1024


@scenario(35)
def test_an_attack_on_the_doors_leaves_the_road_open(platform: Platform) -> None:
    """A hundred connections send their heads a byte at a time, eight send heads without an end, two partners send batches
    that are wide, deep, packed or broken without a pause, and somebody without a key asks for everything.

    Meanwhile referrals are issued at the same doors, each of which is taken and opened, by the oracle. The slow are told
    408 and let go, the endless 431, the partners 413 and then 429, those without a key 401; no service answers 500 or
    grows by more than a bound.
    """
    attacked = {name: platform.memory_mb(name) for name in DOORS}
    honest = referrals(platform.rng, HONEST)
    told: Told = defaultdict(Counter)

    async def play(sender: Senders) -> None:
        async with under_attack(platform, told):
            for number, one in enumerate(honest):
                await sender.send(one)
                if number % A_SECOND == 0:
                    await asyncio.sleep(1)

    platform.play(play)
    observation = platform.judge()
    took = delays(observation, [(one.event["source"], one.event["id"]) for one in honest], "ReferralOpened")
    for attack, counts in told.items():
        print(f"{attack} were told {dict(counts)}")
    print(f"opened: p99 {percentile(took, 0.99):.2f} s")
    assert told["slow heads"] == {408: SLOW}
    assert told["endless heads"].keys() <= {431, CUT_OFF}
    assert told["endless heads"][431] > 0
    assert told["wide batches"][413] > 0
    assert told["wide batches"][429] > 0
    assert told["without a key"][401] > 0
    assert sum(counts[500] for counts in told.values()) == 0
    grown = {name: platform.memory_mb(name) - before for name, before in attacked.items()}
    assert max(grown.values()) < GROWTH_MB, grown


@asynccontextmanager
async def under_attack(platform: Platform, told: Told) -> AsyncIterator[None]:
    """Until what is inside is done; the slow and the endless are waited for."""
    over = asyncio.Event()
    urls = [platform.place.urls[name] for name in DOORS]
    async with httpx.AsyncClient(timeout=20, verify=NO_TLS) as http, asyncio.TaskGroup() as attack:
        for number in range(SLOW):
            attack.create_task(slow_head(urls[number % len(urls)], told["slow heads"]))
        for number in range(ENDLESS):
            attack.create_task(endless_head(urls[number % len(urls)], told["endless heads"]))
        for who in ("/region/01", "/opisto/1.2.246.562.10.12810669445"):
            attack.create_task(wide_batches(http, urls[0], platform.place.keys[who], who, told["wide batches"], over))
        attack.create_task(without_a_key(http, urls, told["without a key"], over))
        try:
            yield
        finally:
            over.set()


async def slow_head(url: str, told: Counter[int]) -> None:
    """A byte each half second, for a minute."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    answered = asyncio.create_task(reader.read())
    with suppress(OSError):
        for byte in (b"GET /health/live HTTP/1.1\r\nHost: here\r\nX-Slow: " + b"x" * 120).ljust(120)[:120]:
            writer.write(bytes([byte]))
            await writer.drain()
            if await asyncio.wait([answered], timeout=0.5) and answered.done():
                break
    was_let_go = answered.done()
    writer.close()
    told[await _status(answered) if was_let_go else STILL_OPEN] += 1


async def endless_head(url: str, told: Counter[int]) -> None:
    """Headers, one after the other, until somebody says that it is enough."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    answered = asyncio.create_task(reader.read())
    with suppress(OSError):
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: here\r\n")
        line = b"X-More: " + b"y" * 4_000 + b"\r\n"
        for _ in range(MOST_OF_A_HEAD // len(line)):
            writer.write(line)
            await writer.drain()
            if answered.done():
                break
    await asyncio.wait([answered], timeout=10)  # the server closes once it has said so
    writer.close()
    told[await _status(answered)] += 1


async def _status(answered: asyncio.Task[bytes]) -> int:
    try:
        parts = (await answered).split(b" ", 2)
    except OSError:
        return CUT_OFF
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else NO_ANSWER


async def wide_batches(
    http: httpx.AsyncClient, url: str, key: str, who: str, told: Counter[int], over: asyncio.Event
) -> None:
    """One after the other, of every kind."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/cloudevents-batch+json"}
    while not over.is_set():
        for body in batches(who):
            with suppress(httpx.TransportError):
                told[(await http.post(f"{url}/v1/events", content=body, headers=headers)).status_code] += 1
            if over.is_set():
                return


def batches(who: str) -> Iterator[bytes]:
    """Full of percent signs, of lists in lists, of nothing, of too much; none is whole, so that none is to be accounted for."""
    wide = {"specversion": "1.0", "id": "w", "source": who, "type": "fi.kulttuurilahete.ReferralIssued.v1", "data": {}}
    wide["more"] = "%41" * 500
    yield json.dumps([wide] * 500).encode()
    yield b"[" * MIB
    yield b"[" + b"0," * MIB + b"0]"
    yield b" " * (9 * MIB)
    yield json.dumps([{**wide, "source": "/region/02"}] * 500).encode()


async def without_a_key(http: httpx.AsyncClient, urls: list[str], told: Counter[int], over: asyncio.Event) -> None:
    """Asks for everything, five times a turn."""
    while not over.is_set():
        for url in urls:
            for path in ("/v1/events", "/v1/referrals/x", "/v1/reports/outcomes", "/v1/activities?q=%25%25", "/f/x"):
                with suppress(httpx.TransportError):
                    told[(await http.get(url + path)).status_code] += 1
        await asyncio.sleep(0.05)
