"""Traces over HTTP: found by whatever a person holds, against the real store, filled by the monitor's own engine."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio

from services.monitor import shares
from tests.unit.monitor_here import CODE, LETTER, OPENED, REFERRAL, TracingMonitor, monitor_in

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def monitor(tmp_path: Path) -> AsyncIterator[TracingMonitor]:
    async with monitor_in(tmp_path) as one:
        yield one


async def test_who_floods_a_referral_hides_nothing_that_others_said_of_it(monitor: TracingMonitor) -> None:
    await monitor.event("ReferralOpened", OPENED)
    await monitor.sees_many("intake.opisto.a", "/opisto/a", "EnrolmentConfirmed", 2_500)
    await monitor.sees_many("referral.events", "/service/referral", "EventRefused", 2_500)
    await monitor.sees_many("intake.region.06", "/region/06", "ActivityChosen", 3)
    found = await shares.of_referral(monitor.store, REFERRAL)
    shown = Counter((event.source, event.type.split(".")[2]) for event in found.events)
    assert shown == {
        ("/service/referral", "ReferralOpened"): 1,
        ("/service/referral", "EventRefused"): shares.SHARE,
        ("/opisto/a", "EnrolmentConfirmed"): shares.SHARE,
        ("/region/06", "ActivityChosen"): 3,
    }
    numbers = [int(event.id.rpartition("-")[2]) for event in found.events if event.source == "/opisto/a"]
    assert numbers == [*range(200), *range(2_400, 2_500)], "the first and the last"
    told = (await monitor.asked(REFERRAL)).json()
    refused = {"source": "/service/referral", "name": "EventRefused"}
    assert told["more"] == [refused, {"source": "/opisto/a", "name": None}]


async def test_where_many_say_more_than_a_share_each_is_shown_less_and_none_left_out(monitor: TracingMonitor) -> None:
    for number in range(8):
        await monitor.sees_many(f"intake.opisto.{number}", f"/opisto/{number}", "Unheard", 350)
    found = await shares.of_referral(monitor.store, REFERRAL)
    assert Counter(event.source for event in found.events) == {f"/opisto/{number}": 250 for number in range(8)}
    assert sorted(found.more) == [f"/opisto/{number}" for number in range(8)]


SPELLINGS = [
    REFERRAL,
    REFERRAL.upper(),
    REFERRAL.replace("-", ""),
    f"%7B{REFERRAL}%7D",
    f"urn:uuid:{REFERRAL}",
    OPENED,
    OPENED.upper(),
    CODE,
    CODE.lower(),
    f"{CODE[:4]}-{CODE[4:8]}-{CODE[8:]}",
    LETTER,
    LETTER.replace("-", "").upper(),
    "e-77",
]


@pytest.mark.parametrize("what", SPELLINGS)
async def test_a_referral_is_traced_by_whatever_a_person_holds(what: str, monitor: TracingMonitor) -> None:
    await monitor.event("ReferralOpened", OPENED)
    await monitor.sees(
        "intake.region.06",
        REFERRAL,
        {"ce_id": "e-77", "ce_source": "/region/06", "ce_type": "fi.kulttuurilahete.Unheard.v1"},
    )
    await monitor.letter(REFERRAL)
    answer = await monitor.asked(what)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["referral_id"] == REFERRAL
    assert {one["id"] for one in told["events"]} == {OPENED, "e-77"}
    assert [one["dl_id"] for one in told["dead_letters"]] == [LETTER]
    assert {one["id"]: one["outcome"] for one in told["events"]}["e-77"] == "dead_lettered"
    assert b'"referral_id":"' + REFERRAL.encode() in (monitor.written[-1].value or b""), "the look is kept for it"


UNKNOWN = [
    "kuoro-2026s",
    REFERRAL,
    CODE,
    "7b0d9a525c1e4c579a0e3f1f6a2d8c11",
    "%00",
    "x" * 5_000,
    "%F0%9F%8E%BB",
    "..;",
    "010594Y9021",
    str(UUID(int=0)),
]


@pytest.mark.parametrize("what", UNKNOWN, ids=lambda what: what[:20])
async def test_what_nothing_is_known_by_is_404_in_one_line(what: str, monitor: TracingMonitor) -> None:
    answer = await monitor.asked(what)
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("nothing is known by ")
    assert len(answer.json()["detail"].splitlines()) == 1
    assert "010594Y9021" not in answer.text


async def test_an_event_that_concerns_no_referral_is_traced_alone(monitor: TracingMonitor) -> None:
    await monitor.event("SessionsChanged", "s-1", ce_subject="choir")
    await monitor.letter("choir", ce_id="s-1", ce_source="/service/referral", dl_topic="referral.events")
    told = (await monitor.asked("s-1")).json()
    assert (told["referral_id"], [one["id"] for one in told["events"]]) == (None, ["s-1"])
    assert (await monitor.asked(LETTER)).json() == told
    assert [one["dl_id"] for one in told["dead_letters"]] == [LETTER]


async def test_who_traces_an_event_of_which_there_are_several_looked_at_the_referral_of_each(
    monitor: TracingMonitor,
) -> None:
    other = "0d9a527b-1e5c-474c-8a0e-3f1f6a2d8c12"
    for region, referral_id in (("06", REFERRAL), ("07", other)):
        said = {"ce_id": "e-1", "ce_source": f"/region/{region}", "ce_subject": referral_id, "ce_type": "x"}
        await monitor.sees(f"intake.region.{region}", referral_id, said)
    monitor.written.clear()
    told = (await monitor.asked("e-1")).json()
    assert (told["referral_id"], len(told["events"])) == (None, 2)
    looks = [msgspec.json.decode(one.value or b"").get("referral_id") for one in monitor.written]
    assert sorted(looks) == sorted([REFERRAL, other])


async def test_a_trace_shows_its_dead_letters_as_they_stand_now(monitor: TracingMonitor) -> None:
    await monitor.event("ReferralOpened", OPENED)
    await monitor.letter(REFERRAL)
    await monitor.letter(REFERRAL, dl_attempts="2", dl_error="/type: is still not known")
    (letter,) = (await monitor.asked(REFERRAL)).json()["dead_letters"]
    assert (letter["state"], letter["attempts"], letter["error"]) == ("open", 2, "/type: is still not known")
    settled = {"dl_id": LETTER, "service": "referral", "attempt": 2, "outcome": "resolved"}
    await monitor.event("DeadLetterSettled", "settled-1", value=msgspec.json.encode(settled), ce_subject=LETTER)
    (letter,) = (await monitor.asked(REFERRAL)).json()["dead_letters"]
    assert letter["state"] == "resolved"


async def test_a_code_is_erased_with_its_referral_whose_id_still_finds_what_is_left(monitor: TracingMonitor) -> None:
    await monitor.event("ReferralOpened", OPENED)
    await monitor.event("ReferralErased", "erased-1")
    assert (await monitor.asked(CODE)).status_code == 404
    assert (await monitor.asked(REFERRAL)).status_code == 200


FORGED = {"ce_id": "e-77", "ce_source": "/region/06", "ce_type": "fi.kulttuurilahete.Unheard.v1"}


@pytest.mark.parametrize("first", ["intake.http", "intake.opisto.x"])
async def test_what_is_forged_changes_nothing_of_what_became_of_the_named_ones_event(
    first: str, monitor: TracingMonitor
) -> None:
    for topic in (first, "intake.opisto.x" if first == "intake.http" else "intake.http"):
        await monitor.sees(topic, REFERRAL, FORGED)
    await monitor.letter(REFERRAL, dl_topic="intake.opisto.x", dl_reason="forged_sender")
    answers = [(await monitor.asked(f"e-77?source={who}", of="events")).json() for who in ("/region/06", "/opisto/x")]
    assert [(one["state"], one["repeated"]) for one in answers] == [("in_flight", 0), ("dead_lettered", 0)]
    shown = (await monitor.asked(REFERRAL)).json()["events"]
    assert {(one["source"], one["outcome"]) for one in shown} == {("/region/06", None), ("/opisto/x", "dead_lettered")}
    assert (await monitor.asked(LETTER)).status_code == 200


async def test_a_partner_neither_erases_a_code_nor_delivers_anything_in_a_trace(monitor: TracingMonitor) -> None:
    await monitor.event("ReferralOpened", OPENED)
    for name in ("ReferralErased", "NotificationDelivered", "ReferralOpened"):
        said = {"ce_id": name, "ce_source": "/service/referral", "ce_type": f"fi.kulttuurilahete.{name}.v1"}
        await monitor.sees("intake.opisto.x", REFERRAL, said)
    told = (await monitor.asked(CODE)).json()
    assert (told["referral_id"], told["deliveries"]) == (REFERRAL, [])
    assert [one["source"] for one in told["events"]].count("/opisto/x") == 3


async def test_a_partner_traces_nothing(monitor: TracingMonitor) -> None:
    await monitor.event("ReferralOpened", OPENED)
    assert (await monitor.asked(REFERRAL, "key of 06")).status_code == 403


async def test_where_an_owner_is_down_the_rest_is_shown_with_who_does_not_answer(monitor: TracingMonitor) -> None:
    await monitor.event("ReferralOpened", OPENED)
    said = {"ce_id": "e-1", "ce_source": "/region/06", "ce_type": "fi.kulttuurilahete.ReferralIssued.v1"}
    await monitor.sees("intake.region.06", REFERRAL, said)
    told = (await monitor.asked(CODE)).json()
    assert told["silent"] == ["referral"]
    assert {one["id"]: one["outcome"] for one in told["events"]} == {OPENED: None, "e-1": None}
    assert (await monitor.get("/v1/found", q="e-1")).json()["silent"] == ["referral"]
    assert (await monitor.asked("e-1?source=/region/06", of="events")).status_code == 503
