"""The monitor's HTTP for people and programs: what became of an event, partners, the start page."""

from collections.abc import Iterable
from typing import Final

import msgspec
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor import (
    audit_api,
    checks_api,
    dead_groups_api,
    dead_letters_api,
    discards_api,
    dry_run_api,
    edits_api,
    flow_api,
    found_api,
    lag_api,
    live_api,
    overdue_api,
    readers_api,
    redrives_api,
    senders_api,
    traces,
)
from services.monitor.fates import fates, letters_of
from services.monitor.model import Traced, traced_as
from services.monitor.own_words import OWN, own_event
from services.monitor.responses import EventNow, EventsAsked, EventsNow, Named
from shared.clock import real_now
from shared.contracts.envelope import MAX_EVENT_BYTES, Event, written
from shared.contracts.errors import Problem
from shared.contracts.fields import Partner
from shared.contracts.identity import derived_id
from shared.contracts.registry import CLASSES
from shared.engine.model import Document
from shared.http.body import read_json
from shared.http.intake import accepted, must_be_open, write
from shared.http.keys import must_be, role_of, who_asks
from shared.http.operations import Operation, in_json
from shared.http.outcomes import MAX_ASKED, MAX_QUESTION
from shared.http.parameters import Parameter
from shared.http.problems import ProblemError
from shared.http.shapes import Accepted
from shared.store import Store

_REGISTERED: Final = CLASSES["PartnerRegistered"].type
_TRACED = msgspec.json.Decoder(Document[Traced])


_EVENT: Final = Parameter("event_id", "The event's id.", example="a1b2")
_SOURCE: Final = Parameter("source", "Whose event it is; a sender's own without.", example="/region/06")
_KIND: Final = Parameter("kind", "`region` or `opisto`.", example="region")
_ID: Final = Parameter("id", "A region's code or an opisto's id.", example="06")


def operations() -> list[Operation]:
    """The monitor's addresses."""
    readers, everybody = ("ops", "reader"), ("region", "opisto", "ops", "reader", "service")
    partner, named = "/v1/partners/{kind}/{id}", in_json(EventsAsked, MAX_QUESTION, f"Up to {MAX_ASKED} events.")
    himself = in_json({"$ref": "#/components/schemas/PartnerSaid"}, MAX_EVENT_BYTES, "What the partner says of itself.")
    own = ("region", "opisto", "ops")
    return [
        traces.OPERATION,
        found_api.OPERATION,
        Operation("POST", "/v1/events/outcomes", many_events, {200: EventsNow}, readers, body=named),
        Operation(
            "GET", "/v1/events/{event_id}", one_event, {200: EventNow}, everybody, (_EVENT, _SOURCE), also=(404,)
        ),
        lag_api.OPERATION,
        live_api.OPERATION,
        checks_api.OPERATION,
        audit_api.OPERATION,
        Operation("PUT", partner, put_partner, {202: Accepted}, own, (_KIND, _ID), himself, also=(404,)),
        *overdue_api.operations(),
        readers_api.OPERATION,
        flow_api.OPERATION,
        *senders_api.operations(),
        *dead_letters_api.operations(),
        *edits_api.operations(),
        *discards_api.operations(),
        *dead_groups_api.operations(),
        dry_run_api.OPERATION,
        *redrives_api.operations(),
    ]


# --- what became of events


async def one_event(request: Request) -> Response:
    """The outcome of one event; for its own sender, ops and readers."""
    who, id_ = who_asks(request), request.path_params["event_id"]
    source = _SOURCE.value(request) or ""
    if role_of(who) in {"region", "opisto"}:
        named = await _own(request.app.state.store, who, source, id_)
    elif source:
        named = Named(source, id_)
    else:
        raise ProblemError(422, "name the sender: ?source=/region/06")
    (answer,) = await _became(request, [named])
    return JSONResponse(answer)


async def _own(store: Store, who: str, source: str, id_: str) -> Named:
    """A sender's own event, or one that the monitor wrote at its word, under the monitor's source. Raises 403, 404."""
    if source not in {"", who, OWN}:
        raise ProblemError(403, f"{who} may ask after its own events, not those of {source[:80]}")
    registered = (await _seen(store, [Named(OWN, id_)])).get((OWN, id_))
    if registered and (registered.type, registered.subject) == (_REGISTERED, who):
        return Named(OWN, id_)
    if source == OWN:
        raise ProblemError(404, f"{who} is known here to have said nothing of itself under the id {id_[:64]!r}")
    return Named(who, id_)


async def many_events(request: Request) -> Response:
    """The outcomes of up to 500 events; for ops and readers."""
    must_be(request, "ops", "reader")
    asked = (await read_json(request, MAX_QUESTION, EventsAsked)).events
    if len(asked) > MAX_ASKED:
        raise ProblemError(413, f"{len(asked)} events; ask after at most {MAX_ASKED} at once")
    return JSONResponse(EventsNow(events=await _became(request, asked)))


async def _became(request: Request, asked: list[Named]) -> list[EventNow]:
    state = request.app.state
    seen = await _seen(state.store, asked)
    events = list(seen.values())
    became = (await fates(state.store, state.owners, events, await letters_of(state.store, events))).for_sure()
    return [_answer(one, seen.get((one.source, one.id)), became.get((one.source, one.id))) for one in asked]


async def _seen(store: Store, asked: Iterable[Named]) -> dict[tuple[str, str], Traced]:
    rows = await store.load("events", [traced_as(one.source, one.id) for one in asked])
    states = [state for row in rows.values() if (state := _TRACED.decode(row.body).state)]
    return {(one.source, one.id): one for one in states}


def _answer(asked: Named, traced: Traced | None, became: str | None) -> EventNow:
    if traced is None:
        return {**_UNKNOWN, "source": asked.source, "id": asked.id}
    return {
        "source": asked.source,
        "id": asked.id,
        "type": traced.type,
        "state": became or "in_flight",
        "repeated": max(0, traced.seen - 1),
        "recorded_at": written(traced.first.recorded_at) if traced.first else None,
    }


_UNKNOWN: Final[EventNow] = {
    "source": "",
    "id": "",
    "type": None,
    "state": "unknown",
    "repeated": 0,
    "recorded_at": None,
}


# --- partners


async def put_partner(request: Request) -> Response:
    """Says who a partner is: its name, which classes it wants to be told, in which language; its own key, or ops."""
    who = who_asks(request)
    partner = f"/{request.path_params['kind']}/{request.path_params['id']}"
    if who != partner and role_of(who) != "ops":
        raise ProblemError(403, f"{who} may not speak for {partner[:80]}")
    _must_be_a_partner(partner)
    must_be_open(request)
    event = await _partner_event(request, partner)
    await write(request.app.state.publisher, [event])
    return accepted([event])


_PARTNER: Final = TypeAdapter(Partner)
_IDS: Final = {
    "region": "a region's id is the code of one that may refer, such as 06",
    "opisto": "an opisto's id is its OID, or 1 to 60 of a-z 0-9 . -",
}


def _must_be_a_partner(partner: str) -> None:
    """Raises 404 for an unknown kind, 422 for an id that no partner of its kind has."""
    _, kind, id_ = partner.split("/", 2)
    if kind not in _IDS:
        raise ProblemError(404, f"{kind[:60]!r} is no kind of partner; name one of {', '.join(_IDS)}")
    try:
        _PARTNER.validate_python(partner)
    except ValidationError as error:
        raise ProblemError(422, f"{id_[:60]!r} is no {kind}: {_IDS[kind]}", [Problem("/id", _IDS[kind])]) from error


async def _partner_event(request: Request, partner: str) -> Event:
    body = await read_json(request, MAX_EVENT_BYTES, dict[str, msgspec.Raw])
    body["partner"] = msgspec.Raw(msgspec.json.encode(partner))
    return own_event(request, "PartnerRegistered", derived_id("partner", partner, real_now().isoformat()), body)
