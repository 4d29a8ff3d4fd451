"""The monitor's doors: what is asked of it in vain is answered by what is so, and by what to do."""

from pathlib import Path
from uuid import uuid4

import pytest

from shared.http.problem_types import NOT_REDRIVABLE, NOTHING_KEPT, SETTLED, UNDER_WAY
from shared.kafka.producer import Record
from tests.unit.country import an_event, country, erased
from tests.unit.doors import REGION, door, key

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("verb", ["redrive", "discard"])
async def test_why_a_dead_letter_cannot_be_acted_on_is_what_is_so(verb: str, tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        monitor = one.doors["monitor"]
        sent = [an_event("ReferralIssued", str(uuid4()), municipality="000") for _ in range(3)]
        await one.send(*sent)
        await one.write(sent[0], b"\xff\xfe" * 9, sent[0].headers[:1])
        letters = (await one.asks("/v1/dead-letters")).json()["dead_letters"]
        of = {letter["event_id"]: letter["dl_id"] for letter in letters}

        async def act(which: str, verb: str) -> tuple[int, str, str]:
            said = {"why": "it was sent anew"} if verb == "discard" else None
            answer = await monitor.client.post(f"/v1/dead-letters/{which}/{verb}", json=said, headers=key("ops:anna"))
            written, monitor.written[:] = monitor.written[:], []
            body = answer.json()
            await one.flow(written)
            return answer.status_code, body.get("type", ""), body.get("detail", "")

        await one.send(an_event("ReferralIssued", sent[0].referral))
        await erased(one, sent[0].referral)
        for unkept in (of[sent[0].id], of[None]):
            status, kind, detail = await act(unkept, verb)
            assert (status, kind) == (409, NOTHING_KEPT.uri)
            assert unkept in detail
            assert "nothing is kept" in detail
        own = {"dl_id": "of-the-monitor", "dl_reason": "handler_failed", "dl_service": "monitor", "ce_id": "m1"}
        encoded = [(name, value.encode()) for name, value in own.items()]
        await one.flow([Record("dead-letters", b"k", b"{}", encoded)])
        if verb == "redrive":
            assert (await act("of-the-monitor", verb))[:2] == (409, NOT_REDRIVABLE.uri)
        else:
            assert (await act("of-the-monitor", verb))[0] == 202
        await act(of[sent[1].id], "discard")
        assert (await act(of[sent[1].id], verb))[:2] == (409, SETTLED.uri)
        one.doors = {"monitor": monitor}  # nobody takes up what it sends again
        await act(of[sent[2].id], "redrive")
        assert (await act(of[sent[2].id], verb))[:2] == (409, UNDER_WAY.uri)


BODIES = [
    ("partners", "PUT", "/v1/partners/region/06", "application/json"),
    ("monitor", "POST", "/v1/events/outcomes", "application/json"),
    ("referral", "POST", "/v1/outcomes", "application/json"),
    ("referral", "POST", "/v1/events", "application/cloudevents+json"),
    ("catalogue", "POST", "/v1/events", "application/cloudevents-batch+json"),
    ("feedback", "POST", "/v1/events", "application/cloudevents+json"),
    ("feedback", "POST", "/v1/referrals/7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11/form-links", "application/json"),
]


@pytest.mark.parametrize(("service", "method", "path", "kind"), BODIES)
async def test_who_sends_a_packed_body_is_told_which_is_read(
    service: str, method: str, path: str, kind: str, tmp_path: Path
) -> None:
    who = {"/v1/events/outcomes": "ops:anna", "/v1/outcomes": "service:monitor"}.get(path, REGION)
    async with door(service, tmp_path) as one:
        headers = key(who) | {"content-type": kind, "content-encoding": "gzip"}
        answer = await one.client.request(method, path, content=b"{}", headers=headers)
        assert (answer.status_code, answer.headers.get("accept-encoding")) == (415, "identity")
