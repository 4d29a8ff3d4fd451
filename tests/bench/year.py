"""A year in small, on a platform that runs: what referrals and attendance cost each service, the log and the stores.

Everything is sent to `intake.http`, as the doors would write it, as fast as it is taken. Costs are of processor time, not
of the clock, less what the services use while nothing comes: so they hold for any number of cores.
"""

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient

from shared.kafka.cluster import Cluster
from shared.kafka.lag import LagReader, partitions_read
from shared.kafka.producer import Publisher, Record
from tests.bench.platform import MeasuredPlatform, platform
from tests.bench.referrals import choir, event_record, referral_issued

FIGURES: Final = Path(__file__).with_name("year.json")
REFERRALS: Final = int(os.environ.get("BENCH_YEAR_REFERRALS", "200"))
SESSIONS: Final = 50
A_GROUP: Final = 30
_EARLIER: Final = 20
_AT_ONCE: Final = 1_000
_IDLE_SECONDS: Final = 5
_REGION: Final = "/region/08"
_OPISTO: Final = "/opisto/bench"


@dataclass
class Phase:
    """What came of one kind of events from outside."""

    sent: int = 0
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    bytes_on_log: dict[str, int] = field(default_factory=dict)


def measure() -> None:
    """Runs it, and writes year.json, from which `python -m tests.bench.sizing` makes the tables of docs/sizing.md."""
    with platform() as running:
        figures = asyncio.run(_year(running))
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=1))


async def _year(running: MeasuredPlatform) -> dict[str, Any]:
    now = datetime.now(UTC)
    began = now - timedelta(hours=SESSIONS + 2)
    referrals = [str(uuid4()) for _ in range(REFERRALS)]
    groups = [f"group-{number}" for number in range(-(-REFERRALS // A_GROUP))]
    of_group = {referral: groups[number // A_GROUP] for number, referral in enumerate(referrals)}
    async with Bench.of(running) as bench:
        await bench.send("activities", (_published(group, began) for group in groups))
        before = bench.stores()
        await bench.send("referrals", (_issued(referral, began) for referral in referrals))
        await bench.send("referrals", (_chosen(referral, of_group[referral], began) for referral in referrals))
        await bench.send("referrals", (_confirmed(referral, of_group[referral], began) for referral in referrals))
        placed = bench.stores()
        for session in range(SESSIONS):
            if session == _EARLIER:
                earlier = bench.stores()
            at = began + timedelta(hours=session + 1, minutes=50)
            await bench.send("attendance", (_attended(one, of_group[one], session, at) for one in referrals))
        recorded = bench.stores()
        for phase, instrument, answers in _FORMS:
            await bench.send("referrals", (_answered(one, phase, instrument, answers, now) for one in referrals))
        ended = bench.stores()
        return {
            "referrals": REFERRALS,
            "sessions_a_referral": SESSIONS,
            "referrals_a_group": A_GROUP,
            "idle_share_of_a_core": bench.idle,
            "phases": {name: asdict(phase) for name, phase in bench.phases.items()},
            "stores": {
                "before": before,
                "placed": placed,
                f"after {_EARLIER} sessions": earlier,
                "recorded": recorded,
                "ended": ended,
            },
            "memory_mb": {name: round(mb, 1) for name, mb in running.memory_mb().items()},
        }


class Bench:
    """Sends, waits until all is done, and counts what came of it. A context manager."""

    def __init__(self, running: MeasuredPlatform, publisher: Publisher, lag: LagReader, log: AIOKafkaConsumer) -> None:
        self.phases: dict[str, Phase] = {}
        self.idle: dict[str, float] = {}
        self._running = running
        self._publisher = publisher
        self._lag = lag
        self._log = log
        self._read: dict[TopicPartition, int] = {}

    @classmethod
    def of(cls, running: MeasuredPlatform) -> "Bench":
        """On a platform that runs."""
        kafka = running.run.kafka
        log = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest", fetch_max_wait_ms=10)
        return cls(running, Publisher.to(Cluster(kafka)), LagReader(Cluster(kafka)), log)

    async def __aenter__(self) -> Self:
        await self._publisher.start()
        await self._lag.__aenter__()
        await self._log.start()
        await asyncio.sleep(1)
        before = self._running.cpu_seconds()
        await asyncio.sleep(_IDLE_SECONDS)
        after = self._running.cpu_seconds()
        self.idle = {name: round((after[name] - before[name]) / _IDLE_SECONDS, 4) for name in after}
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._log.stop()
        await self._lag.__aexit__()
        await self._publisher.stop()

    async def send(self, name: str, records: Iterable[Record]) -> None:
        """Sends, and adds to the phase of that name all that follows."""
        phase = self.phases.setdefault(name, Phase())
        before, began = self._running.cpu_seconds(), time.monotonic()
        rest = iter(records)
        while some := list(islice(rest, _AT_ONCE)):
            await self._publisher.publish(some)
            phase.sent += len(some)
            while sum(one.lag for one in await self._lag.lags()) > _AT_ONCE:  # noqa: ASYNC110 - asked, not told
                await asyncio.sleep(0.05)
        while any(one.lag for one in await self._lag.lags()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        took = time.monotonic() - began
        for service, seconds in self._running.cpu_seconds().items():
            used = seconds - before[service] - self.idle[service] * took
            phase.cpu_seconds[service] = round(phase.cpu_seconds.get(service, 0.0) + used, 3)
        await self._count(phase)
        events = sum(phase.events.values())
        print(f"{name}: {phase.sent} sent, {events} events on the log, the last part in {took:.1f} s", flush=True)

    async def _count(self, phase: Phase) -> None:
        client = AIOKafkaClient(bootstrap_servers=self._running.run.kafka)
        await client.bootstrap()
        partitions = await partitions_read(client, lambda _: True)
        await client.close()
        ends = {at: end for at, end in (await self._log.end_offsets(partitions)).items() if end > self._read.get(at, 0)}
        self._log.assign(list(ends))
        for at in ends:
            self._log.seek(at, self._read.get(at, 0))
        while any(self._read.get(at, 0) < end for at, end in ends.items()):
            for at, found in (await self._log.getmany(timeout_ms=200)).items():
                phase.events[at.topic] = phase.events.get(at.topic, 0) + len(found)
                phase.bytes_on_log[at.topic] = phase.bytes_on_log.get(at.topic, 0) + sum(map(_size, found))
                self._read[at] = found[-1].offset + 1

    def stores(self) -> dict[str, dict[str, dict[str, int]]]:
        """Rows and bytes of each table of each service."""
        place = Path(self._running.run.store.removeprefix("sqlite:"))
        return {name: dict(_tables(place / f"{name}.sqlite")) for name in self._running.run.urls}


def _size(record: Any) -> int:
    """Bytes of a record in a batch: key, value, headers, and about one for each length and 7 for its own place."""
    headers = sum(len(name) + len(value or b"") + 2 for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers + 12


def _tables(file: Path) -> Iterator[tuple[str, dict[str, int]]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as store:
        for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns = [column[1] for column in store.execute(f"PRAGMA table_info({name})")]
            sizes = " + ".join(f"ifnull(length(CAST({column} AS BLOB)), 0)" for column in columns)
            rows, size = store.execute(f"SELECT count(*), ifnull(sum({sizes}), 0) FROM {name}").fetchone()
            if rows:
                yield name, {"rows": rows, "bytes": size}
        (pages,) = store.execute("PRAGMA page_count").fetchone()
        (of_a_page,) = store.execute("PRAGMA page_size").fetchone()
        yield "file", {"rows": 1, "bytes": pages * of_a_page}


# --- what partners send


def _published(group: str, began: datetime) -> Record:
    hours = [began + timedelta(hours=number + 1) for number in range(SESSIONS)]
    sessions = [(hour, hour + timedelta(minutes=45)) for hour in hours]
    return choir(_OPISTO, group, A_GROUP, sessions, began - timedelta(hours=3))


def _issued(referral: str, began: datetime) -> Record:
    return referral_issued(referral, began - timedelta(hours=2))[1]


def _chosen(referral: str, group: str, began: datetime) -> Record:
    data = {"referral_id": referral, "organiser": _OPISTO, "activity_id": group}
    return event_record(_REGION, "ActivityChosen", referral, began - timedelta(hours=1), data)


def _confirmed(referral: str, group: str, began: datetime) -> Record:
    data = {"referral_id": referral, "activity_id": group}
    return event_record(_OPISTO, "EnrolmentConfirmed", referral, began - timedelta(minutes=30), data)


def _attended(referral: str, group: str, session: int, at: datetime) -> Record:
    data = {"referral_id": referral, "activity_id": group, "session_id": f"{session}"}
    return event_record(_OPISTO, "ActivityAttended", referral, at, data)


_DIMENSIONS: Final = {"friends": 5, "self_esteem": 6, "health": 6, "resilience": 5, "housing": 8}
_FORMS: Final[Sequence[tuple[str, str, dict[str, int]]]] = (
    ("before", "dimensions_v1", _DIMENSIONS),
    ("after", "dimensions_v1", _DIMENSIONS),
    ("after", "experience_v1", {"satisfaction": 5, "recommend": 9}),
)


def _answered(referral: str, phase: str, instrument: str, answers: dict[str, int], at: datetime) -> Record:
    data = {
        "about": {"kind": "referral", "id": referral},
        "respondent": "participant",
        "phase": phase,
        "instrument": instrument,
        "answers": answers,
        "channel": "paper",
    }
    return event_record(_REGION, "FeedbackSubmitted", referral, at, data)


if __name__ == "__main__":
    measure()
