"""Traces: every event of one referral, causes first, with its outcome, and the dead letters.

A person may ask by the referral's id or its code, an event's id, a dead letter's, an activity's.
"""

from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor import responses, shares
from services.monitor.fates import Fates, fates, letters_of
from services.monitor.found import Found
from services.monitor.found_api import SEE_REFERRALS, find_or_say, who_may_look
from services.monitor.model import Dead, Traced
from services.monitor.shares import decoded_events
from services.monitor.typed import read_typed
from shared.contracts.envelope import written
from shared.http.audit import record_access
from shared.http.operations import Operation
from shared.http.parameters import Parameter
from shared.store import Store


class TraceFound(NamedTuple):
    """The object of a question: a referral with all that concerns it, else an event and its letters."""

    referral_id: str | None
    events: list[Traced]
    letters: list[Dead]


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
    return JSONResponse(_answer(traced, became))


_ASKED: Final = Parameter(
    "asked",
    "A referral's id or code, an event's id, a dead letter's, or an activity's.",
    example="7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11",
)
_SOURCE: Final = Parameter("source", "Whose it is, where several have one id.", example="/opisto/tampere")
OPERATION: Final = Operation(
    "GET", "/v1/traces/{asked}", trace, {200: responses.Trace}, SEE_REFERRALS, (_ASKED, _SOURCE), also=(404,)
)


def _concerned(found: TraceFound) -> list[str]:
    """Every referral of which the trace shows something: senders may have used one id for events of several."""
    if found.referral_id:
        return [found.referral_id]
    named = [*(one.correlation for one in found.events), *(letter.referral_id for letter in found.letters)]
    return [one for one in dict.fromkeys(named) if one]


# --- what is meant


async def _traced(store: Store, found: Found) -> TraceFound:
    letter = found.letter
    if referral_id := found.referral_id or (letter and letter.referral_id):
        return TraceFound(referral_id, *await shares.of_referral(store, referral_id))
    if letter:
        rows = await store.load("events", [f"{letter.sender} {letter.event_id}"])
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


def _answer(found: TraceFound, became: Fates) -> responses.Trace:
    ordered = in_causal_order(found.events)
    return {
        "referral_id": found.referral_id,
        "events": [_shown(one, became.of[one.source, one.id]) for one in ordered if not _is_delivery(one)],
        "dead_letters": [responses.shown(letter) for letter in found.letters],
        "deliveries": [_delivery(one) for one in ordered if _is_delivery(one)],
        "silent": sorted(became.silent),
    }


def in_causal_order(traced: list[Traced]) -> list[Traced]:
    """Causes before what they caused, else as recorded."""
    by_id = {one.id: one for one in traced}
    depths: dict[str, int] = {}
    for one in traced:
        chain: list[str] = []
        current: Traced | None = one
        while current and current.id not in depths and current.id not in chain:
            chain.append(current.id)
            current = by_id.get(current.causation)
        depth = depths.get(current.id, -1) if current else -1
        for id_ in reversed(chain):
            depth += 1
            depths[id_] = depth
    # By the time it was recorded, and within one millisecond the cause first.
    return sorted(traced, key=lambda one: (_recorded(one), depths[one.id], one.id))


def _recorded(one: Traced) -> str:
    return written(one.first.recorded_at) if one.first else ""


def _is_delivery(one: Traced) -> bool:
    return one.source == "/service/notify" and one.type.endswith(
        (".NotificationQueued.v1", ".NotificationDelivered.v1", ".NotificationFailed.v1")
    )


def _shown(one: Traced, outcome: str | None) -> responses.TracedShown:
    return {
        "source": one.source,
        "id": one.id,
        "type": one.type,
        "time": one.time,
        "recorded_at": _recorded(one),
        "topic": one.first.topic if one.first else None,
        "causationid": one.causation or None,
        "outcome": outcome,
        "seen": one.seen,
        "codes": one.codes,
    }


def _delivery(one: Traced) -> responses.DeliveryTraced:
    return {
        "type": one.type,
        "id": one.id,
        "recorded_at": _recorded(one),
        "causationid": one.causation or None,
    }
