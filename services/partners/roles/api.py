"""Roles, pairs and seats, over HTTP: each partner sees those that name it, ops and readers all."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.partners.roles.model import BondState, Role, SideRole
from services.partners.roles.responses import (
    PairShown,
    PairsShown,
    RoleShown,
    RolesShown,
    SeatShown,
    SeatsShown,
    SideShown,
)
from shared.contracts.cooperation_events import ROLE_KINDS
from shared.contracts.envelope import written
from shared.contracts.fields import SOURCE
from shared.contracts.partner_kinds import PARTNER_KINDS
from shared.engine.model import Document
from shared.http.keys import must_be, role_of
from shared.http.operations import Operation
from shared.http.parameters import Number, OneOf, Parameter, Pattern
from shared.store import Row

_READERS: Final = (*PARTNER_KINDS, "ops", "reader")
_KIND: Final = OneOf("kind", ROLE_KINDS, "Roles of this kind alone.")
_STATE: Final = OneOf("state", ("upcoming", "current", "ended"), "Roles alone that stand so.")
_LACKING: Final = OneOf("lacking", ("true", "false"), "Pairs alone of which one side has no role, or none of these.")
_STANDING: Final = OneOf("standing", ("seated", "recognised_only", "claimed", "nobody"), "Seats alone that stand so.")
_LIMIT: Final = Number("limit", 100, 1, 500, "How many at most.")
_ROLE: Final = msgspec.json.Decoder(Document[Role])
_BOND: Final = msgspec.json.Decoder(Document[BondState])


def _source(name: str, description: str, example: str) -> Pattern:
    return Pattern(name, SOURCE, "a partner's source, such as /region/06", description, example=example)


_OWNER: Final = _source("owner", "Roles of this partner alone.", "/opisto/tampere")
_REGION: Final = _source("region", "Pairs of this region alone.", "/region/06")
_HOST: Final = _source("host", "Seats in this one's group alone.", "/municipality/837")
_ORGANISER: Final = _source("organiser", "Those of this organiser alone.", "/opisto/tampere")
_AFTER: Final = Pattern(
    "after",
    "[A-Za-z0-9._:/~-]{1,200}",
    "the `next` of an answer",
    "Where to go on.",
    example="/opisto/tampere~choir-contact",
)


def operations() -> list[Operation]:
    """The addresses of roles, pairs and seats."""

    def listed(path: str, endpoint: object, shape: object, *takes: Parameter) -> Operation:
        return Operation("GET", path, endpoint, {200: shape}, _READERS, (*takes, _LIMIT, _AFTER))  # type: ignore[arg-type]

    return [
        listed("/v1/roles", list_roles, RolesShown, _KIND, _STATE, _OWNER),
        listed("/v1/pairs", list_pairs, PairsShown, _REGION, _ORGANISER, _LACKING),
        listed("/v1/seats", list_seats, SeatsShown, _HOST, _ORGANISER, _STANDING),
    ]


async def list_roles(request: Request) -> Response:
    """The roles, by owner and id: a partner's own and those that name it as counterpart; for ops and readers all."""
    owner = _OWNER.of(request)
    chosen = {"kind": _KIND.of(request), "state": _STATE.of(request), "owner": owner and owner[0]}
    rows, after = await _page(request, "roles", "listed", chosen)
    states = [role for row in rows if (role := _ROLE.decode(row.body).state)]
    answer: RolesShown = {"roles": [_role(role) for role in states], "next": after}
    return JSONResponse(answer)


async def list_pairs(request: Request) -> Response:
    """The pairs of which a side has named a role, by region, unit and organiser: a partner's own; for ops and readers all.

    With `lacking` true they are those of which one side has named its role and the other has not.
    """
    region, organiser, lacking = _REGION.of(request), _ORGANISER.of(request), _LACKING.of(request)
    chosen = {"host": region and region[0], "organiser": organiser and organiser[0]}
    rows, after = await _page(
        request, "bonds", "bond", {"kind": "pair", **chosen, "lacking": lacking and lacking == "true"}
    )
    answer: PairsShown = {"pairs": [_pair(state) for state in _bonds(rows)], "next": after}
    return JSONResponse(answer)


async def list_seats(request: Request) -> Response:
    """The seats in wellbeing groups, by host and organiser: a partner's own; for ops and readers all."""
    host, organiser, standing = _HOST.of(request), _ORGANISER.of(request), _STANDING.of(request)
    chosen = {"host": host and host[0], "organiser": organiser and organiser[0], "standing": standing}
    rows, after = await _page(request, "bonds", "bond", {"kind": "hyte_seat", **chosen})
    answer: SeatsShown = {"seats": [_seat(state) for state in _bonds(rows)], "next": after}
    return JSONResponse(answer)


async def _page(
    request: Request, collection: str, order: str, chosen: Mapping[str, str | bool | None]
) -> tuple[Sequence[Row], str | None]:
    """A page of what the asker may see, and where to go on."""
    who, after, limit = must_be(request, *_READERS), _AFTER.of(request), _LIMIT.of(request)
    equal = {name: value for name, value in chosen.items() if value is not None}
    behind = after[0].replace("~", " ") if after else None
    rows = await request.app.state.store.find(
        collection,
        equal=equal if role_of(who) in {"ops", "reader"} else {**equal, "parties": who},
        at_least=None if equal else (order, ""),
        order=order,
        after=(behind, behind) if behind else None,
        limit=limit,
    )
    return rows, rows[-1].id.replace(" ", "~") if len(rows) == limit else None


def _bonds(rows: Sequence[Row]) -> list[BondState]:
    return [state for row in rows if (state := _BOND.decode(row.body).state)]


# --- how each is shown


def _role(role: Role) -> RoleShown:
    words, said_at = role.words, role.said_at
    assert words is not None
    assert said_at is not None
    assert role.state
    return {
        "owner": role.owner,
        "role_id": role.role_id,
        "kind": words.kind,
        "title": words.title,
        "counterpart": words.counterpart or None,
        "unit_ref": words.unit_ref or None,
        "host": words.host or None,
        "recognised_only": words.recognised_only,
        "begins_on": words.begins_on.isoformat(),
        "ends_on": _day(words.ends_on),
        "state": role.state,
        "said_at": written(said_at),
    }


def _pair(state: BondState) -> PairShown:
    return {
        "region": state.bond.host,
        "unit_ref": state.bond.unit_ref,
        "organiser": state.bond.organiser,
        "standing": state.standing,  # type: ignore[typeddict-item]
        "region_roles": _side(state.host_roles),
        "organiser_roles": _side(state.organiser_roles),
        "whole_on": _day(state.whole_on),
        "active_on": _day(state.active_on),
        "told_silent": state.told_silent,
    }


def _seat(state: BondState) -> SeatShown:
    return {
        "host": state.bond.host,
        "organiser": state.bond.organiser,
        "standing": state.standing,  # type: ignore[typeddict-item]
        "host_roles": _side(state.host_roles),
        "organiser_roles": _side(state.organiser_roles),
    }


def _side(roles: Sequence[SideRole]) -> list[SideShown]:
    return [{"role_id": role.role_id, "title": role.title, "ends_on": _day(role.ends_on)} for role in roles]


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
