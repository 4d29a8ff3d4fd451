"""What a referral costs the catalogue among 20,000 activities: the look-up by index and the decision."""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from deploy.demo.people import people
from deploy.demo.programme import programme
from deploy.demo.register import load_opistos
from services.catalogue.handlers import table
from shared.contracts.envelope import Event, Raw, decode, written
from shared.contracts.from_outside import ActivityPublished
from shared.engine.model import Decision, Document
from shared.store import Row
from shared.store.sqlite import SqliteStore

ACTIVITIES = 20_000
REFERRALS = 300
BEFORE = 900
"""Referrals that came before those that are measured: a service that has run for some minutes."""
SPOKEN_NOWHERE = ["tlh"]


def measure() -> None:
    """Prints the median and the 95th percentile of referrals that are matched, and of such as nothing fits."""
    asyncio.run(_measure())


async def _measure() -> None:
    now = datetime.now(UTC)
    catalogue = table(timedelta(days=1))
    plans = people(Random(2), BEFORE + REFERRALS, 1.0)
    with tempfile.TemporaryDirectory() as place:
        store = SqliteStore(Path(place) / "catalogue.sqlite")
        await store.open([kind.collection for kind in catalogue.kinds])
        await _fill(store, catalogue, now)
        for plan in plans[:BEFORE]:
            await _one(store, catalogue, plan, now)
        await _print_times("matching", store, catalogue, plans[BEFORE:], now)
        for plan in plans:
            plan.data["languages"] = SPOKEN_NOWHERE
        for plan in plans[:BEFORE]:
            await _one(store, catalogue, plan, now)
        await _print_times("nothing fits", store, catalogue, plans[BEFORE:], now)
        await store.close()


async def _print_times(what: str, store: SqliteStore, catalogue: Any, plans: Sequence[Any], now: datetime) -> None:
    used = time.process_time()
    times = [await _one(store, catalogue, plan, now) for plan in plans]
    used = (time.process_time() - used) * 1000 / len(plans)
    cuts = statistics.quantiles(times, n=20)
    print(f"{what} among {ACTIVITIES} activities: p50 {cuts[9]:.1f} ms, p95 {cuts[18]:.1f} ms, processor {used:.1f} ms")


async def _fill(store: SqliteStore, catalogue: Any, now: datetime) -> None:
    opistos, _ = load_opistos()
    kind = catalogue.kinds[0]
    rows = []
    each = ACTIVITIES // len(opistos) + 1
    for number, activity in enumerate(programme(opistos, Random(1), now, each)):
        if number == ACTIVITIES:
            break
        data = ActivityPublished.model_validate_json(json.dumps(activity.data))
        event = Event(f"a{number}", activity.organiser, now, data)
        state = catalogue.handlers["ActivityPublished"].decide(None, event, now, catalogue.given).state
        key = f"{activity.organiser} {data.activity_id}"
        body = msgspec.json.encode(Document(state=state))
        rows.append(Row(key, 1, body, kind.fields(state), kind.brief(state)))
    await store.save(kind.collection.name, rows)


async def _one(store: SqliteStore, catalogue: Any, plan: Any, now: datetime) -> float:
    attributes = {
        "specversion": "1.0",
        "id": "1",
        "source": plan.source,
        "type": "fi.kulttuurilahete.ReferralIssued.v1",
        "time": written(now),
    }
    body = json.dumps({"referral_id": plan.referral_id, **plan.data}).encode()
    event = decode(Raw(attributes, body), now=now)
    handler = catalogue.handlers["ReferralIssued"]
    began = time.perf_counter()
    found = await handler.look_up(None, event, store, now)
    decision = handler.decide(None, event, now, found)
    assert isinstance(decision, Decision)
    return (time.perf_counter() - began) * 1000
