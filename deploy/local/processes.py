"""One service as a process of the supervisor: starting it, asking whether it is ready, restarting and ending it."""

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import psutil

from deploy.embedded_broker.control import REPOSITORY
from deploy.local.state import StartError
from shared.contracts.topics import SERVICES
from shared.http.server import bind
from shared.private import CHILDREN_UMASK, open_private

HOST: Final = "127.0.0.1"
_BY_PORT: Final = ("monitor", *(name for name in SERVICES if name != "monitor"))
PORT_OFFSETS: Final[Mapping[str, int]] = {name: number for number, name in enumerate(_BY_PORT)}

_FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 10.0
_GOOD_LIFE: Final = 30.0
"""Seconds of life after which a process counts as healthy again."""
_HEALTH_SECONDS: Final = 2.0
_PORTS_FREE_WITHIN: Final = 2.0


class Patience:
    """When to restart a process that died: after a pause that grows while it keeps dying."""

    def __init__(self, longest: float = LONGEST_PAUSE) -> None:
        self._longest = longest
        self._pause = _FIRST_PAUSE
        self._started_at = 0.0
        self._start_at: float | None = None

    @property
    def waits(self) -> bool:
        """Whether the process is known to be dead."""
        return self._start_at is not None

    def started(self) -> None:
        """Notes that the process lives."""
        self._started_at, self._start_at = time.monotonic(), None

    def died(self) -> float:
        """Notes that the process died; the pause in seconds before its restart."""
        now = time.monotonic()
        if now - self._started_at > _GOOD_LIFE:
            self._pause = _FIRST_PAUSE
        pause, self._pause = self._pause, min(self._pause * 2, self._longest)
        self._start_at = now + pause
        return pause

    def over(self) -> bool:
        """Whether the pause is over."""
        return self._start_at is not None and time.monotonic() >= self._start_at


class ServiceProcess:
    """One instance of a service that the supervisor keeps running, with one log file."""

    def __init__(
        self,
        name: str,
        service: str,
        port: int,
        environment: Mapping[str, str],
        log: Path,
        say: Callable[[str], None],
        patience: Patience,
    ) -> None:
        self.name = name
        self.service = service
        self.port = port
        self.url = f"http://{HOST}:{port}"
        self._environment = environment
        self.log = log
        self._said_from = 0
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._patience = patience

    @property
    def pid(self) -> int:
        """The process id; 0 while there is none."""
        return self._process.pid if self._process is not None and not self._patience.waits else 0

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the process in a session of its own: Ctrl-C in the terminal reaches the supervisor alone."""
        with open_private(self.log, "ab") as log:
            self._said_from = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"services.{self.service}"],
                cwd=REPOSITORY,
                env=dict(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=CHILDREN_UMASK,
            )
        self._patience.started()

    def missing(self) -> list[str]:
        """What the service says that it lacks; nothing once it is ready. Raises `StartError` if the process has ended."""
        if not self.running:
            raise StartError(f"{self.name} {self._how_it_ended()}")
        said = why_not_ready(self.port)
        return [f"{self.name} does not answer yet"] if said is None else said

    def look_after(self) -> bool:
        """Restarts the process if it died, after a pause that grows while it keeps dying. True after a restart."""
        if self.running:
            return False
        if not self._patience.waits:
            self._say(f"{self.name} {self._how_it_ended()}; started again in {self._patience.died():g} s")
        if not self._patience.over():
            return False
        self.start()
        return True

    def _how_it_ended(self) -> str:
        assert self._process is not None
        code = self._process.poll()
        said = self.last_line() if code and code > 0 else ""
        return how_it_ended(code) + (f": {said}" if said else "")

    def last_line(self) -> str:
        """The last line it wrote since its start."""
        with self.log.open("rb") as log:
            log.seek(max(self._said_from, log.seek(0, 2) - 2_000))
            lines = log.read().decode(errors="replace").strip().splitlines()
        return lines[-1][:500] if lines else ""

    def ask_to_end(self) -> None:
        """SIGTERM: the service finishes the batch in hand, commits, leaves its group."""
        if self._process is not None and self.running:
            self._process.terminate()

    def kill(self) -> bool:
        """Kills the process; whether it was still there."""
        if self._process is None or not self.running:
            return False
        self._process.kill()
        self._process.wait()
        return True


def how_it_ended(code: int | None) -> str:
    """An exit code for a person: `ended with 1`, `ended by SIGKILL`."""
    if code is not None and code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"ended with {code}"


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return pid > 0 and bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def why_not_ready(port: int) -> list[str] | None:
    """The reasons of GET /health/ready for not being ready, a line each; None where nobody answers."""
    # Not urllib or httpx: those would send it through a proxy named in the environment.
    connection = http.client.HTTPConnection(HOST, port, timeout=_HEALTH_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        return [str(line) for line in json.loads(connection.getresponse().read())["missing"]]
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return None
    finally:
        connection.close()


def port_of(url: str) -> int:
    """The port in a service's URL."""
    return int(url.rpartition(":")[2])


def free_port() -> int:
    """A port that nobody listens on."""
    with bind(HOST, 0) as listening:
        return int(listening.getsockname()[1])


def check_ports(ports: Mapping[str, int]) -> None:
    """Raises `StartError` with one line that names the port and the service it is for."""
    # The services of a run that was killed may need a moment to notice it.
    deadline = time.monotonic() + _PORTS_FREE_WITHIN
    for service, port in ports.items():
        while (fault := _fault_of(port)) is not None:
            if time.monotonic() > deadline:
                raise StartError(f"port {port} for {service}: {fault}; choose another --port-base")
            time.sleep(0.1)


def _fault_of(port: int) -> str | None:
    if not 0 < port < 65_536:
        return "is no port"
    try:
        bind(HOST, port).close()
    except OSError as error:
        return error.strerror or str(error)
    return None
