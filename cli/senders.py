"""`lahete senders`."""

import re
from typing import Annotated, Final, Literal

import typer

from cli import terminal
from cli.ask import Monitor
from cli.options import Json, KeyFile, OpsUrl, RunDir

_COLUMNS: Final = ("sender", "usual", "last_at", "today", "week", "repeated", "refused", "ahead_seconds")
_SENT: Final = ("day", "type", "events", "repeated", "refused")
_SENDER: Final = re.compile(r"/[a-z]+/[a-z0-9.-]*[a-z0-9-][a-z0-9.-]*")
"""Nothing that would lead to another address."""
_VIOLATIONS: Final = ("count", "type", "reason", "pointer", "first", "last", "error")


def senders(
    sender: Annotated[str | None, typer.Argument(help="What this one sent a day and class: /region/06.")] = None,
    directory: RunDir = None,
    url: OpsUrl = None,
    key_file: KeyFile = None,
    *,
    violations: Annotated[
        bool, typer.Option("--violations", help="What this one did wrong, by class and field, instead.")
    ] = False,
    text: Annotated[
        Literal["fi", "sv", "en"] | None, typer.Option(help="A text about that, to be copied into a mail.")
    ] = None,
    tell: Annotated[
        bool, typer.Option("--tell", help="Put what it did wrong into its feed, once a day at most.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Who sends what, and who is unusually silent or loud; of one sender what came, or what was wrong with it."""
    asks_what_is_wrong = violations or tell or text is not None
    if asks_what_is_wrong and not sender:
        raise typer.BadParameter("name the sender, such as /region/06")
    if sender and not _SENDER.fullmatch(sender):
        raise typer.BadParameter(f"{sender[:60]!r} is no sender, such as /region/06 or /opisto/tampere")
    monitor = Monitor(directory, url, key_file)
    if tell:
        _tell(monitor, f"/v1/senders{sender}/violations", yes=yes, json=json)
        return
    found = monitor.ask("GET", f"/v1/senders{sender or ''}{'/violations' if asks_what_is_wrong else ''}")
    if json:
        terminal.as_json(found)
    elif text:
        for line in found["texts"][text].splitlines():
            terminal.line(line)
    elif violations:
        terminal.table(_VIOLATIONS, [[one[column] for column in _VIOLATIONS] for one in found["violations"]])
        if others := found["others"]["count"]:
            terminal.complain(f"besides these {others} dead letters of {found['others']['faults']} further faults")
    elif sender:
        terminal.table(_SENT, [[one[column] for column in _SENT] for one in found["sent"]])
    else:
        terminal.table(_COLUMNS, [[one[column] for column in _COLUMNS] for one in found["senders"]])


def _tell(monitor: Monitor, path: str, *, yes: bool, json: bool) -> None:
    found = monitor.ask("GET", path)
    terminal.must_agree(f"Tell {found['sender']} in its feed of {len(found['violations'])} violations?", yes=yes)
    told = monitor.ask("POST", f"{path}/report")
    if json:
        terminal.as_json(told)
    else:
        terminal.line(f"{told['sender']} is told of {told['violations']} violations, again from {told['again_at']} on")
