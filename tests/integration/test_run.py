"""`lahete run` as its users meet it: real processes, real HTTP, real signals, a folder of its own for each run.

How we know: exit codes, what run.json and the doors say, and which of the run's processes are still there.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from cli.main import app
from deploy.embedded.control import REPOSITORY, BrokerControl
from shared.cluster import Cluster
from shared.contracts.topics import SERVICES
from shared.engine.lag import LagReader

EVENT = "application/cloudevents+json"
OFFSETS = {"monitor": 0, "referral": 1, "catalogue": 2, "feedback": 3, "notify": 4}


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def is_running(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def free_base() -> int:
    """The first of five free ports in a row, below those that the system hands out to connections by itself."""
    while True:
        base = random.randrange(20_000, 32_000)
        with ExitStack() as stack, suppress(OSError):
            for port in range(base - 1, base + 5):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return base


class Running:
    """A platform in a process of its own."""

    def __init__(self, folder: Path, base: int, process: subprocess.Popen[str]) -> None:
        self.folder = folder
        self.base = base
        self.process = process

    @property
    def run(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.folder / "run.json").read_text())
        return document

    def key(self, holder: str) -> str:
        return str(json.loads((self.folder / "keys.json").read_text())[holder])

    def ready(self, service: str) -> bool:
        with suppress(httpx.TransportError):
            return bool(httpx.get(self.run["urls"][service] + "/health/ready", trust_env=False).status_code == 200)
        return False

    def send(self, event: Mapping[str, object], key: str | None) -> httpx.Response:
        headers = {"Content-Type": EVENT} | ({"Authorization": f"Bearer {key}"} if key else {})
        url = self.run["urls"]["referral"] + "/v1/events"
        return httpx.post(url, content=json.dumps(event), headers=headers, timeout=10, trust_env=False)

    def ended(self, seconds: float = 30) -> tuple[int, str]:
        """Exit code and all that it printed."""
        printed, _ = self.process.communicate(timeout=seconds)
        return self.process.returncode, printed


def start(folder: Path, base: int, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", "run", "--dir", str(folder), "--port-base", str(base), *arguments],
        cwd=REPOSITORY,
        env=os.environ | {"LAHETE_ENV": "test"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def running(folder: Path, base: int | None = None, *arguments: str, **environment: str) -> Iterator[Running]:
    """A run that is ready; killed at the end of the block if it has not ended by then."""
    base = base or free_base()
    process = start(folder, base, *arguments, **environment)
    platform = Running(folder, base, process)
    try:
        there = wait_for(lambda: (folder / "run.json").exists() or process.poll() is not None, 40)
        assert there, f"not ready; see {folder}/logs"
        assert process.poll() is None, process.communicate()[0]
        yield platform
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def lahete(*arguments: str) -> tuple[int, str]:
    """Exit code and output of a verb, run within this process."""
    result = CliRunner().invoke(app, [*arguments])
    return result.exit_code, result.stdout


def referral(region: str = "06", **changes: object) -> dict[str, object]:
    id_ = str(uuid.uuid4())
    return {
        "specversion": "1.0",
        "id": f"test-{id_}",
        "source": f"/region/{region}",
        "type": "fi.kulttuurilahete.ReferralIssued.v1",
        "subject": id_,
        "time": datetime.now(UTC).isoformat(),
        "data": {
            "referral_id": id_,
            "unit_ref": "unit-1",
            "municipality": "837",
            "age_band": "30-64",
            "languages": ["fi"],
            "needs": {"friends": 8},
            "consent": {"recorded_on": "2026-08-31", "scopes": ["referral"]},
        },
    } | changes


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One that the tests share which leave it running."""
    with running(tmp_path_factory.mktemp("shared") / "lahete") as shared:
        yield shared


def test_run_json_says_what_runs_and_where(platform: Running) -> None:
    run = platform.run
    assert run.keys() == {"kafka", "store", "urls", "pids", "clock"}
    assert run["urls"] == {service: f"http://127.0.0.1:{platform.base + OFFSETS[service]}" for service in SERVICES}
    assert run["pids"].keys() == {*SERVICES, "broker", "supervisor"}
    assert run["pids"]["supervisor"] == platform.process.pid
    assert all(is_running(pid) for pid in run["pids"].values())
    assert run["store"] == f"sqlite:{platform.folder}"
    assert run["clock"]["speed"] == 1
    assert all(platform.ready(service) for service in SERVICES)


def test_keys_and_their_files_are_the_owners_alone(platform: Running) -> None:
    for name in ("keys.json", "key-hashes.json", "service-key", "broker.json"):
        assert stat.S_IMODE((platform.folder / name).stat().st_mode) == 0o600
    assert platform.key("ops:first") != platform.key("reader:first")


def test_the_door_asks_for_the_right_key(platform: Running) -> None:
    event = referral()
    assert platform.send(event, None).status_code == 401
    assert platform.send(event, "lahete_wrong").status_code == 401
    assert platform.send(event, platform.key("/region/08")).status_code == 403
    assert platform.send(event, platform.key("ops:first")).status_code == 403
    taken = platform.send(event, platform.key("/region/06"))
    assert (taken.status_code, taken.json()) == (202, {"accepted": [{"id": event["id"], "source": "/region/06"}]})


def test_a_key_works_from_when_it_is_added_until_it_is_revoked(platform: Running) -> None:
    at = ("--dir", str(platform.folder))
    assert lahete("key", "add", "ops:anna", *at)[0] == 0
    url, headers = platform.run["urls"]["monitor"] + "/v1/lag", {"Authorization": f"Bearer {platform.key('ops:anna')}"}
    assert httpx.get(url, headers=headers, trust_env=False).status_code == 200
    assert lahete("key", "revoke", "ops:anna", *at)[0] == 0
    assert httpx.get(url, headers=headers, trust_env=False).status_code == 401


def test_status_shows_every_process_as_it_is(platform: Running) -> None:
    code, printed = lahete("status", "--json", "--dir", str(platform.folder))
    assert code == 0
    processes = {process["name"]: process for process in json.loads(printed)["processes"]}
    assert processes.keys() == {*SERVICES, "broker", "supervisor"}
    assert all(processes[service]["alive"] and processes[service]["ready"] for service in SERVICES)
    assert all(isinstance(processes[service]["lag"], int) for service in SERVICES)


def test_what_is_emitted_is_traced_and_leaves_no_lag(platform: Running, tmp_path: Path) -> None:
    event, unknown = referral(), referral("06", type="fi.kulttuurilahete.Nothing.v1")
    lines = tmp_path / "events.jsonl"
    lines.write_text("\n".join(json.dumps(line) for line in (event, unknown, referral("08"))))
    at = ("--dir", str(platform.folder))
    code, printed = lahete("emit", str(lines), "--json", *at)
    told = json.loads(printed)
    assert (code, told["accepted"]) == (1, 2)
    assert [refused["line"] for refused in told["refused"]] == [2]
    assert "Nothing" in told["refused"][0]["reason"]

    def traced() -> list[str]:
        code, printed = lahete("trace", str(event["subject"]), "--json", *at)
        return [entry["type"] for entry in json.loads(printed)["events"]] if code == 0 else []

    assert wait_for(lambda: "fi.kulttuurilahete.ReferralOpened.v1" in traced(), 15)
    assert wait_for(lambda: lahete("lag", *at) == (0, "nothing is behind\n"), 15)


@pytest.mark.asyncio
async def test_lag_counts_what_nobody_has_read_and_how_long_it_waits(platform: Running) -> None:
    """A group that has read nothing is behind by all there is; one topic, so that what else happens does not count."""
    kafka = platform.run["kafka"]
    BrokerControl.from_port_file(platform.folder / "broker.json").create_topic("lag.test", 2)
    reads = {"nobody": lambda topic: topic == "lag.test", "reads-nothing": lambda topic: topic == ""}
    async with LagReader(Cluster(kafka), reads) as reader, AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        assert [lag.lag for lag in await reader.lags()] == [0, 0]
        long_ago = int((time.time() - 60) * 1000)
        await producer.send_and_wait("lag.test", b"1", partition=1, timestamp_ms=long_ago)
        await producer.send_and_wait("lag.test", b"2", partition=1)
        empty, behind = await reader.lags()
    assert (empty.lag, empty.seconds) == (0, 0)
    assert (behind.service, behind.topic, behind.partition, behind.lag) == ("nobody", "lag.test", 1, 2)
    assert 59 < behind.seconds < 75


def test_while_the_platform_stops_the_door_says_when_to_come_again(platform: Running) -> None:
    closed = platform.folder / "intake-closed"
    closed.touch()
    try:
        answer = platform.send(referral(), platform.key("/region/06"))
        partner = httpx.put(
            platform.run["urls"]["monitor"] + "/v1/partners/region/06",
            json={"name": "Pirkanmaa"},
            headers={"Authorization": f"Bearer {platform.key('/region/06')}"},
            trust_env=False,
        )
    finally:
        closed.unlink()
    assert partner.status_code == 503
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "stopping" in answer.json()["detail"]
    assert platform.send(referral(), platform.key("/region/06")).status_code == 202


def test_a_topic_granted_while_running_is_there(platform: Running) -> None:
    assert lahete("topics", "add", "/region/06", "--dir", str(platform.folder))[0] == 0
    control = BrokerControl.from_port_file(platform.folder / "broker.json")
    assert control.topics()["intake.region.06"] == 1


def test_a_second_run_in_the_folder_is_refused_in_one_line(platform: Running) -> None:
    second = start(platform.folder, free_base())
    printed, _ = second.communicate(timeout=20)
    assert second.returncode == 1
    assert printed.startswith(f"lahete: another run, process {platform.process.pid}, has {platform.folder}")
    assert printed.count("\n") == 1
    assert platform.ready("referral")


def test_a_port_in_use_is_refused_in_one_line_before_anything_starts(platform: Running, tmp_path: Path) -> None:
    second = start(tmp_path / "other", platform.base - 1)
    printed, _ = second.communicate(timeout=20)
    assert second.returncode == 1
    assert printed.startswith(f"lahete: port {platform.base} for referral: Address already in use")
    assert printed.endswith("choose another --port-base\n")
    assert printed.count("\n") == 1
    assert not (tmp_path / "other" / "keys.json").exists()


def test_a_service_that_is_killed_comes_back_and_run_json_says_so(platform: Running) -> None:
    before = platform.run
    os.kill(before["pids"]["catalogue"], signal.SIGKILL)
    assert wait_for(lambda: platform.run["pids"]["catalogue"] not in {0, before["pids"]["catalogue"]}, 10)
    after = platform.run
    assert after["urls"] == before["urls"]
    assert {name for name in after["pids"] if after["pids"][name] != before["pids"][name]} == {"catalogue"}
    assert wait_for(lambda: platform.ready("catalogue"), 20)


def test_stop_ends_all_in_order_and_the_next_run_goes_on(tmp_path: Path) -> None:
    """An event is sent, all is stopped at once, all is started again: the referral is known, the keys are the same."""
    folder, event = tmp_path / "lahete", referral()
    with running(folder) as first:
        pids, key = first.run["pids"], first.key("/region/06")
        assert first.send(event, key).status_code == 202
        assert lahete("stop", "--dir", str(folder)) == (0, "stopped\n")
        code, printed = first.ended()
        assert code == 0, printed
        assert printed.endswith("stopping: the doors are closed, waiting for what is under way\nstopped\n")
    assert not any(is_running(pid) for pid in pids.values())
    assert not (folder / "run.json").exists()
    assert lahete("stop", "--dir", str(folder))[0] == 0
    with running(folder, first.base) as second:
        assert second.key("/region/06") == key
        url = f"{second.run['urls']['referral']}/v1/referrals/{event['subject']}"
        answer = httpx.get(url, headers={"Authorization": f"Bearer {key}"}, timeout=10, trust_env=False)
        assert (answer.status_code, answer.json()["referral_id"]) == (200, event["subject"])


def test_ctrl_c_twice_ends_it_at_once_and_says_what_is_left(tmp_path: Path) -> None:
    """A service is held still, so that what is sent to it stays unread; the first Ctrl-C waits, the second does not."""
    with running(tmp_path / "lahete") as platform:
        pids = platform.run["pids"]
        os.kill(pids["catalogue"], signal.SIGSTOP)
        assert platform.send(referral(), platform.key("/region/06")).status_code == 202
        platform.process.send_signal(signal.SIGINT)
        assert wait_for(lambda: (tmp_path / "lahete" / "intake-closed").exists(), 5)
        time.sleep(1.5)
        assert platform.process.poll() is None
        platform.process.send_signal(signal.SIGINT)
        code, printed = platform.ended(10)
    assert code == 1
    assert "left: catalogue has 1 events of intake.http still to read\n" in printed
    assert "left: catalogue did not end and was killed\n" in printed
    assert not any(is_running(pid) for pid in pids.values())


def test_nothing_is_left_running_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    with running(tmp_path / "lahete") as platform:
        pids = platform.run["pids"]
        platform.process.kill()
        platform.process.wait()
        assert wait_for(lambda: not any(is_running(pid) for pid in pids.values()), 5)
    assert lahete("status", "--dir", str(tmp_path / "lahete"))[0] == 1


def test_services_that_have_just_been_started_end_too_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    process = start(tmp_path / "lahete", free_base())
    supervisor = psutil.Process(process.pid)
    assert wait_for(lambda: len(supervisor.children()) == len(SERVICES) + 1, 15)
    children = [child.pid for child in supervisor.children()]
    process.kill()
    process.communicate()
    assert wait_for(lambda: not any(is_running(pid) for pid in children), 10)


def test_when_the_broker_dies_everything_stops_and_says_what_is_lost(tmp_path: Path) -> None:
    with running(tmp_path / "lahete") as platform:
        pids = platform.run["pids"]
        os.kill(pids["broker"], signal.SIGKILL)
        code, printed = platform.ended(10)
    assert code == 1
    last = printed.splitlines()[-1]
    assert last.startswith("lahete: the broker ended by SIGKILL. Its log was in memory: events that were taken and not")
    assert not any(is_running(pid) for pid in pids.values())


def test_a_service_that_cannot_start_ends_the_start_with_its_own_line(tmp_path: Path) -> None:
    process = start(tmp_path / "lahete", free_base(), LAHETE_DUE_MATCH="-P1D")
    printed, _ = process.communicate(timeout=40)
    assert process.returncode == 1
    assert printed.splitlines()[-1].startswith("lahete: referral ended with 1: lahete: LAHETE_DUE_MATCH")
    assert not (tmp_path / "lahete" / "run.json").exists()


def test_a_run_in_the_background_is_there_when_the_verb_returns(tmp_path: Path) -> None:
    folder, base = tmp_path / "lahete", free_base()
    command = [sys.executable, "-m", "cli.main", "run", "--detach", "--dir", str(folder), "--port-base", str(base)]
    environment = os.environ | {"LAHETE_ENV": "test", "LAHETE_CLOCK": "2026-09-01T08:00:00+03:00*40"}
    begun = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    try:
        assert begun.returncode == 0, begun.stderr
        run = json.loads((folder / "run.json").read_text())
        assert all(f"{service}\t{url}" in begun.stdout for service, url in run["urls"].items())
        assert run["clock"]["start"] == "2026-09-01T05:00:00+00:00"
        assert run["clock"]["speed"] == 40
    finally:
        stopped = lahete("stop", "--dir", str(folder))
    assert stopped == (0, "stopped\n")
    assert not any(is_running(pid) for pid in run["pids"].values())
