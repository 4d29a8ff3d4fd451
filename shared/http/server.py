"""The HTTP server of a service: its routes, health, metrics, and one socket bound before anything else starts."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import uvicorn
from aiokafka.errors import KafkaError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute

from shared.http import problems
from shared.http.counted import Counted
from shared.http.everywhere import EVERYWHERE
from shared.http.operations import Operation
from shared.http.protocol import BoundedProtocol
from shared.http.room import Bounds, Room
from shared.store import StoreUnavailable


def application(
    operations: Sequence[Operation],
    not_ready: Callable[[], Sequence[str]],
    state: dict[str, Any],
    pages: Sequence[BaseRoute] = (),
) -> Starlette:
    """The ASGI application. `not_ready` says why the service is not; `pages` are for people, and in no document."""
    app = Starlette(
        routes=[*(operation.route() for operation in (*EVERYWHERE, *operations)), *pages],
        exception_handlers={
            problems.ProblemError: problems.on_problem,
            HTTPException: problems.on_http,
            ClientDisconnect: problems.on_gone,
            StoreUnavailable: problems.on_outage,
            KafkaError: problems.on_no_kafka,
            Exception: problems.on_fault,
        },
    )
    # No redirects: a path with a slash behind it is another one, which does not exist.
    app.router.redirect_slashes = False
    for name, value in {"not_ready": not_ready, **state}.items():
        setattr(app.state, name, value)
    return app


def bind(host: str, port: int) -> socket.socket:
    """The listening socket. Raises `OSError` where the port is in use."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


class Server(uvicorn.Server):
    """Stops on SIGTERM and SIGINT; unlike its parent it does not raise them again, so that a clean stop exits 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for caught in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(caught, self.handle_exit, caught, None)
        yield


def server(app: Counted, bounds: Bounds) -> Server:
    """A server without an access log: URLs hold tokens and ids."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="error",  # a line for each request that is none would be a way to fill the disk
        timeout_graceful_shutdown=5,
        server_header=False,
        proxy_headers=False,
        ws="none",
        http=partial(BoundedProtocol, room=Room(bounds), count=app.count),  # type: ignore[arg-type]
        timeout_keep_alive=int(bounds.idle_seconds),
    )
    return Server(config)
