"""A list of what partners recorded, walked in order of its keys from where its reader stopped, never read as a whole."""

from collections.abc import Callable, Mapping
from typing import Annotated, Final, NamedTuple, TypeVar

import msgspec
from msgspec import Meta
from starlette.requests import Request

from shared.engine.model import Document, Kind
from shared.http.parameters import Number, Pattern
from shared.store import Store

MAX_LOOKED_AT: Final = 500
"""Where few pass the filters, an answer is short or empty, and says where to go on."""
_STEP: Final = 100
LIMIT: Final = Number("limit", 50, 1, 200, "How many at most; 500 are looked at for one answer.")
AFTER: Final = Pattern(
    "after",
    "(/[a-z]+/[a-z0-9.-]{1,60}) ([A-Za-z0-9._:-]{1,64})",
    "the `next` of an answer",
    "Where to go on: the `next` of the answer before.",
    example="/opisto/tampere 2026-7",
)
Onward = Annotated[
    str | None, Meta(description="Where `after` goes on; null at the end.", examples=["/opisto/tampere 2026-7"])
]
S = TypeVar("S", bound=msgspec.Struct)


class ListAsked(NamedTuple):
    """What is asked for: the values of indexed fields, behind which key, and how many."""

    equal: Mapping[str, str]
    after: str
    limit: int


def asked_for(request: Request, **equal: str | None) -> ListAsked:
    """What the request asks for, of these values of fields. Raises 422."""
    behind = AFTER.of(request)
    named = {name: value for name, value in equal.items() if value}
    return ListAsked(named, behind[0] if behind else "", LIMIT.of(request))


async def walk(
    store: Store, kind: Kind[S], asked: ListAsked, passes: Callable[[S], bool]
) -> tuple[list[S], str | None]:
    """The first that pass, no test's, and where the list goes on: None at its end."""
    found: list[S] = []
    decoder = msgspec.json.Decoder(Document[kind.state])  # type: ignore[name-defined]
    at = asked.after
    for _ in range(MAX_LOOKED_AT // _STEP):
        rows = await store.find(kind.collection.name, equal=asked.equal, order="listed", after=(at, at), limit=_STEP)
        for row in rows:
            at, document = row.id, decoder.decode(row.body)
            if document.state is not None and not document.synthetic and passes(document.state):
                found.append(document.state)
            if len(found) == asked.limit:
                return found, at
        if len(rows) < _STEP:
            return found, None
    return found, at


async def one_of(store: Store, kind: Kind[S], key: str) -> S | None:
    """What one partner recorded under one id; None where there is no such thing, or it is a test's."""
    rows = await store.load(kind.collection.name, [key])
    if key not in rows:
        return None
    document = msgspec.json.decode(rows[key].body, type=Document[kind.state])  # type: ignore[name-defined]
    return None if document.synthetic else document.state
