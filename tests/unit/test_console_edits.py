"""An edit in the console: covered first, proposed by one, confirmed by another who has looked, without a script."""

import html
import json
import re
from pathlib import Path

import pytest

from services.monitor.console.masked import COVER
from tests.unit.console_door import OPS, REFERRAL, console, flow, post, signed_in
from tests.unit.country import Country
from tests.unit.doors import REGION

BERT = "ops:bert"
MENDED = json.dumps({"referral_id": REFERRAL, "reason": "moved"})
PROPOSED = '"reason": "moved"'

pytestmark = pytest.mark.asyncio


async def page_of(one: Country) -> str:
    """The page of the letter about the referral, whose sender wrote a script for a reason."""
    answer = await one.asks(f"/v1/traces/{REFERRAL}")
    return f"/dead-letters/{answer.json()['dead_letters'][0]['dl_id']}/edit"


async def test_one_proposes_and_another_looks_and_confirms_and_its_sender_is_served(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as anna:
        monitor, path = one.doors["monitor"], await page_of(one)
        assert f'href="{path}"' in (await anna.get(path.removesuffix("/edit"))).text
        covered = (await anna.get(path)).text
        assert (REFERRAL in covered, COVER in covered) == (False, True)
        looked = html.unescape((await post(monitor, anna, path, step="look")).text)
        assert f'"referral_id": "{REFERRAL}"' in looked.partition("<textarea")[2], "to be edited where it stands"
        done = await post(monitor, anna, path, step="propose", data=MENDED, why="its system writes a script")
        assert (done.status_code, done.headers["location"]) == (303, path.removesuffix("/edit"))
        await flow(one)
        alone = (await post(monitor, anna, path, step="look")).text
        assert 'aria-disabled="true" aria-describedby="alone"' in alone
        async with signed_in(monitor, BERT) as bert:
            before = html.unescape((await bert.get(path)).text)
            assert (OPS in before, PROPOSED in before, 'value="confirm"' in before) == (True, False, False)
            seen = html.unescape((await post(monitor, bert, path, step="look")).text)
            assert PROPOSED in seen
            found = re.search(r'name="edit_id" value="([^"]+)"', seen)
            assert found
            assert (await post(monitor, bert, path, step="confirm", edit_id=found[1])).status_code == 303
        await flow(one)
        letter = (await anna.get(path.removesuffix("/edit"))).text
        assert "edited" in letter
        assert "no longer open" in (await anna.get(path)).text
        asked = await one.asks(f"/v1/traces/{REFERRAL}")
        assert asked.json()["standing"]["status"] == "withdrawn", "as if its region had said so"
        found = (await one.asks(f"/v1{path.removesuffix('/edit')}")).json()
        assert await one.fate(found["event_id"], REGION, who=REGION) == "dead_lettered"
        assert await one.fate(found["edited_as"], REGION, who=REGION) == "applied"


async def test_what_cannot_be_proposed_is_said_and_what_was_typed_is_kept(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        monitor, path = one.doors["monitor"], await page_of(one)
        for data, said in (("[1]", "no JSON object"), ('{"reason": "gone"}', "/data/reason"), ("{", "no JSON object")):
            answer = await post(monitor, client, path, step="propose", data=data, why="its system writes a script")
            assert (answer.status_code, said in answer.text) == (200, True)
            assert data in html.unescape(answer.text)
            assert 'value="its system writes a script"' in answer.text
        again = await post(monitor, client, path, step="confirm", edit_id="5b0c1d2e-9f8a-4b7c-8d6e-1a2b3c4d5e6f")
        assert "no edit of" in again.text
        assert COVER in (await post(monitor, client, path)).text


async def test_where_edits_are_off_the_page_says_what_to_do_instead(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        state = one.doors["monitor"].app.state
        state.settings = state.settings.model_copy(update={"edits": False})
        page = (await client.get(await page_of(one))).text
        assert ("LAHETE_EDITS=true" in page, "<textarea" in page) == (True, False)
