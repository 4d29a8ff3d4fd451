"""Discards over a filter for ops: many dead letters laid aside for one reason, and taken back. Chosen as a redrive chooses.

Each letter has an event of its own, as where it is discarded by itself: it is undone by itself too.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final, TypedDict, cast
from uuid import uuid4

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor import redrives
from services.monitor.dead_letters_api import about, place_of
from services.monitor.model import Dead, without_bytes
from services.monitor.own_words import OWN, own_event
from services.monitor.redrives_api import NOBODYS, Chosen, ChosenCount, must_be_ops, order_of, who_is_chosen
from services.monitor.selection import behind, chosen, loaded, whole
from shared.contracts.data import Data
from shared.contracts.envelope import Event
from shared.contracts.monitor_events import DiscardRequested, DiscardUndone, RedriveOrdered
from shared.http.audit import record_access
from shared.http.body import read_json
from shared.http.intake import must_be_open, write
from shared.http.operations import Operation, in_json
from shared.http.problems import ProblemError
from shared.http.shapes import Count
from shared.store import Store

AT_ONCE: Final = 1_000
"""Letters of one request: whoever means more asks again, and sees how many are left."""
_MOST_LOOKED_AT: Final = 10_000
_LOADED_AT_ONCE: Final = 50
_MOST_NAMED: Final = 5_000
"""Referrals that one request may concern, but for those of its last letters: the audit keeps a record of each."""
_MOST_SAID: Final = 64 * 1024
_WHAT: Final = "dead-letters"


class DiscardsAsked(Chosen, kw_only=True):
    """What is laid aside, and why."""

    why: Annotated[
        str,
        Meta(
            description="In the team's own words, 1 to 300 characters; never about a client.",
            examples=["the region sent them anew"],
        ),
    ]


class ReopeningAsked(Chosen, kw_only=True):
    """What is taken back: of the discarded letters that are chosen those with this reason."""

    why: Annotated[
        str,
        Meta(
            description="The reason with which they were discarded, word for word.",
            examples=["the region sent them anew"],
        ),
    ]


class DiscardsAccepted(TypedDict):
    """The dead letters are laid aside."""

    chosen: ChosenCount
    discarded: Annotated[
        Count, Meta(description=f"How many of these are laid aside now, the oldest first; {AT_ONCE:,} at most.")
    ]


class ReopeningAccepted(TypedDict):
    """The dead letters stand open again."""

    reopened: Annotated[Count, Meta(description=f"How many stand open again, the oldest first; {AT_ONCE:,} at most.")]


def operations() -> list[Operation]:
    """The addresses of discards over a filter: ops alone."""
    every, ops = "/v1/discards", ("ops",)
    aside = in_json(DiscardsAsked, _MOST_SAID, "What is laid aside, and why.")
    back = in_json(ReopeningAsked, _MOST_SAID, "What is taken back.")
    return [
        Operation("POST", every, discard_many, {202: DiscardsAccepted}, ops, body=aside, also=(409,)),
        Operation("POST", f"{every}/undo", undo, {202: ReopeningAccepted}, ops, body=back, also=(409,)),
    ]


async def discard_many(request: Request) -> Response:
    """Lays the open dead letters that are chosen aside, for one reason; ops alone. 409 where none is chosen."""
    who = await must_be_ops(request, _WHAT)
    must_be_open(request)
    asked = await read_json(request, _MOST_SAID, DiscardsAsked)
    found = await who_is_chosen(request, order_of(request, msgspec.to_builtins(asked)), AT_ONCE)
    if not found.oldest:
        raise ProblemError(409, "no open dead letter is chosen by this; nothing is laid aside")
    letters = await _kept_in_the_audit(request, who, found.oldest)
    data = [DiscardRequested(dl_id=one.dl_id, by=who, place=place_of(one), why=asked.why) for one in letters]
    await _write(request, data)
    return JSONResponse(DiscardsAccepted(chosen=found.total, discarded=len(data)), 202)


async def undo(request: Request) -> Response:
    """Takes discards back that have this reason; ops alone. 409 where there is none, or nothing is kept of it."""
    who = await must_be_ops(request, _WHAT)
    must_be_open(request)
    asked = await read_json(request, _MOST_SAID, ReopeningAsked)
    found = await _discarded(request, order_of(request, msgspec.to_builtins(asked)))
    if not found:
        raise ProblemError(409, "no discarded dead letter is chosen by this with this reason; nothing is taken back")
    letters = await _kept_in_the_audit(request, who, found)
    data = [DiscardUndone(dl_id=one.dl_id, by=who, place=place_of(one)) for one in letters]
    await _write(request, data)
    return JSONResponse(ReopeningAccepted(reopened=len(data)), 202)


async def _discarded(request: Request, order: dict[str, Any]) -> list[Dead]:
    """The oldest discarded letters of the choice that can stand open again. Raises 422."""
    event = cast("Event[RedriveOrdered]", own_event(request, "RedriveOrdered", NOBODYS, order))
    store: Store = request.app.state.store
    if event.data.dl_ids:
        return _undoable(await loaded(store, event.data.dl_ids), event.data.why)
    meant, after, found = redrives.selection_of(event.data), None, list[Dead]()
    meant = msgspec.structs.replace(meant, state="discarded")
    for _ in range(_MOST_LOOKED_AT // AT_ONCE):
        page = await chosen(store, meant, limit=AT_ONCE, after=after, newest_first=False)
        found += _undoable(page, event.data.why)
        if len(page) < AT_ONCE or len(found) >= AT_ONCE:
            break
        after = behind(page[-1])
    return found[:AT_ONCE]


def _undoable(letters: Sequence[Dead], why: str) -> list[Dead]:
    return [one for one in letters if one.state == "discarded" and not one.erased and one.why == why]


async def _kept_in_the_audit(request: Request, who: str, letters: Sequence[Dead]) -> Sequence[Dead]:
    """As many of the letters, the oldest first, as name referrals that the audit can keep at once. Raises 503."""
    named: dict[str, None] = {}
    taken: list[Dead] = []
    async for letter in _each(request.app.state.store, letters):
        named |= dict.fromkeys(about(letter))
        taken.append(without_bytes(letter))
        if len(named) >= _MOST_NAMED:
            break
    await record_access(request, who, "discard", _WHAT, "operations", allowed=True, about=list(named))
    return taken


async def _each(store: Store, letters: Sequence[Dead]) -> AsyncIterator[Dead]:
    """The letters with their records; a few are loaded at a time, since each may be enormous."""
    for first in range(0, len(letters), _LOADED_AT_ONCE):
        for letter in await whole(store, [one.dl_id for one in letters[first : first + _LOADED_AT_ONCE]]):
            yield letter


async def _write(request: Request, data: Sequence[Data]) -> None:
    now = request.app.state.clock.now()
    await write(request.app.state.publisher, [Event(str(uuid4()), OWN, now, one) for one in data])
