"""Starting and stopping the embedded broker's process, and talking to its control port.

For the supervisor and for tests; synchronous throughout. Errors:

    EmbeddedBrokerError
        BrokerNotStarted      the process ended or was not ready in time; says what it printed
        ControlRefused        the control port answered no: do not repeat
        ControlUnreachable    nobody answered: the broker has ended
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from shared.private import CHILDREN_UMASK, make_private_folder, open_private

START_SECONDS: Final = 10.0
STOP_SECONDS: Final = 5.0
REQUEST_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.01

REPOSITORY: Final = Path(__file__).resolve().parents[2]
PORT_FILE: Final = "broker.json"
ERROR_FILE: Final = "broker.log"


class EmbeddedBrokerError(Exception):
    """Something is wrong with the embedded broker."""


class BrokerNotStarted(EmbeddedBrokerError):
    """The broker's process ended at once, or was not ready in time."""


class ControlUnreachable(EmbeddedBrokerError):
    """The control port does not answer."""


class ControlRefused(EmbeddedBrokerError):
    """The control port refused; `status` is HTTP's: 400 bad topic, 401 token, 409 differs."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"the embedded broker refused: {reason} ({status})")
        self.status = status


class BrokerControl:
    """The control port of a running broker."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._address = urlsplit(url).netloc
        self._token = token

    @classmethod
    def from_port_file(cls, path: Path) -> Self:
        announced = json.loads(path.read_text())
        return cls(announced["control"], announced["token"])

    def create_topic(self, name: str, partitions: int) -> None:
        """Create a topic, or find it there with as many partitions.

        Raises:
            ControlRefused: the name or number is not allowed, or it exists with another number.
            ControlUnreachable: the broker does not answer.
        """
        self._request("POST", "/topics", {"name": name, "partitions": partitions})

    def topics(self) -> dict[str, int]:
        """Every topic and its partitions."""
        return {name: int(count) for name, count in self._request("GET", "/topics").items()}

    def _request(self, method: str, path: str, content: Mapping[str, object] | None = None) -> dict[str, Any]:
        # Not urllib or httpx: those would send it through a proxy named in the environment.
        connection = http.client.HTTPConnection(self._address, timeout=REQUEST_SECONDS)
        try:
            connection.request(
                method,
                path,
                body=None if content is None else json.dumps(content),
                headers={"Authorization": f"Bearer {self._token}"},
            )
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ControlUnreachable(f"no answer from the embedded broker at {self.url}: {error!r}") from error
        finally:
            connection.close()
        if response.status >= 400:
            raise ControlRefused(response.status, str(answer.get("error", "")))
        return answer


class BrokerProcess:
    """A broker that is ready. As a context manager it stops at the end of the block."""

    def __init__(self, process: subprocess.Popen[bytes], port_file: Path) -> None:
        announced = json.loads(port_file.read_text())
        self._process = process
        self.kafka: str = announced["kafka"]
        self.control = BrokerControl(announced["control"], announced["token"])
        self.pid = process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative where a signal ended it, as when the mock aborts."""
        return self._process.poll()

    def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL after five seconds. Harmless when it has ended."""
        end(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def start_broker(folder: Path, topics: Mapping[str, int]) -> BrokerProcess:
    """Start a broker with these topics (name to partitions) and wait until it is ready.

    Its port file and what it prints on stderr (`broker.log`) are kept in the folder, one broker a
    folder. It ends when this process does, however that ends.

    Raises:
        BrokerNotStarted: it ended, or was not ready in ten seconds.
    """
    folder = folder.resolve()
    make_private_folder(folder)
    port_file, error_file = folder / PORT_FILE, folder / ERROR_FILE
    # One that a killed broker left would be taken for the new one's.
    port_file.unlink(missing_ok=True)
    process = spawn(port_file, error_file, topics)
    try:
        wait_until_ready(process, port_file, error_file)
        return BrokerProcess(process, port_file)
    except BaseException:
        end(process)
        raise


def spawn(port_file: Path, error_file: Path, topics: Mapping[str, int]) -> subprocess.Popen[bytes]:
    with open_private(error_file, "wb") as errors:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "deploy.embedded_broker.broker"),
                *("--topics", json.dumps(dict(topics))),
                *("--port-file", str(port_file)),
                *("--parent", str(os.getpid())),
            ],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            # Ctrl-C in a terminal must reach the services alone: they commit to the broker as they
            # end, and whoever started it stops it after them.
            start_new_session=True,
            umask=CHILDREN_UMASK,
        )


def wait_until_ready(process: subprocess.Popen[bytes], port_file: Path, error_file: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not port_file.exists():
        if process.poll() is not None:
            raise not_started(f"ended with {process.returncode}", error_file)
        if time.monotonic() > deadline:
            raise not_started(f"was not ready in {START_SECONDS:.0f} s", error_file)
        time.sleep(POLL_SECONDS)


def not_started(what: str, error_file: Path) -> BrokerNotStarted:
    printed = error_file.read_text(errors="replace").strip()[-2000:]
    return BrokerNotStarted(f"the embedded broker {what}: {printed or 'it printed nothing'}")


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
