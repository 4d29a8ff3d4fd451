"""`lahete dead-letters`: lists, shows, redrives, edits and discards dead letters."""

from typing import Annotated, Any

import httpx
import typer

from cli import edits, redrive, terminal
from cli.ask import Monitor, problem, segment
from cli.failure import VerbError
from cli.options import Json, KeyFile, OpsUrl, RunDir
from cli.redrive import From, Group, Reason, Sender, Service, To, Type, Yes

app = typer.Typer(no_args_is_help=True, help="What could not be taken, and what becomes of it.")

_WHERE = "/v1/dead-letters"
_GROUPS = "/v1/dead-letter-groups"
_ROWS = 5_000
_OF_A_GROUP = ("group", "open", "hour", "day", "week", "service", "reason", "type", "owner", "parked_until", "error")
_COLUMNS = ("dl_id", "state", "reason", "service", "sender", "type", "attempts", "error")

Named = Annotated[list[str], typer.Argument(metavar="DL_ID...", help="Their ids, as `list` prints them.")]
Id = Annotated[str, typer.Argument(metavar="DL_ID", help="Its id, as `list` prints it.")]
State = Annotated[str | None, typer.Option(help="In this state, such as open.")]
After = Annotated[str | None, typer.Option(help="Go on after this cursor.")]


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
    filters = {"reason": reason, "sender": sender, "type": type_, "service": service, "state": state, "group": group}
    asked = filters | {"from": since, "to": until, "after": after}
    answer = Monitor(directory, url, key_file).ask("GET", _WHERE, asked)
    if json:
        terminal.as_json(answer)
        return
    terminal.table(_COLUMNS, [[letter.get(column) for column in _COLUMNS] for letter in answer["dead_letters"]])
    _further(answer)


def _further(answer: dict[str, Any]) -> None:
    if answer["next"]:
        terminal.complain(f"there are more: --after {answer['next']}")


@app.command()
def export(
    reason: Reason = None,
    sender: Sender = None,
    type_: Type = None,
    service: Service = None,
    state: State = None,
    group: Group = None,
    since: From = None,
    until: To = None,
    directory: RunDir = None,
    url: OpsUrl = None,
    key_file: KeyFile = None,
) -> None:
    """Write all that the filters choose as CSV, the newest first: lines for a spreadsheet, in which nothing is a formula."""
    filters = {"reason": reason, "sender": sender, "type": type_, "service": service, "state": state, "group": group}
    monitor = Monitor(directory, url, key_file)
    asked: dict[str, Any] = filters | {"from": since, "to": until, "limit": _ROWS}
    heads = True
    while asked:
        page = monitor.answer("GET", f"{_WHERE}.csv", asked)
        if page.is_error:
            raise VerbError(problem(page))
        typer.echo(page.content if heads else page.content.partition(b"\r\n")[2], nl=False)
        heads = False
        asked = dict(httpx.URL(page.links["next"]["url"]).params) if "next" in page.links else {}


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


@app.command()
def note(
    group: Annotated[str, typer.Argument(metavar="GROUP", help="The group's id, as `groups` prints it.")],
    text: Annotated[str | None, typer.Option("--note", help="What is known of it; never about a client.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who looks after it, such as ops:anna.")] = None,
    link: Annotated[str | None, typer.Option(help="Where the work is followed, by https.")] = None,
    parked_until: Annotated[str | None, typer.Option(help="Until when nobody need look at it, RFC 3339.")] = None,
    directory: RunDir = None,
    url: OpsUrl = None,
    key_file: KeyFile = None,
    *,
    json: Json = False,
) -> None:
    """Note something of a group. What is not named stays as it is; an empty text takes it away."""
    said = {"note": text, "owner": owner, "link": link, "parked_until": parked_until}
    named = {name: value for name, value in said.items() if value is not None}
    if not named:
        raise typer.BadParameter("say what to note: --note, --owner, --link, --parked-until")
    monitor = Monitor(directory, url, key_file)
    where = f"{_GROUPS}/{segment(group)}"
    known = monitor.ask("GET", where)
    whole = {**{name: known[name] for name in said}, **named}
    answer = monitor.ask("PUT", where, body={**whole, "parked_until": whole["parked_until"] or None})
    if json:
        terminal.as_json(answer)
        return
    for name in said:
        terminal.line(f"{name}: {terminal.printable(answer[name])}")


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


app.command("redrive")(redrive.redrive)
app.command("edit")(edits.edit)
app.command("show-edit")(edits.show_edit)
app.command("confirm-edit")(edits.confirm_edit)
app.command("refuse-edit")(edits.refuse_edit)


@app.command()
def discard(
    dl_ids: Named,
    reason: Annotated[str, typer.Option(help="Why, in a few words; never about a client.")],
    directory: RunDir = None,
    url: OpsUrl = None,
    key_file: KeyFile = None,
    *,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Set dead letters aside: they are not sent again. `undo-discard` takes that back until they are removed."""
    if len(dl_ids) > 1:
        terminal.must_agree(f"{len(dl_ids)} dead letters are named. Discard them?", yes=yes)
    _each(dl_ids, "discard", Monitor(directory, url, key_file), {"why": reason}, json=json)


@app.command("undo-discard")
def undo_discard(
    dl_ids: Named,
    directory: RunDir = None,
    url: OpsUrl = None,
    key_file: KeyFile = None,
    *,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Take discards back: the dead letters stand open again."""
    if len(dl_ids) > 1:
        terminal.must_agree(f"{len(dl_ids)} dead letters are named. Open them again?", yes=yes)
    _each(dl_ids, "undo-discard", Monitor(directory, url, key_file), None, json=json)


def _each(dl_ids: list[str], verb: str, monitor: Monitor, body: object, *, json: bool) -> None:
    """A refused one does not stop the rest; exit code 1 then."""
    answers = []
    failed = False
    for dl_id in dl_ids:
        try:
            answers.append(monitor.ask("POST", f"{_WHERE}/{segment(dl_id)}/{verb}", body=body))
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
