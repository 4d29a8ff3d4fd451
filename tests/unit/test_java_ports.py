"""The ports of servers in Java, which two of them once shared."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from deploy.java import servers


def test_no_port_is_handed_out_twice_before_its_server_has_bound_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may give a port again as soon as nobody holds it."""
    given = iter([40_001, 40_002, 40_001, 40_003, 40_002, 40_004])

    @contextmanager
    def free(_: tuple[str, int]) -> Iterator[SimpleNamespace]:
        port = next(given)
        yield SimpleNamespace(getsockname=lambda: ("127.0.0.1", port))

    monkeypatch.setattr(socket, "create_server", free)
    monkeypatch.setattr(servers, "_HANDED_OUT", set())
    assert [servers._free_ports(2), servers._free_ports(2)] == [[40_001, 40_002], [40_003, 40_004]]
