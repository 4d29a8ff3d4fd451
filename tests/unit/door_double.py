"""A door that keeps what it is asked, and answers as it is told: by default 422 where an event is bad."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], object]


class DoorDouble:
    """What was asked with which key, by the events' ids; the answers that are still to be given."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[Any]]] = []
        self.answers: list[Answer] = []
        self.url = ""

    def answer(self, key: str, events: list[Any]) -> Answer:
        self.asked.append((key, [event["id"] for event in events]))
        if self.answers:
            return self.answers.pop(0)
        bad = [event["id"] for event in events if event.get("bad")]
        if bad:
            return 422, {}, {"title": "Breaks the contract", "detail": f"/data: {bad[0]} is bad"}
        return 202, {}, {"accepted": []}


def handler(door: DoorDouble) -> type[BaseHTTPRequestHandler]:
    class DoorHandler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            batch = self.headers["Content-Type"] == "application/cloudevents-batch+json"
            assert isinstance(body, list) == batch
            key = self.headers["Authorization"].removeprefix("Bearer ")
            status, headers, document = door.answer(key, body if batch else [body])
            content = json.dumps(document).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return DoorHandler


@contextmanager
def listening() -> Iterator[DoorDouble]:
    """One that listens meanwhile."""
    double = DoorDouble()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(double)) as server:
        server.daemon_threads = True
        double.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield double
        server.shutdown()
        thread.join()
