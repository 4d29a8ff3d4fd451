"""What comes now, at /v1/live and by `lahete tail`: every event once, in order, with nothing of what it says."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.unit.country import an_event
from tests.unit.doors import key
from tests.unit.land import Land, land
from tests.unit.test_cli_shows import answering, run_of

SAID = ("ActivityPublished", "ReferralIssued", "ActivityChosen")


async def asked(one: Land, **params: object) -> dict[str, Any]:
    monitor = one.doors["monitor"]
    query = {name: str(value) for name, value in params.items()}
    now, monitor.app.state.clock = monitor.app.state.clock, Later()
    answer = await monitor.client.get("/v1/live", params=query, headers=key("reader:eero"))
    monitor.app.state.clock = now
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


class Later:
    """A clock by which all that came has settled."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(minutes=1)


def ids(answer: dict[str, Any]) -> list[str]:
    return [event["id"] for event in answer["events"]]


@pytest.mark.asyncio
async def test_page_by_page_each_event_comes_once_and_later_ones_behind(tmp_path: Path) -> None:
    async with land(tmp_path) as one:
        sent = [an_event(name, referral := str(uuid4())) for name in SAID]
        start = await asked(one)
        assert (start["events"], start["counts"]) == ([], {})
        await one.send(*sent)
        whole = await asked(one, limit=500)
        assert {each.id for each in sent} < set(ids(whole))
        assert sum(whole["counts"].values()) == len(whole["events"])
        paged: list[str] = []
        after = (await asked(one, after="WzAsIiJd", limit=1))["next"]
        paged += ids(await asked(one, after="WzAsIiJd", limit=1))
        while page := ids(answer := await asked(one, after=after, limit=1)):
            paged, after = [*paged, *page], answer["next"]
        assert paged == ids(whole)
        later = an_event("ReferralIssued", str(uuid4()))
        await one.send(later)
        news = await asked(one, after=whole["next"])
        assert later.id in ids(news)
        assert not set(ids(news)) & set(ids(whole))
        assert referral not in json.dumps([whole, news]), "no referral is looked at"


@pytest.mark.asyncio
async def test_a_heartbeat_is_not_shown_and_is_passed_by(tmp_path: Path) -> None:
    async with land(tmp_path) as one:
        await one.beat()
        assert (beaten := await asked(one))["events"] == []
        await one.send(sent := an_event("ReferralIssued", str(uuid4())))
        assert sent.id in ids(await asked(one, after=beaten["next"]))


@pytest.mark.parametrize("after", ["x", "AAAA", "WzEsMl0", "eyJhIjoxfQ", "W251bGwsIiJd"])
@pytest.mark.asyncio
async def test_a_place_that_no_answer_named_is_refused(after: str, tmp_path: Path) -> None:
    async with land(tmp_path) as one:
        answer = await one.doors["monitor"].client.get(f"/v1/live?after={after}", headers=key("ops:anna"))
        assert answer.status_code == 422, answer.text


def test_tail_prints_a_line_an_event_and_how_many_of_each_class(tmp_path: Path) -> None:
    event = {
        "source": "/region/06",
        "type": "fi.kulttuurilahete.ReferralIssued.v1",
        "id": "a\u202eb",
        "topic": "intake.http",
        "recorded_at": "2026-09-01T08:00:01Z",
        "seen": 1,
    }
    live = {"events": [event, {**event, "id": "c", "seen": 2}], "counts": {event["type"]: 2}, "next": "abcd"}
    with answering({"/v1/live?limit=20": (200, live)}) as monitor, run_of(tmp_path, monitor=monitor) as at:
        shown = CliRunner().invoke(app, ["tail", "--no-follow", *at])
        as_json = CliRunner().invoke(app, ["tail", "--no-follow", "--json", *at])
    assert shown.stdout.splitlines() == [
        "2026-09-01T08:00:01Z  /region/06  ReferralIssued.v1  a\\u202eb",
        "2026-09-01T08:00:01Z  /region/06  ReferralIssued.v1  c (seen 2 times)",
        "2 ReferralIssued.v1",
    ]
    assert [json.loads(line) for line in as_json.stdout.splitlines()] == live["events"]
