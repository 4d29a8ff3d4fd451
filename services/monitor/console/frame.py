"""The frame of every page: its menu, languages, headers, and who has signed in."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.monitor.console import shown
from services.monitor.console.pages import ConsolePage, Visit
from services.monitor.console.partners import partner_name
from services.monitor.console.static_files import STATIC
from services.monitor.console.timeline import class_name
from services.monitor.console.words import Words, words_of
from shared.http.accessibility import link_of
from shared.http.language import LANGUAGES, negotiated

LANGUAGE_COOKIE: Final = "lahete_lang"
RENEWAL: Final = "lahete-renewal"
"""The header of a page that renews itself: nobody is there for sure, so that a session is not kept by it."""
THEME_COOKIE: Final = "lahete_theme"
THEMES: Final = ("auto", "light", "dark")
KEYS_COOKIE: Final = "lahete_keys"
KEYS: Final = ("on", "off")
"""Whether single keys lead to pages."""
_A_YEAR: Final = 365 * 86_400
GROUPS: Final = ("today", "mend", "traffic", "control")
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
}


class Entry(NamedTuple):
    """A line of the menu."""

    path: str
    title: str
    is_current: bool
    is_allowed: bool
    key: str


def language_of(request: Request) -> str:
    """?lang, else what was chosen before, else what the browser prefers."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES and "lang" not in request.query_params else negotiated(request)


def page_of(visit: Visit, menu: Sequence[ConsolePage], content: Mapping[str, Any], status: int = 200) -> Response:
    """A page for somebody who has signed in."""
    sessions = visit.request.app.state.sessions
    signed_in = {
        "who": visit.who,
        "acts": visit.acts,
        "renews": visit.page.renews,
        "has_keys": keys_of(visit.request) == "on",
        "form_token": sessions.form_token(visit.session),
        "menu": {group: list(_entries(visit, menu, group)) for group in GROUPS},
    }
    response = bare_page(
        visit.request, content.get("template", visit.page.name), visit.words, {**signed_in, **content}, status
    )
    if RENEWAL not in visit.request.headers:
        sessions.keep(response, visit.session)
    return response


def bare_page(request: Request, template: str, words: Words, content: Mapping[str, Any], status: int = 200) -> Response:
    """A page for anybody."""
    language = language_of(request)
    frame = {
        "words": words,
        "lang": language,
        "languages": {code: (name, _in_language(request, code)) for code, name in LANGUAGES.items()},
        "static": STATIC,
        "now": datetime.now(UTC),
        "feedback": link_of(request.app.state.settings.feedback_address),
        "platform_now": request.app.state.clock.now(),
        "who": None,
        "menu": {},
        "theme": theme_of(request),
        "renews": False,
        "has_keys": False,
        "summary": "",
        "stream": "",
        "form_token": "",
    }
    html = _PAGES.get_template(f"{template}.html").render({**frame, **content})
    response = HTMLResponse(html, status, {**_HEADERS, "Content-Language": language})
    if request.query_params.get("lang") in LANGUAGES:
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=_A_YEAR, path="/", httponly=True, samesite="lax")
    return response


def theme_of(request: Request) -> str:
    """As the browser prefers, or as somebody chose on it."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else THEMES[0]


def keys_of(request: Request) -> str:
    """Whether single keys lead to pages: on, unless somebody has switched them off in this browser."""
    chosen = request.cookies.get(KEYS_COOKIE, "")
    return chosen if chosen in KEYS else KEYS[0]


def _in_language(request: Request, language: str) -> str:
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    path = quote(request.url.path) if request.method == "GET" else "/"
    return f"{path}?{urlencode([*kept, ('lang', language)])}"


def _entries(visit: Visit, menu: Sequence[ConsolePage], group: str) -> Iterator[Entry]:
    for page in menu:
        if page.menu == group:
            title = words_of(page.name, visit.language)["title"]
            yield Entry(
                page.path, title, page.menu == group and page.name == visit.page.name, page.is_for(visit.who), page.key
            )


# --- how templates show values: each in the page's language


@pass_context
def _number(context: Context, value: float) -> str:
    return shown.number(value, context["lang"])


@pass_context
def _span(context: Context, seconds: float) -> str:
    return shown.span(seconds, context["lang"])


@pass_context
def _instant(context: Context, value: str | datetime | None) -> str:
    return shown.instant(value, context["lang"])


@pass_context
def _since(context: Context, value: str, now: datetime) -> str:
    """How long ago a time was."""
    return shown.span(max(0.0, (now - datetime.fromisoformat(value)).total_seconds()), context["lang"])


@pass_context
def _foreign(context: Context, value: object, most: int = shown.MOST) -> str:
    return shown.foreign(value, context["lang"], most)


@pass_context
def _partner(context: Context, source: str) -> str:
    return partner_name(source, context["lang"])


_PAGES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGES.filters |= {
    "number": _number,
    "span": _span,
    "instant": _instant,
    "since": _since,
    "foreign": _foreign,
    "partner": _partner,
    "class_name": class_name,
}
