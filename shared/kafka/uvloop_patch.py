"""A fault between two libraries, mended in one place: aiokafka on uvloop goes deaf when a broker dies.

A write to a connection that was just lost raises `RuntimeError` in uvloop, where asyncio's own loop raises nothing.
aiokafka 0.14 expects `OSError` there: the task that keeps its metadata ends without a word, and from then on a consumer
waits for its group's coordinator for ever, while the rest of the process works: of 40 consumers 17 were deaf after their
broker was killed five times (tests/scenarios/soak.py found the first).
"""

from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

_send = AIOKafkaConnection.send


def mend() -> None:
    """Call this before making a client of Kafka on uvloop; a second call does no harm."""
    AIOKafkaConnection.send = send


def send(connection: AIOKafkaConnection, *request: Any, **options: Any) -> Any:
    """aiokafka's `send`, which turns a lost connection into a `KafkaConnectionError` on every loop."""
    try:
        return _send(connection, *request, **options)
    except RuntimeError as error:
        connection.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError(f"the connection was lost: {error}") from error
