"""Signing out of the console, and of the provider too where it was the one that signed somebody in."""

from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.monitor.console.access import SIGN_IN, comes_from_here, fields_of, is_of, sign_in_page
from services.monitor.console.sessions import SignedIn
from services.monitor.provider.faults import ProviderAway
from shared import log_events

SIGN_OUT: Final = "/sign-out"
log = structlog.get_logger()


async def sign_out(request: Request) -> Response:
    """Ends the session."""
    state = request.app.state
    session = state.sessions.of(request, state.keyring)
    if not (session and comes_from_here(request) and is_of(session, request, await fields_of(request))):
        return RedirectResponse(SIGN_IN, 303)
    response = await _leads_on(request, session)
    state.sessions.end(response)
    return response


async def _leads_on(request: Request, session: SignedIn) -> Response:
    if address := await _way_out(request, session):
        # By a page of our own: `form-action` lets no form lead to another site.
        return sign_in_page(request, "leaving", then=address)
    return RedirectResponse(SIGN_IN, 303)


async def _way_out(request: Request, session: SignedIn) -> str:
    state = request.app.state
    if not state.sessions.is_by_provider(session):
        return ""
    try:
        address: str = await state.provider.way_out()
    except ProviderAway as error:
        log.warning(log_events.SIGN_IN_FAILED, why=error.why)
        return ""
    return address


ROUTES: Final = (Route(SIGN_OUT, sign_out, methods=["POST"]),)
