"""Apache Kafka and MongoDB in Docker, by testcontainers: the images that docker-compose.yml pins, one of each a run."""

import atexit
import socket
from functools import cache
from pathlib import Path

import docker
import requests
import yaml
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

_COMPOSE = Path(__file__).resolve().parents[1] / "docker-compose.yml"
_STARTED_WITHIN = 120


class DockerMissing(Exception):
    """No Docker answers, or it could not start a container; one line that says why."""


def kafka_in_docker() -> str:
    """The bootstrap address of a broker started for this run. Raises `DockerMissing`."""
    _must_answer()
    port = _free_port()
    _started(kafka_container(port))
    return f"127.0.0.1:{port}"


def mongodb_in_docker() -> str:
    """The address of a server started for this run. Raises `DockerMissing`."""
    _must_answer()
    container = _started(mongodb_container())
    return f"mongodb://{container.get_container_host_ip()}:{container.get_exposed_port(27017)}"


def kafka_container(port: int) -> DockerContainer:
    """One KRaft node. Clients come back to the address it advertises, so its port is the same within and without."""
    settings = {
        "NODE_ID": "1",
        "PROCESS_ROLES": "broker,controller",
        "CONTROLLER_QUORUM_VOTERS": "1@127.0.0.1:9093",
        "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "LISTENERS": f"CLIENT://:{port},CONTROLLER://127.0.0.1:9093",
        "ADVERTISED_LISTENERS": f"CLIENT://127.0.0.1:{port}",
        "LISTENER_SECURITY_PROTOCOL_MAP": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "INTER_BROKER_LISTENER_NAME": "CLIENT",
        "AUTO_CREATE_TOPICS_ENABLE": "false",
        "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "OFFSETS_TOPIC_NUM_PARTITIONS": "4",
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "GROUP_MIN_SESSION_TIMEOUT_MS": "500",
        "GROUP_COORDINATOR_APPEND_LINGER_MS": "0",
    }
    container = DockerContainer(image_of("kafka")).with_bind_ports(port, port)
    for name, value in settings.items():
        container = container.with_env(f"KAFKA_{name}", value)
    started = LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(_STARTED_WITHIN)
    return container.waiting_for(started)


def mongodb_container() -> DockerContainer:
    """A server without a login: tests make databases of their own."""
    started = LogMessageWaitStrategy("Waiting for connections").with_startup_timeout(_STARTED_WITHIN)
    return DockerContainer(image_of("mongodb")).with_exposed_ports(27017).waiting_for(started)


@cache
def image_of(service: str) -> str:
    """The image, with its exact tag, that the compose file runs."""
    return str(yaml.safe_load(_COMPOSE.read_text())["services"][service]["image"])


def _must_answer() -> None:
    try:
        client = docker.from_env(timeout=5)
    except DockerException as error:
        raise DockerMissing(f"no daemon answers ({str(error).splitlines()[0][:120]})") from error
    client.close()


def _started(container: DockerContainer) -> DockerContainer:
    try:
        container.start()
    except (DockerException, requests.RequestException, TimeoutError) as error:
        container.stop()
        raise DockerMissing(f"{container.image} does not start ({str(error).splitlines()[0][:200]})") from error
    atexit.register(container.stop)
    return container


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])
