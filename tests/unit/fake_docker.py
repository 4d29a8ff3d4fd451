"""A Docker daemon that runs nothing: as much of the Engine's HTTP API as it takes to start a container, and end it.

It keeps what it was asked for. A published port is a real one, on the interface that was asked for; nothing stands
behind it but the connection. What a container prints, and when, is set by the test.
"""

import json
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

Answer = tuple[int, object]

PRINTS: Final = {
    "apache/kafka": "[2026-01-01 00:00:00,000] INFO [KafkaRaftServer nodeId=1] Kafka Server started"
    " (kafka.server.KafkaRaftServer)\n",
    "mongo": '{"s":"I","c":"NETWORK","id":23016,"ctx":"listener","msg":"Waiting for connections",'
    '"attr":{"port":27017,"ssl":"off"}}\n',
    "testcontainers/ryuk": "2026/01/01 00:00:00 Started!\n",
}
"""The line by which each image says that it is ready, as it prints it."""


@dataclass
class FakeContainer:
    """What was asked for, what became of it, and how often somebody looked whether it is ready."""

    name: str
    asked: dict[str, Any]
    status: str = "created"
    looks: int = 0
    removed_with: dict[str, str] | None = None
    published: dict[str, socket.socket] = field(default_factory=dict)

    @property
    def image(self) -> str:
        return str(self.asked["Image"])

    @property
    def environment(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.asked["Env"])

    @property
    def bindings(self) -> dict[str, list[dict[str, str]]]:
        found: dict[str, list[dict[str, str]]] = self.asked["HostConfig"]["PortBindings"]
        return found

    def publish(self) -> None:
        """Takes the ports, or raises an OSError."""
        for within, ((binding),) in self.bindings.items():
            place = (binding.get("HostIp") or "0.0.0.0", int(binding["HostPort"] or 0))
            self.published[within] = socket.create_server(place)

    def end(self) -> None:
        self.status = "exited"
        for one in self.published.values():
            one.close()


def known_as(image: str) -> str:
    """A daemon takes no notice of the tag where there is a digest."""
    return re.sub(r":[^:@]+@", "@", image)


@dataclass
class FakeDocker:
    """The daemon. Set what should go wrong before it is asked."""

    address: str = ""
    images: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    containers: list[FakeContainer] = field(default_factory=list)
    ready_after: int = 0
    """How many looks at its log a container is not ready at."""
    dies: bool = False
    """A container ends before it is ready."""
    shut: bool = False
    """Published ports lead nowhere."""
    refuses: str = ""
    """What part of the API, `/containers/create` say, fails with an error of the daemon."""
    breaks_off: str = ""
    """What part of the API gets half an answer."""

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> Answer:
        """The status and the document, or the bytes, of one answer."""
        self.asked.append(f"{method} {path}")
        if self.refuses and self.refuses in path:
            return 500, {"message": f"the daemon cannot do\n{path}"}
        if path == "/version":
            return 200, {"Version": "28.0.0", "ApiVersion": "1.48"}
        if path == "/images/create":
            by = "@" if query["tag"].startswith("sha256:") else ":"
            self.images.add(f"{query['fromImage']}{by}{query['tag']}")
            return 200, {"status": "Download complete"}
        if image := re.fullmatch(r"/images/(.+)/json", unquote(path)):
            return (200, {"Id": image[1]}) if known_as(image[1]) in self.images else _missing("image", image[1])
        if path == "/containers/create":
            return self._created(query.get("name", ""), body)
        if container := re.fullmatch(r"/containers/id-(\d+)(/\w+)?", path):
            return self._of(self.containers[int(container[1])], container[2], method, query, container[1])
        return _missing("page", path)

    def _created(self, name: str, body: dict[str, Any]) -> Answer:
        if known_as(body["Image"]) not in self.images:
            return _missing("image", body["Image"])
        self.containers.append(FakeContainer(name, body))
        return 201, {"Id": f"id-{len(self.containers) - 1}", "Warnings": []}

    def _of(self, one: FakeContainer, what: str | None, method: str, query: dict[str, str], number: str) -> Answer:
        if one.removed_with is not None:
            return _missing("container", number)
        if method == "DELETE":
            one.removed_with = query
            one.end()
            return 204, b""
        if what == "/start":
            return self._started(one)
        if what == "/logs":
            return 200, self._printed(one, query)
        return 200, _inspected(one, number)

    def _started(self, one: FakeContainer) -> Answer:
        try:
            one.publish()
        except OSError as error:
            return 500, {"message": f"failed to bind host port: {error.strerror}"}
        one.status = "running"
        return 204, b""

    def _printed(self, one: FakeContainer, query: dict[str, str]) -> bytes:
        """The client asks for the two streams in turn; a line of a stream has a header of eight bytes."""
        if query["stdout"] != "1":
            return b""
        one.looks += 1
        lines = ["it begins\n"]
        if self.dies and one.looks > self.ready_after:
            one.end()
        elif one.looks > self.ready_after:
            lines.append(PRINTS[one.image.partition(":")[0]])
            if self.shut:
                for taken in one.published.values():
                    taken.close()
        return b"".join(struct.pack(">BxxxL", 1, len(line)) + line.encode() for line in lines)


def _missing(what: str, name: str) -> Answer:
    return 404, {"message": f"No such {what}: {name}"}


def _inspected(one: FakeContainer, number: str) -> dict[str, object]:
    ports = {
        within: [{"HostIp": taken.getsockname()[0], "HostPort": str(taken.getsockname()[1])}]
        for within, taken in one.published.items()
        if one.status == "running" and taken.fileno() != -1
    }
    return {
        "Id": f"id-{number}",
        "Name": f"/{one.name}",
        "Config": {"Image": one.image, "Tty": False},
        "State": {"Status": one.status, "ExitCode": 1 if one.status == "exited" else 0, "Error": ""},
        "NetworkSettings": {"Ports": ports},
    }


class _Http(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65_536  # an answer is one packet: the second would wait 40 ms for the first's acknowledgement
    daemon: FakeDocker

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def do_DELETE(self) -> None:
        self._respond()

    def _respond(self) -> None:
        asked = urlsplit(self.path)
        path = re.sub(r"^/v[\d.]+", "", asked.path)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        status, answer = self.daemon.answer(self.command, path, query, body)
        if self.daemon.breaks_off and self.daemon.breaks_off in path:
            self._half()
            return
        whole = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(whole)))
        self.end_headers()
        self.wfile.write(whole)

    def _half(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"10\r\n{")
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has there
        pass


@contextmanager
def fake_docker() -> Iterator[FakeDocker]:
    """A daemon that answers on loopback at `address`, the value of DOCKER_HOST, as long as the block lasts."""
    daemon = FakeDocker()
    handler = type("Handler", (_Http,), {"daemon": daemon})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        daemon.address = f"tcp://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield daemon
        finally:
            server.shutdown()
            thread.join()
            for one in daemon.containers:
                one.end()
