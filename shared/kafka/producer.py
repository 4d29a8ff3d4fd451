"""The half of Let out that goes to Kafka (docs/protocol.md): batches of our own, one a partition, all acknowledgements awaited.

aiokafka's `send` builds a batch a record at a time, and the framework's `publish_batch` drops keys and headers; batches
of our own make half the speed. Order within a partition is the order of the call.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from shared import metrics
from shared.contracts import topics
from shared.kafka.cluster import Cluster

MAX_REQUEST_BYTES: Final = 4 * 1024 * 1024
_BATCH_BYTES: Final = 256 * 1024
_ACKNOWLEDGED_WITHIN: Final = 30.0
_LAST_WORDS_WITHIN: Final = 5.0


class BrokerUnavailable(Exception):
    """Kafka does not answer, or not as it must: back off and try again. The records may still have landed."""


class Record(msgspec.Struct, frozen=True):
    """One record to write."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class Publisher:
    """An idempotent producer that waits for every acknowledgement. `service`: for whom it counts what is not taken."""

    def __init__(self, producer: AIOKafkaProducer, service: str = "") -> None:
        self._producer = producer
        self._service = service
        self._partition = DefaultPartitioner()

    @classmethod
    def to(cls, kafka: Cluster, service: str = "") -> "Publisher":
        """A publisher to a cluster; `start` connects it."""
        return cls(
            AIOKafkaProducer(
                **kafka.options(),
                enable_idempotence=True,
                acks="all",
                linger_ms=0,
                max_batch_size=_BATCH_BYTES,
                max_request_size=MAX_REQUEST_BYTES,
                request_timeout_ms=10_000,
            ),
            service,
        )

    async def start(self) -> None:
        """Connects. Raises `BrokerUnavailable`."""
        try:
            await self._producer.start()
        except KafkaError as error:
            raise BrokerUnavailable(f"Kafka does not answer: {error}") from error

    async def stop(self) -> None:
        """Sends the rest and disconnects. Without Kafka it waits a moment only: an outbox holds what is not out."""
        # An idempotent producer never gives up a record that it once took.
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_WITHIN):
                await self._producer.stop()

    async def publish(self, records: Sequence[Record], *, within: float = _ACKNOWLEDGED_WITHIN) -> None:
        """Writes the records in order and returns once all are acknowledged. Raises `BrokerUnavailable`."""
        try:
            async with asyncio.timeout(within):
                acknowledgements = [
                    await self._producer.send_batch(batch, topic, partition=partition)
                    for (topic, partition), batches in (await self._batches(records)).items()
                    for batch in batches
                ]
                await asyncio.gather(*acknowledgements)
        except TimeoutError as error:
            raise self._unwritten(records, f"Kafka has not acknowledged within {within:g} s") from error
        except (KafkaError, AssertionError) as error:
            raise self._unwritten(records, f"Kafka refused: {error!r}") from error

    def _unwritten(self, records: Sequence[Record], why: str) -> BrokerUnavailable:
        if any(record.topic == topics.DEAD_LETTERS for record in records):
            metrics.DEAD_LETTERS_UNWRITTEN.labels(self._service).inc()
        return BrokerUnavailable(why)

    async def _batches(self, records: Sequence[Record]) -> dict[tuple[str, int], list[Any]]:
        batches: dict[tuple[str, int], list[Any]] = {}
        partitions: dict[str, list[int]] = {}
        for record in records:
            if record.topic not in partitions:
                partitions[record.topic] = sorted(await self._producer.partitions_for(record.topic))
            target = (record.topic, self._partition_of(record, partitions[record.topic]))
            if target not in batches:
                batches[target] = [self._producer.create_batch()]
            if not self._append(batches[target][-1], record):
                batches[target].append(self._producer.create_batch())
                self._append(batches[target][-1], record)
        return batches

    @staticmethod
    def _append(batch: Any, record: Record) -> bool:
        taken = batch.append(key=record.key, value=record.value, timestamp=None, headers=list(record.headers))
        return taken is not None

    def _partition_of(self, record: Record, partitions: list[int]) -> int:
        # A record without a key goes to partition 0: only dead letters have none, and their topic has one partition.
        return int(self._partition(record.key, partitions, partitions)) if record.key is not None else partitions[0]
