"""`lahete setup`: what must be there before the services start, for a Kafka and a MongoDB that others run."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import terminal
from cli.settings import OF_SERVICE
from deploy.embedded.keys import make_keys
from deploy.embedded.state import Folder, granted, open_folder
from deploy.kafka.topics import TopicSettings, apply, wanted
from services.catalogue.app import build_app as catalogue
from services.feedback.app import build_app as feedback
from services.monitor.app import build_app as monitor
from services.notify.app import build_app as notify
from services.referral.app import build_app as referral
from shared.engine import ground
from shared.service import open_store
from shared.settings import PlatformSettings, read

_BUILD: dict[str, Any] = {
    "referral": referral,
    "catalogue": catalogue,
    "feedback": feedback,
    "notify": notify,
    "monitor": monitor,
}


def setup(
    directory: Annotated[
        Path | None,
        typer.Option("--dir", help="Make keys in this folder too, and topics of the senders granted there."),
    ] = None,
    *,
    accept_cluster: Annotated[
        bool,
        typer.Option(
            "--accept-cluster", help="Let the services go on with another Kafka cluster, or fewer partitions."
        ),
    ] = False,
) -> None:
    """Make the topics, each service's database with its indexes, and the keys. Done twice, it changes nothing.

    For the Kafka and the database of the environment; `{service}` in a login or a file's name becomes each service.
    """
    folder = open_folder(directory) if directory else None
    _topics(folder)
    for service, settings in OF_SERVICE.items():
        asyncio.run(_database(service, read(settings), forget=accept_cluster))
    if folder:
        make_keys(folder)
        terminal.line(f"keys: {folder.keys} for people, {folder.hashes} for the services")


def _topics(folder: Folder | None) -> None:
    specs = wanted(read(TopicSettings), granted(folder) if folder else ())
    findings = asyncio.run(apply(read(PlatformSettings).cluster("setup"), specs))
    made = sum(finding.found == "created" for finding in findings)
    terminal.line(f"topics: {made} made, {len(findings) - made} were there")
    for finding in findings:
        if finding.differs:
            terminal.complain(f"topic {finding.topic}: {finding.found}; it is left as it is")


async def _database(service: str, settings: Any, *, forget: bool) -> None:
    store = await open_store(settings, _BUILD[service](settings).table)
    try:
        told = "; whatever cluster it meets next is its own" if forget and await ground.forget(store) else ""
        terminal.line(f"{service}: the database is up to date{told}")
    finally:
        await store.close()
