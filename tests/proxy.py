"""A TCP proxy on loopback that a scenario puts before Kafka or the database: cut, frozen, slow, or only the connections.

    with Proxy("127.0.0.1:9092") as proxy:
        proxy.cut()         # refused, as by a host that is away; until proxy.mend()
        proxy.freeze()      # taken, and nothing moves; until proxy.mend()
        proxy.delay(0.05)   # each piece comes so much later, either way
        proxy.hang_up()     # what is connected is reset; who comes again is let through

Lives in a thread of its own. Knows nothing of what goes through it.
"""

import asyncio
import socket
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final, Self

HOST: Final = "127.0.0.1"
_PIECE: Final = 65_536


class Proxy:
    """Leads to `target`, `host:port`, which need not answer yet. A context manager."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        # Bound and never listening: while it is cut nobody else gets the port, and who connects is refused.
        self._port_held = _bound(0)
        self.port: int = self._port_held.getsockname()[1]
        self.address = f"{HOST}:{self.port}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._requests_flow = asyncio.Event()
        self._answers_flow = asyncio.Event()
        self._delay = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        self.mend()
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._cut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._port_held.close()

    # --- what befalls it

    def cut(self) -> None:
        """Ends every connection and refuses new ones."""
        self._do(self._cut())

    def freeze(self, *, answers: bool = True) -> None:
        """Holds back all that comes; without `answers`, only what is asked: what is answered still gets through."""
        self._do(self._flow(requests=False, answers=not answers))

    def delay(self, seconds: float) -> None:
        """Lets each piece wait, either way."""
        self._delay = seconds

    def hang_up(self) -> None:
        """Resets what is connected now."""
        self._do(self._hang_up())

    def mend(self) -> None:
        """All is as it should be: what was held back goes on."""
        self._delay = 0.0
        self._do(self._mend())

    @property
    def connections(self) -> int:
        """How many are connected through it."""
        return len(self._open) // 2

    # --- in its thread

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _mend(self) -> None:
        await self._flow(requests=True, answers=True)
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, sock=_bound(self.port))

    async def _flow(self, *, requests: bool, answers: bool) -> None:
        for event, flows in ((self._requests_flow, requests), (self._answers_flow, answers)):
            if flows:
                event.set()
            else:
                event.clear()

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._hang_up()

    async def _hang_up(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()
        for task in list(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self._open.add(writer)
        try:
            with suppress(OSError, asyncio.CancelledError):
                await self._through(reader, writer)
        finally:
            self._open.discard(writer)
            writer.transport.abort()
            self._serving.discard(task)

    async def _through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there = await asyncio.open_connection(*self._target)
        self._open.add(there)
        ways = [
            asyncio.create_task(self._carry(reader, there, self._requests_flow)),
            asyncio.create_task(self._carry(there_reader, writer, self._answers_flow)),
        ]
        try:
            # Who hangs up on one side is gone for the other as well.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._open.discard(there)
            there.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flows: asyncio.Event) -> None:
        while piece := await reader.read(_PIECE):
            if self._delay:
                await asyncio.sleep(self._delay)
            await flows.wait()
            writer.write(piece)
            await writer.drain()


def _bound(port: int) -> socket.socket:
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    one.bind((HOST, port))
    return one
