"""`lahete trace`."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from cli import terminal
from cli.ask import Monitor, segment
from cli.options import Json, KeyFile, OpsUrl, RunDir

_COLUMNS: Final = ("time", "after", "source", "type", "id", "outcome", "told", "codes")
_FAILED: Final = ".NotificationFailed.v1"

Shown = Mapping[str, Any]


def trace(
    asked: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="A referral's id or its code, an event's id, a dead letter's, or an activity's."
        ),
    ],
    source: Annotated[
        str | None, typer.Option("--source", help="Whose it is, where several have one id: /opisto/tampere.")
    ] = None,
    directory: RunDir = None,
    url: OpsUrl = None,
    key_file: KeyFile = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="The steps between services too.")] = False,
    json: Json = False,
) -> None:
    """Every event of a referral, causes first: what became of it, how long it took, whom it was told.

    Dead letters as they stand, what is awaited from whom, who looked.
    """
    answer = Monitor(directory, url, key_file).ask("GET", f"/v1/traces/{segment(asked)}", {"source": source})
    if json:
        terminal.as_json(answer)
        return
    told = _told(answer["deliveries"])
    events = [one for one in answer["events"] if all_ or not one["machinery"]]
    terminal.table(_COLUMNS, [_row(one, told.get(one["id"], ())) for one in events])
    for line in _beside(answer, told.keys() - {one["id"] for one in events}):
        terminal.line(line)
    if not all_ and (folded := _folded(answer)):
        terminal.line(folded)


def _row(event: Shown, told: Sequence[str]) -> tuple[object, ...]:
    codes = [f"{name}={code}" for name, code in event["codes"].items()]
    after, type_ = _after(event), terminal.short(event["type"])
    return event["time"], after, event["source"], type_, event["id"], event["outcome"], [*told], codes


def _after(one: Shown) -> str:
    return "" if one["delay_seconds"] is None else f"+{one['delay_seconds']:.3f} s"


def _told(deliveries: Sequence[Shown]) -> Mapping[str | None, list[str]]:
    """To whom each event was told, by the event's id."""
    told: defaultdict[str | None, list[str]] = defaultdict(list)
    for one in deliveries:
        if not one["machinery"]:
            whom = one["to"] or "somebody"
            told[one["about"]].append(f"{whom}, in vain" if one["type"].endswith(_FAILED) else whom)
    return told


def _beside(answer: Shown, unseen: set[str | None]) -> Iterator[str]:
    """What stands below the table."""
    if standing := answer["standing"]:
        yield _stands(standing)
    yield from map(_as_it_stands, answer["dead_letters"])
    for one in answer["deliveries"]:
        if not one["machinery"] and one["about"] in unseen:
            yield f"{terminal.short(one['type'])} {one['recorded_at']} to {one['to']} because of {one['causationid']}"
    for look in answer["looks"]:
        allowed = look["ground"] if look["allowed"] else "denied"
        yield f"looked: {look['recorded_at']} {look['who']} {look['action']} ({allowed})"
    for one in answer["more"]:
        whose = f"{one['source']} said more{' ' + one['name'] if one['name'] else ''}"
        yield f"{whose} than is shown: the first and the last stand here"
    for service in answer["silent"]:
        yield f"{service} does not answer what became of its events"


def _stands(standing: Shown) -> str:
    where = f"it stands at {standing['status']}, {'closed' if standing['closed'] else 'not closed'}"
    if not (awaited := standing["awaited"]):
        return f"{where}; nothing is awaited"
    when = f"since {awaited['since']}, until {awaited['due_at']}{', late' if awaited['late'] else ''}"
    return f"{where}; {awaited['what']} is awaited from {awaited['concerns']} {when}; reminders: {awaited['reminders']}"


def _folded(answer: Shown) -> str:
    folded = Counter(
        terminal.short(one["type"]) for one in [*answer["events"], *answer["deliveries"]] if one["machinery"]
    )
    which = ", ".join(f"{name} {count}" for name, count in sorted(folded.items()))
    return f"steps between services are folded away: {which}; --all shows them" if folded else ""


def _as_it_stands(letter: Shown) -> str:
    tried = f"tried {letter['attempts']} times" if letter["attempts"] != 1 else "tried once"
    return f"dead letter {letter['dl_id']} is {letter['state']}, {tried}: {letter['reason']}: {letter['error']}"
