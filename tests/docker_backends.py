"""Apache Kafka and MongoDB in Docker, by testcontainers: the images that docker-compose.yml pins, one of each a run."""

import atexit
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

import yaml
from docker.errors import DockerException
from testcontainers.core.config import ConnectionMode
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient
from testcontainers.core.wait_strategies import LogMessageWaitStrategy
from urllib3.exceptions import HTTPError

_COMPOSE = Path(__file__).resolve().parents[1] / "docker-compose.yml"
_ANSWERS_WITHIN = 5
_STARTED_WITHIN = 120
_HERE = "127.0.0.1"
_NAMES_OF_HERE = (_HERE, "localhost", "::1")
_FAILURES = (DockerException, HTTPError, OSError, RuntimeError, ValueError)
"""What docker-py and testcontainers let out: requests' errors and a wait in vain are OSErrors, a container that ended
is a RuntimeError, and a pull that breaks off is an error of urllib3."""


class DockerMissing(Exception):
    """No Docker answers, or it could not start a container; one line that says why."""


@dataclass(frozen=True)
class PublishedPorts:
    """Where the daemon's published ports are: the address that clients use, the interface that they listen on."""

    host: str
    interface: str


def kafka_in_docker() -> str:
    """The bootstrap address of a broker started for this run. Raises `DockerMissing`."""
    published, port = _published(), _free_port()
    with _or_missing(f"{_named('kafka')} does not start"), _kept(kafka_container(published, port)):
        _must_answer(published.host, port)
    return f"{published.host}:{port}"


def mongodb_in_docker() -> str:
    """The address of a server started for this run. Raises `DockerMissing`."""
    published = _published()
    with _or_missing(f"{_named('mongodb')} does not start"), _kept(mongodb_container(published)) as container:
        host, port = _by_number(container.get_container_host_ip()), container.get_exposed_port(27017)
        _must_answer(host, port)
    return f"mongodb://{host}:{port}"


def kafka_container(published: PublishedPorts, port: int) -> DockerContainer:
    """One KRaft node. Clients come back to the address it advertises, so its port is the same within and without."""
    settings = {
        "NODE_ID": "1",
        "PROCESS_ROLES": "broker,controller",
        "CONTROLLER_QUORUM_VOTERS": "1@127.0.0.1:9093",
        "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "LISTENERS": f"CLIENT://:{port},CONTROLLER://127.0.0.1:9093",
        "ADVERTISED_LISTENERS": f"CLIENT://{published.host}:{port}",
        "LISTENER_SECURITY_PROTOCOL_MAP": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "INTER_BROKER_LISTENER_NAME": "CLIENT",
        "AUTO_CREATE_TOPICS_ENABLE": "false",
        "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "OFFSETS_TOPIC_NUM_PARTITIONS": "4",
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
        "SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
        "GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "GROUP_MIN_SESSION_TIMEOUT_MS": "500",
        "GROUP_COORDINATOR_APPEND_LINGER_MS": "0",
    }
    container = DockerContainer(image_of("kafka"))
    _publish(container, port, published.interface, port)
    for name, value in settings.items():
        container = container.with_env(f"KAFKA_{name}", value)
    started = LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(_STARTED_WITHIN)
    return container.waiting_for(started)


def mongodb_container(published: PublishedPorts) -> DockerContainer:
    """A server without a login: tests make databases of their own."""
    container = DockerContainer(image_of("mongodb"))
    _publish(container, 27017, published.interface)
    started = LogMessageWaitStrategy("Waiting for connections").with_startup_timeout(_STARTED_WITHIN)
    return container.waiting_for(started)


@cache
def image_of(service: str) -> str:
    """The image, by its digest, that the compose file runs."""
    return str(yaml.safe_load(_COMPOSE.read_text(encoding="utf-8"))["services"][service]["image"])


def _named(service: str) -> str:
    """The image for a person."""
    return image_of(service).partition("@")[0]


def _published() -> PublishedPorts:
    """Servers without a login listen on this machine alone, unless the daemon is on another, or around this one."""
    with _or_missing("no daemon answers"):
        daemon = DockerClient(timeout=_ANSWERS_WITHIN)
        try:
            host = _by_number(daemon.host())
            near = host == _HERE and daemon.get_connection_mode() is ConnectionMode.docker_host
        finally:
            daemon.client.close()
    return PublishedPorts(host, _HERE if near else "0.0.0.0")


def _by_number(host: str) -> str:
    return _HERE if host in _NAMES_OF_HERE else host


def _publish(container: DockerContainer, port: int, *where: str | int) -> None:
    """`where` is the interface, and the port there if it matters: Docker takes both, with_bind_ports the port alone."""
    cast("dict[str, object]", container.ports)[str(port)] = where


@contextmanager
def _or_missing(what: str) -> Iterator[None]:
    try:
        yield
    except _FAILURES as error:
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise DockerMissing(f"{what} ({why})") from error


@contextmanager
def _kept(container: DockerContainer) -> Iterator[DockerContainer]:
    """Started and ready, until the run ends; removed at once where it does not start, or the block fails."""
    with ExitStack() as undone:
        undone.callback(_removed, container)
        yield container.start()
        undone.pop_all()
    atexit.register(_removed, container)


def _removed(container: DockerContainer) -> None:
    """What the daemon does not remove now, testcontainers' own guard removes after the run."""
    with suppress(*_FAILURES):
        container.stop()


def _must_answer(host: str, port: int) -> None:
    """Raises RuntimeError. Within another container, say, a published port is not where the daemon's address is."""
    try:
        socket.create_connection((host, port), timeout=_ANSWERS_WITHIN).close()
    except OSError as error:
        raise RuntimeError(f"started, but nothing answers at {host}:{port}: {error}") from error


def _free_port() -> int:
    with socket.create_server((_HERE, 0)) as held:
        return int(held.getsockname()[1])
