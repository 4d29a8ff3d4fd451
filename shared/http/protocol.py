"""HTTP/1.1 as uvicorn and httptools read it, within bounds: of a head's size, of time, of requests sent ahead.

httptools keeps bytes that it has not understood yet, however many, and uvicorn waits for more, however slowly. This
protocol counts bytes that bring a request no further, and times each connection from its start. docs/decisions/0008.
"""

import asyncio
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from shared.http.problems import ProblemError, respond
from shared.http.room import Room, sender_at

MAX_HEAD: Final = 64 * 1024
MAX_AHEAD: Final = 16
"""How many requests may wait behind the one in work."""
_PIECE: Final = 16 * 1024
_LINGER: Final = 2.0
"""Seconds without a byte until a refused connection ends: its bytes are dropped, so that the sender reads the answer."""
_MAX_THROWN_AWAY: Final = 16 * 1024 * 1024
"""Bytes of one body that may be thrown away."""


class _Answer(asyncio.Transport):
    """The transport of an answer; many clients read it only after sending their whole body: the end waits for that."""

    def __init__(self, connection: asyncio.Transport, close: Callable[[], None]) -> None:
        super().__init__()
        self._connection = connection
        self._close = close

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._connection.write(data)

    def is_closing(self) -> bool:
        return self._connection.is_closing()

    def close(self) -> None:
        self._close()


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *, room: Room, count: Callable[[int], None], **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self._room = room
        self._count = count
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._reads_body = False
        self._got_further = False
        self._held = 0
        self._thrown_away = 0
        self._body_until = 0.0
        self._is_last = False
        self._over = False
        self._fault = ProblemError(400, "this is no HTTP/1.1 request")

    @cached_property
    def address(self) -> str:
        """The sender's address, as `Room` counts connections."""
        return sender_at(self.client[0]) if self.client else ""

    # --- the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._room.enter(self):
            self._arm(self._room.bounds.head_seconds, self._too_slow)
        else:
            self._over = True
            self._write(ProblemError(503, "too many connections; come again", retry_after=1))
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        if self._unread is not None:
            self._unread.cancel()
        self._room.leave(self)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client reads so slowly that the next answer waits; it keeps the connection's place, but not for ever."""
        super().pause_writing()
        self._unread = self.loop.call_later(self._room.bounds.body_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _PIECE):
            if self._over:
                self._throw_away(len(data) - start)
                return
            if self.transport.is_closing():
                return
            self._feed(data[start : start + _PIECE])

    def _feed(self, piece: bytes) -> None:
        self._got_further = False
        super().data_received(piece)
        if self._over:
            return
        self._held = 0 if self._got_further else self._held + len(piece)
        if self._held > MAX_HEAD:
            self._refuse(_too_long())
        elif self._timer is None and not self._is_answering:
            self._arm(self._room.bounds.head_seconds, self._too_slow)

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    # --- what the parser finds; an exception here ends in `send_400_response`

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._arm(self._room.bounds.head_seconds, self._too_slow)

    def on_headers_complete(self) -> None:
        self._got_further = True
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > MAX_HEAD:
            self._fault = _too_long()
            raise self._fault
        if len(self.pipeline) >= MAX_AHEAD:
            self._fault = ProblemError(429, "too many requests are sent ahead; wait for an answer", retry_after=1)
            raise self._fault
        super().on_headers_complete()
        self.cycle.transport = _Answer(self.transport, self._close_after_body)
        self._room.has_work(self)
        self._reads_body = True
        self._thrown_away = 0
        self._body_until = self.loop.time() + self._room.bounds.body_seconds
        self._arm(self._room.bounds.body_seconds, self._too_slow)

    def on_body(self, body: bytes) -> None:
        self._got_further = True
        super().on_body(body)
        if self.cycle.response_complete:
            self._throw_away(len(body))
            self._linger()

    def on_message_complete(self) -> None:
        self._got_further = True
        self._reads_body = False
        self._disarm()
        super().on_message_complete()
        if self._is_last:
            self._end()
        elif not self._is_answering:
            self._arm(self._room.bounds.idle_seconds, self._end)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._end()
            return
        if not self.pipeline:
            self._room.waits(self)
        if self._reads_body and not self._is_answering:
            self._unset_keepalive_if_required()
            self._linger()

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._fault)

    # --- the end of it

    def _close_after_body(self) -> None:
        """Ends a connection after its last request or a failure: now, or when the rest of an answered body has come."""
        if self._reads_body and not self._is_answering:
            self._is_last = True
            self.transport.write_eof()
        else:
            self.transport.close()

    def _linger(self) -> None:
        self._arm(min(_LINGER, self._body_until - self.loop.time()), self._end)

    def give_way(self) -> None:
        """Ends an idle connection, since others need its place: it has sent no request yet, or has its answer."""
        self.transport.abort()

    def timeout_keep_alive_handler(self) -> None:
        self._end()

    def _too_slow(self) -> None:
        self._timer = None
        if self._is_answering and not self._reads_body:
            self.cycle.keep_alive = False  # the answer to the request before it goes out first
        else:
            self._refuse(ProblemError(408, "the request did not come to its end in time"))

    def _refuse(self, error: ProblemError) -> None:
        """Answers, unless another answer is on its way, and reads no more."""
        self._over = True
        nothing_is_said = not self._is_answering or not (self.cycle.response_started or self.pipeline)
        if nothing_is_said and not self._is_last:
            self._write(error)
            self.transport.write_eof()
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.pipeline.clear()
        self.flow.resume_reading()
        self._arm(_LINGER, self._end)

    def _write(self, error: ProblemError) -> None:
        self._count(error.status)
        self.transport.write(_bytes_of(respond(error)))

    def _throw_away(self, count: int) -> None:
        self._thrown_away += count
        if self._thrown_away > _MAX_THROWN_AWAY:
            self.transport.abort()

    def _end(self) -> None:
        """Closes; cuts a client off that does not read its answer and so keeps it in memory."""
        self.transport.close()
        self._disarm()
        self.loop.call_later(_LINGER, self.transport.abort)

    def _arm(self, seconds: float, act: Callable[[], None]) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, act)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _too_long() -> ProblemError:
    return ProblemError(431, f"the head has more than {MAX_HEAD} bytes")


def _bytes_of(response: Response) -> bytes:
    lines = [STATUS_LINE[response.status_code], b"connection: close\r\n"]
    lines += [name + b": " + value + b"\r\n" for name, value in response.raw_headers]
    return b"".join([*lines, b"\r\n", bytes(response.body)])
