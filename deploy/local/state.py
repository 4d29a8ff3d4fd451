"""The folder of a run: its lock, its version, its clock, and run.json, by which others find the run.

Errors, each one line for a person:

    EmbeddedError
        FolderError     the folder cannot be used: another run has it, another version wrote it, it cannot be written
        StartError      a process did not come up, or a port is in use
        BrokerDiedError the broker ended by itself: supervisor.py
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from shared.clock import Clock, PacedClock, read_clock
from shared.http.intake import CLOSED
from shared.private import is_private, make_private_folder, open_private, write_private
from shared.process.migrations import FORM
from shared.store.interface import OLDEST_FORM

_LOCKED_WITHIN: Final = 1.0


class EmbeddedError(Exception):
    """The platform on this machine cannot do what the caller asked."""


class FolderError(EmbeddedError):
    """The folder cannot be used."""


class StartError(EmbeddedError):
    """The platform did not start."""


class Run(msgspec.Struct, frozen=True):
    """run.json: the processes of a run, and their addresses.

    `clock`: the platform's time is start + (real now - anchor) * speed; where it has a `file`, that holds the three as
    they are now, and `until`, the real second from which the clock stands still.
    """

    kafka: str
    store: str
    urls: dict[str, str]
    pids: dict[str, int]
    clock: dict[str, Any]

    @property
    def embedded(self) -> bool:
        """Whether Kafka is the embedded broker, which makes topics by its control port alone."""
        return "broker" in self.pids and "mongodb" not in self.pids

    def platform_clock(self) -> Clock:
        """The clock of the run."""
        if "file" in self.clock:
            return PacedClock(file=Path(self.clock["file"]))
        return Clock(datetime.fromisoformat(self.clock["start"]), self.clock["anchor"], self.clock["speed"])


@dataclass(frozen=True)
class Folder:
    """The names of the files in a folder."""

    path: Path

    @property
    def lock(self) -> Path:
        """The lock that the supervisor holds as long as it lives; its process id stands in it."""
        return self.path / "lock"

    @property
    def version(self) -> Path:
        """The form of the folder's documents: a number of shared/process/migrations.py."""
        return self.path / "version"

    @property
    def upgrade(self) -> Path:
        """Exists from the copy of an older folder until all of it has this program's form: upgrade.py."""
        return self.path / "upgrade.json"

    @property
    def run(self) -> Path:
        """Exists while the platform runs."""
        return self.path / "run.json"

    @property
    def stopped(self) -> Path:
        """The end of the latest run: `{"supervisor": pid, "left": [lines]}`."""
        return self.path / "stopped.json"

    @property
    def clock(self) -> Path:
        """The setting of the platform's clock and the real second of its start."""
        return self.path / "clock.json"

    @property
    def closed(self) -> Path:
        """While this file exists the doors take no event."""
        return self.path / CLOSED

    @property
    def keys(self) -> Path:
        """Holder to key, in plain text, for its owner alone."""
        return self.path / "keys.json"

    @property
    def hashes(self) -> Path:
        """The keys' hashes, for the services."""
        return self.path / "key-hashes.json"

    @property
    def service_key(self) -> Path:
        """The key with which the monitor asks the other services."""
        return self.path / "service-key"

    @property
    def key_changes(self) -> Path:
        """Changes of keys that `audit.events` does not have yet."""
        return self.path / "key-changes.json"

    @property
    def topics(self) -> Path:
        """The sources with a topic of their own."""
        return self.path / "topics.json"

    @property
    def broker(self) -> Path:
        """The address of the broker's control port."""
        return self.path / "broker.json"

    def log(self, process: str) -> Path:
        """The log file of a process."""
        return self.path / "logs" / f"{process}.log"


def open_folder(path: Path) -> Folder:
    """The folder, made if need be, of a form that this program takes. Raises `FolderError`."""
    folder = Folder(path.resolve())
    with writing(folder):
        make_private_folder(folder.path)
        _check_it_is_ours(folder)
        make_private_folder(folder.log("").parent)
        if not folder.version.exists():
            write_form(folder)
    form_in(folder)
    return folder


def write_form(folder: Folder) -> None:
    """Notes that the folder has this program's form. Raises `OSError`."""
    write_private(folder.version, f"{FORM}\n")


def form_in(folder: Folder) -> int:
    """The form of the folder's documents. Raises `FolderError` if this program does not take it."""
    with writing(folder):
        found = folder.version.read_text().strip()
    if found.isdecimal() and OLDEST_FORM <= int(found) <= FORM:
        return int(found)
    newer = found.isdecimal() and int(found) > FORM
    raise FolderError(
        f"{folder.path} holds state of form {found[:20]!r}, this program takes {OLDEST_FORM} to {FORM}; run the program "
        f"that wrote it{', go back to the copy that was made before it came,' if newer else ''} or choose another --dir"
    )


def _check_it_is_ours(folder: Folder) -> None:
    # A shared folder, such as /tmp or somebody's home, is neither closed to others nor filled with private files.
    if is_private(folder.path):
        return
    if not folder.version.exists() and any(folder.path.iterdir()):
        raise FolderError(
            f"{folder.path} is open to others and holds other things than a run's; name one with --dir that is new or empty"
        )
    folder.path.chmod(0o700)


@contextmanager
def writing(folder: Folder) -> Iterator[None]:
    """Turns a failed write into a `FolderError` that names the folder and why."""
    try:
        yield
    except OSError as error:
        where = error.filename or folder.path
        raise FolderError(f"{where} cannot be written: {error.strerror or error}; choose another --dir") from error


@contextmanager
def claim(folder: Folder) -> Iterator[None]:
    """Holds the folder. Raises `FolderError` where another run has it."""
    with writing(folder):
        file = open_private(folder.lock, "a+")
    with file:
        if not _locked(file):
            raise FolderError(
                f"another run, process {_pid_in(file) or 'unknown'}, has {folder.path}; "
                "end it with `lahete stop` or choose another --dir"
            )
        with writing(folder):
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
        yield
        file.truncate(0)


def _locked(file: IO[str]) -> bool:
    # A process that only asks whether a run is there holds the lock for an instant: hence more than one attempt.
    deadline = time.monotonic() + _LOCKED_WITHIN
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)


def _pid_in(file: IO[str]) -> int | None:
    file.seek(0)
    text = file.read(20).strip()
    return int(text) if text.isdecimal() else None


def supervisor_of(folder: Folder) -> int | None:
    """The process id of the folder's present run, whatever an older run.json says."""
    with suppress(FileNotFoundError), folder.lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _pid_in(file)
    return None


def read_run(folder: Folder) -> Run | None:
    """The present run; None if nothing runs, also where a killed run left its file."""
    try:
        run = msgspec.json.decode(folder.run.read_bytes(), type=Run)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise FolderError(f"{folder.run} cannot be read: {error}") from error
    return run if run.pids.get("supervisor") == supervisor_of(folder) else None


def write_run(folder: Folder, run: Run) -> None:
    """Writes run.json whole. Raises `FolderError`."""
    with writing(folder):
        write_private(folder.run, msgspec.json.format(msgspec.json.encode(run), indent=1).decode() + "\n")


def anchored_clock(folder: Folder, setting: str) -> dict[str, Any]:
    """`{start, anchor, speed}`: the first run with a setting fixes the anchor for all runs with the same.

    Without a setting the platform's clock is the real one; a paced clock has its `file` beside the three.
    Raises `StartError`, `FolderError`.
    """
    if not setting:
        now = time.time()
        return {"start": datetime.fromtimestamp(now, UTC).isoformat(), "anchor": now, "speed": 1.0}
    kept: dict[str, Any] = {}
    with suppress(FileNotFoundError, json.JSONDecodeError):
        kept = json.loads(folder.clock.read_text())
    anchor = float(kept["anchor"]) if kept.get("clock") == setting else time.time()
    try:
        clock = read_clock(setting, anchor)
    except (ValueError, OSError) as error:
        raise StartError(f"LAHETE_CLOCK: {error}") from error
    if isinstance(clock, PacedClock):
        return _written(clock.step()) | {"file": setting}
    with writing(folder):
        write_private(folder.clock, json.dumps({"clock": setting, "anchor": anchor}))
    return _written(clock)


def _written(clock: Clock) -> dict[str, Any]:
    assert clock.start is not None
    return {"start": clock.start.isoformat(), "anchor": clock.anchor, "speed": clock.speed}


def granted(folder: Folder) -> list[str]:
    """The sources with a topic of their own."""
    try:
        return msgspec.json.decode(folder.topics.read_bytes(), type=list[str])
    except FileNotFoundError:
        return []
    except msgspec.MsgspecError as error:
        raise FolderError(f"{folder.topics} is no list of senders: {error}") from error


def grant(folder: Folder, source: str) -> None:
    """Keeps that a source has a topic of its own. Raises `FolderError`."""
    with writing(folder):
        write_private(folder.topics, json.dumps(sorted({*granted(folder), source}), indent=1))
