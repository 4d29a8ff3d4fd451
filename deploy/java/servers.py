"""Apache Kafka (KRaft, one node, its log on disk) and a server that speaks MongoDB's protocol, on loopback, in Java.

Synchronous, for the supervisor and for tests. A server keeps its port in its folder, so that it has the same one after
a restart; it ends with the process that started it, since `Launcher.java` watches a pipe from there. Errors: jars.py.
"""

import json
import secrets
import socket
import subprocess
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self
from uuid import uuid4

from deploy.java.jars import HERE, JavaError, classpath, java
from shared.kafka.cluster import Cluster
from shared.private import CHILDREN_UMASK, make_private_folder, open_private, write_private

HOST: Final = "127.0.0.1"
ADMIN: Final = "admin"
READY_WITHIN: Final = 60.0
ENDED_WITHIN: Final = 15.0

_KAFKA_OPTIONS: Final = ("-Xms128m", "-Xmx512m")
_MONGO_OPTIONS: Final = ("-Xms32m", "-Xmx512m")
_JAVA_OPTIONS: Final = (
    "-XX:+UseSerialGC",
    f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}",
)


class ServerFailed(JavaError):
    """A server ended, or was not ready in time. The message holds its last words."""


class JavaServer:
    """One server's process; `start` again keeps its port and data. A context manager: stops at the end."""

    def __init__(self, name: str, folder: Path, arguments: Sequence[str], port: int) -> None:
        self.name = name
        self.port = port
        self.address = f"{HOST}:{port}"
        self._folder = folder
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id; 0 without a process."""
        return self._process.pid if self._process and self._process.poll() is None else 0

    @property
    def exit_code(self) -> int | None:
        """None while it runs, or before it was started."""
        return self._process.poll() if self._process else None

    @property
    def log(self) -> Path:
        """The file of its output."""
        return self._folder / f"{self.name}.log"

    def start(self) -> None:
        """Starts the process, without waiting for it."""
        with open_private(self.log, "ab") as log:
            self._process = subprocess.Popen(
                self._arguments,
                cwd=self._folder,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                # Ctrl-C in a terminal must reach the services alone: they commit as they end, and the servers after them.
                start_new_session=True,
                umask=CHILDREN_UMASK,
            )

    def wait_until_ready(self, goes_on: Callable[[], None] = lambda: None) -> None:
        """Returns once its port answers. Calls `goes_on` meanwhile, which may raise. Raises `ServerFailed`."""
        deadline = time.monotonic() + READY_WITHIN
        while not _answers(self.port):
            if self.exit_code is not None:
                raise ServerFailed(f"{self.name} ended with {self.exit_code}: {self.last_words()}")
            if time.monotonic() > deadline:
                raise ServerFailed(f"{self.name} does not answer on {self.address} after {READY_WITHIN:.0f} s")
            goes_on()
            time.sleep(0.05)

    def last_words(self) -> str:
        """The last line of its log."""
        lines = self.log.read_bytes()[-4_000:].decode(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it printed nothing"

    def kill(self) -> None:
        """SIGKILL, as a power cut. Harmless when it has ended."""
        if self._process is not None:
            self._process.kill()
            self._reap(self._process)

    def stop(self) -> None:
        """Ends it in order: SIGTERM, and SIGKILL when it takes too long. Harmless when it has ended."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(ENDED_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._reap(self._process)

    @staticmethod
    def _reap(process: subprocess.Popen[bytes]) -> None:
        process.wait()
        if process.stdin is not None:
            process.stdin.close()

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class KafkaServer(JavaServer):
    """A broker. `cluster` is how its clients reach it; with `login`, as its administrator."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None, *, login: bool = False) -> None:
        """Formats its storage at the first time.

        Args:
            folder: where its log, settings and port are kept.
            settings: of `server.properties`, over ours.
            login: SASL and access lists: only the administrator, and those the administrator allows, may do anything.
        """
        make_private_folder(folder)
        port, controller = _ports(folder, 2)
        self._properties = folder / "server.properties"
        password = secrets.token_urlsafe(24) if login else ""
        write_private(self._properties, _kafka_properties(folder, port, controller, password, settings or {}))
        super().__init__(
            "kafka",
            folder,
            _java(_KAFKA_OPTIONS, "Launcher", "kafka.Kafka", str(self._properties)),
            port,
        )
        self.cluster = (
            Cluster(self.address, "sasl_plaintext", "PLAIN", ADMIN, password) if login else Cluster(self.address)
        )

    def start(self) -> None:
        """Formats the storage if need be, then starts. Raises `ServerFailed`."""
        if not (self._folder / "log" / "meta.properties").exists():
            self._format()
        super().start()

    def _format(self) -> None:
        identity = urlsafe_b64encode(uuid4().bytes).decode().rstrip("=").replace("-", "A")
        tool = ("kafka.tools.StorageTool", "format", "--cluster-id", identity, "--config", str(self._properties))
        ended = subprocess.run(
            _java(_KAFKA_OPTIONS, *tool),
            capture_output=True,
            text=True,
            timeout=READY_WITHIN,
            check=False,
            umask=CHILDREN_UMASK,
        )
        if ended.returncode:
            raise ServerFailed(f"kafka's storage in {self._folder} cannot be formatted: {ended.stderr.strip()[-300:]}")

    def tool(self, name: str, *arguments: str) -> str:
        """Runs one of Kafka's own command-line classes and returns what it prints. Raises `ServerFailed`."""
        ended = subprocess.run(
            _java((), name, *arguments), capture_output=True, text=True, timeout=READY_WITHIN, check=False
        )
        if ended.returncode:
            raise ServerFailed(f"{name}: {(ended.stderr or ended.stdout).strip()[-500:]}")
        return ended.stdout


class MongoServer(JavaServer):
    """A server of MongoDB's protocol, its data in one file of H2."""

    def __init__(self, folder: Path) -> None:
        make_private_folder(folder)
        (port,) = _ports(folder, 1)
        command = _java(_MONGO_OPTIONS, "MongoServer", HOST, str(port), str(folder / "data"))
        super().__init__("mongodb", folder, command, port)


def _java(options: Sequence[str], *rest: str) -> list[str]:
    return [java(), *_JAVA_OPTIONS, *options, "-cp", classpath(), *rest]


def _kafka_properties(folder: Path, port: int, controller: int, password: str, settings: Mapping[str, str]) -> str:
    client = "SASL_PLAINTEXT" if password else "PLAINTEXT"
    properties = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": f"CLIENT:{client},CONTROLLER:PLAINTEXT",
        "listeners": f"CLIENT://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"CLIENT://{HOST}:{port}",
        "inter.broker.listener.name": "CLIENT",
        "log.dirs": str(folder / "log"),
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "500",
        # A killed instance may join again once its former self has been silent so long.
        "broker.session.timeout.ms": "2000",
        "broker.heartbeat.interval.ms": "500",
        # Its default adds 5 ms to every commit.
        "group.coordinator.append.linger.ms": "0",
        "message.max.bytes": str(4 * 1024 * 1024 + 65_536),
        **(_login(password) if password else {}),
        **settings,
    }
    return "".join(f"{name}={value}\n" for name, value in properties.items())


def _login(password: str) -> dict[str, str]:
    module = "org.apache.kafka.common.security"
    plain = (
        f'{module}.plain.PlainLoginModule required username="{ADMIN}" password="{password}" user_{ADMIN}="{password}";'
    )
    return {
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "listener.name.client.plain.sasl.jaas.config": plain,
        "listener.name.client.scram-sha-512.sasl.jaas.config": f"{module}.scram.ScramLoginModule required;",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{ADMIN};User:ANONYMOUS",  # the controller's own listener, on loopback, has no login
        "allow.everyone.if.no.acl.found": "false",
    }


_HANDED_OUT: Final = set[int]()
"""Ports of this process's servers: one that has not bound its port yet must not have it given to another."""


def _ports(folder: Path, count: int) -> list[int]:
    """The folder's ports, the same at each start as long as nobody else took them."""
    file = folder / "ports.json"
    kept: list[int] = json.loads(file.read_text()) if file.exists() else []
    if len(kept) != count or not all(_is_free(port) for port in kept):
        kept = _free_ports(count)
        write_private(file, json.dumps(kept))
    return kept


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        ports: list[int] = []
        while len(ports) < count:
            port = held.enter_context(socket.create_server((HOST, 0))).getsockname()[1]
            if port not in _HANDED_OUT:
                ports.append(port)
    _HANDED_OUT.update(ports)
    return ports


def _is_free(port: int) -> bool:
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True


def _answers(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True
