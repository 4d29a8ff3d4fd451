"""How long the monitor's pages and addresses take with a million events, 20,000 dead letters and 193 senders in its store.

`python -m tests.bench.monitored [FOLDER]` fills a store of SQLite directly, some minutes of work, unless the folder has one,
and prints a line for each page and address: milliseconds of the clock at the median and at p95, and of the processor at p95,
which counts where others share the machine. `MONITORED_EVENTS=20000` is a glance.

Kafka's answer about the lag is given, not asked; who cannot be asked of the other services refuses at once.
"""

import asyncio
import logging
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from shared.contracts.topics import SERVICES
from shared.kafka.lag import Lag
from tests.bench.monitored_store import CODE, SENDERS, fill
from tests.unit.console_door import signed_in
from tests.unit.doors import Door, door, key

_TIMES: Final = 100
_OPS: Final = "ops:anna"
_NO_BOUND: Final = 1_000_000


class Slowest:
    """Asks, and keeps the slowest of all, so that a line at the end says whether the goal is met."""

    def __init__(self, one: Door) -> None:
        self._door = one
        self.worst = 0.0

    async def timed(
        self, client: httpx.AsyncClient, path: str, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """The answer, and a line about how long it took."""
        clock, processor = list[float](), list[float]()
        for _ in range(_TIMES):
            begun = time.perf_counter(), time.process_time()
            answer = await client.get(path, headers=headers)
            clock.append(1_000 * (time.perf_counter() - begun[0]))
            processor.append(1_000 * (time.process_time() - begun[1]))
            self._door.written.clear()
        median, p95, cpu = _at(clock, 50), _at(clock, 95), _at(processor, 95)
        self.worst = max(self.worst, p95)
        print(f"{median:8.1f} {p95:8.1f} {cpu:8.1f} ms  {answer.status_code}  {path[:70]}", flush=True)
        return answer


def _at(took: Sequence[float], share: int) -> float:
    return sorted(took)[len(took) * share // 100]


async def _measure(folder: Path) -> None:
    async with door("monitor", folder, requests_a_minute=_NO_BOUND) as one:
        if not await one.store.find("events", limit=1, order="said"):
            await fill(one.store)
    async with door("monitor", folder, requests_a_minute=_NO_BOUND) as one:
        slowest = Slowest(one)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("services.monitor.lag_api.lags", _lags)
            known = await _addresses(one, slowest)
            async with signed_in(one) as client:
                for path in _pages(known):
                    await slowest.timed(client, path)
    print(f"{slowest.worst:8.1f} ms at p95 at most")
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB at most, what filled the store included")


async def _lags(_: object) -> Sequence[Lag]:
    return [Lag(service, f"intake.http-{nth}", nth, 0, 0.0) for service in SERVICES for nth in range(24)]


async def _addresses(one: Door, slowest: Slowest) -> dict[str, str]:
    """Asks each JSON address of which the answer grows with the store. Returns ids of what is there."""

    async def ask(path: str) -> Any:
        return (await slowest.timed(one.client, path, key(_OPS))).json()

    trace = await ask(f"/v1/traces/{CODE}")
    letter = (await ask("/v1/dead-letters"))["dead_letters"][0]
    known = {
        "referral": trace["referral_id"],
        "event": trace["events"][3]["id"],
        "letter": letter["dl_id"],
        "sender": letter["sender"],
        "late": (await ask("/v1/overdue"))["overdue"][0]["late_id"],
        "group": (await ask("/v1/dead-letter-groups?limit=200"))["groups"][0]["group"],
        "redrive": (await ask("/v1/redrives"))["redrives"][0]["redrive_id"],
    }
    for held in ("referral", "event", "letter"):
        await ask(f"/v1/traces/{known[held]}")
    for word in (known["referral"], CODE.lower(), known["event"], known["letter"]):
        await ask(f"/v1/found?q={word}")
    for path in (
        "/v1/live",
        "/v1/audit",
        "/v1/senders",
        "/v1/readers?limit=500",
        "/v1/flow",
        "/v1/dead-letters?limit=500",
    ):
        await ask(path)
    await ask(f"/v1/events/{known['event']}?source=/service/catalogue")
    return known


def _pages(known: Mapping[str, str]) -> Iterator[str]:
    """Every page of the console, and each of its filters that costs."""
    yield from ("/", "/checks", "/lag", "/flow", "/live", "/settings", "/referrals", "/readers")
    yield from (f"/referrals/{known['referral']}", f"/referrals/{known['letter']}")
    yield from ("/overdue", "/overdue?what=attendance", f"/overdue?concerns={SENDERS[0]}", f"/overdue/{known['late']}")
    yield from ("/senders", "/senders?usual=silent", f"/senders{SENDERS[0]}")
    yield from ("/dead-letter-groups", f"/dead-letter-groups/{known['group']}")
    filters = {
        "reason": "invalid",
        "state": "open",
        "service": "referral",
        "sender": known["sender"],
        "type": "fi.kulttuurilahete.ReferralIssued.v1",
        "group": known["group"],
    }
    yield "/dead-letters"
    yield from (f"/dead-letters?{name}={value}" for name, value in filters.items())
    yield f"/dead-letters?state=resolved&sender={known['sender']}&service=referral&reason=invalid"
    yield "/dead-letters?state=discarded&reason=invalid"
    yield f"/dead-letters?after={time.time() - 6.9 * 86_400:.1f}~{known['letter']}"
    yield f"/dead-letters/{known['letter']}"
    yield from ("/redrives", f"/redrives/{known['redrive']}", "/redrives/new?reason=invalid")
    yield from ("/audit", f"/audit?who={_OPS}", "/audit?allowed=false", "/audit?who=ops:nobody")


if __name__ == "__main__":
    logging.disable()  # that no Kafka is there
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(_measure(Path(sys.argv[1] if len(sys.argv) > 1 else made)))
