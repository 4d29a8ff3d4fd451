"""How long the monitor's addresses take, and its memory, with a million events in its store.

`python -m tests.bench.monitored [FOLDER]` fills a store of SQLite directly, ten minutes of work, unless the folder has
one, and prints a line for each address: milliseconds at the median and at p95. `MONITORED_EVENTS=20000` is a glance.
"""

import asyncio
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import UUID

import msgspec

from services.monitor.handlers import DEAD_LETTERS, EVENTS
from services.monitor.model import Dead, Sighting, Traced
from shared.contracts.referral_code import code_of, digest_of
from shared.engine.model import Document, Kind
from shared.store import Row, Store
from tests.unit.doors import Door, door, key

EVENTS_KEPT: Final = int(os.environ.get("MONITORED_EVENTS", "1000000"))
LETTERS_KEPT: Final = EVENTS_KEPT // 50
SENDERS: Final = 193
_TIMES: Final = 100
_AT_ONCE: Final = 200  # referrals
_START: Final = datetime(2026, 9, 1, 8, tzinfo=UTC)
_CHANCE: Final = Random(19)
_CODE: Final = code_of(2026)
_ROAD: Final = (
    *("referral ReferralOpened", "catalogue ActivitiesProposed", "referral PlaceRequested", "catalogue PlaceReserved"),
    *("notify NotificationQueued", "notify NotificationDelivered") * 12,
    *("referral EnrolmentTaken", "feedback FeedbackRequested", "referral ReferralCompleted", "referral ReferralClosed"),
    *("monitor AccessRecorded",) * 8,
)
"""What services say of one referral: forty events."""


def _id() -> str:
    return str(UUID(int=_CHANCE.getrandbits(128), version=4))


def _road(referral: str, code: str = "") -> Iterator[Traced]:
    at, cause = _START + timedelta(seconds=_CHANCE.randrange(80 * 86_400)), ""
    for said in _ROAD:
        service, name = said.split()
        at, id_ = at + timedelta(milliseconds=_CHANCE.randrange(5, 400)), _id()
        yield Traced(
            f"/service/{service}",
            id_,
            f"fi.kulttuurilahete.{name}.v1",
            at.isoformat(),
            referral,
            correlation=referral,
            causation=cause,
            codes={"recipient": "/region/06"} if name == "NotificationDelivered" else {},
            opens=digest_of(code) if code and name == "ReferralOpened" else "",
            first=Sighting(f"{service}.events", 0, _CHANCE.randrange(10**7), at),
            last_at=at,
            seen=1,
        )
        cause = id_


def _letter(number: int, referral: str) -> Dead:
    at = _START + timedelta(seconds=number)
    place = ("referral", f"intake.opisto.{number % SENDERS}", 0, number, at, 1)
    said = f"/data/activity_id: {number} is not known"
    return Dead(_id(), "invalid", said, *place, f"/opisto/{number % SENDERS}", referral_id=referral, value=b"{}" * 200)


def _row(kind: Kind[Any], id_: str, state: Any) -> Row:
    return Row(id_, 1, msgspec.json.encode(Document(state)), kind.fields(state))


async def _fill(store: Store) -> None:
    roads = EVENTS_KEPT // len(_ROAD)
    for first in range(0, roads, _AT_ONCE):
        some = [_road(_id(), "" if number else _CODE) for number in range(first, min(first + _AT_ONCE, roads))]
        await store.save("events", [_row(EVENTS, f"{one.source} {one.id}", one) for road in some for one in road])
    for first in range(0, LETTERS_KEPT, 1_000):
        letters = [_letter(number, _id()) for number in range(first, min(first + 1_000, LETTERS_KEPT))]
        await store.save("dead_letters", [_row(DEAD_LETTERS, one.dl_id, one) for one in letters])


async def _timed(one: Door, path: str) -> Any:
    took: list[float] = []
    for _ in range(_TIMES):
        begun = time.perf_counter()
        answer = await one.client.get(path, headers=key("ops:anna"))
        took.append(1_000 * (time.perf_counter() - begun))
        one.written.clear()
    took.sort()
    print(f"{took[_TIMES // 2]:8.1f} {took[_TIMES * 95 // 100]:8.1f} ms  {answer.status_code}  {path[:60]}", flush=True)
    return answer.json()


async def _measure(folder: Path) -> None:
    async with door("monitor", folder, requests_a_minute=1_000_000) as one:
        if not await one.store.find("events", limit=1, order="said"):
            await _fill(one.store)
    async with door("monitor", folder, requests_a_minute=1_000_000) as one:
        trace = await _timed(one, f"/v1/traces/{_CODE}")
        event, [letter, *_] = trace["events"][3]["id"], (await _timed(one, "/v1/dead-letters"))["dead_letters"]
        for held in (trace["referral_id"], event, letter["dl_id"]):
            await _timed(one, f"/v1/traces/{held}")
        await _every(one, [trace["referral_id"], _CODE.lower(), event, letter["dl_id"]])
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB at most, what filled the store included")


async def _every(one: Door, held: Sequence[str]) -> None:
    for what in held:
        await _timed(one, f"/v1/found?q={what}")
    for path in ("/v1/overdue", "/v1/dead-letter-groups", f"/v1/dead-letters/{held[-1]}"):
        await _timed(one, path)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(_measure(Path(sys.argv[1] if len(sys.argv) > 1 else made)))
