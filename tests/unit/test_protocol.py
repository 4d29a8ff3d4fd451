"""The doors against connections that misbehave, over real sockets: slow, endless, wide, idle, many."""

import asyncio
import re
import socket
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import wraps
from random import Random
from typing import Any
from urllib.error import HTTPError
from uuid import uuid4

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from starlette.requests import Request
from starlette.responses import Response

from shared.http import protocol
from shared.http.body import read_body
from shared.http.counted import Counted
from shared.http.operations import Operation
from shared.http.protocol import MAX_AHEAD, MAX_HEAD
from shared.http.room import Bounds, Room, sender_at
from shared.http.server import Server, application, bind, server
from shared.process.settings import PlatformSettings, read

BOUNDS = Bounds(connections=50, an_address=40, head_seconds=30, body_seconds=30, idle_seconds=30)
LIVE = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"


class Talk:
    """One connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, bytes]:
        """The next answer: its status and body."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return int(head.split()[1]), await self.reader.readexactly(int(length))

    async def ends(self) -> None:
        """Waits until the server has closed it."""
        try:
            while await self.reader.read(65_536):
                pass
        except ConnectionError:
            pass

    async def endless(self, begin: bytes, again: bytes) -> int:
        """Sends without end; the status of what comes back, or 0 where the connection is cut without a word."""
        with_answer = asyncio.ensure_future(self.answer())
        try:
            await self.say(begin)
            while not with_answer.done():
                await self.say(again)
                await asyncio.sleep(0)
        except ConnectionError:
            pass
        try:
            return (await with_answer)[0]
        except (ConnectionError, asyncio.IncompleteReadError):
            return 0


class ServerUnderTest:
    """A server that runs, with two addresses besides the health: one reads its body, one waits to be let go."""

    def __init__(self, bounds: Bounds) -> None:
        self.let_go = asyncio.Event()
        self.asked = 0
        self.service = f"test-{uuid4()}"
        operations = [
            Operation("POST", "/body", self._body, {}),
            Operation("POST", "/small", self._small, {}),
            Operation("POST", "/unread", self._unread, {}),
            Operation("GET", "/wait", self._wait, {}),
            Operation("GET", "/large", self._large, {}),
        ]
        self._listening = bind("127.0.0.1", 0)
        self.port = self._listening.getsockname()[1]
        self.server: Server = server(Counted(application(operations, list, {}), self.service), bounds)
        self._serving = asyncio.ensure_future(self.server.serve(sockets=[self._listening]))

    @property
    def connections(self) -> int:
        return len(self.server.server_state.connections)

    async def _body(self, request: Request) -> Response:
        return Response(str(len(await read_body(request, 10_000_000))))

    async def _small(self, request: Request) -> Response:
        return Response(str(len(await read_body(request, 1_000))))

    async def _unread(self, _: Request) -> Response:
        return Response("unread")

    async def _wait(self, _: Request) -> Response:
        self.asked += 1
        await self.let_go.wait()
        return Response("gone")

    async def _large(self, _: Request) -> Response:
        return Response(b"x" * 30_000_000)

    async def talk(self) -> Talk:
        return Talk(*await asyncio.open_connection("127.0.0.1", self.port))

    async def live(self) -> int:
        """What an honest caller is answered."""
        talk = await self.talk()
        await talk.say(LIVE)
        status, _ = await talk.answer()
        talk.writer.close()
        return status

    async def close(self) -> None:
        self.let_go.set()
        self.server.should_exit = True
        await self._serving


@asynccontextmanager
async def doors(**bounds: Any) -> AsyncIterator[ServerUnderTest]:
    one = ServerUnderTest(replace(BOUNDS, **bounds))
    while not one.server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    try:
        yield one
    finally:
        await one.close()


async def comes(condition: Callable[[], bool]) -> None:
    """Waits until it holds."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def asynchronous(test: Callable[..., Awaitable[None]]) -> Any:
    """On the loop that services run on: how a socket is closed is the loop's."""

    @wraps(test)
    def run(**fixtures: Any) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(test(**fixtures))  # type: ignore[arg-type]

    return run


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_LINGER", 0.2)


# --- heads


@pytest.mark.parametrize(
    ("begin", "again"),
    [
        (b"GET /", b"a" * 50_000),
        (b"GET / HTTP/1.1\r\nx: ", b"a" * 50_000),
        (b"GET / HTTP/1.1\r\n", b"a" * 50_000),
        (b"GET / HTTP/1.1\r\n", b"x: 1\r\n" * 5_000),
        (b"POST /body HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", b"x: 1\r\n" * 5_000),
        (b"POST /body HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nx: ", b"a" * 50_000),
        (b"POST /body HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;", b"a" * 50_000),
        (b"", b"\r\n" * 25_000),
    ],
    ids=["url", "value", "name", "lines", "trailers", "a trailer", "a chunk's extension", "blank lines"],
)
@asynchronous
async def test_a_head_without_end_is_431_and_takes_nothing_from_others(begin: bytes, again: bytes) -> None:
    async with doors() as one:
        talk = await one.talk()
        assert await talk.endless(begin, again) in {431, 400}
        assert await one.live() == 200
        talk.writer.close()
        await comes(lambda: one.connections <= 1)


@asynchronous
async def test_a_head_of_64_kib_is_taken_and_a_longer_one_is_not() -> None:
    async with doors() as one:
        talk = await one.talk()
        for size, status in ((MAX_HEAD - 100, 200), (MAX_HEAD + 100, 431)):
            await talk.say(b"GET /health/live HTTP/1.1\r\nx: " + b"a" * (size - 29) + b"\r\n\r\n")
            assert (await talk.answer())[0] == status
        await talk.ends()
        counted = {"service": one.service, "status": "431"}
        assert REGISTRY.get_sample_value("lahete_http_answers_total", counted) == 1


@asynchronous
async def test_a_head_that_comes_too_slowly_is_408() -> None:
    async with doors(head_seconds=0.2) as one:
        talks = [await one.talk() for _ in range(3)]
        await talks[1].say(b"GET / HT")
        await talks[2].say(LIVE)
        await talks[2].answer()
        await talks[2].say(b"\r\n")
        for talk in talks:
            assert (await talk.answer())[0] == 408
            await talk.ends()


@asynchronous
async def test_a_connection_that_brings_no_other_request_is_closed() -> None:
    async with doors(idle_seconds=1) as one:
        talk = await one.talk()
        await talk.say(LIVE)
        await talk.answer()
        await talk.ends()


# --- bodies


@asynchronous
async def test_a_body_that_comes_too_slowly_is_408() -> None:
    async with doors(body_seconds=0.2) as one:
        talk = await one.talk()
        await talk.say(b"POST /body HTTP/1.1\r\ncontent-length: 10\r\n\r\n1234")
        assert (await talk.answer())[0] == 408
        await talk.ends()


@asynchronous
async def test_who_waits_to_be_asked_for_his_body_as_curl_does_with_a_large_one_is_asked() -> None:
    async with doors() as one:
        talk = await one.talk()
        for _ in range(2):
            await talk.say(b"POST /small HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n")
            assert await talk.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            await talk.say(b"12345")
            assert await talk.answer() == (200, b"5")
        await talk.say(b"POST /small HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 5000\r\n\r\n")
        assert (await talk.answer())[0] == 413


@asynchronous
async def test_an_answer_does_not_wait_for_a_body_that_nobody_reads_and_the_next_request_is_read() -> None:
    async with doors() as one:
        talk = await one.talk()
        await talk.say(b"POST /unread HTTP/1.1\r\ncontent-length: 200000\r\n\r\n")
        assert await talk.answer() == (200, b"unread")
        await talk.say(b"x" * 200_000 + LIVE)
        assert (await talk.answer())[0] == 200


@asynchronous
async def test_what_is_too_large_is_refused_at_its_announcement_and_not_read_to_its_end() -> None:
    async with doors() as one:
        talk = await one.talk()
        await talk.say(b"POST /body HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n")
        assert (await talk.answer())[0] == 413
        await talk.ends()


def blocking(port: int, head: bytes, body: int) -> int:
    """The status that a client reads that writes all it has before it reads, as many do."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"POST /small HTTP/1.1\r\nhost: x\r\n" + head + b"\r\n")
        for _ in range(body // 65_536):
            connection.sendall(b"x" * 65_536)
        return int(connection.makefile("rb").readline().split()[1])


@pytest.mark.parametrize("connection", [b"", b"connection: close\r\n"])
@asynchronous
async def test_who_writes_a_body_that_is_too_large_to_its_end_reads_413(
    connection: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "_LINGER", 2)
    async with doors() as one:
        for size in (655_360, 9 * 1024 * 1024):
            head = connection + f"content-length: {size}\r\n".encode()
            for _ in range(3):
                assert await asyncio.to_thread(blocking, one.port, head, size) == 413


@asynchronous
async def test_a_client_of_the_standard_library_reads_413_for_a_batch_of_nine_mebibytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "_LINGER", 2)
    async with doors() as one:
        request = urllib.request.Request(f"http://127.0.0.1:{one.port}/small", b"x" * (9 * 1024 * 1024))
        with pytest.raises(HTTPError) as refused:
            await asyncio.to_thread(urllib.request.urlopen, request)
        assert refused.value.code == 413
        refused.value.close()


@asynchronous
async def test_a_body_that_comes_on_after_its_answer_is_thrown_away_to_its_end_and_so_is_the_next() -> None:
    async with doors() as one:
        talk = await one.talk()
        for _ in range(3):
            await talk.say(b"POST /small HTTP/1.1\r\ncontent-length: 9000000\r\n\r\n")
            assert (await talk.answer())[0] == 413
            await talk.say(b"x" * 9_000_000)


@asynchronous
async def test_after_an_answer_no_more_is_read_than_a_bounded_amount_for_a_bounded_time() -> None:
    async with doors(body_seconds=0.5) as one:
        for body in (b"x" * 65_536, b"x"):
            talk = await one.talk()
            await talk.say(b"POST /small HTTP/1.1\r\nconnection: close\r\ncontent-length: 99000000\r\n\r\n")
            assert (await talk.answer())[0] == 413
            with suppress(ConnectionError):
                while True:
                    await talk.say(body)
                    await asyncio.sleep(0)
            await comes(lambda: one.connections == 0)


@pytest.mark.parametrize("rest", [b"zz\r\n", b"1;" + b"a" * 100_000])
@asynchronous
async def test_what_is_wrong_in_a_body_after_the_last_answer_is_told_to_nobody(
    rest: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with doors() as one:
        talk = await one.talk()
        head = b"POST /unread HTTP/1.1\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
        await talk.say(head)
        assert await talk.answer() == (200, b"unread")
        await talk.say(rest)
        assert await talk.reader.read() == b""
    assert [record.getMessage() for record in caplog.records] == []


@asynchronous
async def test_after_the_last_answer_nothing_is_answered_that_was_sent_behind_its_body() -> None:
    async with doors() as one:
        talk = await one.talk()
        await talk.say(b"POST /small HTTP/1.1\r\nconnection: close\r\ncontent-length: 200000\r\n\r\n")
        assert (await talk.answer())[0] == 413
        await talk.say(b"x" * 200_000 + LIVE)
        assert await talk.reader.read() == b""


@asynchronous
async def test_who_leaves_in_the_middle_of_his_body_is_no_fault_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    async with doors() as one:
        talk = await one.talk()
        await talk.say(b"POST /body HTTP/1.1\r\ncontent-length: 10\r\n\r\n1234")
        await comes(lambda: len(one.server.server_state.tasks) == 1)
        talk.writer.close()
        await comes(lambda: not one.server.server_state.tasks)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@asynchronous
async def test_who_does_not_read_his_answer_is_cut_off() -> None:
    async with doors() as one:
        talk = await one.talk()
        await talk.say(b"GET /large HTTP/1.1\r\nconnection: close\r\n\r\n")
        await talk.reader.readuntil(b"\r\n\r\n")
        await comes(lambda: one.connections == 0)


@asynchronous
async def test_who_sends_requests_ahead_and_reads_no_answer_is_cut_off() -> None:
    async with doors(body_seconds=0.2) as one:
        talk = await one.talk()
        await talk.say(b"GET /large HTTP/1.1\r\n\r\n" * 2)
        await talk.reader.readuntil(b"\r\n\r\n")
        await comes(lambda: one.connections == 0)


# --- requests that are none, or more than one


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40),
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.1\r\n\r\n",
        b"G\x00T / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nx\x00: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: 1\x00\r\n\r\n",
        b"POST /body HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n12",
        b"POST /body HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n1",
        b"POST /body HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /body HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST /body HTTP/1.1\r\ncontent-length: 99999999999999999999999999\r\n\r\n",
        b"POST /body HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"POST /body HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    ],
)
@asynchronous
async def test_what_is_no_request_is_400_and_the_end_of_the_connection(request_: bytes) -> None:
    async with doors() as one:
        talk = await one.talk()
        await talk.say(request_)
        status, body = await talk.answer()
        assert status == 400
        assert b'"status":400' in body
        await talk.ends()


@pytest.mark.parametrize("upgrade", [b"websocket", b"h2c"])
@asynchronous
async def test_nothing_is_upgraded(upgrade: bytes) -> None:
    async with doors() as one:
        talk = await one.talk()
        head = b"GET /health/live HTTP/1.1\r\nconnection: upgrade\r\nupgrade: " + upgrade
        await talk.say(head + b"\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        assert (await talk.answer())[0] == 200


@asynchronous
async def test_requests_sent_ahead_are_answered_in_order_and_too_many_end_the_connection() -> None:
    async with doors() as one:
        talk = await one.talk()
        await talk.say(LIVE * MAX_AHEAD)
        assert [(await talk.answer())[0] for _ in range(MAX_AHEAD)] == [200] * MAX_AHEAD
        await talk.say(LIVE * 5_000)
        await talk.ends()
        assert await one.live() == 200


def spoilt(rng: Random) -> bytes:
    """Requests that are cut, doubled, and strewn with what breaks them."""
    requests = (LIVE, b"POST /body HTTP/1.1\r\ncontent-length: 4\r\n\r\n1234", CHUNKED, LIVE.replace(b"1.1", b"1.0"))
    data = bytearray(b"".join(rng.choices(requests, k=rng.randint(1, 4))))
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(data) + 1)
        data[place : place + rng.choice((0, 0, 1, 9))] = rng.choice(CRUMBS) or rng.randbytes(3)
    return bytes(data)


async def all_answers(talk: Talk, data: bytes) -> bytes:
    """What comes until the server closes."""
    answers = b""
    with suppress(ConnectionError):
        await talk.say(data)
        while part := await talk.reader.read(65_536):
            answers += part
    talk.writer.close()
    return answers


CHUNKED = b"POST /body HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n4;x=1\r\n1234\r\n0\r\ny: 1\r\n\r\n"
CRUMBS = (
    b"\r",
    b"\n",
    b"\r\n\r\n",
    b"\0",
    b":",
    b" ",
    b"\xff\xfe",
    b"%",
    b"content-length: 9\r\n",
    b"HTTP/1.1",
    b"0\r\n",
    b"",
)


@pytest.mark.parametrize("seed", range(3))
@asynchronous
async def test_whatever_bytes_come_nobody_is_told_of_a_fault_of_ours(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    rng = Random(seed)
    async with doors(head_seconds=2, body_seconds=2, idle_seconds=2, connections=100, an_address=90) as one:
        answers = await asyncio.gather(*[all_answers(await one.talk(), spoilt(rng)) for _ in range(80)])
        statuses = re.findall(rb"HTTP/1\.1 (\d{3}) ", b"".join(answers))
        assert len(statuses) > 40, "of a connection that is reset an answer may be lost"
        assert {status[:1] for status in statuses} == {b"2", b"4"}
        assert await one.live() == 200
    assert [record.getMessage() for record in caplog.records] == []


def test_each_bound_is_the_one_that_is_set_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("CONNECTIONS", "CONNECTIONS_AN_ADDRESS", "HEAD_SECONDS", "BODY_SECONDS", "IDLE_SECONDS")
    for number, name in enumerate(names, 1):
        monkeypatch.setenv(f"LAHETE_HTTP_{name}", str(number))
    assert read(PlatformSettings).bounds() == Bounds(
        connections=1, an_address=2, head_seconds=3, body_seconds=4, idle_seconds=5
    )


# --- many


@asynchronous
async def test_where_there_is_no_room_the_longest_idle_gives_way_and_an_honest_request_is_answered() -> None:
    async with doors(an_address=4) as one:
        held = [await one.talk() for _ in range(4)]
        await held[0].say(LIVE)
        await held[0].answer()
        await held[1].say(b"GET / HT")
        for _ in range(3):
            assert await one.live() == 200
        await held[1].ends()
        assert one.connections <= 4


@asynchronous
async def test_nobody_who_waits_for_an_answer_gives_way() -> None:
    async with doors(connections=3) as one:
        held = [await one.talk() for _ in range(3)]
        for talk in held:
            await talk.say(b"GET /wait HTTP/1.1\r\n\r\n")
        await comes(lambda: one.asked == 3)
        late = await one.talk()
        assert (await late.answer())[0] == 503
        one.let_go.set()
        assert [await talk.answer() for talk in held] == [(200, b"gone")] * 3
        assert await one.live() == 200


@pytest.mark.parametrize(
    ("address", "sender"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::7", "2001:db8:1:3::/64"),
        ("fe80::7%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_by_ipv6_all_addresses_of_a_network_are_one_sender(address: str, sender: str) -> None:
    assert sender_at(address) == sender


class Far(asyncio.Transport):
    """A connection from an address that this machine has not."""

    def __init__(self, address: str) -> None:
        super().__init__({"peername": (address, 50_000)})
        self.answered = b""
        self.is_open = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.answered += bytes(data)

    def is_closing(self) -> bool:
        return not self.is_open

    def close(self) -> None:
        self.is_open = False

    def abort(self) -> None:
        self.is_open = False


@asynchronous
async def test_many_addresses_of_one_ipv6_network_leave_the_others_their_room() -> None:
    async with doors(an_address=3) as one:
        neighbour, many = Far("2001:db8:1:3::1"), [Far(f"2001:db8:1:2::{number}") for number in range(1, 30)]
        config: Any = one.server.config
        for far in (neighbour, *many):
            made = config.http_protocol_class(config=config, server_state=one.server.server_state, app_state={})
            made.connection_made(far)
        assert [far.is_open for far in many] == [False] * 26 + [True] * 3
        assert neighbour.is_open
        assert await one.live() == 200


class HeldConnection:
    """A connection of a model."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.is_there = True

    def give_way(self) -> None:
        self.is_there = False


STEPS = st.lists(
    st.tuples(st.sampled_from(["enter", "work", "wait", "leave"]), st.sampled_from("abc"), st.integers(0, 20))
)


@given(STEPS)
def test_there_are_never_more_than_may_be_and_who_works_is_never_closed(steps: list[tuple[str, str, int]]) -> None:
    room = Room(Bounds(6, 3, 1, 1, 1))
    everyone: list[HeldConnection] = []
    working: set[HeldConnection] = set()
    for what, address, place in steps:
        one = everyone[place % len(everyone)] if everyone else HeldConnection(address)
        if what == "enter":
            one = HeldConnection(address)
            if room.enter(one):
                everyone.append(one)
        elif what == "work" and one.is_there:
            room.has_work(one)
            working.add(one)
        elif what == "wait":
            room.waits(one)
            working.discard(one)
        elif what == "leave":
            room.leave(one)
            one.is_there = False
            working.discard(one)
        there = [held for held in everyone if held.is_there]
        assert len(room) == len(there) <= 6
        assert all(sum(held.address == address for held in there) <= 3 for address in "abc")
        assert all(held.is_there for held in working)
        assert set(room._from) == {held.address for held in there}
