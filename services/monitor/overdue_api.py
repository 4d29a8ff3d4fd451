"""What is late: referrals whose next step should be there, events that wait too long, from whom, who looks after it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Final, NamedTuple, TypedDict
from uuid import uuid4

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor.looks import keep_listing
from services.monitor.own_words import own_event
from services.monitor.standings import (
    EVENT,
    REFERRAL,
    STANDINGS,
    Care,
    ReferralStanding,
    WaitingEvent,
    activity_at,
    late_first,
    late_from,
)
from shared.contracts.envelope import written
from shared.contracts.fields import LATE_WHATS, SOURCE, LateWhat, read_referral_id
from shared.contracts.referral_events import Status
from shared.contracts.topics import ServiceName
from shared.engine.model import Document
from shared.http.audit import deny_look, record_access
from shared.http.body import read_json
from shared.http.intake import accepted, must_be_open, write
from shared.http.keys import must_be, role_of, who_asks
from shared.http.operations import Operation, in_json
from shared.http.parameters import After, Number, OneOf, Parameter, Pattern, further
from shared.http.problems import ProblemError
from shared.http.shapes import Accepted, ActivityId, Count, EventId, EventType, Organiser, ReferralId, Source, Time
from shared.store import Row, Store

MOST_COUNTED: Final = 1_000
_A_WEEK: Final = timedelta(days=7)
_MOST_SAID: Final = 4_096
_SEE: Final = ("ops", "reader")
_DOCUMENT = msgspec.json.Decoder(Document[ReferralStanding])
_LIMIT: Final = Number("limit", 100, 0, 500, "How many at most; 0: how many there are, and no referral.")
_AFTER: Final = After("[0-9a-f-]{36}", "1788249600.0~7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11")
_WHAT: Final = OneOf("what", LATE_WHATS, "Only those of which this is late; `event`: those events.")
_LATE_ID: Final = Parameter(
    "late_id", "The `late_id` of the list; a referral's is its own id.", example="7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"
)
_PARTNER: Final = "a partner, such as /opisto/tampere"
_CONCERNS: Final = Pattern(
    "concerns", SOURCE, _PARTNER, "Only those that wait for this partner.", example="/opisto/tampere"
)


class CareShown(TypedDict):
    """Who of the ops team looks after it."""

    owner: Annotated[str | None, Meta(description="Who looks after it; null: nobody.", examples=["ops:first"])]
    note: Annotated[str | None, Meta(description="What they noted; null: nothing.", examples=["It answers by Friday."])]
    by: Annotated[str, Meta(description="Who wrote this.", examples=["ops:first"])]
    time: Time


class LateAt(TypedDict):
    """The activity at which a place is held, or a session was attended."""

    organiser: Organiser
    activity_id: ActivityId


class LateEvent(TypedDict):
    """A partner's event that waits for another one."""

    source: Source
    id: EventId
    type: EventType
    service: Annotated[ServiceName, Meta(description="The service in which it waits.")]
    waits_for: Annotated[str, Meta(description="What it waits for, in words.", examples=["ReferralIssued"])]
    leaves_at: Annotated[Time, Meta(description="When it is refused, if that has not come by then.")]


class Late(TypedDict):
    """A referral whose next step should be there by now, or an event that has waited too long for another one.

    A referral stands here once, with what of it is late first.
    """

    late_id: Annotated[
        str, Meta(description="By what it is tended.", examples=["7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"])
    ]
    referral_id: Annotated[
        ReferralId | None,
        Meta(description="The referral; of an event the one that it names, which nobody may know; null: none."),
    ]
    event: Annotated[LateEvent | None, Meta(description="The event that waits; null of a referral.")]
    status: Annotated[Status | None, Meta(description="Where the referral stands; null of an event.")]
    activity: Annotated[LateAt | None, Meta(description="Where a place is held or a session was attended; else null.")]
    what: Annotated[
        LateWhat,
        Meta(
            description="What is awaited; `event` of an event that waits; `place_without_referral`: a place is held by a"
            " referral that is over, or of which its service has said nothing; `attendance_without_place`: a session was"
            " attended where the referral never had a place."
        ),
    ]
    concerns: Annotated[Source, Meta(description="From whom it is awaited.")]
    since: Annotated[Time, Meta(description="Since when it is awaited.")]
    due_at: Annotated[Time, Meta(description="Until when it should have been there.")]
    reminders: Annotated[Count, Meta(description="How many reminders went out.")]
    session_at: Annotated[
        Time | None, Meta(description="When the next session begins; null: none is known that is still to come.")
    ]
    care: Annotated[CareShown | None, Meta(description="Who looks after it; null: nobody yet.")]


class PeopleCounted(TypedDict):
    """How many people wait."""

    referrals: Annotated[Count, Meta(description="How many referrals are late.")]
    events: Annotated[Count, Meta(description="How many events have waited too long.")]
    more: Annotated[
        bool, Meta(description=f"Whether there are more than were counted, {MOST_COUNTED} of each.", examples=[False])
    ]
    session_within_a_week: Annotated[Count, Meta(description="How many of them have a session within seven days.")]


class Overdue(TypedDict):
    """What is late, the oldest first."""

    counted: Annotated[PeopleCounted, Meta(description="All that the filter finds, not this page alone.")]
    overdue: Annotated[list[Late], Meta(description="Those of this page.")]
    next: Annotated[
        str | None,
        Meta(
            description="Where `after` goes on; null at the end.",
            examples=["1788249600.0~7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"],
        ),
    ]


class Tending(msgspec.Struct):
    """What an ops person says of what is late."""

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
        Operation("PUT", f"{late}/{{late_id}}", tend, {202: Accepted}, ("ops",), (_LATE_ID,), said, also=(404,)),
    ]


class _Filter(NamedTuple):
    equal: Mapping[str, str]
    until: float


async def overdue(request: Request) -> Response:
    """Referrals whose next step is late, and events that have waited too long for another one; for ops and readers.

    The oldest first. Whose referrals it shows is kept.
    """
    if role_of(who := who_asks(request)) not in _SEE:
        await deny_look(request, who, "overdue", "overdue", *_SEE)
    store, limit = request.app.state.store, _LIMIT.of(request)
    asked = _asked(request)
    rows = await _late(store, asked, limit + 1, _AFTER.place(request), "body")
    late = [(row, one) for row in rows[:limit] if (one := _DOCUMENT.decode(row.body).state)]
    counted = await _counted(store, asked)
    await keep_listing(request, who, "overdue", "overdue", [one.referral_id for _, one in late if one.referral_id])
    answer: Overdue = {
        "counted": counted,
        "overdue": [_shown(row.id, one, asked.until) for row, one in late],
        "next": _behind(*late[-1]) if late and len(rows) > limit else None,
    }
    return JSONResponse(answer)


def _asked(request: Request) -> _Filter:
    concerns = _CONCERNS.of(request)
    said = {"what": _WHAT.of(request), "concerns": concerns and concerns[0]}
    return _Filter({name: value for name, value in said.items() if value}, request.app.state.clock.now().timestamp())


def _behind(row: Row, late: ReferralStanding) -> str:
    since = late_from(late)
    assert since is not None  # only what is late is found
    return further(since, row.id)


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
    referrals, events = [
        await _late(store, _of(asked, one), MOST_COUNTED + 1, None, "brief") for one in (REFERRAL, EVENT)
    ]
    sessions = [float(row.brief) for row in referrals[:MOST_COUNTED] if row.brief]
    soon = asked.until, asked.until + _A_WEEK.total_seconds()
    return {
        "referrals": len(referrals[:MOST_COUNTED]),
        "events": len(events[:MOST_COUNTED]),
        "more": max(len(referrals), len(events)) > MOST_COUNTED,
        "session_within_a_week": sum(soon[0] <= at <= soon[1] for at in sessions),
    }


def _of(asked: _Filter, of: str) -> _Filter:
    return asked._replace(equal={**asked.equal, "of": of})


def _shown(id_: str, one: ReferralStanding, now: float) -> Late:
    late = late_first(one)
    assert late is not None  # only what is late is found
    return {
        "late_id": id_,
        "referral_id": one.referral_id or None,
        "event": _event(one.event) if one.event else None,
        "status": one.status,
        "activity": _activity(late.at) if late.at else None,
        "what": late.what,
        "concerns": late.concerns,
        "since": written(late.since),
        "due_at": written(late.due_at),
        "reminders": late.passed,
        "session_at": written(one.session_at) if one.session_at and one.session_at.timestamp() >= now else None,
        "care": _care(one.care) if one.care else None,
    }


def _activity(at: str) -> LateAt:
    organiser, activity_id = activity_at(at)
    return {"organiser": organiser, "activity_id": activity_id}


def _event(event: WaitingEvent) -> LateEvent:
    return {
        "source": event.source,
        "id": event.id,
        "type": event.type,
        "service": event.service,
        "waits_for": event.waits_for,
        "leaves_at": written(event.leaves_at),
    }


def _care(care: Care) -> CareShown:
    return {"owner": care.owner, "note": care.note, "by": care.by, "time": written(care.time)}


# --- who looks after it


async def tend(request: Request) -> Response:
    """Says who of the ops team looks after what is late, and notes something; ops alone.

    Both stay until what is awaited is there. Nobody can take anything off the list: a fact alone does.
    """
    who, spelled = must_be(request, "ops"), request.path_params["late_id"]
    must_be_open(request)
    said = await read_json(request, _MOST_SAID, Tending)
    late_id = read_referral_id(spelled) or spelled
    late = await _late_now(request, late_id)
    if late is None:
        raise ProblemError(404, f"{late_id[:60]} is not late: nothing is awaited that should be there by now")
    about = [late.referral_id] if late.referral_id else []
    await record_access(request, who, "overdue", late_id, "operations", allowed=True, about=about)
    given = {"late_id": late_id, "by": who, "owner": said.owner, "note": said.note}
    named = {name: value for name, value in given.items() if value is not None}
    event = own_event(request, "OverdueTended", str(uuid4()), named)
    await write(request.app.state.publisher, [event])
    return accepted([event])


async def _late_now(request: Request, late_id: str) -> ReferralStanding | None:
    rows = await request.app.state.store.load(STANDINGS.collection.name, [late_id])
    found = _DOCUMENT.decode(rows[late_id].body).state if late_id in rows else None
    since = late_from(found) if found else None
    return found if since is not None and since <= request.app.state.clock.now().timestamp() else None
