"""Signing in by the OpenID Connect provider: the way there, the way back, and on with what was typed before.

The journey stands in a lax cookie of its own, which comes along when the provider sends the browser back. The session's strict
one would not, nor does it on what follows at once: a page of our own leads on.
"""

import hmac
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.monitor.console.access import SIGN_IN, comes_from_here, fields_of, goes_on, kept_in, sign_in_page, within
from services.monitor.provider.faults import NotLetIn, NotProven, ProviderAway, SignInFailed
from services.monitor.provider.journey import LASTS, Journey
from services.monitor.provider.roles import STRANGER
from services.monitor.provider_settings import BACK
from shared import log_events
from shared.http.audit import NO_GROUND, record_access
from shared.http.language import LANGUAGES
from shared.http.problems import ProblemError
from shared.http.rates import Rate
from shared.http.room import sender_at

THERE: Final = "/sign-in/provider"
GO_ON: Final = "/sign-in/go-on"
_LONGEST_WAY_ON: Final = 1_000
"""Bytes, as the cookie has it: browsers keep none of more than 4,096."""
log = structlog.get_logger()


async def set_out(request: Request) -> Response:
    """Sends the browser to the provider."""
    then = within(request.query_params.get("then", "/"))
    if request.app.state.provider is None or not _begins_here(request):
        return RedirectResponse(f"{SIGN_IN}?{urlencode({'then': then})}", 303)
    try:
        _take(request.app.state.sign_ins, request)
        journey: Journey = request.app.state.provider.journey(then if _is_short(then) else "/")
        response = RedirectResponse(await request.app.state.provider.way_there(journey), 303)
    except (ProblemError, SignInFailed) as error:
        return await _refused(request, then, error)
    response.headers["Cache-Control"] = "no-store"
    request.app.state.journeys.put(response, journey, LASTS)
    return response


async def come_back(request: Request) -> Response:
    """Begins a session for who has proven to be one of ops or of the readers. Its own answer ends a journey, whatever it is."""
    state = request.app.state
    if state.provider is None:
        return RedirectResponse(SIGN_IN, 303)
    journey: Journey | None = state.journeys.read(request)
    if journey is None or not _is_same(journey.state, request.query_params.get("state", "")):
        return await _stray(request)
    try:
        holder = await _who_comes(request, journey)
        response = sign_in_page(request, "arriving", then=journey.then, languages=_languages(journey.then))
        state.sessions.keep(response, state.sessions.begin_by_provider(holder))
    except (ProblemError, SignInFailed) as error:
        response = await _refused(request, journey.then, error)
    state.journeys.remove(response)
    return response


async def go_on(request: Request) -> Response:
    """Where a session ended in mid-form and another tab has signed in since: on with what was typed."""
    fields = await fields_of(request)
    then, kept = within(fields.get("then", "/")), kept_in(request, fields)
    session = request.app.state.sessions.of(request, request.app.state.keyring)
    if session is None or not comes_from_here(request):
        return sign_in_page(request, "sign_in", 401, then=then, fault="session_over", kept=kept)
    return goes_on(request, then, kept, session)


def _begins_here(request: Request) -> bool:
    """Whether a page of this site leads there, or somebody who typed the address."""
    return comes_from_here(request) or request.headers.get("sec-fetch-site") == "none"


def _is_short(then: str) -> bool:
    return len(msgspec.json.encode(then)) <= _LONGEST_WAY_ON


def _take(rate: Rate, request: Request) -> None:
    """Raises 429."""
    rate.take(sender_at(request.client.host if request.client else ""))


async def _stray(request: Request) -> Response:
    """What this browser has not asked for: any site can have it sent, so that it costs no attempt and ends no journey."""
    try:
        _take(request.app.state.strays, request)
    except ProblemError as error:
        return await _refused(request, "/", error)
    return await _refused(request, "/", NotProven("this browser has not set out, or it came back already"))


async def _who_comes(request: Request, journey: Journey) -> str:
    """Raises `SignInFailed`, 429."""
    _take(request.app.state.sign_ins, request)
    provider = request.app.state.provider
    if provider.is_over(journey):
        raise NotProven("this browser has set out too long ago")
    holder: str = await provider.holder(journey, dict(request.query_params))
    return holder


def _is_same(state: str, brought: str) -> bool:
    return hmac.compare_digest(state.encode(), brought.encode())


_STATUS: Final[Mapping[type[SignInFailed], tuple[int, str]]] = {
    ProviderAway: (503, "provider_away"),
    NotLetIn: (403, "not_let_in"),
}


async def _refused(request: Request, then: str, error: ProblemError | SignInFailed) -> Response:
    """Why nobody is signed in; signing in by key goes on."""
    try:
        status, fault = await _told(request, error)
    except ProblemError as other:
        status, fault = await _told(request, other)
    return sign_in_page(request, "sign_in", status, then=then, fault=fault, kept="", languages=_languages(then))


async def _told(request: Request, error: ProblemError | SignInFailed) -> tuple[int, str]:
    """The status and the text; who may not enter stands in the audit. Raises 429, 503."""
    if isinstance(error, ProblemError):
        return error.status, "too_often" if error.status == 429 else "not_now"
    log.warning(log_events.SIGN_IN_FAILED, why=error.why)
    if isinstance(error, NotLetIn):
        who = f"{STRANGER}:{error.name}" if error.name else STRANGER
        await record_access(request, who, "sign_in", "console", NO_GROUND, allowed=False)
    return _STATUS.get(type(error), (401, "not_proven"))


def _languages(then: str) -> Mapping[str, Any]:
    """The page in other languages: not at its own address, which holds the code and is gone through once."""
    return {code: (name, f"{SIGN_IN}?{urlencode({'then': then, 'lang': code})}") for code, name in LANGUAGES.items()}


ROUTES: Final = (
    Route(THERE, set_out, methods=["GET"]),
    Route(BACK, come_back, methods=["GET"]),
    Route(GO_ON, go_on, methods=["POST"]),
)
