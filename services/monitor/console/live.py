"""The page Live: what comes now; and the stream that tells an open page that something came, by counts alone."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from services.monitor.console import asked
from services.monitor.console.pages import ConsolePage, Content, Visit
from shared.http.problems import ProblemError

PATH: Final = "/live"
_A_PAGE: Final = "50"
_EVERY: Final = 1.0
_LASTS: Final = 50.0
"""Seconds: a door waits a minute for an answer to be read, and a browser comes again where it stopped."""
_WITHOUT_A_WORD: Final = 15.0
Ask = Callable[[Mapping[str, str]], Awaitable[Any]]


async def show(visit: Visit) -> Content:
    """The newest events, the newest first."""
    said = await visit.ask("/v1/live", {"limit": _A_PAGE})
    counts = sorted(said["counts"].items(), key=lambda one: (-one[1], one[0]))
    return {
        "events": said["events"][::-1],
        "counts": counts,
        "classes": visit.words_of("classes"),
        "stream": f"{PATH}/stream?after={said['next']}",
    }


async def stream(request: Request) -> Response:
    """Says that something came, for as long as the session lasts; goes on behind `Last-Event-ID`. Raises 401."""
    state = request.app.state
    session = state.sessions.of(request, state.keyring)
    if session is None:
        raise ProblemError(401, "sign in at /sign-in")
    after = request.headers.get("last-event-id") or request.query_params.get("after", "")
    ask = partial(asked.ask, request, session.holder, "/v1/live")
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(what_came(ask, after), headers=headers, media_type="text/event-stream")


async def what_came(ask: Ask, after: str, lasts: float = _LASTS, every: float = _EVERY) -> AsyncIterator[str]:
    """An event of the stream for each batch that came: `id` is where to go on, `data` how many of each class."""
    until, spoken = time.monotonic() + lasts, time.monotonic()
    yield "retry: 1000\n\n"
    while time.monotonic() < until:
        try:
            said = await ask({"after": after} if after else {"limit": "1"})
        except asked.NotAnswered:
            return
        if said["counts"] and after:
            yield f"id: {said['next']}\ndata: {msgspec.json.encode(said['counts']).decode()}\n\n"
            spoken = time.monotonic()
        elif time.monotonic() - spoken > _WITHOUT_A_WORD:
            yield ": nothing came\n\n"
            spoken = time.monotonic()
        after = said["next"]
        await asyncio.sleep(every)


PAGE: Final = ConsolePage("live", PATH, show, "traffic", renews=True)
ROUTE: Final = Route(f"{PATH}/stream", stream)
