"""What comes to the platform now: each event by sender, class and id, and how many of each class. Never what it says."""

import base64
import binascii
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Final, TypedDict

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor.handlers import EVENTS
from services.monitor.model import Traced
from services.monitor.responses import RecordedAt, Topic
from services.monitor.shares import decoded_events
from shared.contracts.envelope import written
from shared.http.keys import must_be
from shared.http.operations import Operation
from shared.http.parameters import Number, Pattern
from shared.http.shapes import EventId, EventType, Source
from shared.store import Row

_MAY_ASK: Final = ("ops", "reader")
_SETTLES: Final = timedelta(seconds=1)
"""Two instances save beside each other: what is younger may yet come to stand before what is there."""
_LIMIT: Final = Number("limit", 100, 1, 500, "How many at most.")
_AFTER: Final = Pattern(
    "after",
    "[A-Za-z0-9_-]{4,4000}",
    "the `next` of an answer",
    "Where to go on: the `next` of the answer before; left out: the newest.",
    example="WzE3ODgyNDk2MDAuMCwiIl0",
)


class EventLive(TypedDict):
    """One event that came."""

    source: Source
    type: EventType
    id: EventId
    topic: Topic
    recorded_at: RecordedAt
    seen: Annotated[int, Meta(ge=1, description="How many records of it there are by now.", examples=[1])]


class Live(TypedDict):
    """What came, the oldest first; the platform's own heartbeats are not among it."""

    events: Annotated[list[EventLive], Meta(description="Those behind `after`, or the newest.")]
    counts: Annotated[
        dict[str, int],
        Meta(description="How many of them by type.", examples=[{"fi.kulttuurilahete.ReferralIssued.v1": 3}]),
    ]
    next: Annotated[
        str, Meta(description="Where `after` goes on, now or once more has come.", examples=["WzE3ODgyNDk2MDAuMCwiIl0"])
    ]


class _Place(msgspec.Struct, frozen=True, array_like=True):
    at: float
    id: str


async def what_comes(request: Request) -> Response:
    """The newest events, or those that came behind a place: ids, classes and counts alone; for ops and readers."""
    must_be(request, *_MAY_ASK)
    state, after, limit = request.app.state, _after(request), _LIMIT.of(request)
    settled = (state.clock.now() - _SETTLES).timestamp()
    rows = await state.store.find(
        EVENTS.collection.name,
        at_most=("at", settled),
        order="at",
        descending=after is None,
        after=(after.at, after.id) if after else None,
        limit=limit,
    )
    ordered = rows if after else rows[::-1]
    events = decoded_events(ordered)
    shown = [_shown(one) for one in events if not one.heartbeat]
    further = _behind(ordered, events) if rows else after or _Place(settled, "")
    return JSONResponse(Live(events=shown, counts=dict(Counter(one["type"] for one in shown)), next=_written(further)))


def _behind(rows: Sequence[Row], events: Sequence[Traced]) -> _Place:
    last_at = events[-1].last_at
    assert last_at is not None, "the store found it by that"
    return _Place(last_at.timestamp(), rows[-1].id)


def _shown(one: Traced) -> EventLive:
    return {
        "source": one.source,
        "type": one.type,
        "id": one.id,
        "topic": one.first.topic if one.first else "",
        "recorded_at": written(one.first.recorded_at) if one.first else "",
        "seen": one.seen,
    }


def _after(request: Request) -> _Place | None:
    if (found := _AFTER.of(request)) is None:
        return None
    spelled = found.group()
    try:
        return msgspec.json.decode(base64.b64decode(spelled + "=" * (-len(spelled) % 4), "-_"), type=_Place)
    except (binascii.Error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _AFTER.refused(spelled, "it is the `next` of an answer") from error


def _written(place: _Place) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


OPERATION: Final = Operation("GET", "/v1/live", what_comes, {200: Live}, _MAY_ASK, (_LIMIT, _AFTER))
