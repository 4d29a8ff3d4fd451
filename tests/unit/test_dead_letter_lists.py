"""Dead letters in lists: what can be told of many at once, without a look into one."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http.csv_cells import cell, in_csv
from tests.unit.doors import key
from tests.unit.ops_room import OPS, letter, ops_room

REFERRAL = "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"


@pytest.mark.asyncio
async def test_a_list_shows_no_referral_inside_an_error_and_the_letter_does(tmp_path: Path) -> None:
    why = f"/subject: the record's key is 'x'; for ReferralIssued it is '{REFERRAL}'"
    async with ops_room(tmp_path) as monitor:
        await monitor.letter("d1", dl_error=why)
        [listed] = (await monitor.get("/v1/dead-letters"))["dead_letters"]
        assert listed["error"] == "/subject: the record's key is …; for ReferralIssued it is …"
        assert (await monitor.get("/v1/dead-letters/d1"))["error"] == why


@pytest.mark.asyncio
async def test_a_list_goes_on_behind_its_last_letter_whatever_comes_meanwhile(tmp_path: Path) -> None:
    async with ops_room(tmp_path) as monitor:
        await monitor.reads(*(letter(f"d{nth}") for nth in range(7)), ago=60)
        found: list[str] = []
        after: dict[str, Any] | None = {}
        while after is not None:
            page = await monitor.get("/v1/dead-letters", limit=3, **after)
            found += [one["dl_id"] for one in page["dead_letters"]]
            await monitor.letter(f"later-{len(found)}")
            after = {"after": page["next"]} if page["next"] else None
        assert found == [f"d{nth}" for nth in reversed(range(7))]
        assert (await monitor.client.get("/v1/dead-letters?after=50", headers=key(OPS))).status_code == 422


# --- for a spreadsheet


@pytest.mark.asyncio
async def test_an_export_has_every_column_disarms_formulas_and_leads_on(tmp_path: Path) -> None:
    async with ops_room(tmp_path) as monitor:
        await monitor.letter("d1", ago=60, dl_error="=HYPERLINK(elsewhere)", ce_id="+1")
        await monitor.letter("d2", dl_error='a "quoted"; text\nof two lines')
        answer = await monitor.client.get("/v1/dead-letters.csv?limit=1", headers=key(OPS))
        assert answer.headers["content-type"].startswith("text/csv")
        further = answer.headers["link"].partition(">")[0].removeprefix("<")
        rest = await monitor.client.get(further, headers=key(OPS))
        assert "link" not in rest.headers
        first, second = (next(csv.DictReader(io.StringIO(one.text))) for one in (answer, rest))
        [shown] = (await monitor.get("/v1/dead-letters", limit=1))["dead_letters"]
        assert first.keys() == shown.keys()
        assert (first["dl_id"], second["dl_id"]) == ("d2", "d1")
        assert second["error"].startswith("'=HYPERLINK")
        assert second["event_id"].startswith("'")


@given(st.text())
def test_no_cell_is_a_formula_or_steers_what_shows_it(text: str) -> None:
    shown = cell(text)
    assert shown.isprintable()
    assert shown.lstrip()[:1] not in {*"=+-@", "\t", "\r"}


@given(st.sampled_from(["", " ", "\t", "\u00a0"]), st.sampled_from("=+-@|%＝＋－＠"), st.text())
def test_what_a_spreadsheet_takes_for_a_formula_stands_behind_a_sign_of_ours(blank: str, sign: str, text: str) -> None:
    assert cell(blank + sign + text)[0] in {"'", "\\"}


@given(st.lists(st.lists(st.text() | st.none() | st.integers(), min_size=2, max_size=2)))
def test_every_row_is_read_again_as_it_was_written(rows: list[list[object]]) -> None:
    read = list(csv.reader(io.StringIO(in_csv(("a", "b"), rows))))
    assert read == [["a", "b"], *([cell(value) for value in row] for row in rows)]


# --- an enormous one


@pytest.mark.asyncio
async def test_an_enormous_letter_is_shown_in_part_and_downloaded_whole(tmp_path: Path) -> None:
    value = "ä".encode() * 50_000
    async with ops_room(tmp_path) as monitor:
        await monitor.letter("small")
        await monitor.letter("big", value=value)
        small, big = [(await monitor.get(f"/v1/dead-letters/{one}"))["original"] for one in ("small", "big")]
        assert (small["value"], small["value_bytes"], small["in_part"]) == ("{}", 2, False)
        assert (big["value_bytes"], big["in_part"]) == (100_000, True)
        assert value.decode().startswith(big["value"])
        whole = await monitor.client.get("/v1/dead-letters/big/original", headers=key(OPS))
        assert whole.content == value
        assert whole.headers["content-disposition"].startswith("attachment")
        assert whole.headers["x-content-type-options"] == "nosniff"
