"""A run in the foreground, which signals end; and ending one from another process."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final

from deploy.backends import SPOKEN_TO, Backend
from deploy.local.processes import is_alive
from deploy.local.state import Folder, StartError, supervisor_of
from deploy.local.supervisor import DRAINED_WITHIN, ENDED_WITHIN, Supervisor

_FATE: Final[Mapping[Backend, str]] = {
    Backend.EMBEDDED: "what was left on the log is lost with it",
    Backend.JAVA: "what was left stands on the log and is dealt with at the next start",
    Backend.ENV: "what was left stands on the log and is dealt with at the next start",
}

_STOPPED_WITHIN: Final = DRAINED_WITHIN + ENDED_WITHIN + 10


class StopRequest:
    """The requests of signals: the first, to stop in order; Ctrl-C after that, to stop at once."""

    def __init__(self) -> None:
        self._stop = False
        self._at_once = False

    def to_stop(self) -> bool:
        """Whether to stop."""
        return self._stop

    def at_once(self) -> bool:
        """Whether to stop without waiting for anything."""
        return self._at_once

    def note(self, number: int, _: FrameType | None) -> None:
        """A signal has come."""
        self._at_once = self._stop and number == signal.SIGINT
        self._stop = True


@contextmanager
def listening() -> Iterator[StopRequest]:
    """Takes Ctrl-C, SIGTERM and the terminal's end as requests. In the main thread."""
    asked = StopRequest()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, asked.note) for number in numbers}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(
    path: Path,
    port_base: int,
    clock: str,
    say: Callable[[str], None],
    engine: Backend = Backend.EMBEDDED,
    instances: Mapping[str, int] | None = None,
    opistos: Sequence[str] = (),
    once_ready: Callable[[], None] = lambda: None,
) -> bool:
    """Runs until a signal, after `once_ready`. Whether it ended well: no work was left.

    Raises:
        EmbeddedError, EmbeddedBrokerError, JavaError, TopicsError: the run could not start.
        BrokerDiedError: the broker ended by itself.
    """
    with listening() as asked:
        try:
            with Supervisor(
                path,
                port_base,
                clock,
                engine=engine,
                instances=instances,
                say=say,
                given_up=asked.to_stop,
                opistos=opistos,
            ) as supervisor:
                once_ready()
                say(f"Kafka is {supervisor.cluster.bootstrap}{SPOKEN_TO[engine]}")
                say(f"all is ready; {supervisor.folder.run} says where. Ctrl-C stops it")
                supervisor.run_until(asked.to_stop)
                left = supervisor.stop(asked.at_once)
        except StartError:
            if asked.to_stop():
                say("stopped while starting")
                return False
            raise
    for line in left:
        say(f"left: {line}")
    say("stopped" if not left else f"stopped; {_FATE[engine]}")
    return not left


def stop(folder: Folder) -> list[str] | None:
    """Ends the folder's run and waits for it. The work that was left, a line each; None where nothing runs."""
    pid = supervisor_of(folder)
    if pid is None:
        return None
    folder.stopped.unlink(missing_ok=True)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOPPED_WITHIN
    while is_alive(pid):
        if time.monotonic() > deadline:
            return [f"the supervisor, process {pid}, still runs"]
        time.sleep(0.1)
    return _left_by(folder, pid)


def _left_by(folder: Folder, pid: int) -> list[str]:
    with suppress(FileNotFoundError, json.JSONDecodeError):
        ended = json.loads(folder.stopped.read_text())
        if ended.get("supervisor") == pid:
            return [str(line) for line in ended["left"]]
    return [f"the supervisor, process {pid}, ended without stopping all in order"]
