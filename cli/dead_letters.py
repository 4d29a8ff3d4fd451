"""`lahete dead-letters`: lists, shows, redrives and discards dead letters."""

from typing import Annotated, Any

import typer

from cli import terminal
from cli.ask import Monitor, segment
from cli.failure import VerbError
from cli.options import Json, KeyFile, OpsUrl, RunDir

app = typer.Typer(no_args_is_help=True, help="What could not be taken, and what becomes of it.")

_WHERE = "/v1/dead-letters"
_GROUPS = "/v1/dead-letter-groups"
_OF_A_GROUP = ("group", "open", "hour", "day", "week", "service", "reason", "type", "owner", "parked_until", "error")
_COLUMNS = ("dl_id", "state", "reason", "service", "sender", "type", "attempts", "error")

Ids = Annotated[list[str] | None, typer.Argument(metavar="[DL_ID]...", help="Their ids, as `list` prints them.")]
Id = Annotated[str, typer.Argument(metavar="DL_ID", help="Its id, as `list` prints it.")]
Reason = Annotated[str | None, typer.Option(help="Of this reason, such as rejected.")]
Sender = Annotated[str | None, typer.Option(help="Of this sender, such as /region/06.")]
Type = Annotated[str | None, typer.Option("--type", help="Of this type of event.")]
Service = Annotated[str | None, typer.Option(help="Of this service, which refused them.")]
State = Annotated[str | None, typer.Option(help="In this state, such as open.")]
Group = Annotated[str | None, typer.Option(help="Of this group, as `groups` prints it.")]
From = Annotated[str | None, typer.Option("--from", help="From this time on, RFC 3339.")]
After = Annotated[str | None, typer.Option(help="Go on after this cursor.")]
To = Annotated[str | None, typer.Option("--to", help="Before this time, RFC 3339.")]


@app.command("list")
def list_(
    reason: Reason = None,
    sender: Sender = None,
    type_: Type = None,
    service: Service = None,
    state: State = None,
    group: Group = None,
    since: From = None,
    until: To = None,
    after: After = None,
    directory: RunDir = None,
    url: OpsUrl = None,
    key_file: KeyFile = None,
    *,
    json: Json = False,
) -> None:
    """List dead letters, the filters together."""
    filters = _filters(reason, sender, type_, since, until)
    filters |= {"service": service, "state": state, "group": group, "after": after}
    answer = Monitor(directory, url, key_file).ask("GET", _WHERE, filters)
    if json:
        terminal.as_json(answer)
        return
    terminal.table(_COLUMNS, [[letter.get(column) for column in _COLUMNS] for letter in answer["dead_letters"]])
    _further(answer)


def _further(answer: dict[str, Any]) -> None:
    if answer["next"]:
        terminal.complain(f"there are more: --after {answer['next']}")


@app.command()
def groups(
    after: After = None, directory: RunDir = None, url: OpsUrl = None, key_file: KeyFile = None, *, json: Json = False
) -> None:
    """List dead letters by fault, whoever's they are: how many stand open, came within an hour, a day, seven days."""
    answer = Monitor(directory, url, key_file).ask("GET", _GROUPS, {"after": after})
    if json:
        terminal.as_json(answer)
        return
    terminal.table(_OF_A_GROUP, [[one[column] for column in _OF_A_GROUP] for one in answer["groups"]])
    if not answer["complete"]:
        terminal.complain("there are more dead letters than are counted: the newest 100,000 of each count")
    _further(answer)


def _filters(
    reason: str | None, sender: str | None, type_: str | None, since: str | None, until: str | None
) -> dict[str, Any]:
    return {"reason": reason, "sender": sender, "type": type_, "from": since, "to": until}


@app.command()
def show(
    dl_id: Id, directory: RunDir = None, url: OpsUrl = None, key_file: KeyFile = None, *, json: Json = False
) -> None:
    """Show all there is about one."""
    answer = Monitor(directory, url, key_file).ask("GET", f"{_WHERE}/{segment(dl_id)}")
    if json:
        terminal.as_json(answer)
        return
    for name, value in answer.items():
        terminal.line(f"{name}: {terminal.printable(value)}")


@app.command()
def redrive(
    dl_ids: Ids = None,
    reason: Reason = None,
    sender: Sender = None,
    type_: Type = None,
    since: From = None,
    until: To = None,
    directory: RunDir = None,
    url: OpsUrl = None,
    key_file: KeyFile = None,
    *,
    json: Json = False,
) -> None:
    """Send dead letters again to the service that refused them: those named, or all that the filters choose."""
    filters = _filters(reason, sender, type_, since, until)
    if bool(dl_ids) == any(value is not None for value in filters.values()):
        raise typer.BadParameter("name dead letters, or choose them by a filter, one of the two")
    monitor = Monitor(directory, url, key_file)
    _each(dl_ids or _open_ones(monitor, filters), "redrive", monitor, json=json)


def _open_ones(monitor: Monitor, filters: dict[str, Any]) -> list[str]:
    """The ids that the filters choose, the oldest first: so the monitor sends them in the order in which they came."""
    found: list[str] = []
    after: str | None = None
    while True:
        answer = monitor.ask("GET", _WHERE, filters | {"after": after, "limit": 500})
        found += [letter["dl_id"] for letter in answer["dead_letters"] if letter["state"] == "open"]
        if not answer.get("next") or answer["next"] == after:
            return found[::-1]
        after = answer["next"]


@app.command()
def discard(
    dl_ids: Annotated[list[str], typer.Argument(metavar="DL_ID...", help="Their ids, as `list` prints them.")],
    directory: RunDir = None,
    url: OpsUrl = None,
    key_file: KeyFile = None,
    *,
    json: Json = False,
) -> None:
    """Set dead letters aside for good: they are not sent again."""
    _each(dl_ids, "discard", Monitor(directory, url, key_file), json=json)


def _each(dl_ids: list[str], verb: str, monitor: Monitor, *, json: bool) -> None:
    """A refused one does not stop the rest; exit code 1 then."""
    answers = []
    failed = False
    for dl_id in dl_ids:
        try:
            answers.append(monitor.ask("POST", f"{_WHERE}/{segment(dl_id)}/{verb}"))
        except VerbError as error:
            failed = True
            terminal.complain(f"{dl_id}: {error}")
            continue
        if not json:
            terminal.line(f"{dl_id}: {verb}")
    if json:
        terminal.as_json(answers)
    if failed:
        raise typer.Exit(1)
