"""`lahete run` as its users meet it: real processes, real HTTP, real signals, a folder of its own for each run.

On the embedded backends, and on the servers in Java with two instances of a service. How we know: exit codes, what run.json
and the doors say, and which of the run's processes are still there.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import cast

import psutil
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from confluent_kafka.admin import AdminClient

from deploy.backends import Backend
from deploy.embedded_broker.control import REPOSITORY, BrokerControl
from deploy.local.state import open_folder
from shared.contracts.topics import SERVICES
from shared.kafka.cluster import Cluster
from shared.kafka.lag import LagReader
from tests.backends import address_of, for_ci_alone, java
from tests.guides import first_day, other_requests
from tests.integration.running import (
    PATIENCE,
    READY_WITHIN,
    SERVERS,
    RunningPlatform,
    command,
    is_running,
    lahete,
    referral,
    running,
    start,
    wait_for,
)
from tests.over_http import ask
from tests.ports import free_base

OFFSETS = {"monitor": 0, "referral": 1, "catalogue": 2, "feedback": 3, "notify": 4, "partners": 5}
INSTANCES = {Backend.EMBEDDED: {*SERVICES}, Backend.JAVA: {*SERVICES, "referral-2"}}


@pytest.fixture(scope="module", params=[Backend.EMBEDDED, Backend.JAVA])
def engine(request: pytest.FixtureRequest) -> Backend:
    asked: Backend = request.param
    if asked is Backend.JAVA:
        address_of(java())
    return asked


@pytest.fixture(scope="module")
def platform(engine: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """One that the tests share, with the sample, begun in a folder that was open to all; the last of them ends it."""
    folder = tmp_path_factory.mktemp("shared") / ".lahete"
    with ExitStack() as stack:
        with everyone_let_in():
            open_folder(folder)
            for name, was in ((".", 0o777), ("logs", 0o777), ("version", 0o666)):
                (folder / name).chmod(was)
            shared = stack.enter_context(running(engine, folder, None, "--sample"))
        yield shared


@contextmanager
def everyone_let_in() -> Iterator[None]:
    """What is made meanwhile is open to everybody, unless whoever makes it sees to it."""
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


def test_run_json_says_what_runs_and_where(platform: RunningPlatform) -> None:
    run = platform.run
    assert run.keys() == {"kafka", "store", "urls", "pids", "clock"}
    assert run["urls"].keys() == INSTANCES[platform.engine]
    assert all(run["urls"][service] == f"http://127.0.0.1:{platform.base + OFFSETS[service]}" for service in SERVICES)
    assert run["pids"].keys() == INSTANCES[platform.engine] | SERVERS[platform.engine] | {"supervisor"}
    assert run["pids"]["supervisor"] == platform.process.pid
    assert all(is_running(pid) for pid in run["pids"].values())
    if platform.engine is Backend.EMBEDDED:
        assert run["store"] == f"sqlite:{platform.folder}"
    else:
        assert run["store"].startswith("mongodb://127.0.0.1:")
    assert run["clock"]["speed"] == 1
    assert all(platform.ready(name) for name in INSTANCES[platform.engine])


def test_every_service_that_runs_serves_the_document_of_all_addresses_to_anybody(platform: RunningPlatform) -> None:
    kept = (REPOSITORY / "docs" / "contracts" / "openapi.json").read_bytes()
    for url in platform.run["urls"].values():
        answer = ask("GET", f"{url}/openapi.json")
        assert (answer.status_code, answer.content) == (200, kept), url


def test_all_that_it_keeps_is_its_owners_alone_though_it_was_open_and_the_umask_lets_everyone_in(
    platform: RunningPlatform,
) -> None:
    kept = [platform.folder, *platform.folder.rglob("*")]
    assert {"keys.json", "run.json", "lock", "referral.log"} <= {path.name for path in kept}
    assert {"broker.json", "server.properties"} & {path.name for path in kept}
    open_to_others = [path for path in kept if path.exists() and path.stat().st_mode & 0o077]
    assert open_to_others == []
    assert platform.key("ops:first") != platform.key("reader:first")


def test_the_door_asks_for_the_right_key(platform: RunningPlatform) -> None:
    event = referral()
    assert platform.send(event, None).status_code == 401
    assert platform.send(event, "lahete_wrong").status_code == 401
    assert platform.send(event, platform.key("/region/08")).status_code == 403
    assert platform.send(event, platform.key("ops:first")).status_code == 403
    taken = platform.send(event, platform.key("/region/06"))
    assert (taken.status_code, taken.json()) == (202, {"accepted": [{"id": event["id"], "source": "/region/06"}]})


def test_a_first_referral_finds_a_place_in_the_sample(platform: RunningPlatform) -> None:
    first = referral("08")
    assert platform.send(first, platform.key("/region/08")).status_code == 202

    def proposed() -> list[str]:
        answer = platform.get("catalogue", f"/v1/referrals/{first['subject']}/proposals", "/region/08")
        return [one["organiser"] for one in answer.json()["proposals"]] if answer.is_success else []

    assert wait_for(lambda: "/opisto/sample.pyynikki" in proposed())
    assert platform.key("/opisto/sample.pyynikki")


@pytest.mark.parametrize("engine", [Backend.EMBEDDED], indirect=True)
def test_the_first_day_goes_as_its_page_says_and_so_does_every_other_request_of_the_guides(
    platform: RunningPlatform,
) -> None:
    """All commands of docs/guides/first-day.md, pasted as they stand into one shell, then the rest."""
    urls = {f"{service.upper()}_URL": platform.run["urls"][service] for service in SERVICES}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    shell = subprocess.run(
        ["sh", "-eu"],
        cwd=platform.folder.parent,
        env=os.environ | urls | {"PATH": path},
        input=first_day() + "".join(other_requests()),
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    said = shell.stdout
    assert shell.returncode == 0, shell.stderr
    assert re.findall(r"HTTP/1\.1 (\d+ \w+)", said) == ["202 Accepted"] * first_day().count("curl -i")
    assert said.count("the form answers 200\n") == 2
    assert '"type": "fi.kulttuurilahete.ReferralClosed.v1"' in said
    assert '"outcome": "completed"' in said
    assert "about:blank" not in said, "no answer is a problem"
    traced = {row[3]: row[5] for line in said.splitlines() if len(row := line.split("\t")) == 8}
    assert traced["ReferralIssued.v1"] == traced["ActivityAttended.v1"] == "applied"
    assert "ReferralClosed.v1" in traced


def test_ops_ask_by_address_with_a_key_of_their_own_as_they_do_where_no_folder_is(
    platform: RunningPlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ops.key").write_text(platform.key("ops:first"))
    monkeypatch.chdir(tmp_path)
    at = ("--json", "--url", platform.run["urls"]["monitor"], "--key-file", "ops.key")
    code, printed = lahete("status", *at)
    told = json.loads(printed)
    assert (code, told["monitor"]) == (0, {"ready": True, "missing": []})
    assert told["lag"].keys() == {*SERVICES}
    assert lahete("lag", *at)[0] == 0
    assert lahete("dead-letters", "list", *at)[0] == 0
    event = referral()
    assert platform.send(event, platform.key("/region/06")).status_code == 202
    assert wait_for(lambda: lahete("trace", str(event["subject"]), *at)[0] == 0)


def test_a_key_works_from_when_it_is_added_until_it_is_revoked(platform: RunningPlatform) -> None:
    at = ("--dir", str(platform.folder))
    assert lahete("key", "add", "ops:anna", *at)[0] == 0
    url, headers = platform.run["urls"]["monitor"] + "/v1/lag", {"Authorization": f"Bearer {platform.key('ops:anna')}"}
    assert ask("GET", url, headers=headers).status_code == 200
    assert lahete("key", "revoke", "ops:anna", *at)[0] == 0
    assert ask("GET", url, headers=headers).status_code == 401


def test_status_shows_every_process_as_it_is(platform: RunningPlatform) -> None:
    code, printed = lahete("status", "--json", "--dir", str(platform.folder))
    assert code == 0
    processes = {process["name"]: process for process in json.loads(printed)["processes"]}
    assert processes.keys() == INSTANCES[platform.engine] | SERVERS[platform.engine] | {"supervisor"}
    assert all(process["alive"] for process in processes.values())
    assert all(processes[name]["ready"] for name in INSTANCES[platform.engine])
    assert all(isinstance(processes[service]["lag"], int) for service in SERVICES)


def test_what_is_emitted_is_traced_and_leaves_no_lag(platform: RunningPlatform) -> None:
    event, unknown = referral(), referral("06", type="fi.kulttuurilahete.Nothing.v1")
    lines = "\n".join(json.dumps(line) for line in (event, unknown, referral("08")))
    at = ("--dir", str(platform.folder))
    code, printed = lahete("emit", "-", "--json", *at, given=lines)
    told = json.loads(printed)
    assert (code, told["accepted"]) == (1, 2)
    assert [refused["line"] for refused in told["refused"]] == [2]
    assert "Nothing" in told["refused"][0]["reason"]

    def traced() -> list[str]:
        code, printed = lahete("trace", str(event["subject"]), "--json", *at)
        return [entry["type"] for entry in json.loads(printed)["events"]] if code == 0 else []

    assert wait_for(lambda: "fi.kulttuurilahete.ReferralOpened.v1" in traced())
    assert wait_for(lambda: lahete("lag", *at) == (0, "nothing is behind\n"))
    assert wait_for(lambda: {one["state"] for one in json.loads(lahete("lag", "--json", *at)[1])["services"]} == {"ok"})
    assert lahete("doctor", *at)[0] == 0


async def make_topic(platform: RunningPlatform, name: str, partitions: int) -> None:
    if platform.engine is Backend.EMBEDDED:
        BrokerControl.from_port_file(platform.folder / "broker.json").create_topic(name, partitions)
        return
    admin = AIOKafkaAdminClient(bootstrap_servers=platform.run["kafka"])
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1)], timeout_ms=20_000)
    finally:
        await admin.close()


@pytest.mark.asyncio
async def test_lag_counts_what_nobody_has_read_and_how_long_it_waits(platform: RunningPlatform) -> None:
    """A group that has read nothing is behind by all there is; one topic, so that what else happens does not count."""
    kafka = platform.run["kafka"]
    await make_topic(platform, "lag.test", 2)
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


def test_while_the_platform_stops_the_door_says_when_to_come_again(platform: RunningPlatform) -> None:
    closed = platform.folder / "intake-closed"
    closed.touch()
    try:
        answer = platform.send(referral(), platform.key("/region/06"))
        partner = ask(
            "PUT",
            platform.run["urls"]["partners"] + "/v1/partners/region/06",
            json={"name": "Pirkanmaa"},
            headers={"Authorization": f"Bearer {platform.key('/region/06')}"},
        )
    finally:
        closed.unlink()
    assert partner.status_code == 503
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "stopping" in answer.json()["detail"]
    assert platform.send(referral(), platform.key("/region/06")).status_code == 202


def test_a_topic_granted_while_running_is_there(platform: RunningPlatform) -> None:
    assert lahete("topics", "add", "/region/06", "--dir", str(platform.folder))[0] == 0
    client = AdminClient({"bootstrap.servers": platform.run["kafka"]})
    # All of them: one that is asked for by name, librdkafka's broker makes up.
    assert client.list_topics(timeout=30).topics["intake.region.06"].partitions.keys() == {0}


@pytest.mark.parametrize("engine", [Backend.EMBEDDED], indirect=True)
def test_a_second_run_in_the_folder_is_refused_in_one_line(platform: RunningPlatform) -> None:
    second = start(platform.engine, platform.folder, free_base())
    printed, _ = second.communicate(timeout=PATIENCE)
    assert second.returncode == 1
    assert printed.startswith(f"lahete: another run, process {platform.process.pid}, has {platform.folder}")
    assert printed.count("\n") == 1
    assert platform.ready("referral")


@pytest.mark.parametrize("engine", [Backend.EMBEDDED], indirect=True)
def test_a_port_in_use_is_refused_in_one_line_before_anything_starts(platform: RunningPlatform, tmp_path: Path) -> None:
    second = start(platform.engine, tmp_path / "other", platform.base - 1)
    printed, _ = second.communicate(timeout=PATIENCE)
    assert second.returncode == 1
    assert printed.startswith(f"lahete: port {platform.base} for referral: Address already in use")
    assert printed.endswith("choose another --port-base\n")
    assert printed.count("\n") == 1
    assert not (tmp_path / "other" / "keys.json").exists()


def test_a_service_that_is_killed_comes_back_and_run_json_says_so(platform: RunningPlatform) -> None:
    before = platform.run
    os.kill(before["pids"]["catalogue"], signal.SIGKILL)
    assert wait_for(lambda: platform.run["pids"]["catalogue"] not in {0, before["pids"]["catalogue"]})
    after = platform.run
    assert after["urls"] == before["urls"]
    assert {name for name in after["pids"] if after["pids"][name] != before["pids"][name]} == {"catalogue"}
    assert wait_for(lambda: platform.ready("catalogue"))


def test_a_service_is_restarted_by_name_all_its_instances_and_nothing_else(platform: RunningPlatform) -> None:
    before, at = platform.run["pids"], ("--dir", str(platform.folder))
    instances = sorted(name for name in INSTANCES[platform.engine] if name.startswith("referral"))
    code, printed = lahete("restart", "referral", *at)
    after = platform.run["pids"]
    assert (code, printed) == (0, "".join(f"{name} is ready again, process {after[name]}\n" for name in instances))
    assert [name for name in after if after[name] != before[name]] == instances
    assert lahete("restart", "broker", *at)[0] == 2, "it is no service: what stands on it would be lost"


def test_status_says_why_a_service_is_not_ready(platform: RunningPlatform) -> None:
    pid = platform.run["pids"]["notify"]
    os.kill(pid, signal.SIGSTOP)
    try:
        code, printed = lahete("status", "--dir", str(platform.folder))
    finally:
        os.kill(pid, signal.SIGCONT)
    assert code == 1
    assert "notify is not ready: it does not answer" in printed.splitlines()
    assert wait_for(lambda: lahete("status", "--dir", str(platform.folder))[0] == 0)


@pytest.mark.parametrize("engine", [Backend.JAVA], indirect=True)
@pytest.mark.parametrize("server", ["broker", "mongodb"])
def test_a_server_that_is_killed_comes_back_with_what_it_held_and_run_json_says_so(
    platform: RunningPlatform, server: str
) -> None:
    """The broker in memory does not, which has a test of its own below."""
    known, before = referral(), platform.run
    assert platform.send(known, platform.key("/region/06")).status_code == 202
    assert wait_for(lambda: platform.holds(known))
    os.kill(before["pids"][server], signal.SIGKILL)
    assert wait_for(lambda: platform.run["pids"][server] not in {0, before["pids"][server]})
    after = platform.run
    assert {name for name in after["pids"] if after["pids"][name] != before["pids"][name]} == {server}
    assert (after["kafka"], after["store"]) == (before["kafka"], before["store"])
    later = referral()
    assert wait_for(lambda: platform.send(later, platform.key("/region/06")).status_code == 202), "sent again till then"
    assert wait_for(lambda: platform.holds(later))
    assert platform.holds(known)
    assert wait_for(lambda: all(platform.ready(name) for name in INSTANCES[platform.engine]))


SAID: tuple[str, ...] = ("131052-308T", "unit-1", "friends", "self_esteem", "Kuoro", "needs", "consent")
"""What events of this run say: a code, who referred, what the client needs and allows, what the activity is called."""


@pytest.mark.asyncio
async def test_no_line_of_any_log_says_what_an_event_said(platform: RunningPlatform) -> None:
    """After all that went before: a referral's whole road, what was refused, kills and restarts; and what spoils a record."""
    data = cast("dict[str, object]", referral()["data"])
    spoilt = [{**data, "unit_ref": SAID[0]}, {**data, "needs": "friends"}, {**data, "municipality": "837 Kuoro"}]
    events = [referral(data=one) for one in spoilt]
    for event in events:
        assert platform.send(event, platform.key("/region/06")).status_code == 422
    async with AIOKafkaProducer(bootstrap_servers=platform.run["kafka"]) as producer:
        for event in events:
            headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
            await producer.send_and_wait("intake.region.06", json.dumps(event).encode(), headers=headers)

    def laid_aside() -> set[str]:
        answer = platform.get("monitor", "/v1/dead-letters?sender=/region/06&limit=500", "ops:first")
        return {one["event_id"] for one in answer.json()["dead_letters"]} if answer.is_success else set()

    assert wait_for(lambda: laid_aside() >= {str(event["id"]) for event in events})
    lines = [line for log in (platform.folder / "logs").glob("*.log") for line in log.read_text().splitlines()]
    assert [line for line in lines if any(one in line for one in SAID)] == []


def test_nothing_is_left_running_when_the_supervisor_is_killed(platform: RunningPlatform) -> None:
    """The last of those that share a run."""
    pids = platform.run["pids"]
    platform.process.kill()
    platform.process.wait()
    assert wait_for(lambda: not any(is_running(pid) for pid in pids.values()))
    assert lahete("status", "--dir", str(platform.folder))[0] == 1


# --- runs of a test's own


@pytest.fixture
def own_engine(engine: Backend) -> Backend:
    """For what a start and an end of its own take most of a minute on Java, where the shared run meets the same servers."""
    if engine is Backend.JAVA:
        for_ci_alone("a run of the test's own on the backends in Java")
    return engine


def test_stop_ends_all_in_order_and_the_next_run_goes_on_until_ctrl_c_twice_ends_it_at_once(
    own_engine: Backend, tmp_path: Path
) -> None:
    """An event is sent, all is stopped at once, all is started again: the referral is known, the keys are the same."""
    folder, event = tmp_path / "lahete", referral()
    with running(own_engine, folder) as first:
        pids, key = first.run["pids"], first.key("/region/06")
        assert first.send(event, key).status_code == 202
        assert lahete("stop", "--dir", str(folder)) == (0, "stopped\n")
        code, printed = first.ended()
        assert code == 0, printed
        assert printed.endswith("stopping: the doors are closed, waiting for what is under way\nstopped\n")
        assert ("Java's clients cannot talk to it, nor kafkajs wholly; --engine java" in printed) == (
            own_engine is Backend.EMBEDDED
        )
    assert not any(is_running(pid) for pid in pids.values())
    assert not (folder / "run.json").exists()
    assert lahete("stop", "--dir", str(folder))[0] == 0
    with running(own_engine, folder, first.base) as second:
        assert second.key("/region/06") == key
        url = f"{second.run['urls']['referral']}/v1/referrals/{event['subject']}"
        answer = ask("GET", url, headers={"Authorization": f"Bearer {key}"}, timeout=30)
        assert (answer.status_code, answer.json()["referral_id"]) == (200, event["subject"])
        _is_ended_by_ctrl_c_twice(second)


def _is_ended_by_ctrl_c_twice(platform: RunningPlatform) -> None:
    """A service is held still, so that what is sent to it stays unread; the first Ctrl-C waits, the second does not."""
    pids = platform.run["pids"]
    os.kill(pids["catalogue"], signal.SIGSTOP)
    assert platform.send(referral(), platform.key("/region/06")).status_code == 202
    platform.process.send_signal(signal.SIGINT)
    assert wait_for(lambda: (platform.folder / "intake-closed").exists())
    time.sleep(1.5)
    assert platform.process.poll() is None
    platform.process.send_signal(signal.SIGINT)
    code, printed = platform.ended(25)
    assert code == 1
    assert "left: catalogue has 1 events of intake.http still to read\n" in printed
    assert "left: catalogue did not end and was killed\n" in printed
    assert not any(is_running(pid) for pid in pids.values())


def test_services_that_have_just_been_started_end_too_when_the_supervisor_is_killed(
    engine: Backend, tmp_path: Path
) -> None:
    process = start(engine, tmp_path / "lahete", free_base())
    supervisor = psutil.Process(process.pid)
    assert wait_for(lambda: len(supervisor.children()) == len(SERVICES) + len(SERVERS[engine]), READY_WITHIN)
    children = [child.pid for child in supervisor.children()]
    process.kill()
    process.communicate()
    assert wait_for(lambda: not any(is_running(pid) for pid in children))


def test_when_the_broker_in_memory_dies_everything_stops_and_says_what_is_lost(tmp_path: Path) -> None:
    with running(Backend.EMBEDDED, tmp_path / "lahete") as platform:
        pids = platform.run["pids"]
        os.kill(pids["broker"], signal.SIGKILL)
        code, printed = platform.ended(25)
    assert code == 1
    last = printed.splitlines()[-1]
    assert last.startswith("lahete: the broker ended by SIGKILL. Its log was in memory: accepted events that not")
    assert not any(is_running(pid) for pid in pids.values())


def test_a_service_that_cannot_start_ends_the_start_with_its_own_line(tmp_path: Path) -> None:
    process = start(Backend.EMBEDDED, tmp_path / "lahete", free_base(), LAHETE_DUE_MATCH="-P1D")
    printed, _ = process.communicate(timeout=READY_WITHIN)
    assert process.returncode == 1
    assert printed.splitlines()[-1].startswith("lahete: referral ended with 1: lahete: LAHETE_DUE_MATCH")
    assert not (tmp_path / "lahete" / "run.json").exists()


def test_a_run_in_the_background_is_there_when_the_verb_returns(own_engine: Backend, tmp_path: Path) -> None:
    folder = tmp_path / "lahete"
    detached = [*command(own_engine, folder, free_base()), "--detach"]
    environment = os.environ | {"LAHETE_ENV": "test", "LAHETE_CLOCK": "2026-09-01T08:00:00+03:00*40"}
    begun = subprocess.run(
        detached, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=READY_WITHIN, check=False
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
