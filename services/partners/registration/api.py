"""Who the partners are, over HTTP: each says it of itself, and every partner may look the others up."""

from typing import Final

import msgspec
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.partners.registration.model import Partner
from services.partners.registration.responses import PartnerShown, PartnersListed
from shared.clock import real_now
from shared.contracts import fields
from shared.contracts.envelope import MAX_EVENT_BYTES, Event, written
from shared.contracts.errors import Problem
from shared.contracts.identity import derived_id
from shared.contracts.partner_kinds import IDS, PARTNER_KINDS
from shared.engine.model import Document
from shared.http.body import read_json
from shared.http.intake import accepted, must_be_open, write
from shared.http.keys import must_be, role_of, who_asks
from shared.http.operations import Operation, in_json
from shared.http.own_words import said_to_us
from shared.http.parameters import Number, OneOf, Parameter, Pattern
from shared.http.problems import ProblemError
from shared.http.shapes import Accepted
from shared.reference import MUNICIPALITIES

OWN: Final = "/service/partners"
_KIND: Final = Parameter("kind", "The kind of partner.", example="region")
_ID: Final = Parameter("id", "The partner's id: a region's or municipality's code, else an id.", example="06")
_OF_KIND: Final = OneOf("kind", PARTNER_KINDS, "Partners of this kind alone.")
_MUNICIPALITY: Final = OneOf("municipality", MUNICIPALITIES, "Partners alone that are for this municipality.")
_LIMIT: Final = Number("limit", 100, 1, 500, "How many partners at most.")
_AFTER: Final = Pattern(
    "after", "/[a-z]+/[a-z0-9.-]{1,60}", "the `next` of an answer", "Where to go on.", example="/opisto/tampere"
)
_DOCUMENT: Final = msgspec.json.Decoder(Document[Partner])
_SOURCE: Final = TypeAdapter(fields.Partner)


def operations() -> list[Operation]:
    """The addresses of the partners themselves."""
    path, readers = "/v1/partners/{kind}/{id}", (*PARTNER_KINDS, "ops", "reader")
    himself = in_json({"$ref": "#/components/schemas/PartnerSaid"}, MAX_EVENT_BYTES, "What the partner says of itself.")
    takes = (_OF_KIND, _MUNICIPALITY, _LIMIT, _AFTER)
    return [
        Operation(
            "PUT", path, put_partner, {202: Accepted}, (*PARTNER_KINDS, "ops"), (_KIND, _ID), himself, also=(404,)
        ),
        Operation("GET", path, one_partner, {200: PartnerShown}, readers, (_KIND, _ID), also=(404,)),
        Operation("GET", "/v1/partners", list_partners, {200: PartnersListed}, readers, takes),
    ]


async def put_partner(request: Request) -> Response:
    """Says who a partner is: its name, languages, area, units, the mailboxes of its roles, which classes it wants to be
    told; its own key, or ops."""
    who = who_asks(request)
    partner = f"/{request.path_params['kind']}/{request.path_params['id']}"
    if who != partner and role_of(who) != "ops":
        raise ProblemError(403, f"{who} may not speak for {partner[:80]}")
    _must_be_a_partner(partner)
    must_be_open(request)
    event = await _registered(request, partner)
    await write(request.app.state.publisher, [event])
    return accepted([event])


def _must_be_a_partner(partner: str) -> None:
    """Raises 404 for an unknown kind, 422 for an id that no partner of its kind has."""
    _, kind, id_ = partner.split("/", 2)
    if kind not in IDS:
        raise ProblemError(404, f"{kind[:60]!r} is no kind of partner; name one of {', '.join(IDS)}")
    try:
        _SOURCE.validate_python(partner)
    except ValidationError as error:
        raise ProblemError(422, f"{id_[:60]!r} is no {kind}: {IDS[kind]}", [Problem("/id", IDS[kind])]) from error


async def _registered(request: Request, partner: str) -> Event:
    body = await read_json(request, MAX_EVENT_BYTES, dict[str, msgspec.Raw])
    body["partner"] = msgspec.Raw(msgspec.json.encode(partner))
    return said_to_us(request, OWN, "PartnerRegistered", derived_id("partner", partner, real_now().isoformat()), body)


async def one_partner(request: Request) -> Response:
    """What a partner last said of itself; for every partner, ops and readers. 404 where it has said nothing."""
    must_be(request, *PARTNER_KINDS, "ops", "reader")
    partner = f"/{request.path_params['kind']}/{request.path_params['id']}"
    _must_be_a_partner(partner)
    rows = await request.app.state.store.load("partners", [partner])
    if partner not in rows:
        raise ProblemError(404, f"{partner} has said nothing of itself yet, by PUT /v1/partners{partner}")
    return JSONResponse(_shown(rows[partner].body))


async def list_partners(request: Request) -> Response:
    """The partners that have said who they are, by source; for every partner, ops and readers."""
    must_be(request, *PARTNER_KINDS, "ops", "reader")
    kind, municipality, limit = _OF_KIND.of(request), _MUNICIPALITY.of(request), _LIMIT.of(request)
    after = _AFTER.of(request)
    equal = {name: value for name, value in (("kind", kind), ("area", municipality)) if value}
    rows = await request.app.state.store.find(
        "partners", equal=equal, order="listed", after=(after[0], after[0]) if after else None, limit=limit
    )
    answer: PartnersListed = {
        "partners": [_shown(row.body) for row in rows],
        "next": rows[-1].id if len(rows) == limit else None,
    }
    return JSONResponse(answer)


def _shown(body: bytes) -> PartnerShown:
    state = _DOCUMENT.decode(body).state
    assert state is not None
    return {
        "partner": state.source,
        "name": state.name,
        "language": state.language,
        "languages": list(state.languages),
        "area": list(state.area),
        "units": [{"unit_ref": one.unit_ref, "kind": one.kind, "name": dict(one.name)} for one in state.units],
        "addresses": dict(state.addresses),
        "classes": None if state.classes is None else list(state.classes),
        "said_at": written(state.time),
    }
