"""`lahete trace`."""

from typing import Annotated

import typer

from cli import terminal
from cli.ask import Monitor, segment
from cli.options import Json, KeyFile, OpsUrl, RunDir


def trace(
    asked: Annotated[
        str, typer.Argument(metavar="ID", help="A referral's id or its code, an event's id, or a dead letter's.")
    ],
    directory: RunDir = None,
    url: OpsUrl = None,
    key_file: KeyFile = None,
    *,
    json: Json = False,
) -> None:
    """Every event of a referral in causal order, with its outcome; dead letters and deliveries too."""
    answer = Monitor(directory, url, key_file).ask("GET", f"/v1/traces/{segment(asked)}")
    if json:
        terminal.as_json(answer)
        return
    columns = ("time", "source", "type", "id", "outcome", "codes")
    terminal.table(columns, [[_short(event, column) for column in columns] for event in answer["events"]])
    for letter in answer["dead_letters"]:
        terminal.line(_as_it_stands(letter))
    for delivery in answer["deliveries"]:
        terminal.line(
            f"{_short(delivery, 'type')} {delivery.get('recorded_at')} because of {delivery.get('causationid')}"
        )


def _as_it_stands(letter: dict[str, object]) -> str:
    tried = f"tried {letter['attempts']} times" if letter["attempts"] != 1 else "tried once"
    return f"dead letter {letter['dl_id']} is {letter['state']}, {tried}: {letter['reason']}: {letter['error']}"


def _short(event: dict[str, object], column: str) -> object:
    value = event.get(column)
    if isinstance(value, dict):
        return [f"{name}={code}" for name, code in value.items()]
    return terminal.short(str(value)) if column == "type" else value
