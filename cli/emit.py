"""`lahete emit`."""

import os
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cli import terminal
from cli.ask import client, key_of, running
from cli.emitting import Refused, Sender, Told
from cli.failure import VerbError
from cli.options import DEFAULT_DIR, Dir, Json

DOOR = "referral"

STANDARD_INPUT = Path("-")


def _readable(text: str) -> Path:
    """A file that is there, or standard input. Typer's own check takes `-` for a file's name where a path is made of it."""
    path = Path(text)
    if path == STANDARD_INPUT or (path.exists() and not path.is_dir() and os.access(path, os.R_OK)):
        return path
    raise typer.BadParameter(f"{text}: is no file that can be read; - is standard input")


File = Annotated[Path, typer.Argument(help="The file; - is standard input.", parser=_readable, metavar="FILE")]


def emit(file: File, directory: Dir = DEFAULT_DIR, *, json: Json = False) -> None:
    """Send events, JSON Lines of structured CloudEvents, each with the key of its source.

    A line refused is printed with its number and reason and does not stop the rest; exit code 1 then.
    """
    with ExitStack() as stack:
        lines: Iterable[bytes] = sys.stdin.buffer if file == STANDARD_INPUT else stack.enter_context(file.open("rb"))
        told = send(lines, directory, json=json)
    if told.refused:
        raise typer.Exit(1)


def send(lines: Iterable[bytes], directory: Path, *, json: bool) -> Told:
    """Sends lines to the run in the folder and prints what became of them. Raises `VerbError`."""
    folder, run = running(directory)
    if DOOR not in run.urls:
        raise VerbError(f"no {DOOR} runs in {folder.path}")
    with client(run.urls[DOOR], None) as door:
        told = Sender(door, partial(key_of, folder), _quiet if json else _complain).send(lines)
    if json:
        refused = [{"line": one.line, "reason": one.reason} for one in told.refused]
        terminal.as_json({"accepted": told.accepted, "refused": refused})
    else:
        terminal.line(f"{told.accepted} accepted, {len(told.refused)} refused")
    return told


def _complain(refused: Refused) -> None:
    terminal.complain(f"line {refused.line}: {refused.reason}")


def _quiet(_: Refused) -> None:
    """With --json all are printed at the end."""
