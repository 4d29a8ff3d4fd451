"""POST /v1/outcomes: the outcomes of events at their owner, from the document, the inbox and the early events.

For the monitor alone, up to 500 at once: `{"events": [{"source", "id", "type", "subject"}]}` is answered in order by
`{"outcomes": [...]}`, each `applied`, `dead_lettered`, `waiting` or null where the owner knows nothing of it.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Literal, TypedDict

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.http.body import read_json
from shared.http.keys import must_be
from shared.http.operations import Operation, in_json
from shared.http.problems import ProblemError
from shared.http.shapes import EventId, Source
from shared.store import Store

Locate = Callable[[str, str, str], tuple[str, str] | None]

MAX_ASKED: Final = 500
MAX_QUESTION: Final = 512 * 1024

_OUTCOMES = {"applied": "applied", "rejected": "dead_lettered", "handler_failed": "dead_lettered"}


class AskedEvent(msgspec.Struct, frozen=True):
    """One event that is asked after."""

    source: Source
    id: EventId
    type: Annotated[str, Meta(description="The class's name, without version.", examples=["ReferralIssued"])]
    subject: Annotated[
        str,
        Meta(description="The aggregate that the event is about.", examples=["7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"]),
    ]


class OutcomesAsked(msgspec.Struct):
    """Events whose outcomes are asked for, up to 500."""

    events: Annotated[list[AskedEvent], Meta(description="Up to 500.")]


class Outcomes(TypedDict):
    """The outcome of each event, in the order of the question; null where the owner does not know the event."""

    outcomes: Annotated[
        list[Literal["applied", "dead_lettered", "waiting"] | None],
        Meta(description="One for each event of the question, in its order.", examples=[["applied", None]]),
    ]


async def post_outcomes(request: Request) -> Response:
    """The outcomes of events at the service that owns them; for the monitor alone."""
    must_be(request, "service")
    asked = (await read_json(request, MAX_QUESTION, OutcomesAsked)).events
    if len(asked) > MAX_ASKED:
        raise ProblemError(413, f"{len(asked)} events; ask after at most {MAX_ASKED} at once")
    state = request.app.state
    return JSONResponse({"outcomes": await outcomes(state.store, state.table.locate, asked)})


OPERATION: Final = Operation(
    "POST",
    "/v1/outcomes",
    post_outcomes,
    {200: Outcomes},
    who=("service",),
    body=in_json(OutcomesAsked, MAX_QUESTION, f"Up to {MAX_ASKED} events."),
)


async def outcomes(store: Store, locate: Locate, asked: Sequence[AskedEvent]) -> list[str | None]:
    """The outcome of each event, as far as this service knows it."""
    places = [locate(one.source, one.type, one.subject) for one in asked]
    documents: dict[tuple[str, str], dict[str, Any]] = {}
    for collection in {place[0] for place in places if place}:
        ids = sorted({place[1] for place in places if place and place[0] == collection})
        for id_, row in (await store.load(collection, ids)).items():
            documents[collection, id_] = msgspec.json.decode(row.body)
    answers: list[str | None] = []
    for one, place in zip(asked, places, strict=True):
        document = documents.get(place) if place else None
        answers.append(await _outcome(store, one, place, document) if place and document else None)
    return answers


async def _outcome(store: Store, one: AskedEvent, place: tuple[str, str], document: dict[str, Any]) -> str | None:
    known = [seen[4] for seen in document.get("ring", ()) if (seen[0], seen[1]) == (one.source, one.id)]
    if any((early["source"], early["id"]) == (one.source, one.id) for early in document.get("early", ())):
        return "waiting"
    if not known and document.get("spilled"):
        known = [kept.outcome for _, kept in await store.recall([("/".join(place), one.source, one.id)])]
    if "applied" in known:
        return "applied"
    return _OUTCOMES.get(known[-1]) if known else None
