"""What aiokafka's connection says on uvloop once it is lost."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError

from shared.kafka import uvloop_patch as kafka_on_uvloop


class Request:
    """As much of a request as a connection asks it for."""

    def prepare(self, versions: object) -> "Request":
        return self

    def build_request_header(self, **_: object) -> "Request":
        return self

    def encode(self) -> bytes:
        return b"request"


async def _until_it_is_left(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def _on_a_lost_connection(send: Callable[[AIOKafkaConnection, Any], Any]) -> AIOKafkaConnection:
    server = await asyncio.start_server(_until_it_is_left, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connection = AIOKafkaConnection("127.0.0.1", port)
    connection._reader, connection._writer = await asyncio.open_connection("127.0.0.1", port)
    connection._read_task = asyncio.get_running_loop().create_future()
    connection._writer.transport.abort()
    await asyncio.sleep(0.05)
    try:
        send(connection, Request())
    finally:
        server.close()
        await asyncio.sleep(0.05)
    return connection


def test_a_write_to_a_lost_connection_is_an_error_that_aiokafka_expects() -> None:
    """What it does not expect ends the task that keeps its metadata: the consumer hears nothing any more."""
    with pytest.raises(KafkaConnectionError, match="the connection was lost"):
        uvloop.run(_on_a_lost_connection(kafka_on_uvloop.send))


def test_it_needs_mending_still() -> None:
    """Once this fails, aiokafka or uvloop has mended it, and kafka_on_uvloop.py can go."""
    with pytest.raises(RuntimeError, match="handler is closed"):
        uvloop.run(_on_a_lost_connection(kafka_on_uvloop._send))


def test_once_mended_every_connection_sends_so() -> None:
    kafka_on_uvloop.mend()
    kafka_on_uvloop.mend()
    assert AIOKafkaConnection.send is kafka_on_uvloop.send
