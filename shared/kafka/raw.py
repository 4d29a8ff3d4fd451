"""A stretch of a partition's log as the broker gives it, read with more patience than Kafka's client has. Bytes alone.

aiokafka reads what it can. A batch at which it fails is read by hand: there a header's name may be any bytes, and a
record's offset is its place. An `Unreadable` takes the place of what nobody can read (a wrong checksum, an unknown
codec, a record that breaks off), with the offsets that it covers. So a log is always read on.

Source: Kafka's message format, version 2 (“Record Batch”).
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.record.util import calc_crc32c

from shared.contracts import topics
from shared.kafka import codecs
from shared.kafka.places import Placed
from shared.kafka.reach import told

MOST_BYTES: Final = 4 * 1024 * 1024
"""Bytes of records that are taken together: a document keeps the refused ones until they are out."""

MOST_HEADERS: Final = 1_000
"""Headers of a record: one of two bytes takes seventy once it is read, and each service goes through all of them."""

_HEADER: Final = struct.Struct(">qiibIhiqqqhii")
_COVERED_BY_CRC: Final = 21
_AFTER_LENGTH: Final = 12
_LOG_APPEND_TIME: Final = 0x08
_CODEC: Final = 0x07
_UNPACK: Final[Mapping[int, Callable[[bytes], bytes]]] = {
    0: bytes,
    1: codecs.gzip,
    2: codecs.snappy,
    3: codecs.lz4,
    4: codecs.zstd,
}
_MOST_OFFSETS: Final = 2**31
_MOST_BY_HAND: Final = 10_000  # records of a batch: at 20 µs each nothing else has its turn meanwhile


class Unreadable(ConsumerRecord):  # type: ignore[misc]
    """Takes the place of a batch, or of its rest, that nobody can read; `why` says what is wrong, and at which offsets.

    It holds none of the bytes: nobody could search them for personal identity codes.
    """

    why: str

    @classmethod
    def of(cls, partition: TopicPartition, first: int, last: int, why: str) -> "Unreadable":
        """The offsets `first` to `last`, both included."""
        made = cls(*partition, first, 0, 0, None, None, None, -1, -1, ())
        where = f"offset {first}" if first == last else f"offsets {first} to {last}"
        object.__setattr__(made, "why", f"{where} of {partition.topic}[{partition.partition}] cannot be read: {why}")
        return made


def legible(record: ConsumerRecord) -> ConsumerRecord:
    """The record; an `Unreadable` in its place where its sender gave it more headers than anybody goes through."""
    if len(record.headers) <= MOST_HEADERS or not topics.is_senders_own(record.topic):
        return record
    why = f"it has {len(record.headers)} headers; {MOST_HEADERS} are allowed"
    return Unreadable.of(TopicPartition(record.topic, record.partition), record.offset, record.offset, why)


class Stretch(NamedTuple):
    """The records read, and the offset at which to read on."""

    records: Sequence[ConsumerRecord]
    end: int


class _BatchHead(NamedTuple):
    base: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_delta: int
    first_time: int
    last_time: int
    producer: int
    epoch: int
    sequence: int
    records: int

    @property
    def last(self) -> int:
        # Fewer records than offsets: compaction took the others. With as many, or more, the number of records counts.
        return self.base + max(self.last_delta, self.records - 1)

    @property
    def is_compacted(self) -> bool:
        return self.last_delta >= self.records


class Fetched:
    """Batches as a broker's answer holds them, read on stretch by stretch: each is unpacked and counted once.

    Args:
        raw: the batches, the first with the offset `start` in it or after it.
        aborted: the transactions that came to nothing, as (producer, first offset).
    """

    def __init__(
        self, partition: TopicPartition, raw: bytes, start: int, aborted: Sequence[tuple[int, int]] = ()
    ) -> None:
        self.at = start
        """The offset at which to read on; once it no longer moves, the answer is read to its end."""
        self._start = start
        self._partition = partition
        self._raw = raw
        checks_crcs = True
        self._reader: Any = PartitionRecords(
            partition, Placed(raw), list(aborted), start, None, None, checks_crcs, READ_COMMITTED
        )
        # aiokafka's reader raises when it is called again after its end.
        self._records = (record for record in self._reader)

    def read(self, most: int) -> Stretch:
        """At most `most` records, with at most one `Unreadable`, alone. Raises nothing."""
        stretch = self._read(most) if self._raw else Stretch((), self.at)
        self.at = stretch.end
        return stretch

    def _read(self, most: int) -> Stretch:
        reader, found = self._reader, list[ConsumerRecord]()
        try:
            found.extend(_bounded(self._records, most))  # keeps the records before a failure
        except Exception as error:  # noqa: BLE001 - a sender's bytes can raise anything
            at = reader.next_fetch_offset
            return Stretch(found, at) if found else _past(self._partition, self._raw, reader, most, error)
        if found or reader.next_fetch_offset > self.at:
            return Stretch(found, reader.next_fetch_offset)
        if self.at > self._start:
            return Stretch((), self.at)
        return _skipped(self._partition, self.at, self.at, "the batch is cut off")


def _bounded(records: Iterator[ConsumerRecord], most: int) -> Iterator[ConsumerRecord]:
    size = 0
    for record in islice(records, most):
        yield record
        size += size_of(record)
        if size > MOST_BYTES:
            return


def size_of(record: ConsumerRecord) -> int:
    """The bytes of a record without its frame."""
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


def parts(records: Sequence[ConsumerRecord]) -> Iterator[Sequence[ConsumerRecord]]:
    """The records in order, in parts of no more bytes than are taken together; a larger record is a part of its own."""
    part: list[ConsumerRecord] = []
    size = 0
    for record in records:
        size += (more := size_of(record))
        if part and size > MOST_BYTES:
            yield part
            part, size = [], more
        part.append(record)
    yield part


def _past(partition: TopicPartition, raw: bytes, reader: Any, most: int, error: Exception) -> Stretch:
    """Reads the batch at which the client failed by hand, as far as possible."""
    at = reader.next_fetch_offset
    batch_bytes, batch = _batch_of(raw, at)
    if batch is None:
        return _skipped(partition, at, at, told(error))
    last = batch.last if at <= batch.last < at + _MOST_OFFSETS else at
    if calc_crc32c(batch_bytes[_COVERED_BY_CRC:]) != batch.crc:
        return _skipped(partition, at, last, "its checksum is wrong")
    found: list[ConsumerRecord] = []
    try:
        records = _records(partition, batch_bytes, batch)
        found.extend(_bounded((record for record in records if record.offset >= at), most))
    except Exception as fault:  # noqa: BLE001 - as above
        if not found:
            return _skipped(partition, at, last, str(fault) or repr(fault))
    return Stretch(found, found[-1].offset + 1 if found else last + 1)


def _skipped(partition: TopicPartition, first: int, last: int, why: str) -> Stretch:
    return Stretch([Unreadable.of(partition, first, last, why)], last + 1)


def _batch_of(raw: bytes, offset: int) -> tuple[bytes, _BatchHead | None]:
    """The first batch that reaches to the offset, with its head."""
    at = 0
    while len(raw) - at >= _HEADER.size:
        batch = _BatchHead(*_HEADER.unpack_from(raw, at))
        end = at + _AFTER_LENGTH + max(0, batch.length)
        if batch.last >= offset or batch.length <= 0:
            return raw[at:end], batch
        at = end
    return raw, None


def _records(partition: TopicPartition, raw: bytes, batch: _BatchHead) -> Iterator[ConsumerRecord]:
    codec = batch.attributes & _CODEC
    if codec not in _UNPACK:
        raise ValueError(f"its codec is {codec}, which nobody knows")
    unpacked = _UNPACK[codec](raw[_HEADER.size :])
    codecs.count_parts(unpacked)
    if batch.records > _MOST_BY_HAND:
        raise ValueError(f"it has {batch.records} records, of which one at least is spoilt")
    reader = _Reader(unpacked)
    lowest = batch.base
    for place in range(batch.records):
        record = reader.record(partition, batch, None if batch.is_compacted else place)
        if not lowest <= record.offset <= batch.last:
            raise ValueError(f"a record says that its offset is {record.offset}")
        lowest = record.offset + 1
        yield record
    reader.end()


class _Reader:
    """Walks through the records of a batch. Raises `ValueError` where they break off."""

    def __init__(self, unpacked: bytes) -> None:
        self._bytes = unpacked
        self._at = 0

    def record(self, partition: TopicPartition, batch: _BatchHead, place: int | None) -> ConsumerRecord:
        """The next record; without a place, by the offset that stands in it."""
        length = self._number()
        end = self._at + length
        self._take(1)  # attributes, of which there are none
        after, said = self._number(), self._number()
        offset = batch.base + (said if place is None else place)
        key, value = self._nullable(), self._nullable()
        headers = tuple(self._header() for _ in range(self._count()))
        if self._at != end:
            raise ValueError(f"the record at {offset} has {length} bytes and says otherwise")
        appended = bool(batch.attributes & _LOG_APPEND_TIME)
        time = batch.last_time if appended else _in_64_bits(batch.first_time + after)
        sizes = (-1 if key is None else len(key), -1 if value is None else len(value))
        return ConsumerRecord(*partition, offset, time, int(appended), key, value, None, *sizes, headers)

    def end(self) -> None:
        """Call this behind the last record."""
        if self._at != len(self._bytes):
            raise ValueError(f"{len(self._bytes) - self._at} bytes stand behind the last of its records")

    def _header(self) -> tuple[str, bytes | None]:
        name = self._nullable()
        if name is None:
            raise ValueError("a header has no name")
        return name.decode(errors="backslashreplace"), self._nullable()

    def _nullable(self) -> bytes | None:
        length = self._number()
        return None if length < 0 else self._take(length)

    def _count(self) -> int:
        count = self._number()
        if not 0 <= count <= len(self._bytes):
            raise ValueError(f"a record has {count} headers")
        return count

    def _number(self) -> int:
        try:
            number, self._at = codecs.read_number(self._bytes, self._at)
        except IndexError:
            raise ValueError("a record breaks off") from None
        return number

    def _take(self, length: int) -> bytes:
        taken = self._bytes[self._at : self._at + length]
        if len(taken) != length:
            raise ValueError("a record breaks off")
        self._at += length
        return taken


def _in_64_bits(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63
