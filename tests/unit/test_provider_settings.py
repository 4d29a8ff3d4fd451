"""The settings of signing in by OpenID Connect: whole or refused at the start; and what a provider's configuration may say."""

import asyncio
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.monitor.provider.discovery import endpoints_in
from services.monitor.provider.faults import NotLetIn, ProviderAway
from services.monitor.provider.roles import RoleTerms, holder_of
from services.monitor.settings import MonitorSettings
from tests.unit.containers import REPOSITORY

ISSUER: Final = "https://login.example/realms/ops"
WHOLE: Final = {
    "oidc_issuer": ISSUER,
    "oidc_client_id": "console",
    "oidc_client_secret_file": "secret",
    "oidc_console_url": "https://console.example/",
    "oidc_ops": ["ops"],
}


def settings(**changed: Any) -> MonitorSettings:
    said = {name: value for name, value in {**WHOLE, **changed}.items() if value is not None}
    return MonitorSettings.model_validate(said)


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"oidc_issuer": None}, "LAHETE_OIDC_ISSUER is not: all of these, or none"),
        ({"oidc_client_id": None}, "LAHETE_OIDC_CLIENT_ID is not"),
        ({"oidc_client_secret_file": None}, "LAHETE_OIDC_CLIENT_SECRET_FILE is not"),
        ({"oidc_console_url": None}, "LAHETE_OIDC_CONSOLE_URL is not"),
        ({"oidc_ops": None}, "LAHETE_OIDC_OPS or LAHETE_OIDC_READERS must say who may sign in"),
        ({"oidc_readers": ["a", "ops"]}, "'ops' is in LAHETE_OIDC_OPS and in LAHETE_OIDC_READERS"),
        ({"oidc_issuer": "http://login.example"}, "begins with https://"),
        ({"oidc_console_url": "http://console.example"}, "begins with https://"),
        ({"oidc_issuer": "https://login.example/?a=b"}, "LAHETE_OIDC_ISSUER is to be an address"),
        ({"oidc_issuer": "https://me:secret@login.example"}, "belongs in the file of"),
        ({"oidc_issuer": "login.example"}, "LAHETE_OIDC_ISSUER is to be an address"),
        ({"oidc_issuer": "https://login.example:x"}, "LAHETE_OIDC_ISSUER is to be an address"),
        ({"oidc_console_url": "https://console.example/monitor"}, "LAHETE_OIDC_CONSOLE_URL ends with the host"),
        ({"oidc_scope": "profile"}, "oidc_scope"),
        ({"oidc_ops": [""]}, "oidc_ops"),
    ],
)
def test_half_a_provider_stops_the_start_with_a_word(changed: dict[str, object], word: str) -> None:
    with pytest.raises(ValidationError, match="(?s).*" + word.replace("(", "\\(").replace("?", "\\?")):
        settings(**changed)


def test_one_of_them_by_itself_is_half_a_provider_too() -> None:
    with pytest.raises(ValidationError, match="LAHETE_OIDC_READERS is set, and LAHETE_OIDC_ISSUER"):
        MonitorSettings.model_validate({"oidc_readers": ["a"]})


def test_without_a_provider_there_is_none() -> None:
    none = MonitorSettings.model_validate({})
    assert (none.provider(), none.provider_mark()) == (None, "")


def test_what_is_agreed_follows_from_the_settings(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(" s3cret\n")
    agreed = settings(oidc_client_secret_file=tmp_path / "secret").provider()
    assert agreed
    assert (agreed.secret, agreed.needs_tls) == ("s3cret", True)
    assert agreed.redirect == "https://console.example/sign-in/provider/back"
    assert agreed.after_sign_out == "https://console.example/sign-in"


@pytest.mark.parametrize(
    ("content", "word"),
    [(None, "cannot be read: No such file"), (b" \n", "is empty"), (b"\xff", "is no ASCII text")],
)
def test_a_secret_that_cannot_be_read_stops_the_start(
    content: bytes | None, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SystemExit):
        settings(oidc_client_secret_file=file).provider()
    assert word in capsys.readouterr().err


async def run(*lines: str) -> tuple[int | None, str, str]:
    """What a Python of its own makes of these lines."""
    asking = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", "\n".join(lines)),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asking.communicate()
    return asking.returncode, out.decode(), err.decode()


@pytest.mark.asyncio
async def test_without_settings_nothing_of_the_libraries_is_even_loaded() -> None:
    loaded = "print([one for one in ('authlib', 'joserfc') if one in sys.modules])"
    begin = (
        "import sys; from services.monitor.app import build_app; from services.monitor.settings import MonitorSettings"
    )
    said = await run(begin, "build_app(MonitorSettings.model_validate({'env': 'test'}))", loaded)
    assert said == (0, "[]\n", "")


@pytest.mark.asyncio
@pytest.mark.parametrize("missing", ["authlib", "joserfc"])
async def test_where_the_extra_is_not_installed_the_start_says_so(missing: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret")
    given = WHOLE | {"oidc_client_secret_file": str(tmp_path / "secret")}
    begin = (
        "import sys; from services.monitor.app import build_app; from services.monitor.settings import MonitorSettings"
    )
    code, _, err = await run(
        begin, f"sys.modules[{missing!r}] = None", f"build_app(MonitorSettings.model_validate({given!r}))"
    )
    assert code == 1
    assert err.startswith("lahete: monitor: LAHETE_OIDC_ISSUER is set, and ")
    assert missing in err
    assert "pip install 'kulttuurilahete[oidc]'" in err


# --- the provider's configuration

SAID: Final = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth?kc_locale=fi",
    "token_endpoint": "https://elsewhere.example/token",
    "jwks_uri": f"{ISSUER}/certs",
}


def test_endpoints_may_be_at_other_hosts_and_the_secret_goes_as_the_provider_takes_it() -> None:
    found = endpoints_in(SAID, ISSUER, needs_tls=True)
    assert (found.token, found.end_session, found.names_itself) == ("https://elsewhere.example/token", "", False)
    assert found.secret_by == "client_secret_basic"
    by_form = {**SAID, "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post"]}
    assert endpoints_in(by_form, ISSUER, needs_tls=True).secret_by == "client_secret_post"


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint"])
@pytest.mark.parametrize(
    "address",
    [
        *("http://login.example/x", "javascript:alert(1)", "//login.example/x", "/x", "https://", "https://[", ""),
        *("https://a@login.example/x", "https://login.example/x#y", 'https://login.example/"><x', "https://å.example"),
        *("https://10.0.0.1/x", "https://[::1]/x", "https://169.254.169.254/latest", "https://localhost/x", None, 7),
        *(
            "https://127.1/x",
            "https://2130706433/x",
            "https://0x7f000001/x",
            "https://10.0.0.1./x",
            "https://localhost./x",
        ),
    ],
)
def test_an_endpoint_where_none_may_be_is_refused(name: str, address: object) -> None:
    with pytest.raises(ProviderAway, match=name):
        endpoints_in({**SAID, name: address}, ISSUER, needs_tls=True)


def test_a_provider_inside_may_have_its_endpoints_inside() -> None:
    issuer = "https://10.0.0.1"
    inside = {name: value.replace(ISSUER, issuer) for name, value in SAID.items()}
    assert endpoints_in(inside, issuer, needs_tls=True).keys == "https://10.0.0.1/certs"


@pytest.mark.parametrize("issuer", [f"{ISSUER}/", "https://elsewhere.example", None, [ISSUER]])
def test_another_issuer_s_configuration_is_refused(issuer: object) -> None:
    with pytest.raises(ProviderAway, match="another issuer"):
        endpoints_in({**SAID, "issuer": issuer}, ISSUER, needs_tls=True)


# --- roles

JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["ops", "look"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["groups", "sub", "other"]), JSON))
def test_whatever_the_claims_hold_only_a_listed_value_makes_somebody_ops_or_a_reader(claims: dict[str, Any]) -> None:
    try:
        who = holder_of(claims, RoleTerms("groups", ("ops",), ("look",), "sub"))
    except NotLetIn:
        return
    role, _, name = who.partition(":")
    held = claims["groups"] if isinstance(claims["groups"], list) else [claims["groups"]]
    assert {"ops": "ops", "reader": "look"}[role] in held
    assert role == "ops" or "ops" not in held
    assert name == claims["sub"]
    assert "@" not in name
