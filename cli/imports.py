"""`lahete import`: turns what others publish into our events."""

import json as json_
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cli import terminal
from cli.ask import named_address, reach
from cli.emit import DOOR, STANDARD_INPUT, File, send, standard_input
from cli.failure import VerbError
from cli.options import DEFAULT_DIR, DoorUrl, KeyFile, RunDir
from deploy.local.state import Folder, read_run
from edges.linked_events.fields import shown
from edges.linked_events.read import RefusedEvent, convert

app = typer.Typer(no_args_is_help=True, help="Turn what others publish into our events.")


@app.callback()
def _import() -> None:
    """Keeps `linked-events` a verb of its own while it is the only one."""


@app.command("linked-events")
def linked_events(
    file: File,
    opisto: Annotated[str, typer.Option(metavar="ID", help="The opisto that publishes, such as its OPH OID.")],
    municipality: Annotated[
        str | None, typer.Option(metavar="CODE", help="Where activities are held whose place does not say it.")
    ] = None,
    *,
    emit: Annotated[bool, typer.Option("--emit", help="Send them to the run instead of printing them.")] = False,
    directory: RunDir = None,
    url: DoorUrl = None,
    key_file: KeyFile = None,
) -> None:
    """Turn an answer of Linked Events into ActivityPublished, JSON Lines on standard output.

    What cannot be taken is printed on standard error with its reasons. Exit code 1 if nothing could be taken or, with
    --emit, something was refused at the door.
    """
    try:
        events, refusals = convert(
            _document(file), organiser=f"/opisto/{opisto}", now=_now(directory, url), municipality=municipality
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    for refusal in refusals:
        terminal.complain(_line(refusal))
    lines = [json_.dumps(event, ensure_ascii=False) for event in events]
    if emit and lines:
        result = send((line.encode() for line in lines), reach(DOOR, directory, url, key_file), json=False)
        if result.refused:
            raise typer.Exit(1)
    elif not emit:
        for line in lines:
            typer.echo(line)
    if not lines:
        raise VerbError(f"{file}: nothing could be taken, {len(refusals)} refused")


def _document(file: Path) -> object:
    content = standard_input().read() if file == STANDARD_INPUT else file.read_bytes()
    try:
        document: object = json_.loads(content)
    except (ValueError, RecursionError) as error:
        raise VerbError(f"{file}: no JSON: {error}") from error
    return document


def _now(directory: Path | None, url: str | None) -> datetime:
    """The clock by which the doors will judge: that of a run on this machine, else the real one."""
    run = None if named_address(directory, url) else read_run(Folder((directory or DEFAULT_DIR).resolve()))
    return run.platform_clock().now() if run else datetime.now(UTC)


def _line(refusal: RefusedEvent) -> str:
    return f"refused {shown(refusal.id)}: {'; '.join(refusal.reasons)}"
