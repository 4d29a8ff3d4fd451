"""The monitor's HTTP for people and programs: what became of an event, partners, the start page."""

from collections.abc import Iterable
from typing import Final

import msgspec
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
from services.monitor.responses import EventNow, EventsAsked, EventsNow, Named
from shared.contracts.envelope import written
from shared.contracts.partner_kinds import PARTNER_KINDS
from shared.contracts.registry import CLASSES
from shared.engine.model import Document
from shared.http.body import read_json
from shared.http.keys import must_be, role_of, who_asks
from shared.http.operations import Operation, in_json
from shared.http.outcomes import MAX_ASKED, MAX_QUESTION
from shared.http.parameters import Parameter
from shared.http.problems import ProblemError
from shared.store import Store

_REGISTERED: Final = CLASSES["PartnerRegistered"].type
_AT_ITS_WORD: Final = "/service/partners"
_TRACED = msgspec.json.Decoder(Document[Traced])


_EVENT: Final = Parameter("event_id", "The event's id.", example="a1b2")
_SOURCE: Final = Parameter("source", "Whose event it is; a sender's own without.", example="/region/06")


def operations() -> list[Operation]:
    """The monitor's addresses."""
    readers, everybody = ("ops", "reader"), (*PARTNER_KINDS, "ops", "reader", "service")
    named = in_json(EventsAsked, MAX_QUESTION, f"Up to {MAX_ASKED} events.")
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
    if role_of(who) in PARTNER_KINDS:
        named = await _own(request.app.state.store, who, source, id_)
    elif source:
        named = Named(source, id_)
    else:
        raise ProblemError(422, "name the sender: ?source=/region/06")
    (answer,) = await _became(request, [named])
    return JSONResponse(answer)


async def _own(store: Store, who: str, source: str, id_: str) -> Named:
    """A sender's own event, or one that the partners service wrote at its word, under that service's source.

    Raises 403, 404.
    """
    if source not in {"", who, _AT_ITS_WORD}:
        raise ProblemError(403, f"{who} may ask after its own events, not those of {source[:80]}")
    registered = (await _seen(store, [Named(_AT_ITS_WORD, id_)])).get((_AT_ITS_WORD, id_))
    if registered and (registered.type, registered.subject) == (_REGISTERED, who):
        return Named(_AT_ITS_WORD, id_)
    if source == _AT_ITS_WORD:
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
