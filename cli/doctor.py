"""`lahete doctor`."""

from typing import Any, Final

import typer

from cli import terminal
from cli.ask import Monitor
from cli.options import Json, KeyFile, OpsUrl, RunDir

_MARKS: Final = {"ok": "ok", "failed": "FAILED", "not_asked": "not asked"}


def doctor(directory: RunDir = None, url: OpsUrl = None, key_file: KeyFile = None, *, json: Json = False) -> None:
    """Whether the platform can work: checks, each behind those that it stands on, and what to do where one failed.

    Exit code 1 where one failed, or the monitor does not answer.
    """
    answer = Monitor(directory, url, key_file).ask("GET", "/v1/checks")
    if json:
        terminal.as_json(answer)
    else:
        for check in answer["checks"]:
            terminal.line(_line(check))
    if not answer["all_ok"]:
        raise typer.Exit(1)


def _line(check: dict[str, Any]) -> str:
    line = f"{_MARKS[check['state']]:<9} {check['name']}"
    if check["state"] == "not_asked":
        return f"{line}: it stands on {', '.join(check['needs'])}"
    return f"{line}: {check['said']}. {check['advice']}" if check["state"] == "failed" else line
