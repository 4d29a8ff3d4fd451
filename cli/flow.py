"""`lahete flow`."""

from typing import Final

from cli import terminal
from cli.ask import Monitor
from cli.options import Json, KeyFile, OpsUrl, RunDir

_COLUMNS: Final = ("sender", "name", "to", "state", "events", "refused", "delay")


def flow(directory: RunDir = None, url: OpsUrl = None, key_file: KeyFile = None, *, json: Json = False) -> None:
    """Which classes came from whom to whom in a week; undeclared ones stand first, then those that have stopped."""
    found = Monitor(directory, url, key_file).ask("GET", "/v1/flow")
    if json:
        terminal.as_json(found)
    else:
        terminal.table(_COLUMNS, [[one[column] for column in _COLUMNS] for one in found["edges"]])
