"""Traces: every event of one referral, causes first, with its outcome, and the dead letters.

A person may ask by the referral's id or its code, an event's id, or a dead letter's.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, NoReturn, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor import dead_letters_api, responses
from services.monitor.decide import REFERRAL_ERASED
from services.monitor.fates import Named, fates, letters_of
from services.monitor.model import Dead, Traced
from services.monitor.named import is_a_service
from shared.contracts.envelope import written
from shared.contracts.fields import read_referral_id
from shared.contracts.referral_code import digest_of, read_code
from shared.engine.model import Document
from shared.http.audit import deny_look, record_access
from shared.http.keys import role_of, who_asks
from shared.http.operations import Operation
from shared.http.parameters import Parameter
from shared.http.problems import ProblemError
from shared.store import Row, Store

_TRACED = msgspec.json.Decoder(Document[Traced])
_DEAD = msgspec.json.Decoder(Document[Dead])
MOST = 2_000
_SEE_TRACES: Final = ("ops", "reader")
SHARE: Final = 300
"""Events of one partner, of one class of a service's, dead letters of one sender, that a referral's trace shows."""
_PAGE: Final = 1_000
_PAGES: Final = 50
_BEHIND_ALL: Final = "\U0010ffff"

T = TypeVar("T", Traced, Dead)


class TraceFound(NamedTuple):
    """The object of a question: a referral with all that concerns it, else an event and its letters."""

    referral_id: str | None
    events: list[Traced]
    letters: list[Dead]


async def trace(request: Request) -> Response:
    """Every event of a referral, causes first, its dead letters as they stand now, its deliveries; for ops and readers.

    Of an id that concerns no referral, or several, those events alone.
    """
    who = who_asks(request)
    if role_of(who) not in _SEE_TRACES:
        await _deny(request, who)
    found = await _found(request.app.state.store, request.path_params["asked"])
    what = found.referral_id or request.path_params["asked"]
    await record_access(request, who, "trace", what, "operations", allowed=True, about=_concerned(found))
    became = await fates(request.app.state.store, request.app.state.owners, found.events, found.letters)
    return JSONResponse(_answer(found, became))


_ASKED: Final = Parameter(
    "asked",
    "A referral's id or code, an event's id, or a dead letter's.",
    example="7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11",
)
OPERATION: Final = Operation(
    "GET", "/v1/traces/{asked}", trace, {200: responses.Trace}, _SEE_TRACES, (_ASKED,), also=(404,)
)


async def _deny(request: Request, who: str) -> NoReturn:
    """The referral for which the audit keeps a question, if any: one look finds it, so that time tells nothing."""
    named = read_referral_id(request.path_params["asked"])
    known = named is not None and bool(await _events(request.app.state.store, "correlation", named, 1))
    about = [named] if named and known else []
    await deny_look(request, who, "trace", named or "a trace by another word", *_SEE_TRACES, about=about)


def _concerned(found: TraceFound) -> list[str]:
    """Every referral of which the trace shows something: senders may have used one id for events of several."""
    if found.referral_id:
        return [found.referral_id]
    named = [*(one.correlation for one in found.events), *(letter.referral_id for letter in found.letters)]
    return [one for one in dict.fromkeys(named) if one]


# --- what is meant


async def _found(store: Store, asked: str) -> TraceFound:
    """Raises 404."""
    for id_ in dict.fromkeys((asked, read_referral_id(asked) or asked)):
        if found := await _of_referral(store, id_) or await _of_letter(store, id_) or await _of_event(store, id_):
            return found
    if (code := read_code(asked)) and (found := await _of_code(store, code)):
        return found
    raise ProblemError(
        404,
        f"nothing is known by {asked[:60]!r}: ask by a referral's id or referral_code, an event's id, or a dead letter's",
    )


async def _of_referral(store: Store, id_: str) -> TraceFound | None:
    events = await _shares(store, "events", "correlation", id_, _decoded, _sayer)
    letters = await _shares(store, "dead_letters", "referral_id", id_, _decoded_letters, lambda letter: letter.sender)
    return TraceFound(id_, events, letters) if events or letters else None


async def _of_letter(store: Store, id_: str) -> TraceFound | None:
    letters = _decoded_letters((await store.load("dead_letters", [id_])).values())
    if not letters:
        return None
    if letters[0].referral_id:
        return await _of_referral(store, letters[0].referral_id)
    rows = await store.load("events", [f"{letters[0].sender} {letters[0].event_id}"])
    return await _whole(store, _decoded(rows.values()), letters)


async def _of_event(store: Store, id_: str) -> TraceFound | None:
    events = await _events(store, "event_id", id_, MOST)
    return await _whole(store, events, []) if events else None


async def _of_code(store: Store, code: str) -> TraceFound | None:
    """The referral of a code; an erasure takes the code with its referral."""
    opened = await _events(store, "code", digest_of(code), 1)
    found = await _of_referral(store, opened[0].correlation) if opened else None
    return None if found and any(_is_erasure(event) for event in found.events) else found


async def _whole(store: Store, events: list[Traced], letters: list[Dead]) -> TraceFound:
    """The one referral that the events concern; the events alone where they concern none, or several."""
    concerned = {event.correlation for event in events}
    if len(concerned) == 1 and (referral_id := concerned.pop()):
        return await _of_referral(store, referral_id) or TraceFound(referral_id, events, letters)
    return TraceFound(None, events, letters or await letters_of(store, events))


async def _shares(
    store: Store,
    collection: str,
    field: str,
    id_: str,
    decoded: Callable[[Iterable[Row]], list[T]],
    of: Callable[[T], str],
) -> list[T]:
    """All that concerns a referral, a bounded share of each sender: a flood hides nothing of the others'."""
    shares: defaultdict[str, list[T]] = defaultdict(list)
    at = ""
    for _ in range(_PAGES):
        rows = await store.find(collection, equal={field: id_}, order=field, after=(id_, at), limit=_PAGE)
        for one in decoded(rows):
            shares[of(one)].append(one)
        shares = defaultdict(list, {whose: some[:SHARE] for whose, some in shares.items()})
        if len(rows) < _PAGE:
            break
        at = _next_after(rows)
    services_first = sorted(shares, key=lambda whose: (not is_a_service(whose), whose))
    return [one for whose in services_first for one in shares[whose]][:MOST]


def _next_after(rows: Sequence[Row]) -> str:
    """The cursor behind the last row; behind all rows of a partner who fills a page alone."""
    last = rows[-1].id
    source = last.partition(" ")[0]
    alone = rows[0].id.startswith(f"{source} ") and not is_a_service(source)
    return f"{source} {_BEHIND_ALL}" if alone else last


def _sayer(event: Traced) -> str:
    # A stranger's flood of refusals makes a service send as many notices; its other events are of other classes.
    return f"{event.source} {event.type}" if is_a_service(event.source) else event.source


async def _events(store: Store, field: str, value: str, most: int) -> list[Traced]:
    return _decoded(await store.find("events", equal={field: value}, limit=most))


def _decoded(rows: Iterable[Row]) -> list[Traced]:
    return [state for row in rows if (state := _TRACED.decode(row.body).state)]


def _decoded_letters(rows: Iterable[Row]) -> list[Dead]:
    return [letter for row in rows if (letter := _DEAD.decode(row.body).state)]


# --- how it is shown


def _answer(found: TraceFound, became: Mapping[Named, str | None]) -> responses.Trace:
    ordered = in_causal_order(found.events)
    return {
        "referral_id": found.referral_id,
        "events": [_shown(one, became[one.source, one.id]) for one in ordered if not _is_delivery(one)],
        "dead_letters": [dead_letters_api.shown(letter) for letter in found.letters],
        "deliveries": [_delivery(one) for one in ordered if _is_delivery(one)],
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


def _is_erasure(one: Traced) -> bool:
    return one.source == "/service/referral" and one.type == REFERRAL_ERASED


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
