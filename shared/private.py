"""Files and folders for their owner alone: 0600 and 0700, whatever the umask.

The files beside an open file of SQLite (`-wal`, `-shm`) take their mode from the file itself.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

CHILDREN_UMASK: Final = 0o077
"""For the processes that we start: only their owner can read what they write."""
_FILE: Final = 0o600
_FOLDER: Final = 0o700
_OTHERS: Final = 0o077


def open_private(path: Path, mode: str) -> IO[Any]:
    """Opens a file so that only its owner can read and write it, an existing file too."""
    file: IO[Any] = open(path, mode, opener=_opener)  # noqa: SIM115 - the caller closes it
    if os.fstat(file.fileno()).st_mode & 0o777 != _FILE:
        os.fchmod(file.fileno(), _FILE)
    return file


def _opener(name: str, flags: int) -> int:
    return os.open(name, flags, _FILE)


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, whole or not at all."""
    make_private_folder(path.parent)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with open_private(beside, "w") as file:
        file.write(text)
    beside.replace(path)


def make_private_file(path: Path) -> None:
    """Makes an empty file that only its owner can read and write; closes an existing file to others.

    Does not open an existing file: when a process closes a file, it loses all its locks on that file, SQLite's too, and
    the next reader would take the log away from under the writer.
    """
    try:
        made = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _FILE)
    except FileExistsError:
        tighten_file(path)
        return
    os.fchmod(made, _FILE)
    os.close(made)


def make_private_folder(path: Path) -> None:
    """Makes a folder that only its owner can enter; leaves an existing folder as it is."""
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True, mode=_FOLDER)
        path.chmod(_FOLDER)


def is_private(path: Path) -> bool:
    """Whether nobody but its owner may do anything with it."""
    return not path.stat().st_mode & _OTHERS


def tighten(folder: Path) -> None:
    """Takes all rights of others to a folder and to everything in it; does not follow links."""
    tighten_file(folder)
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            tighten_file(Path(place, name))


def tighten_file(path: Path) -> None:
    """Takes all rights of others to a file, if it exists; does not follow a link."""
    # A file that another program removes meanwhile needs no tightening.
    with suppress(FileNotFoundError):
        mode = path.lstat().st_mode
        if mode & _OTHERS and not stat.S_ISLNK(mode):
            path.chmod(stat.S_IMODE(mode) & ~_OTHERS)
