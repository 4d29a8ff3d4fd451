"""The console's pages as routes: who may see each, and what is shown where one cannot be."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.monitor.console import (
    access,
    accessibility,
    audit,
    checks,
    dead_letters,
    discards,
    edits,
    flow,
    groups,
    lag,
    live,
    overdue,
    overview,
    own,
    readers,
    redrives,
    referral,
    senders,
    sign_in_by_provider,
    sign_out,
    static_files,
)
from services.monitor.console.asked import NotAnswered
from services.monitor.console.frame import language_of, page_of
from services.monitor.console.pages import ConsolePage, Content, Visit
from services.monitor.console.sessions import Sessions
from services.monitor.console.signed import SignedCookie
from services.monitor.console.words import words_of
from services.monitor.provider.journey import Journey
from services.monitor.settings import MonitorSettings
from shared.http.problems import ProblemError
from shared.http.rates import Rate

SIGN_INS_A_MINUTE: Final = 30
"""Of one address."""
PAGES: Final[Sequence[ConsolePage]] = (
    overview.PAGE,
    *referral.PAGES,
    *overdue.PAGES,
    *groups.PAGES,
    *dead_letters.PAGES,
    edits.PAGE,
    *redrives.PAGES,
    *discards.PAGES,
    lag.PAGE,
    *senders.PAGES,
    readers.PAGE,
    flow.PAGE,
    live.PAGE,
    audit.PAGE,
    checks.PAGE,
    own.PAGE,
)


def routes() -> list[BaseRoute]:
    """All addresses of the console."""
    return [
        static_files.ROUTE,
        accessibility.ROUTE,
        live.ROUTE,
        *access.ROUTES,
        *sign_in_by_provider.ROUTES,
        *sign_out.ROUTES,
        *(route for page in PAGES for route in _routes_of(page)),
    ]


def console_state(settings: MonitorSettings) -> dict[str, Any]:
    """What the console's pages need of the application's state. Without the monitor's key sessions end with the process."""
    secret, secure = settings.service_key(), settings.env == "production"
    return {
        "sessions": Sessions(secret, secure=secure, provider_mark=settings.provider_mark()),
        # Lax: the provider, another site, sends the browser back.
        "journeys": SignedCookie(
            "lahete-journey", Journey, secret, b"ways to the provider", secure=secure, same_site="lax"
        ),
        "sign_ins": Rate("attempts to sign in", SIGN_INS_A_MINUTE),
        "strays": Rate("answers of the provider that nobody asked for", SIGN_INS_A_MINUTE),
    }


def _routes_of(page: ConsolePage) -> list[Route]:
    shown = Route(page.path, partial(_show, page), methods=["GET"])
    return [shown, Route(page.path, partial(_act, page), methods=["POST"])] if page.act else [shown]


async def _show(page: ConsolePage, request: Request) -> Response:
    visit = _visit(page, request)
    if visit is None:
        return access.to_sign_in(request)
    return await _answered(visit, partial(page.show, visit))


async def _act(page: ConsolePage, request: Request) -> Response:
    visit = _visit(page, request)
    if visit is None:
        return await access.sign_in_again(request)
    return await _answered(visit, partial(_acted, visit))


async def _acted(visit: Visit) -> Content | Response:
    assert visit.page.act is not None
    fields = await access.fields_of(visit.request)
    if not (access.comes_from_here(visit.request) and access.is_of(visit.session, visit.request, fields)):
        return _refusal(visit, 403, "other_form")
    return await visit.page.act(visit, fields)


def _visit(page: ConsolePage, request: Request) -> Visit | None:
    state = request.app.state
    session = state.sessions.of(request, state.keyring)
    return Visit(request, page, session, language_of(request)) if session else None


async def _answered(visit: Visit, work: Callable[[], Awaitable[Content | Response]]) -> Response:
    if unknown := [name for name in visit.request.query_params if name not in (*visit.page.takes, "lang")]:
        return _refusal(visit, 422, "unasked", unknown[0])
    try:
        content = await work()
    except NotAnswered as error:
        return _refusal(visit, error.status, _FAULTS.get(error.status, "refused"), error.detail)
    except ProblemError as error:
        return _refusal(visit, error.status, _FAULTS.get(error.status, "refused"), error.detail)
    return content if isinstance(content, Response) else page_of(visit, PAGES, content)


_FAULTS: Final[Mapping[int, str]] = {403: "only_ops", 404: "unknown", 429: "too_often", 503: "not_now"}


def _refusal(visit: Visit, status: int, fault: str, detail: str = "") -> Response:
    """Why there is no page, in the page's own frame."""
    words = words_of("refused", visit.language)
    content = {"template": "refused", "words": words, "fault": words[fault], "detail": detail}
    return page_of(visit, PAGES, content, status)
