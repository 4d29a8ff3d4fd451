"""What a referral costs the catalogue among 20,000 activities: the look-up by index and the decision."""

import asyncio
import json
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from deploy.demo.people import people
from deploy.demo.programme import programme
from deploy.demo.register import load_opistos
from services.catalogue.handlers import table
from shared.contracts.envelope import Event, Raw, decode, written
from shared.contracts.from_outside import ActivityPublished
from shared.engine.model import Decision
from shared.store import Row
from shared.store.sqlite import SqliteStore

ACTIVITIES = 20_000


def measure() -> None:
    """Prints the median and the 95th percentile of 300 referrals."""
    asyncio.run(_measure())


async def _measure() -> None:
    now = datetime.now(UTC)
    catalogue = table(timedelta(days=1))
    with tempfile.TemporaryDirectory() as place:
        store = SqliteStore(Path(place) / "catalogue.sqlite")
        await store.open([kind.collection for kind in catalogue.kinds])
        await _fill(store, catalogue, now)
        times = sorted([await _one(store, catalogue, plan, now) for plan in people(Random(2), 300, 1.0)])
        await store.close()
    print(f"matching among {ACTIVITIES} activities: p50 {times[150]:.1f} ms, p95 {times[285]:.1f} ms")


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
        rows.append(Row(key, 1, b"{}", kind.fields(state), kind.brief(state)))
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
