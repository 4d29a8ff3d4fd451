"""`lahete redrives`: dead letters that are sent again as one thing, how far each is, and steering one."""

from typing import Annotated, Final

import typer

from cli import terminal
from cli.ask import Monitor, segment
from cli.options import Json, KeyFile, OpsUrl, RunDir
from cli.redrive import WHERE, entries, summary

app = typer.Typer(no_args_is_help=True, help="Redrives of many dead letters, and what came of them.")

_COLUMNS: Final = (
    "redrive_id",
    "state",
    "by",
    "created",
    "chosen",
    "sent",
    "resolved",
    "refused",
    "waits",
    "unanswered",
    "why",
)

Id = Annotated[str, typer.Argument(metavar="REDRIVE_ID", help="Its id, as `list` prints it.")]
State = Annotated[str | None, typer.Option(help="In this state, such as running.")]
After = Annotated[str | None, typer.Option(help="Go on after this cursor.")]


@app.command("list")
def list_(
    state: State = None,
    after: After = None,
    directory: RunDir = None,
    url: OpsUrl = None,
    key_file: KeyFile = None,
    *,
    json: Json = False,
) -> None:
    """List redrives, the newest first."""
    answer = Monitor(directory, url, key_file).ask("GET", WHERE, {"state": state, "after": after})
    if json:
        terminal.as_json(answer)
        return
    terminal.table(_COLUMNS, [[one[column] for column in _COLUMNS] for one in answer["redrives"]])
    if answer["next"]:
        terminal.complain(f"there are more: --after {answer['next']}")


@app.command()
def show(
    redrive_id: Id, directory: RunDir = None, url: OpsUrl = None, key_file: KeyFile = None, *, json: Json = False
) -> None:
    """Show one, with what became of each of its letters."""
    monitor = Monitor(directory, url, key_file)
    one = monitor.ask("GET", f"{WHERE}/{segment(redrive_id)}")
    letters = list(entries(monitor, redrive_id))
    if json:
        terminal.as_json({**one, "entries": letters})
        return
    terminal.line(summary(one))
    terminal.table(
        ("dl_id", "outcome", "reason"), [(each["dl_id"], each["outcome"], each["reason"]) for each in letters]
    )


@app.command()
def pause(
    redrive_id: Id, directory: RunDir = None, url: OpsUrl = None, key_file: KeyFile = None, *, json: Json = False
) -> None:
    """Pause one: what is sent already gets its answer."""
    _steer(Monitor(directory, url, key_file), redrive_id, "pause", json=json)


@app.command()
def resume(
    redrive_id: Id, directory: RunDir = None, url: OpsUrl = None, key_file: KeyFile = None, *, json: Json = False
) -> None:
    """Let one go on that is paused or has stopped, from one letter again."""
    _steer(Monitor(directory, url, key_file), redrive_id, "resume", json=json)


@app.command()
def cancel(
    redrive_id: Id, directory: RunDir = None, url: OpsUrl = None, key_file: KeyFile = None, *, json: Json = False
) -> None:
    """End one for good."""
    _steer(Monitor(directory, url, key_file), redrive_id, "cancel", json=json)


def _steer(monitor: Monitor, redrive_id: str, action: str, *, json: bool) -> None:
    answer = monitor.ask("POST", f"{WHERE}/{segment(redrive_id)}/{action}")
    if json:
        terminal.as_json(answer)
    else:
        terminal.line(f"{redrive_id}: {action}")
