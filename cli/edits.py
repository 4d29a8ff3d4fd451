"""`lahete dead-letters edit` and what follows it: one person proposes other content, another one confirms or refuses it."""

import json as json_
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli import terminal
from cli.ask import Monitor, segment
from cli.failure import VerbError
from cli.options import Json, KeyFile, OpsUrl, RunDir

_SHOWN: Final = ("edit_id", "by", "why", "proposed_at", "lapses_at", "event_id", "type", "time")

Id = Annotated[str, typer.Argument(metavar="DL_ID", help="The dead letter's id, as `list` prints it.")]
EditId = Annotated[str, typer.Argument(metavar="EDIT_ID", help="The proposal's id, as `show-edit` prints it.")]
File = Annotated[
    str, typer.Argument(metavar="FILE|-", help="The event's data as they should be, whole, JSON; -: stdin.")
]
Type = Annotated[str | None, typer.Option("--type", help="Its type; left out: as the letter names it.")]
Time = Annotated[str | None, typer.Option("--time", help="Its time, RFC 3339; left out: as the letter says.")]


def edit(
    dl_id: Id,
    file: File,
    why: Annotated[str, typer.Option(help="Why, in a few words; never about a client.")],
    type_: Type = None,
    time: Time = None,
    directory: RunDir = None,
    url: OpsUrl = None,
    key_file: KeyFile = None,
    *,
    json: Json = False,
) -> None:
    """Propose other content for a dead letter's event. Nothing is sent before a second person confirms it."""
    body = {"data": _content(file), "why": why, "type": type_, "time": time}
    answer = Monitor(directory, url, key_file).ask("POST", _where(dl_id), body=body)
    if json:
        terminal.as_json(answer)
    else:
        terminal.line(f"{dl_id}: edit {answer['edit_id']} is proposed; another person confirms or refuses it")


def show_edit(
    dl_id: Id, directory: RunDir = None, url: OpsUrl = None, key_file: KeyFile = None, *, json: Json = False
) -> None:
    """Show what is proposed for a dead letter, by whom and why. That you looked is kept."""
    answer = Monitor(directory, url, key_file).ask("GET", _where(dl_id))
    if json:
        terminal.as_json(answer)
        return
    for name in (*_SHOWN, "data"):
        terminal.line(f"{name}: {terminal.printable(answer[name])}")


def confirm_edit(
    dl_id: Id,
    edit_id: EditId,
    directory: RunDir = None,
    url: OpsUrl = None,
    key_file: KeyFile = None,
    *,
    json: Json = False,
) -> None:
    """Send the event that somebody else proposed, in the dead letter's place, as its sender's."""
    answer = Monitor(directory, url, key_file).ask("POST", f"{_where(dl_id)}/confirm", body={"edit_id": edit_id})
    if json:
        terminal.as_json(answer)
    else:
        terminal.line(f"{dl_id}: edited; its event is {answer['event_id']}")


def refuse_edit(
    dl_id: Id,
    edit_id: EditId,
    directory: RunDir = None,
    url: OpsUrl = None,
    key_file: KeyFile = None,
    *,
    json: Json = False,
) -> None:
    """Take a proposal away, also your own: the dead letter stands as before."""
    answer = Monitor(directory, url, key_file).ask("POST", f"{_where(dl_id)}/refuse", body={"edit_id": edit_id})
    if json:
        terminal.as_json(answer)
    else:
        terminal.line(f"{dl_id}: the edit is refused")


def _where(dl_id: str) -> str:
    return f"/v1/dead-letters/{segment(dl_id)}/edit"


def _content(file: str) -> dict[str, Any]:
    """Raises `VerbError`."""
    try:
        content = json_.loads(sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise VerbError(f"{file}: no JSON can be read there: {error}") from error
    if not isinstance(content, dict):
        raise VerbError(f"{file}: an event's data are a JSON object, in braces")
    return content
