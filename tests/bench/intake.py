"""HTTP intake: events a second through one door, singly and by batches, and what one costs on the wire.

The client is of the bench's own: sockets that are kept open and requests made beforehand, so that it is the door that is
measured. It shares the machine's cores with it.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

from tests.bench.effort import Effort, in_rounds
from tests.bench.pairs import PAIRS, Pair
from tests.bench.platform import MeasuredPlatform, platform
from tests.bench.referrals import DATA, attributes
from tests.bench.results import MeasuredFigure, MeasuredRow, Part, Section, figure, quantiles, say

REGION: Final = "/region/08"
SHAPES: Final = ((1, 1), (1, 16), (100, 4), (500, 4))
"""Events a request, and requests at once."""
EVENTS: Final = {1: (3_000, 300), 100: (10_000, 1_000), 500: (10_000, 2_000)}
SAYS: Final = (
    "`POST /v1/events` of the referral service, structured CloudEvents of ReferralIssued, over connections that are kept: 202 "
    "comes once Kafka has acknowledged. Meanwhile the service also reads what it is given, as in life. Bytes are of the "
    "request with its head, for each event."
)


def measure(effort: Effort) -> Section:
    """Events a second and the delay of an answer, on every pair of backends."""
    return Section("intake", "HTTP intake", SAYS, [_part(pair, effort) for pair in PAIRS])


def _part(pair: Pair, effort: Effort) -> Part:
    if pair.missing:
        return Part(pair.name, missing=pair.missing)
    return Part(pair.name, in_rounds(effort, SHAPES, lambda shape: _line(pair, *shape, effort)))


def _line(pair: Pair, size: int, at_once: int, effort: Effort) -> MeasuredRow:
    # On a log of its own: the embedded broker's has room for some 14,000 events that a service has not read, and the doors
    # close before one falls out; only one service runs here.
    with platform(pair=pair, services=("referral",)) as running:
        return asyncio.run(_shape(running, size, at_once, effort))


async def _shape(running: MeasuredPlatform, size: int, at_once: int, effort: Effort) -> MeasuredRow:
    url, key = urlsplit(running.run.urls["referral"]), running.keys[REGION]
    count = effort.of(*EVENTS[size])
    requests = [_request(key, size) for _ in range(count // size)]
    before, began = running.cpu_seconds()["referral"], time.monotonic()
    shares = [requests[number::at_once] for number in range(at_once)]
    delays = await asyncio.gather(*(_send(str(url.hostname), int(url.port or 0), share) for share in shares))
    seconds, used = time.monotonic() - began, running.cpu_seconds()["referral"] - before
    told = [delay * 1000 for share in delays for delay in share]
    cuts = {name: figure("ms", [value]) for name, value in quantiles(told).items()}
    found: dict[str, MeasuredFigure] = {
        "events a second": figure("events/s", [count / seconds]),
        **{f"answer {name}": cut for name, cut in cuts.items()},
        "processor an event": figure("µs", [used / count * 1e6]),
        "bytes an event": figure("B", [sum(map(len, requests)) / count]),
    }
    name = f"{'singly' if size == 1 else f'batches of {size}'}, {at_once} at once"
    say(f"{name}: {count / seconds:.0f} events/s")
    return MeasuredRow(name, found)


async def _send(host: str, port: int, requests: Sequence[bytes]) -> list[float]:
    reader, writer = await asyncio.open_connection(host, port)
    delays = []
    for request in requests:
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await reader.readexactly(int(length.partition(b":")[2]))
        assert head.startswith(b"HTTP/1.1 202"), f"{head[:40]!r} {body[:300]!r}"
        delays.append(time.perf_counter() - began)
    writer.close()
    await writer.wait_closed()
    return delays


def _request(key: str, size: int) -> bytes:
    body = json.dumps(_event() if size == 1 else [_event() for _ in range(size)]).encode()
    kind = "cloudevents+json" if size == 1 else "cloudevents-batch+json"
    lines = (
        "POST /v1/events HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {key}",
        f"Content-Type: application/{kind}",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join([*lines, "", ""]).encode() + body


def _event() -> dict[str, object]:
    referral_id = str(uuid4())
    about = attributes(REGION, "ReferralIssued", referral_id, datetime.now(UTC))
    return {**about, "data": {"referral_id": referral_id, **DATA}}
