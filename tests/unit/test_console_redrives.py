"""Redrives in the console: ordered over a page with what is chosen and how many that is, watched, steered."""

from pathlib import Path

import pytest

from tests.unit.console_door import READER, SCRIPT, a_redrive, console, flow, post, signed_in

pytestmark = pytest.mark.asyncio
CHOSEN = "reason=invalid&sender=/region/06"


async def test_the_page_says_what_is_chosen_how_many_that_is_and_orders_just_that(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        monitor = one.doors["monitor"]
        page = (await client.get(f"/redrives/new?{CHOSEN}")).text
        assert "Satakunta wellbeing services county" in page
        assert "Send again (4)" in page
        assert "<dt>refused again</dt><dd>4</dd>" in page
        until = page.partition('name="until" value="')[2].partition('"')[0]
        form = {"reason": "invalid", "sender": "/region/06", "until": until, "why": "mended", "a_minute": "60"}
        ordered = await post(monitor, client, "/redrives/new", **form, stop_on_error="on")
        assert ordered.status_code == 303
        await flow(one)
        shown = (await client.get(ordered.headers["location"])).text
        assert "mended" in shown
        assert "stops on an error" in shown
        assert ">4</dd>" in shown
        assert "mended" in (await client.get("/redrives")).text


async def test_a_group_is_chosen_in_words(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        groups = (await one.asks("/v1/dead-letter-groups")).json()["groups"]
        (municipality,) = (one for one in groups if one["pointer"] == "/data/municipality")
        page = (await client.get(f"/redrives/new?group={municipality['group']}")).text
        assert "/data/municipality: Value error, no municipality has the code …" in page


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"why": "", "a_minute": "60"}, "Nothing was sent"),
        ({"why": SCRIPT, "a_minute": "many"}, "How many a minute is a whole number"),
        ({"why": "mended", "a_minute": "60", "sender": "/region/07"}, "no open dead letter is chosen by this"),
    ],
    ids=["no reason", "no number", "nothing chosen"],
)
async def test_what_cannot_be_ordered_is_said_and_what_was_typed_is_kept(
    typed: dict[str, str], said: str, tmp_path: Path
) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        answer = await post(one.doors["monitor"], client, "/redrives/new", **{"reason": "invalid", **typed})
        assert answer.status_code == 200
        assert said in answer.text
        assert SCRIPT not in answer.text
        assert f'name="a_minute" value="{typed["a_minute"]}"' in answer.text


async def test_where_nothing_is_chosen_it_cannot_be_ordered_and_the_page_says_why(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        for query in ("", "?sender=/region/07"):
            page = (await client.get(f"/redrives/new{query}")).text
            assert 'aria-disabled="true" aria-describedby="nothing"' in page
            assert "No open dead letter is chosen by this" in page


async def test_a_redrive_is_paused_let_go_on_and_ended_each_over_a_page(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        monitor = one.doors["monitor"]
        one.doors = {"monitor": monitor}  # nobody takes up what it sends again
        path = f"/redrives/{await a_redrive(one)}"
        for action, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
            assert "Not sent yet" in (await client.get(f"{path}/{action}")).text
            assert (await post(monitor, client, f"{path}/{action}")).headers["location"] == path
            await flow(one)
            assert f">{state}</span>" in (await client.get(path)).text
        done = await post(monitor, client, f"{path}/pause")
        assert "Nothing was done" in done.text
        assert SCRIPT not in done.text


async def test_a_reader_orders_and_steers_nothing(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"], READER) as client:
        monitor, path = one.doors["monitor"], f"/redrives/{await a_redrive(one)}"
        asked = [await client.get(where) for where in ("/redrives", f"/redrives/new?{CHOSEN}", path, f"{path}/pause")]
        asked += [await post(monitor, client, where, why="x") for where in ("/redrives/new", f"{path}/pause")]
        assert [answer.status_code for answer in asked] == [403] * 6
