"""The image: its Dockerfile, what goes into it, and its health check against a service's own HTTP."""

import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy.runtime_lock import runtime_lock
from tests.unit.containers import PLATFORM, REPOSITORY

DOCKERFILE = (REPOSITORY / "deploy/Dockerfile").read_text(encoding="utf-8")
LOCK = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LAST_STAGE = DOCKERFILE.rpartition("\nFROM ")[2]


def pins(lock: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))


# --- the Dockerfile


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    run = subprocess.run([hadolint, "deploy/Dockerfile"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "")


def test_all_stages_begin_with_the_same_image_by_its_digest() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(bases) > 1
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim@sha256:[0-9a-f]{64}", bases[0])


def test_it_runs_as_nobody_in_particular_and_stops_on_sigterm() -> None:
    assert re.findall(r"^USER (.*)", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert "\nSTOPSIGNAL SIGTERM\n" in LAST_STAGE
    assert "PYTHONDONTWRITEBYTECODE=1" in LAST_STAGE


def test_the_last_stage_installs_nothing_and_no_stage_compiles() -> None:
    assert not re.search(r"\b(pip|apt-get|apt|curl|wget|gcc)\b", LAST_STAGE)
    assert not re.search(r"apt-get|build-essential|\bgcc\b", DOCKERFILE)
    assert "--only-binary :all: --require-hashes" in DOCKERFILE


def test_every_path_that_is_copied_is_there_and_is_let_through_to_the_builder() -> None:
    ignore = (REPOSITORY / ".dockerignore").read_text().split()
    copied = [line.split()[1:-1] for line in re.findall(r"^COPY (?!--from).*", DOCKERFILE, re.MULTILINE)]
    for source in (one for sources in copied for one in sources):
        assert (REPOSITORY / source).exists(), source
        assert {f"!{source}", f"!{source.split('/')[0]}"} & set(ignore)
    houses = {source for sources in copied for source in sources if (REPOSITORY / source).is_dir()}
    assert houses == {"shared", "services", "edges", "demo", "deploy", "cli"}


# --- what is installed in it


def test_what_runs_is_installed_with_all_it_needs_and_what_only_tests_is_not() -> None:
    kept = pins(runtime_lock(LOCK, PROJECT["dependencies"]))
    assert {"aiokafka", "faststream", "pydantic-core", "httpcore", "pymongo", "uvloop"} <= kept
    assert kept <= pins(LOCK)
    only_for_tests = {
        re.split(r"[\[~>=]", requirement)[0] for requirement in PROJECT["optional-dependencies"]["dev"]
    } - kept
    assert {"pytest", "mypy", "ruff", "hypothesis", "testcontainers"} <= only_for_tests
    assert not kept & {"iniconfig", "pluggy", "mypy-extensions", "docker", "rpds-py"}


def test_every_pin_keeps_its_hashes_and_its_marker() -> None:
    lock = (
        'a==1 ; sys_platform == "x" \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\n    # via\n'
        "    #   project (pyproject.toml)\n    #   b-b\nb-b==2 \\\n    --hash=sha256:3\n    # via project (pyproject.toml)\n"
        "c==3 \\\n    --hash=sha256:4\n    # via d\nd==4 \\\n    --hash=sha256:5\n    # via project (pyproject.toml)\n"
    )
    found = runtime_lock(lock, ["B_b[extra]~=2.0"])
    assert pins(found) == {"a", "b-b"}
    assert found == lock[: lock.index("c==3")]


def test_a_dependency_that_the_lock_does_not_know_ends_the_build() -> None:
    with pytest.raises(ValueError, match="the lock has no something-new"):
        runtime_lock(LOCK, ["something_new>=1"])


def printed(extras: str) -> str:
    arguments = ["deploy/runtime_lock.py", "pyproject.toml", "requirements.lock", extras]
    run = subprocess.run([sys.executable, *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return run.stdout


def test_it_is_a_program_that_prints_the_lock_with_the_extras_that_the_build_names() -> None:
    assert printed("") == runtime_lock(LOCK, PROJECT["dependencies"])
    with_traces = pins(printed("otel"))
    assert with_traces >= pins(printed("")) | {"opentelemetry-sdk", "opentelemetry-proto", "protobuf", "requests"}
    assert not pins(printed("")) & {"opentelemetry-sdk", "protobuf", "requests", "authlib", "cryptography"}
    assert pins(printed("otel oidc")) >= with_traces | {"authlib", "joserfc", "cryptography"}


def test_what_is_copied_holds_what_is_started() -> None:
    for name in PLATFORM:
        assert (REPOSITORY / "services" / name / "__main__.py").is_file()
    assert "from cli.main import main" in DOCKERFILE


# --- the health check


class ServiceDouble(BaseHTTPRequestHandler):
    """Answers as a service would."""

    status = 200

    def do_GET(self) -> None:
        found = self.status if self.path == "/health/ready" else 404
        self.send_response(found)
        self.end_headers()
        self.wfile.write(b'{"ready": false, "missing": ["Kafka has not answered yet"]}')

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has there
        pass


@pytest.fixture
def service() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), ServiceDouble) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def check(port: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.health"],
        cwd=REPOSITORY,
        env={"LAHETE_PORT": str(port)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_ready_service_is_healthy(service: int) -> None:
    ServiceDouble.status = 200
    assert check(service).returncode == 0


def test_one_that_is_not_ready_is_not_and_the_check_says_what_is_missing(service: int) -> None:
    ServiceDouble.status = 503
    checked = check(service)
    assert checked.returncode == 1
    assert "Kafka has not answered yet" in checked.stdout


def test_one_that_is_not_there_is_not(service: int) -> None:
    checked = check(1)
    assert (checked.returncode, checked.stderr) == (1, "")
    assert "does not answer" in checked.stdout
