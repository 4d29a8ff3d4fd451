"""Discards over a filter in the console: laid aside over a page that says what is chosen and how many, and taken back."""

from pathlib import Path

import pytest

from tests.unit.console_door import READER, SCRIPT, console, flow, post, signed_in
from tests.unit.country import Country
from tests.unit.doors import key

pytestmark = pytest.mark.asyncio
CHOSEN = "reason=invalid&sender=/region/06"
FILTER = {"reason": "invalid", "sender": "/region/06"}


async def states(one: Country) -> list[str]:
    """How the letters of the choice stand."""
    answer = await one.doors["monitor"].client.get("/v1/dead-letters", params=FILTER, headers=key("ops:anna"))
    return sorted(letter["state"] for letter in answer.json()["dead_letters"])


async def test_what_is_chosen_is_laid_aside_for_a_reason_and_taken_back_by_it(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        monitor = one.doors["monitor"]
        listed = (await client.get(f"/dead-letters?{CHOSEN}")).text
        assert 'href="/discards/new?reason=invalid&amp;sender=%2Fregion%2F06"' in listed
        page = (await client.get(f"/discards/new?{CHOSEN}")).text
        assert "Satakunta wellbeing services county" in page
        assert "Discard (4)" in page
        assert "That can be undone" in page
        until = page.partition('name="until" value="')[2].partition('"')[0]
        done = await post(monitor, client, "/discards/new", **FILTER, until=until, why=SCRIPT)
        assert (done.status_code, "state=discarded" in done.headers["location"]) == (303, True)
        await flow(one)
        assert await states(one) == ["discarded"] * 4
        assert "/discards/undo?" in (await client.get(done.headers["location"])).text
        back = (await client.get(f"/discards/undo?{CHOSEN}")).text
        assert SCRIPT not in back
        assert "(4)" in back
        undone = await post(monitor, client, "/discards/undo", **FILTER, why=SCRIPT)
        assert undone.status_code == 303, undone.text
        await flow(one)
        assert await states(one) == ["open"] * 4


@pytest.mark.parametrize(
    ("path", "typed", "said"),
    [
        ("/discards/new", {**FILTER, "why": ""}, "Nothing was discarded"),
        ("/discards/new", {**FILTER, "why": "131052-308T"}, "Nothing was discarded"),
        ("/discards/new", {"sender": "/region/07", "why": SCRIPT}, "no open dead letter is chosen by this"),
        ("/discards/new", {"why": "x"}, "name dead letters by dl_ids, or choose them by a filter"),
        ("/discards/undo", {**FILTER, "why": "never said"}, "Nothing was taken back"),
    ],
    ids=["no reason", "a code of a person", "nothing chosen", "no filter", "another reason"],
)
async def test_what_cannot_be_done_is_said_and_nothing_changes(
    path: str, typed: dict[str, str], said: str, tmp_path: Path
) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        answer = await post(one.doors["monitor"], client, path, **typed)
        assert answer.status_code == 200
        assert said in answer.text
        assert SCRIPT not in answer.text
        await flow(one)
        assert await states(one) == ["open"] * 4


@pytest.mark.parametrize("path", ["/discards/new", "/discards/undo"])
async def test_where_nothing_is_chosen_it_cannot_be_done_and_the_page_says_why(path: str, tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        for query in ("", "?sender=/region/07"):
            page = (await client.get(f"{path}{query}")).text
            assert 'aria-disabled="true" aria-describedby="nothing"' in page


async def test_one_letter_is_taken_back_over_a_page_too(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        monitor = one.doors["monitor"]
        assert "It is not discarded" in (await client.get("/dead-letters/hostile-0/undo-discard")).text
        await post(monitor, client, "/dead-letters/hostile-0/discard", why="sent anew")
        await flow(one)
        letter = (await client.get("/dead-letters/hostile-0")).text
        assert "sent anew" in letter
        assert "/dead-letters/hostile-0/undo-discard" in letter
        await post(monitor, client, "/dead-letters/hostile-0/undo-discard")
        await flow(one)
        assert "sent anew" not in (await client.get("/dead-letters/hostile-0")).text


async def test_a_reader_lays_nothing_aside(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"], READER) as client:
        monitor = one.doors["monitor"]
        asked = [await client.get(where) for where in (f"/discards/new?{CHOSEN}", f"/discards/undo?{CHOSEN}")]
        asked += [await post(monitor, client, where, why="x") for where in ("/discards/new", "/discards/undo")]
        assert [answer.status_code for answer in asked] == [403] * 4
