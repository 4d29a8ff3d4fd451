"""Has a sender told in its feed what it did wrong; ops alone, once a day in Finland at most."""

from datetime import datetime
from typing import Annotated, Any, Final, TypedDict
from uuid import uuid4

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor.own_words import own_event
from services.monitor.violation_reports import again_from
from services.monitor.violations import Violation, ViolationsFound
from services.monitor.violations_api import SENDER, is_a_partner, reported_at, sender_of, violations_found
from shared.contracts.envelope import written
from shared.contracts.partner_kinds import PARTNER_KINDS, is_of
from shared.contracts.registry import CLASSES
from shared.http.audit import deny_look, record_access
from shared.http.intake import must_be_open, write
from shared.http.keys import role_of, who_asks
from shared.http.operations import Operation
from shared.http.problem_types import NOTHING_TO_REPORT, REPORTED_TODAY
from shared.http.problems import ProblemError
from shared.http.shapes import Count, Source, Time
from shared.store import Store

_ACTION: Final = "report_violations"
_MOST_TOLD: Final = 20


class ViolationReport(TypedDict):
    """What the sender's feed will have."""

    sender: Source
    violations: Annotated[Count, Meta(description="How many violations it tells of, field by field.")]
    again_at: Annotated[Time, Meta(description="From when on the sender can be told again.")]


async def report(request: Request) -> Response:
    """Puts what a sender did wrong into its feed, once a day in Finland at most; ops alone. Who orders it is kept.

    404 where nobody has a feed; 409 says by its type why there is nothing to tell now.
    """
    who = await _must_be_ops(request)
    must_be_open(request)
    sender, state = sender_of(request), request.app.state
    _must_have_a_feed(sender)
    now = state.clock.now()
    await _must_not_be_told_today(state.store, sender, now)
    found = await violations_found(state.store, sender)
    if not found.violations:
        said = f"no dead letter of {sender} is kept that is its own fault"
        raise ProblemError(409, said, kind=NOTHING_TO_REPORT)
    event = own_event(request, "ViolationsReportOrdered", str(uuid4()), _data(sender, who, found))
    await record_access(request, who, _ACTION, sender, "operations", allowed=True)
    await write(state.publisher, [event])
    told = min(len(found.violations), _MOST_TOLD)
    return JSONResponse(ViolationReport(sender=sender, violations=told, again_at=written(again_from(now))), 202)


async def _must_be_ops(request: Request) -> str:
    if role_of(who := who_asks(request)) != "ops":
        await deny_look(request, who, _ACTION, "violations", "ops")
    return who


def _must_have_a_feed(sender: str) -> None:
    if not (is_of(sender, PARTNER_KINDS) and is_a_partner(sender)):
        said = f"{sender[:80]} has no feed: a region that may refer has one, /region/06, and an opisto, /opisto/tampere"
        raise ProblemError(404, said)


async def _must_not_be_told_today(store: Store, sender: str, now: datetime) -> None:
    told_at = await reported_at(store, sender)
    if told_at is None or (again := again_from(told_at)) <= now:
        return
    said = f"{sender} was told at {written(told_at)}; it can be told again from {written(again)} on"
    raise ProblemError(409, said, kind=REPORTED_TODAY, retry_after=int((again - now).total_seconds()) + 1)


def _data(sender: str, who: str, found: ViolationsFound) -> dict[str, Any]:
    told, left = found.violations[:_MOST_TOLD], found.violations[_MOST_TOLD:]
    further = sum(one.letters for one in left) + found.others.letters
    return {"sender": sender, "by": who, "violations": [_counted(one) for one in told], "further": further}


def _counted(one: Violation) -> dict[str, Any]:
    return {
        "event_type": CLASSES[one.name].type if one.name else None,
        "reason": one.reason,
        "pointer": one.field.pointer or None,
        "count": one.letters,
        "first_at": written(one.first),
        "last_at": written(one.last),
        "event_ids": [each.event_id for each in one.examples if each.event_id],
    }


OPERATION: Final = Operation(
    "POST",
    "/v1/senders/{kind}/{id}/violations/report",
    report,
    {202: ViolationReport},
    ("ops",),
    SENDER,
    also=(404, 409),
)
