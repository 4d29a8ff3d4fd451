"""How long a referral waits: a hop, to its proposal, and the whole road, each from log to log.

The bench plays the partners: it writes a ReferralIssued, reads what the services write, chooses what is proposed, confirms
the place that is held and reports the one session, each at once, until the referral is completed. The clock is that of
the records: when the broker took the first, and when the one in question.
"""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, Self
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, ConsumerRecord

from shared.contracts.topics import INTAKE_HTTP, events_of
from shared.kafka.cluster import Cluster
from shared.kafka.producer import Publisher, Record
from tests.bench.effort import Effort, in_rounds
from tests.bench.pairs import PAIRS, Pair
from tests.bench.platform import MeasuredPlatform, platform, written
from tests.bench.referrals import choir, event_record, referral_issued
from tests.bench.results import MeasuredFigure, MeasuredRow, Part, Section, figure, quantiles, say

RATES: Final = (10, 100, 500)
"""Events a second on the log, all topics together."""
_WARM_UP: Final = 100
"""The rate of a turn that is not counted: servers in Java run slowly what they have not compiled."""
SECONDS: Final = (25, 6)
LEAST: Final = (12, 4)
"""Referrals, however slow they come."""
_LEFT_WITHIN: Final = 30.0
_ROOM: Final = 30
_OPISTO: Final = "/opisto/bench"
_REGION: Final = "/region/08"
MOMENTS: Final = {"ReferralOpened": "hop", "ActivitiesProposed": "proposal", "ReferralCompleted": "road"}
FIRST: Final = "ReferralIssued"
LAST: Final = "ReferralCompleted"
PILOTS: Final = 20
"""Referrals that are sent first, to see how many events follow from one, and to warm up."""
SAYS: Final = (
    "A platform of five services; the bench plays region and opisto and answers at once. *hop*: from ReferralIssued on the log "
    "to ReferralOpened; *proposal*: to ActivitiesProposed; *road*: to ReferralCompleted, by way of the choice, the place that "
    "is held, its confirmation and the attendance, seven hops and the partners' own reading. Referrals are sent so "
    "that with all that follows so many events a second stand on the log; *events a second* is what there were. Each rate of each "
    "round has a platform of its own, after twenty referrals to warm up; a first turn at 100 is not counted."
)


def measure(effort: Effort) -> Section:
    """Milliseconds, at each rate, on every pair of backends."""
    return Section("latency", "Latency", SAYS, [_part(pair, effort) for pair in PAIRS])


def _part(pair: Pair, effort: Effort) -> Part:
    if pair.missing:
        return Part(pair.name, missing=pair.missing)
    _alone(pair, effort, _WARM_UP)
    return Part(pair.name, in_rounds(effort, RATES, partial(_alone, pair, effort)))


def _alone(pair: Pair, effort: Effort, rate: int) -> MeasuredRow:
    """On a platform of its own: what another rate has left, unread or kept, would be in the way."""
    with platform(pair=pair) as running:
        return asyncio.run(_at(running, effort, rate))


async def _at(running: MeasuredPlatform, effort: Effort, rate: int) -> MeasuredRow:
    async with Partners(running.run.kafka) as partners:
        before = await written(running.run.kafka)
        await partners.send(PILOTS, 4.0, _LEFT_WITHIN)
        a_referral = (await written(running.run.kafka) - before) / PILOTS
        return await _line(running, partners, effort, rate, a_referral)


async def _line(
    running: MeasuredPlatform, partners: "Partners", effort: Effort, rate: int, a_referral: float
) -> MeasuredRow:
    before, used = await written(running.run.kafka), running.cpu_seconds()
    began = time.monotonic()
    count = max(effort.of(*LEAST), round(rate * effort.of(*SECONDS) / a_referral))
    delays = await partners.send(count, rate / a_referral, _LEFT_WITHIN)
    took = time.monotonic() - began
    events = await written(running.run.kafka) - before
    busy = sum(after - used[name] for name, after in running.cpu_seconds().items()) / took
    found: dict[str, MeasuredFigure] = {}
    for moment, values in delays.items():
        if len(values) > 1:
            found |= {f"{moment} {name}": figure("ms", [value]) for name, value in quantiles(values).items()}
    found["events a second"] = figure("events/s", [events / took])
    found["referrals completed"] = figure("%", [100 * len(delays["road"]) / count])
    found["services' processor"] = figure("cores", [busy])
    told = ", ".join(f"{name} {one.median:.0f} ms" for name, one in found.items() if name.endswith("p95"))
    say(f"{rate} events a second, {count} referrals: {told}")
    return MeasuredRow(f"{rate} events a second", found)


class Partners:
    """A region and an opisto that answer at once. A context manager: its activities are published inside."""

    def __init__(self, kafka: str) -> None:
        self._publisher = Publisher.to(Cluster(kafka))
        topics = [INTAKE_HTTP, *map(events_of, ("referral", "catalogue"))]
        self._consumer = AIOKafkaConsumer(*topics, bootstrap_servers=kafka, fetch_max_wait_ms=10)
        self._seen: dict[str, dict[str, int]] = {}
        self._activity: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        await self._publisher.start()
        await self._consumer.start()
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._consumer.stop()
        await self._publisher.stop()

    async def send(self, count: int, a_second: float, left_within: float) -> dict[str, list[float]]:
        """So many referrals at that rate; the delays, in milliseconds, of those that came there in time."""
        self._seen = {}
        await self._publish_activities(count)
        began = time.monotonic()
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / a_second - time.monotonic()))
            referral_id, record = referral_issued()
            self._seen[referral_id] = {}
            await self._publisher.publish([record])
        deadline = time.monotonic() + left_within
        while any(LAST not in at for at in self._seen.values()) and time.monotonic() < deadline:
            if self._reading.done():
                self._reading.result()
            await asyncio.sleep(0.05)
        return {moment: list(self._delays(name)) for name, moment in MOMENTS.items()}

    def _delays(self, name: str) -> Iterator[float]:
        for at in self._seen.values():
            if FIRST in at and name in at:
                yield at[name] - at[FIRST]

    async def _publish_activities(self, count: int) -> None:
        self._groups = [f"choir-{uuid4().hex[:8]}" for _ in range(-(-count // _ROOM) + 1)]
        now = datetime.now(UTC)
        await self._publisher.publish([_published(group, now) for group in self._groups])
        await asyncio.sleep(1)

    async def _read(self) -> None:
        async for record in self._consumer:
            name = dict(record.headers).get("ce_type", b"").decode().split(".")[-2:][0]
            referral_id = (record.key or b"").decode()
            if referral_id in self._seen:
                await self._take(name, referral_id, record)

    async def _take(self, name: str, referral_id: str, record: ConsumerRecord[bytes, bytes]) -> None:
        # Topics are read in no order, so what follows may be here first; and the first of repetitions counts.
        if name in self._seen[referral_id]:
            return
        self._seen[referral_id][name] = record.timestamp
        if answer := self._answer(name, referral_id):
            await self._publisher.publish([answer])

    def _answer(self, name: str, referral_id: str) -> Record | None:
        now = datetime.now(UTC)
        if name == "ActivitiesProposed":
            group = self._groups[list(self._seen).index(referral_id) // _ROOM]
            self._activity[referral_id] = group
            return _said(_REGION, "ActivityChosen", referral_id, now, {"organiser": _OPISTO, "activity_id": group})
        data = {"activity_id": self._activity.get(referral_id, "")}
        if name == "PlaceReserved":
            return _said(_OPISTO, "EnrolmentConfirmed", referral_id, now, data)
        if name == "EnrolmentConfirmed":
            return _said(_OPISTO, "ActivityAttended", referral_id, now, {**data, "session_id": "0"})
        return None


def _said(source: str, class_: str, referral_id: str, at: datetime, data: dict[str, Any]) -> Record:
    return event_record(source, class_, referral_id, at, {"referral_id": referral_id, **data})


def _published(group: str, now: datetime) -> Record:
    # It is held as it is chosen: attendance is known the moment the place is confirmed, and the referral complete.
    session = (now - timedelta(seconds=30), now + timedelta(hours=1))
    return choir(_OPISTO, group, _ROOM * 2, [session], now)
