"""Signing in by key, and what guards every form: it comes from this site and from this session."""

import hmac
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.monitor.console.frame import bare_page, language_of
from services.monitor.console.pages import ROLES
from services.monitor.console.sessions import SignedIn
from services.monitor.console.words import words_of
from shared.http.audit import NO_GROUND, record_access
from shared.http.body import read_body
from shared.http.keys import hash_of, role_of
from shared.http.problems import REFUSED_FOR, ProblemError
from shared.http.room import sender_at

SIGN_IN: Final = "/sign-in"
TOKEN: Final = "form_token"  # noqa: S105 - the name of a field
_MOST_BYTES: Final = 256 * 1024
_MOST_FIELDS: Final = 100
_FORM: Final = "application/x-www-form-urlencoded"


async def fields_of(request: Request) -> Mapping[str, str]:
    """The fields of a form, each field's last value. Raises 400, 413, 415."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise ProblemError(415, f"a form is sent as {_FORM}")
    return dict(_read((await read_body(request, _MOST_BYTES)).decode(errors="replace")))


def _read(form: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(form, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise ProblemError(400, f"a form has at most {_MOST_FIELDS} fields") from error


def comes_from_here(request: Request) -> bool:
    """Whether a page of this site sends the form, as far as the browser says it; an old browser says it by `Origin`."""
    if site := request.headers.get("sec-fetch-site"):
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def is_of(session: SignedIn, request: Request, fields: Mapping[str, str]) -> bool:
    """Whether the form was made in this session."""
    expected: str = request.app.state.sessions.form_token(session)
    return hmac.compare_digest(expected.encode(), fields.get(TOKEN, "").encode())


def to_sign_in(request: Request) -> Response:
    """Leads to signing in, and from there to where somebody wanted to go."""
    then = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.headers.get("sec-fetch-site") == "cross-site":
        # A link on another site brings no strict cookie along; a link of our own page, followed at once, does.
        return sign_in_page(request, "arriving", then=then)
    return RedirectResponse(f"{SIGN_IN}?{urlencode({'then': then})}", 303)


async def sign_in_again(request: Request) -> Response:
    """Where a session has ended in mid-form: one signs in, and goes on with what was typed."""
    if not comes_from_here(request):
        return to_sign_in(request)
    fields = await fields_of(request)
    typed = [(name, value) for name, value in fields.items() if name != TOKEN]
    return sign_in_page(request, "sign_in", 401, then=request.url.path, fault="session_over", kept=urlencode(typed))


def kept_in(request: Request, fields: Mapping[str, str]) -> str:
    """What was typed before the session ended. Nothing that another site says was: whoever signs in next would send it."""
    return fields.get("kept", "") if comes_from_here(request) else ""


async def show_sign_in(request: Request) -> Response:
    """The page on which one signs in."""
    return sign_in_page(request, "sign_in", then=within(request.query_params.get("then", "/")), fault="", kept="")


async def sign_in(request: Request) -> Response:
    """Begins a session for a key of ops or reader."""
    fields = await fields_of(request)
    then, key = within(fields.get("then", "/")), fields.get("key", "").strip()
    kept = kept_in(request, fields)
    try:
        holder = _holder(request, key)
        await _must_be_of_ops(request, holder)
    except ProblemError as error:
        setattr(request.state, REFUSED_FOR, error.why)
        fault = {401: "unknown_key", 403: "other_key", 429: "too_often"}.get(error.status, "not_now")
        return sign_in_page(request, "sign_in", error.status, then=then, fault=fault, kept=kept)
    sessions = request.app.state.sessions
    session = sessions.begin(holder, hash_of(key))
    response = goes_on(request, then, kept, session) if kept else RedirectResponse(then, 303)
    sessions.keep(response, session)
    return response


def goes_on(request: Request, then: str, kept: str, session: SignedIn) -> Response:
    """What was typed before the session ended, to be sent now or not. Raises 400."""
    token = request.app.state.sessions.form_token(session)
    return sign_in_page(request, "go_on", then=then, form_token=token, typed=_read(kept))


def _holder(request: Request, key: str) -> str:
    """Raises 401, 403, 429."""
    if not comes_from_here(request):
        raise ProblemError(403, "the form comes from another site")
    request.app.state.sign_ins.take(sender_at(request.client.host if request.client else ""))
    holder: str | None = request.app.state.keyring.holder(key)
    if holder is None:
        raise ProblemError(401, "the key is unknown", why="unknown")
    return holder


async def _must_be_of_ops(request: Request, holder: str) -> None:
    """Raises 403 to another's key, and keeps that in the audit; 429, 503."""
    if role_of(holder) not in ROLES:
        await record_access(request, holder, "sign_in", "console", NO_GROUND, allowed=False)
        raise ProblemError(403, "the console is for ops and readers")


def sign_in_page(request: Request, name: str, status: int = 200, **content: Any) -> Response:
    """A page on the way in or out; `name` is that of its template."""
    known = {"by_provider": request.app.state.provider is not None, **content}
    response = bare_page(request, name, words_of("sign_in", language_of(request)), known, status)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def within(address: str) -> str:
    """An address of this console; else its first page."""
    is_here = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if is_here else "/"


ROUTES: Final = (
    Route(SIGN_IN, show_sign_in, methods=["GET"]),
    Route(SIGN_IN, sign_in, methods=["POST"]),
)
