"""A broker or a database that is not there, goes, comes back, is another, or lacks what is needed: each is said in one
clear line with what to do, readiness is false meanwhile, nothing is lost, and no process need be restarted.

One service, the referral's, as a process; Kafka in Java, which a test stops and starts as it likes.
"""

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.embedded_broker.control import REPOSITORY
from deploy.java.servers import KafkaServer, MongoServer
from deploy.kafka.topics import TopicSettings, apply, wanted
from shared.contracts import topics
from shared.kafka.cluster import Cluster
from shared.process.settings import read
from shared.store.sqlite import VERSION
from tests.backends import address_of, broker_with, java
from tests.integration.road import REGION, issued
from tests.integration.running import PATIENCE, lahete, wait_for
from tests.integration.service_process import ReferralService, record, service, write
from tests.over_http import NO_TLS
from tests.ports import free_base

TOPICS = {**topics.platform_topics(), topics.intake_of(REGION): 1}


def administer(kafka: Cluster, work: Callable[[AIOKafkaAdminClient], Awaitable[object]]) -> object:
    async def connected() -> object:
        admin = AIOKafkaAdminClient(**kafka.options())
        await admin.start()
        try:
            return await work(admin)
        finally:
            await admin.close()

    return asyncio.run(connected())


def remove(kafka: Cluster, topic: str) -> None:
    administer(kafka, lambda admin: admin.delete_topics([topic], timeout_ms=20_000))


def make(kafka: Cluster, topic: str, partitions: int) -> None:
    administer(kafka, lambda admin: admin.create_topics([NewTopic(topic, partitions, 1)], timeout_ms=20_000))


def partitions(kafka: Cluster) -> dict[str, int]:
    async def described(admin: AIOKafkaAdminClient) -> dict[str, int]:
        return {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}

    found = administer(kafka, described)
    assert isinstance(found, dict)
    return {topic: count for topic, count in found.items() if not topic.startswith("_")}


def send(kafka: Cluster, topic: str = "") -> str:
    """A referral on the log; its id."""
    referral = str(uuid4())
    asyncio.run(write(kafka, record(referral, REGION, topic)))
    return referral


# --- Kafka: one service that lives through it all


@dataclass(frozen=True)
class Standing:
    """A service that stands on a Kafka, and what it said while that was not there yet."""

    kafka: KafkaServer
    service: ReferralService
    at_start: list[str]


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """The service is started before its Kafka, and Kafka before its topics."""
    address_of(java())
    folder = tmp_path_factory.mktemp("standing")
    kafka = KafkaServer(folder / "kafka")
    with service(folder / "lahete", LAHETE_KAFKA=kafka.address) as one:
        one.comes_to_lack("does not answer")
        with kafka:
            one.comes_to_lack("lacks the topics")
            at_start = one.told()
            asyncio.run(apply(kafka.cluster, wanted(read(TopicSettings), [REGION])))
            one.becomes_ready()
            yield Standing(kafka, one, at_start)


def test_a_kafka_that_is_not_there_at_start_is_waited_for_and_said_once(standing: Standing) -> None:
    at = f"Kafka at {standing.kafka.address}"
    away, lacking = standing.at_start
    assert away == f"{at} does not answer; LAHETE_KAFKA says where it is"
    assert lacking.startswith(f"{at} lacks the topics audit.events, catalogue.events, dead-letters, ")
    assert lacking.endswith("referral.events: run `lahete topics apply`")
    one = standing.service
    one.comes_to_hold(send(standing.kafka.cluster))


def test_a_kafka_that_is_killed_and_comes_back_is_gone_on_with(standing: Standing) -> None:
    one, before = standing.service, len(standing.service.told())
    first = send(standing.kafka.cluster)
    standing.kafka.kill()
    line = one.comes_to_lack("does not answer")
    assert not one.counts_as_ready()
    assert one.ask(f"/v1/referrals/{uuid4()}").status_code in {404, 503}, "what needs no Kafka is answered"
    one.until(lambda: len(one.told()) > before, "it is logged")
    assert one.told()[before:] == [line]
    standing.kafka.start()
    standing.kafka.wait_until_ready()
    one.becomes_ready()
    assert one.counts_as_ready()
    one.comes_to_hold(first)
    one.comes_to_hold(send(standing.kafka.cluster))


def test_a_topic_that_is_removed_stops_the_service_until_it_is_made_again(standing: Standing) -> None:
    one, kafka = standing.service, standing.kafka.cluster
    remove(kafka, "audit.events")
    line = one.comes_to_lack("lacks")
    assert line == f"Kafka at {kafka.bootstrap} lacks the topics audit.events: run `lahete topics apply`"
    meanwhile = send(kafka)
    assert "audit.events" not in partitions(kafka), "neither looking nor writing has made it"
    make(kafka, "audit.events", 1)
    one.becomes_ready()
    one.comes_to_hold(meanwhile)


def test_fewer_partitions_than_before_stop_the_service_until_a_person_accepts_them(
    standing: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, kafka = standing.service, standing.kafka.cluster
    remove(kafka, "catalogue.events")
    one.comes_to_lack("lacks the topics catalogue.events")
    make(kafka, "catalogue.events", 4)
    line = one.comes_to_lack("partitions")
    assert line == (
        "catalogue.events has 4 partitions and had 8: events may be lost; restore the topic, or run "
        "`lahete setup --accept-cluster`"
    )
    meanwhile, over_http = send(kafka), issued(str(uuid4()))
    refused = one.take(over_http)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5"), "nobody may ever read it there"
    accept(monkeypatch, one, kafka)
    one.becomes_ready()
    assert one.take(over_http).status_code == 202
    for referral in (meanwhile, over_http["subject"]):
        one.comes_to_hold(referral)


def accept(monkeypatch: pytest.MonkeyPatch, one: ReferralService, kafka: Cluster) -> None:
    monkeypatch.setenv("LAHETE_KAFKA", kafka.bootstrap)
    monkeypatch.setenv("LAHETE_STATE", str(one.folder.path))
    code, printed = lahete("setup", "--accept-cluster")
    assert code == 0, printed
    assert "referral: the database is up to date; whatever cluster it meets next is its own" in printed


@pytest.fixture
def other() -> Iterator[Cluster]:
    """Another Kafka, with the platform's topics, all empty."""
    with broker_with("kafka", Path(), TOPICS) as cluster:
        yield cluster


def committed(kafka: Cluster) -> dict[TopicPartition, int]:
    """What the service's group has committed."""

    async def asked() -> dict[TopicPartition, int]:
        async with AIOKafkaConsumer(**kafka.options(), group_id="referral", enable_auto_commit=False) as consumer:
            every = [TopicPartition(topic, number) for topic, count in TOPICS.items() for number in range(count)]
            found = {one: await consumer.committed(one) for one in every}
            return {one: offset for one, offset in found.items() if offset is not None}

    return asyncio.run(asked())


def test_another_cluster_is_not_read_until_a_person_accepts_it(
    standing: Standing, other: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last of those that share a service: it is ended, and started on another Kafka with what it knows."""
    folder = standing.service.folder.path
    known = send(standing.kafka.cluster)
    standing.service.comes_to_hold(known)
    standing.service.process.terminate()
    assert standing.service.process.wait(PATIENCE) == 0
    there = send(other)
    with service(folder, LAHETE_KAFKA=other.bootstrap) as one:
        line = one.comes_to_lack("is cluster")
        ids = {cluster_id(standing.kafka.cluster), cluster_id(other)}
        assert len(ids) == 2
        assert all(id_ in line for id_ in ids)
        assert line.endswith(
            "point LAHETE_KAFKA there; if the log was moved on purpose, run `lahete setup --accept-cluster`"
        )
        assert one.told() == [line]
        assert committed(other) == {}
        assert one.ask(f"/v1/referrals/{known}").status_code == 503, "who looked is not written down there"
        accept(monkeypatch, one, other)
        one.becomes_ready()
        one.comes_to_hold(there)
        one.until(lambda: committed(other).get(TopicPartition("intake.region.06", 0)) == 1, "it is committed")
        one.comes_to_hold(known)
        assert "fell out" not in one.said()


def cluster_id(kafka: Cluster) -> str:
    async def asked(admin: AIOKafkaAdminClient) -> str:
        return str((await admin.describe_cluster())["cluster_id"])

    return str(administer(kafka, asked))


# --- the database


def test_a_database_that_is_away_is_waited_for_at_the_start_and_later(other: Cluster, tmp_path: Path) -> None:
    address_of(java())
    mongodb = MongoServer(tmp_path / "mongodb")
    with service(
        tmp_path / "lahete", LAHETE_KAFKA=other.bootstrap, LAHETE_MONGODB=f"mongodb://{mongodb.address}"
    ) as one:
        line = one.comes_to_lack(f"MongoDB at {mongodb.address}, database lahete_referral: ")
        first = send(other)
        answer = one.ask(f"/v1/referrals/{first}")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert mongodb.address not in answer.text
        assert one.told() == [line]
        with mongodb:
            one.becomes_ready()
            one.comes_to_hold(first)
            mongodb.kill()
            one.comes_to_lack(f"MongoDB at {mongodb.address}")
            second = send(other)
            mongodb.start()
            mongodb.wait_until_ready()
            one.becomes_ready()
            one.comes_to_hold(second)
            one.comes_to_hold(first)


def test_what_waiting_does_not_mend_ends_the_start_with_one_line(tmp_path: Path) -> None:
    file = tmp_path / "newer" / "referral.sqlite"
    file.parent.mkdir(mode=0o700)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")
    newer = service(tmp_path / "newer", LAHETE_KAFKA="127.0.0.1:1")
    nowhere = service(tmp_path / "nowhere", LAHETE_KAFKA="127.0.0.1:1", LAHETE_MONGODB="mongodb://db:x")
    with newer as first, nowhere as second:
        code, line = first.ended()
        assert code == 1
        assert line.startswith(f"lahete: referral: {file} has version 99, this program knows {VERSION}: run")
        code, line = second.ended()
        assert code == 1
        assert line.startswith("lahete: referral: MongoDB at db:x, database lahete_referral: the address or an option")


# --- the verbs that prepare Kafka and the stores


@pytest.fixture
def verbs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cluster]:
    """The environment of an operator whose Kafka holds nothing yet."""
    with broker_with("kafka", tmp_path, {}) as cluster:
        monkeypatch.setenv("LAHETE_ENV", "test")
        monkeypatch.setenv("LAHETE_KAFKA", cluster.bootstrap)
        monkeypatch.setenv("LAHETE_STATE", str(tmp_path))
        yield cluster


@dataclass(frozen=True)
class ReferralDoor:
    """The referral service over HTTP, as a region asks it."""

    url: str
    key: str

    def takes(self, event: Mapping[str, Any]) -> int:
        return self._ask("POST", "/v1/events", content=json.dumps(event))

    def holds(self, referral: str) -> bool:
        return self._ask("GET", f"/v1/referrals/{referral}") == 200

    def _ask(self, method: str, path: str, **body: str) -> int:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/cloudevents+json"}
        with httpx.Client(base_url=self.url, headers=headers, trust_env=False, verify=NO_TLS) as client:
            return client.request(method, path, **body).status_code  # type: ignore[arg-type]


def found(*arguments: str) -> tuple[int, dict[str, str]]:
    code, printed = lahete("topics", "apply", "--json", *arguments)
    return code, json.loads(printed)


def test_topics_are_made_once_and_what_differs_is_said_and_left(
    verbs: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    at = ("--dir", str(tmp_path))
    every = topics.platform_topics()
    assert found("--dry", *at) == (1, dict.fromkeys(every, "lacks"))
    assert partitions(verbs) == {}
    assert found(*at) == (0, dict.fromkeys(every, "created"))
    assert wait_for(lambda: partitions(verbs) == every), "a broker learns of them a moment later"
    assert found(*at) == found("--dry", *at) == (0, dict.fromkeys(every, "there"))
    monkeypatch.setenv("LAHETE_TOPICS", '{"intake.http": {"partitions": 16, "retention": "P20D"}}')
    code, differing = found(*at)
    assert code == 1
    assert differing.pop("intake.http") == ("partitions is 8, wanted 16; retention.ms is 2505600000, wanted 1728000000")
    assert set(differing.values()) == {"there"}
    assert partitions(verbs) == every
    monkeypatch.setenv("LAHETE_TOPICS", '{"intake.htp": {}}')
    wrong = subprocess.run(
        [sys.executable, "-m", "cli.main", "topics", "apply", *at],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("lahete: LAHETE_TOPICS names 'intake.htp', which is no topic; it is one of ")
    assert wrong.stderr.count("\n") == 1


def test_a_kafka_of_others_is_set_up_run_on_and_left_running(verbs: Cluster, tmp_path: Path) -> None:
    """`lahete setup` twice; a run that meets an event over HTTP, and then one of a sender granted meanwhile."""
    folder = tmp_path / "lahete"
    at = ("--dir", str(folder))
    code, printed = lahete("setup", *at)
    assert (code, printed.splitlines()[0]) == (0, f"topics: {len(topics.platform_topics())} made, 0 were there")
    assert json.loads((folder / "keys.json").read_text()) == {}, "nobody was named"
    code, printed = lahete("setup", *at)
    assert (code, printed.splitlines()[0]) == (0, f"topics: 0 made, {len(topics.platform_topics())} were there")
    base = str(free_base())
    started = subprocess.run(
        [sys.executable, "-m", "cli.main", "run", "--engine", "env", "--detach", "--port-base", base, *at],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    try:
        assert started.returncode == 0, started.stderr
        run = json.loads((folder / "run.json").read_text())
        assert (run["kafka"], run["store"]) == (verbs.bootstrap, f"sqlite:{folder}")
        assert run["pids"].keys() == {*topics.SERVICES, "supervisor"}
        referral = ReferralDoor(run["urls"]["referral"], json.loads((folder / "keys.json").read_text())[REGION])
        over_http = issued(str(uuid4()))
        assert referral.takes(over_http) == 202
        assert wait_for(lambda: referral.holds(over_http["subject"]))
        assert lahete("topics", "add", REGION, *at) == (0, "intake.region.06: there\n")
        to_kafka = send(verbs)
        assert wait_for(lambda: referral.holds(to_kafka))
    finally:
        stopped = lahete("stop", *at)
    assert stopped == (0, "stopped\n")
    assert partitions(verbs).keys() == TOPICS.keys()
