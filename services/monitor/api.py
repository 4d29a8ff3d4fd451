"""The monitor's HTTP for people and programs: what became of an event, lag, partners, the start page."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Final

import msgspec
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from services.monitor import dead_letters_api, page, traces
from services.monitor.fates import fates, letters_of
from services.monitor.model import Traced
from shared.clock import real_now
from shared.contracts.envelope import MAX_EVENT_BYTES, Event, Raw, decode, written
from shared.contracts.errors import EventError, Problem
from shared.contracts.fields import Sender
from shared.contracts.identity import derived_id
from shared.contracts.registry import CLASSES
from shared.engine.model import Document
from shared.http.body import read_json
from shared.http.intake import must_be_open, write
from shared.http.keys import must_be, role_of, who_asks
from shared.http.outcomes import MAX_ASKED, MAX_QUESTION
from shared.http.problems import ProblemError, problem_of
from shared.http.query import takes
from shared.kafka.lag import lags
from shared.store import Store

OWN: Final = "/service/monitor"
_REGISTERED: Final = CLASSES["PartnerRegistered"].type
_TRACED = msgspec.json.Decoder(Document[Traced])


def routes() -> list[BaseRoute]:
    """The monitor's routes."""
    return [
        Route("/", page.start),
        *traces.routes(),
        Route("/v1/events/outcomes", post_outcomes, methods=["POST"]),
        Route("/v1/events/{event_id}", one_event),
        Route("/v1/lag", lag),
        Route("/v1/partners/{kind}/{id}", put_partner, methods=["PUT"]),
        *dead_letters_api.routes(),
    ]


# --- what became of events


class _Named(msgspec.Struct):
    source: str
    id: str


class _Question(msgspec.Struct):
    events: list[_Named]


@takes("source")
async def one_event(request: Request) -> Response:
    """`{source, id, type, state, repeated, recorded_at}`; its own sender, ops and reader."""
    who, id_ = who_asks(request), request.path_params["event_id"]
    source = request.query_params.get("source", "")
    if role_of(who) in {"region", "opisto"}:
        named = await _own(request.app.state.store, who, source, id_)
    elif source:
        named = _Named(source, id_)
    else:
        raise ProblemError(422, "name the sender: ?source=/region/06")
    (answer,) = await _became(request, [named])
    return JSONResponse(answer)


async def _own(store: Store, who: str, source: str, id_: str) -> _Named:
    """A sender's own event, or what the monitor wrote at its word: of that it was told the monitor's source. Raises 403, 404."""
    if source not in {"", who, OWN}:
        raise ProblemError(403, f"{who} may ask after its own events, not those of {source[:80]}")
    registered = (await _seen(store, [_Named(OWN, id_)])).get((OWN, id_))
    if registered and (registered.type, registered.subject) == (_REGISTERED, who):
        return _Named(OWN, id_)
    if source == OWN:
        raise ProblemError(404, f"{who} is known here to have said nothing of itself under the id {id_[:64]!r}")
    return _Named(who, id_)


async def post_outcomes(request: Request) -> Response:
    """The same for up to 500 `{"events": [{"source", "id"}]}` at once; ops and reader."""
    must_be(request, "ops", "reader")
    asked = (await read_json(request, MAX_QUESTION, _Question)).events
    if len(asked) > MAX_ASKED:
        raise ProblemError(413, f"{len(asked)} events; ask after at most {MAX_ASKED} at once")
    return JSONResponse({"events": await _became(request, asked)})


async def _became(request: Request, asked: list[_Named]) -> list[dict[str, Any]]:
    state = request.app.state
    seen = await _seen(state.store, asked)
    events = list(seen.values())
    became = await fates(state.store, state.owners, events, await letters_of(state.store, events))
    return [_answer(one, seen.get((one.source, one.id)), became.get((one.source, one.id))) for one in asked]


async def _seen(store: Store, asked: Iterable[_Named]) -> dict[tuple[str, str], Traced]:
    rows = await store.load("events", [f"{one.source} {one.id}" for one in asked])
    states = [state for row in rows.values() if (state := _TRACED.decode(row.body).state)]
    return {(one.source, one.id): one for one in states}


def _answer(asked: _Named, traced: Traced | None, became: str | None) -> dict[str, Any]:
    if traced is None:
        return {"source": asked.source, "id": asked.id, **_UNKNOWN}
    return {
        "source": asked.source,
        "id": asked.id,
        "type": traced.type,
        "state": became or "in_flight",
        "repeated": max(0, traced.seen - 1),
        "recorded_at": written(traced.first.recorded_at) if traced.first else None,
    }


_UNKNOWN: Final = {"type": None, "state": "unknown", "repeated": 0, "recorded_at": None}


# --- lag and partners


async def lag(request: Request) -> Response:
    """`{groups: [{service, topic, partition, lag, seconds}]}`; ops and reader."""
    must_be(request, "ops", "reader")
    found = await lags(request.app.state.cluster)
    return JSONResponse({"groups": [asdict(one) for one in found]})


async def put_partner(request: Request) -> Response:
    """202 once the partner's word about itself stands on the log; own key or ops."""
    who = who_asks(request)
    partner = f"/{request.path_params['kind']}/{request.path_params['id']}"
    if who != partner and role_of(who) != "ops":
        raise ProblemError(403, f"{who} may not speak for {partner[:80]}")
    _must_be_a_partner(partner)
    must_be_open(request)
    event = await _partner_event(request, partner)
    await write(request.app.state.publisher, [event])
    return JSONResponse({"accepted": [{"id": event.id, "source": event.source}]}, 202)


_PARTNER: Final = TypeAdapter(Sender)
_IDS: Final = {
    "region": "a region's id is the code of one that may refer, such as 06",
    "opisto": "an opisto's id is its OID, or 1 to 60 of a-z 0-9 . -",
}


def _must_be_a_partner(partner: str) -> None:
    """Raises 404 of a kind that is none, 422 of an id that no partner of its kind has."""
    _, kind, id_ = partner.split("/", 2)
    if kind not in _IDS:
        raise ProblemError(404, f"{kind[:60]!r} is no kind of partner; name one of {', '.join(_IDS)}")
    try:
        _PARTNER.validate_python(partner)
    except ValidationError as error:
        raise ProblemError(422, f"{id_[:60]!r} is no {kind}: {_IDS[kind]}", [Problem("/id", _IDS[kind])]) from error


async def _partner_event(request: Request, partner: str) -> Event:
    clock = request.app.state.clock
    body = await read_json(request, MAX_EVENT_BYTES, dict[str, msgspec.Raw])
    body["partner"] = msgspec.Raw(msgspec.json.encode(partner))
    time = real_now()
    attributes = {
        "specversion": "1.0",
        "id": derived_id("partner", partner, time.isoformat()),
        "source": OWN,
        "type": _REGISTERED,
        "time": written(clock.now()),
    }
    try:
        return decode(Raw(attributes, msgspec.json.encode(body)), now=clock.now())
    except EventError as error:
        raise problem_of(error) from error
