"""`lahete overdue`."""

from typing import Annotated, Any, Final

import typer

from cli import terminal
from cli.ask import Monitor
from cli.options import Json, KeyFile, OpsUrl, RunDir
from shared.contracts.fields import LATE_WHATS

_COLUMNS: Final = ("due", "awaited", "from", "reminders", "referral or event", "next session", "owner", "note")
_STEPS: Final = ", ".join(LATE_WHATS)


def overdue(
    what: Annotated[str | None, typer.Option("--what", help=f"Those that await this alone: {_STEPS}.")] = None,
    concerns: Annotated[str | None, typer.Option("--concerns", help="Those of this partner, /opisto/tampere.")] = None,
    directory: RunDir = None,
    url: OpsUrl = None,
    key_file: KeyFile = None,
    *,
    json: Json = False,
) -> None:
    """Referrals whose next step is late, and events that have waited too long for another one, the oldest first."""
    asked = {name: value for name, value in (("what", what), ("concerns", concerns)) if value}
    found = Monitor(directory, url, key_file).ask("GET", "/v1/overdue", asked)
    if json:
        terminal.as_json(found)
        return
    terminal.table(_COLUMNS, map(_row, found["overdue"]))
    terminal.line(_people(found["counted"]))
    if found["next"]:
        terminal.complain(f"these are the oldest {len(found['overdue'])}; --what and --concerns narrow them")


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    care, event = one["care"] or {}, one["event"]
    which = f"{event['id']} waits for {event['waits_for']}" if event else one["referral_id"]
    awaited = terminal.short(event["type"]) if event else one["what"]
    if at := one["activity"]:
        which = f"{which} at {at['organiser']} {at['activity_id']}"
    return (
        one["due_at"],
        awaited,
        one["concerns"],
        one["reminders"],
        which,
        one["session_at"],
        care.get("owner"),
        care.get("note"),
    )


def _people(counted: dict[str, Any]) -> str:
    more = " or more" if counted["more"] else ""
    soon = counted["session_within_a_week"]
    return f"{counted['referrals']}{more} referrals, {soon} with a session within a week; {counted['events']} events"
