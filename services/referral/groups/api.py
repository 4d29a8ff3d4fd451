"""A group over HTTP: where it stands, for its issuer, ops, and an organiser where it has places."""

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.referral.groups.model import UnitGroup
from services.referral.groups.responses import GroupNow
from services.referral.groups.shown import may_see, shown
from shared.contracts.fields import read_referral_id
from shared.contracts.partner_kinds import ORGANISERS, PARTNER_KINDS, is_of
from shared.engine.model import Document
from shared.http.keys import role_of, who_asks
from shared.http.operations import Operation
from shared.http.parameters import Parameter
from shared.http.problems import ProblemError

_DOCUMENT: Final = msgspec.json.Decoder(Document[UnitGroup])
_GROUP_ID: Final = Parameter(
    "group_id", "The group's id, in any spelling of a UUID.", example="c4a1f0de-2b7a-4f0c-8d35-6a1b9e0f7c22"
)


def operations() -> list[Operation]:
    """The addresses of groups."""
    who = (*PARTNER_KINDS, "ops")
    return [Operation("GET", "/v1/groups/{group_id}", one_unit_group, {200: GroupNow}, who, (_GROUP_ID,), hides=True)]


async def one_unit_group(request: Request) -> Response:
    """Where a group stands; for who issued it and ops, and for an organiser what concerns it, once it has or had places.

    404 for anybody else, and until the service has applied its issue. No client is named, so that no look is kept.
    """
    who, asked = who_asks(request), request.path_params["group_id"]
    group_id = read_referral_id(asked)
    rows = await request.app.state.store.load("groups", [group_id] if group_id else [])
    state = _DOCUMENT.decode(rows[group_id].body).state if group_id in rows else None
    if state is None or state.issued is None or not _may_look(state, who):
        raise ProblemError(404, f"{asked[:60]!r} is no group that is applied yet and that {who} may see")
    organiser = "" if who == state.issued.source or role_of(who) == "ops" else who
    clock = request.app.state.clock
    return JSONResponse(shown(state, request.app.state.table.context, clock.now(), organiser))


def _may_look(state: UnitGroup, who: str) -> bool:
    assert state.issued is not None
    if who == state.issued.source or role_of(who) == "ops":
        return True
    return is_of(who, ORGANISERS) and may_see(state, who)
