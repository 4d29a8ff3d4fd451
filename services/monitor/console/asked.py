"""Asks the monitor's own addresses in this process, as the person who has signed in: pages know nothing more than they."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.types import Message

from shared.http.keys import SIGNED_IN

NO_ANSWER: Final = 503


class NotAnswered(Exception):
    """An address has refused. `detail` is its own word, in English."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


async def ask(
    request: Request,
    who: str,
    path: str,
    query: Mapping[str, str] | None = None,
    *,
    method: str = "GET",
    body: Any = None,
) -> Any:
    """The answer's JSON. Raises `NotAnswered`."""
    content = await _asked(request, who, path, query or {}, method, body)
    return msgspec.json.decode(content) if content else None


async def ask_for_file(request: Request, who: str, path: str, query: Mapping[str, str] | None = None) -> bytes:
    """What an address answers, byte for byte. Raises `NotAnswered`."""
    return await _asked(request, who, path, query or {}, "GET", None)


async def _asked(request: Request, who: str, path: str, query: Mapping[str, str], method: str, body: Any) -> bytes:
    sent = msgspec.json.encode(body) if body is not None else b""
    scope = {
        "type": "http",
        "asgi": request.scope["asgi"],
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": quote(path).encode(),
        "root_path": "",
        "query_string": urlencode(query).encode(),
        "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(sent)).encode())],
        "client": None,
        "server": None,
        "state": {},
        SIGNED_IN: who,
    }
    answer = _Answer(sent)
    await request.app(scope, answer.receive, answer.send)
    if answer.status >= 400:
        problem = msgspec.json.decode(answer.content) if answer.content else None
        raise NotAnswered(answer.status, str(problem.get("detail", "")) if isinstance(problem, dict) else "")
    return answer.content


class _Answer:
    """Both ends of one request."""

    def __init__(self, sent: bytes) -> None:
        self._sent = sent
        self.status = NO_ANSWER
        self.content = b""

    async def receive(self) -> Message:
        return {"type": "http.request", "body": self._sent, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.content += message.get("body", b"")
