"""The `lahete` command: its verbs, each in a file of its own, and how faults end it.

Exit codes: 0 done, 1 failed, 2 wrong use, 130 broken off by Ctrl-C. A foreseeable fault is one line on standard error.
"""

import logging
import sys
import tomllib
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Final

import typer

from cli import (
    acls,
    backup,
    contracts,
    dead_letters,
    demo,
    doctor,
    emit,
    find,
    flow,
    imports,
    key,
    logins,
    overdue,
    readers,
    redrives,
    restart,
    run,
    senders,
    settings,
    setup,
    status,
    tail,
    terminal,
    topics,
    trace,
)
from cli.failure import VerbError
from deploy.embedded_broker.control import REPOSITORY, EmbeddedBrokerError
from deploy.java.jars import JavaError
from deploy.kafka.topics import TopicsError
from deploy.local.state import EmbeddedError
from shared.process.settings import check_names

app = typer.Typer(
    name="lahete",
    help="Kulttuurilähete: the road between wellbeing services counties and adult education centres.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _show_version(asked: bool) -> None:  # noqa: FBT001 - typer hands an option's value over like this
    if asked:
        terminal.line(f"lahete {_version()}")
        raise typer.Exit


def _version() -> str:
    try:
        return version("kulttuurilahete")
    except PackageNotFoundError:  # in the image, where the source is not installed
        written: str = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
        return written


@app.callback()
def _lahete(
    *,
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of the command itself."""


app.command()(demo.demo)
app.command()(run.run)
app.command()(run.stop)
app.command("restart")(restart.restart_)
app.command()(backup.backup)
app.command()(backup.restore)
app.command()(status.status)
app.command()(doctor.doctor)
app.command()(emit.emit)
app.add_typer(imports.app, name="import")
app.command()(find.find)
app.command()(trace.trace)
app.command()(tail.tail)
app.command()(status.lag)
app.command()(overdue.overdue)
app.command()(readers.readers)
app.command()(flow.flow)
app.command()(senders.senders)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(redrives.app, name="redrives")
app.add_typer(key.app, name="key")
app.command()(acls.acls)
app.command()(logins.logins)
app.command()(contracts.contracts)
app.add_typer(topics.app, name="topics")
app.command()(settings.settings)
app.command()(setup.setup)

_FORESEEN: Final = (VerbError, EmbeddedError, EmbeddedBrokerError, JavaError, TopicsError, OSError)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one verb and ends the process."""
    if not sys.stdout:  # closed by who started it
        terminal.complain("lahete: standard output is closed, and what a verb prints would be lost; /dev/null takes it")
        sys.exit(1)
    # What Kafka's client logs of a broker that is away, a verb says itself, in one line.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    check_names()
    try:
        app(arguments, prog_name="lahete")
    except _FORESEEN as error:
        terminal.complain(f"lahete: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
