"""Record batches as bytes, made by hand: what a client may put on a topic, also what no client should.

Source: Kafka's message format, version 2, and its protocol's produce request.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from aiokafka import TopicPartition, codec
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.util import calc_crc32c

from shared.contracts.envelope import Event, attributes_of, kafka_headers
from shared.kafka.cluster import Cluster
from tests.integration.engine_world import NOW, REGION, issue

CODECS: Final[dict[str, tuple[int, Callable[[bytes], bytes]]]] = {
    "none": (0, bytes),
    "gzip": (1, codec.gzip_encode),
    "snappy": (2, codec.snappy_encode),
    "lz4": (3, codec.lz4_encode),
    "zstd": (4, codec.zstd_encode),
}
_HEAD: Final = struct.Struct(">qiibIhiqqqhii")
_AFTER_CRC: Final = 21
_CRC_AT: Final = 17

Headers = Sequence[tuple[bytes | None, bytes | None]]


@dataclass(frozen=True)
class Wired:
    """One record, with a name of a header as the bytes it is."""

    key: bytes | None = b"k"
    value: bytes | None = b"v"
    headers: Headers = ()
    time: int = 0
    """Milliseconds after the batch's."""
    said: int | None = None
    """The offset that it says it has, from the batch's first on; else its place."""

    def __repr__(self) -> str:
        """Of a long value its length: megabytes of it would hide why a test failed."""
        value = self.value if self.value is None or len(self.value) <= 100 else f"{len(self.value)} bytes"
        return f"Wired({self.key!r}, {value!r}, {self.headers!r}, time={self.time}, said={self.said})"


@dataclass(frozen=True)
class WireBatch:
    """One batch. What is given besides records spoils it, or not."""

    records: Sequence[Wired] = field(default_factory=lambda: [Wired()])
    codec: str = "none"
    base: int = 0
    time: int = 1_790_000_000_000
    attributes: int = 0
    producer: int = -1
    crc: int | None = None
    codec_number: int | None = None
    last: int | None = None
    """The offset of its last record, from its first on, that it says it has; else so many as there are."""
    packed: bytes | None = None
    """What stands where the records stand."""

    def encoded(self) -> bytes:
        """The batch as it stands on the wire."""
        number, pack = CODECS[self.codec]
        plain = b"".join(_record(one, index) for index, one in enumerate(self.records))
        packed = pack(plain) if self.packed is None else self.packed
        attributes = self.attributes | (number if self.codec_number is None else self.codec_number)
        times = [self.time + one.time for one in self.records] or [self.time]
        head = [self.base, _HEAD.size - 12 + len(packed), 0, 2, 0, attributes, self._last_place()]
        last = _in_64_bits(max(times))
        batch = bytearray(
            _HEAD.pack(*head, self.time, last, self.producer, 0 if self.producer >= 0 else -1, -1, len(self.records))
        )
        batch += packed
        crc = calc_crc32c(bytes(batch[_AFTER_CRC:])) if self.crc is None else self.crc
        struct.pack_into(">I", batch, _CRC_AT, crc)
        return bytes(batch)

    def _last_place(self) -> int:
        return max(0, len(self.records) - 1) if self.last is None else self.last


def _record(record: Wired, index: int) -> bytes:
    headers = b"".join(_sized(name) + _sized(value) for name, value in record.headers)
    said = index if record.said is None else record.said
    body = b"\x00" + _number(record.time) + _number(said) + _sized(record.key) + _sized(record.value)
    body += _number(len(record.headers)) + headers
    return _number(len(body)) + body


def _sized(content: bytes | None) -> bytes:
    return _number(-1) if content is None else _number(len(content)) + content


def _number(number: int) -> bytes:
    zigzag = (number << 1) ^ (number >> 63)
    zigzag &= 2**64 - 1
    encoded = bytearray()
    while zigzag >= 0x80:
        encoded.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    return bytes([*encoded, zigzag])


def _in_64_bits(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


class Taken(NamedTuple):
    """What a broker said to a batch: 0, or why it refused it, and the offset of its first record."""

    code: int
    base: int


async def produce(kafka: Cluster, topic: str, *batches: bytes) -> list[Taken]:
    """Writes batches to a topic's first partition as they are."""
    client = AIOKafkaClient(**kafka.options())
    await client.bootstrap()
    try:
        cluster: ClusterMetadata = await client.fetch_all_metadata()
        leader = cluster.leader_for_partition(TopicPartition(topic, 0))
        return [await _produced(client, leader, topic, batch) for batch in batches]
    finally:
        await client.close()


async def _produced(client: AIOKafkaClient, leader: int, topic: str, batch: bytes) -> Taken:
    request = ProduceRequest(transactional_id=None, required_acks=-1, timeout=10_000, topics=[(topic, [(0, batch)])])
    answer: Any = await client.send(leader, request)
    [(_, [(_, code, base, *_)])] = answer.topics
    return Taken(code, base)


def issued(number: int, *headers: tuple[bytes, bytes | None]) -> Wired:
    """A referral of region 06 as a client of its own making writes it."""
    data = issue(number)
    event = Event(f"own-{number}", REGION, NOW, data)
    written = [(name.encode(), value) for name, value in kafka_headers(attributes_of(event))]
    value = data.model_dump_json(exclude_none=True).encode()
    return Wired(data.subject.encode(), value, [*written, *headers])
