"""`lahete trace`."""

from typing import Annotated

import typer

from cli import terminal
from cli.ask import ask_monitor, segment
from cli.options import DEFAULT_DIR, Dir, Json


def trace(
    referral_id: Annotated[str, typer.Argument(help="The referral's id, as its region's system chose it.")],
    directory: Dir = DEFAULT_DIR,
    *,
    json: Json = False,
) -> None:
    """Every event of a referral in causal order, with what became of it; dead letters and deliveries too."""
    answer = ask_monitor(directory, "GET", f"/v1/traces/{segment(referral_id)}")
    if json:
        terminal.as_json(answer)
        return
    columns = ("time", "source", "type", "id", "outcome", "codes")
    terminal.table(columns, [[_short(event, column) for column in columns] for event in answer["events"]])
    for letter in answer["dead_letters"]:
        terminal.line(f"dead letter {letter.get('dl_id')}: {letter.get('reason')}: {letter.get('error')}")
    for delivery in answer["deliveries"]:
        terminal.line(
            f"{_short(delivery, 'type')} {delivery.get('recorded_at')} because of {delivery.get('causationid')}"
        )


def _short(event: dict[str, object], column: str) -> object:
    value = event.get(column)
    if isinstance(value, dict):
        return [f"{name}={code}" for name, code in value.items()]
    return str(value).removeprefix("fi.kulttuurilahete.") if column == "type" else value
