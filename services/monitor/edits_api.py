"""Edits of dead letters for ops, two people each: one proposes other content, another one confirms or refuses it."""

from typing import Annotated, Any, Final, Literal, TypedDict
from uuid import uuid4

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor import edits
from services.monitor.dead_letters_api import (
    DL_ID,
    about,
    keep_look,
    letter_asked,
    must_be_ops,
    must_be_unsettled,
    place_of,
)
from services.monitor.handlers import any_erased
from services.monitor.model import MOST_NAMES, Dead, DeadEdit
from services.monitor.own_words import own_event, say
from services.monitor.responses import DeadLetterId
from shared.contracts.envelope import MAX_EVENT_BYTES, Event, written
from shared.contracts.errors import EventError
from shared.contracts.original import attributes_of
from shared.http.audit import NO_GROUND, record_access
from shared.http.body import read_json
from shared.http.intake import must_be_open, write
from shared.http.operations import Operation, in_json
from shared.http.problems import ProblemError, problem_of
from shared.http.shapes import EventId, EventType, Time

_MOST_SAID: Final = 2 * MAX_EVENT_BYTES
_OPS: Final = ("ops",)
_EditId = Annotated[str, Meta(description="The proposal's id.", examples=["5b0c1d2e-9f8a-4b7c-8d6e-1a2b3c4d5e6f"])]
_Why = Annotated[
    str,
    Meta(
        description="Why, in the team's own words, 1 to 300 characters; never about a client.",
        examples=["the region has no municipality 000"],
    ),
]
_Content = Annotated[
    dict[str, Any],
    Meta(
        description="The event's data as they should be, whole; a door's rules hold for them.",
        examples=[{"referral_id": "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11", "reason": "client_wish"}],
    ),
]
_NewId = Annotated[EventId, Meta(description="The id of the event that is sent in its place.")]


class EditAsked(msgspec.Struct):
    """What is proposed."""

    data: _Content
    why: _Why
    type: Annotated[
        str | None,
        Meta(
            description="Its class; left out: as the letter names it.",
            examples=["fi.kulttuurilahete.ReferralWithdrawn.v1"],
        ),
    ] = None
    time: Annotated[
        str | None,
        Meta(
            description="When its sender recorded the fact; left out: as the letter says.",
            examples=["2026-09-01T11:00:00+03:00"],
        ),
    ] = None


class EditNamed(msgspec.Struct):
    """Which proposal is meant: who decides must have seen it."""

    edit_id: _EditId


class EditAccepted(TypedDict):
    """The proposal waits for a second person."""

    dl_id: DeadLetterId
    edit_id: _EditId
    event_id: _NewId


class EditShown(TypedDict):
    """What is proposed, by whom, why, and until when it waits for a second person."""

    dl_id: DeadLetterId
    edit_id: _EditId
    by: Annotated[str, Meta(description="Who proposes it; another one decides.", examples=["ops:first"])]
    why: _Why
    type: EventType
    time: Annotated[str, Meta(description="When its sender recorded the fact.", examples=["2026-09-01T11:00:00+03:00"])]
    data: _Content
    proposed_at: Annotated[Time, Meta(description="When it was proposed, RFC 3339 in UTC.")]
    lapses_at: Annotated[Time, Meta(description="Until when it waits for a second person; then it goes.")]
    event_id: _NewId


class EditDone(TypedDict):
    """The edited event is sent in the letter's place."""

    dl_id: DeadLetterId
    state: Annotated[Literal["edited"], Meta(description="It is settled.")]
    event_id: _NewId


class EditGone(TypedDict):
    """The proposal is taken away."""

    dl_id: DeadLetterId
    state: Annotated[Literal["open"], Meta(description="It stands as before.")]


def operations() -> list[Operation]:
    """The addresses of a dead letter's edit: ops alone."""
    edit, which = "/v1/dead-letters/{dl_id}/edit", (DL_ID,)
    asked = in_json(EditAsked, _MOST_SAID, "What is proposed, and why.")
    named = in_json(EditNamed, 4_096, "Which proposal is meant.")
    return [
        Operation("POST", edit, propose, {202: EditAccepted}, _OPS, which, asked, also=(404, 409)),
        Operation("GET", edit, one_edit, {200: EditShown}, _OPS, which, also=(404, 409)),
        Operation("POST", f"{edit}/confirm", confirm, {202: EditDone}, _OPS, which, named, also=(404, 409)),
        Operation("POST", f"{edit}/refuse", refuse, {202: EditGone}, _OPS, which, named, also=(404, 409)),
    ]


async def propose(request: Request) -> Response:
    """Proposes other content for a dead letter's event; ops alone. Nothing is sent before a second person confirms it.

    403 where LAHETE_EDITS is off; 409 where the letter is not open, cannot be edited, or another proposal stands; 422 where
    no door would take the event.
    """
    who = await must_be_ops(request, "edit")
    _must_be_on(request)
    must_be_open(request)
    asked = await read_json(request, _MOST_SAID, EditAsked)
    letter = await _editable(request)
    if letter.edit:
        raise ProblemError(
            409, f"{letter.edit.by} proposes an edit of {letter.dl_id} already; confirm or refuse that first"
        )
    edit = _edit_of(request, letter, asked, who)
    event = _must_pass(request, letter, edit)
    edit = _as_sent(edit, event)
    await _must_name_no_erased(request, edit)
    said = {"why": edit.why, "event_type": edit.type, "event_time": edit.time, "content": edit.content}
    proposal = own_event(request, "EditProposed", edit.id, {**_to(letter, edit, who), **said})
    await keep_look(request, who, "edit", letter, edit.names)
    await write(request.app.state.publisher, [proposal])
    return JSONResponse(EditAccepted(dl_id=letter.dl_id, edit_id=edit.id, event_id=event.id), 202)


def _edit_of(request: Request, letter: Dead, asked: EditAsked, who: str) -> DeadEdit:
    said = attributes_of(edits.original_of(letter))
    return DeadEdit(
        id=str(uuid4()),
        by=who,
        why=asked.why,
        type=asked.type or said.get("type", ""),
        time=asked.time or said.get("time", ""),
        content=msgspec.json.encode(asked.data).decode(),
        proposed_at=request.app.state.clock.now(),
    )


def _as_sent(edit: DeadEdit, event: Event) -> DeadEdit:
    """With nothing but what would be sent: who confirms sees that alone, and a field that nobody knows names nobody."""
    content = edits.content_of(event)
    return msgspec.structs.replace(edit, content=content, names=edits.names_of_content(content))


async def _must_name_no_erased(request: Request, edit: DeadEdit) -> None:
    if len(edit.names) > MOST_NAMES:
        raise ProblemError(422, f"the content names {len(edit.names)} referrals; an event names one")
    if await any_erased(request.app.state.store, edit.names):
        raise ProblemError(
            409, "the content names a referral that was erased: nothing more is kept of it, and nothing sent"
        )


async def one_edit(request: Request) -> Response:
    """What is proposed for a dead letter, whole; ops alone. Who looks is kept. 404 where nothing is proposed."""
    who = await must_be_ops(request, "dead_letter")
    letter = await _editable(request)
    edit = _standing(letter)
    event = _must_pass(request, letter, edit)
    await keep_look(request, who, "dead_letter", letter, edit.names)
    answer: EditShown = {
        "dl_id": letter.dl_id,
        "edit_id": edit.id,
        "by": edit.by,
        "why": edit.why,
        "type": edit.type,
        "time": edit.time,
        "data": msgspec.json.decode(edit.content),
        "proposed_at": written(edit.proposed_at),
        "lapses_at": written(edits.lapses_at(edit)),
        "event_id": event.id,
    }
    return JSONResponse(answer)


async def confirm(request: Request) -> Response:
    """Sends the edited event in the letter's place, as its sender's; an ops person who did not propose it.

    403 for who proposed it, and where LAHETE_EDITS is off; 409 where another proposal stands, the letter is not open, or the
    content names a referral that was erased meanwhile.
    """
    who = await must_be_ops(request, "confirm_edit")
    _must_be_on(request)
    must_be_open(request)
    letter, edit = await _meant(request)
    if edit.by == who:
        said = f"{who} proposes it: another person of the ops team, with a key of their own, confirms or refuses it"
        await _keep_denial(request, who, letter)
        raise ProblemError(403, said)
    event = _must_pass(request, letter, edit)
    await _must_name_no_erased(request, edit)
    await keep_look(request, who, "confirm_edit", letter, edit.names)
    await say(request, "EditConfirmed", str(uuid4()), _to(letter, edit, who))
    return JSONResponse(EditDone(dl_id=letter.dl_id, state="edited", event_id=event.id), 202)


async def _keep_denial(request: Request, who: str, letter: Dead) -> None:
    await record_access(request, who, "confirm_edit", letter.dl_id, NO_GROUND, allowed=False, about=about(letter))


async def refuse(request: Request) -> Response:
    """Takes a proposal away, also one's own; ops alone. The letter stands as before."""
    who = await must_be_ops(request, "refuse_edit")
    must_be_open(request)
    letter, edit = await _meant(request)
    await keep_look(request, who, "refuse_edit", letter, edit.names)
    await say(request, "EditRefused", str(uuid4()), _to(letter, edit, who))
    return JSONResponse(EditGone(dl_id=letter.dl_id, state="open"), 202)


# --- what must be so


def _must_be_on(request: Request) -> None:
    if not request.app.state.settings.edits:
        said = "edits are off here, and LAHETE_EDITS=true at the monitor opens them"
        raise ProblemError(403, f"{said}; else discard the letter, and its sender sends the event anew, mended")


async def _editable(request: Request) -> Dead:
    letter = await letter_asked(request)
    must_be_unsettled(letter)
    if why := edits.why_not(letter):
        raise ProblemError(409, f"the event of {letter.dl_id} cannot be edited: {why}")
    return letter


def _standing(letter: Dead) -> DeadEdit:
    if letter.edit is None:
        raise ProblemError(404, f"no edit of {letter.dl_id} is proposed; it may have been refused, or have lapsed")
    return letter.edit


async def _meant(request: Request) -> tuple[Dead, DeadEdit]:
    """The letter and the proposal that the body names. Raises 404, 409."""
    named = await read_json(request, 4_096, EditNamed)
    letter = await _editable(request)
    edit = _standing(letter)
    if edit.id != named.edit_id:
        raise ProblemError(409, f"another edit of {letter.dl_id} is proposed now, by {edit.by}; look at that first")
    return letter, edit


def _must_pass(request: Request, letter: Dead, edit: DeadEdit) -> Event:
    """The edited event, as a door would take it. Raises 403, 422."""
    try:
        return edits.edited_event(letter, edit, request.app.state.clock.now())
    except EventError as error:
        raise problem_of(error) from error


def _to(letter: Dead, edit: DeadEdit, who: str) -> dict[str, str]:
    return {"dl_id": letter.dl_id, "by": who, "place": place_of(letter), "edit": edit.id}
