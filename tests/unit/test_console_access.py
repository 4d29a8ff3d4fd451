"""Who may sign in to the console, how long that lasts, and that no other site's form acts in it."""

from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.responses import Response

from services.monitor.console.sessions import IDLE, LONGEST, Sessions, SignedIn
from services.monitor.console.static_files import STATIC
from shared.contracts import topics
from shared.http.keys import Keyring, write_hashes
from tests.unit.console_door import FORM, OPS, READER, browser_of, signed_in, token_of, with_cookies
from tests.unit.doors import REGION, door

pytestmark = pytest.mark.asyncio
ADDRESS = "/dead-letters?reason=invalid"


async def test_who_has_not_signed_in_is_led_there_and_from_there_to_where_he_wanted_to_go(tmp_path: Path) -> None:
    async with door("monitor", tmp_path) as monitor, browser_of(monitor) as client:
        led = await client.get(ADDRESS)
        there = urlsplit(led.headers["location"])
        assert (led.status_code, there.path, parse_qs(there.query)) == (303, "/sign-in", {"then": [ADDRESS]})
        form = {"key": f"key of {OPS}", "then": ADDRESS}
        answer = await client.post("/sign-in", data=form, headers=FORM)
        assert (answer.status_code, answer.headers["location"]) == (303, ADDRESS)
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(answer.headers["set-cookie"].split("; "))
        assert (await client.get(ADDRESS)).status_code == 200


@pytest.mark.parametrize(
    "then", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example", "x", "/\n"]
)
async def test_signing_in_leads_to_no_other_site(then: str, tmp_path: Path) -> None:
    async with door("monitor", tmp_path) as monitor, browser_of(monitor) as client:
        answer = await client.post("/sign-in", data={"key": f"key of {OPS}", "then": then}, headers=FORM)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize(("key", "status"), [("key of nobody", 401), ("", 401), (f"key of {REGION}", 403)])
async def test_who_is_neither_ops_nor_reader_gets_no_session(key: str, status: int, tmp_path: Path) -> None:
    async with door("monitor", tmp_path) as monitor, browser_of(monitor) as client:
        answer = await client.post("/sign-in", data={"key": key}, headers=FORM)
        assert (answer.status_code, answer.headers.get("set-cookie")) == (status, None)
        kept = [record.topic for record in monitor.written]
        assert kept == ([topics.AUDIT] if status == 403 else [])


async def test_attempts_to_sign_in_are_bounded(tmp_path: Path) -> None:
    async with door("monitor", tmp_path) as monitor, browser_of(monitor) as client:
        answers = [await client.post("/sign-in", data={"key": "guess"}, headers=FORM) for _ in range(31)]
        assert [one.status_code for one in answers] == [401] * 30 + [429]


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://elsewhere.example"}],
    ids=lambda one: " ".join(one.values()),
)
async def test_a_form_of_another_site_signs_nobody_in_or_out(headers: dict[str, str], tmp_path: Path) -> None:
    async with door("monitor", tmp_path) as monitor:
        async with browser_of(monitor) as client:
            answer = await client.post("/sign-in", data={"key": f"key of {OPS}"}, headers=headers)
            assert (answer.status_code, answer.headers.get("set-cookie")) == (403, None)
        async with signed_in(monitor) as client:
            token = token_of(monitor, client)
            await client.post("/sign-out", data={"form_token": token}, headers=headers)
            assert (await client.get("/dead-letters")).status_code == 200


async def test_who_signs_out_by_the_form_of_his_session_is_out(tmp_path: Path) -> None:
    async with door("monitor", tmp_path) as monitor, signed_in(monitor) as client:
        await client.post("/sign-out", data={"form_token": "another's"}, headers=FORM)
        assert (await client.get("/dead-letters")).status_code == 200
        token = token_of(monitor, client)
        await client.post("/sign-out", data={"form_token": token}, headers=FORM)
        assert (await client.get("/dead-letters")).status_code == 303


async def test_a_link_on_another_site_leads_in_by_a_page_of_our_own(tmp_path: Path) -> None:
    """The browser sends no strict cookie with it, and does with the page's own, at once."""
    async with door("monitor", tmp_path) as monitor, browser_of(monitor) as client:
        answer = await client.get(ADDRESS, headers={"sec-fetch-site": "cross-site"})
        assert answer.status_code == 200
        assert f'http-equiv="refresh" content="0; url={ADDRESS}"' in answer.text


async def test_a_reader_is_told_why_he_may_not_see_dead_letters_and_the_audit_keeps_it(tmp_path: Path) -> None:
    async with door("monitor", tmp_path) as monitor, signed_in(monitor, READER) as client:
        answer = await client.get("/dead-letters")
        assert answer.status_code == 403
        assert "This is for ops alone" in answer.text
        assert [b'"allowed":false' in (record.value or b"") for record in monitor.written] == [True]


async def test_who_is_signed_out_in_mid_form_signs_in_and_goes_on_with_what_was_typed(tmp_path: Path) -> None:
    async with door("monitor", tmp_path) as monitor, browser_of(monitor) as client:
        typed = {"owner": "ops:anna", "note": "<b>it answers by Friday", "form_token": "of the session that ended"}
        asked = await client.post("/overdue/unknown", data=typed, headers=FORM)
        assert asked.status_code == 401
        kept = unescape(asked.text.partition('name="kept" value="')[2].partition('"')[0])
        form = {"key": f"key of {OPS}", "then": "/overdue/unknown", "kept": kept}
        shown = await client.post("/sign-in", data=form, headers=FORM)
        assert shown.status_code == 200
        assert 'name="note" value="&lt;b&gt;it answers by Friday"' in shown.text
        assert f'name="form_token" value="{token_of(monitor, client)}"' in shown.text
        assert "of the session that ended" not in shown.text


async def test_what_another_site_typed_is_not_kept(tmp_path: Path) -> None:
    async with door("monitor", tmp_path) as monitor, browser_of(monitor) as client:
        headers = {"sec-fetch-site": "cross-site"}
        asked = await client.post("/overdue/unknown", data={"note": "typed elsewhere"}, headers=headers)
        assert "typed elsewhere" not in asked.text
        assert 'name="kept"' not in asked.text


@pytest.mark.parametrize("way", ["/sign-in", "/sign-in/go-on"])
async def test_what_another_site_says_was_typed_waits_for_nobody_who_signs_in(way: str, tmp_path: Path) -> None:
    async with door("monitor", tmp_path) as monitor, browser_of(monitor) as client:
        form = {"key": "guess", "then": "/discards/new", "kept": "why=typed+elsewhere"}
        asked = await client.post(way, data=form, headers={"sec-fetch-site": "cross-site"})
        assert "typed+elsewhere" not in asked.text
        assert 'name="kept"' not in asked.text


@pytest.mark.parametrize("way", ["/sign-in", "/sign-in/go-on"])
async def test_more_fields_than_a_form_has_are_not_kept_over_signing_in(way: str, tmp_path: Path) -> None:
    async with door("monitor", tmp_path) as monitor, signed_in(monitor) as client:
        form = {"key": f"key of {OPS}", "kept": "a=1&" * 101}
        assert (await client.post(way, data=form, headers=FORM)).status_code == 400


async def test_pages_forbid_what_they_do_not_need(tmp_path: Path) -> None:
    async with door("monitor", tmp_path) as monitor, signed_in(monitor) as client:
        for address in ("/dead-letters", "/sign-in", "/dead-letters/none"):
            headers = (await client.get(address)).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert (headers["referrer-policy"], headers["cache-control"]) == ("same-origin", "no-store")


async def test_style_and_scripts_are_kept_for_ever_under_an_address_of_what_they_hold(tmp_path: Path) -> None:
    async with door("monitor", tmp_path) as monitor, browser_of(monitor) as client:
        style = await client.get(f"{STATIC}/console.css")
        assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
        assert "immutable" in style.headers["cache-control"]
        missing = [await client.get(f"{STATIC}/{name}") for name in ("none.css", "..%2Fapi.py", "%2e%2e")]
        assert [one.status_code for one in missing] == [404] * 3


async def test_a_page_says_which_parameter_it_does_not_have(tmp_path: Path) -> None:
    async with door("monitor", tmp_path) as monitor, signed_in(monitor) as client:
        answer = await client.get("/dead-letters", params={"<b>": "1"})
        assert answer.status_code == 422
        assert "<bdi>&lt;b&gt;</bdi>" in answer.text


# --- sessions


class SessionClock:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


class Cookies(dict[str, str]):
    """A browser's: what `Sessions` puts there, and the request that brings it back."""

    def keep(self, sessions: Sessions, session: SignedIn) -> None:
        response = Response()
        sessions.keep(response, session)
        name, _, rest = response.headers["set-cookie"].partition("=")
        self[name] = rest.partition(";")[0]

    def read(self, sessions: Sessions, keyring: Keyring) -> SignedIn | None:
        return sessions.of(with_cookies(self), keyring)


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    write_hashes(tmp_path / "keys.json", {"hash": OPS})
    return Keyring(tmp_path / "keys.json")


async def test_a_session_ends_by_idleness_by_length_and_with_its_key(keyring: Keyring, tmp_path: Path) -> None:
    clock, cookies = SessionClock(), Cookies()
    began = clock.now
    sessions = Sessions("secret", secure=True, clock=clock)
    cookies.keep(sessions, sessions.begin(OPS, "hash"))
    clock.now += IDLE
    assert cookies.read(sessions, keyring) is not None
    clock.now += 1
    assert cookies.read(sessions, keyring) is None
    clock.now -= 1
    while (session := cookies.read(sessions, keyring)) and clock.now < began + 2 * LONGEST:
        cookies.keep(sessions, session)
        clock.now += IDLE
    assert 0 < clock.now - began - LONGEST <= IDLE
    cookies.keep(sessions, sessions.begin(OPS, "hash"))
    write_hashes(tmp_path / "keys.json", {"another": OPS})
    assert cookies.read(sessions, keyring) is None


async def test_a_cookie_that_was_changed_or_is_of_another_secret_is_no_session(keyring: Keyring) -> None:
    cookies, sessions = Cookies(), Sessions("secret", secure=False)
    cookies.keep(sessions, sessions.begin(OPS, "hash"))
    whole = cookies[sessions.cookie]
    body, _, signature = whole.partition(".")
    for forged in ("", ".", body, f"{body}.", f"{body[:-1]}.{signature}", f"{body}.{signature[:-1]}0å", whole * 9):
        cookies[sessions.cookie] = forged
        assert cookies.read(sessions, keyring) is None
    cookies[sessions.cookie] = whole
    assert cookies.read(sessions, keyring) is not None
    assert cookies.read(Sessions("another", secure=False), keyring) is None
