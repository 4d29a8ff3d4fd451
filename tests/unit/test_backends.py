"""How tests find their backends: in the environment, in Docker, in Java, in that order; and what a run says it met.

No Docker is needed: the real functions, with testcontainers and docker-py below them, speak to a fake daemon.
"""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from testcontainers.core.config import ConnectionMode, testcontainers_config
from testcontainers.core.container import Reaper
from testcontainers.core.labels import LABEL_SESSION_ID, SESSION_ID

from deploy.java.jars import JavaMissing
from tests import backends, docker_backends
from tests.backends import REQUIRED, Met, Missed, address_of
from tests.docker_backends import DockerMissing, PublishedPorts, kafka_container, kafka_in_docker, mongodb_in_docker
from tests.unit.containers import REPOSITORY, environment, services
from tests.unit.fake_docker import FakeContainer, FakeDocker, fake_docker, known_as

BOTH = pytest.mark.parametrize(
    ("service", "start"), [("kafka", kafka_in_docker), ("mongodb", mongodb_in_docker)], ids=["kafka", "mongodb"]
)
OF_THE_PLACE = {
    "CLUSTER_ID",
    "KAFKA_LISTENERS",
    "KAFKA_ADVERTISED_LISTENERS",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
    "KAFKA_INTER_BROKER_LISTENER_NAME",
    "KAFKA_LOG_DIRS",
    "KAFKA_HEAP_OPTS",
    "KAFKA_GC_LOG_OPTS",
}
"""What the compose file sets for its own network, volume and memory."""
OF_LOGINS = re.compile("KAFKA_(SASL|LISTENER_NAME|AUTHORIZER|SUPER_USERS|ALLOW_EVERYONE|CONFIG_PROVIDERS)")
"""What it sets so that nobody does anything without a login: tests/integration/test_compose_kafka.py."""

Starts = Callable[[], str]
Ends = list[Callable[[], object]]


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDocker]:
    """A daemon that DOCKER_HOST names, whatever this machine has set, and wherever this process runs."""
    monkeypatch.setattr(testcontainers_config, "_ryuk_disabled", True)
    monkeypatch.setattr(testcontainers_config, "tc_properties", {})
    monkeypatch.setattr(testcontainers_config, "_docker_auth_config", None)
    monkeypatch.setattr(testcontainers_config, "hub_image_name_prefix", "")
    monkeypatch.setattr(testcontainers_config, "tc_host_override", None)
    monkeypatch.setattr(testcontainers_config, "connection_mode_override", ConnectionMode.docker_host)
    monkeypatch.setattr(testcontainers_config, "sleep_time", 0.01)
    for name in ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    with fake_docker() as fake:
        monkeypatch.setenv("DOCKER_HOST", fake.address)
        yield fake


@pytest.fixture(autouse=True)
def ends(monkeypatch: pytest.MonkeyPatch) -> Ends:
    """What would be done when the process ends. By then the fake daemon is gone."""
    kept: Ends = []

    def keep(function: Callable[..., object], *args: object) -> None:
        kept.append(lambda: function(*args))

    monkeypatch.setattr("atexit.register", keep)
    return kept


@pytest.fixture(autouse=True)
def _nothing_found_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this run has found stays as it is."""
    monkeypatch.setattr(backends, "FOUND", {})
    for name in ("LAHETE_TEST_KAFKA", "LAHETE_TEST_MONGODB", REQUIRED):
        monkeypatch.delenv(name, raising=False)


def only(daemon: FakeDocker) -> FakeContainer:
    """The one container that was asked for."""
    (container,) = daemon.containers
    return container


def missing(start: Starts) -> str:
    """Why there is none: one line."""
    with pytest.raises(DockerMissing) as caught:
        start()
    why = str(caught.value)
    assert why
    assert "\n" not in why
    assert len(why) < 300
    return why


# --- what Docker is asked for


@BOTH
def test_the_image_is_the_one_of_the_compose_file_by_its_digest(
    service: str, start: Starts, daemon: FakeDocker
) -> None:
    start()
    image = services()[service]["image"]
    assert re.fullmatch(r"[a-z/]+:\d+\.\d+\.\d+@sha256:[0-9a-f]{64}", image)
    assert daemon.images == {known_as(image)}
    assert only(daemon).image == image


@BOTH
def test_an_image_that_is_there_is_not_pulled_again(service: str, start: Starts, daemon: FakeDocker) -> None:
    daemon.images.add(known_as(services()[service]["image"]))
    start()
    assert "POST /images/create" not in daemon.asked


def test_the_broker_advertises_the_published_port_and_listens_on_it(daemon: FakeDocker) -> None:
    address = kafka_in_docker()
    port = address.removeprefix("127.0.0.1:")
    container = only(daemon)
    assert container.bindings == {f"{port}/tcp": [{"HostIp": "127.0.0.1", "HostPort": port}]}
    assert container.asked["ExposedPorts"] == {f"{port}/tcp": {}}
    told = container.environment
    assert told["KAFKA_ADVERTISED_LISTENERS"] == f"CLIENT://{address}"
    assert told["KAFKA_LISTENERS"] == f"CLIENT://:{port},CONTROLLER://127.0.0.1:9093"
    assert told["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"] == "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT"
    assert told["KAFKA_INTER_BROKER_LISTENER_NAME"] == "CLIENT"
    assert told["KAFKA_CONTROLLER_LISTENER_NAMES"] == "CONTROLLER"
    assert told["KAFKA_CONTROLLER_QUORUM_VOTERS"] == f"{told['KAFKA_NODE_ID']}@127.0.0.1:9093"


def test_the_broker_is_alone_so_that_every_inner_topic_has_one_replica(daemon: FakeDocker) -> None:
    kafka_in_docker()
    told = only(daemon).environment
    replicas = {name: value for name, value in told.items() if name.endswith(("REPLICATION_FACTOR", "MIN_ISR"))}
    assert set(replicas.values()) == {"1"}
    assert {name.split("_")[1] for name in replicas} == {"OFFSETS", "TRANSACTION", "SHARE"}


def test_the_broker_is_set_as_the_compose_file_sets_it(daemon: FakeDocker) -> None:
    kafka_in_docker()
    told = only(daemon).environment
    of_the_place = {name for name in environment("kafka") if name in OF_THE_PLACE or OF_LOGINS.match(name)}
    shared = {name: value for name, value in environment("kafka").items() if name not in of_the_place}
    assert {name: told.get(name) for name in shared} == shared
    assert {name for name in told if name not in shared} <= OF_THE_PLACE | {"KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS"}


def test_the_database_has_no_login_and_a_free_port_of_this_machine_alone(daemon: FakeDocker) -> None:
    address = mongodb_in_docker()
    container = only(daemon)
    assert container.bindings == {"27017/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}
    assert container.asked.get("Env", []) == []
    assert address == f"mongodb://127.0.0.1:{container.published['27017/tcp'].getsockname()[1]}"


@BOTH
def test_a_daemon_on_another_machine_publishes_there_for_this_one(
    service: str, start: Starts, daemon: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    probed: list[tuple[str, int]] = []
    monkeypatch.setattr(testcontainers_config, "tc_host_override", "docker.example")
    monkeypatch.setattr(docker_backends, "_must_answer", lambda *where: probed.append(where))
    address = start()
    (((binding,)),) = only(daemon).bindings.values()
    assert binding["HostIp"] == "0.0.0.0"
    assert address.removeprefix("mongodb://") == f"docker.example:{probed[0][1]}"
    if service == "kafka":
        assert only(daemon).environment["KAFKA_ADVERTISED_LISTENERS"] == f"CLIENT://{address}"


def test_a_daemon_around_this_container_publishes_outside_of_it(
    daemon: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testcontainers_config, "connection_mode_override", ConnectionMode.gateway_ip)
    assert docker_backends._published() == PublishedPorts("127.0.0.1", "0.0.0.0")


# --- when it is ready


@BOTH
def test_it_waits_for_the_line_that_says_so(service: str, start: Starts, daemon: FakeDocker) -> None:
    daemon.ready_after = 4
    start()
    assert only(daemon).looks == 5
    assert only(daemon).removed_with is None


def test_it_waits_two_minutes_at_most(daemon: FakeDocker) -> None:
    container = kafka_container(PublishedPorts("127.0.0.1", "127.0.0.1"), 9092)
    strategy = container._wait_strategy
    assert strategy is not None
    assert strategy._startup_timeout == 120
    container.stop()


@BOTH
def test_one_that_is_never_ready_is_missing_and_is_removed(
    service: str, start: Starts, daemon: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_backends, "_STARTED_WITHIN", 0.1)
    daemon.ready_after = 1_000_000
    assert re.search(
        rf"{services()[service]['image'].partition('@')[0]} does not start \(.* within 0\.100 seconds", missing(start)
    )
    assert only(daemon).removed_with == {"v": "True", "link": "False", "force": "True"}


@BOTH
def test_one_that_ends_is_missing_and_is_removed(service: str, start: Starts, daemon: FakeDocker) -> None:
    daemon.dies, daemon.ready_after = True, 2
    assert "exit code: 1" in missing(start)
    assert only(daemon).looks == 3
    assert only(daemon).removed_with is not None


@BOTH
def test_one_whose_port_leads_nowhere_from_here_is_missing_and_is_removed(
    service: str, start: Starts, daemon: FakeDocker
) -> None:
    daemon.shut = True
    assert re.search(r"nothing answers at 127\.0\.0\.1|not available", missing(start))
    assert only(daemon).removed_with is not None


@BOTH
@pytest.mark.parametrize("what", ["/images/create", "/containers/create", "/start", "/logs"])
def test_one_that_the_daemon_refuses_is_missing_and_leaves_nothing(
    service: str, start: Starts, what: str, daemon: FakeDocker
) -> None:
    daemon.refuses = what
    assert what in missing(start)
    assert all(one.removed_with is not None for one in daemon.containers)
    assert len(daemon.containers) == (what in {"/start", "/logs"})


@BOTH
@pytest.mark.parametrize("what", ["/images/create", "/containers/create", "/logs"])
def test_one_whose_daemon_breaks_off_is_missing_and_leaves_nothing_that_is_known(
    service: str, start: Starts, what: str, daemon: FakeDocker
) -> None:
    daemon.breaks_off = what
    missing(start)
    assert all(one.removed_with is not None for one in daemon.containers if one.status != "created")


def test_one_whose_port_was_taken_meanwhile_is_missing(daemon: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(docker_backends, "_free_port", lambda: taken.getsockname()[1])
        assert "failed to bind host port" in missing(kafka_in_docker)
    assert only(daemon).removed_with is not None


@BOTH
def test_a_test_that_is_broken_off_while_it_waits_leaves_no_container(
    service: str, start: Starts, daemon: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks_off(_: float) -> None:
        raise KeyboardInterrupt

    daemon.ready_after = 1
    monkeypatch.setattr("testcontainers.core.wait_strategies.time.sleep", breaks_off)
    with pytest.raises(KeyboardInterrupt):
        start()
    assert only(daemon).removed_with is not None


# --- when it ends


@BOTH
def test_it_is_removed_when_the_run_ends(service: str, start: Starts, daemon: FakeDocker, ends: Ends) -> None:
    start()
    assert only(daemon).removed_with is None
    for end in ends:
        end()
    assert only(daemon).removed_with == {"v": "True", "link": "False", "force": "True"}


@BOTH
def test_a_daemon_that_is_gone_by_then_is_no_error(service: str, start: Starts, daemon: FakeDocker, ends: Ends) -> None:
    start()
    daemon.refuses = "/containers/"
    for end in ends:
        end()
    assert daemon.asked[-1].startswith("DELETE /containers/")


def test_a_run_that_is_killed_leaves_its_containers_to_ryuk(
    daemon: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testcontainers_config, "_ryuk_disabled", False)
    monkeypatch.setattr(testcontainers_config, "_ryuk_docker_socket", "/var/run/docker.sock")
    for name in ("_instance", "_container", "_socket"):
        monkeypatch.setattr(Reaper, name, None)
    try:
        mongodb_in_docker()
        guard, mongodb = daemon.containers
        assert guard.image == testcontainers_config.ryuk_image
        assert mongodb.asked["Labels"][LABEL_SESSION_ID] == SESSION_ID
        connection, _ = guard.published["8080/tcp"].accept()
        with connection:
            assert connection.recv(1_000).decode() == f"label={LABEL_SESSION_ID}={SESSION_ID}\r\n"
    finally:
        Reaper.delete_instance()


# --- where no daemon answers


@pytest.mark.parametrize(
    "host",
    ["unix:///nonexistent/docker.sock", "tcp://127.0.0.1:1", "tcp://127.0.0.1:port", "ssh://127.0.0.1:1", "what?"],
)
@BOTH
def test_a_daemon_that_is_not_there_is_missing(
    service: str, start: Starts, host: str, daemon: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    assert missing(start).startswith("no daemon answers (")
    assert daemon.asked == []


@BOTH
def test_a_daemon_that_is_silent_is_missing_after_a_while(
    service: str, start: Starts, daemon: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_backends, "_ANSWERS_WITHIN", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{silent.getsockname()[1]}")
        assert re.search(r"^no daemon answers \(.*timeout=0\.1\)", missing(start))


@BOTH
def test_something_else_that_answers_is_no_daemon(service: str, start: Starts, daemon: FakeDocker) -> None:
    daemon.refuses = "/version"
    assert missing(start).startswith("no daemon answers (")


# --- the order


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Docker and Java, both there; who was asked, in turn."""
    turns: list[str] = []

    def there(what: str, address: str) -> Callable[..., str]:
        def start(*_: object) -> str:
            turns.append(what)
            return address

        return start

    monkeypatch.setattr(backends, "kafka_in_docker", there("docker", "127.0.0.1:2"))
    monkeypatch.setattr(backends, "mongodb_in_docker", there("docker", "mongodb://127.0.0.1:2"))
    monkeypatch.setattr(backends, "_started", there("java", "127.0.0.1:3"))
    monkeypatch.setattr(backends, "_folder", lambda: Path("/nonexistent"))
    monkeypatch.setattr(backends, "KafkaServer", lambda folder: folder)
    monkeypatch.setattr(backends, "MongoServer", lambda folder: folder)
    return turns


NO_DOCKER = DockerMissing("no daemon answers (nothing there)")
NO_JAVA = JavaMissing("`java` is not on the path; install a JDK")
FINDERS = pytest.mark.parametrize(
    ("name", "find", "variable", "scheme"),
    [
        ("Kafka", backends.kafka.__wrapped__, "LAHETE_TEST_KAFKA", ""),
        ("MongoDB", backends.mongodb.__wrapped__, "LAHETE_TEST_MONGODB", "mongodb://"),
    ],
    ids=["kafka", "mongodb"],
)

Finds = Callable[[], Met | Missed]


def without(what: str, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes Docker or Java away."""

    def is_missing(*_: object) -> str:
        raise error

    for name in ("kafka_in_docker", "mongodb_in_docker") if what == "docker" else ("_started",):
        monkeypatch.setattr(backends, name, is_missing)


@FINDERS
def test_an_address_in_the_environment_comes_first(
    name: str, find: Finds, variable: str, scheme: str, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, f"{scheme}127.0.0.1:1")
    assert find() == Met(variable, f"{scheme}127.0.0.1:1")
    assert asked == []


@FINDERS
def test_docker_comes_second(name: str, find: Finds, variable: str, scheme: str, asked: list[str]) -> None:
    assert find() == Met("Docker", f"{scheme}127.0.0.1:2")
    assert asked == ["docker"]


@FINDERS
def test_java_comes_third(
    name: str, find: Finds, variable: str, scheme: str, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    without("docker", NO_DOCKER, monkeypatch)
    assert find() == Met("Java", f"{scheme}127.0.0.1:3")
    assert asked == ["java"]
    assert backends.FOUND[name] == Met("Java", f"{scheme}127.0.0.1:3")


@FINDERS
def test_what_is_missing_says_every_reason(
    name: str, find: Finds, variable: str, scheme: str, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    without("docker", NO_DOCKER, monkeypatch)
    without("java", NO_JAVA, monkeypatch)
    reasons = f"{variable} is not set; Docker: {NO_DOCKER}; Java: {NO_JAVA}"
    assert find() == backends.FOUND[name] == Missed(f"no {name}: {reasons}")


@FINDERS
def test_a_real_daemon_is_asked_before_java(
    name: str, find: Finds, variable: str, scheme: str, daemon: FakeDocker
) -> None:
    found = find()
    assert isinstance(found, Met)
    assert found.what == "Docker"
    assert only(daemon).status == "running"


@FINDERS
def test_java_takes_over_where_docker_cannot_start_one(
    name: str,
    find: Finds,
    variable: str,
    scheme: str,
    asked: list[str],
    daemon: FakeDocker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backends, "kafka_in_docker", kafka_in_docker)
    monkeypatch.setattr(backends, "mongodb_in_docker", mongodb_in_docker)
    daemon.dies = True
    assert find() == Met("Java", f"{scheme}127.0.0.1:3")
    assert only(daemon).removed_with is not None


def test_a_backend_that_is_met_gives_its_address() -> None:
    assert address_of(Met("Docker", "127.0.0.1:2")) == "127.0.0.1:2"


def test_a_missing_backend_skips_with_its_reasons() -> None:
    with pytest.raises(pytest.skip.Exception, match=r"^no Kafka: because$"):
        address_of(Missed("no Kafka: because"))


def test_a_missing_backend_fails_where_one_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REQUIRED, "java")
    with pytest.raises(pytest.fail.Exception, match=rf"^a backend is required by {REQUIRED}: no Kafka: because$"):
        address_of(Missed("no Kafka: because"))


# --- a run's last words

ASKS_FOR_BOTH = """
import pytest
from tests.backends import address_of, kafka, mongodb


@pytest.mark.parametrize("find", [kafka, mongodb])
def test_it(find):
    print("found", address_of(find()))
"""


def run(folder: Path, test: str, workers: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    """A run of its own, in a folder of its own, on a machine without Java and with the Docker that is named.

    Where it has workers, each has the test in a file of its own.
    """
    for number in range(workers or 1):
        (folder / f"test_it_{number}.py").write_text(test)
    inherited = {name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ}
    settings = {
        "HOME": str(folder),
        "PATH": str(folder),
        "DOCKER_HOST": "unix:///nonexistent/docker.sock",
        "TESTCONTAINERS_RYUK_DISABLED": "true",
        "TESTCONTAINERS_CONNECTION_MODE": "docker_host",
        "TC_POOLING_INTERVAL": "0.01",
        **inherited,
        **variables,
    }
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-c", "pyproject.toml", "-rA"]
    shared = ["--numprocesses", str(workers), "--dist", "loadfile"]
    command = [sys.executable, "-m", "pytest", *options, *shared, str(folder)]
    return subprocess.run(
        command, cwd=REPOSITORY, env=settings, capture_output=True, text=True, timeout=180, check=False
    )


def told(ended: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The table at the end, by backend."""
    found = re.search(r"=+ backends =+\n((?:(?!=).+\n)+)", ended.stdout)
    assert found, ended.stdout + ended.stderr
    return dict(re.split(r" {2,}|(?<=embedded) ", line, maxsplit=1) for line in found[1].splitlines())


def test_a_run_says_what_it_met_and_what_it_did_not_and_why(tmp_path: Path) -> None:
    ended = run(tmp_path, ASKS_FOR_BOTH, LAHETE_TEST_MONGODB="mongodb://127.0.0.1:1")
    table = told(ended)
    assert table["MongoDB"] == "met: LAHETE_TEST_MONGODB"
    why = (
        r"NOT met: no Kafka: LAHETE_TEST_KAFKA is not set; Docker: no daemon answers \(.+\); Java: `java` is not on .+"
    )
    assert re.fullmatch(why, table["Kafka"])
    assert table["Kafka, embedded"].startswith("met")
    assert table["store, SQLite"].startswith("met")
    assert "1 passed, 1 skipped" in ended.stdout
    assert ended.returncode == 0


def test_a_run_that_requires_backends_fails_without_them(tmp_path: Path) -> None:
    ended = run(tmp_path, ASKS_FOR_BOTH, LAHETE_REQUIRE_ENGINES="java")
    assert told(ended)["Kafka"].startswith("NOT met: no Kafka: ")
    assert "a backend is required by LAHETE_REQUIRE_ENGINES: no MongoDB: LAHETE_TEST_MONGODB is not set" in ended.stdout
    assert "2 failed" in ended.stdout
    assert ended.returncode == 1


def test_a_run_that_asks_for_no_backend_says_so(tmp_path: Path) -> None:
    table = told(run(tmp_path, "def test_it(): pass\n"))
    assert table["Kafka"] == table["MongoDB"] == "not asked for by these tests"


def test_a_run_with_docker_starts_each_once_and_leaves_nothing(tmp_path: Path, daemon: FakeDocker) -> None:
    ended = run(tmp_path, ASKS_FOR_BOTH.replace("[kafka, mongodb]", "[kafka, mongodb] * 2"), DOCKER_HOST=daemon.address)
    table = told(ended)
    assert (table["Kafka"], table["MongoDB"]) == ("met: Docker", "met: Docker")
    assert "4 passed" in ended.stdout
    assert [one.image for one in daemon.containers] == [services()[name]["image"] for name in ("kafka", "mongodb")]
    assert all(one.removed_with is not None for one in daemon.containers)
    assert ended.stderr == ""


# --- a run with workers


def test_what_the_workers_met_is_said_once(tmp_path: Path, daemon: FakeDocker) -> None:
    """Each starts servers of its own, and leaves none."""
    both = {"DOCKER_HOST": daemon.address, "LAHETE_TEST_MONGODB": "mongodb://127.0.0.1:1"}
    ended = run(tmp_path, ASKS_FOR_BOTH, workers=2, **both)
    table = told(ended)
    assert (table["Kafka"], table["MongoDB"]) == ("met: Docker", "met: LAHETE_TEST_MONGODB")
    assert "4 passed" in ended.stdout
    assert [one.image for one in daemon.containers] == [services()["kafka"]["image"]] * 2
    assert all(one.removed_with is not None for one in daemon.containers)


def test_what_the_workers_did_not_meet_is_said_once_and_fails_where_it_is_required(tmp_path: Path) -> None:
    ended = run(tmp_path, ASKS_FOR_BOTH, workers=2, LAHETE_REQUIRE_ENGINES="java")
    assert re.fullmatch(
        r"NOT met: no Kafka: LAHETE_TEST_KAFKA is not set; [^;]+; Java: [^;]+; [^;]+", told(ended)["Kafka"]
    )
    assert "4 failed" in ended.stdout
    assert ended.returncode == 1


ALONE = """
import time
from pathlib import Path
from tests import backends

HERE = Path(__file__).parent


def test_it():
    Path(__file__).with_suffix(".asks").touch()
    with backends._alone():
        (HERE / "held").touch(exist_ok=False)
        while len(list(HERE.glob("*.asks"))) < 2:
            time.sleep(0.01)
        time.sleep(0.3)
        (HERE / "held").unlink()
"""


def test_a_kafka_of_others_is_one_tests_at_a_time(tmp_path: Path) -> None:
    ended = run(tmp_path, ALONE, workers=2, LAHETE_TEST_KAFKA="127.0.0.1:1")
    assert "2 passed" in ended.stdout, ended.stdout
