"""Checks: each stands on those before it, asks real services, and says what to do; `lahete doctor` shows the same."""

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send
from typer.testing import CliRunner

from cli.main import app
from services.monitor.checks import Ground, checked, checks_of
from services.monitor.console.words import words_of
from services.monitor.heartbeat import SETTLED, beat_at, begun, published
from services.monitor.lag_states import LagState
from shared.clock import Clock
from shared.contracts.topics import SERVICES, platform_topics
from shared.http.language import LANGUAGES
from shared.kafka.cluster import Cluster
from shared.kafka.lag import READS
from tests.unit.country import an_event, country
from tests.unit.doors import Door
from tests.unit.land import land
from tests.unit.test_cli_shows import answering, run_of

URLS = {"referral": "http://referral", "catalogue": "http://catalogue", "notify": "http://notify"}


@asynccontextmanager
async def ground(folder: Path, states: Mapping[str, LagState] | None = None) -> AsyncIterator[Ground]:
    """Two services that work, one that is not there, and a Kafka that has what it needs."""
    async with country(folder) as one:
        doors = {service: httpx.ASGITransport(one.doors[service].app) for service in ("referral", "catalogue")}
        mounts = {f"http://{service}": door for service, door in doors.items()}
        async with httpx.AsyncClient(mounts=mounts, timeout=2) as client:
            store = one.doors["monitor"].store
            yield Ground(
                store, Cluster("kafka:1"), URLS, "key of service:monitor", lambda: states or {}, client, Clock()
            )


@pytest.fixture(autouse=True)
def topics(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The topics that Kafka has."""
    there = platform_topics()

    async def told(_: Cluster) -> frozenset[str]:
        if not there:
            raise OSError("Kafka at kafka:1 does not answer")
        return frozenset(there)

    monkeypatch.setattr("services.monitor.checks.topics_there", told)
    return there


async def found(one: Ground) -> dict[str, tuple[str, str]]:
    return {done.check.name: (done.state, done.said) for done in await checked(one)}


@pytest.mark.asyncio
async def test_what_works_is_ok_and_what_stands_on_a_service_that_is_away_is_not_asked(tmp_path: Path) -> None:
    async with ground(tmp_path) as one:
        said = await found(one)
        assert {name: state for name, (state, _) in said.items() if not name.endswith(":notify")} == dict.fromkeys(
            (name for name in said if not name.endswith(":notify")), "ok"
        )
        assert said["alive:notify"][0] == "failed"
        assert "http://notify/health/live does not answer" in said["alive:notify"][1]
        dependent = {said[f"{kind}:notify"][0] for kind in ("clock", "ready", "key", "keeps_up")}
        assert dependent == {"not_asked"}


@pytest.mark.asyncio
async def test_a_service_that_says_nothing_in_time_is_said_to_be_so(tmp_path: Path) -> None:
    async def silent(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("")

    async with ground(tmp_path) as one, httpx.AsyncClient(transport=httpx.MockTransport(silent)) as client:
        said = await found(replace(one, client=client))
        assert said["alive:referral"] == ("failed", "http://referral/health/live does not answer: ReadTimeout")


@pytest.mark.asyncio
async def test_without_kafka_only_what_needs_none_is_asked(tmp_path: Path, topics: dict[str, int]) -> None:
    topics.clear()
    async with ground(tmp_path) as one:
        said = await found(one)
        assert said["kafka"] == ("failed", "Kafka at kafka:1 does not answer")
        assert [said[name][0] for name in ("topics", "ready:referral", "keeps_up:referral")] == ["not_asked"] * 3
        assert [said[name][0] for name in ("store", "alive:referral", "clock:referral")] == ["ok"] * 3


@pytest.mark.asyncio
async def test_topics_that_are_missing_are_named(tmp_path: Path, topics: dict[str, int]) -> None:
    del topics["audit.events"]
    async with ground(tmp_path) as one:
        assert (await found(one))["topics"] == ("failed", "missing: audit.events")


@pytest.mark.asyncio
async def test_a_key_that_no_service_takes_and_a_service_that_stands_still_are_found(tmp_path: Path) -> None:
    async with ground(tmp_path, {"referral": "stall", "catalogue": "warn"}) as one:
        said = await found(replace(one, key="another"))
        assert said["key:referral"] == ("failed", "http://referral/v1/outcomes answers 401")
        assert said["keeps_up:referral"] == ("failed", "its lag's state is stall")
        assert said["keeps_up:catalogue"][0] == "ok"


@pytest.mark.asyncio
async def test_what_a_service_lacks_is_said_in_its_own_words(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        door: Door = one.doors["referral"]
        door.app.state.not_ready = lambda: ["Kafka is away", "the circuit breaker is open"]
        async with httpx.AsyncClient(mounts={"http://": httpx.ASGITransport(door.app)}) as client:
            here = Ground(
                one.doors["monitor"].store,
                Cluster("kafka:1"),
                {"referral": "http://referral"},
                "",
                dict,
                client,
                Clock(),
            )
            assert (await found(here))["ready:referral"] == ("failed", "Kafka is away; the circuit breaker is open")


@pytest.mark.asyncio
@pytest.mark.parametrize(("off", "state"), [(-60, "failed"), (60, "failed"), (0, "ok"), (-4, "ok")])
async def test_a_clock_that_goes_wrong_is_found(off: float, state: str, tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        door = one.doors["referral"]

        async def dated(scope: Scope, receive: Receive, send: Send) -> None:
            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    date = format_datetime(datetime.now(UTC) + timedelta(seconds=off), usegmt=True)
                    message["headers"] = [*message["headers"], (b"date", date.encode())]
                await send(message)

            await door.app(scope, receive, sending)

        async with httpx.AsyncClient(mounts={"http://": httpx.ASGITransport(dated)}) as client:
            here = Ground(
                one.doors["monitor"].store,
                Cluster("kafka:1"),
                {"referral": "http://referral"},
                "",
                dict,
                client,
                Clock(),
            )
            assert (await found(here))["clock:referral"][0] == state


@pytest.mark.asyncio
async def test_a_heartbeat_that_goes_a_part_of_its_way_is_found_with_where_it_ends(tmp_path: Path) -> None:
    every, states = timedelta(minutes=10), dict[str, LagState]()
    async with land(tmp_path) as one, httpx.AsyncClient() as client:
        clock = Clock(datetime.now(UTC) + SETTLED, time.time())
        store = one.doors["monitor"].store
        here = Ground(store, Cluster("kafka:1"), {}, "", lambda: states, client, clock, every)
        assert (await found(here))["heartbeat"] == ("failed", "none was sent for 3 times 600 s")
        at = beat_at(datetime.now(UTC), every)
        await one.say([*published(at, every)])
        all_of_them = one.doors
        one.doors = {service: there for service, there in all_of_them.items() if service != "catalogue"}
        await one.say(begun(at))
        state, said = (await found(here))["heartbeat"]
        assert (state, said.split(", no ")[:2]) == (
            "failed",
            ["a heartbeat's way has no ActivitiesProposed", "PlaceReserved"],
        )
        one.doors = all_of_them
        await one.flow([record for record in one.log if READS["catalogue"](record.topic)])
        assert (await found(here))["heartbeat"][0] == "ok"
        assert "heartbeat" not in await found(replace(here, beats=None))


@pytest.mark.asyncio
async def test_events_that_met_a_fault_of_the_platforms_own_are_found(tmp_path: Path) -> None:
    async with country(tmp_path) as one, httpx.AsyncClient() as client:
        here = Ground(one.doors["monitor"].store, Cluster("kafka:1"), {}, "", dict, client, Clock())
        assert (await found(here))["faults"] == ("ok", "")
        await one.send(an_event("ReferralIssued", str(uuid4()), municipality="000"))
        assert (await found(here))["faults"] == ("ok", ""), "a fault of its sender's"
        one.failing = {"referral": frozenset({"ReferralIssued"})}
        await one.send(an_event("ReferralIssued", str(uuid4())))
        said = "events that met a fault of the platform's own, laid aside: 1"
        assert (await found(here))["faults"] == ("failed", said)


def test_each_check_stands_behind_those_that_it_needs() -> None:
    checks = checks_of(dict.fromkeys(SERVICES, "http://one"), beats=True)
    names = [one.name for one in checks]
    assert len(set(names)) == len(names)
    assert all(one.advice.endswith(".") for one in checks)
    for at, one in enumerate(checks):
        assert set(one.needs) <= set(names[:at]), one.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_console_has_words_for_each_check(language: str) -> None:
    kinds = {one.name.partition(":")[0] for one in checks_of(dict.fromkeys(SERVICES, "http://one"), beats=True)}
    shown, first = words_of("checks", language), words_of("overview", language)
    assert {f"{prefix}_{kind}" for kind in kinds for prefix in ("check", "do")} <= shown.keys()
    assert {f"need_check_{kind}" for kind in kinds - {"keeps_up"}} <= first.keys()


def check(name: str, state: str, said: str = "", needs: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"name": name, "service": None, "state": state, "said": said, "advice": "Do it.", "needs": list(needs)}


def test_doctor_shows_each_check_with_what_to_do_and_fails_where_one_failed(tmp_path: Path) -> None:
    checks = [check("store", "ok"), check("kafka", "failed", "no answer"), check("topics", "not_asked", "", ("kafka",))]
    answers = {"/v1/checks": (200, {"all_ok": False, "checks": checks})}
    with answering(answers) as monitor, run_of(tmp_path, monitor=monitor) as at:
        shown = CliRunner().invoke(app, ["doctor", *at])
        as_json = CliRunner().invoke(app, ["doctor", "--json", *at])
    assert shown.exit_code == as_json.exit_code == 1
    assert shown.stdout.splitlines() == [
        "ok        monitor",
        "ok        store",
        "FAILED    kafka: no answer. Do it.",
        "not asked topics: it stands on kafka",
    ]
    told = json.loads(as_json.stdout)
    assert (told["all_ok"], told["checks"][1:]) == (False, checks)
    assert told["checks"][0] == {**check("monitor", "ok"), "advice": told["checks"][0]["advice"]}


def test_without_the_monitor_doctor_looks_itself_whether_kafka_answers(tmp_path: Path) -> None:
    with run_of(tmp_path, monitor="http://127.0.0.1:1") as at:
        shown = CliRunner().invoke(app, ["doctor", *at])
    assert shown.exit_code == 1
    monitor, kafka = shown.stdout.splitlines()
    assert monitor.startswith("FAILED    monitor: the monitor at http://127.0.0.1:1 does not answer")
    assert kafka.startswith("FAILED    kafka: Kafka at 127.0.0.1:1 does not answer")


def test_doctor_ends_well_where_all_is_well(tmp_path: Path) -> None:
    answers = {"/v1/checks": (200, {"all_ok": True, "checks": [check("store", "ok")]})}
    with answering(answers) as monitor, run_of(tmp_path, monitor=monitor) as at:
        assert CliRunner().invoke(app, ["doctor", *at]).exit_code == 0
