"""The heartbeat: every stage of the services that it concerns sees it, and it stands apart from whatever counts or is told."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from structlog.testing import capture_logs

from deploy.local.keys import check_holder
from services.monitor.heart import Heart
from services.monitor.heartbeat import FOLLOWS, SETTLED, beat_at, begun, ended, missing, published
from services.monitor.settings import MonitorSettings
from shared import log_events, metrics
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.heartbeat import KEPT, OPISTO, PARTNERS, STAGES, is_of_a_heartbeat
from shared.engine.batch import Processor
from shared.http.intake import CLOSED
from shared.kafka.producer import Record
from shared.process.keeping import Keeping
from tests.unit import doors
from tests.unit.consumed import consumed
from tests.unit.country import NOW, an_event
from tests.unit.doors import Door, door, key
from tests.unit.land import AT, EVERY, Land, class_of, land, recorded

# --- seen


@pytest.mark.asyncio
async def test_every_stage_sees_a_heartbeat_and_all_that_follows_is_marked(tmp_path: Path) -> None:
    async with land(tmp_path) as one:
        await one.beat()
        assert one.letters == []
        for service, stages in STAGES.items():
            assert set(stages) <= one.seen_by(service), service
        assert [class_of(record) for record in one.log if not is_of_a_heartbeat(record.topic, record.headers)] == []
        assert all(dict(record.headers)["ce_synthetic"] == b"true" for record in one.log)


@pytest.mark.asyncio
async def test_a_service_exports_when_it_last_saw_a_stage(tmp_path: Path) -> None:
    async with door("monitor", tmp_path) as one:
        records = await recorded(one, [*published(AT, EVERY), *begun(AT)])
    mine, another = an_event("ReferralIssued", str(uuid4())), f"another-{uuid4()}"
    other = Record(topics.INTAKE_HTTP, b"k", b"{}", mine.headers)
    for name in STAGES["referral"]:
        metrics.HEARTBEAT_SEEN.labels("referral", name).set(1)
    metrics.see_heartbeats("referral", [consumed(other, 1)])
    assert seen("referral") == set()
    metrics.see_heartbeats("referral", [consumed(record, 1) for record in records])
    metrics.see_heartbeats(another, [consumed(record, 1) for record in records])
    assert seen("referral") == {"ReferralIssued"}, "of what it handles, what shows that the stage before it works"
    assert seen(another) == set()


def seen(service: str) -> set[str]:
    return {
        sample.labels["type"]
        for family in metrics.HEARTBEAT_SEEN.collect()
        for sample in family.samples
        if sample.labels["service"] == service and sample.value > 1
    }


def test_a_stage_that_never_saw_one_counts_from_when_its_service_began_to_read() -> None:
    metrics.HEARTBEAT_SEEN.clear()
    metrics.begin("notify", [])
    assert seen("notify") == set(STAGES["notify"])


@pytest.mark.parametrize("header", ["ce_source", "ce_origin"])
def test_what_a_stranger_writes_is_no_heartbeat_whatever_it_says(header: str) -> None:
    said = [(header, OPISTO.encode()), ("ce_type", b"fi.kulttuurilahete.ReferralIssued.v1")]
    strangers = ("intake.opisto.x", "intake.opisto.x.events", topics.DEAD_LETTERS, topics.redrive_to("referral"))
    assert not any(is_of_a_heartbeat(topic, said) for topic in strangers)
    assert is_of_a_heartbeat(topics.INTAKE_HTTP, said)


# --- apart


@pytest.mark.asyncio
async def test_a_heartbeat_is_in_no_feed_no_report_no_list_and_no_audit(tmp_path: Path) -> None:
    shown = {"catalogue": ["/v1/activities"], "feedback": ["/v1/reports/outcomes", "/v1/reports/loop"]}
    async with land(tmp_path) as one:
        before = [await asked(one, service, path) for service, paths in shown.items() for path in paths]
        await one.beat()
        assert before == [await asked(one, service, path) for service, paths in shown.items() for path in paths]
        notify, referral = one.doors["notify"].store, one.doors["referral"].store
        assert [await notify.read("feed", partner, after=0, limit=9) for partner in PARTNERS] == [[], []]
        assert await referral.find("accesses") == []
        held = str(uuid4())
        real = [an_event(name, held) for name in ("ActivityPublished", "ReferralIssued", "ActivityChosen")]
        await one.send(*real)
        assert before != [await asked(one, service, path) for service, paths in shown.items() for path in paths]
        assert [bool(await notify.read("feed", who, after=0, limit=9)) for who in (doors.REGION, doors.OPISTO)] == [
            True
        ] * 2
        assert await referral.find("accesses") != []


async def asked(one: Land, service: str, path: str) -> Any:
    answer = await one.doors[service].client.get(path, headers=key("ops:anna"))
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.asyncio
async def test_a_heartbeat_counts_under_no_class(tmp_path: Path) -> None:
    async with door("referral", tmp_path) as one:
        wire: Any = one
        engine = Processor(one.wired.table, one.store, wire, Clock(), recent_outcomes=9, due_early=timedelta(days=1))
        records = await recorded(one, begun(AT))
        batch = await engine.process(engine.receive([consumed(record, nth) for nth, record in enumerate(records)]))
        assert {name for name, _ in batch.outcomes} == {""}
        assert batch.outcomes["", "applied"] >= 1


@pytest.mark.asyncio
async def test_a_partners_own_test_is_not_proposed_the_heartbeats_activity(tmp_path: Path) -> None:
    async with land(tmp_path) as one:
        await one.say(published(AT, EVERY))
        sent = an_event("ReferralIssued", str(uuid4()), municipality="091")
        await one.write(sent, json.dumps(sent.data).encode(), [*sent.headers, ("ce_synthetic", b"true")])
        assert "NoActivityFound" in {class_of(record) for record in one.log}
        assert "ActivitiesProposed" not in {class_of(record) for record in one.log}


@pytest.mark.parametrize("partner", sorted(PARTNERS))
@pytest.mark.asyncio
async def test_nobody_can_speak_as_the_heartbeats_partners(partner: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot hold a key"):
        check_holder(partner)
    async with door("partners", tmp_path) as one:
        answer = await one.client.put(f"/v1/partners{partner}", json={"name": "x"}, headers=key("ops:anna"))
        assert answer.status_code == 422, answer.text


# --- missed


@pytest.mark.asyncio
async def test_what_the_check_expects_upon_each_part_of_a_heartbeat_is_written(tmp_path: Path) -> None:
    async with land(tmp_path) as one:
        await one.say(published(AT, EVERY))
        await one.say(begun(AT))
        assert {class_of(record) for record in one.log} >= set(FOLLOWS["ReferralIssued"])
        one.log.clear()
        await one.say(ended(AT, EVERY))
        assert {class_of(record) for record in one.log} >= set(FOLLOWS["ActivityAttended"])


@given(st.sampled_from([(cause, name) for cause, follows in FOLLOWS.items() for name in follows]), st.integers(0, 9))
def test_a_class_that_does_not_follow_is_missing_once_it_had_its_time(pair: tuple[str, str], before: int) -> None:
    cause, name = pair
    beats = [NOW - SETTLED - nth * EVERY for nth in range(before + 1)]
    all_of = [(one, at) for at in beats for begins, follows in FOLLOWS.items() for one in (begins, *follows)]
    assert missing(all_of, NOW, EVERY) == []
    lacking = [(one, at) for one, at in all_of if (one, at) != (name, beats[0])]
    assert missing(lacking, NOW, EVERY) == [name]
    assert missing([*lacking, (cause, NOW)], NOW, EVERY) == [name], "the newest has its time yet"
    assert missing(lacking, NOW - timedelta(seconds=1), EVERY) == [], "so has this one a second before"


# --- gone


@pytest.mark.asyncio
async def test_after_a_day_nothing_of_a_heartbeat_is_left_and_all_that_is_real_stays(tmp_path: Path) -> None:
    async with land(tmp_path) as one:
        await one.beat()
        assert await left(one) > 0
        await swept(one, AT + KEPT)
        beats = await left(one)
        assert beats > 0, "its day is not over"
        held = str(uuid4())
        await one.send(*(an_event(name, held) for name in ("ActivityPublished", "ReferralIssued", "ActivityChosen")))
        real = await left(one) - beats
        assert real > 0
        await swept(one, Clock().now() + KEPT + timedelta(minutes=1))
        assert await left(one) == real


async def left(one: Land) -> int:
    """Documents in all stores."""
    counts = [
        len(await door.store.find(kind.collection.name, limit=1_000))
        for door in one.doors.values()
        for kind in door.wired.table.kinds
    ]
    return sum(counts)


async def swept(one: Land, until: datetime) -> None:
    for service, there in one.doors.items():
        for retention in there.wired.retentions:
            await Keeping(service, there.store, retention, lambda: until, pause=0).sweep(until)


# --- sent


@given(st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)), st.integers(1, 10_000))
def test_whoever_looks_when_between_two_beats_finds_the_same_one(now: datetime, minutes: int) -> None:
    every = timedelta(minutes=minutes)
    at = beat_at(now, every)
    assert timedelta() <= now - at < every
    assert beat_at(at, every) == at
    again = beat_at(now + (at + every - now) / 2, every)
    assert again == at
    assert (published(again, every), begun(again)) == (published(at, every), begun(at))
    assert {one.source for one in [*published(at, every), *begun(at), *ended(at, every)]} == PARTNERS


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - a heart tells nobody that it has beaten
            await asyncio.sleep(0.001)


class Beating:
    """A heart that beats by a clock that the test sets."""

    def __init__(self, one: Door) -> None:
        self.door = one
        self.heart = Heart(EVERY, looks=0.001, settles=0)
        self.at = AT
        state = {
            "clock": self,
            "publisher": one,
            "settings": one.wired.settings,
            "fault": self.fault,
            "log_guard": None,
        }
        self.why: str | None = None
        self.task = asyncio.create_task(self.heart.run(state))

    def now(self) -> datetime:
        return self.at

    def fault(self) -> str | None:
        return self.why

    async def sent(self, *, most: int) -> list[str]:
        """The classes of what it sends, once there are so many."""
        await until(lambda: len(self.door.written) >= most)
        records, self.door.written[:] = self.door.written[:], []
        return [class_of(record) for record in records]

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


BEGINS = ["ActivityPublished", "ReferralIssued", "ActivityChosen", "FeedbackSubmitted", "EnrolmentConfirmed"]
ENDS = ["ActivityAttended", "FeedbackSubmitted"]


@pytest.mark.asyncio
async def test_a_heart_ends_the_heartbeat_before_and_begins_the_next(tmp_path: Path) -> None:
    async with door("monitor", tmp_path) as one:
        beating = Beating(one)
        assert await beating.sent(most=5) == BEGINS
        beating.at = AT + EVERY
        assert await beating.sent(most=7) == [*BEGINS, *ENDS]
        await beating.stop()
        again = Beating(one)
        again.at = AT + 2 * EVERY
        assert await again.sent(most=5) == BEGINS, "what another began may never have been"
        await again.stop()


@pytest.mark.asyncio
async def test_where_nothing_may_be_written_the_heart_waits_and_says_so_once(tmp_path: Path) -> None:
    closed = tmp_path / CLOSED
    closed.touch()
    with capture_logs() as logged:
        async with door("monitor", tmp_path) as one:
            beating = Beating(one)
            await until(lambda: len(logged) == 1)
            beating.why = "another cluster"
            closed.unlink()
            await until(lambda: len(logged) == 2)
            assert one.written == []
            beating.why = None
            assert await beating.sent(most=5) == BEGINS
            await beating.stop()
    assert [line["event"] for line in logged] == [log_events.HEARTBEAT_UNSENT] * 2


def test_the_setting_has_its_bounds_and_counts_in_production_or_where_it_is_set() -> None:
    def beats(**given: str) -> timedelta | None:
        return MonitorSettings.model_validate(given).beats()

    assert [beats(), beats(env="demo"), beats(env="test")] == [timedelta(minutes=10), None, None]
    assert [beats(env="demo", heartbeat="PT1M"), beats(heartbeat="off")] == [timedelta(minutes=1), None]
    for bad in ("PT59S", "PT0S", "10", "never"):
        with pytest.raises(ValidationError):
            beats(heartbeat=bad)
