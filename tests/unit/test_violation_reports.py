"""A sender is told in its feed what it did wrong, once a day in Finland at most, whoever orders it and however often."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.projections.counts import HELSINKI
from services.monitor.violation_reports import ReportedSender, again_from, ordered
from shared.contracts import topics
from shared.contracts.envelope import Event
from shared.contracts.monitor_events import ViolationsReported, ViolationsReportOrdered
from shared.contracts.registry import CLASSES
from shared.engine.model import Decision
from tests.feeds import faults_of
from tests.unit.console_door import FORM, signed_in, token_of
from tests.unit.country import an_event, country
from tests.unit.doors import OPISTO, REGION, key
from tests.unit.network import TickingClock
from tests.unit.ops_room import OpsRoom, ops_room

NOON: Final = datetime(2026, 9, 20, 9, tzinfo=UTC)
PATH: Final = f"/v1/senders{REGION}/violations"
TOLD: Final = CLASSES["ViolationsReported"].type
NAME: Final = "matti.virtanen"


def order(at: datetime, nth: int = 1) -> Event[ViolationsReportOrdered]:
    one = {"reason": "invalid", "count": nth, "first_at": NOON, "last_at": NOON, "event_ids": ()}
    data = ViolationsReportOrdered.model_validate(
        {"sender": REGION, "by": "ops:anna", "violations": (one,), "further": 0}
    )
    return Event(f"order-{nth}", "/service/monitor", at, data)


def _decided(state: ReportedSender | None, event: Event[ViolationsReportOrdered]) -> Decision[ReportedSender]:
    decision = ordered(state, event, NOON, None)
    assert isinstance(decision, Decision)
    return decision


@given(st.lists(st.datetimes(datetime(2026, 3, 1), datetime(2026, 11, 30), timezones=st.just(UTC)), max_size=30))
def test_whatever_is_ordered_no_day_in_finland_is_told_twice(times: list[datetime]) -> None:
    state, days = None, []
    for nth, at in enumerate(times):
        decision = _decided(state, order(at, nth))
        state = decision.state
        days += [at.astimezone(HELSINKI).date()] * len(decision.follow)
    assert days == sorted(set(days))
    assert bool(days) == bool(times)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)))
def test_it_can_be_told_again_from_the_next_midnight_in_finland_on(at: datetime) -> None:
    again = again_from(at)
    state = _decided(None, order(at)).state
    assert at < again <= at + timedelta(hours=25)
    assert again.astimezone(HELSINKI).time().isoformat() == "00:00:00"
    assert not _decided(state, order(again - timedelta(seconds=1))).follow
    assert _decided(state, order(again)).follow


def test_what_is_told_is_what_was_ordered_without_who_ordered_it() -> None:
    (follow,) = _decided(None, order(NOON, 7)).follow
    assert isinstance(follow.data, ViolationsReported)
    assert [one.count for one in follow.data.violations] == [7]
    assert b"ops:" not in follow.data.model_dump_json().encode()


# --- from the button to the feed


async def _room_with_violations(room: OpsRoom) -> None:
    room.app.state.clock = TickingClock(NOON)
    for nth in range(3):
        error = f"/data/needs/matti_virtanen: {NAME} is no number {nth}"
        await room.letter(f"d{nth}", dl_reason="invalid", dl_error=error)
    await room.letter("d9", dl_reason="undecodable", dl_error=f"no header of {NAME}", ce_id=f"{NAME} 1", ce_type=NAME)


def _told(room: OpsRoom) -> list[Any]:
    return [one for one in room.said if dict(one.headers)["ce_type"] == TOLD.encode()]


@pytest.mark.asyncio
@pytest.mark.parametrize("killed_at", ["", "saved", "published"])
async def test_ops_has_a_sender_told_once_a_day_and_hears_when_it_can_be_again(tmp_path: Path, killed_at: str) -> None:
    async with ops_room(tmp_path) as room:
        await _room_with_violations(room)
        room.killed_at = killed_at
        answer = await room.post(f"{PATH}/report")
        assert answer.json() == {"sender": REGION, "violations": 2, "again_at": "2026-09-20T21:00:00Z"}
        again = await room.post(f"{PATH}/report")
        assert (again.status_code, again.headers["Retry-After"]) == (409, str(12 * 3_600))
        assert again.json()["type"] == "urn:kulttuurilahete:problem:reported-today"
        assert "2026-09-20T21:00:00Z" in again.json()["detail"]
        said = await room.get(PATH)
        assert (said["reported_at"][:16], said["report_again_at"]) == ("2026-09-20T09:00", "2026-09-20T21:00:00Z")
        room.app.state.clock.set(NOON + timedelta(hours=12))
        assert (await room.get(PATH))["report_again_at"] is None
        assert (await room.post(f"{PATH}/report")).status_code == 202
        ids = [dict(one.headers)["ce_id"] for one in _told(room)]
        assert len(set(ids)) == 2


@pytest.mark.asyncio
async def test_what_is_told_are_codes_pointers_counts_and_ids_and_nothing_that_a_sender_wrote(tmp_path: Path) -> None:
    async with ops_room(tmp_path) as room:
        await _room_with_violations(room)
        await room.post(f"{PATH}/report")
        (record,) = _told(room)
        told = ViolationsReported.model_validate_json(record.value or b"")
        first, other = told.violations
        assert (first.pointer, first.count, first.event_ids) == ("/data/needs/*", 3, ("of-d2", "of-d1", "of-d0"))
        assert (other.event_type, other.reason, other.event_ids) == (None, "undecodable", ())
        assert b"virtanen" not in (record.value or b"")


@pytest.mark.asyncio
async def test_who_has_no_feed_did_nothing_wrong_or_may_not_order_it_is_told_so(tmp_path: Path) -> None:
    async with ops_room(tmp_path) as room:
        await _room_with_violations(room)
        for nobody in ("/region/00", "/region/91", "/opisto/heartbeat", "/service/monitor", "/nobody/x"):
            answer = await room.post(f"/v1/senders{nobody}/violations/report")
            assert (answer.status_code, "has no feed" in answer.json()["detail"]) == (404, True)
        nothing = await room.post(f"/v1/senders{OPISTO}/violations/report")
        assert (nothing.status_code, nothing.json()["type"].rpartition(":")[2]) == (409, "nothing-to-report")
        for who in ("reader:eero", REGION):
            assert (await room.post(f"{PATH}/report", who=who)).status_code == 403
        assert _told(room) == []
        await room.post(f"{PATH}/report")
        looks = [(one.value or b"").decode() for one in room.audit]
        said = [look for look in looks if "report_violations" in look]
        assert [("ops:anna" in look, '"allowed":true' in look) for look in said] == [(False, False)] * 2 + [
            (True, True)
        ]


@pytest.mark.asyncio
async def test_a_button_of_the_console_puts_it_into_the_senders_feed_as_its_schema_says(tmp_path: Path) -> None:
    async with country(tmp_path, topics.SERVICES) as one:
        await one.send(*(an_event("ReferralIssued", str(uuid4()), municipality=NAME) for _ in range(2)))
        monitor, notify = one.doors["monitor"], one.doors["notify"]
        async with signed_in(monitor) as client:
            page = (await client.get(f"/senders{REGION}")).text
            assert f'<a class="button" href="/senders{REGION}/report">' in page
            assert '<textarea id="text-sv" lang="sv" rows="12" readonly>Kulttuurilähete har inte kunnat' in page
            assert "<bdi>/data/municipality</bdi>" in page
            assert 'aria-disabled="true"' not in (await client.get(f"/senders{REGION}/report")).text
            form = {"form_token": token_of(monitor, client)}
            told = await client.post(f"/senders{REGION}/report", data=form, headers=FORM)
            assert (told.status_code, told.headers["location"]) == (303, f"/senders{REGION}")
            await one.flow(monitor.written.copy())
            assert "Again at the earliest" in (await client.get(f"/senders{REGION}")).text
            again = await client.post(f"/senders{REGION}/report", data=form, headers=FORM)
            assert "it can be told again from" in again.text
        async with signed_in(monitor, "reader:eero") as client:
            assert "Only ops can tell." in (await client.get(f"/senders{REGION}")).text
        entry = (await notify.client.get("/v1/feed", headers=key(REGION))).json()["events"][-1]
        assert (entry["type"], entry["dataschema"]) == (TOLD, "urn:kulttuurilahete:ViolationsReportedToSender:v1")
        assert faults_of(entry) == []
        (violation,) = entry["data"]["violations"]
        assert (violation["pointer"], violation["count"], violation["reason"]) == ("/data/municipality", 2, "invalid")
        assert NAME not in str(entry) + page
