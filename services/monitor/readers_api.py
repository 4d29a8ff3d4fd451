"""How far each partner has read its feed: what lies there since when, and who never looks."""

from datetime import UTC, datetime
from typing import Annotated, Final, TypedDict

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor.projections.readers import READERS, Reader
from shared.contracts.envelope import written
from shared.http.keys import must_be
from shared.http.operations import Operation
from shared.http.parameters import Number, Pattern
from shared.http.shapes import Count, Time

_READER = msgspec.json.Decoder(Reader)
_LIMIT: Final = Number("limit", 100, 1, 500, "How many at most.")
_AFTER: Final = Pattern(
    "after",
    r"[0-9]{1,7}",
    "the `next` of an answer",
    "Where to go on: the `next` of the answer before.",
    example="100",
)


class ReaderShown(TypedDict):
    """A partner and its feed."""

    partner: Annotated[str, Meta(description="Whose feed it is.", examples=["/region/06"])]
    laid: Annotated[Count, Meta(description="The number of the last entry that was laid there.")]
    read: Annotated[Count, Meta(description="The number of the last entry that the partner has read.")]
    behind: Annotated[Count, Meta(description="How many entries it has not read.")]
    laid_at: Annotated[Time | None, Meta(description="When the last one was laid there; null: none was.")]
    looked_at: Annotated[
        Time | None, Meta(description="When the partner last was seen to look, to the hour; null: it never did.")
    ]
    unread_since: Annotated[
        Time | None, Meta(description="Since when an entry lies there unread; null: all of it is read.")
    ]


class Readers(TypedDict):
    """Partners, who left something unread for longest first."""

    readers: Annotated[list[ReaderShown], Meta(description="Those of this page.")]
    next: Annotated[str | None, Meta(description="Where `after` goes on; null at the end.", examples=["100"])]


async def readers(request: Request) -> Response:
    """How far each partner has read its feed; for ops and readers.

    Who left something unread for longest stands first, who has read all of it last.
    """
    must_be(request, "ops", "reader")
    limit, after = _LIMIT.of(request), _AFTER.of(request)
    offset = int(after[0]) if after else 0
    everybody = await _in_order(request)
    page = everybody[offset : offset + limit]
    more = str(offset + limit) if len(everybody) > offset + limit else None
    return JSONResponse(Readers(readers=[_shown(one) for one in page], next=more))


async def _in_order(request: Request) -> list[Reader]:
    # Partners are a few hundred, and each has one document.
    rows = await request.app.state.store.find(READERS.name, limit=10_000)
    found = [_READER.decode(row.body) for row in rows]
    return sorted(found, key=lambda one: (one.unread_since is None, one.unread_since or 0.0, one.partner))


def _shown(one: Reader) -> ReaderShown:
    return {
        "partner": one.partner,
        "laid": one.laid,
        "read": one.read,
        "behind": max(0, one.laid - one.read),
        "laid_at": _at(one.laid_at or None),
        "looked_at": _at(one.read_at),
        "unread_since": _at(one.unread_since),
    }


def _at(second: float | None) -> str | None:
    return None if second is None else written(datetime.fromtimestamp(second, UTC))


OPERATION: Final = Operation("GET", "/v1/readers", readers, {200: Readers}, ("ops", "reader"), (_LIMIT, _AFTER))
