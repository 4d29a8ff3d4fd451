"""What is late: each referral whose next step should be there, what is awaited from whom, and who looks after it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Final, NamedTuple, TypedDict, get_args
from uuid import uuid4

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor.looks import keep_listing
from services.monitor.standings import STANDINGS, Care, ReferralStanding, late_from
from shared.contracts.envelope import Raw, decode, written
from shared.contracts.errors import EventError
from shared.contracts.fields import What
from shared.contracts.referral_events import Status
from shared.contracts.registry import CLASSES
from shared.engine.model import Document
from shared.http.audit import REFERRAL_ID, deny_look, record_access, referral_asked
from shared.http.body import read_json
from shared.http.intake import accepted, must_be_open, write
from shared.http.keys import must_be, role_of, who_asks
from shared.http.operations import Operation, in_json
from shared.http.parameters import Number, OneOf, Parameter, Pattern
from shared.http.problems import ProblemError, problem_of
from shared.http.shapes import Accepted, Count, ReferralId, Source, Time
from shared.store import Row, Store

MOST_COUNTED: Final = 1_000
_A_WEEK: Final = timedelta(days=7)
_MOST_SAID: Final = 4_096
_SEE: Final = ("ops", "reader")
_DOCUMENT = msgspec.json.Decoder(Document[ReferralStanding])
_LIMIT: Final = Number("limit", 100, 1, 500, "How many at most.")
_AFTER: Final = Pattern(
    "after",
    r"([0-9]{1,12}\.[0-9]{1,9})~([0-9a-f-]{36})",
    "the `next` of an answer",
    "Where to go on: the `next` of the answer before.",
    example="1788249600.0~7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11",
)
_WHAT: Final = OneOf("what", get_args(get_args(What)[0]), "Only those whose awaited step is this one.")
_CONCERNS: Final = Parameter("concerns", "Only those that wait for this partner.", example="/opisto/tampere")


class CareShown(TypedDict):
    """Who of the ops team looks after it."""

    owner: Annotated[str | None, Meta(description="Who looks after it; null: nobody.", examples=["ops:first"])]
    note: Annotated[str | None, Meta(description="What they noted; null: nothing.", examples=["It answers by Friday."])]
    by: Annotated[str, Meta(description="Who wrote this.", examples=["ops:first"])]
    time: Time


class LateReferral(TypedDict):
    """A referral whose next step should be there by now."""

    referral_id: ReferralId
    status: Annotated[Status | None, Meta(description="Where it stands.")]
    what: Annotated[What, Meta(description="What is awaited.")]
    concerns: Annotated[Source, Meta(description="From whom it is awaited.")]
    since: Annotated[Time, Meta(description="Since when it is awaited.")]
    due_at: Annotated[Time, Meta(description="Until when it should have been there.")]
    reminders: Annotated[Count, Meta(description="How many reminders went out.")]
    session_at: Annotated[
        Time | None, Meta(description="When the first session begins that was still to come; null: none is known.")
    ]
    care: Annotated[CareShown | None, Meta(description="Who looks after it; null: nobody yet.")]


class PeopleCounted(TypedDict):
    """How many people wait."""

    referrals: Annotated[Count, Meta(description=f"How many referrals are late, counted up to {MOST_COUNTED}.")]
    more: Annotated[bool, Meta(description="Whether there are more than were counted.", examples=[False])]
    session_within_a_week: Annotated[Count, Meta(description="How many of them have a session within seven days.")]


class Overdue(TypedDict):
    """What is late, the oldest first."""

    counted: Annotated[PeopleCounted, Meta(description="All that the filter finds, not this page alone.")]
    referrals: Annotated[list[LateReferral], Meta(description="Those of this page.")]
    next: Annotated[
        str | None,
        Meta(
            description="Where `after` goes on; null at the end.",
            examples=["1788249600.0~7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"],
        ),
    ]


class Tending(msgspec.Struct):
    """What an ops person says of a late referral."""

    owner: Annotated[str | None, Meta(description="Who looks after it; left out: nobody.", examples=["ops:first"])] = (
        None
    )
    note: Annotated[
        str | None,
        Meta(
            description="What the ops team should know, 200 characters at most; nothing of the client.",
            examples=["It answers by Friday."],
        ),
    ] = None


def operations() -> list[Operation]:
    """The addresses of what is late."""
    late, said = "/v1/overdue", in_json(Tending, _MOST_SAID, "Who looks after it, and a note.")
    listed = (_LIMIT, _AFTER, _WHAT, _CONCERNS)
    return [
        Operation("GET", late, overdue, {200: Overdue}, _SEE, listed),
        Operation("PUT", f"{late}/{{referral_id}}", tend, {202: Accepted}, ("ops",), (REFERRAL_ID,), said, also=(404,)),
    ]


class _Filter(NamedTuple):
    equal: Mapping[str, str]
    until: float


async def overdue(request: Request) -> Response:
    """Referrals whose next step is late, the oldest first; for ops and readers. Whose it shows is kept."""
    if role_of(who := who_asks(request)) not in _SEE:
        await deny_look(request, who, "overdue", "overdue", *_SEE)
    store, limit = request.app.state.store, _LIMIT.of(request)
    asked = _asked(request)
    rows = await _late(store, asked, limit + 1, _after(request), "body")
    late = [one for row in rows[:limit] if (one := _DOCUMENT.decode(row.body).state)]
    counted = await _counted(store, asked)
    await keep_listing(request, who, "overdue", "overdue", [one.referral_id for one in late])
    answer: Overdue = {
        "counted": counted,
        "referrals": [_shown(one) for one in late],
        "next": f"{late_from(late[-1])!r}~{late[-1].referral_id}" if len(rows) > limit else None,
    }
    return JSONResponse(answer)


def _asked(request: Request) -> _Filter:
    said = {"what": _WHAT.of(request), "concerns": _CONCERNS.value(request)}
    return _Filter({name: value for name, value in said.items() if value}, request.app.state.clock.now().timestamp())


def _after(request: Request) -> tuple[float, str] | None:
    found = _AFTER.of(request)
    return (float(found[1]), found[2]) if found else None


async def _late(store: Store, asked: _Filter, limit: int, after: tuple[float, str] | None, what: Any) -> Sequence[Row]:
    return await store.find(
        STANDINGS.collection.name,
        equal=asked.equal,
        at_most=("late_from", asked.until),
        order="late_from",
        limit=limit,
        after=after,
        what=what,
    )


async def _counted(store: Store, asked: _Filter) -> PeopleCounted:
    rows = await _late(store, asked, MOST_COUNTED + 1, None, "brief")
    sessions = [float(row.brief) for row in rows[:MOST_COUNTED] if row.brief]
    soon = asked.until, asked.until + _A_WEEK.total_seconds()
    return {
        "referrals": len(rows[:MOST_COUNTED]),
        "more": len(rows) > MOST_COUNTED,
        "session_within_a_week": sum(soon[0] <= at <= soon[1] for at in sessions),
    }


def _shown(one: ReferralStanding) -> LateReferral:
    assert one.awaited is not None  # only a referral that awaits something is found as late
    return {
        "referral_id": one.referral_id,
        "status": one.status,
        "what": one.awaited.what,
        "concerns": one.awaited.concerns,
        "since": written(one.awaited.since),
        "due_at": written(one.awaited.due_at),
        "reminders": one.awaited.passed,
        "session_at": written(one.session_at) if one.session_at else None,
        "care": _care(one.care) if one.care else None,
    }


def _care(care: Care) -> CareShown:
    return {"owner": care.owner, "note": care.note, "by": care.by, "time": written(care.time)}


# --- who looks after it


async def tend(request: Request) -> Response:
    """Says who of the ops team looks after a late referral, and notes something; ops alone.

    Both stay until the awaited step is there. Nobody can take a referral off the list: a fact alone does.
    """
    who, referral_id = must_be(request, "ops"), referral_asked(request)
    must_be_open(request)
    said = await read_json(request, _MOST_SAID, Tending)
    if not await _is_late(request, referral_id):
        raise ProblemError(404, f"{referral_id} is not late: nothing is awaited that should be there by now")
    await record_access(request, who, "overdue", referral_id, "operations", allowed=True, about=[referral_id])
    body = {"referral_id": referral_id, "by": who, "owner": said.owner, "note": said.note}
    clock = request.app.state.clock
    attributes = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "/service/monitor",
        "type": CLASSES["OverdueTended"].type,
        "time": written(clock.now()),
    }
    given = {name: value for name, value in body.items() if value is not None}
    try:
        event = decode(Raw(attributes, msgspec.json.encode(given)), now=clock.now())
    except EventError as error:
        raise problem_of(error) from error
    await write(request.app.state.publisher, [event])
    return accepted([event])


async def _is_late(request: Request, referral_id: str) -> bool:
    rows = await request.app.state.store.load(STANDINGS.collection.name, [referral_id])
    found = _DOCUMENT.decode(rows[referral_id].body).state if referral_id in rows else None
    since = late_from(found) if found else None
    return since is not None and since <= request.app.state.clock.now().timestamp()
