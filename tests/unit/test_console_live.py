"""The stream behind the page Live: counts and where to go on, nothing of what an event says; it ends with the session."""

from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from starlette.requests import Request

from services.monitor.console import asked
from services.monitor.console.live import Ask, what_came
from tests.unit.console_door import READER, console, later
from tests.unit.country import Country, an_event
from tests.unit.doors import REGION, door

pytestmark = pytest.mark.asyncio
NOTHING = ["retry: 1000\n\n"]


def asking(one: Country, who: str) -> Ask:
    app = one.doors["monitor"].app
    return partial(asked.ask, Request({"type": "http", "app": app, "asgi": {"version": "3.0"}}), who, "/v1/live")


async def told(ask: Ask, after: str, lasts: float = 0.05) -> list[str]:
    return [one async for one in what_came(ask, after, lasts=lasts, every=0.06)]


async def test_it_goes_on_where_it_stopped_and_tells_counts_alone(tmp_path: Path) -> None:
    async with console(tmp_path) as one:
        ask = asking(one, READER)
        later(one)
        newest = (await ask({}))["next"]
        assert await told(ask, newest) == NOTHING
        event = an_event("ReferralIssued", str(uuid4()))
        await one.send(event)
        later(one)
        _, came = await told(ask, newest)
        assert came.startswith("id: ")
        assert '"fi.kulttuurilahete.ReferralIssued.v1":1' in came
        assert event.referral not in came
        assert event.id not in came
        after = came.partition("\n")[0].removeprefix("id: ")
        assert await told(ask, after) == NOTHING


async def test_it_ends_for_who_may_not_look(tmp_path: Path) -> None:
    async with console(tmp_path) as one:
        assert await told(asking(one, REGION), "", lasts=3_600) == NOTHING


async def test_without_a_session_there_is_no_stream(tmp_path: Path) -> None:
    async with door("monitor", tmp_path) as monitor:
        assert (await monitor.client.get("/live/stream")).status_code == 401
