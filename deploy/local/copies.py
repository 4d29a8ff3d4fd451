"""A copy of a run's folder while nothing runs in it: whole on the disk, or none.

At rest, the folder is of one moment: the services' files, and where Kafka and MongoDB run in it as well, the log with
the offsets up to which each service has read it.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from deploy.local.state import Folder, FolderError
from shared.private import make_private_folder

OF_A_RUN: Final = ("lock", "keys.lock", "run.json", "stopped.json", "intake-closed", "broker.json", "logs")
"""Files of one run, of no use to the next."""


def copy_folder(folder: Folder, to: Path) -> None:
    """Copies the folder to an empty place; the caller ensures that nothing runs there. Raises `FolderError`."""
    beside = to.with_name(f".{to.name}.part")
    if to.is_relative_to(folder.path):
        raise FolderError(f"{to} lies in {folder.path}, which it would copy; name a place outside")
    try:
        if to.exists() and any(to.iterdir()):
            raise FolderError(f"{to} holds something already; name a place where nothing is")
        make_private_folder(to.parent)
        shutil.rmtree(beside, ignore_errors=True)
        shutil.copytree(folder.path, beside, symlinks=True, ignore=_of_a_run(folder), copy_function=_copied)
        beside.chmod(0o700)
        beside.rename(to)
    except (OSError, shutil.Error) as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise FolderError(f"{folder.path} cannot be copied to {to}: {error}") from error


def _of_a_run(folder: Folder) -> Callable[[str, list[str]], list[str]]:
    def ignore(place: str, names: list[str]) -> list[str]:
        return [name for name in names if Path(place) == folder.path and name in OF_A_RUN]

    return ignore


def _copied(source: str, target: str) -> str:
    shutil.copy2(source, target)
    with Path(target).open("rb") as copy:
        os.fsync(copy.fileno())
    return target
