"""One dead letter for ops: shown, sent again, laid aside. The audit keeps everybody who looks or acts."""

import base64
from collections.abc import Sequence
from typing import Annotated, Final
from uuid import uuid4

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor import dead_letter_lists_api, responses
from services.monitor.model import Dead, can_be_redriven
from services.monitor.own_words import own_event
from services.monitor.retention import kept_for
from shared.contracts.data import Data
from shared.contracts.envelope import Event
from shared.contracts.fields import read_referral_id
from shared.contracts.identity import derived_id
from shared.contracts.monitor_events import DiscardUndone, RedriveRequested
from shared.engine.model import Document
from shared.http.audit import deny_look, record_access
from shared.http.body import read_json
from shared.http.intake import must_be_open, write
from shared.http.keys import role_of, who_asks
from shared.http.operations import Content, Operation, in_json
from shared.http.parameters import Parameter
from shared.http.problem_types import NOT_REDRIVABLE, NOTHING_KEPT, SETTLED, UNDER_WAY
from shared.http.problems import ProblemError

_DOCUMENT = msgspec.json.Decoder(Document[Dead])
_MOST_SAID: Final = 4_096
_MOST_SHOWN: Final = 64 * 1024
"""Characters of a value that an answer shows; the whole of it is a file to download."""
_MOST_HEADERS: Final = 100
DL_ID: Final = Parameter("dl_id", "The dead letter's id.")


class DiscardAsked(msgspec.Struct):
    """Why a dead letter is laid aside."""

    why: Annotated[
        str,
        Meta(
            description="In the team's own words, 1 to 300 characters; never about a client.",
            examples=["the region sent it anew"],
        ),
    ]


def operations() -> list[Operation]:
    """The dead letters' addresses: ops alone."""
    letter, ops, which = "/v1/dead-letters/{dl_id}", ("ops",), (DL_ID,)
    redriven, discarded, reopened = {202: responses.Redriven}, {202: responses.Discarded}, {202: responses.Reopened}
    whole = Content({"application/octet-stream": {"type": "string", "format": "binary"}}, "The value, byte for byte.")
    why = in_json(DiscardAsked, _MOST_SAID, "Why it is laid aside.")
    return [
        *dead_letter_lists_api.operations(),
        Operation("GET", letter, one_dead_letter, {200: responses.DeadLetterWhole}, ops, which, also=(404,)),
        Operation("GET", f"{letter}/original", download, {200: whole}, ops, which, also=(404, 409)),
        Operation("POST", f"{letter}/redrive", redrive, redriven, ops, which, also=(404, 409)),
        Operation("POST", f"{letter}/discard", discard, discarded, ops, which, why, also=(404, 409)),
        Operation("POST", f"{letter}/undo-discard", undo_discard, reopened, ops, which, also=(404, 409)),
    ]


async def keep_look(request: Request, who: str, action: str, letter: Dead, names: Sequence[str] = ()) -> None:
    """Keeps a look at the letter, or what is done with it, for each referral that it names, and for those in `names`."""
    concerned = about(letter, names)
    await record_access(request, who, action, letter.dl_id, "operations", allowed=True, about=concerned)


def about(letter: Dead, names: Sequence[str] = ()) -> list[str]:
    """The referrals that a letter names, and those in `names`."""
    named = [name for name in (*letter.names, *names) if read_referral_id(name)]
    return list(dict.fromkeys([*([letter.referral_id] if letter.referral_id else []), *named]))


async def must_be_ops(request: Request, action: str) -> str:
    """Who asks about one letter. Refuses anyone but ops, and keeps that for the letter's referrals. Raises 401, 403."""
    if role_of(who := who_asks(request)) != "ops":
        letter = await _known(request)
        what, concerned = (letter.dl_id, about(letter)) if letter else ("no dead letter", [])
        await deny_look(request, who, action, what, "ops", about=concerned)
    return who


async def one_dead_letter(request: Request) -> Response:
    """One dead letter with the record as it came; ops alone."""
    who = await must_be_ops(request, "dead_letter")
    letter = await letter_asked(request)
    await keep_look(request, who, "dead_letter", letter)
    original: responses.OriginalShown = {
        "key": _text(letter.key),
        "value": _text(letter.value),
        "headers": [[name, _text(value)] for name, value in letter.headers[:_MOST_HEADERS]],
        "value_bytes": len(letter.value or b""),
        "in_part": _is_more_than_shown(letter),
    }
    return JSONResponse({**responses.shown(letter), "original": None if letter.erased else original})


async def download(request: Request) -> Response:
    """The value of the record as it came, byte for byte, as a file; ops alone. 409 where nothing of it is kept."""
    who = await must_be_ops(request, "dead_letter")
    letter = await letter_asked(request)
    if letter.erased:
        raise _nothing_kept(letter)
    await keep_look(request, who, "dead_letter", letter)
    headers = {"Content-Disposition": 'attachment; filename="dead-letter.bin"', "X-Content-Type-Options": "nosniff"}
    return Response(letter.value or b"", media_type="application/octet-stream", headers=headers)


async def redrive(request: Request) -> Response:
    """Sends a dead letter again; ops alone. 409 says by its type why it cannot be."""
    who = await must_be_ops(request, "redrive")
    must_be_open(request)
    letter = await letter_asked(request)
    must_be_unsettled(letter)
    if not can_be_redriven(letter):
        said = f"{letter.dl_id} is of {letter.service}, which reads nothing that is sent again; it can be discarded"
        raise ProblemError(409, said, kind=NOT_REDRIVABLE)
    await keep_look(request, who, "redrive", letter)
    # The id is derived, so two people who ask at once send the same event.
    data = RedriveRequested(dl_id=letter.dl_id, attempt=letter.attempts, by=who, place=place_of(letter))
    await _append(request, data, derived_id("redrive", letter.dl_id, letter.attempts))
    return JSONResponse(responses.Redriven(dl_id=letter.dl_id, attempt=letter.attempts), 202)


async def discard(request: Request) -> Response:
    """Lays a dead letter aside, with a reason; ops alone. 409 says by its type why it cannot be."""
    who = await must_be_ops(request, "discard")
    must_be_open(request)
    said = await read_json(request, _MOST_SAID, DiscardAsked)
    letter = await letter_asked(request)
    must_be_unsettled(letter)
    data = {"dl_id": letter.dl_id, "by": who, "place": place_of(letter), "why": said.why}
    event = own_event(request, "DiscardRequested", str(uuid4()), data)
    await keep_look(request, who, "discard", letter)
    await write(request.app.state.publisher, [event])
    return JSONResponse(responses.Discarded(dl_id=letter.dl_id, state="discarded"), 202)


async def undo_discard(request: Request) -> Response:
    """Takes a discard back: the letter stands open again; ops alone. 409 where it is not discarded, or nothing is kept."""
    who = await must_be_ops(request, "discard")
    must_be_open(request)
    letter = await letter_asked(request)
    if letter.erased:
        raise _nothing_kept(letter)
    if letter.state != "discarded":
        raise ProblemError(409, f"{letter.dl_id} is {letter.state}; only a discarded one can be taken back")
    await keep_look(request, who, "discard", letter)
    data = DiscardUndone(dl_id=letter.dl_id, by=who, place=place_of(letter))
    await _append(request, data, str(uuid4()))
    return JSONResponse(responses.Reopened(dl_id=letter.dl_id, state="open"), 202)


def place_of(letter: Dead) -> str:
    """The topic and the partition of its original."""
    return f"{letter.topic}/{letter.partition}"


async def _append(request: Request, data: Data, id_: str) -> None:
    state = request.app.state
    await write(state.publisher, [Event(id_, "/service/monitor", state.clock.now(), data)])


def _nothing_kept(letter: Dead) -> ProblemError:
    why = "the referral that it names was erased, or nothing in it could be searched for one"
    said = f"of {letter.dl_id}, which is {letter.state}, nothing is kept: {why}; its sender may send it again"
    return ProblemError(409, said, kind=NOTHING_KEPT)


def must_be_unsettled(letter: Dead) -> None:
    """Raises 409 unless the letter is open and something of it is kept."""
    if letter.erased:
        raise _nothing_kept(letter)
    if letter.state == "redriven":
        said = f"{letter.dl_id} is being sent again already, by {letter.by}; wait until that is done"
        raise ProblemError(409, said, kind=UNDER_WAY)
    if letter.state != "open":
        said = f"{letter.dl_id} is {letter.state}; only an open one can be sent again or laid aside"
        raise ProblemError(409, said, kind=SETTLED)


async def letter_asked(request: Request) -> Dead:
    """The letter in the path. Raises 404."""
    if (letter := await _known(request)) is None:
        kept = kept_for(request.app.state.settings)
        raise ProblemError(404, f"no dead letter {request.path_params['dl_id'][:60]} is known; {kept}")
    return letter


async def _known(request: Request) -> Dead | None:
    dl_id = request.path_params["dl_id"]
    rows = await request.app.state.store.load("dead_letters", [dl_id])
    return _DOCUMENT.decode(rows[dl_id].body).state if dl_id in rows else None


def _text(content: bytes | None) -> str | responses.Base64 | None:
    """The beginning, where it is long."""
    if content is None:
        return None
    try:
        return content.decode()[:_MOST_SHOWN]
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content[:_MOST_SHOWN]).decode()}


def _is_more_than_shown(letter: Dead) -> bool:
    values = [letter.key, letter.value, *(value for _, value in letter.headers)]
    return len(letter.headers) > _MOST_HEADERS or any(len(value or b"") > _MOST_SHOWN for value in values)
