"""The engines that a test run meets on this machine: where they are, or why they are not there.

In this order: an address in the environment, a server of the run's own in Java. A server is started at its first use, once
a run, and ended with it. What is not met skips, with the reason; with LAHETE_REQUIRE_ENGINES it fails.
"""

import atexit
import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pymongo
import pytest

from shared.store import Store
from shared.store.mongo import Driver, MongoStore
from shared.store.sqlite import SqliteStore

JAVA = Path(__file__).resolve().parents[1] / "deploy" / "java"
STORES = ("sqlite", "mongodb", "mongodb-pymongo")
"""What keeps the aggregates: the second and third are one server, by Motor and by PyMongo's own async client."""


@dataclass(frozen=True)
class Met:
    """An engine, and where it answers."""

    address: str


@dataclass(frozen=True)
class Missed:
    """An engine that is not to be had here."""

    why: str


def address_of(found: Met | Missed) -> str:
    """Skips the test where there is none, or fails it where one is required."""
    if isinstance(found, Met):
        return found.address
    if os.environ.get("LAHETE_REQUIRE_ENGINES"):
        pytest.fail(f"an engine is required: {found.why}")
    pytest.skip(found.why)


@cache
def mongodb() -> Met | Missed:
    """A server that speaks MongoDB's wire protocol."""
    if address := os.environ.get("LAHETE_TEST_MONGODB"):
        return Met(address)
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            return Missed(f"no MongoDB: LAHETE_TEST_MONGODB names none, and there is no {program} to start one with")
    if not _jars():
        return Missed("no MongoDB: LAHETE_TEST_MONGODB names none, and Maven did not bring the jars to start one")
    return Met(f"mongodb://127.0.0.1:{_start_mongodb()}")


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


def _jars() -> bool:
    jars = JAVA / "target" / "jars"
    if not any(jars.glob("mongo-java-server-h2*")):
        fetch = ["mvn", "-q", "-B", "-f", str(JAVA / "pom.xml"), "dependency:copy-dependencies"]
        subprocess.run(fetch, check=False, timeout=150)
    return any(jars.glob("mongo-java-server-h2*"))


def _start_mongodb() -> int:
    folder = tempfile.mkdtemp()
    server = subprocess.Popen(
        [
            *("java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx512m", "-cp", f"{JAVA}/target/jars/*"),
            *(str(JAVA / "MongoServer.java"), "127.0.0.1", "0", f"{folder}/data.h2"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )

    def end() -> None:
        server.terminate()
        server.communicate(timeout=20)
        shutil.rmtree(folder)

    atexit.register(end)
    assert server.stdout is not None
    return int(server.stdout.readline())
