"""`lahete emit`."""

import os
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from cli import terminal
from cli.ask import Reach, client, reach
from cli.emitting import EmitResult, Refused, Sender
from cli.failure import VerbError
from cli.options import DoorUrl, Json, KeyFile, RunDir

DOOR = "referral"

STANDARD_INPUT = Path("-")


def _readable(text: str) -> Path:
    """An existing file, or standard input. Typer's own check takes `-` for a file's name when it makes a path."""
    path = Path(text)
    if path == STANDARD_INPUT or (path.exists() and not path.is_dir() and os.access(path, os.R_OK)):
        return path
    raise typer.BadParameter(f"{text}: is no file that can be read; - is standard input")


File = Annotated[Path, typer.Argument(help="The file; - is standard input.", parser=_readable, metavar="FILE")]


def emit(
    file: File, directory: RunDir = None, url: DoorUrl = None, key_file: KeyFile = None, *, json: Json = False
) -> None:
    """Send events, JSON Lines of structured CloudEvents, each with the key of its source.

    A line refused is printed with its number and reason and does not stop the rest; exit code 1 then.
    """
    door = reach(DOOR, directory, url, key_file)
    with ExitStack() as stack:
        lines: Iterable[bytes] = standard_input() if file == STANDARD_INPUT else stack.enter_context(file.open("rb"))
        result = send(lines, door, json=json)
    if result.refused:
        raise typer.Exit(1)


def standard_input() -> BinaryIO:
    """Raises `VerbError` where who started the verb has closed it."""
    if not sys.stdin:
        raise VerbError("standard input is closed: there is nothing to read from -")
    return sys.stdin.buffer


def send(lines: Iterable[bytes], door: Reach, *, json: bool) -> EmitResult:
    """Sends lines to a door and prints the result. Raises `VerbError`."""
    with client(door.url, None, from_afar=door.from_afar) as connected:
        sender = Sender(connected, door.key_of, _quiet if json else _complain)
        try:
            result = sender.send(lines)
        except KeyboardInterrupt:
            told = f"{sender.result.accepted} accepted, {len(sender.result.refused)} refused"
            terminal.complain(f"broken off, {told}; send all of it again: what was taken is recognised")
            raise
    if json:
        refused = [{"line": one.line, "reason": one.reason} for one in result.refused]
        terminal.as_json({"accepted": result.accepted, "refused": refused})
    else:
        terminal.line(f"{result.accepted} accepted, {len(result.refused)} refused")
    return result


def _complain(refused: Refused) -> None:
    terminal.complain(f"line {refused.line}: {refused.reason}")


def _quiet(_: Refused) -> None:
    """With --json all are printed at the end."""
