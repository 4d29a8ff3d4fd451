"""`lahete dead-letters redrive`: many dead letters are sent again as one thing, which is watched to its end."""

import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import typer

from cli import terminal
from cli.ask import Monitor, segment
from cli.options import Json, KeyFile, OpsUrl, RunDir

WHERE: Final = "/v1/redrives"
_EVERY_S: Final = 0.5
_TRIED: Final = ("dl_id", "would", "why")

Why = Annotated[str | None, typer.Option(help="Why they are sent again, in a few words; never about a client.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would become of them; change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
GoOn = Annotated[bool, typer.Option("--go-on", help="Do not stop where one is refused again.")]
AMinute = Annotated[int, typer.Option(min=1, max=60_000, help="How many a minute at most.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait for the end.")]
Ids = Annotated[list[str] | None, typer.Argument(metavar="[DL_ID]...", help="Their ids, as `list` prints them.")]
Reason = Annotated[str | None, typer.Option(help="Of this reason, such as rejected.")]
Service = Annotated[str | None, typer.Option(help="Of this service, which refused them.")]
Sender = Annotated[str | None, typer.Option(help="Of this sender, such as /region/06.")]
Type = Annotated[str | None, typer.Option("--type", help="Of this type of event.")]
Group = Annotated[str | None, typer.Option(help="Of this group, as `groups` prints it.")]
From = Annotated[str | None, typer.Option("--from", help="From this time on, RFC 3339.")]
To = Annotated[str | None, typer.Option("--to", help="Until this time, RFC 3339.")]


def redrive(
    dl_ids: Ids = None,
    reason: Reason = None,
    service: Service = None,
    sender: Sender = None,
    type_: Type = None,
    group: Group = None,
    since: From = None,
    until: To = None,
    why: Why = None,
    a_minute: AMinute = 600,
    directory: RunDir = None,
    url: OpsUrl = None,
    key_file: KeyFile = None,
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    go_on: GoOn = False,
    no_wait: NoWait = False,
    json: Json = False,
) -> None:
    """Send dead letters again to the service that refused them: those named, or all open ones that the filters choose.

    One goes first, then ten, then a hundred at a time; it stops where one is refused again. Exit code 1 unless all are
    resolved.
    """
    named = {"reason": reason, "service": service, "sender": sender, "type": type_, "group": group}
    chosen = {name: value for name, value in {**named, "since": since, "until": until}.items() if value is not None}
    if bool(dl_ids) == bool(chosen):
        raise typer.BadParameter("name dead letters, or choose them by a filter, one of the two")
    if dl_ids:
        chosen["dl_ids"] = dl_ids  # type: ignore[assignment]
    if not (why or dry_run):
        raise typer.BadParameter("say --why they are sent again")
    monitor = Monitor(directory, url, key_file)
    forecast = monitor.ask("POST", f"{WHERE}/dry-run", body={**chosen, "most": 500 if dry_run else 0})
    if dry_run:
        _show_forecast(forecast, json=json)
        return
    if forecast["chosen"] > 1:
        terminal.must_agree(f"{forecast['chosen']} dead letters are chosen. Send them again?", yes=yes)
    ordered = monitor.ask("POST", WHERE, body={**chosen, "why": why, "a_minute": a_minute, "stop_on_error": not go_on})
    if no_wait:
        _show_order(ordered, json=json)
    else:
        _watch(monitor, ordered["redrive_id"], json=json)


def _show_forecast(forecast: Mapping[str, Any], *, json: bool) -> None:
    if json:
        terminal.as_json(forecast)
        return
    terminal.table(_TRIED, [[one[column] for column in _TRIED] for one in forecast["letters"]])
    would = ", ".join(f"{count} {name}" for name, count in sorted(forecast["would"].items()))
    terminal.complain(f"{forecast['chosen']} are chosen; of {forecast['tried']} that were tried: {would}")


def _show_order(ordered: Mapping[str, Any], *, json: bool) -> None:
    if json:
        terminal.as_json(ordered)
    else:
        terminal.line(f"redrive {ordered['redrive_id']} of {ordered['chosen']} dead letters begins")


def _watch(monitor: Monitor, redrive_id: str, *, json: bool) -> None:
    """Waits for the end; says what became of each letter that is not resolved, and then ends with 1."""
    terminal.complain(f"redrive {redrive_id} begins, and goes on whoever watches: `lahete redrives show {redrive_id}`")
    end = _end(monitor, redrive_id)
    left = [one for one in entries(monitor, redrive_id) if one["outcome"] != "resolved"]
    if json:
        terminal.as_json({**end, "unresolved": left})
    else:
        for one in left:
            terminal.line(f"{one['dl_id']}: {one['outcome']} {one['reason']}".rstrip())
        terminal.line(summary(end))
    if end["resolved"] < end["chosen"]:
        raise typer.Exit(1)


def _end(monitor: Monitor, redrive_id: str) -> dict[str, Any]:
    while True:
        # It is there once the monitor has read the order.
        answer = monitor.answer("GET", f"{WHERE}/{segment(redrive_id)}")
        if answer.status_code != 404:
            found: dict[str, Any] = monitor.ask("GET", f"{WHERE}/{segment(redrive_id)}")
            if found["state"] != "running":
                return found
        time.sleep(_EVERY_S)


def entries(monitor: Monitor, redrive_id: str) -> Iterator[dict[str, Any]]:
    """What became of each letter, in order of the answers."""
    after: str | None = "0"
    while after is not None:
        page = monitor.ask("GET", f"{WHERE}/{segment(redrive_id)}/entries", {"after": after, "limit": 500})
        yield from page["entries"]
        after = page["next"]


def summary(one: Mapping[str, Any]) -> str:
    """A redrive in one line."""
    counts = ", ".join(
        f"{one[name]} {name}" for name in ("resolved", "refused", "skipped", "waits", "unanswered", "outstanding")
    )
    said = f" ({one['said']})" if one["said"] else ""
    return (
        f"redrive {one['redrive_id']} is {one['state']}{said}: of {one['chosen']} chosen {one['sent']} sent, {counts}"
    )
