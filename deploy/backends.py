"""The backends of a run, Kafka and the store: the embedded ones, local servers in Java, or those the environment names.

The supervisor knows nothing but `Backends`: it enters one, looks after it, and leaves it last.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol, Self

from deploy.embedded_broker.control import BrokerControl, BrokerProcess, start_broker
from deploy.java.jars import classpath
from deploy.java.servers import JavaServer, KafkaServer, MongoServer
from deploy.kafka.topics import TopicSettings, apply, wanted
from deploy.local.processes import Patience, how_it_ended
from deploy.local.state import EmbeddedError, Folder, Run, granted, writing
from shared.contracts import topics
from shared.kafka.cluster import Cluster
from shared.process.settings import PlatformSettings, read

_FOR_TRYING: Final[Mapping[str, str]] = {"LAHETE_ENV": "demo"}
"""A run that brings its own backends has one machine and no partner: demo, unless the environment says otherwise."""

Say = Callable[[str], None]
GoesOn = Callable[[], None]


class Backend(StrEnum):
    """The kinds of backends; the values of `--engine`."""

    EMBEDDED = "embedded"
    JAVA = "java"
    ENV = "env"


SPOKEN_TO: Final[Mapping[Backend, str]] = {
    Backend.EMBEDDED: ", librdkafka's own: Java's clients cannot talk to it, nor kafkajs wholly; --engine java brings Apache Kafka",
    Backend.JAVA: "",
    Backend.ENV: "",
}
"""What a partner who writes to Kafka must know at once, said behind its address."""


class BrokerDiedError(EmbeddedError):
    """The broker's process ended by itself. The message says what is lost and what to do."""


class Backends(Protocol):
    """Kafka and the store of a run. Entered, both answer and the topics are there."""

    @property
    def cluster(self) -> Cluster:
        """How Kafka is reached."""

    @property
    def store(self) -> str:
        """The place of the state, for run.json."""

    @property
    def keeps_in_the_folder(self) -> bool:
        """Whether state lies in the run's folder, and is copied with it."""

    @property
    def pids(self) -> Mapping[str, int]:
        """The processes, by name."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The settings that lead the services to the backends."""

    @property
    def tuning(self) -> Mapping[str, str]:
        """Settings that apply unless the environment has others."""

    def look_after(self) -> bool:
        """Restarts a server that ended, if possible; whether it did. Raises `BrokerDiedError` if not possible."""

    def stop(self) -> None:
        """Ends in order all that it started."""

    def __enter__(self) -> Self:
        """Starts all. Raises `EmbeddedError`, `EmbeddedBrokerError`, `JavaError`, `TopicsError`."""

    def __exit__(self, *_: object) -> None:
        """Leaves nothing running."""


def backends(engine: Backend, folder: Folder, say: Say, goes_on: GoesOn) -> Backends:
    """The backends of a run in a folder. While they start they call `goes_on`, which may raise."""
    if engine is Backend.JAVA:
        return Java(folder, say, goes_on)
    return Embedded(folder) if engine is Backend.EMBEDDED else Env(folder)


def make_topic(run: Run, kafka: Cluster, folder: Folder, source: str) -> None:
    """Makes a sender's own topic on the Kafka of a run. Raises `TopicsError`, `EmbeddedBrokerError`."""
    if run.embedded:
        BrokerControl.from_port_file(folder.broker).create_topic(topics.intake_of(source), 1)
        return
    own = [topic for topic in wanted(read(TopicSettings), [source]) if topic.name == topics.intake_of(source)]
    asyncio.run(apply(kafka, own))


class Embedded:
    """librdkafka's broker, its log in memory, and a file of SQLite a service."""

    keeps_in_the_folder = True
    tuning: Mapping[str, str] = {
        "LAHETE_KAFKA_SESSION_TIMEOUT_MS": "3000",
        "LAHETE_KAFKA_FETCH_WAIT_MS": "10",
        "LAHETE_LOG_BYTES": "2500000",
        **_FOR_TRYING,
    }
    """The settings that librdkafka's mock needs; docs/engines.md says why."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.store = f"sqlite:{folder.path}"
        self._broker: BrokerProcess | None = None

    def __enter__(self) -> Self:
        own = {topics.intake_of(source): 1 for source in granted(self._folder)}
        with writing(self._folder):
            self._broker = start_broker(self._folder.path, topics.platform_topics() | own)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _running(self) -> BrokerProcess:
        assert self._broker is not None, "entered"
        return self._broker

    @property
    def cluster(self) -> Cluster:
        """How Kafka is reached."""
        return Cluster(self._running.kafka)

    @property
    def pids(self) -> Mapping[str, int]:
        """The broker."""
        return {"broker": self._running.pid}

    @property
    def environment(self) -> Mapping[str, str]:
        """No login, no MongoDB, whatever the shell's environment says."""
        return {"LAHETE_KAFKA": self._running.kafka, "LAHETE_KAFKA_SECURITY": "plaintext", "LAHETE_MONGODB": ""}

    def look_after(self) -> bool:
        """A broker that ended cannot restart: its log was in memory. Raises `BrokerDiedError`."""
        if self._running.exit_code is not None:
            raise BrokerDiedError(
                f"the broker {how_it_ended(self._running.exit_code)}. Its log was in memory: accepted events that not "
                "every service has dealt with are lost; the services' decisions are kept in "
                f"{self._folder.path}. Everything stops. Start it again with `lahete run` and send the latest events "
                "again: the services recognise those they have dealt with as repetitions"
            )
        return False

    def stop(self) -> None:
        """Ends the broker."""
        if self._broker is not None:
            self._broker.stop()


class Java:
    """Apache Kafka and a server that speaks MongoDB's protocol; both keep their data in the folder."""

    keeps_in_the_folder = True
    tuning: Mapping[str, str] = _FOR_TRYING

    def __init__(self, folder: Folder, say: Say, goes_on: GoesOn) -> None:
        self._folder = folder
        self._say = say
        self._goes_on = goes_on
        self._patience: dict[str, Patience] = {}

    def __enter__(self) -> Self:
        classpath(self._say)
        with writing(self._folder), ExitStack() as stack:
            self.mongodb, self.kafka = self._servers_of(self._folder.path)
            for server in self._servers:
                stack.callback(server.stop)
                server.start()
            for server in self._servers:
                server.wait_until_ready(self._goes_on)
                self._say(f"{server.name} answers on {server.address}")
            for finding in asyncio.run(apply(self.cluster, wanted(read(TopicSettings), granted(self._folder)))):
                if finding.differs:
                    self._say(f"topic {finding.topic}: {finding.found}")
            stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _servers_of(self, path: Path) -> tuple[MongoServer, KafkaServer]:
        return MongoServer(path / "mongodb"), KafkaServer(path / "kafka")

    @property
    def _servers(self) -> Sequence[JavaServer]:
        return (self.mongodb, self.kafka)

    @property
    def cluster(self) -> Cluster:
        """How Kafka is reached."""
        return self.kafka.cluster

    @property
    def store(self) -> str:
        """MongoDB's address."""
        return f"mongodb://{self.mongodb.address}"

    @property
    def pids(self) -> Mapping[str, int]:
        """Both servers."""
        return {"broker": self.kafka.pid, "mongodb": self.mongodb.pid}

    @property
    def environment(self) -> Mapping[str, str]:
        """No login, whatever the shell's environment says."""
        return {
            "LAHETE_KAFKA": self.kafka.address,
            "LAHETE_KAFKA_SECURITY": "plaintext",
            "LAHETE_MONGODB": self.store,
            "LAHETE_MONGODB_USER": "",
        }

    def look_after(self) -> bool:
        """Restarts a server that ended, with its data on disk. After a pause that grows while it keeps ending."""
        restarted = [self._look_after(server) for server in self._servers]
        return any(restarted)

    def _look_after(self, server: JavaServer) -> bool:
        if server.exit_code is None:
            return False
        patience = self._patience.setdefault(server.name, Patience())
        if not patience.waits:
            said = f": {server.last_words()}" if server.exit_code > 0 else ""
            self._say(f"{server.name} {how_it_ended(server.exit_code)}{said}; started again in {patience.died():g} s")
        if not patience.over():
            return False
        server.start()
        patience.started()
        return True

    def stop(self) -> None:
        """Ends both in order: each writes its data to disk."""
        for server in reversed(self._servers):
            server.stop()


class Env:
    """The backends that the environment names, run by others: the run starts, restarts and stops nothing."""

    tuning: Mapping[str, str] = {}
    pids: Mapping[str, int] = {}
    environment: Mapping[str, str] = {}

    def __init__(self, folder: Folder) -> None:
        settings = read(PlatformSettings)
        self.cluster = settings.cluster("ops")
        self.store = settings.mongodb or f"sqlite:{folder.path}"
        self.keeps_in_the_folder = not settings.mongodb

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def look_after(self) -> bool:
        """Others do."""
        return False

    def stop(self) -> None:
        """Others do."""
