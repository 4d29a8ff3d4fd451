"""A disk that is full, as far as one who may not mount any can have it: no file may grow, nor be written to at all.

RLIMIT_FSIZE is taken from a running service and given back: SQLite's writes fail, and so does every line of its log, which
on a real disk stands beside the database. Python ignores SIGXFSZ, so a write fails with an error, as on a full disk.

On the embedded backends alone: a service that keeps its state in MongoDB writes to no disk; what it meets where the server's
is full is a database that refuses or is away, and test_preconditions_fail.py takes it away.
"""

from __future__ import annotations

import json
import resource
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local.keys import read_keys
from deploy.local.supervisor import Supervisor
from shared.contracts.topics import DEAD_LETTERS, events_of, platform_topics
from shared.kafka.cluster import Cluster
from shared.kafka.lag import READS, lags
from tests.integration.running import referral, wait_for
from tests.over_http import NO_TLS
from tests.ports import free_base

pytestmark = pytest.mark.asyncio


class Referrals:
    """The referral service alone, with the broker, as `lahete run` starts them."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.pid = supervisor._services["referral"].pid
        self.kafka = supervisor.cluster.bootstrap
        self._supervisor = supervisor
        key = read_keys(supervisor.folder)["/region/06"]
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/cloudevents+json"}
        url = supervisor._services["referral"].url
        self.http = httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False, verify=NO_TLS)

    def send(self) -> str:
        event = referral()
        taken = self.http.post("/v1/events", content=json.dumps(event))
        assert taken.status_code == 202, taken.text
        return str(event["subject"])

    def is_applied(self, id_: str) -> bool:
        return self.http.get(f"/v1/referrals/{id_}").status_code == 200

    def is_ready(self) -> bool:
        return self.readiness().status_code == 200

    def readiness(self) -> httpx.Response:
        return self.http.get("/health/ready")

    def retries(self) -> float:
        wanted = 'lahete_batch_retries_total{service="referral",why="WritesRefused"}'
        lines = self.http.get("/metrics").text.splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(wanted)), 0.0)

    def lives(self) -> bool:
        self._supervisor.look_after()
        return self._supervisor._services["referral"].pid == self.pid

    async def lag(self) -> int:
        return sum(one.lag for one in await lags(Cluster(self.kafka), {"referral": READS["referral"]}))


@contextmanager
def full_disk(pid: int) -> Iterator[None]:
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


async def everything_on(kafka: str, topic: str) -> list[Any]:
    async with AIOKafkaConsumer(
        bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False
    ) as reader:
        partitions = [TopicPartition(topic, number) for number in range(platform_topics()[topic])]
        reader.assign(partitions)
        left = sum((await reader.end_offsets(partitions)).values())
        found: list[Any] = []
        while len(found) < left:
            for records in (await reader.getmany(timeout_ms=200)).values():
                found += records
        return found


async def test_while_the_disk_is_full_the_loop_waits_and_says_so_then_all_is_applied_once(tmp_path: Path) -> None:
    with ExitStack() as stack:
        only = ("referral",)
        supervisor = stack.enter_context(
            Supervisor(tmp_path / "lahete", free_base(), services=only, say=lambda _: None)
        )
        service = Referrals(supervisor)
        stack.callback(service.http.close)
        ids = [service.send()]
        assert wait_for(lambda: service.is_applied(ids[0]))
        with full_disk(service.pid):
            ids += [service.send() for _ in range(20)]
            assert wait_for(lambda: service.retries() >= 3)
            assert wait_for(lambda: not service.is_ready())
            assert "referral.sqlite" in service.readiness().text
            ids += [service.send() for _ in range(20)]
            tries = service.retries()
            assert wait_for(lambda: service.retries() >= tries + 2), "it goes on trying, and nothing comes of it"
            assert not service.is_applied(ids[1])
            assert not service.is_ready()
            assert await service.lag() >= 40
            assert service.lives()
        assert wait_for(service.is_ready)
        assert wait_for(lambda: all(service.is_applied(id_) for id_ in ids))
        assert service.lives()
        opened = {
            dict(record.headers)["ce_id"]: json.loads(record.value)["referral_id"]
            for record in await everything_on(service.kafka, events_of("referral"))
            if dict(record.headers)["ce_type"] == b"fi.kulttuurilahete.ReferralOpened.v1"
        }
        assert Counter(opened.values()) == Counter(ids)
        assert await everything_on(service.kafka, DEAD_LETTERS) == []
