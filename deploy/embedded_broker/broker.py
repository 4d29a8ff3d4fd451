"""The embedded Kafka broker: librdkafka's mock cluster in a process of its own, on loopback.

    python -m deploy.embedded_broker.broker --topics FILE_OR_JSON --port-file PATH

A process of its own, since a malformed request can abort the mock. Only that process can create
topics, so it opens a control port for it: HTTP and JSON on 127.0.0.1, every request with
`Authorization: Bearer <token>`, the token in the port file that only its owner can read.

    GET  /health    200 {"kafka": "127.0.0.1:41001"}
    GET  /topics    200 {"referral.events": 8, ...}
    POST /topics    {"name": ..., "partitions": ...}   201 created, 200 was there, 409 has others

It ends with 0 on SIGTERM and SIGINT, and by itself once its parent is gone. The log is in memory:
5 MiB a partition, and what falls out is lost silently. `control.py` is the client's side.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import hmac
import json
import os
import re
import secrets
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import Any, Final

TOPIC_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
MOST_PARTITIONS: Final = 64
LONGEST_BODY: Final = 4096
PARENT_POLL_SECONDS: Final = 0.5
LISTING_TIMEOUT_SECONDS: Final = 5.0
NUDGE_SECONDS: Final = 0.01

RD_KAFKA_PRODUCER: Final = 0
RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS: Final = 36
PR_SET_PDEATHSIG: Final = 1

_HANDLE: Final = ctypes.c_void_p
_TEXT: Final = ctypes.c_char_p
_INT: Final = ctypes.c_int

# What is called of the wheel's library: name -> (what it returns, what it takes).
SYMBOLS: Final[Mapping[str, tuple[Any, Sequence[Any]]]] = {
    "rd_kafka_version_str": (_TEXT, ()),
    "rd_kafka_err2str": (_TEXT, (_INT,)),
    "rd_kafka_conf_new": (_HANDLE, ()),
    "rd_kafka_conf_set": (_INT, (_HANDLE, _TEXT, _TEXT, _TEXT, ctypes.c_size_t)),
    "rd_kafka_new": (_HANDLE, (_INT, _HANDLE, _TEXT, ctypes.c_size_t)),
    "rd_kafka_destroy": (None, (_HANDLE,)),
    "rd_kafka_mock_cluster_new": (_HANDLE, (_HANDLE, _INT)),
    "rd_kafka_mock_cluster_destroy": (None, (_HANDLE,)),
    "rd_kafka_mock_cluster_bootstraps": (_TEXT, (_HANDLE,)),
    "rd_kafka_mock_topic_create": (_INT, (_HANDLE, _TEXT, _INT, _INT)),
    "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, (_HANDLE, ctypes.c_int32)),
}


class CannotStart(Exception):
    """The broker cannot start; the message says why, in one line, and what to do."""


class BadTopic(ValueError):
    """A topic's name or its number of partitions is not one that is allowed."""


class TopicDiffers(Exception):
    """The topic exists, with another number of partitions."""


def checked_topic(name: object, partitions: object) -> tuple[str, int]:
    """Return both if they are a topic's, else raise BadTopic."""
    if not isinstance(name, str) or not TOPIC_NAME.fullmatch(name) or name in {".", ".."}:
        raise BadTopic(f"topic name {name!r:.300} is not 1 to 249 of A-Z a-z 0-9 . _ -")
    if type(partitions) is not int or not 1 <= partitions <= MOST_PARTITIONS:
        raise BadTopic(f"topic {name}: partitions {partitions!r:.300} is not 1..{MOST_PARTITIONS}")
    return name, partitions


def read_topics(file_or_json: str) -> dict[str, int]:
    """Read a mapping of names to partitions: JSON itself if it begins with `{`, else a file's."""
    inline = file_or_json.lstrip().startswith("{")
    source = "--topics" if inline else file_or_json
    try:
        loaded = json.loads(file_or_json if inline else Path(file_or_json).read_bytes())
        if not isinstance(loaded, dict):
            raise CannotStart(f"topics in {source}: not a mapping of names to partitions")
        return dict(checked_topic(name, partitions) for name, partitions in loaded.items())
    except OSError as error:
        raise CannotStart(f"topics file {source}: {error.strerror}") from error
    except ValueError as error:
        raise CannotStart(f"topics in {source}: {error}") from error


def load_library() -> ctypes.CDLL:
    """Load librdkafka by way of confluent-kafka's extension module.

    Symbols are looked up in what a library depends on too, so this finds the one in the wheel
    wherever the wheel keeps it, and a system's own where the module was built against that.
    """
    try:
        # Here and not above, so that where it is missing the start ends in one line.
        from confluent_kafka import cimpl

        library = ctypes.CDLL(cimpl.__file__)
    except (ImportError, OSError) as error:
        raise CannotStart(f"librdkafka not found: {error}; install confluent-kafka~=2.16.1") from error
    for name, (returns, takes) in SYMBOLS.items():
        declare(library, name, returns, takes)
    return library


def declare(library: ctypes.CDLL, name: str, returns: Any, takes: Sequence[Any]) -> None:
    try:
        symbol = getattr(library, name)
    except AttributeError as error:
        raise CannotStart(
            f"librdkafka has no {name}: another version than this needs; install the wheel of confluent-kafka~=2.16.1"
        ) from error
    symbol.restype, symbol.argtypes = returns, list(takes)


class MockCluster:
    """One mock broker inside this process. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._library = load_library()
        self._client = self._new_client()
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, 1)
        if not self._cluster:
            raise CannotStart("librdkafka could not open the mock cluster on 127.0.0.1")
        # Otherwise the first member of every group waits three seconds for a second one.
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        self.address: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def _new_client(self) -> int:
        reason = ctypes.create_string_buffer(512)
        configuration = self._library.rd_kafka_conf_new()
        # Warnings and worse: the client that carries the mock connects nowhere, and says so.
        self._library.rd_kafka_conf_set(configuration, b"log_level", b"4", reason, len(reason))
        client = self._library.rd_kafka_new(RD_KAFKA_PRODUCER, configuration, reason, len(reason))
        if not client:
            raise CannotStart(f"librdkafka could not start: {reason.value.decode()}")
        return int(client)

    def create_topic(self, name: str, partitions: int) -> bool:
        """Create a topic; False if it was there already.

        Raises:
            TopicDiffers: it is there with another number of partitions. So is one that a client
                asked for by name before it was created: the mock made it up, with four.
        """
        with self._kept_awake():
            error = self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1)
        if not error:
            return True
        if error != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
            reason = self._library.rd_kafka_err2str(error).decode()
            raise RuntimeError(f"topic {name} was not created: {reason}")
        present = self.topics()[name]
        if present != partitions:
            raise TopicDiffers(f"topic {name} exists with {present} partitions, not {partitions}")
        return False

    def topics(self) -> dict[str, int]:
        """Every topic there is and its partitions, those that the mock made up among them."""
        from confluent_kafka.admin import AdminClient

        admin = AdminClient({"bootstrap.servers": self.address, "log_level": 2})
        listed = admin.list_topics(timeout=LISTING_TIMEOUT_SECONDS).topics
        return {name: len(topic.partitions) for name, topic in sorted(listed.items())}

    def close(self) -> None:
        with self._kept_awake():
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)

    @contextlib.contextmanager
    def _kept_awake(self) -> Iterator[None]:
        """See that the mock notices what it is told in the block.

        Its thread loses about one wake-up in twenty when they come in a row, and then sleeps for a
        second. A connection wakes it too.
        """
        done = threading.Event()
        threading.Thread(target=self._nudge_until, args=(done,), daemon=True).start()
        try:
            yield
        finally:
            done.set()

    def _nudge_until(self, done: threading.Event) -> None:
        host, port = self.address.split(":")
        while not done.wait(NUDGE_SECONDS):
            with contextlib.suppress(OSError):
                socket.create_connection((host, int(port)), timeout=1).close()


@dataclass(frozen=True)
class Response:
    """The answers of the control port."""

    status: HTTPStatus
    body: Mapping[str, object]


def refusal(status: HTTPStatus, reason: str) -> Response:
    return Response(status, {"error": reason})


def answer(cluster: MockCluster, method: str, path: str, body: bytes) -> Response:
    """Answer a request whose token was right."""
    match method, path:
        case "GET", "/health":
            return Response(HTTPStatus.OK, {"kafka": cluster.address})
        case "GET", "/topics":
            return Response(HTTPStatus.OK, cluster.topics())
        case "POST", "/topics":
            return answer_creation(cluster, body)
        case _:
            return refusal(HTTPStatus.NOT_FOUND, f"there is no {method} {path:.100}")


def answer_creation(cluster: MockCluster, body: bytes) -> Response:
    try:
        match json.loads(body):
            case {"name": asked_name, "partitions": asked_partitions}:
                name, partitions = checked_topic(asked_name, asked_partitions)
            case _:
                return refusal(HTTPStatus.BAD_REQUEST, "give a name and partitions")
        created = cluster.create_topic(name, partitions)
    except TopicDiffers as error:
        return refusal(HTTPStatus.CONFLICT, str(error))
    except ValueError as error:
        return refusal(HTTPStatus.BAD_REQUEST, str(error))
    status = HTTPStatus.CREATED if created else HTTPStatus.OK
    return Response(status, {"name": name, "partitions": partitions})


class ControlServer(ThreadingTCPServer):
    """The control port. Not `http.server.HTTPServer`: that one asks DNS for a name as it binds."""

    daemon_threads = True

    def __init__(self, cluster: MockCluster, token: str) -> None:
        super().__init__(("127.0.0.1", 0), ControlHandler)
        self.cluster = cluster
        self.token = token

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        complain(f"control port: {sys.exception()!r}")


class ControlHandler(BaseHTTPRequestHandler):
    """One request to the control port, from its token to its answer."""

    server: ControlServer
    timeout = 5

    def do_GET(self) -> None:
        self._send(self._answered())

    def do_POST(self) -> None:
        self._send(self._answered())

    def _answered(self) -> Response:
        length = self.headers.get("Content-Length", "0")
        if not re.fullmatch(r"[0-9]{1,9}", length) or int(length) > LONGEST_BODY:
            return refusal(HTTPStatus.BAD_REQUEST, f"the body is at most {LONGEST_BODY} bytes")
        # Read even where the token is wrong: closing on unread bytes resets the connection, and
        # the caller would not learn why.
        body = self.rfile.read(int(length))
        presented = self.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(presented, f"Bearer {self.server.token}".encode()):
            return refusal(HTTPStatus.UNAUTHORIZED, "the token of the port file is needed")
        try:
            return answer(self.server.cluster, self.command, self.path, body)
        except Exception as error:  # noqa: BLE001 - the broker must outlive any question
            complain(f"{self.command} {self.path:.100}: {error!r}")
            return refusal(HTTPStatus.INTERNAL_SERVER_ERROR, repr(error))

    def _send(self, answered: Response) -> None:
        content = json.dumps(answered.body).encode()
        self.send_response(answered.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing: requests are no news."""


def write_port_file(path: Path, content: Mapping[str, object]) -> None:
    """Write the file whole or not at all; `mkstemp` makes it readable by its owner alone."""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w") as file:
            json.dump(content, file)
        Path(temporary).replace(path)
    except OSError as error:
        raise CannotStart(f"port file {path}: {error.strerror}") from error


def watch_for_end(parent: int) -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set, and that the parent's death sets at once.

    Linux sends the death signal also when only the parent's thread that started us has ended, so
    it is one that merely makes us look. Elsewhere, `until_ended` finds out by polling.
    """
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if sys.platform == "linux":
        loop.add_signal_handler(signal.SIGUSR1, lambda: ended.set() if os.getppid() != parent else None)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGUSR1, 0, 0, 0)
    return ended


async def until_ended(ended: asyncio.Event, parent: int) -> None:
    while os.getppid() == parent and not ended.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), PARENT_POLL_SECONDS)


async def serve(topics: Mapping[str, int], port_file: Path, parent: int) -> None:
    """Run the broker until it is told to end or `parent` is no longer this process's parent."""
    ended = watch_for_end(parent)
    cluster = MockCluster()
    for name, partitions in topics.items():
        cluster.create_topic(name, partitions)
    control = ControlServer(cluster, secrets.token_urlsafe(32))
    threading.Thread(target=control.serve_forever, args=(0.05,), daemon=True).start()
    announcement = {"kafka": cluster.address, "control": control.url, "token": control.token}
    write_port_file(port_file, {**announcement, "pid": os.getpid()})
    try:
        await until_ended(ended, parent)
    finally:
        port_file.unlink(missing_ok=True)  # noqa: ASYNC240 - the loop is ending
        control.shutdown()
        control.server_close()
        cluster.close()


def complain(message: str) -> None:
    print(f"embedded broker: {message}", file=sys.stderr, flush=True)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.embedded_broker.broker")
    parser.add_argument("--topics", required=True, help="JSON of names to partitions, or its file")
    parser.add_argument("--port-file", required=True, type=Path, help="written when ready")
    parser.add_argument(
        "--parent",
        type=int,
        default=os.getppid(),
        help="the parent whose end ends this process; given, it may even end during the start",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    try:
        asyncio.run(serve(read_topics(options.topics), options.port_file, options.parent))
    except CannotStart as error:
        complain(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
