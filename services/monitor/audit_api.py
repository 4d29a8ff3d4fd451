"""GET /v1/audit: who looked at what, changed a key, or was refused, the newest first. For ops."""

from typing import Annotated, Final, TypedDict

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor.handlers import EVENTS
from services.monitor.model import Traced
from services.monitor.responses import RecordedAt
from services.monitor.shares import decoded_events
from shared.contracts.envelope import written
from shared.http.audit import deny_look, record_access
from shared.http.keys import role_of, who_asks
from shared.http.operations import Operation
from shared.http.parameters import After, Number, OneOf, Parameter, further
from shared.http.shapes import ReferralId, Source

_LIMIT: Final = Number("limit", 100, 1, 500, "How many at most.")
_WHO: Final = Parameter("who", "Only what this holder of a key did.", example="ops:first")
_ALLOWED: Final = OneOf("allowed", ("false",), "Only what was refused.", examples=["false"])
_AFTER: Final = After(".{1,400}", "1788249600.0~/service/monitor 5b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11")


class AuditEntry(TypedDict):
    """One look, one change of a key, or one refusal."""

    recorded_at: RecordedAt
    who: Annotated[str | None, Meta(description="Who it was: role and name, or a source.", examples=["ops:first"])]
    action: Annotated[str | None, Meta(description="What was done.", examples=["trace"])]
    ground: Annotated[
        str | None, Meta(description="On what ground; `none` where it was refused.", examples=["operations"])
    ]
    allowed: Annotated[bool, Meta(description="Whether it was allowed.", examples=[True])]
    referral_id: Annotated[ReferralId | None, Meta(description="The referral that it concerns, if one.")]
    service: Annotated[Source, Meta(description="The service that kept it.", examples=["/service/monitor"])]


class Audit(TypedDict):
    """What the audit has, the newest first."""

    entries: Annotated[list[AuditEntry], Meta(description="Those of this page.")]
    next: Annotated[
        str | None,
        Meta(
            description="Where `after` goes on; null at the end.",
            examples=["1788249600.0~/service/monitor 5b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"],
        ),
    ]


async def audit(request: Request) -> Response:
    """Who looked, changed a key or was refused, the newest first; ops alone. That it was read is kept too."""
    if role_of(who := who_asks(request)) != "ops":
        await deny_look(request, who, "audit", "audit", "ops")
    limit, after = _LIMIT.of(request), _AFTER.place(request)
    order = "denied" if _ALLOWED.of(request) else "audited"
    looker = _WHO.value(request)
    rows = await request.app.state.store.find(
        EVENTS.collection.name,
        equal={"looker": looker} if looker else {},
        at_least=(order, 0.0),
        order=order,
        descending=True,
        limit=limit + 1,
        after=after,
    )
    await record_access(request, who, "audit", "audit", "operations", allowed=True)
    found = decoded_events(rows[:limit])
    following = further(_at(found[-1]), rows[limit - 1].id) if len(rows) > limit else None
    return JSONResponse(Audit(entries=[_entry(one) for one in found], next=following))


def _at(one: Traced) -> float:
    assert one.last_at is not None, "the store found it by that"
    return one.last_at.timestamp()


def _entry(one: Traced) -> AuditEntry:
    return {
        "recorded_at": written(one.first.recorded_at) if one.first else "",
        "who": one.codes.get("who"),
        "action": one.codes.get("action"),
        "ground": one.codes.get("ground"),
        "allowed": one.codes.get("allowed") == "True",
        "referral_id": one.correlation or None,
        "service": one.source,
    }


OPERATION: Final = Operation("GET", "/v1/audit", audit, {200: Audit}, ("ops",), (_LIMIT, _WHO, _ALLOWED, _AFTER))
