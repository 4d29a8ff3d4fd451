"""`lahete topics`: topics of senders that write to Kafka themselves."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from cli import terminal
from cli.ask import cluster_of
from cli.options import DEFAULT_DIR, Dir, Json
from deploy.backends import SPOKEN_TO, Backend, make_topic
from deploy.kafka import topics as kafka_topics
from deploy.kafka.acls import SETUP
from deploy.kafka.topics import TopicSettings, wanted
from deploy.local.keys import check_holder
from deploy.local.state import Folder, grant, granted, open_folder, read_run
from shared.contracts.topics import intake_of
from shared.process.settings import PlatformSettings, read

app = typer.Typer(no_args_is_help=True, help="The topics, and who writes to one of his own.")


@app.command()
def add(
    source: Annotated[str, typer.Argument(help="/region/<code> or /opisto/<id>.")], directory: Dir = DEFAULT_DIR
) -> None:
    """Grant a sender a topic of its own, which it alone writes to. A run reads it within seconds."""
    if not source.startswith("/"):
        raise typer.BadParameter(f"{source!r} is no sender: /region/<code> or /opisto/<id>")
    try:
        check_holder(source)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    folder = open_folder(directory)
    grant(folder, source)
    run = read_run(folder)
    if run is not None:
        make_topic(run, cluster_of(run), folder, source)
        terminal.line(f"{intake_of(source)}: there")
        if run.embedded:
            terminal.complain(f"Kafka is {run.kafka}{SPOKEN_TO[Backend.EMBEDDED]}")
    else:
        terminal.line(f"{intake_of(source)}: there from the next run on")


@app.command("list")
def list_(directory: Dir = DEFAULT_DIR, *, json: Json = False) -> None:
    """List the platform's topics and those that were granted, with their partitions."""
    found = {topic.name: topic.partitions for topic in _wanted(directory)}
    if json:
        terminal.as_json(found)
    else:
        terminal.table(("topic", "partitions"), found.items())


@app.command()
def apply(
    directory: Dir = DEFAULT_DIR,
    *,
    dry: Annotated[bool, typer.Option("--dry", help="Make nothing, only say.")] = False,
    json: Json = False,
) -> None:
    """Make the missing topics on the Kafka of LAHETE_KAFKA; leave existing ones as they are, and report differences.

    With the login of `lahete setup`, whose rights it needs: in LAHETE_KAFKA_USER and its password's file, {service} is
    setup. LAHETE_TOPIC_… and LAHETE_TOPICS describe them. Exit code 1 where one differs, or is missing with --dry.
    """
    findings = asyncio.run(kafka_topics.apply(read(PlatformSettings).cluster(SETUP), _wanted(directory), make=not dry))
    if json:
        terminal.as_json({finding.topic: finding.found for finding in findings})
    else:
        terminal.table(("topic", "found"), [(finding.topic, finding.found) for finding in findings])
    if any(finding.differs for finding in findings):
        raise typer.Exit(1)


def _wanted(directory: Path) -> list[kafka_topics.Topic]:
    return wanted(read(TopicSettings), granted(Folder(directory.resolve())))
