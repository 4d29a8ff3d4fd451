"""`lahete backup` and `lahete restore`: the whole state of a run in its folder. See docs/guides/operations.md."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from cli import terminal
from cli.failure import VerbError
from cli.options import DEFAULT_DIR, Dir
from deploy.local.copies import copy_folder
from deploy.local.state import Folder, claim, form_in, supervisor_of


def backup(
    to: Annotated[Path, typer.Argument(help="A place where nothing is yet.", file_okay=False)],
    directory: Dir = DEFAULT_DIR,
) -> None:
    """Copy what a run keeps, while nothing runs: its state, keys and grants; of --engine java Kafka's log as well.

    A service's file alone, copied while it runs, would be older than what Kafka knows it to have read.
    """
    folder = _of_a_platform(directory)
    with claim(folder):
        copy_folder(folder, to.resolve())
        for line in _left(folder):
            terminal.complain(f"left: {line}; where Kafka's log was in memory, let its senders send again")
    terminal.line(f"{to} holds what {directory} kept; it is for its owner alone, keys and all")


def _left(folder: Folder) -> Iterator[str]:
    """The work that the latest run left."""
    if folder.run.exists():
        yield f"the latest run in {folder.path} was killed"
        return
    with suppress(FileNotFoundError):
        yield from json.loads(folder.stopped.read_text())["left"]


def restore(
    source: Annotated[Path, typer.Argument(help="What `lahete backup` made.", exists=True, file_okay=False)],
    directory: Dir = DEFAULT_DIR,
) -> None:
    """Put what `lahete backup` made where nothing is, to be run there. The backup stays as it is."""
    backed_up = _of_a_platform(source)
    if supervisor_of(backed_up) is not None:
        raise VerbError(f"a platform runs in {source}: what is to be restored is a copy that `lahete backup` made")
    copy_folder(backed_up, directory.resolve())
    terminal.line(
        f"{directory} is as it was; start it, let all senders send again what they sent since the backup (what is known is "
        "recognised), and all partners read their feed from after=0"
    )


def _of_a_platform(directory: Path) -> Folder:
    folder = Folder(directory.resolve())
    if not folder.version.exists():
        raise VerbError(f"{directory} holds no state of a platform")
    form_in(folder)
    return folder
