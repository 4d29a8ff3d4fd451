"""How many places of an organiser's activities are had with the Kaikukortti card, over HTTP: for itself, ops and readers.

The organiser reports its uses of the card itself; here is what to reconcile with. No card's number is known.
"""

from typing import Annotated, Final, TypedDict

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.catalogue.model import Activity
from services.catalogue.paying import uses
from services.catalogue.vouchers.api import ONE_ORGANISER, own_or_watched
from shared.contracts.partner_kinds import ORGANISERS
from shared.engine.model import Document
from shared.http.operations import Operation
from shared.http.parameters import Number, Pattern
from shared.http.shapes import ActivityId, Count, Organiser

_LIMIT: Final = Number("limit", 100, 1, 500, "How many activities at most.")
_AFTER: Final = Pattern(
    "after", "[A-Za-z0-9._:-]{1,64}", "the `next` of an answer", "Where to go on.", example="kuoro-2026s"
)
_ACTIVITY: Final = msgspec.json.Decoder(Document[Activity])


class CardUses(TypedDict):
    """One activity that accepts the card, and its uses."""

    activity_id: ActivityId
    quota: Annotated[
        Count | None, Meta(description="How many may come with the card; null: there is no quota.", examples=[2])
    ]
    used: Annotated[Count, Meta(description="How many came, or hold a place, with it: one use for each course place.")]


class CardUsesOfOrganiser(TypedDict):
    """The activities that accept the card, by id."""

    organiser: Organiser
    activities: Annotated[list[CardUses], Meta(description="Those of this answer.")]
    next: Annotated[str | None, Meta(description="Where `after` goes on; null at the end.", examples=["kuoro-2026s"])]


def operations() -> list[Operation]:
    """The address of the card's uses."""
    path, readers = "/v1/kaikukortti/{kind}/{id}", (*ORGANISERS, "ops", "reader")
    return [
        Operation("GET", path, card_uses, {200: CardUsesOfOrganiser}, readers, (*ONE_ORGANISER, _LIMIT, _AFTER)),
    ]


async def card_uses(request: Request) -> Response:
    """An organiser's activities that accept the Kaikukortti card, each with its quota and its uses."""
    organiser = own_or_watched(request)
    limit, after = _LIMIT.of(request), _AFTER.of(request)
    key = f"{organiser} {after[0]}" if after else ""
    rows = await request.app.state.store.find(
        "activities",
        equal={"cards_of": organiser},
        order="by_id",
        after=(after[0], key) if after else None,
        limit=limit,
    )
    shown = [_shown(row.body) for row in rows]
    answer: CardUsesOfOrganiser = {
        "organiser": organiser,
        "activities": shown,
        "next": shown[-1]["activity_id"] if len(shown) == limit else None,
    }
    return JSONResponse(answer)


def _shown(body: bytes) -> CardUses:
    state = _ACTIVITY.decode(body).state
    assert state is not None
    return {
        "activity_id": state.activity_id,
        "quota": state.published.get("kaikukortti_places"),
        "used": len(uses(state, "kaikukortti")),
    }
