"""The backends that a test run meets on this machine: where they are, or why they are not there.

In this order: an address in the environment, Docker, servers of the run's own in Java; the embedded ones always. One is
started at its first use, once a run, and ended with it. What is not met skips, with the reason; where
LAHETE_REQUIRE_ENGINES is set it fails. At its end the run prints what it met.
"""

import asyncio
import atexit
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pymongo
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.embedded_broker.control import PORT_FILE, BrokerControl, start_broker
from deploy.java.jars import JavaError, classpath
from deploy.java.servers import JavaServer, KafkaServer, MongoServer
from shared.kafka.cluster import Cluster
from shared.kafka.producer import MAX_REQUEST_BYTES
from shared.store import Store
from shared.store.mongo import Driver, MongoStore
from shared.store.sqlite import SqliteStore
from tests.docker_backends import DockerMissing, kafka_in_docker, mongodb_in_docker

STORES = ("sqlite", "mongodb", "mongodb-pymongo")
"""What keeps the aggregates: the second and third are one server, by Motor and by PyMongo's own async client."""
REQUIRED = "LAHETE_REQUIRE_ENGINES"
OTHERS_KAFKA = "LAHETE_TEST_KAFKA"


@dataclass(frozen=True)
class Met:
    """A backend, what it is, and where it answers."""

    what: str
    address: str


@dataclass(frozen=True)
class Missed:
    """A backend that is not to be had here."""

    why: str


FOUND: dict[str, Met | Missed] = {}
"""What this process has looked for."""


def said_of_found() -> dict[str, str]:
    """A line for a person of each."""
    return {
        name: f"met: {found.what}" if isinstance(found, Met) else f"NOT met: {found.why}"
        for name, found in FOUND.items()
    }


def address_of(found: Met | Missed) -> str:
    """Skips the test where there is none, or fails it where one is required."""
    if isinstance(found, Met):
        return found.address
    if os.environ.get(REQUIRED):
        pytest.fail(f"a backend is required by {REQUIRED}: {found.why}")
    pytest.skip(found.why)


@cache
def kafka() -> Met | Missed:
    """Apache Kafka. One that LAHETE_TEST_KAFKA names is for tests alone: they remove the platform's topics."""
    return _found("Kafka", OTHERS_KAFKA, kafka_in_docker, lambda: _started(KafkaServer(_folder())))


@cache
def mongodb() -> Met | Missed:
    """A server that speaks MongoDB's wire protocol."""
    return _found("MongoDB", "LAHETE_TEST_MONGODB", mongodb_in_docker, _java_mongodb)


def for_ci_alone(what: str) -> None:
    """Skips what takes most of a minute and is played once more on slower backends, unless these are required."""
    if not os.environ.get(REQUIRED):
        pytest.skip(f"{what} is played by .ci/run, or with {REQUIRED}=java; `make test` plays it on the embedded ones")


def java() -> Met | Missed:
    """Java with the servers' jars, for a test that starts its own, or a run that does; its classpath."""
    try:
        FOUND["Java, own"] = Met("Java", classpath())
    except JavaError as error:
        FOUND["Java, own"] = Missed(f"no server of the test's own: {error}")
    return FOUND["Java, own"]


def _found(name: str, variable: str, in_docker: Callable[[], str], in_java: Callable[[], str]) -> Met | Missed:
    if address := os.environ.get(variable):
        FOUND[name] = Met(variable, address)
        return FOUND[name]
    reasons = [f"{variable} is not set"]
    for what, start in (("Docker", in_docker), ("Java", in_java)):
        try:
            FOUND[name] = Met(what, start())
            return FOUND[name]
        except (DockerMissing, JavaError) as error:
            reasons.append(f"{what}: {error}")
    FOUND[name] = Missed(f"no {name}: {'; '.join(reasons)}")
    return FOUND[name]


def _java_mongodb() -> str:
    return f"mongodb://{_started(MongoServer(_folder()))}"


def _started(server: JavaServer) -> str:
    atexit.register(server.__exit__)
    return server.__enter__().address


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="lahete-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


# --- a broker with the topics of one test


@contextmanager
def broker_with(kind: str, folder: Path, topics: Mapping[str, int]) -> Iterator[Cluster]:
    """A Kafka that holds these topics, empty, and no other of ours."""
    if kind == "embedded":
        with start_broker(folder, topics) as running:
            yield Cluster(running.kafka)
        return
    cluster = Cluster(address_of(kafka()))
    with _alone():
        asyncio.run(_only(cluster, topics))
        yield cluster


def make_topic(kind: str, folder: Path, name: str) -> None:
    """One more topic, of one partition."""
    if kind == "embedded":
        BrokerControl.from_port_file(folder / PORT_FILE).create_topic(name, 1)
    else:
        asyncio.run(_make(Cluster(address_of(kafka())), {name: 1}))


@contextmanager
def _alone() -> Iterator[None]:
    """A Kafka that the environment names is every worker's, and each removes what it finds there: one test at a time."""
    address = os.environ.get(OTHERS_KAFKA)
    if not address:
        yield
        return
    name = f"lahete-test-{os.getuid()}-{hashlib.sha256(address.encode()).hexdigest()[:16]}"
    with (Path(tempfile.gettempdir()) / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


async def _make(cluster: Cluster, topics: Mapping[str, int]) -> None:
    admin = AIOKafkaAdminClient(**cluster.options())
    await admin.start()
    try:
        # As `lahete setup` makes them, since a server that was not started here refuses more than 1 MiB.
        size = {"max.message.bytes": str(MAX_REQUEST_BYTES)}
        made = [NewTopic(name, count, 1, topic_configs=size) for name, count in topics.items()]
        await admin.create_topics(made, timeout_ms=20_000)
    finally:
        await admin.close()


async def _only(cluster: Cluster, topics: Mapping[str, int]) -> None:
    """With a topic go its groups' offsets: the next test's groups begin anew."""
    admin = AIOKafkaAdminClient(**cluster.options())
    await admin.start()
    try:
        there = [name for name in await admin.list_topics() if not name.startswith("_")]
        if there:
            await admin.delete_topics(there, timeout_ms=20_000)
    finally:
        await admin.close()
    await _make(cluster, topics)


# --- a store


def open_store(kind: str, folder: Path) -> Store:
    """A store of this kind, not opened yet; the same data wherever the folder is the same."""
    if kind == "sqlite":
        return SqliteStore(folder / "service.sqlite")
    driver: Driver = "pymongo" if kind.endswith("pymongo") else "motor"
    return MongoStore(address_of(mongodb()), database_of(folder), driver=driver)


def database_of(folder: Path) -> str:
    """The database that stands for a test's folder."""
    return f"lahete_test_{hashlib.sha256(bytes(folder)).hexdigest()[:16]}"


def drop_store(kind: str, folder: Path) -> None:
    """Leaves nothing behind on a server; a folder is removed by whoever made it."""
    if kind != "sqlite":
        with pymongo.MongoClient[dict[str, object]](address_of(mongodb())) as client:
            client.drop_database(database_of(folder))
