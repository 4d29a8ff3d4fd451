"""The proxy that scenarios put before Kafka and the database does to a connection what it says."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from tests.proxy import HOST, Proxy


@pytest.fixture
def echo() -> Iterator[str]:
    """A server that sends back what it gets."""
    with closing(socket.create_server((HOST, 0))) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                while piece := connection.recv(100):
                    connection.sendall(b"!" + piece)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"{HOST}:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture
def proxy(echo: str) -> Iterator[Proxy]:
    with Proxy(echo) as one:
        yield one


def connected(proxy: Proxy) -> socket.socket:
    one = socket.create_connection((HOST, proxy.port), timeout=5)
    one.sendall(b"hello")
    assert one.recv(100) == b"!hello"
    return one


def test_what_is_cut_is_reset_and_refused_until_it_is_mended(proxy: Proxy) -> None:
    with connected(proxy) as one:
        proxy.cut()
        assert gone(one)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, proxy.port), timeout=5)
    assert proxy.connections == 0
    proxy.mend()
    connected(proxy).close()


def gone(one: socket.socket) -> bool:
    try:
        return one.recv(100) == b""
    except ConnectionResetError:
        return True


def test_who_hangs_up_on_those_who_are_there_takes_the_next(proxy: Proxy) -> None:
    with connected(proxy) as one:
        proxy.hang_up()
        assert gone(one)
    connected(proxy).close()


def test_what_is_frozen_comes_late_and_whole(proxy: Proxy) -> None:
    with connected(proxy) as one:
        proxy.freeze()
        one.sendall(b"held")
        one.settimeout(0.2)
        with pytest.raises(TimeoutError):
            one.recv(100)
        proxy.mend()
        one.settimeout(5)
        assert one.recv(100) == b"!held"


def test_an_answer_comes_through_while_nothing_can_be_asked(proxy: Proxy) -> None:
    with connected(proxy) as one:
        proxy.delay(0.3)
        one.sendall(b"asked before")
        time.sleep(0.45)  # it is with the server, whose answer waits
        proxy.freeze(answers=False)
        assert one.recv(100) == b"!asked before"
        one.sendall(b"asked after")
        one.settimeout(0.5)
        with pytest.raises(TimeoutError):
            one.recv(100)


def test_each_way_is_slower_by_the_delay(proxy: Proxy) -> None:
    with connected(proxy) as one:
        proxy.delay(0.1)
        began = time.monotonic()
        one.sendall(b"late")
        assert one.recv(100) == b"!late"
        assert time.monotonic() - began >= 0.2
