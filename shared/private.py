"""Files and folders for their owner alone: 0600 and 0700, whatever the umask.

What an open file of SQLite has beside it (`-wal`, `-shm`) takes its mode from the file itself.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

CHILDREN_UMASK: Final = 0o077
"""For processes that are started: what they write is their owner's alone."""
_FILE: Final = 0o600
_FOLDER: Final = 0o700
_OTHERS: Final = 0o077


def open_private(path: Path, mode: str) -> IO[Any]:
    """Opens a file that only its owner can read and write, one that is there too."""
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
    """Makes an empty file that only its owner can read and write; one that is there is closed to others.

    One that is there is not opened: as a file is closed, a process loses all the locks that it has on it, SQLite's too, and
    whoever reads it next would take the log away from under the writer.
    """
    try:
        made = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _FILE)
    except FileExistsError:
        tighten_file(path)
        return
    os.fchmod(made, _FILE)
    os.close(made)


def make_private_folder(path: Path) -> None:
    """Makes a folder that only its owner can enter; one that is there is left as it is."""
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True, mode=_FOLDER)
        path.chmod(_FOLDER)


def is_private(path: Path) -> bool:
    """Whether nobody but its owner may do anything with it."""
    return not path.stat().st_mode & _OTHERS


def tighten(folder: Path) -> None:
    """Takes from others what they may do with a folder and with all that is in it; links are not followed."""
    tighten_file(folder)
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            tighten_file(Path(place, name))


def tighten_file(path: Path) -> None:
    """Takes from others what they may do with it, where it is there; a link is not followed."""
    # What a program of the folder removes meanwhile needs no tightening.
    with suppress(FileNotFoundError):
        mode = path.lstat().st_mode
        if mode & _OTHERS and not stat.S_ISLNK(mode):
            path.chmod(stat.S_IMODE(mode) & ~_OTHERS)
