"""Signing in by an OpenID Connect provider: who gets in, as whom, and that a hostile one or its imitator gets nobody in."""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from time import time
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from structlog.testing import capture_logs

from services.monitor.console.frame import LANGUAGE_COOKIE
from services.monitor.console.routes import SIGN_INS_A_MINUTE
from services.monitor.provider.answers import MOST_BYTES, WITHIN, ProviderAnswers
from services.monitor.provider.id_token import keys_in
from services.monitor.provider.provider import KEPT, RESTS, Provider
from services.monitor.settings import MonitorSettings
from shared.contracts import topics
from shared.http.rates import Rate
from tests.unit.console_door import FORM, OPS, browser_of, token_of
from tests.unit.doors import Door, door
from tests.unit.openid_provider import CLIENT, CONSOLE, DISCOVERY, KEYS, OpenIdProvider, provider, way_back

pytestmark = pytest.mark.asyncio(loop_scope="module")
SESSION = "lahete"
JOURNEY = "lahete-journey"
KEY_FORM = 'name="key"'
CROSS_SITE = {"sec-fetch-site": "cross-site"}


def english(one: Door, **cookies: str) -> httpx.AsyncClient:
    """A browser that has not signed in, in English."""
    return browser_of(one, **{LANGUAGE_COOKIE: "en"}, **cookies)


class Ticks:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class House(NamedTuple):
    """The provider and the console's monitor: one of each for all tests, since each takes a while to build."""

    idp: OpenIdProvider
    monitor: Door


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with provider() as idp:
        async with door("monitor", folder, **idp.settings(folder)) as monitor:
            yield House(idp, monitor)


@pytest.fixture
def idp(house: House) -> OpenIdProvider:
    """The provider, as if nobody had lied."""
    house.idp.honest()
    return house.idp


@pytest.fixture
def monitor(house: House, idp: OpenIdProvider) -> Door:
    """The monitor, as if nobody had come."""
    house.monitor.written.clear()
    house.monitor.app.state.sign_ins = Rate("attempts to sign in", SIGN_INS_A_MINUTE)
    house.monitor.app.state.strays = Rate("answers that nobody asked for", SIGN_INS_A_MINUTE)
    ask_anew(house.monitor)
    return house.monitor


def ask_anew(one: Door, *, within: float = WITHIN, **clocks: Callable[[], float]) -> None:
    """Has the monitor know nothing of its provider yet."""
    settings = one.wired.settings
    assert isinstance(settings, MonitorSettings)
    agreed = settings.provider()
    assert agreed
    one.app.state.provider = Provider(agreed, ProviderAnswers(one.app.state.tls, within), **clocks)


async def come_back(client: httpx.AsyncClient, then: str = "/settings") -> httpx.Response:
    """Sets out, is asked by the provider who it is, and comes back, as a browser does: from another site."""
    gone = await client.get("/sign-in/provider", params={"then": then}, headers={"sec-fetch-site": "same-origin"})
    assert gone.status_code == 303, gone.text
    return await client.get(await way_back(gone.headers["location"]), headers=CROSS_SITE)


def denials(one: Door) -> list[dict[str, Any]]:
    said = [json.loads(record.value or b"") for record in one.written if record.topic == topics.AUDIT]
    return [look for look in said if not look["allowed"]]


# --- who gets in


@pytest.mark.parametrize(
    ("groups", "who"),
    [
        (["lahete-ops"], "ops:3f2a-77"),
        ("lahete-readers", "reader:3f2a-77"),
        (["all", "lahete-readers", "lahete-ops"], "ops:3f2a-77"),
    ],
)
async def test_who_has_a_role_at_the_provider_signs_in_and_goes_where_he_wanted(
    groups: object, who: str, idp: OpenIdProvider, monitor: Door
) -> None:
    idp.person["groups"] = groups
    async with english(monitor) as client:
        page = await client.get("/sign-in", params={"then": "/settings"})
        assert 'href="/sign-in/provider?then=%2Fsettings"' in page.text
        back = await come_back(client)
        # From the provider's site comes no strict cookie along, so a page of ours leads on.
        assert back.status_code == 200
        assert 'http-equiv="refresh" content="0; url=/settings"' in back.text
        said = {one.partition("=")[0]: one for one in back.headers.get_list("set-cookie")}
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(said[SESSION].split("; "))
        assert "Max-Age=0" in said[JOURNEY].split("; ")
        shown = await client.get("/settings", headers={"sec-fetch-site": "same-origin"})
        assert shown.status_code == 200
        assert who in shown.text


async def test_the_way_there_has_a_proof_of_its_own_each_time(idp: OpenIdProvider, monitor: Door) -> None:
    async with english(monitor) as client:
        ways = [await client.get("/sign-in/provider") for _ in range(2)]
    first, second = (parse_qs(urlsplit(way.headers["location"]).query) for way in ways)
    assert first["redirect_uri"] == [f"{CONSOLE}/sign-in/provider/back"]
    assert (first["response_type"], first["code_challenge_method"], first["scope"]) == (["code"], ["S256"], ["openid"])
    assert all(first[name] != second[name] for name in ("state", "nonce", "code_challenge"))
    (cookie,) = ways[0].headers.get_list("set-cookie")
    assert {"HttpOnly", "SameSite=lax", "Path=/", "Max-Age=600"} <= set(cookie.split("; "))
    assert ways[0].headers["cache-control"] == "no-store"


async def test_somebody_without_a_role_is_told_so_and_the_audit_keeps_it(idp: OpenIdProvider, monitor: Door) -> None:
    idp.person["groups"] = ["lahete-ops-of-another", ["lahete-ops"], None]
    async with english(monitor) as client:
        back = await come_back(client)
        assert back.status_code == 403
        assert "Your account has no right to this console" in back.text
        assert SESSION not in client.cookies
    (denied,) = denials(monitor)
    assert (denied["who"], denied["action"], denied["what"]) == ("stranger:3f2a-77", "sign_in", "console")


@pytest.mark.parametrize("name", ["anna@example.org", "131052-308T", "Anna Esimerkki", "", "a" * 81, 17, None, "x\n"])
async def test_a_name_that_may_not_be_kept_lets_nobody_in_and_is_kept_nowhere(
    name: object, idp: OpenIdProvider, tmp_path: Path
) -> None:
    idp.person["nick"] = name
    async with door("monitor", tmp_path, **idp.settings(tmp_path, oidc_name_claim="nick")) as monitor:
        with capture_logs() as logged:
            async with english(monitor) as client:
                back = await come_back(client)
        assert (back.status_code, SESSION in client.cookies) == (403, False)
        assert [denied["who"] for denied in denials(monitor)] == ["stranger"]
        (line,) = logged
        assert line["why"] == (
            "the claim nick holds no name that may be kept: LAHETE_OIDC_NAME_CLAIM names another one"
        )


async def test_the_operator_says_which_claims_hold_the_roles_and_the_name(idp: OpenIdProvider, tmp_path: Path) -> None:
    idp.person |= {"https://claims.example/roles": ["CN=Ops,OU=Groups"], "employee": "A-117"}
    said = {
        "oidc_role_claim": "https://claims.example/roles",
        "oidc_ops": ["CN=Ops,OU=Groups"],
        "oidc_name_claim": "employee",
    }
    async with door("monitor", tmp_path, **idp.settings(tmp_path, **said)) as monitor, english(monitor) as client:
        await come_back(client)
        assert "ops:A-117" in (await client.get("/settings")).text


async def test_a_session_by_the_provider_is_over_once_the_settings_say_otherwise(
    idp: OpenIdProvider, tmp_path: Path
) -> None:
    (tmp_path / "service-key").write_text("the monitor's own")
    same = {"service_key_file": tmp_path / "service-key"}
    async with door("monitor", tmp_path, **same, **idp.settings(tmp_path)) as monitor, english(monitor) as client:
        await come_back(client)
        kept = {SESSION: client.cookies[SESSION]}
    for settings, status in (
        (idp.settings(tmp_path), 200),
        (idp.settings(tmp_path, oidc_ops=["another"]), 303),
        (idp.settings(tmp_path, oidc_name_claim="nick"), 303),
        ({}, 303),
    ):
        async with door("monitor", tmp_path, **same, **settings) as monitor, english(monitor, **kept) as client:
            assert (await client.get("/settings")).status_code == status, settings


# --- a proof that is none


def signed_by(key: RSAKey | OctKey, alg: str, **header: str) -> Callable[[dict[str, Any]], str]:
    return lambda said: jwt.encode({"alg": alg, **header}, said, key, algorithms=[alg])


def by_hand(header: dict[str, str], sign: Callable[[bytes], bytes]) -> Callable[[dict[str, Any]], str]:
    """What joserfc makes for nobody: a token without a signature, or with a public key for a secret."""

    def forged(said: dict[str, Any]) -> str:
        body = b".".join(urlsafe_b64encode(msgspec.json.encode(part)).rstrip(b"=") for part in (header, said))
        return (body + b"." + urlsafe_b64encode(sign(body)).rstrip(b"=")).decode()

    return forged


STRANGERS = RSAKey.generate_key(2048, auto_kid=True)
LIES: dict[str, dict[str, Any]] = {
    "of another question": {"nonce": "another"},
    "of no question": {"nonce": None},
    "for another": {"aud": "another"},
    "for several and made for none": {"aud": [CLIENT, "another"]},
    "for several and made for another": {"aud": [CLIENT, "another"], "azp": "another"},
    "made for another": {"azp": "another"},
    "for nobody": {"aud": None},
    "for something odd": {"aud": {"a": 1}},
    "of another issuer": {"iss": "https://elsewhere.example"},
    "of no issuer": {"iss": None},
    "expired": {"exp": int(time()) - 150},
    "without end": {"exp": None},
    "with an odd end": {"exp": "tomorrow"},
    "of tomorrow": {"iat": int(time()) + 86_400},
    "not yet": {"nbf": int(time()) + 86_400},
    "about nobody": {"sub": None},
    "about something odd": {"sub": ["3f2a-77"]},
    "with another access token": {"at_hash": "another"},
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_token_that_is_not_for_this_browser_and_now_signs_nobody_in(
    lie: str, idp: OpenIdProvider, monitor: Door
) -> None:
    idp.claims = LIES[lie]
    async with english(monitor) as client:
        back = await come_back(client)
        assert (back.status_code, SESSION in client.cookies) == (401, False)
        assert "did not confirm who you are" in back.text
        assert KEY_FORM in back.text


@pytest.mark.parametrize(
    "forgery",
    ["none", "by the public key as a secret", "by a stranger", "by a stranger as us", "by its client", "junk"],
)
async def test_a_token_that_the_provider_did_not_sign_signs_nobody_in(
    forgery: str, idp: OpenIdProvider, monitor: Door
) -> None:
    kid = str(idp.key.kid)
    ways: dict[str, Callable[[dict[str, Any]], str]] = {
        "none": by_hand({"alg": "none", "kid": kid}, lambda _: b""),
        "by the public key as a secret": by_hand(
            {"alg": "HS256", "kid": kid}, lambda body: hmac.digest(idp.key.as_pem(private=False), body, "sha256")
        ),
        "by a stranger": signed_by(STRANGERS, "RS256", kid=str(STRANGERS.kid)),
        "by a stranger as us": signed_by(STRANGERS, "RS256", kid=kid),
        "by its client": signed_by(OctKey.import_key("x" * 32), "HS256"),
        "junk": lambda _: "..",
    }
    idp.shown = [OctKey.import_key("x" * 32).as_dict()]
    idp.forged = ways[forgery]
    async with english(monitor) as client:
        back = await come_back(client)
        assert idp.granted == 1
        assert (back.status_code, SESSION in client.cookies) == (401, False)


async def test_a_clock_that_differs_a_little_is_borne(idp: OpenIdProvider, monitor: Door) -> None:
    idp.claims = {"exp": int(time()) - 60, "iat": int(time()) + 60}
    async with english(monitor) as client:
        assert (await come_back(client)).status_code == 200


@pytest.mark.parametrize(
    "brought", [{"iss": "https://elsewhere.example"}, {"error": "access_denied"}, {"code": "guess"}]
)
async def test_who_comes_back_with_something_else_is_nobody(
    brought: dict[str, str], idp: OpenIdProvider, monitor: Door
) -> None:
    async with english(monitor) as client:
        gone = await client.get("/sign-in/provider")
        state = parse_qs(urlsplit(gone.headers["location"]).query)["state"][0]
        back = await client.get("/sign-in/provider/back", params={"state": state, **brought})
        assert (back.status_code, SESSION in client.cookies) == (401, False)
        assert JOURNEY not in client.cookies


async def test_a_provider_that_promises_to_name_itself_must(idp: OpenIdProvider, monitor: Door) -> None:
    idp.configuration = {"authorization_response_iss_parameter_supported": True}
    async with english(monitor) as client:
        assert (await come_back(client)).status_code == 401
        gone = await client.get("/sign-in/provider")
        back = await way_back(gone.headers["location"])
        assert (await client.get(f"{back}&iss={idp.address}")).status_code == 200


async def test_the_way_back_is_gone_once_by_the_browser_that_set_out(idp: OpenIdProvider, monitor: Door) -> None:
    async with english(monitor) as client, english(monitor) as another:
        gone = await client.get("/sign-in/provider")
        journey = client.cookies[JOURNEY]
        back = await way_back(gone.headers["location"])
        await another.get("/sign-in/provider")
        assert (await another.get(back)).status_code == 401
        assert (await client.get(back)).status_code == 200
        assert (await client.get(back)).status_code == 401
        # With its cookie put back, the code has served all the same.
        client.cookies.set(JOURNEY, journey, domain="door.local", path="/")
        assert (await client.get(back)).status_code == 401
        assert idp.granted == 1


async def test_who_was_away_too_long_begins_again(idp: OpenIdProvider, monitor: Door) -> None:
    clock = Ticks()
    ask_anew(monitor, clock=clock)
    async with english(monitor) as client:
        gone = await client.get("/sign-in/provider")
        clock.now += 601
        assert (await client.get(await way_back(gone.headers["location"]))).status_code == 401
    assert idp.granted == 0


@pytest.mark.parametrize(
    "then", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example", "/" * 1_001]
)
async def test_signing_in_leads_to_no_other_site(then: str, monitor: Door) -> None:
    async with english(monitor) as client:
        assert 'content="0; url=/"' in (await come_back(client, then)).text


async def test_another_site_sends_nobody_to_the_provider(idp: OpenIdProvider, monitor: Door) -> None:
    async with english(monitor) as client:
        for site in ("cross-site", "same-site"):
            led = await client.get("/sign-in/provider", headers={"sec-fetch-site": site})
            assert urlsplit(led.headers["location"]).path == "/sign-in"
    assert idp.asked == []


async def test_attempts_are_bounded_as_those_by_key_are(idp: OpenIdProvider, monitor: Door) -> None:
    async with english(monitor) as client:
        gone = await client.get("/sign-in/provider")
        back = await way_back(gone.headers["location"])
        for _ in range(29):
            await client.post("/sign-in", data={"key": "guess"}, headers=FORM)
        assert (await client.get("/sign-in/provider")).status_code == 429
        assert (await client.get(back)).status_code == 429
    assert idp.granted == 0


@pytest.mark.parametrize("state", [{}, {"state": "guess"}, {"state": "å"}])
async def test_another_site_s_answers_cost_nobody_his_attempts_nor_his_way_back(
    state: dict[str, str], idp: OpenIdProvider, monitor: Door
) -> None:
    """A picture on any site can have a colleague's browser ask for the way back, as often as it likes."""
    async with english(monitor) as client, english(monitor) as lured:
        gone = await client.get("/sign-in/provider", params={"then": "/settings"})
        with capture_logs() as logged:
            for one in (lured, client):
                answers = [
                    await one.get("/sign-in/provider/back", params={"code": "x", **state}, headers=CROSS_SITE)
                    for _ in range(SIGN_INS_A_MINUTE)
                ]
                assert answers[0].status_code in (401, 429)
        assert len(logged) == SIGN_INS_A_MINUTE
        assert (await client.get(await way_back(gone.headers["location"]), headers=CROSS_SITE)).status_code == 200
        assert (await client.get("/settings")).status_code == 200
    assert idp.granted == 1


@pytest.mark.parametrize("mark", ["\U0001f600", "å", '"', "a"])
async def test_however_long_the_way_on_is_spelled_one_signs_in(mark: str, idp: OpenIdProvider, monitor: Door) -> None:
    """A browser keeps no cookie beyond 4 kB, so a way on that fills it is not kept."""
    async with english(monitor) as client:
        for long in (500, 999, 5_000):
            assert (await come_back(client, "/" + mark * long)).status_code == 200


# --- a provider that is away, broken or hostile


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b" " * 65_536)
    except OSError:
        handler.close_connection = True


def said(content: bytes, status: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def silent(handler: BaseHTTPRequestHandler) -> None:
    handler.rfile.read(1)


BROKEN: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {
    "endless": endless,
    "too long": said(b"{}" + b" " * MOST_BYTES),
    "silent": silent,
    "elsewhere": said(b"", 302, Location="http://127.0.0.1:1/"),
    "broken": said(b"", 500),
    "packed": said(b"{}", Content_Encoding="gzip"),
    "no object": said(b"[]"),
    "deep": said(b"[" * 100_000),
    "no text": said(b"\xff\x00"),
    "empty": said(b"{}"),
}


@pytest.mark.parametrize("path", [DISCOVERY, "/keys", "/token"])
@pytest.mark.parametrize("how", BROKEN)
async def test_whatever_it_answers_there_is_a_page_and_one_signs_in_by_key(
    how: str, path: str, idp: OpenIdProvider, monitor: Door
) -> None:
    idp.answers[path] = BROKEN[how]
    ask_anew(monitor, within=0.4)
    async with english(monitor) as client:
        if path == DISCOVERY:
            answer = await client.get("/sign-in/provider", params={"then": "/settings"})
        else:
            answer = await come_back(client)
        # A token answer that holds nothing is a proof of nothing; packed JSON is unread as well.
        no_token = path == "/token" and how in ("empty", "packed")
        assert answer.status_code == (401 if no_token else 503), answer.text
        assert KEY_FORM in answer.text
        assert 'name="then" value="/settings"' in answer.text
        assert SESSION not in client.cookies
        entered = await client.post("/sign-in", data={"key": f"key of {OPS}", "then": "/settings"}, headers=FORM)
        assert (entered.status_code, entered.headers["location"]) == (303, "/settings")


async def test_an_outage_is_said_and_asked_about_once_in_a_while(idp: OpenIdProvider, monitor: Door) -> None:
    ticks = Ticks()
    ask_anew(monitor, ticks=ticks)
    idp.answers[DISCOVERY] = said(b"", 503)
    async with english(monitor) as client:
        answers = [await client.get("/sign-in/provider") for _ in range(5)]
        assert [one.status_code for one in answers] == [503] * 5
        assert "Your organisation&#39;s log-in does not answer now" in answers[-1].text
        assert idp.asked == [DISCOVERY]
        idp.answers.clear()
        ticks.now += RESTS
        assert (await come_back(client)).status_code == 200
        for _ in range(3):
            await come_back(client)
        assert idp.asked.count(DISCOVERY) == 2
        ticks.now += KEPT
        await come_back(client)
        assert idp.asked.count(DISCOVERY) == 3


async def test_a_provider_that_changes_its_keys_is_understood_at_once(idp: OpenIdProvider, monitor: Door) -> None:
    ticks = Ticks()
    ask_anew(monitor, ticks=ticks)
    async with english(monitor) as client:
        await come_back(client)
        idp.rotate()
        ticks.now += RESTS
        assert (await come_back(client)).status_code == 200
        assert idp.asked.count("/keys") == 2
        # A key that it never shows does not make us ask for each token.
        idp.forged = signed_by(STRANGERS, "RS256", kid=str(STRANGERS.kid))
        assert [(await come_back(client)).status_code for _ in range(3)] == [401] * 3
        assert idp.asked.count("/keys") == 2


async def test_of_a_key_that_is_shown_with_its_private_part_nothing_but_the_public_one_is_read() -> None:
    shown = {"keys": [*(key.as_dict(private=True) for key in KEYS), ECKey.generate_key("P-256").as_dict(private=True)]}
    assert [key.is_private for key in keys_in(shown)] == [False] * 3


async def test_a_key_of_a_kind_that_nobody_knows_is_passed_over(idp: OpenIdProvider, monitor: Door) -> None:
    broken = {"kty": "RSA", "n": "!", "e": 3}
    idp.shown = [{"kty": "AKP", "alg": "ML-DSA-44", "pub": "x"}, {"kty": []}, broken, {}]
    async with english(monitor) as client:
        assert (await come_back(client)).status_code == 200


# --- and out again


async def test_who_signs_out_is_led_to_the_end_of_the_provider_s_session_too(
    idp: OpenIdProvider, monitor: Door
) -> None:
    async with english(monitor) as client:
        await come_back(client)
        form = {"form_token": token_of(monitor, client)}
        out = await client.post("/sign-out", data=form, headers=FORM)
        assert (out.status_code, SESSION in client.cookies) == (200, False)
        assert f"{idp.address}/end-session?client_id={CLIENT}&amp;post_logout_redirect_uri=http" in out.text
        assert (await client.get("/settings")).status_code == 303


@pytest.mark.parametrize("end_session", [None, "by key"])
async def test_who_signs_out_where_the_provider_has_no_end_of_session_is_out_here(
    end_session: str | None, idp: OpenIdProvider, monitor: Door
) -> None:
    async with english(monitor) as client:
        if end_session:
            await client.post("/sign-in", data={"key": f"key of {OPS}"}, headers=FORM)
        else:
            idp.configuration = {"end_session_endpoint": None}
            await come_back(client)
        out = await client.post("/sign-out", data={"form_token": token_of(monitor, client)}, headers=FORM)
        assert (out.status_code, out.headers["location"], SESSION in client.cookies) == (303, "/sign-in", False)


# --- what was typed, and what is said


async def test_what_was_typed_before_the_session_ended_is_kept_over_signing_in_in_another_tab(monitor: Door) -> None:
    typed = {"then": "/overdue/unknown", "kept": "note=%3Cb%3Eby+Friday"}
    async with english(monitor) as client:
        asked = await client.post("/overdue/unknown", data={"note": "<b>by Friday"}, headers=FORM)
        assert 'target="_blank"' in asked.text
        too_early = await client.post("/sign-in/go-on", data=typed, headers=FORM)
        assert (too_early.status_code, 'name="kept"' in too_early.text) == (401, True)
        await come_back(client, "/")
        shown = await client.post("/sign-in/go-on", data=typed, headers=FORM)
        assert shown.status_code == 200
        assert 'name="note" value="&lt;b&gt;by Friday"' in shown.text
        elsewhere = await client.post("/sign-in/go-on", data=typed, headers=CROSS_SITE)
        assert (elsewhere.status_code, token_of(monitor, client) in elsewhere.text) == (401, False)


async def test_no_page_holds_the_code_and_no_log_what_the_provider_says(idp: OpenIdProvider, monitor: Door) -> None:
    idp.person |= {"email": "anna@example.org", "groups": ["secret-group"]}
    with capture_logs() as logged:
        async with english(monitor) as client:
            gone = await client.get("/sign-in/provider", params={"then": "/settings"})
            back = await way_back(gone.headers["location"])
            answer = await client.get(back)
    code = parse_qs(urlsplit(back).query)["code"][0]
    assert code not in answer.text
    assert "/sign-in?then=%2Fsettings&amp;lang=sv" in answer.text
    for text in (answer.text, str(logged), *(str(record.value) for record in monitor.written)):
        assert not [one for one in ("anna@example.org", "secret-group", code) if one in text]


async def test_without_a_provider_its_addresses_lead_to_signing_in_by_key(tmp_path: Path) -> None:
    async with door("monitor", tmp_path) as monitor, english(monitor) as client:
        for way in ("", "/back"):
            led = await client.get(f"/sign-in/provider{way}", params={"state": "x"})
            assert (led.status_code, urlsplit(led.headers["location"]).path) == (303, "/sign-in")
        assert "/sign-in/provider" not in (await client.get("/sign-in")).text
