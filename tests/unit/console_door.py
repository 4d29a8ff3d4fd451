"""The monitor's console as a browser meets it: something in the store to look at, Kafka as it is told, sessions by key."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx
import msgspec
import pytest
from aiokafka import ConsumerRecord
from starlette.requests import Request

from services.monitor.console.frame import LANGUAGE_COOKIE
from services.monitor.projections.observing import observe
from shared.contracts import topics
from shared.kafka.lag import Lag
from shared.kafka.producer import Record
from tests.unit.country import Country, an_event, country
from tests.unit.doors import OPISTO, REGION, Door, key
from tests.unit.network import TickingClock

OPS: Final = "ops:anna"
READER: Final = "reader:eero"
REFERRAL: Final = "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"
LATE: Final = "5b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c12"
"""A referral that nobody chooses for."""
SCRIPT: Final = "<script>alert(1)</script>"
TURNED: Final = "\u202etxt.exe\u2066"
LONG: Final = "å" * 60_000
FORM: Final = {"sec-fetch-site": "same-origin"}
BEHIND: Final = (
    Lag("referral", "intake.http", 3, 12_345, 312.5),
    Lag("referral", "intake.region.06", 0, 2, 4.0),
    Lag("catalogue", "intake.http", 3, 0, 0.0),
)


@asynccontextmanager
async def console(folder: Path, lags: Sequence[Lag] = BEHIND) -> AsyncIterator[Country]:
    """Four services, of which the monitor has a referral on its way, dead letters, some of them hostile, and this lag."""

    async def told(_: object) -> Sequence[Lag]:
        return lags

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("services.monitor.lag_api.lags", told)
        async with country(folder) as one:
            await fill(one)
            state = one.doors["monitor"].app.state
            state.clock = TickingClock(state.clock.now() + timedelta(days=15))
            state.settings = state.settings.model_copy(update={"edits": True})
            yield one


async def fill(one: Country) -> None:
    """A referral with a place, of which something could not be taken; letters that say what they must not."""
    names = ("ActivityPublished", "ReferralIssued", "ActivityChosen", "EnrolmentConfirmed", "ActivityAttended")
    await one.send(*(an_event(name, REFERRAL) for name in names))
    await one.send(*(an_event(name, LATE) for name in ("ActivityPublished", "ReferralIssued")))
    await one.send(an_event("ReferralWithdrawn", REFERRAL, reason=SCRIPT))
    await one.send(*(an_event("ReferralIssued", str(uuid4()), municipality=wrong) for wrong in ("000", SCRIPT, TURNED)))
    await one.flow([hostile(nth, text) for nth, text in enumerate((SCRIPT, TURNED, LONG))])


async def a_redrive(one: Country) -> str:
    """The id of one that is ordered of what a region sent in vain."""
    monitor = one.doors["monitor"]
    asked = {"why": SCRIPT, "reason": "invalid", "sender": "/region/06"}
    answer = await monitor.client.post("/v1/redrives", json=asked, headers=key(OPS))
    assert answer.status_code == 202, answer.text
    await one.flow(monitor.written.copy())
    return str(answer.json()["redrive_id"])


async def lay(one: Country) -> None:
    """An opisto has never looked at its feed, in which an entry lies for a fortnight; a region has read its own."""
    state = one.doors["monitor"].app.state
    at = int((state.clock.now() - timedelta(days=15)).timestamp() * 1000)
    said = (
        ("NotificationDelivered", {"recipient": OPISTO, "number": 1}),
        ("NotificationDelivered", {"recipient": REGION, "number": 1}),
        ("FeedRead", {"recipient": REGION, "up_to": 1}),
    )
    for nth, (name, data) in enumerate(said):
        headers = (("ce_type", f"fi.kulttuurilahete.{name}.v1".encode()), ("ce_source", b"/service/notify"))
        body = msgspec.json.encode(data)
        told = ConsumerRecord("notify.events", 0, nth, at, 1, b"", body, None, 0, 0, headers)
        await observe(state.store, [told], state.clock)


def later(one: Country) -> None:
    """Some seconds pass at the monitor: what came has settled."""
    clock: TickingClock = one.doors["monitor"].app.state.clock
    clock.set(clock.now() + timedelta(seconds=5))


def hostile(nth: int, text: str) -> Record:
    """A dead letter in which each text is this one."""
    said = {
        "dl_id": f"hostile-{nth}",
        "dl_reason": "invalid",
        "dl_service": "referral",
        "dl_error": text,
        "dl_topic": text,
        "ce_id": text,
        "ce_type": text,
        "ce_source": text,
        text[:60]: text,
    }
    headers = [(name, value.encode()) for name, value in said.items()]
    return Record("dead-letters", text.encode(), text.encode(), headers)


def browser_of(door: Door, **cookies: str) -> httpx.AsyncClient:
    """A browser that has not signed in."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(door.app), base_url="http://door", cookies=cookies)


@asynccontextmanager
async def signed_in(door: Door, who: str = OPS, language: str = "en") -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which somebody has signed in."""
    async with browser_of(door, **{LANGUAGE_COOKIE: language}) as client:
        answer = await client.post("/sign-in", data={"key": f"key of {who}"}, headers=FORM)
        assert answer.status_code == 303, answer.text
        yield client


def with_cookies(cookies: Mapping[str, str]) -> Request:
    """A request that brings cookies along."""
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return Request({"type": "http", "headers": [(b"cookie", header.encode("latin-1"))]})


async def post(door: Door, client: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    """A form of the console's, as its own page sends it."""
    return await client.post(path, data={**fields, "form_token": token_of(door, client)}, headers=FORM)


async def flow(one: Country) -> None:
    """What the monitor has written comes to all who read it; the audit stays unread."""
    written = one.doors["monitor"].written
    records = [record for record in written if record.topic != topics.AUDIT]
    written.clear()
    await one.flow(records)


def token_of(door: Door, client: httpx.AsyncClient) -> str:
    """What the forms of a browser's session bring along."""
    state = door.app.state
    session = state.sessions.of(with_cookies(dict(client.cookies)), state.keyring)
    return str(state.sessions.form_token(session))
