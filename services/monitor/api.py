"""The monitor's HTTP for people and programs: what became of an event, lag, partners, the start page."""

from dataclasses import asdict
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from services.monitor import dead_letters_api, page, traces
from services.monitor.model import Partner, Traced
from services.monitor.owners import Owners
from shared.clock import real_now
from shared.contracts.envelope import MAX_EVENT_BYTES, Event, Raw, decode, written
from shared.contracts.errors import EventError
from shared.contracts.identity import derived_id
from shared.engine.lag import lags
from shared.engine.model import Document
from shared.http.body import read_json
from shared.http.intake import must_be_open, write
from shared.http.keys import must_be, role_of, who_asks
from shared.http.outcomes import MAX_ASKED, MAX_QUESTION
from shared.http.problems import ProblemError, problem_of
from shared.http.query import takes

_TRACED = msgspec.json.Decoder(Document[Traced])
_PARTNER = msgspec.json.Decoder(Document[Partner])


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
    who = who_asks(request)
    own = role_of(who) in {"region", "opisto"}
    source = request.query_params.get("source", who if own else "")
    if not source:
        raise ProblemError(422, "name the sender: ?source=/region/06")
    if own and source != who:
        raise ProblemError(403, f"{who} may ask after its own events, not those of {source[:80]}")
    (answer,) = await _became(request, [_Named(source, request.path_params["event_id"])])
    return JSONResponse(answer)


async def post_outcomes(request: Request) -> Response:
    """The same for up to 500 `{"events": [{"source", "id"}]}` at once; ops and reader."""
    must_be(request, "ops", "reader")
    asked = (await read_json(request, MAX_QUESTION, _Question)).events
    if len(asked) > MAX_ASKED:
        raise ProblemError(413, f"{len(asked)} events; ask after at most {MAX_ASKED} at once")
    return JSONResponse({"events": await _became(request, asked)})


async def _became(request: Request, asked: list[_Named]) -> list[dict[str, Any]]:
    store = request.app.state.store
    rows = await store.load("events", [f"{one.source} {one.id}" for one in asked])
    seen = {key: state for key, row in rows.items() if (state := _TRACED.decode(row.body).state)}
    owners: Owners = request.app.state.owners
    known = await owners.outcomes(list(seen.values()))
    answers = []
    for one in asked:
        traced = seen.get(f"{one.source} {one.id}")
        became = "unknown"
        if traced:
            became = known.get((one.source, one.id)) or await _without_owner(request, traced)
        answers.append(
            {
                "source": one.source,
                "id": one.id,
                "type": traced.type if traced else None,
                "state": became,
                "repeated": max(0, traced.seen - 1) if traced else 0,
                "recorded_at": written(traced.first.recorded_at) if traced and traced.first else None,
            }
        )
    return answers


async def _without_owner(request: Request, traced: Traced) -> str:
    """The owner knows nothing of it: it was refused for what it is, or it is still on its way."""
    key = f"{traced.source} {traced.id}"
    dead = await request.app.state.store.find("dead_letters", equal={"event": key}, limit=1)
    return "dead_lettered" if dead else "in_flight"


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
    must_be_open(request)
    event = await _partner_event(request, partner)
    await write(request.app.state.publisher, [event])
    return JSONResponse({"accepted": [{"id": event.id, "source": event.source}]}, 202)


async def _partner_event(request: Request, partner: str) -> Event:
    clock = request.app.state.clock
    body = await read_json(request, MAX_EVENT_BYTES, dict[str, msgspec.Raw])
    body["partner"] = msgspec.Raw(msgspec.json.encode(partner))
    time = real_now()
    attributes = {
        "specversion": "1.0",
        "id": derived_id("partner", partner, time.isoformat()),
        "source": "/service/monitor",
        "type": "fi.kulttuurilahete.PartnerRegistered.v1",
        "time": written(clock.now()),
    }
    try:
        return decode(Raw(attributes, msgspec.json.encode(body)), now=clock.now())
    except EventError as error:
        raise problem_of(error) from error
