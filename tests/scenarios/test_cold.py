"""A platform that starts before Kafka and the database, with a great deal already on the log."""

import asyncio
import json
import threading
import time
from collections.abc import Sequence
from random import Random
from typing import Any

import pymongo

from shared.contracts.topics import SERVICES, intake_of
from shared.kafka.cluster import Cluster
from shared.kafka.producer import Publisher, Record
from tests.integration.road import kafka_headers_of
from tests.scenarios.conftest import SEED, Opened
from tests.scenarios.journeys import ON_KAFKA, JourneyStep
from tests.scenarios.observation import read_all
from tests.scenarios.platform import Platform
from tests.scenarios.proxied import Proxied
from tests.scenarios.referrals import referrals
from tests.scenarios.table import scenario

DIFFERENT, TIMES = 2_000, 50
"""Referrals, and how often each comes in a row: fewer times than a document remembers, since the stand-in for MongoDB
searches the whole inbox for the others."""
AT_ONCE = 5_000
AWAY = 10.0
MEMORY_MB = 300.0
QUIET_WITHIN = 600.0
INDEXES = {"outbox_since", "due_at", "code"}


@scenario(28)
def test_a_cold_start_waits_for_why_not_ready_and_then_takes_all_that_waits(opened: Opened, engine: object) -> None:
    """100,000 records are on the log before any service runs. The services start without Kafka and without a database;
    Kafka comes, then the database.

    While one of them is missing no service decides or makes anything; each says what it waits for. When the first
    referral is kept its collection has its indexes. No service takes more memory than a bound. The oracle is content.
    """
    some = referrals(Random(SEED), DIFFERENT, ON_KAFKA)
    comes = Coming()

    def before_services(engines: Proxied) -> None:
        asyncio.run(_fill(engines.cluster, some))
        engines.kafka_proxy.cut()
        engines.mongodb_proxy.cut()
        comes.start(engines)

    with opened(proxied=True, before_services=before_services) as platform:
        for one in some:
            assert one.expected
            platform.declared.expect(one.expected)
            platform.declared.taken[one.expected.named] = TIMES
        with comes:
            most = _most_memory(platform)
        platform.judge(QUIET_WITHIN)
        waited = {name: _said(platform, name) for name in SERVICES}
    print("most memory, MB:", {name: round(mb) for name, mb in most.items()})
    assert comes.decided_without_a_database == 0
    assert comes.indexes_at_first >= INDEXES
    assert max(most.values()) <= MEMORY_MB
    for name, lines in waited.items():
        assert any("MongoDB at" in line for line in lines), name


async def _fill(kafka: Cluster, some: Sequence[JourneyStep]) -> None:
    topic = intake_of(ON_KAFKA)
    records = [
        Record(
            topic,
            str(one.event["subject"]).encode(),
            json.dumps(one.event["data"]).encode(),
            kafka_headers_of(one.event),
        )
        for one in some
    ]
    publisher = Publisher.to(kafka)
    await publisher.start()
    try:
        for start in range(0, DIFFERENT, AT_ONCE // TIMES):
            some_of_them = records[start : start + AT_ONCE // TIMES]
            await publisher.publish([record for record in some_of_them for _ in range(TIMES)])
    finally:
        await publisher.stop()


class Coming:
    """Kafka and the database come up one after the other, in a thread; and what was seen meanwhile."""

    def __init__(self) -> None:
        self.decided_without_a_database = -1
        self.indexes_at_first: set[str] = set()
        self._thread = threading.Thread(target=self._come, daemon=True)

    def start(self, engines: Proxied) -> None:
        """Counts from here."""
        self._engines = engines
        self._thread.start()

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def _come(self) -> None:
        time.sleep(AWAY)
        self._engines.kafka_proxy.mend()
        time.sleep(AWAY)
        records, _ = asyncio.run(read_all(self._engines.cluster.bootstrap, ["referral.events", "notify.events"]))
        self.decided_without_a_database = len(records)
        with pymongo.MongoClient[dict[str, Any]](self._engines.store) as client:
            referrals_kept = client["lahete_referral"]["referrals"]
            assert referrals_kept.estimated_document_count() == 0
            self._engines.mongodb_proxy.mend()
            while referrals_kept.find_one() is None:
                time.sleep(0.01)
            self.indexes_at_first = set(referrals_kept.index_information())


def _most_memory(platform: Platform) -> dict[str, float]:
    """Memory of each service, in MB, until all has been read."""
    most = dict.fromkeys(platform.instances, 0.0)
    while any(lag["lag"] for lag in platform.ask("monitor", "/v1/lag").json()["groups"]):
        for name in most:
            most[name] = max(most[name], platform.memory_mb(name))
        platform.check()
        time.sleep(0.5)
    return most


def _said(platform: Platform, name: str) -> list[str]:
    lines = platform.log(name).read_text().splitlines()
    return [line for line in lines if '"dependency_awaited"' in line]
