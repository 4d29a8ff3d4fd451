"""The intake: what is refused before it is read, who is asked first, how a wide batch is told what is wrong with it."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import httpx
import msgspec
import pytest
import pytest_asyncio

from shared.contracts import envelope
from shared.http import examine, intake
from tests.unit.doors import BATCH, EVENT, OPISTO, REGION, Door, door, key, referral

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def referrals(tmp_path: Path) -> AsyncIterator[Door]:
    async with door("referral", tmp_path) as one:
        yield one


def paths(response: httpx.Response) -> list[str]:
    return [error["path"] for error in response.json()["errors"]]


# --- a batch


async def test_a_batch_is_taken_whole(referrals: Door) -> None:
    answer = await referrals.send([referral(), referral()], kind=BATCH)
    assert answer.status_code == 202, answer.text
    assert len(answer.json()["accepted"]) == len(referrals.written) == 2


async def test_an_empty_batch_is_taken(referrals: Door) -> None:
    answer = await referrals.send([], kind=BATCH)
    assert (answer.status_code, answer.json()) == (202, {"accepted": []})


async def test_a_batch_names_every_bad_event_whatever_is_wrong_with_it(referrals: Door) -> None:
    batch = [
        referral(),
        referral(municipality="000"),
        "no object",
        referral(),
        referral() | {"type": "fi.kulttuurilahete.Unheard.v1"},
        referral(unit_ref="x" * 70_000),
        referral(needs={}),
    ]
    answer = await referrals.send(batch, kind=BATCH)
    assert answer.status_code == 422
    assert {path.split("/")[1] for path in paths(answer)} == {"1", "2", "4", "5", "6"}
    assert "/1/data/municipality" in paths(answer)
    assert "5 events cannot be taken, and so none was; the first: /1: " in answer.json()["detail"]
    assert referrals.written == []


async def test_of_a_batch_with_many_faults_each_bad_event_is_named_before_the_second_fault_of_any(
    referrals: Door,
) -> None:
    bad: dict[str, Any] = {"municipality": "000", "age_band": "young", "languages": [], "needs": {}}
    answer = await referrals.send([referral(**bad) for _ in range(60)], kind=BATCH)
    assert len(paths(answer)) == 100
    assert {path.split("/")[1] for path in paths(answer)[:60]} == {str(place) for place in range(60)}


async def test_the_examination_of_a_batch_ends_at_the_hundredth_bad_event(
    referrals: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = Mock(side_effect=envelope.decode)
    monkeypatch.setattr(examine, "decode", looked)
    answer = await referrals.send([referral(municipality="000") for _ in range(300)], kind=BATCH)
    assert answer.json()["detail"].startswith("at least 100 events cannot be taken")
    assert looked.call_count == 100


async def test_a_batch_of_another_is_refused_before_any_of_it_is_examined(
    referrals: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = Mock(side_effect=envelope.decode)
    monkeypatch.setattr(examine, "decode", looked)
    batch = [referral(municipality="000"), referral("/region/07"), referral(), referral(OPISTO)]
    answer = await referrals.send(batch, kind=BATCH)
    assert (answer.status_code, paths(answer)) == (403, ["/1/source", "/3/source"])
    assert looked.call_count == 0


async def test_a_batch_holds_500_events_and_no_more(referrals: Door) -> None:
    assert (await referrals.send([referral()] * 500, kind=BATCH)).status_code == 202
    assert (await referrals.send([referral()] * 501, kind=BATCH)).status_code == 422


async def test_a_list_of_millions_of_nothings_is_not_read(referrals: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    await referrals.send([], kind=BATCH)  # the keys are read once
    monkeypatch.setattr(msgspec.json, "decode", lambda *_, **__: pytest.fail("it was read"))
    answer = await referrals.send(b"[" + b"1," * 1_000_000 + b"1]", kind=BATCH)
    assert answer.status_code == 413


async def test_others_have_their_turn_while_a_wide_batch_is_examined(referrals: Door) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    others = asyncio.create_task(other())
    wide = [referral(liked="%" * 16_000) for _ in range(400)]
    assert (await referrals.send(wide, kind=BATCH)).status_code == 202
    others.cancel()
    alone = turns
    assert alone > 20


# --- bodies


async def test_what_announces_too_much_is_refused_before_a_byte_is_read(referrals: Door) -> None:
    async def endless() -> AsyncIterator[bytes]:
        pytest.fail("it was read")
        yield b""

    for kind, most in ((BATCH, intake.MAX_BODY), (EVENT, intake.MAX_ONE)):
        headers = key(REGION) | {"content-type": kind, "content-length": str(most + 1)}
        answer = await referrals.client.post("/v1/events", content=endless(), headers=headers)
        assert answer.status_code == 413


async def test_what_announces_nothing_is_read_up_to_the_bound(referrals: Door) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 65_536
            yield b" " * 65_536

    headers = key(REGION) | {"content-type": EVENT}
    answer = await referrals.client.post("/v1/events", content=endless(), headers=headers)
    assert answer.status_code == 413
    assert read <= intake.MAX_ONE + 2 * 65_536


async def test_an_encoded_body_is_refused_with_what_is_understood(referrals: Door) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    answer = await referrals.send(bomb, **{"content-encoding": "gzip"})
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")


@pytest.mark.parametrize("encoding", ["", " ", "identity", "Identity"])
async def test_a_body_that_is_said_to_be_encoded_in_nothing_is_taken(referrals: Door, encoding: str) -> None:
    answer = await referrals.send(b"[]", **{"content-encoding": encoding, "content-type": BATCH})
    assert (answer.status_code, answer.json()) == (202, {"accepted": []})


async def test_another_kind_of_content_is_refused_before_the_body_is_read(referrals: Door) -> None:
    async def unread() -> AsyncIterator[bytes]:
        pytest.fail("it was read")
        yield b""

    for kind in ("text/plain", "application/json", ""):
        headers = key(REGION) | {"content-type": kind}
        assert (await referrals.client.post("/v1/events", content=unread(), headers=headers)).status_code == 415


@pytest.mark.parametrize(
    ("service", "method", "path", "who", "most"),
    [
        ("partners", "PUT", f"/v1/partners{REGION}", REGION, 64 * 1024),
        ("monitor", "POST", "/v1/events/outcomes", "ops:anna", 512 * 1024),
        ("referral", "POST", "/v1/outcomes", "service:monitor", 512 * 1024),
        ("feedback", "POST", "/v1/referrals/x/form-links", REGION, 4 * 1024),
    ],
)
async def test_every_body_is_bounded(tmp_path: Path, service: str, method: str, path: str, who: str, most: int) -> None:
    async with door(service, tmp_path) as one:
        for body in (b'{"events": [' + b" " * most + b"]}", b"[" * (most - 1), b"\xff", b"\x00", b"1", b'{"events":1}'):
            answer = await one.client.request(method, path, content=body, headers=key(who))
            assert answer.status_code == (413 if len(body) > most else answer.status_code)
            assert answer.status_code in {400, 413, 422}, (body[:20], answer.text)


async def test_an_owner_is_asked_after_500_events_at_once_and_no_more(referrals: Door) -> None:
    one: dict[str, Any] = {"source": REGION, "id": "1", "type": "ReferralIssued", "subject": "x"}
    for count, status in ((500, 200), (501, 413)):
        answer = await referrals.client.post(
            "/v1/outcomes", json={"events": [one] * count}, headers=key("service:monitor")
        )
        assert answer.status_code == status


# --- rates


async def test_who_sends_more_events_than_his_minute_holds_is_told_when_to_come_again(tmp_path: Path) -> None:
    async with door("referral", tmp_path, events_a_minute=500) as one:
        assert (await one.send([referral()] * 400, kind=BATCH)).status_code == 202
        refused = await one.send([referral()] * 400, kind=BATCH)
        assert refused.status_code == 429
        assert 30 < int(refused.headers["retry-after"]) <= 36
        assert (await one.send(referral("/region/07"), "/region/07")).status_code == 202


async def test_eight_batches_of_one_sender_are_in_hand_at_once_and_the_ninth_is_told_to_wait(referrals: Door) -> None:
    let_go = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"["
        await let_go.wait()
        yield b"]"

    def send(who: str) -> asyncio.Task[httpx.Response]:
        headers = key(who) | {"content-type": BATCH}
        return asyncio.ensure_future(referrals.client.post("/v1/events", content=slowly(), headers=headers))

    held = [send(REGION) for _ in range(8)]
    refused = await send(REGION)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    other = send("/region/07")
    let_go.set()
    assert {answer.status_code for answer in await asyncio.gather(*held, other)} == {202}
    assert (await send(REGION)).status_code == 202


async def test_who_asks_more_often_than_his_minute_holds_is_told_so(tmp_path: Path) -> None:
    async with door("notify", tmp_path, requests_a_minute=3) as one:
        seen = [(await one.client.get("/v1/feed", headers=key(REGION))).status_code for _ in range(4)]
        assert seen == [200, 200, 200, 429]
        assert (await one.client.get("/v1/feed", headers=key(OPISTO))).status_code == 200


# --- addresses


async def test_a_parameter_that_an_address_does_not_take_is_refused_with_those_that_it_takes(tmp_path: Path) -> None:
    async with door("catalogue", tmp_path) as one:
        answer = await one.client.get("/v1/activities?munincipality=837&page=1")
        assert answer.status_code == 422
        assert paths(answer) == ["/munincipality"]
        assert "there are municipality, theme, need" in answer.json()["detail"]
        assert (await one.client.get("/v1/activities?page=1&page=2")).status_code == 422
        assert (await one.client.get("/health/live?now=1")).status_code == 422


async def test_a_slash_behind_an_address_leads_nowhere(referrals: Door) -> None:
    assert (await referrals.client.get("/health/live/")).status_code == 404
    assert (await referrals.client.post("/v1/events/", headers=key(REGION))).status_code == 404


async def test_another_method_is_told_which_there_are(referrals: Door) -> None:
    answer = await referrals.client.delete("/v1/events")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["detail"] == "this address takes POST, not DELETE; /openapi.json says what each does"


async def test_all_methods_of_an_address_are_named_whichever_row_has_them(tmp_path: Path) -> None:
    async with door("feedback", tmp_path) as one:
        answer = await one.client.put("/f/token")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
        assert "takes GET, HEAD, POST, not PUT" in answer.json()["detail"]


async def test_a_number_of_thousands_of_digits_is_no_number(tmp_path: Path) -> None:
    async with door("catalogue", tmp_path) as one:
        for page in ("0" * 5_000 + "1", "1" * 5_000, "٣", "1_0", "-1", " 1", ""):
            assert (await one.client.get("/v1/activities", params={"page": page})).status_code == 422
