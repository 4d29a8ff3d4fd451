"""`lahete setup`: makes what the services need before their start, on a Kafka and a MongoDB that others run."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import terminal
from cli.failure import VerbError
from cli.key import tell
from deploy.kafka.acls import SETUP
from deploy.kafka.topics import TopicSettings, apply, wanted
from deploy.local.keys import check_nothing_is_plain, holders, know_monitors_key, make_keys_of, make_monitors_key
from deploy.local.state import Folder, granted, open_folder
from services.monitor.settings import MonitorSettings
from shared.process.settings import PlatformSettings, read

if TYPE_CHECKING:
    from cli.services import Service


def setup(
    directory: Annotated[
        Path | None,
        typer.Option(
            "--dir",
            help="Keep what the services know of keys in this folder, and make topics of the senders granted there.",
        ),
    ] = None,
    grants: Annotated[
        Path | None,
        typer.Option(
            help="Make topics of the senders granted in this folder, where nothing is written; not with --dir.",
            file_okay=False,
        ),
    ] = None,
    *,
    accept_cluster: Annotated[
        bool,
        typer.Option(
            "--accept-cluster", help="Let the services go on with another Kafka cluster, or fewer partitions."
        ),
    ] = False,
) -> None:
    """Make the topics and each service's database with its indexes. Done twice, it changes nothing.

    For the Kafka and the database of the environment; `{service}` in a login or a file's name becomes each service.
    """
    if directory and grants:
        raise typer.BadParameter("--dir has grants of its own: name --grants or --dir")
    folder = open_folder(directory) if directory else None
    _topics(Folder(grants.resolve()) if grants else folder)
    from cli.services import OF_NAME

    for name, service in OF_NAME.items():
        asyncio.run(_database(name, service, forget=accept_cluster))
    if folder:
        _keys(folder)
        tell(folder, read(PlatformSettings).cluster(SETUP))


def _keys(folder: Folder) -> None:
    settings = read(MonitorSettings)
    if settings.env == "production":
        check_nothing_is_plain(folder)
    else:
        make_keys_of(folder, granted(folder))
    if "service_key_file" not in settings.model_fields_set:
        make_monitors_key(folder)
    elif key := settings.service_key():
        know_monitors_key(folder, key)
    else:
        raise VerbError(f"LAHETE_SERVICE_KEY_FILE: {settings.service_key_file} is not there or empty")
    terminal.line(f"keys: {folder.hashes} holds {sum(holders(folder).values())}; `lahete key add` makes more")


def _topics(folder: Folder | None) -> None:
    specs = wanted(read(TopicSettings), granted(folder) if folder else ())
    findings = asyncio.run(apply(read(PlatformSettings).cluster(SETUP), specs))
    made = sum(finding.found == "created" for finding in findings)
    terminal.line(f"topics: {made} made, {len(findings) - made} were there")
    for finding in findings:
        if finding.differs:
            terminal.complain(f"topic {finding.topic}: {finding.found}; it is left as it is")


async def _database(name: str, service: "Service", *, forget: bool) -> None:
    from shared.process import preconditions
    from shared.process.run import open_store

    settings: Any = read(service.settings)
    store = await open_store(settings, service.build(settings).table)
    try:
        note = "; whatever cluster it meets next is its own" if forget and await preconditions.forget(store) else ""
        terminal.line(f"{name}: the database is up to date{note}")
    finally:
        await store.close()
