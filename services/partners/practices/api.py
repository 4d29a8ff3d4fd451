"""Good practices over HTTP: listed and searched by every partner."""

from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.partners import figures
from services.partners.listing import AFTER, LIMIT, asked_for, walk
from services.partners.practices import PRACTICES
from services.partners.practices.model import Practice
from services.partners.practices.responses import Practices, PracticeShown
from shared.contracts.envelope import written
from shared.contracts.partner_kinds import PARTNER_KINDS
from shared.http.keys import must_be
from shared.http.operations import Operation
from shared.http.parameters import OneOf, Parameter
from shared.reference import MUNICIPALITIES, THEMES

_READERS: Final = (*PARTNER_KINDS, "ops", "reader")
_WORDS: Final = Parameter("q", "Words that its texts have; a hundred characters are read.", example="kuoro")
_THEME: Final = OneOf("theme", THEMES, "A theme that it has.")
_MUNICIPALITY: Final = OneOf(
    "municipality", MUNICIPALITIES, "Where it is practised; what is practised in all of the country too.", example="837"
)


def operations() -> list[Operation]:
    """The address of good practices."""
    takes = (_WORDS, _THEME, _MUNICIPALITY, AFTER, LIMIT)
    return [Operation("GET", "/v1/practices", list_practices, {200: Practices}, _READERS, takes)]


async def list_practices(request: Request) -> Response:
    """Good practices that their owners recorded, in order of owner and id; for every partner, ops and readers."""
    must_be(request, *_READERS)
    found, further = await walk(
        request.app.state.store, PRACTICES, asked_for(request, theme=_THEME.of(request)), _filter(request)
    )
    answer: Practices = {"practices": [_shown(one) for one in found], "next": further}
    return JSONResponse(answer)


def _filter(request: Request) -> Callable[[Practice], bool]:
    municipality = _MUNICIPALITY.of(request)
    words = (_WORDS.value(request) or "").casefold()[:100].split()

    def passes(one: Practice) -> bool:
        held_there = municipality is None or not one.municipalities or municipality in one.municipalities
        return not one.withdrawn and held_there and all(word in one.words for word in words)

    return passes


def _shown(one: Practice) -> PracticeShown:
    return {
        "owner": one.owner,
        "practice_id": one.id,
        "name": dict(one.name),
        "what": dict(one.what),
        "for_whom": dict(one.for_whom),
        "described_at": one.described_at,
        "themes": list(one.themes),
        "municipalities": list(one.municipalities),
        "figures": [figures.shown(figure) for figure in one.figures],
        "recorded_at": written(one.time),
    }
