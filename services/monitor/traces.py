"""Traces: every event of one referral, causes first, with its outcome, and the dead letters.

A person may ask by the referral's id or its code, an event's id, a dead letter's, an activity's.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor import responses, shares
from services.monitor.fates import Fates, fates, letters_of
from services.monitor.found import Found
from services.monitor.found_api import SEE_REFERRALS, find_or_say, who_may_look
from services.monitor.model import Dead, Traced, traced_as
from services.monitor.shares import decoded_events
from services.monitor.standings import STANDINGS, ReferralStanding, StepAwaited
from services.monitor.timeline import Timeline
from services.monitor.trace_shapes import AwaitedShown, SaidMore, StandingShown, Trace
from services.monitor.typed import read_typed
from shared.contracts.envelope import written
from shared.engine.model import Document
from shared.http.audit import record_access
from shared.http.operations import Operation
from shared.http.parameters import Parameter
from shared.store import Store

_STANDING = msgspec.json.Decoder(Document[ReferralStanding])


class TraceFound(NamedTuple):
    """The object of a question: a referral with all that concerns it, else an event and its letters."""

    referral_id: str | None
    events: list[Traced]
    letters: list[Dead]
    more: Sequence[str] = ()
    """Who said more than this."""


async def trace(request: Request) -> Response:
    """Every event of a referral, causes first, its dead letters as they stand now, its deliveries; for ops and readers.

    Of an id that concerns no referral, or several, those events alone.
    """
    state, asked = request.app.state, request.path_params["asked"]
    typed = read_typed(asked, _SOURCE.value(request) or "")
    who = await who_may_look(request, "trace", typed)
    traced = await _traced(state.store, await find_or_say(request, who, typed))
    what = traced.referral_id or asked
    await record_access(request, who, "trace", what, "operations", allowed=True, about=_concerned(traced))
    became = await fates(state.store, state.owners, traced.events, traced.letters)
    standing = await _stands(state.store, traced.referral_id)
    return JSONResponse(_answer(traced, became, standing, state.clock.now()))


_ASKED: Final = Parameter(
    "asked",
    "A referral's id or code, an event's id, a dead letter's, or an activity's.",
    example="7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11",
)
_SOURCE: Final = Parameter("source", "Whose it is, where several have one id.", example="/opisto/tampere")
OPERATION: Final = Operation(
    "GET", "/v1/traces/{asked}", trace, {200: Trace}, SEE_REFERRALS, (_ASKED, _SOURCE), also=(404,)
)


def _concerned(found: TraceFound) -> list[str]:
    """Every referral of which the trace shows something: senders may have used one id for events of several."""
    if found.referral_id:
        return [found.referral_id]
    named = [*(one.correlation for one in found.events), *(letter.referral_id for letter in found.letters)]
    return [one for one in dict.fromkeys(named) if one]


# --- what is meant


async def _stands(store: Store, referral_id: str | None) -> ReferralStanding | None:
    rows = await store.load(STANDINGS.collection.name, [referral_id]) if referral_id else {}
    return next((_STANDING.decode(row.body).state for row in rows.values()), None)


async def _traced(store: Store, found: Found) -> TraceFound:
    letter = found.letter
    if referral_id := found.referral_id or (letter and letter.referral_id):
        return TraceFound(referral_id, *await shares.of_referral(store, referral_id))
    if letter:
        rows = await store.load("events", [traced_as(letter.sender, letter.event_id)])
        return await _whole(store, decoded_events(rows.values()), [letter])
    if found.events:
        return await _whole(store, found.events, [])
    events = [one for some in found.activities.values() for one in some]
    return TraceFound(None, events, await letters_of(store, events))


async def _whole(store: Store, events: list[Traced], letters: list[Dead]) -> TraceFound:
    """The one referral that the events concern; the events alone where they concern none, or several."""
    concerned = {event.correlation for event in events}
    if len(concerned) == 1 and (referral_id := concerned.pop()):
        return TraceFound(referral_id, *await shares.of_referral(store, referral_id))
    return TraceFound(None, events, letters or await letters_of(store, events))


# --- how it is shown


def _answer(found: TraceFound, became: Fates, standing: ReferralStanding | None, now: datetime) -> Trace:
    timeline = Timeline(found.events)
    return {
        "referral_id": found.referral_id,
        "standing": _standing(standing, now) if standing else None,
        "events": timeline.events(became.of),
        "dead_letters": [responses.shown(letter) for letter in found.letters],
        "deliveries": timeline.deliveries(),
        "looks": timeline.looks(),
        "more": [_said_more(sayer) for sayer in found.more],
        "silent": sorted(became.silent),
    }


def _standing(one: ReferralStanding, now: datetime) -> StandingShown:
    awaited = one.awaited
    return {"status": one.status, "closed": one.closed, "awaited": _awaited(awaited, now) if awaited else None}


def _awaited(awaited: StepAwaited, now: datetime) -> AwaitedShown:
    assert awaited.what != "event"  # an event that waits has an entry of its own in the list of what is late
    return {
        "what": awaited.what,
        "concerns": awaited.concerns,
        "since": written(awaited.since),
        "due_at": written(awaited.due_at),
        "late": awaited.due_at <= now,
        "reminders": awaited.passed,
    }


def _said_more(sayer: str) -> SaidMore:
    source, _, name = sayer.partition(" ")
    return {"source": source, "name": name or None}
