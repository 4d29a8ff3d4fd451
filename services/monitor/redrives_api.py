"""Redrives for ops: ordered, looked at, paused, let go on, ended."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, NamedTuple, TypedDict, cast, get_args
from uuid import uuid4

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor import redrives
from services.monitor.model import Dead
from services.monitor.own_words import own_event, say
from services.monitor.redrives import Redrive, RedriveEntry, RedriveState
from services.monitor.responses import DeadLetterId
from services.monitor.selection import Selection, chosen, counted, loaded
from shared.clock import real_now
from shared.contracts.envelope import Event, written
from shared.contracts.monitor_events import RedriveOrdered
from shared.engine.model import Document
from shared.http.audit import deny_look, record_access
from shared.http.body import read_json
from shared.http.intake import must_be_open
from shared.http.keys import role_of, who_asks
from shared.http.operations import Operation, in_json
from shared.http.parameters import After, Number, OneOf, Parameter, further
from shared.http.problems import ProblemError
from shared.http.shapes import Count, Time
from shared.store import Store

_DOCUMENT = msgspec.json.Decoder(Document[Redrive])
_ENTRY = msgspec.json.Decoder(RedriveEntry)
MOST_COUNTED: Final = 100_000
NOBODYS: Final = "00000000-0000-4000-8000-000000000000"
"""Stands for a redrive that is only thought of."""
_MOST_SAID: Final = 64 * 1024
_ACTIONS: Final = ("pause", "resume", "cancel")
_OPS: Final = ("ops",)
_LIMIT: Final = Number("limit", 50, 1, 500, "How many at most.")
_AFTER: Final = After("[0-9a-f-]{36}", "1788249600.0~2e7d3f2a-8b1c-4d5e-9f60-3b0c7f6e5d4c")
_ROW: Final = Number("after", 0, 0, 1_000_000_000, "Where to go on: the `next` of the answer before.")
_STATE: Final = OneOf("state", get_args(RedriveState), "Only those that stand so.", examples=["running"])
_REDRIVE: Final = Parameter("redrive_id", "The redrive's id.", example="2e7d3f2a-8b1c-4d5e-9f60-3b0c7f6e5d4c")
_ACTION: Final = Parameter("action", f"One of {', '.join(_ACTIONS)}.", example="pause")
_Id = Annotated[str, Meta(description="The redrive's id.", examples=["2e7d3f2a-8b1c-4d5e-9f60-3b0c7f6e5d4c"])]
_Why = Annotated[
    str,
    Meta(description="Why, in the team's own words; never about a client.", examples=["Monday's release is mended"]),
]
_State = Annotated[
    RedriveState,
    Meta(
        description="`stopped` where a letter was refused again, or not answered in time; `paused` and `cancelled` by a person."
    ),
]
ChosenCount = Annotated[
    Count, Meta(description=f"How many open letters were chosen when it was ordered, counted up to {MOST_COUNTED:,}.")
]


class Chosen(msgspec.Struct):
    """Which letters: those named by their ids, or all open ones that the filter chooses."""

    dl_ids: Annotated[
        list[str],
        Meta(
            description="Their ids, at most 500; else the filter.", examples=[["0f2d7c3e-8a51-5b64-9c0d-3e1f6a2d8c11"]]
        ),
    ] = []
    reason: Annotated[str, Meta(description="Those of this reason.", examples=["handler_failed"])] = ""
    service: Annotated[str, Meta(description="Those that this service refused.", examples=["referral"])] = ""
    sender: Annotated[str, Meta(description="Those of this sender.", examples=["/region/06"])] = ""
    type: Annotated[
        str, Meta(description="Those of this class.", examples=["fi.kulttuurilahete.ReferralIssued.v1"])
    ] = ""
    group: Annotated[
        str, Meta(description="Those of this group.", examples=["1f6c2d1e-7b0a-5d3e-8c4f-2a9b6e5d4c3b"])
    ] = ""
    since: Annotated[Time | None, Meta(description="Those that came from this time on; null: from the first.")] = None
    until: Annotated[Time | None, Meta(description="Those that came until this time; null: until now.")] = None


class RedriveAsked(Chosen, kw_only=True):
    """What to send again, why and how."""

    why: _Why
    stop_on_error: Annotated[
        bool, Meta(description="Whether it stops where one is refused again, or not answered in time.", examples=[True])
    ] = True
    a_minute: Annotated[int, Meta(description="How many are sent a minute at most, 1 to 60,000.", examples=[600])] = 600


class RedriveAccepted(TypedDict):
    """The redrive that begins."""

    redrive_id: _Id
    chosen: ChosenCount


class RedriveShown(TypedDict):
    """A redrive, and what came of it so far."""

    redrive_id: _Id
    by: Annotated[str, Meta(description="Who ordered it.", examples=["ops:first"])]
    why: _Why
    state: _State
    said: Annotated[str, Meta(description="Why it stands still; empty while it goes on.", examples=["by ops:first"])]
    created: Annotated[Time, Meta(description="When it was ordered; letters that came later are not of it.")]
    ended: Annotated[Time | None, Meta(description="When it ended; null before.")]
    filter: Annotated[
        dict[str, str],
        Meta(description="What chose the letters, as it stood then.", examples=[{"reason": "handler_failed"}]),
    ]
    dl_ids: Annotated[list[DeadLetterId], Meta(description="The letters that were named; empty: the filter chose.")]
    stop_on_error: Annotated[bool, Meta(description="Whether an error stops it.", examples=[True])]
    a_minute: Annotated[int, Meta(description="How many are sent a minute at most.", examples=[600])]
    chosen: ChosenCount
    sent: Annotated[Count, Meta(description="How many were taken up to be sent again.")]
    outstanding: Annotated[Count, Meta(description="How many of these have no answer yet.")]
    unanswered: Annotated[
        Count, Meta(description="How many had no answer in time: their service does not read, or is behind.")
    ]
    waits: Annotated[Count, Meta(description="How many wait for another event, as their service says.")]
    resolved: Annotated[Count, Meta(description="How many their service took.")]
    refused: Annotated[Count, Meta(description="How many were refused again.")]
    skipped: Annotated[Count, Meta(description="How many were no longer open, or cannot be sent again.")]


class Redrives(TypedDict):
    """Redrives, the newest first."""

    redrives: Annotated[list[RedriveShown], Meta(description="Those of this page.")]
    next: Annotated[
        str | None,
        Meta(
            description="Where `after` goes on; null at the end.",
            examples=["1788249600.0~2e7d3f2a-8b1c-4d5e-9f60-3b0c7f6e5d4c"],
        ),
    ]


class EntryShown(TypedDict):
    """What became of one letter of a redrive."""

    dl_id: DeadLetterId
    outcome: Annotated[
        redrives.Outcome, Meta(description="What became of it; `waits` and `unanswered` may be followed by another.")
    ]
    reason: Annotated[
        str,
        Meta(
            description="Why it was refused again, by class, or what it waits for; else empty.", examples=["rejected"]
        ),
    ]
    time: Time


class RedriveEntries(TypedDict):
    """What became of the letters of a redrive, in order of their answers."""

    entries: Annotated[list[EntryShown], Meta(description="Those of this page.")]
    next: Annotated[str | None, Meta(description="Where `after` goes on; null at the end.", examples=["500"])]


class RedriveSteeredNow(TypedDict):
    """What is done with the redrive."""

    redrive_id: _Id
    action: Annotated[str, Meta(description="What is done with it.", examples=["pause"])]


def operations() -> list[Operation]:
    """The redrives' addresses: ops alone."""
    every, one = "/v1/redrives", "/v1/redrives/{redrive_id}"
    asked = in_json(RedriveAsked, _MOST_SAID, "What to send again, why and how.")
    steering = f"{one}/{{action}}"
    return [
        Operation("POST", every, order_redrive, {202: RedriveAccepted}, _OPS, body=asked, also=(409,)),
        Operation("GET", every, list_redrives, {200: Redrives}, _OPS, (_STATE, _LIMIT, _AFTER)),
        Operation("GET", one, one_redrive, {200: RedriveShown}, _OPS, (_REDRIVE,), also=(404,)),
        Operation("GET", f"{one}/entries", entries, {200: RedriveEntries}, _OPS, (_REDRIVE, _LIMIT, _ROW), also=(404,)),
        Operation("POST", steering, steer, {202: RedriveSteeredNow}, _OPS, (_REDRIVE, _ACTION), also=(404, 409)),
    ]


async def must_be_ops(request: Request, what: str = "redrives") -> str:
    """Who asks. Keeps the look of anyone else, and refuses it. Raises 401, 403."""
    if role_of(who := who_asks(request)) != "ops":
        await deny_look(request, who, "redrive", what, "ops")
    return who


async def order_redrive(request: Request) -> Response:
    """Sends dead letters again as one thing, one first, then ten, then a hundred at a time; ops alone.

    409 where nothing open is chosen.
    """
    who = await must_be_ops(request)
    must_be_open(request)
    asked = await read_json(request, _MOST_SAID, RedriveAsked)
    redrive_id = str(uuid4())
    said = order_of(request, {**msgspec.to_builtins(asked), "redrive": redrive_id, "by": who})
    count = (await who_is_chosen(request, said, 0)).total
    if not count:
        raise ProblemError(409, "no open dead letter is chosen by this; nothing is sent again")
    await record_access(request, who, "redrive", redrive_id, "operations", allowed=True)
    await say(request, "RedriveOrdered", redrive_id, {**said, "chosen": count})
    return JSONResponse(RedriveAccepted(redrive_id=redrive_id, chosen=count), 202)


class Choosing(NamedTuple):
    """What is chosen: how many open letters, and the oldest of them."""

    total: int
    oldest: Sequence[Dead]


def order_of(request: Request, said: Mapping[str, Any]) -> dict[str, Any]:
    """What the order of a redrive says, frozen at this moment. Raises 422 where nothing is named."""
    given = {name: value for name, value in said.items() if value not in (None, "", []) or name == "why"}
    if not given.keys() & {"dl_ids", "reason", "service", "sender", "type", "group", "since"}:
        raise ProblemError(422, "name dead letters by dl_ids, or choose them by a filter")
    return {"until": written(real_now()), "redrive": NOBODYS, "by": "nobody", "chosen": 0, **given}


async def who_is_chosen(request: Request, order: Mapping[str, Any], most: int) -> Choosing:
    """The open letters that an order chooses now, `most` of them as they are. Raises 422 where its contract is broken."""
    event = cast("Event[RedriveOrdered]", own_event(request, "RedriveOrdered", NOBODYS, order))
    store: Store = request.app.state.store
    if dl_ids := event.data.dl_ids:
        named = [letter for letter in await loaded(store, dl_ids) if letter.state == "open"]
        return Choosing(len(named), named[:most])
    meant = redrives.selection_of(event.data)
    oldest = await chosen(store, meant, limit=most, newest_first=False) if most else []
    return Choosing(await counted(store, meant, MOST_COUNTED), oldest)


async def list_redrives(request: Request) -> Response:
    """Redrives, the newest first; ops alone."""
    await must_be_ops(request)
    limit, state, after = _LIMIT.of(request), _STATE.of(request), _AFTER.place(request)
    rows = await request.app.state.store.find(
        "redrives",
        equal={"state": state} if state else {},
        order="created",
        descending=True,
        limit=limit + 1,
        after=after,
    )
    found = [one for row in rows[:limit] if (one := _DOCUMENT.decode(row.body).state)]
    last = found[-1] if len(rows) > limit else None
    following = further(last.created.timestamp(), last.id) if last else None
    return JSONResponse(Redrives(redrives=[shown(one) for one in found], next=following))


async def one_redrive(request: Request) -> Response:
    """One redrive, and what came of it so far; ops alone."""
    await must_be_ops(request)
    return JSONResponse(shown(await _known(request)))


async def entries(request: Request) -> Response:
    """What became of each letter of a redrive, in order of the answers; ops alone."""
    await must_be_ops(request)
    redrive = await _known(request)
    limit = _LIMIT.of(request)
    store: Store = request.app.state.store
    rows = await store.read(redrives.JOURNAL, redrive.id, after=_ROW.of(request), limit=limit + 1)
    following = str(rows[limit - 1].number) if len(rows) > limit else None
    page = [_entry(_ENTRY.decode(row.body)) for row in rows[:limit]]
    return JSONResponse(RedriveEntries(entries=page, next=following))


async def steer(request: Request) -> Response:
    """Pauses a redrive, lets it go on, or ends it; ops alone. 409 where it stands so that this does nothing."""
    who = await must_be_ops(request)
    must_be_open(request)
    action = request.path_params["action"]
    if action not in _ACTIONS:
        raise ProblemError(404, f"a redrive is not asked to {action[:60]!r}, but to {', '.join(_ACTIONS)}")
    redrive = await _known(request)
    if redrive.state not in redrives.STEERED_FROM[action]:
        raise ProblemError(409, f"the redrive is {redrive.state}: to {action} it does nothing")
    await record_access(request, who, "redrive", redrive.id, "operations", allowed=True)
    await say(request, "RedriveSteered", str(uuid4()), {"redrive": redrive.id, "action": action, "by": who})
    return JSONResponse(RedriveSteeredNow(redrive_id=redrive.id, action=action), 202)


async def _known(request: Request) -> Redrive:
    """Raises 404."""
    id_ = request.path_params["redrive_id"]
    rows = await request.app.state.store.load("redrives", [id_])
    redrive = _DOCUMENT.decode(rows[id_].body).state if id_ in rows else None
    if redrive is None:
        raise ProblemError(404, f"no redrive {id_[:60]!r} is known")
    return redrive


def shown(redrive: Redrive) -> RedriveShown:
    """A redrive as it is answered."""
    return {
        "redrive_id": redrive.id,
        "by": redrive.by,
        "why": redrive.why,
        "state": redrive.state,
        "said": redrive.said,
        "created": written(redrive.created),
        "ended": written(redrive.ended) if redrive.ended else None,
        "filter": _filter(redrive.selection),
        "dl_ids": list(redrive.dl_ids),
        "stop_on_error": redrive.stop_on_error,
        "a_minute": redrive.a_minute,
        "chosen": redrive.chosen,
        "sent": redrive.sent,
        "outstanding": len(redrive.outstanding),
        "unanswered": len(redrive.unanswered),
        "waits": len(redrive.waiting),
        "resolved": redrive.resolved,
        "refused": redrive.refused,
        "skipped": redrive.skipped,
    }


def _filter(selection: Selection) -> dict[str, str]:
    named = {name: value for name, value in selection.equal.items() if name not in {"state", "fault"}}
    times = {"since": selection.since, "until": selection.until}
    bounds = {name: written(datetime.fromtimestamp(at, UTC)) for name, at in times.items() if at is not None}
    return {**named, **({"group": selection.group} if selection.group else {}), **bounds}  # type: ignore[dict-item]


def _entry(entry: RedriveEntry) -> EntryShown:
    return {"dl_id": entry.dl_id, "outcome": entry.outcome, "reason": entry.reason, "time": written(entry.time)}
