"""The embedded broker, run for real: its Kafka side with aiokafka, its control port, its end."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.embedded_broker.control import (
    REPOSITORY,
    BrokerControl,
    BrokerNotStarted,
    BrokerProcess,
    ControlRefused,
    ControlUnreachable,
    start_broker,
)
from shared.kafka.cluster import Cluster
from shared.kafka.consumed import Consumed
from shared.kafka.lag import READS, lags

TOPICS = {"referral.events": 8, "intake.http": 8, "dead-letters": 1}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with start_broker(tmp_path_factory.mktemp("broker"), TOPICS) as running:
        yield running


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    with start_broker(tmp_path, {"a": 1}) as running:
        yield running


@pytest.mark.asyncio
async def test_lag_is_told_at_once_where_each_sender_has_a_topic_of_its_own(tmp_path: Path) -> None:
    """Learned one after another, so many topics would take longer than Kafka is waited for."""
    senders = {f"intake.opisto.of-{nth}": 1 for nth in range(150)}
    with start_broker(tmp_path, senders) as running:
        async with producer(running) as sender:
            await sender.send_and_wait("intake.opisto.of-7", b"1")
        found = await lags(Cluster(running.kafka), {"catalogue": READS["catalogue"]})
        async with Consumed(Cluster(running.kafka), "catalogue", READS["catalogue"], dict) as consumed:
            async with asyncio.timeout(5):
                await consumed.look(datetime.now(UTC))
    assert (len(found), sum(one.lag for one in found)) == (150, 1)
    assert consumed.to is None, "that one is not consumed"


@contextlib.asynccontextmanager
async def producer(broker: BrokerProcess) -> AsyncIterator[Any]:
    sender = AIOKafkaProducer(bootstrap_servers=broker.kafka, enable_idempotence=True, acks="all")
    async with sender:
        yield sender


def consumer(broker: BrokerProcess, group: str, *topics: str) -> Any:
    return AIOKafkaConsumer(
        *topics,
        bootstrap_servers=broker.kafka,
        group_id=group,
        session_timeout_ms=3000,
        heartbeat_interval_ms=500,
        fetch_max_wait_ms=10,
        metadata_max_age_ms=1000,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )


async def read(reader: Any, count: int) -> list[bytes]:
    async with asyncio.timeout(15):
        return [(await reader.getone()).value for _ in range(count)]


def wait_for(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def is_running(pid: int) -> bool:
    """Whether it runs. One that has ended and that nobody has waited for yet does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def ask(broker: BrokerProcess, method: str, path: str, token: str | None, body: str | None = None) -> int:
    connection = http.client.HTTPConnection(urlsplit(broker.control.url).netloc, timeout=5)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with contextlib.closing(connection):
        connection.request(method, path, body=body, headers=headers)
        return connection.getresponse().status


def test_the_topics_asked_for_are_there_at_the_start(broker: BrokerProcess) -> None:
    assert TOPICS.items() <= broker.control.topics().items()


@pytest.mark.asyncio
async def test_what_is_produced_is_consumed_and_goes_on_after_the_commit(
    broker: BrokerProcess,
) -> None:
    sent = [f"event {number}".encode() for number in range(50)]
    async with producer(broker) as sender:
        for number, value in enumerate(sent):
            await sender.send_and_wait("referral.events", value, key=f"r-{number}".encode())
        async with consumer(broker, "one", "referral.events") as reader:
            assert sorted(await read(reader, 50)) == sorted(sent)
            await reader.commit()
        await sender.send_and_wait("referral.events", b"later")
    async with consumer(broker, "one", "referral.events") as reader:
        assert await read(reader, 1) == [b"later"]


@pytest.mark.asyncio
async def test_what_a_producer_sends_once_more_may_be_written_twice(own_broker: BrokerProcess) -> None:
    """Kafka would know it again. What relies on it: the oracle of the scenarios counts no copies on this broker.

    Not each time: what is still unread of a connection that was given up may be lost with it.
    """
    sender = AIOKafkaProducer(
        bootstrap_servers=own_broker.kafka, enable_idempotence=True, acks="all", request_timeout_ms=1_000
    )
    partition, process = TopicPartition("a", 0), psutil.Process(own_broker.pid)
    async with sender, consumer(own_broker, "g", "a") as reader:
        written = sent = 0
        while written == sent and sent < 12:
            await sender.send_and_wait("a", b"it knows where to write")
            process.suspend()
            try:
                sending = asyncio.create_task(sender.send_and_wait("a", b"event"))
                await asyncio.sleep(2.5)
            finally:
                process.resume()
            await sending
            sent += 2
            written = (await reader.end_offsets([partition]))[partition]
        assert written > sent


@pytest.mark.asyncio
async def test_a_batch_keeps_headers_key_time_and_partition(broker: BrokerProcess) -> None:
    async with producer(broker) as sender:
        batch = sender.create_batch()
        for number in range(3):
            kept = batch.append(
                key=b"k",
                value=str(number).encode(),
                timestamp=1_700_000_000_000 + number,
                headers=[("ce_type", b"T")],
            )
            assert kept is not None
        batch.close()
        acknowledged = await sender.send_batch(batch, "intake.http", partition=5)
        assert (await acknowledged).offset == 0
    async with consumer(broker, "batch", "intake.http") as reader:
        async with asyncio.timeout(15):
            records = [await reader.getone() for _ in range(3)]
    assert [record.timestamp for record in records] == [1_700_000_000_000 + n for n in range(3)]
    assert {(r.partition, r.key, r.headers) for r in records} == {(5, b"k", (("ce_type", b"T"),))}


@pytest.mark.asyncio
async def test_lag_is_read_by_a_consumer_that_never_subscribes(broker: BrokerProcess) -> None:
    partition = TopicPartition("dead-letters", 0)
    async with producer(broker) as sender:
        for number in range(3):
            await sender.send_and_wait("dead-letters", str(number).encode())
    async with consumer(broker, "lagging", "dead-letters") as reader:
        await read(reader, 2)
        await reader.commit({partition: 2})
        async with consumer(broker, "lagging") as watcher:
            assert (await watcher.end_offsets([partition]))[partition] == 3
            assert await watcher.committed(partition) == 2


@pytest.mark.asyncio
async def test_a_topic_made_while_running_reaches_a_pattern_subscriber_within_five_seconds(
    broker: BrokerProcess,
) -> None:
    broker.control.create_topic("intake.region.01", 1)
    async with producer(broker) as sender, consumer(broker, "pattern") as reader:
        reader.subscribe(pattern=re.compile(r"^intake\.region\..*"))
        await sender.send_and_wait("intake.region.01", b"old")
        assert await read(reader, 1) == [b"old"]
        await reader.commit()
        started = time.monotonic()
        broker.control.create_topic("intake.region.02", 1)
        await sender.send_and_wait("intake.region.02", b"new")
        assert await read(reader, 1) == [b"new"]
        assert time.monotonic() - started < 5


def test_creating_a_topic_twice_is_harmless(broker: BrokerProcess) -> None:
    broker.control.create_topic("twice", 3)
    broker.control.create_topic("twice", 3)
    assert broker.control.topics()["twice"] == 3


def test_a_topic_with_other_partitions_is_refused(broker: BrokerProcess) -> None:
    with pytest.raises(ControlRefused, match="exists with 8 partitions, not 4") as refused:
        broker.control.create_topic("referral.events", 4)
    assert refused.value.status == 409


@pytest.mark.parametrize(
    ("name", "partitions"),
    [
        *(("", 1), ("a/b", 1), ("a\n", 1), ("ä", 1), ("a" * 250, 1), (".", 1), ("..", 1)),
        *(("ok", 0), ("ok", 65), ("ok", -1), ("ok", True)),
    ],
)
def test_bad_topics_are_refused(broker: BrokerProcess, name: str, partitions: int) -> None:
    with pytest.raises(ControlRefused) as refused:
        broker.control.create_topic(name, partitions)
    assert refused.value.status == 400
    assert name not in broker.control.topics()


@pytest.mark.parametrize("path", ["/topics", "/health", "/elsewhere"])
@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_without_the_token_the_control_port_says_nothing(broker: BrokerProcess, path: str, token: str | None) -> None:
    assert ask(broker, "GET", path, token) == 401
    assert ask(broker, "POST", path, token, '{"name": "sneaked", "partitions": 1}') == 401
    assert "sneaked" not in broker.control.topics()


def test_what_is_no_request_for_a_topic_is_refused(own_broker: BrokerProcess, tmp_path: Path) -> None:
    token = json.loads((tmp_path / "broker.json").read_text())["token"]
    answers = [ask(own_broker, "POST", "/topics", token, body) for body in ("", "[]", "{}", "{")]
    assert answers == [400] * 4
    assert ask(own_broker, "GET", "/elsewhere", token) == 404
    assert ask(own_broker, "GET", "/health", token) == 200


def test_the_port_file_is_the_owners_alone_and_names_the_process(own_broker: BrokerProcess, tmp_path: Path) -> None:
    port_file = tmp_path / "broker.json"
    announced = json.loads(port_file.read_text())
    assert port_file.stat().st_mode & 0o777 == 0o600
    assert announced["pid"] == own_broker.pid
    assert announced["kafka"] == own_broker.kafka
    assert re.fullmatch(r"127\.0\.0\.1:[0-9]+", own_broker.kafka)
    assert BrokerControl.from_port_file(port_file).topics() == {"a": 1}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_when_told(own_broker: BrokerProcess, tmp_path: Path, number: signal.Signals) -> None:
    os.kill(own_broker.pid, number)
    assert wait_for(lambda: own_broker.exit_code is not None)
    assert own_broker.exit_code == 0
    assert not (tmp_path / "broker.json").exists()
    assert (tmp_path / "broker.log").read_text() == ""
    with pytest.raises(ControlUnreachable):
        own_broker.control.topics()
    own_broker.stop()


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """A parent starts a broker, says so and waits; it is killed, and the broker follows."""
    script = (
        "import pathlib, sys, time\n"
        "from deploy.embedded_broker.control import start_broker\n"
        "print(start_broker(pathlib.Path(sys.argv[1]), {}).pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
    assert wait_for(lambda: not is_running(pid))


def test_it_lives_on_when_only_the_thread_that_started_it_ends(tmp_path: Path) -> None:
    started: list[BrokerProcess] = []
    thread = threading.Thread(target=lambda: started.append(start_broker(tmp_path, {"a": 1})))
    thread.start()
    thread.join()
    with started[0] as running:
        assert not wait_for(lambda: running.exit_code is not None, seconds=1.5)
        assert running.control.topics() == {"a": 1}


@pytest.mark.parametrize(
    ("topics", "complaint"),
    [
        ("missing.json", "topics file missing.json: No such file or directory"),
        ("{", "topics in --topics: Expecting property name"),
        ('{"a b": 1}', "topics in --topics: topic name 'a b' is not"),
        ('{"a": "8"}', "topics in --topics: topic a: partitions '8' is not 1..64"),
    ],
)
def test_bad_topics_stop_the_start_with_one_line(tmp_path: Path, topics: str, complaint: str) -> None:
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "deploy.embedded_broker.broker"),
            *("--topics", topics, "--port-file", str(tmp_path / "port.json")),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith(f"embedded broker: {complaint}")
    assert ended.stderr.count("\n") == 1


def test_a_start_that_fails_says_what_the_process_said(tmp_path: Path) -> None:
    with pytest.raises(BrokerNotStarted, match=r"ended with 1: embedded broker: topics in .*a b"):
        start_broker(tmp_path, {"a b": 1})
