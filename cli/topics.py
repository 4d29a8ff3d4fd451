"""`lahete topics`: topics of senders that write to Kafka themselves."""

from typing import Annotated

import typer

from cli import terminal
from cli.options import DEFAULT_DIR, Dir, Json
from deploy.embedded.control import BrokerControl
from deploy.embedded.keys import check_holder
from deploy.embedded.state import Folder, grant, granted, open_folder, read_run
from shared.contracts.topics import intake_of, platform_topics

app = typer.Typer(no_args_is_help=True, help="The topics, and who writes to one of his own.")


@app.command()
def add(
    source: Annotated[str, typer.Argument(help="/region/<code> or /opisto/<id>.")], directory: Dir = DEFAULT_DIR
) -> None:
    """Grant a sender a topic of its own, which it alone writes to. What runs reads it within seconds."""
    if not source.startswith("/"):
        raise typer.BadParameter(f"{source!r} is no sender: /region/<code> or /opisto/<id>")
    try:
        check_holder(source)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    folder = open_folder(directory)
    grant(folder, source)
    if read_run(folder) is not None:
        BrokerControl.from_port_file(folder.broker).create_topic(intake_of(source), 1)
        terminal.line(f"{intake_of(source)}: there")
    else:
        terminal.line(f"{intake_of(source)}: there from the next run on")


@app.command("list")
def list_(directory: Dir = DEFAULT_DIR, *, json: Json = False) -> None:
    """List the platform's topics and those that were granted, with their partitions."""
    found = platform_topics() | {intake_of(source): 1 for source in granted(Folder(directory.resolve()))}
    if json:
        terminal.as_json(found)
    else:
        terminal.table(("topic", "partitions"), found.items())
