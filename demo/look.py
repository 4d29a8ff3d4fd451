"""The demo's observations of the platform while it runs: metrics, the loop report, dead letters by reason."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from demo.post import Post

OPS = "ops:first"
Ask = Callable[[str, str, str], Awaitable[httpx.Response | None]]
"""A question to a service, at a path, with somebody's key."""


@dataclass
class Snapshot:
    """One observation. Rates are since the one before, delays over the whole run; `pace` of the clock's full speed."""

    day: float = 0.0
    pace: float = 1.0
    slowest: str = ""
    at: float = 0.0
    sent: int = 0
    handled: int = 0
    a_second: float = 0.0
    p50_ms: float | None = None
    p95_ms: float | None = None
    loop: dict[str, Any] = field(default_factory=dict)
    dead: Counter[str] = field(default_factory=Counter)


async def look(post: Post, metrics: Iterable[str], before: Snapshot) -> Snapshot:
    """Reads the services' latest metrics, and asks for the reports; leaves out a service that does not answer now."""
    handled, buckets = 0.0, Counter[float]()
    for text in metrics:
        handled += _add_metrics(text, buckets)
    now = time.monotonic()
    loop = await post.ask("feedback", "/v1/reports/loop", OPS)
    letters = await all_dead_letters(post.ask)
    return Snapshot(
        day=before.day,
        sent=post.ledger.sent,
        handled=int(handled),
        at=now,
        a_second=max(0.0, handled - before.handled) / (now - before.at) if before.at else 0.0,
        p50_ms=_quantile(buckets, 0.5),
        p95_ms=_quantile(buckets, 0.95),
        loop=loop.json() if loop is not None and loop.status_code == 200 else before.loop,
        dead=Counter(letter["reason"] for letter in letters) if letters is not None else before.dead,
    )


async def all_dead_letters(ask: Ask) -> list[dict[str, Any]] | None:
    """Every dead letter; None where the monitor does not answer now, and `ask` does not insist."""
    letters: list[dict[str, Any]] = []
    onward: str | None = ""
    while onward is not None:
        response = await ask("monitor", f"/v1/dead-letters?limit=500{onward}", OPS)
        if response is None or response.status_code != 200:
            return None
        page = response.json()
        letters += page["dead_letters"]
        onward = f"&after={page['next']}" if page["next"] else None
    return letters


def _add_metrics(text: str, buckets: Counter[float]) -> float:
    handled = 0.0
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "lahete_events_total" and sample.labels["outcome"] != "skipped":
                handled += sample.value
            elif sample.name == "lahete_hop_seconds_bucket":
                buckets[float(sample.labels["le"])] += sample.value  # type: ignore[assignment]
    return handled


def _quantile(buckets: Counter[float], share: float) -> float | None:
    """The upper end, in milliseconds, of the bucket that holds the quantile."""
    total = max(buckets.values(), default=0)
    for end in sorted(buckets):
        if total and buckets[end] >= share * total:
            return end * 1000
    return None
