"""`lahete find`."""

from typing import Annotated, Any, Final

import typer

from cli import terminal
from cli.ask import Monitor
from cli.options import Json, KeyFile, OpsUrl, RunDir

_COLUMNS: Final = ("what", "id", "whose", "stands", "leads to")


def find(
    held: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT",
            help="A referral's id or code, an event's id, a dead letter's, or an activity's, as you hold it.",
        ),
    ],
    directory: RunDir = None,
    url: OpsUrl = None,
    key_file: KeyFile = None,
    *,
    json: Json = False,
) -> None:
    """What an id or a code is, in whatever spelling, and where it leads."""
    found = Monitor(directory, url, key_file).ask("GET", "/v1/found", {"q": " ".join(held)})
    if json:
        terminal.as_json(found)
        return
    terminal.table(_COLUMNS, _rows(found))
    for service in found["silent"]:
        terminal.complain(f"{service} does not answer what became of its events")


def _rows(found: dict[str, list[dict[str, Any]]]) -> list[tuple[object, ...]]:
    return [
        *(
            ("referral", one["referral_id"], None, f"by its {_BY[one['by']]}", one["where"])
            for one in found["referrals"]
        ),
        *(
            (terminal.short(one["type"]), one["id"], one["source"], one["outcome"], one["where"])
            for one in found["events"]
        ),
        *(
            ("dead letter", one["dl_id"], one["service"], f"{one['state']}: {one['reason']}", one["where"])
            for one in found["dead_letters"]
        ),
        *(
            ("activity", one["activity_id"], one["organiser"], _activity(one), one["where"])
            for one in found["activities"]
        ),
    ]


_BY: Final = {"id": "id", "code": "code", "event": "event", "dead_letter": "dead letter"}


def _activity(one: dict[str, Any]) -> str:
    stands = "cancelled" if one["cancelled"] else "published"
    return f"{stands}; {one['placed']} hold a place; {one['events']} events, the last {one['last_at']}"
