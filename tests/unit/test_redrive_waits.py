"""A letter that goes on waiting once it is sent again: its service is asked, its entry says for what, the redrive goes on."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest
import pytest_asyncio
from starlette.datastructures import State

from services.monitor import redrive_watch
from services.monitor.redrive_watch import ASKED_AFTER
from services.monitor.redrives import Redrive
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.envelope import Event
from shared.contracts.every_service_events import DeadlinePassed
from shared.engine.model import Document
from tests.unit.country import Country, Sent, an_event, country
from tests.unit.doors import key
from tests.unit.ops_room import record

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def one(tmp_path: Path) -> AsyncIterator[Country]:
    async with country(tmp_path) as four:
        yield four


async def carried(one: Country) -> None:
    """What the monitor has written comes to all."""
    monitor = one.doors["monitor"]
    written, monitor.written[:] = monitor.written[:], []
    await one.flow([each for each in written if each.topic != topics.AUDIT])


async def looks(one: Country, by: timedelta = ASKED_AFTER) -> None:
    """The monitor asks, so long after the step began."""
    monitor = one.doors["monitor"]
    state = monitor.app.state
    said = {
        "store": monitor.store,
        "owners": state.owners,
        "publisher": monitor,
        "clock": Clock(datetime.now(UTC) + by, time.time()),
    }
    await redrive_watch.look(State(said))
    await carried(one)


async def failed(one: Country, *sent: Sent) -> None:
    """Events of which a fault of the platform's own made dead letters; it is mended then."""
    one.failing = {"referral": frozenset({"ReferralIssued", "ActivityChosen"})}
    await one.send(*sent)
    one.failing = {}


async def ordered(one: Country, *sent: Sent, **how: Any) -> str:
    """These are sent again, the first of them by itself."""
    letters = (await one.asks("/v1/dead-letters?limit=500")).json()["dead_letters"]
    of = {letter["event_id"]: letter["dl_id"] for letter in letters}
    said = {"why": "mended", "dl_ids": [of[event.id] for event in sent], "a_minute": 60_000, **how}
    answer = await one.doors["monitor"].client.post("/v1/redrives", json=said, headers=key("ops:anna"))
    await carried(one)
    return str(answer.json()["redrive_id"])


async def stands(one: Country, redrive: str) -> dict[str, Any]:
    found: dict[str, Any] = (await one.asks(f"/v1/redrives/{redrive}")).json()
    return found


async def entries(one: Country, redrive: str) -> list[tuple[str, str]]:
    found = (await one.asks(f"/v1/redrives/{redrive}/entries")).json()["entries"]
    return [(entry["outcome"], entry["reason"]) for entry in found]


async def late(one: Country, redrive: str) -> None:
    """Until its deadline nobody has answered."""
    rows = await one.doors["monitor"].store.load("redrives", [redrive])
    state = msgspec.json.decode(rows[redrive].body, type=Document[Redrive]).state
    assert state
    assert state.due_at
    passed = DeadlinePassed(
        service="monitor", collection="redrives", aggregate=redrive, what="redrive", due_at=state.due_at, nth=1
    )
    await one.flow([record(Event(str(uuid4()), "/service/monitor", state.due_at, passed), "monitor.events")])


async def test_its_entry_says_for_what_and_the_redrive_goes_on_to_its_end(one: Country) -> None:
    early, issued = an_event("ActivityChosen", str(uuid4())), an_event("ReferralIssued", str(uuid4()))
    await failed(one, early, issued)
    redrive = await ordered(one, early, issued)
    assert (await stands(one, redrive))["outstanding"] == 1
    await looks(one)
    end = await stands(one, redrive)
    assert (end["state"], end["waits"], end["resolved"], end["unanswered"]) == ("done", 1, 1, 0)
    assert await entries(one, redrive) == [("waits", "ReferralIssued"), ("resolved", "")]


async def test_what_it_waited_for_comes_later_and_then_it_counts_as_resolved(one: Country) -> None:
    early = an_event("ActivityChosen", str(uuid4()))
    await failed(one, early)
    redrive = await ordered(one, early)
    await looks(one)
    await looks(one)
    await one.send(an_event("ReferralIssued", early.referral, early.source))
    end = await stands(one, redrive)
    assert (end["waits"], end["resolved"], end["state"]) == (0, 1, "done")
    assert await entries(one, redrive) == [("waits", "ReferralIssued"), ("resolved", "")], "asked twice, said once"


async def test_nobody_is_asked_about_what_was_sent_a_moment_ago(one: Country) -> None:
    early = an_event("ActivityChosen", str(uuid4()))
    await failed(one, early)
    redrive = await ordered(one, early)
    await looks(one, ASKED_AFTER - timedelta(seconds=5))
    assert (await stands(one, redrive))["outstanding"] == 1


async def test_only_a_service_that_does_not_answer_leaves_a_letter_unanswered_until_it_does(one: Country) -> None:
    early = an_event("ActivityChosen", str(uuid4()))
    await failed(one, early)
    redrive = await ordered(one, early)
    referral = one.doors["referral"]
    answering, referral.client = (
        referral.client,
        httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds="/nobody/listens.sock")),
    )
    await looks(one)
    assert (await stands(one, redrive))["outstanding"] == 1
    await late(one, redrive)
    silent = await stands(one, redrive)
    assert (silent["state"], silent["unanswered"], silent["waits"]) == ("stopped", 1, 0)
    assert silent["said"] == "1 had no answer in time: their service does not read, or is behind"
    await referral.client.aclose()
    referral.client = answering
    await one.doors["monitor"].client.post(f"/v1/redrives/{redrive}/resume", headers=key("ops:anna"))
    await carried(one)
    assert (await stands(one, redrive))["state"] == "done"
