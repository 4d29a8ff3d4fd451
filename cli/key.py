"""`lahete key`: who may send and ask."""

from typing import Annotated

import typer

from cli import terminal
from cli.ask import cluster_of, kafka_named
from cli.failure import VerbError
from cli.options import DEFAULT_DIR, Dir, Json
from deploy.local import keys
from deploy.local.key_changes import tell_changes
from deploy.local.state import Folder, open_folder, read_run
from shared.kafka.cluster import Cluster
from shared.kafka.producer import BrokerUnavailable

app = typer.Typer(no_args_is_help=True, help="Who may send and ask.")

Holder = Annotated[
    str,
    typer.Argument(
        help="/region/<code>, /opisto/<id>, /municipality/<code>, /association/<id>, /library/<id>, ops:<name> or reader:<name>."
    ),
]


@app.command()
def init(directory: Dir = DEFAULT_DIR, *, json: Json = False) -> None:
    """Make the folder of keys for a platform that runs elsewhere: the monitor's own key, and the hashes for the services.

    Done twice, it changes nothing. What is to be handed on, each as a Secret or a file: the two that are printed.
    """
    folder = open_folder(directory)
    keys.check_nothing_is_plain(folder)
    keys.make_monitors_key(folder)
    made = {"service-key": str(folder.service_key), "key-hashes": str(folder.hashes)}
    if json:
        terminal.as_json(made)
    else:
        terminal.table(("what", "file"), made.items())


@app.command()
def add(holder: Holder, directory: Dir = DEFAULT_DIR, *, json: Json = False) -> None:
    """Make a key and print it, this once. Older keys of the holder go on until they are revoked."""
    folder, named = open_folder(directory), kafka_named()
    try:
        key = keys.add_key(folder, holder)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    try:
        if json:
            terminal.as_json({"holder": holder, "key": key})
        else:
            terminal.line(key)
    except OSError as error:
        raise VerbError(
            f"a key of {holder} is made and could not be shown, so nobody has it: {error}; make another"
        ) from error
    finally:
        _tell(folder, named)


@app.command()
def revoke(holder: Holder, directory: Dir = DEFAULT_DIR) -> None:
    """Take every key of a holder away; what runs refuses them from the next request on, and no start makes new ones."""
    folder, named = _folder(directory), kafka_named()
    try:
        count = keys.revoke_keys(folder, holder)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if not count:
        raise VerbError(f"{holder} has no key")
    terminal.line(f"{holder}: {count} revoked")
    _tell(folder, named)


@app.command("list")
def list_(directory: Dir = DEFAULT_DIR, *, json: Json = False) -> None:
    """List who has keys, and how many. The keys themselves are kept nowhere but in demo and test: keys.json."""
    holders = keys.holders(_folder(directory))
    if json:
        terminal.as_json([{"holder": holder, "keys": count} for holder, count in holders.items()])
    else:
        terminal.table(("holder", "keys"), holders.items())


def _tell(folder: Folder, named: Cluster | None) -> None:
    """Publishes the changes by the present run, else by the environment's Kafka; else the next start does."""
    # After the change is kept: a run that starts meanwhile publishes the changes that it finds.
    running = read_run(folder)
    if kafka := cluster_of(running) if running else named:
        tell(folder, kafka)


def tell(folder: Folder, kafka: Cluster) -> None:
    """Publishes the pending changes to `audit.events`, or says that the next start does."""
    try:
        tell_changes(folder, kafka)
    except BrokerUnavailable as error:
        terminal.complain(f"the change is made; audit.events is told of it at the next start: {error}")


def _folder(directory: Dir) -> Folder:
    folder = Folder(directory.resolve())
    if not folder.hashes.exists():
        raise VerbError(f"{folder.path} has no keys; `lahete key add` makes one")
    return folder
