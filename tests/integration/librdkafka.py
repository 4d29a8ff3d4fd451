"""A partner's client by librdkafka, as confluent-kafka brings it: its records, with transactions and without."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from confluent_kafka import KafkaError, Message, Producer

from shared.kafka.cluster import Cluster
from tests.integration.running import PATIENCE
from tests.wire import Wired


class TransactionEnding(Enum):
    """Of a transaction; `NONE` is none at all, `OPEN` is committed when all else is done."""

    NONE = "none"
    COMMITTED = "committed"
    ABORTED = "aborted"
    OPEN = "open"


@dataclass(frozen=True)
class ClientBatch:
    """Records that it writes at once."""

    records: Sequence[Wired]
    codec: str
    ending: TransactionEnding


class Client:
    """Producers of one sender, each made at its first use: codec and transaction belong to a producer as a whole."""

    def __init__(self, broker: Cluster, topic: str) -> None:
        self._broker = broker
        self._topic = topic
        self._producers: dict[tuple[str, TransactionEnding], Producer] = {}
        self._open: list[Producer] = []

    def writes(self, batch: ClientBatch) -> list[int]:
        """The offsets that its records have."""
        producer = self._producer(batch.codec, batch.ending)
        if batch.ending is not TransactionEnding.NONE:
            producer.begin_transaction()
        offsets = written(producer, self._topic, batch.records)
        if batch.ending is TransactionEnding.COMMITTED:
            producer.commit_transaction(PATIENCE)
        if batch.ending is TransactionEnding.ABORTED:
            producer.abort_transaction(PATIENCE)
        if batch.ending is TransactionEnding.OPEN:
            self._open.append(producer)
        return offsets

    def commits(self) -> None:
        """The open transactions."""
        while self._open:
            self._open.pop().commit_transaction(PATIENCE)

    def _producer(self, codec: str, ending: TransactionEnding) -> Producer:
        if (known := self._producers.get((codec, ending))) is not None:
            return known
        options = {"bootstrap.servers": self._broker.bootstrap, "compression.type": codec}
        if ending is TransactionEnding.NONE:
            made = Producer(options)
        else:
            made = Producer({**options, "transactional.id": f"{self._topic}-{codec}-{ending.value}"})
            made.init_transactions(PATIENCE)
        self._producers[codec, ending] = made
        return made


def written(producer: Producer, topic: str, records: Sequence[Wired]) -> list[int]:
    """The offsets of what it has written to the topic's one partition."""
    offsets: list[int] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        assert error is None, error
        offsets.append(message.offset() or 0)

    for one in records:
        headers: list[tuple[str, str | bytes | None]] = [((name or b"").decode(), value) for name, value in one.headers]
        producer.produce(topic, key=one.key, value=one.value, headers=headers, on_delivery=delivered)
    assert producer.flush(PATIENCE) == 0
    return offsets
