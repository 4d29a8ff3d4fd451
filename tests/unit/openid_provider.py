"""A small OpenID Connect provider over real HTTP, of authlib's own server parts: real RS256 keys, PKCE, codes that serve once.

It is honest, unless a test has it lie: `claims` goes over what its tokens say, `forged` makes the token itself, and `answers`
is sent in place of what stands at a path.
"""

import json
import secrets
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import httpx
from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT: Final = "lahete-console"
SECRET: Final = "the client's own: 100 % & more"
CONSOLE: Final = "http://door"
DISCOVERY: Final = "/.well-known/openid-configuration"
KEYS: Final = [RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True) for _ in range(2)]
WITHOUT_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Made once: to load a system's list of signers takes 40 ms, and no test asks over TLS."""
Raw = Callable[[BaseHTTPRequestHandler], None]


class ConsoleAsClient(ClientMixin):  # type: ignore[misc]  # authlib has no types
    """The console, as it is registered there."""

    def __init__(self, console: str) -> None:
        self._addresses = {f"{console}/sign-in/provider/back", f"{console}/sign-in"}

    def get_client_id(self) -> str:
        return CLIENT

    def get_default_redirect_uri(self) -> None:
        return None

    def get_allowed_scope(self, scope: str | None) -> str:
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self._addresses

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_post"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class GrantedCode:
    """What was granted under a code, as authlib asks for it."""

    code: str
    redirect_uri: str
    nonce: str
    code_challenge: str
    code_challenge_method: str

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return "openid"

    def get_nonce(self) -> str:
        return self.nonce

    def get_auth_time(self) -> None:
        return None

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


class CodesThatServeOnce(AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS: Final = ("client_secret_basic", "client_secret_post")

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        said = request.payload.data
        kept = (said["redirect_uri"], said["nonce"], said["code_challenge"], said["code_challenge_method"])
        self.server.codes[code] = GrantedCode(code, *kept)

    def query_authorization_code(self, code: str, client: object) -> GrantedCode | None:
        found: GrantedCode | None = self.server.codes.get(code)
        return found

    def delete_authorization_code(self, authorization_code: GrantedCode) -> None:
        del self.server.codes[authorization_code.code]

    def authenticate_user(self, authorization_code: GrantedCode) -> object:
        return self.server.provider.person


class TokensOfThePerson(OpenIDCode):  # type: ignore[misc]
    def __init__(self, provider: "OpenIdProvider") -> None:
        super().__init__(require_nonce=True)
        self.provider = provider

    def exists_nonce(self, nonce: str, request: OAuth2Request) -> bool:
        return any(one.nonce == nonce for one in self.provider.grants.codes.values())

    def resolve_client_private_key(self, client: object) -> KeySet:
        return KeySet([self.provider.key])

    def get_encode_header(self, client: object) -> dict[str, str]:
        return {"alg": "RS256", "kid": str(self.provider.key.kid)}

    def get_client_claims(self, client: object) -> dict[str, object]:
        return {"iss": self.provider.address, "aud": CLIENT}

    def generate_user_info(self, user: Mapping[str, object], scope: str) -> Mapping[str, object]:
        return user

    def encode_id_token(self, token: Mapping[str, str], request: OAuth2Request) -> str:
        honest: str = super().encode_id_token(token, request)
        if not self.provider.claims and not self.provider.forged:
            return honest
        read = jwt.decode(honest, self.provider.key, algorithms=["RS256"])
        said = {name: value for name, value in {**read.claims, **self.provider.claims}.items() if value is not None}
        if self.provider.forged:
            return self.provider.forged(said)
        return jwt.encode({"alg": "RS256", "kid": str(self.provider.key.kid)}, said, self.provider.key)


class GrantsOfTheProvider(AuthorizationServer):  # type: ignore[misc]
    """Authlib's server, spoken to by `http.server`."""

    def __init__(self, provider: "OpenIdProvider") -> None:
        super().__init__(scopes_supported=["openid"])
        self.provider = provider
        self.codes: dict[str, GrantedCode] = {}
        self.register_grant(CodesThatServeOnce, [CodeChallenge(required=True), TokensOfThePerson(provider)])
        self.register_token_generator("default", BearerTokenGenerator(lambda **_: secrets.token_urlsafe(16)))

    def query_client(self, client_id: str) -> ConsoleAsClient | None:
        return ConsoleAsClient(self.provider.console) if client_id == CLIENT else None

    def save_token(self, token: object, request: OAuth2Request) -> None:
        self.provider.granted += 1

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> "ProviderSaid":
        return ProviderSaid(status, json.dumps(body) if isinstance(body, dict) else body, headers)


@dataclass
class ProviderSaid:
    """An answer."""

    status: int
    body: str
    headers: list[tuple[str, str]]


class AskedOfProvider(OAuth2Request):  # type: ignore[misc]
    """A request, as authlib reads it. It wants TLS, which this machine's own loopback does without."""

    def __init__(self, handler: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        super().__init__(handler.command, f"https://provider{handler.path}", headers=handler.headers)
        self._form = form
        self.payload = BasicOAuth2Payload({**self.args, **form})

    @property
    def args(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.uri).query))

    @property
    def form(self) -> dict[str, str]:
        return self._form


class OpenIdProvider(ThreadingHTTPServer):
    """The provider. `person`: who sits before the browser; `granted`: how many tokens it gave."""

    daemon_threads = True

    def __init__(self, console: str = CONSOLE) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.console = console
        self.host = "127.0.0.1"
        self.honest()
        self.grants = GrantsOfTheProvider(self)

    def honest(self) -> None:
        """As it was at the start: it lies no more, and the same person sits there."""
        self.key = KEYS[0]
        self.person: dict[str, Any] = {"sub": "3f2a-77", "groups": ["lahete-ops"]}
        self.claims: dict[str, Any] = {}
        self.forged: Callable[[dict[str, Any]], str] | None = None
        self.answers: dict[str, Raw] = {}
        self.configuration: dict[str, Any] = {}
        self.shown: list[dict[str, Any]] = []
        self.granted = 0
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.server_port}"

    def rotate(self) -> None:
        """Signs by a new key from now on, and shows it alone."""
        self.key = KEYS[1]

    def settings(self, folder: Path, **changed: Any) -> dict[str, Any]:
        """The console's settings that name this provider."""
        secret = folder / "client-secret"
        secret.write_text(f"{SECRET}\n")
        return {
            "oidc_issuer": self.address,
            "oidc_client_id": CLIENT,
            "oidc_client_secret_file": secret,
            "oidc_console_url": self.console,
            "oidc_ops": ["lahete-ops"],
            "oidc_readers": ["lahete-readers"],
            **changed,
        }

    def document(self) -> dict[str, Any]:
        """Its configuration."""
        said = {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
            "end_session_endpoint": f"{self.address}/end-session",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }
        return {name: value for name, value in {**said, **self.configuration}.items() if value is not None}

    def answer(self, handler: BaseHTTPRequestHandler, form: dict[str, str]) -> ProviderSaid:
        """What it says to a request."""
        request = AskedOfProvider(handler, form)
        match urlsplit(handler.path).path:
            case "/.well-known/openid-configuration":
                return _json(self.document())
            case "/keys":
                return _json({"keys": [*self.shown, self.key.as_dict(private=False)]})
            case "/authorize":
                grant = self.grants.get_consent_grant(request, self.person)
                said: ProviderSaid = self.grants.create_authorization_response(request, self.person, grant)
                return said
            case "/token":
                given: ProviderSaid = self.grants.create_token_response(request)
                return given
            case "/end-session" if request.args["post_logout_redirect_uri"] == f"{self.console}/sign-in":
                return ProviderSaid(
                    200, "<!doctype html><title>Signed out of the provider</title>", [("Content-Type", "text/html")]
                )
        return ProviderSaid(404, "", [])


def _json(said: object) -> ProviderSaid:
    return ProviderSaid(200, json.dumps(said), [("Content-Type", "application/json")])


class _Handler(BaseHTTPRequestHandler):
    server: OpenIdProvider

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        self._answer(dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode())))

    def _answer(self, form: dict[str, str]) -> None:
        path = urlsplit(self.path).path
        self.server.asked.append(path)
        if raw := self.server.answers.get(path):
            return raw(self)
        said = self.server.answer(self, form)
        self.send_response(said.status)
        for name, value in said.headers:
            self.send_header(name, value)
        body = (said.body or "").encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Says nothing."""


@contextmanager
def provider(console: str = CONSOLE) -> Iterator[OpenIdProvider]:
    """One that answers, and is gone in the end."""
    with OpenIdProvider(console) as one:
        thread = Thread(target=one.serve_forever, args=(0.01,))
        thread.start()
        yield one
        one.shutdown()
        thread.join()


async def way_back(address: str) -> str:
    """Where the provider sends a browser that comes to this address."""
    async with httpx.AsyncClient(verify=WITHOUT_TLS) as client:
        answer = await client.get(address)
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]
