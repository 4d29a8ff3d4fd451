"""Dead letters in the console: covered first, shown for a reason, acted on over a page that says what would be."""

import csv
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.console.dead_letters import REVEALED_FOR
from services.monitor.console.masked import COVER, masked
from shared.contracts import topics
from tests.unit.console_door import FORM, READER, REFERRAL, SCRIPT, console, hostile, post, signed_in, token_of
from tests.unit.country import Country
from tests.unit.doors import Door, key

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(min_size=1),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
    max_leaves=20,
)


async def a_letter(one: Country) -> str:
    """One about the referral, whose sender wrote a script for a reason."""
    answer = await one.asks(f"/v1/traces/{REFERRAL}")
    return str(answer.json()["dead_letters"][0]["dl_id"])


def kept(one: Door, action: str) -> list[dict[str, Any]]:
    """What the audit has of an action."""
    looks = [json.loads(record.value or b"") for record in one.written if record.topic == topics.AUDIT]
    return [look for look in looks if look["action"] == action]


@pytest.mark.asyncio
async def test_a_record_is_covered_until_somebody_says_what_for_and_the_audit_keeps_that(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        monitor, path = one.doors["monitor"], f"/dead-letters/{await a_letter(one)}"
        covered = (await client.get(path)).text
        assert REFERRAL not in covered
        assert COVER in covered
        assert "&#34;referral_id&#34;" in covered, "its fields can be seen"
        for wrong in ("", "curiosity"):
            assert REFERRAL not in (await post(monitor, client, path, reason=wrong)).text
        assert kept(monitor, "reveal") == []
        shown = await post(monitor, client, path, reason="sender_asks")
        assert REFERRAL in shown.text
        assert [(look["who"], look["ground"]) for look in kept(monitor, "reveal")] == [("ops:anna", "sender_asks")]


@pytest.mark.asyncio
async def test_an_enormous_one_is_shown_in_part_and_its_whole_value_is_a_file_for_a_reason_that_is_kept(
    tmp_path: Path,
) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        monitor, path = one.doors["monitor"], "/dead-letters/hostile-3"
        value = b'{"said": "' + b"x" * 100_000 + b'"}'
        await one.flow([msgspec.structs.replace(hostile(3, "short"), value=value)])
        page = (await client.get(path)).text
        assert "its beginning alone is shown" in page
        assert "Bytes: 100,012" in page
        for wrong in ("", "curiosity"):
            refused = await post(monitor, client, path, reason=wrong, **{"as": "file"})
            assert refused.headers["content-type"].startswith("text/html")
        assert kept(monitor, "reveal") == []
        shown = await post(monitor, client, path, reason="mend")
        assert len(shown.content) < 30_000
        file = await post(monitor, client, path, reason="mend", **{"as": "file"})
        assert file.content == value
        assert [look["what"] for look in kept(monitor, "reveal")] == ["hostile-3"] * 2
        assert file.headers["content-type"] == "application/octet-stream"
        assert file.headers["content-disposition"] == 'attachment; filename="dead-letter-hostile-3.bin"'
        assert file.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in file.headers["content-security-policy"]
        assert file.headers["cache-control"] == "no-store"


@pytest.mark.asyncio
async def test_of_what_is_too_large_to_be_searched_nothing_is_kept_and_there_is_no_file(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        monitor, path = one.doors["monitor"], "/dead-letters/hostile-2"
        assert "Nothing of it is kept" in (await client.get(path)).text
        answer = await post(monitor, client, path, reason="mend", **{"as": "file"})
        assert answer.status_code == 409
        assert "content-disposition" not in answer.headers


@pytest.mark.asyncio
async def test_the_letters_of_a_filter_are_a_table_for_ops(tmp_path: Path) -> None:
    async with console(tmp_path) as one:
        async with signed_in(one.doors["monitor"]) as client:
            listed = (await client.get("/dead-letters?reason=invalid&sender=/region/06")).text
            assert 'href="/dead-letters.csv?reason=invalid&amp;sender=%2Fregion%2F06" download' in listed
            file = await client.get("/dead-letters.csv?reason=invalid&sender=/region/06")
            assert file.headers["content-type"].startswith("text/csv")
            assert {row["sender"] for row in csv.DictReader(file.text.splitlines())} == {"/region/06"}
        async with signed_in(one.doors["monitor"], READER) as client:
            assert (await client.get("/dead-letters.csv")).status_code == 403


@pytest.mark.asyncio
async def test_a_dead_letter_is_sent_again_over_a_page_that_says_what_would_become_of_it(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        monitor, id_ = one.doors["monitor"], await a_letter(one)
        order = f"/redrives/new?letter={id_}"
        assert f'href="{order}"' in (await client.get(f"/dead-letters/{id_}")).text
        page = (await client.get(order)).text
        assert f"<dd><code><bdi>{id_}</bdi></code></dd>" in page
        assert "<dt>refused again</dt><dd>1</dd>" in page, "nobody has mended it"
        monitor.written.clear()
        done = await post(monitor, client, order, letter=id_, why="it is mended", a_minute="600")
        assert done.status_code == 303
        await one.flow([record for record in monitor.written if record.topic != topics.AUDIT])
        (redrive,) = (await one.asks("/v1/redrives")).json()["redrives"]
        assert done.headers["location"] == f"/redrives/{redrive['redrive_id']}"
        assert (redrive["dl_ids"], redrive["why"], redrive["refused"]) == ([id_], "it is mended", 1)


@pytest.mark.asyncio
async def test_a_discard_is_taken_back_over_a_page_of_its_own(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        monitor, id_ = one.doors["monitor"], await a_letter(one)
        undo = f"/dead-letters/{id_}/undo-discard"
        assert "It is not discarded." in (await client.get(undo)).text
        assert "Nothing was done" in (await post(monitor, client, undo)).text
        for path, why, state in ((f"/dead-letters/{id_}/discard", "sent anew", "discarded"), (undo, "", "open")):
            monitor.written.clear()
            assert (await post(monitor, client, path, why=why)).status_code == 303
            await one.flow([record for record in monitor.written if record.topic != topics.AUDIT])
            letter = (await one.asks(f"/v1/dead-letters/{id_}")).json()
            assert (letter["state"], letter["why"]) == (state, why or None)
            assert (f'href="{undo}"' in (await client.get(f"/dead-letters/{id_}")).text) is (state == "discarded")


@pytest.mark.asyncio
async def test_a_dead_letter_is_discarded_by_the_form_of_the_session_alone(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        monitor, id_ = one.doors["monitor"], await a_letter(one)
        path = f"/dead-letters/{id_}/discard"
        for form, headers in (
            ({"form_token": ""}, FORM),
            ({"form_token": token_of(monitor, client)}, {"sec-fetch-site": "cross-site"}),
        ):
            assert (await client.post(path, data=form, headers=headers)).status_code == 403
        assert "Nothing was done" in (await post(monitor, client, path)).text, "without a reason"
        assert (await post(monitor, client, path, why="it was sent anew")).status_code == 303
        await one.flow([record for record in monitor.written if record.topic != topics.AUDIT])
        letter = (await one.asks(f"/v1/dead-letters/{id_}")).json()
        assert (letter["state"], letter["why"]) == ("discarded", "it was sent anew")


@pytest.mark.asyncio
async def test_a_reader_does_nothing_with_a_dead_letter_and_the_audit_keeps_that_he_tried(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"], READER) as client:
        monitor, path = one.doors["monitor"], f"/dead-letters/{await a_letter(one)}"
        monitor.written.clear()
        answers = [
            await client.get(path),
            await client.get(f"{path}/undo-discard"),
            await post(monitor, client, f"{path}/discard"),
        ]
        assert [answer.status_code for answer in answers] == [403] * 3
        assert all("This is for ops alone" in answer.text for answer in answers)
        looks = [*kept(monitor, "dead_letter"), *kept(monitor, "discard")]
        assert {look["action"] for look in looks} == {"dead_letter", "discard"}
        assert not any(look["allowed"] for look in looks)


@pytest.mark.asyncio
async def test_what_is_noted_of_a_group_stands_in_the_list_and_what_cannot_be_is_kept_in_the_form(
    tmp_path: Path,
) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        monitor = one.doors["monitor"]
        groups = (await monitor.client.get("/v1/dead-letter-groups", headers=key("ops:anna"))).json()["groups"]
        path = f"/dead-letter-groups/{groups[0]['group']}"
        wrong = await post(monitor, client, path, note="its vendor knows", link="javascript:alert(1)", parked="")
        assert wrong.status_code == 200
        assert "its vendor knows</textarea>" in wrong.text
        no_day = await post(monitor, client, path, note="<b>", parked="tomorrow")
        assert "&lt;b&gt;</textarea>" in no_day.text
        assert 'value="tomorrow"' in no_day.text
        monitor.written.clear()
        good = {"note": "its vendor knows", "link": "https://tickets.example/417", "parked": "2099-12-31"}
        assert (await post(monitor, client, path, **good)).status_code == 303
        await one.flow([record for record in monitor.written if record.topic != topics.AUDIT])
        listed = (await client.get("/dead-letter-groups")).text
        assert "its vendor knows" in listed
        assert 'href="https://tickets.example/417"' in listed
        assert ">31 Dec 2099, 00:00:00</time>" in listed
        assert 'value="2099-12-31"' in (await client.get(path)).text


@pytest.mark.asyncio
async def test_what_others_wrote_stays_text_wherever_it_is_listed(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        for path in ("/dead-letters", "/dead-letter-groups", "/dead-letters/hostile-0", "/dead-letters/hostile-2"):
            page = await client.get(path)
            assert page.status_code == 200, path
            assert SCRIPT not in page.text, path
            assert "\u202e" not in page.text, path
            assert len(page.content) < 120_000, path


def test_there_is_a_word_for_each_reason() -> None:
    assert len(set(REVEALED_FOR)) == len(REVEALED_FOR)


@given(JSON, st.text(), st.text())
def test_what_is_covered_shows_the_fields_and_none_of_their_values(document: Any, key_: str, header: str) -> None:
    secret = "7b0d9a52-5c1e"
    inside = {"field": [document, secret, {"deep": f"{secret}x"}]}
    headers = [("ce_id", secret), ("ce_type", "fi.kulttuurilahete.X.v1"), (header, f"{secret}{header}")]
    shown = masked({"key": key_ + secret, "value": json.dumps(inside), "headers": headers})
    assert secret not in json.dumps([shown["key"], shown["value"], shown["headers"]])
    assert '"deep"' in shown["value"]
    assert ("ce_type", "fi.kulttuurilahete.X.v1") in shown["headers"]


@pytest.mark.parametrize("value", ["no JSON", '{"a": ', "x" * 200_000, "[" * 5_000, ""])
def test_of_what_is_no_json_its_length_is_shown(value: str) -> None:
    shown = masked({"key": None, "value": value, "headers": []})
    assert shown == {"key": None, "value": f"{COVER} ({len(value)})" if value else "", "headers": []}
