"""`lahete readers`."""

from typing import Final

from cli import terminal
from cli.ask import Monitor
from cli.options import Json, KeyFile, OpsUrl, RunDir

_COLUMNS: Final = ("partner", "behind", "unread_since", "looked_at", "laid", "read")
_MOST: Final = "500"


def readers(directory: RunDir = None, url: OpsUrl = None, key_file: KeyFile = None, *, json: Json = False) -> None:
    """How far each partner has read its feed; who left something unread for longest stands first."""
    found = Monitor(directory, url, key_file).ask("GET", "/v1/readers", {"limit": _MOST})
    if json:
        terminal.as_json(found)
        return
    terminal.table(_COLUMNS, [[one[column] for column in _COLUMNS] for one in found["readers"]])
    if found["next"]:
        terminal.complain(f"these are the first {_MOST}; --json and GET /v1/readers?after={found['next']} go on")
