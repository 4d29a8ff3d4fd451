"""`lahete doctor`."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import typer

from cli import terminal
from cli.ask import Monitor, cluster_of, named_address, running
from cli.failure import VerbError
from cli.options import DEFAULT_DIR, Json, KeyFile, OpsUrl, RunDir
from shared.kafka.there import topics_there

_START: Final = "Start the monitor, and look at its log's last lines; or mend --url."
_MARKS: Final = {"ok": "ok", "failed": "FAILED", "not_asked": "not asked"}


def doctor(directory: RunDir = None, url: OpsUrl = None, key_file: KeyFile = None, *, json: Json = False) -> None:
    """Whether the platform can work: checks, each behind those that it stands on, and what to do where one failed.

    Exit code 1 where one failed, or the monitor does not answer.
    """
    answer = _asked(Monitor(directory, url, key_file), directory, url)
    if json:
        terminal.as_json(answer)
    else:
        for check in answer["checks"]:
            terminal.line(_line(check))
    if not answer["all_ok"]:
        raise typer.Exit(1)


def _asked(monitor: Monitor, directory: Path | None, url: str | None) -> dict[str, Any]:
    """The monitor's own checks behind the one that it answers; without it, what can be looked at from here."""
    try:
        answer = monitor.ask("GET", "/v1/checks")
    except VerbError as error:
        return {"all_ok": False, "checks": [_check("monitor", str(error), _START), *_without_it(directory, url)]}
    return {**answer, "checks": [_check("monitor", "", _START), *answer["checks"]]}


def _without_it(directory: Path | None, url: str | None) -> Iterator[dict[str, Any]]:
    if named_address(directory, url):
        return
    _, run = running(directory or DEFAULT_DIR)
    try:
        asyncio.run(topics_there(cluster_of(run)))
    except OSError as error:
        yield _check("kafka", str(error), "Start Kafka, or mend LAHETE_KAFKA and the login; the line says which.")
    else:
        yield _check("kafka", "", "")


def _check(name: str, said: str, advice: str) -> dict[str, Any]:
    state = "failed" if said else "ok"
    return {"name": name, "service": None, "state": state, "said": said, "advice": advice, "needs": []}


def _line(check: dict[str, Any]) -> str:
    line = f"{_MARKS[check['state']]:<9} {check['name']}"
    if check["state"] == "not_asked":
        return f"{line}: it stands on {', '.join(check['needs'])}"
    return f"{line}: {check['said']}. {check['advice']}" if check["state"] == "failed" else line
