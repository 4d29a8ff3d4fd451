"""What a sender wrote stays text: on every page of the console and behind every link of it, in the CSV, on a terminal.

Each text goes the real way, as a record of Kafka, a dead letter or what somebody typed, into every field that takes it.
"""

import json
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import terminal
from services.monitor.console.routes import PAGES
from shared.kafka.producer import Record
from tests.unit.console_door import FORM, LATE, REFERRAL, a_redrive, console, hostile, signed_in, token_of
from tests.unit.country import Country
from tests.unit.doors import key

TEXTS: Final = {
    "markup": "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}{% include 'frame.html' %}",
    "steering": "\u202etxt.exe\u2066\u200b\ufeff\u061c\x1b[31m\x9b2J\x07\b\x7f",
    "alphabets": "=漢字+Ελληνικά-עברית@العربية\tქართული\r\n𝒜 👩‍👩‍👧 e\u0301",
    "long": "å<b>" * 15_000,
}
_STEERS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_TYPED: Final = {("input", "value"), ("option", "value")}
_MOST_LINKS: Final = 120
_LARGEST: Final = 400_000
"""Bytes of a page: of what is long a part is shown."""
_LISTS: Final = (
    *("/v1/dead-letters", "/v1/dead-letter-groups", "/v1/overdue", "/v1/audit", "/v1/redrives"),
    *("/v1/live", "/v1/senders", "/v1/readers", "/v1/flow", f"/v1/traces/{REFERRAL}"),
)


class ReadPage(HTMLParser):
    """What a browser would make of a page: its links, what runs in it, what it shows; what is typed stays as it was."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.runs: list[str] = []
        self.shows: list[str] = []
        self._is_typed = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self._is_typed = tag == "textarea"
        self.shows += [value or "" for name, value in attrs if (tag, name) not in _TYPED]
        if tag == "script" and not (named.get("src") or "").startswith("/static/"):
            self.runs.append(tag)
        self.runs += [name for name in named if name.startswith("on")]
        if tag == "img" and not (named.get("src") or "").startswith("/static/"):
            self.runs.append("img")
        if tag == "a" and (to := named.get("href") or "").startswith("/"):
            self.links.append(to)
        elif tag == "a" and re.match(r"\s*javascript:", named.get("href") or "", re.IGNORECASE):
            self.runs.append("javascript:")

    def handle_endtag(self, tag: str) -> None:
        self._is_typed = False

    def handle_data(self, data: str) -> None:
        self.shows += [] if self._is_typed else [data]


async def _fill(one: Country, text: str) -> None:
    """The text is in every field of an event, of a dead letter, and in what ops typed."""
    said = {name: text[:2_000].encode() for name in ("id", "source", "type", "time", "subject", "causationid")}
    headers: list[Any] = [("ce_specversion", b"1.0"), *((f"ce_{name}", value) for name, value in said.items())]
    about = [("ce_subject", REFERRAL.encode()), *(each for each in headers if each[0] != "ce_subject")]
    records = [
        Record(topic, key_, text.encode(), sent)
        for topic in ("intake.region.06", "intake.http", "referral.events", "catalogue.events")
        for key_, sent in ((text[:200].encode(), headers), (REFERRAL.encode(), about))
    ]
    letters = [hostile(40, text), _letter_about_a_referral(text)]
    await one.flow([*records, *letters])
    ops, monitor = key("ops:anna"), one.doors["monitor"]
    group = (await monitor.client.get("/v1/dead-letter-groups", headers=ops)).json()["groups"][0]["group"]
    for method, path, body in (
        ("PUT", f"/v1/dead-letter-groups/{group}", {"note": text[:1_000], "owner": "ops:anna"}),
        ("PUT", f"/v1/overdue/{LATE}", {"owner": "ops:anna", "note": text[:200]}),
        ("POST", "/v1/dead-letters/hostile-1/discard", {"why": text[:200]}),
        ("POST", "/v1/redrives", {"why": text[:200], "dl_ids": ["hostile-40"]}),
    ):
        answer = await monitor.client.request(method, path, json=body, headers=ops)
        assert answer.status_code in {200, 202, 409, 422}, answer.text
        await one.flow(monitor.written.copy())


def _letter_about_a_referral(text: str) -> Record:
    letter = hostile(41, text)
    return Record(letter.topic, REFERRAL.encode(), letter.value, letter.headers)


def _asked_for(text: str) -> Iterator[str]:
    """Every page, with the text as what its address names, and as each of its filters."""
    spelled = quote(text[:300], safe="")
    for page in PAGES:
        at = re.sub(r"\{[a-z_]+\}", spelled, page.path)
        yield at
        yield from (f"{at}?{name}={spelled}" for name in (*page.takes, "lang", spelled[:20]))


def _is_harmless(answer: httpx.Response, at: str) -> ReadPage:
    assert answer.status_code in {200, 303, 307, 403, 404, 405, 409, 422, 429}, (at, answer.status_code)
    assert len(answer.content) < _LARGEST, at
    if "html" not in answer.headers.get("content-type", ""):
        return ReadPage("")
    page = ReadPage(answer.text)
    assert not (found := [one for one in page.shows if _STEERS.search(one)]), (at, found)
    assert page.runs == [], at
    assert "49{" not in answer.text, at
    return page


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", TEXTS)
async def test_what_a_sender_wrote_stays_text_on_every_page_and_behind_every_link(kind: str, tmp_path: Path) -> None:
    text = TEXTS[kind]
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        await a_redrive(one)
        await _fill(one, text)
        typed = {"asked": text[:200], "form_token": token_of(one.doors["monitor"], client)}
        seen, ahead = set[str](), ["/", *_asked_for(text)]
        while ahead and len(seen) < _MOST_LINKS:
            if (at := ahead.pop(0)) not in seen and not at.startswith("/static/"):
                seen.add(at)
                ahead += _is_harmless(await client.get(at), at).links
        _is_harmless(await client.post("/referrals", data=typed, headers=FORM), "the search")
        for path in _LISTS:
            answer = await one.asks(path)
            assert answer.status_code == 200, (path, answer.text[:300])
            printed = terminal.printable(answer.json())
            assert not _STEERS.search(printed), path
        csv = await one.asks("/v1/dead-letters.csv")
        assert csv.status_code == 200
        assert not _STEERS.search(csv.text.replace("\r\n", "")), "what steers stands as an escape"


@given(st.recursive(st.text(), lambda inner: st.dictionaries(st.text(), inner) | st.lists(inner), max_leaves=8))
def test_json_on_a_terminal_is_the_same_json_and_steers_nothing(value: Any) -> None:
    for shows in (terminal.as_json, terminal.as_json_line):
        with redirect_stdout(StringIO()) as out:
            shows(value)
        printed = out.getvalue()
        assert all(c.isprintable() or c == "\n" for c in printed)
        assert json.loads(printed) == value
