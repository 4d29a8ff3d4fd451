"""`lahete tail`."""

import time
from collections import Counter
from typing import Annotated, Any, Final

import typer

from cli import terminal
from cli.ask import Monitor
from cli.failure import VerbError
from cli.options import Json, KeyFile, OpsUrl, RunDir

_EVERY: Final = 1.0
_AT_ONCE: Final = 500


def tail(
    directory: RunDir = None,
    url: OpsUrl = None,
    key_file: KeyFile = None,
    *,
    last: Annotated[int, typer.Option("--last", "-n", min=1, max=_AT_ONCE, help="How many of the newest first.")] = 20,
    follow: Annotated[bool, typer.Option(help="Go on as more come, until Ctrl-C.")] = True,
    json: Json = False,
) -> None:
    """The events that come, each a line: when, from whom, of which class, under which id; nothing of what they say.

    In the end how many of each class. With --json a line each, without the sum.
    """
    monitor, counts = Monitor(directory, url, key_file), Counter[str]()
    answer = monitor.ask("GET", "/v1/live", {"limit": last})
    try:
        while True:
            for event in answer["events"]:
                _show(event, json=json)
                counts[event["type"]] += 1
            if not follow:
                break
            answer = _more(monitor, answer["next"])
    except KeyboardInterrupt:
        pass  # this is how a person ends it
    if not json:
        for name, count in counts.most_common():
            terminal.line(f"{count} {terminal.short(name)}")


def _more(monitor: Monitor, after: str) -> Any:
    """The next answer that has events; says once that the monitor is away, and waits for it."""
    is_away = False
    while True:
        try:
            answer = monitor.ask("GET", "/v1/live", {"after": after, "limit": _AT_ONCE})
            if answer["events"] or answer["next"] != after:
                return answer
            is_away = False
        except VerbError as error:
            if not is_away:
                terminal.complain(f"lahete: {error}; trying on")
            is_away = True
        time.sleep(_EVERY)


def _show(event: dict[str, Any], *, json: bool) -> None:
    if json:
        terminal.as_json_line(event)
    else:
        again = f" (seen {event['seen']} times)" if event["seen"] > 1 else ""
        said = (event["recorded_at"], event["source"], terminal.short(event["type"]), event["id"])
        terminal.line("  ".join(map(terminal.printable, said)) + again)
