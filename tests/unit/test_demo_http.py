"""What the demo's partners do with a door that is busy, and what it takes for lag where a service says nothing."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from demo.post import Post
from demo.pulse import Pulse
from shared.contracts.topics import DOORS
from shared.kafka.cluster import Cluster
from shared.kafka.producer import Publisher

pytestmark = pytest.mark.asyncio

LAGS = 'lahete_lag_seconds{service="notify"} 7.5\n'
EVENT = {"source": "/region/06", "id": "a"}


@asynccontextmanager
async def answering(answers: Iterator[tuple[int, str]]) -> AsyncIterator[str]:
    """A server that gives one answer after the other, each on a connection of its own; its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), 0)
        await reader.readexactly(length)
        status, text = next(answers)
        writer.write(f"HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield "http://{}:{}".format(*server.sockets[0].getsockname())


@asynccontextmanager
async def a_post(url: str) -> AsyncIterator[Post]:
    publisher = Publisher.to(Cluster("127.0.0.1:1"))  # nobody sends to Kafka here
    post = Post(dict.fromkeys(DOORS, url), {"/region/06": "k"}, publisher, (), Random(1))
    yield post
    await post.close()
    await publisher.stop()


@pytest.mark.parametrize("busy", [429, 503])
async def test_what_a_busy_door_does_not_take_is_sent_again_and_not_counted_as_refused(busy: int) -> None:
    async with answering(iter([(busy, ""), (202, "")])) as url, a_post(url) as post:
        await post.alone("/region/06", dict(EVENT))
    assert post.ledger.accepted == {("/region/06", "a"): 1}
    assert post.ledger.unanswered == {("/region/06", "a"): 1}
    assert post.ledger.refused.total() == 0


async def test_a_sender_that_waits_for_a_door_keeps_no_other_waiting_and_sends_in_order() -> None:
    async with answering(iter([(202, ""), (202, "")])) as url, a_post(url) as post:
        post.put(dict(EVENT))
        (first,) = post.ready()
        post.put({**EVENT, "id": "b"})
        assert list(post.ready()) == []  # its first batch is under way
        await first
        (second,) = post.ready()
        await second
        assert post.is_empty
    assert set(post.ledger.accepted) == {("/region/06", "a"), ("/region/06", "b")}


async def test_a_service_lags_as_it_says_and_one_that_says_nothing_lags_since() -> None:
    asked_again = asyncio.Event()

    def answers() -> Iterator[tuple[int, str]]:
        yield 200, LAGS
        asked_again.set()
        while True:
            yield 200, LAGS

    async with answering(answers()) as url:
        pulse = Pulse({"notify": url, "referral": "http://127.0.0.1:1"})
        listening: asyncio.Task[Any] = asyncio.create_task(pulse.listen())
        await asked_again.wait()
        before = pulse.lags()
        await asyncio.sleep(0.05)
        after = pulse.lags()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    assert before["notify"] == after["notify"] == 7.5
    assert after["referral"] >= before["referral"] + 0.05
