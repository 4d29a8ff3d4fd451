"""Ports for the platforms that tests start: nobody else who asks here, in whichever process, is given the same."""

import random
import socket
from contextlib import ExitStack, suppress
from typing import Final

from shared.contracts.topics import SERVICES

_HOST: Final = "127.0.0.1"
_ROW: Final = len(SERVICES) + 2
_CLAIMS: Final[list[socket.socket]] = []


def free_base() -> int:
    """The first of some free ports in a row, one a service, below those that the system hands out to connections by itself.

    They stay this process's own: between here and a service that listens there, seconds pass.
    """
    while True:
        base = random.randrange(20_001, 32_001, _ROW)
        with suppress(OSError), ExitStack() as free:
            claim = free.enter_context(_bound(base + len(SERVICES)))
            with ExitStack() as probed:
                for port in range(base - 1, base + len(SERVICES)):
                    probed.enter_context(_bound(port))
            free.pop_all()
            # As long as it is held, this row's probe fails in every other process.
            _CLAIMS.append(claim)
            return base


def _bound(port: int) -> socket.socket:
    one = socket.socket()
    try:
        one.bind((_HOST, port))
    except OSError:
        one.close()
        raise
    return one
