"""A dead letter's event is sent with other content, as its sender's, once two people of the ops team have agreed."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from services.monitor.edits import STANDS
from shared.clock import real_now
from shared.contracts import topics
from shared.contracts.envelope import Event
from shared.contracts.monitor_events import EditConfirmed, ErasureToSpread
from shared.contracts.registry import CLASSES
from shared.kafka.producer import Record
from tests.unit.consumed import consumed
from tests.unit.ops_room import OpsRoom, letter, ops_room, record

pytestmark = pytest.mark.asyncio

LETTER = "/v1/dead-letters/d1"
ANNA, BERT = "ops:anna", "ops:bert"
REFERRAL, OTHER = str(uuid4()), str(uuid4())
WITHDRAWN = {"referral_id": REFERRAL, "reason": "moved"}
EDITED = {"data": WITHDRAWN, "why": "its system sends a reason that nobody knows"}
OF_THE_LETTER = {
    "ce_id": "w-1",
    "ce_source": "/region/06",
    "ce_type": CLASSES["ReferralWithdrawn"].type,
    "ce_time": "2026-09-01T11:00:00+03:00",
    "ce_specversion": "1.0",
    "ce_synthetic": "true",
    "dl_reason": "invalid",
}


@pytest_asyncio.fixture
async def monitor(tmp_path: Path) -> AsyncIterator[OpsRoom]:
    async with ops_room(tmp_path, edits=True) as one:
        await comes(one)
        yield one


async def comes(monitor: OpsRoom, dl_id: str = "d1", **said: str) -> None:
    content = json.dumps({**WITHDRAWN, "reason": "away"}).encode()
    await monitor.reads(letter(dl_id, key=REFERRAL.encode(), value=content, **{**OF_THE_LETTER, **said}))


async def proposed(monitor: OpsRoom, who: str = ANNA, **asked: Any) -> str:
    answer = await monitor.post(f"{LETTER}/edit", {**EDITED, **asked}, who)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["edit_id"])


async def decided(monitor: OpsRoom, how: str, edit: str, who: str = BERT) -> int:
    return (await monitor.post(f"{LETTER}/edit/{how}", {"edit_id": edit}, who)).status_code


async def state(monitor: OpsRoom) -> tuple[str, str | None, str | None]:
    found = await monitor.get(LETTER)
    return found["state"], found["edit_by"], found["edited_as"]


def sent(monitor: OpsRoom) -> list[tuple[dict[str, str], Any]]:
    """What stands on `intake.http` in a partner's name: headers and content."""
    said = [({name: (value or b"").decode() for name, value in one.headers}, one) for one in monitor.passed]
    return [(headers, json.loads(one.value or b"")) for headers, one in said if headers["ce_source"] == "/region/06"]


async def test_what_one_proposes_and_another_confirms_is_sent_as_its_senders_under_a_new_id(monitor: OpsRoom) -> None:
    edit = await proposed(monitor)
    assert await state(monitor) == ("open", ANNA, None)
    shown = await monitor.get(f"{LETTER}/edit", BERT)
    assert (shown["data"], shown["by"], shown["edit_id"]) == (WITHDRAWN, ANNA, edit)
    assert sent(monitor) == []
    assert await decided(monitor, "confirm", edit) == 202
    [(headers, content)] = sent(monitor)
    assert content == WITHDRAWN
    assert headers["ce_id"] == shown["event_id"] != "w-1"
    said = {name: headers[f"ce_{name}"] for name in ("editedfrom", "causationid", "type", "subject", "synthetic")}
    assert said == {
        "editedfrom": "w-1",
        "causationid": "w-1",
        "type": OF_THE_LETTER["ce_type"],
        "subject": REFERRAL,
        "synthetic": "true",
    }
    assert headers["ce_time"] == "2026-09-01T08:00:00Z", "when the region recorded it, not when it was edited"
    assert await state(monitor) == ("edited", None, shown["event_id"])
    now = await monitor.get(LETTER)
    assert (now["by"], now["why"]) == (BERT, EDITED["why"])


async def test_a_field_that_nobody_knows_is_neither_kept_nor_sent_and_names_nobody(monitor: OpsRoom) -> None:
    await proposed(monitor, data={**WITHDRAWN, "note": OTHER})
    assert (await monitor.get(f"{LETTER}/edit", BERT))["data"] == WITHDRAWN
    assert OTHER not in {json.loads(one.value or b"").get("referral_id") for one in monitor.audit}


async def test_nobody_confirms_alone_and_the_audit_keeps_that_he_tried(monitor: OpsRoom) -> None:
    edit = await proposed(monitor)
    refused = await monitor.post(f"{LETTER}/edit/confirm", {"edit_id": edit}, ANNA)
    assert (refused.status_code, "another person" in refused.json()["detail"]) == (403, True)
    own_word = EditConfirmed(dl_id="d1", by=ANNA, place="intake.http/0", edit=edit)
    await monitor.reads(record(Event(str(uuid4()), "/service/monitor", real_now(), own_word), topics.INTAKE_HTTP))
    assert await state(monitor) == ("open", ANNA, None), "nor by an event that the doors did not let in"
    kept = [json.loads(one.value or b"") for one in monitor.audit]
    denied = [one for one in kept if not one["allowed"]]
    assert [(one["who"], one["action"], one["referral_id"]) for one in denied] == [(ANNA, "confirm_edit", REFERRAL)]


async def test_what_each_did_is_in_the_audit_of_the_referrals_that_letter_and_edit_name(monitor: OpsRoom) -> None:
    edit = await proposed(monitor, data={**WITHDRAWN, "referral_id": OTHER})
    await decided(monitor, "refuse", edit)
    kept = [json.loads(one.value or b"") for one in monitor.audit]
    assert {(one["who"], one["action"], one["referral_id"]) for one in kept} == {
        (who, action, about) for who, action in ((ANNA, "edit"), (BERT, "refuse_edit")) for about in (REFERRAL, OTHER)
    }


async def test_a_confirmation_that_comes_again_sends_nothing_again(monitor: OpsRoom) -> None:
    edit = await proposed(monitor)
    word = EditConfirmed(dl_id="d1", by=BERT, place="intake.http/0", edit=edit)
    for _ in range(3):
        await monitor.reads(record(Event(str(uuid4()), "/service/monitor", real_now(), word), topics.INTAKE_HTTP))
    assert len(sent(monitor)) == 1
    assert await decided(monitor, "confirm", edit) == 409


async def test_of_two_proposals_the_first_stands_until_it_is_refused_and_what_was_not_seen_is_not_confirmed(
    monitor: OpsRoom,
) -> None:
    first = await proposed(monitor)
    again = await monitor.post(f"{LETTER}/edit", EDITED, BERT)
    assert (again.status_code, ANNA in again.json()["detail"]) == (409, True)
    assert await decided(monitor, "refuse", first) == 202
    second = await proposed(monitor, data={**WITHDRAWN, "reason": "duplicate"})
    assert await decided(monitor, "confirm", first) == 409
    assert await decided(monitor, "confirm", second) == 202
    assert [content["reason"] for _, content in sent(monitor)] == ["duplicate"]


async def test_two_proposals_on_the_log_at_once_are_one(monitor: OpsRoom) -> None:
    for who in (ANNA, BERT):
        answer = await monitor.client.post(
            f"{LETTER}/edit", json=EDITED, headers={"authorization": f"Bearer key of {who}"}
        )
        assert answer.status_code == 202
    await monitor.follows()
    assert await state(monitor) == ("open", ANNA, None)


async def test_a_letter_that_is_settled_meanwhile_is_not_edited_and_the_proposal_is_gone(monitor: OpsRoom) -> None:
    edit = await proposed(monitor)
    assert (await monitor.post(f"{LETTER}/redrive")).status_code == 202
    assert await decided(monitor, "confirm", edit) == 409
    await monitor.answers()
    assert await decided(monitor, "confirm", edit) == 409
    assert await state(monitor) == ("resolved", None, None)
    assert (await monitor.post(f"{LETTER}/edit", EDITED)).status_code == 409
    assert sent(monitor) == []


async def test_who_proposes_may_take_it_back_and_nothing_of_it_is_left(monitor: OpsRoom) -> None:
    edit = await proposed(monitor, data={**WITHDRAWN, "referral_id": OTHER})
    assert await decided(monitor, "refuse", edit, ANNA) == 202
    assert await state(monitor) == ("open", None, None)
    assert (
        await monitor.client.get(f"{LETTER}/edit", headers={"authorization": f"Bearer key of {BERT}"})
    ).status_code == 404
    [row] = (await monitor.store.load("dead_letters", ["d1"])).values()
    assert OTHER.encode() not in row.body


async def test_a_proposal_that_nobody_confirms_in_a_week_is_gone(monitor: OpsRoom) -> None:
    edit = await proposed(monitor)
    await monitor.passes("dead_letters", "d1", "edit", real_now() + STANDS - timedelta(minutes=1))
    assert await state(monitor) == ("open", ANNA, None)
    await monitor.passes("dead_letters", "d1", "edit", real_now() + STANDS)
    assert await state(monitor) == ("open", None, None)
    assert await decided(monitor, "confirm", edit) == 404


async def erased(monitor: OpsRoom, referral: str) -> None:
    data = ErasureToSpread(referral_id=referral, nth=0)
    await monitor.reads(record(Event(str(uuid4()), "/service/monitor", real_now(), data), "monitor.events"))


async def test_an_erasure_in_between_takes_the_letter_and_the_proposal(monitor: OpsRoom) -> None:
    edit = await proposed(monitor)
    await erased(monitor, REFERRAL)
    assert await decided(monitor, "confirm", edit) == 409
    [row] = (await monitor.store.load("dead_letters", ["d1"])).values()
    assert (b"moved" in row.body, b'"value"' in row.body) == (False, False)
    assert (await monitor.post(f"{LETTER}/edit", EDITED)).status_code == 409
    assert sent(monitor) == []


async def test_an_erasure_of_a_referral_that_the_proposal_alone_names_takes_the_proposal_alone(
    monitor: OpsRoom,
) -> None:
    edit = await proposed(monitor, data={**WITHDRAWN, "referral_id": OTHER})
    await erased(monitor, OTHER)
    assert await state(monitor) == ("open", None, None)
    assert await decided(monitor, "confirm", edit) == 404
    [row] = (await monitor.store.load("dead_letters", ["d1"])).values()
    assert (OTHER.encode() in row.body, REFERRAL.encode() in row.body) == (False, True)
    named = await monitor.post(f"{LETTER}/edit", {**EDITED, "data": {**WITHDRAWN, "referral_id": OTHER}})
    assert (named.status_code, "erased" in named.json()["detail"]) == (409, True)


async def test_a_confirmation_between_an_erasures_mark_and_what_it_takes_away_sends_nothing(monitor: OpsRoom) -> None:
    edit = await proposed(monitor, data={**WITHDRAWN, "referral_id": OTHER})
    follows = await marked_as_erased(monitor, OTHER)
    assert await decided(monitor, "confirm", edit) == 409
    word = EditConfirmed(dl_id="d1", by=BERT, place="intake.http/0", edit=edit)
    await monitor.reads(record(Event(str(uuid4()), "/service/monitor", real_now(), word), topics.INTAKE_HTTP))
    assert (await state(monitor), sent(monitor)) == (("open", ANNA, None), [])
    await monitor.reads(*follows)
    assert await state(monitor) == ("open", None, None)


async def marked_as_erased(monitor: OpsRoom, referral: str) -> list[Record]:
    """What follows from the mark, which is not taken up yet."""
    data = ErasureToSpread(referral_id=referral, nth=0)
    word = record(Event(str(uuid4()), "/service/monitor", real_now(), data), "monitor.events")
    engine = monitor.engine()
    await engine.clear(await engine.process(engine.receive([consumed(word, 10_000, 0)])))
    follows, monitor.written[:] = monitor.written[:], []
    return follows


@pytest.mark.parametrize("how", ["confirm", "refuse", "discard", "redrive"])
async def test_once_a_proposal_is_gone_no_file_of_the_store_holds_it(
    how: str, monitor: OpsRoom, tmp_path: Path
) -> None:
    edit = await proposed(monitor, data={**WITHDRAWN, "referral_id": OTHER})
    content = json.dumps(json.dumps({"referral_id": OTHER}, separators=(",", ":"))).strip('"').removesuffix("}")
    assert files_with(content, tmp_path)
    match how:
        case "confirm" | "refuse":
            await decided(monitor, how, edit)
        case "discard":
            await monitor.post(f"{LETTER}/discard", {"why": "sent anew"})
        case _:
            await monitor.post(f"{LETTER}/redrive")
            await monitor.answers()
    assert (await state(monitor))[1] is None
    assert files_with(content, tmp_path) == []


def files_with(text: str, folder: Path) -> list[str]:
    return [one.name for one in folder.rglob("*") if one.is_file() and text.encode() in one.read_bytes()]


@pytest.mark.parametrize(
    ("asked", "status", "named"),
    [
        ({"data": {**WITHDRAWN, "reason": "away"}}, 422, "/data/reason"),
        ({"data": {**WITHDRAWN, "reason": "131052-308T"}}, 422, "personal identity code"),
        ({"data": {}}, 422, "/data/referral_id"),
        ({"data": {**WITHDRAWN, "x": "y" * 65_536}}, 422, "65536 are allowed"),
        ({"why": ""}, 422, "/data/why"),
        ({"why": "131052-308T"}, 422, "personal identity code"),
        ({"type": CLASSES["ActivityCancelled"].type, "data": {"activity_id": "a", "reason": "other"}}, 403, "a region"),
        ({"type": CLASSES["ReferralErased"].type, "data": {"referral_id": REFERRAL}}, 422, "/data"),
        ({"type": "fi.kulttuurilahete.Nothing.v1"}, 422, "Nothing"),
        ({"time": "2099-01-01T00:00:00Z"}, 422, "/time"),
        ({"data": [1]}, 400, "object"),
    ],
    ids=lambda one: "-".join(one) if isinstance(one, dict) else str(one),
)
async def test_an_edited_event_passes_the_same_border_as_what_its_sender_sends(
    asked: dict[str, Any], status: int, named: str, monitor: OpsRoom
) -> None:
    answer = await monitor.post(f"{LETTER}/edit", {**EDITED, **asked})
    assert (answer.status_code, named in answer.json()["detail"]) == (status, True), answer.text
    assert "131052" not in answer.text
    assert await state(monitor) == ("open", None, None)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"ce_source": "/service/referral", "dl_topic": "referral.events"}, "mended in the service"),
        ({"dl_reason": "forged_sender", "dl_topic": "intake.region.07"}, "nobody knows whose it is"),
        ({"dl_reason": "handler_failed"}, "mend the platform"),
        ({"dl_reason": "rejected", "dl_service": "catalogue"}, "referral has taken it already"),
    ],
    ids=str,
)
async def test_what_no_edit_mends_is_not_edited_and_it_is_said_why(
    said: dict[str, str], why: str, monitor: OpsRoom
) -> None:
    await comes(monitor, "d2", **said)
    answer = await monitor.post("/v1/dead-letters/d2/edit", EDITED)
    assert (answer.status_code, why in answer.json()["detail"]) == (409, True), answer.text


async def test_a_letter_whose_event_named_neither_id_nor_class_is_mended_by_what_is_said(monitor: OpsRoom) -> None:
    nothing = {"ce_id": "", "ce_type": "", "dl_reason": "undecodable", "dl_topic": "intake.region.06"}
    await monitor.reads(letter("d1x", key=b"k", value=b"{", **nothing))
    whole = {**EDITED, "type": CLASSES["ReferralWithdrawn"].type, "time": "2026-09-01T11:00:00+03:00"}
    lacking = await monitor.post("/v1/dead-letters/d1x/edit", EDITED)
    assert (lacking.status_code, "/type" in lacking.json()["detail"]) == (422, True)
    edit = (await monitor.post("/v1/dead-letters/d1x/edit", whole)).json()["edit_id"]
    assert (await monitor.post("/v1/dead-letters/d1x/edit/confirm", {"edit_id": edit}, BERT)).status_code == 202
    [(headers, _)] = sent(monitor)
    assert headers["ce_editedfrom"] == "d1x"


async def test_only_ops_propose_look_and_decide(monitor: OpsRoom) -> None:
    edit = await proposed(monitor)
    for who in ("reader:eero", "/region/06"):
        assert (await monitor.post(f"{LETTER}/edit", EDITED, who)).status_code == 403
        assert await decided(monitor, "confirm", edit, who) == 403
        assert await decided(monitor, "refuse", edit, who) == 403
        looked = await monitor.client.get(f"{LETTER}/edit", headers={"authorization": f"Bearer key of {who}"})
        assert looked.status_code == 403


async def test_edits_are_off_unless_somebody_opens_them_and_the_answer_says_what_to_do(tmp_path: Path) -> None:
    async with ops_room(tmp_path) as closed:
        await comes(closed)
        answer = await closed.post(f"{LETTER}/edit", EDITED)
        assert (answer.status_code, "LAHETE_EDITS=true" in answer.json()["detail"]) == (403, True)
        assert "sends the event anew" in answer.json()["detail"]


@pytest.mark.parametrize("step", ["loaded", "saved", "published", "cleared"])
async def test_a_kill_at_any_step_sends_the_edited_event_under_one_id(step: str, monitor: OpsRoom) -> None:
    monitor.killed_at = step
    edit = await proposed(monitor)
    assert await decided(monitor, "confirm", edit) == 202
    assert (await state(monitor))[0] == "edited"
    assert len({headers["ce_id"] for headers, _ in sent(monitor)}) == 1
