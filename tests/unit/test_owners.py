"""The monitor asks an owner after no more events at once than that answers."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from services.monitor.model import Traced
from services.monitor.owners import Owners
from shared.http.outcomes import MAX_ASKED

ASKED: list[int] = []


class Owner(BaseHTTPRequestHandler):
    """Answers `applied` to each, and refuses too many, as the real one does."""

    def do_POST(self) -> None:
        events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["events"]
        ASKED.append(len(events))
        content = json.dumps({"outcomes": ["applied"] * len(events)}).encode()
        self.send_response(200 if len(events) <= MAX_ASKED else 413)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Owner) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.asyncio
async def test_a_long_trace_is_asked_after_in_parts(url: str) -> None:
    type_ = "fi.kulttuurilahete.ActivityAttended.v1"
    events = [Traced("/opisto/1.2.3", f"e{n}", type_, "", "r") for n in range(2 * MAX_ASKED + 1)]
    ASKED.clear()
    known = await Owners({"referral": url}, "key", httpx.create_ssl_context()).outcomes(events)
    assert known.known == {("/opisto/1.2.3", f"e{n}"): "applied" for n in range(2 * MAX_ASKED + 1)}
    assert ASKED == [MAX_ASKED, MAX_ASKED, 1]
