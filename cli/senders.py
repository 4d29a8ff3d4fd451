"""`lahete senders`."""

from typing import Annotated, Final

import typer

from cli import terminal
from cli.ask import Monitor
from cli.options import Json, KeyFile, OpsUrl, RunDir

_COLUMNS: Final = ("sender", "usual", "last_at", "today", "week", "refused", "ahead_seconds")
_SENT: Final = ("day", "type", "events", "refused")


def senders(
    sender: Annotated[str | None, typer.Argument(help="What this one sent a day and class: /region/06.")] = None,
    directory: RunDir = None,
    url: OpsUrl = None,
    key_file: KeyFile = None,
    *,
    json: Json = False,
) -> None:
    """Who sends what, and who is unusually silent or loud; of one sender what came, to reconcile with."""
    monitor = Monitor(directory, url, key_file)
    found = monitor.ask("GET", f"/v1/senders{sender or ''}")
    if json:
        terminal.as_json(found)
    elif sender:
        terminal.table(_SENT, [[one[column] for column in _SENT] for one in found["sent"]])
    else:
        terminal.table(_COLUMNS, [[one[column] for column in _COLUMNS] for one in found["senders"]])
