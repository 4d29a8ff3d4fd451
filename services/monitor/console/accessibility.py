"""The accessibility statement of the console, for anybody."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.monitor.console.frame import bare_page, language_of
from services.monitor.console.words import words_of
from shared.http.accessibility import TITLE, statement

_OF: Final = {
    "fi": "Seloste koskee Kulttuurilähetteen valvonnan sivuja",
    "sv": "Utlåtandet gäller sidorna i Kulttuurilähetes övervakning",
    "en": "This statement is of the pages of Kulttuurilähete's monitor",
}


async def show(request: Request) -> Response:
    """The statement."""
    language = language_of(request)
    parts = statement(language, _OF[language], request.app.state.settings.feedback_address)
    content = {"title": TITLE[language], "parts": parts}
    return bare_page(request, "accessibility", words_of("frame", language), content)


ROUTE: Final = Route("/accessibility", show, methods=["GET"])
