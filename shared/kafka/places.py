"""A record's offset is its place in its batch, whatever its sender wrote into it.

A broker gives a batch its first offset and looks at how many records it has. The offset in each record is its sender's,
and the broker keeps it as it came unless the batch is packed. aiokafka believes it: a record with an offset that was
there before is passed over in silence, and one far ahead takes the position along, beyond the end of the log. So here
aiokafka refuses a batch whose records do not count up; `shared.kafka.raw` reads it, by the places.

Source: Kafka's message format, version 2 (“Record Batch”).
"""

import struct
from collections.abc import Iterator
from typing import Any, Final

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from shared.kafka.codecs import count_parts

_LENGTH: Final = struct.Struct(">8xi")
_HEAD: Final = struct.Struct(">21xh34xi")
_CODEC: Final = 0x07
_VERSION: Final = 2


def bound() -> None:
    """Call this before making a consumer; a second call does no harm."""
    fetcher.MemoryRecords = Placed


class Placed:
    """Batches as aiokafka reads them, but for those whose records do not count up, or are too many: these raise
    `CorruptRecordException`.
    """

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0
        self._batches = MemoryRecords(raw)

    def size_in_bytes(self) -> int:
        """The size of all batches."""
        return int(self._batches.size_in_bytes())

    def has_next(self) -> bool:
        """Whether another whole batch follows."""
        return bool(self._batches.has_next())

    def next_batch(self) -> Any:
        """The next batch, if `has_next`."""
        at, batch = self._at, self._batches.next_batch()
        self._at += _LENGTH.size + _LENGTH.unpack_from(self._raw, at)[0]
        if batch.magic != _VERSION:
            return batch
        attributes, count = _HEAD.unpack_from(self._raw, at)
        # The decoders count the records of a packed batch.
        plain = b"" if attributes & _CODEC else memoryview(self._raw)[at + _HEAD.size : self._at]
        return _CountedBatch(batch, count, plain)


class _CountedBatch:
    def __init__(self, batch: Any, count: int, plain: bytes | memoryview) -> None:
        self._batch = batch
        self._count = count
        self._plain = plain

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        count_parts(self._plain)
        lowest, highest = self._batch.base_offset, self._batch.next_offset - self._count
        for record in self._batch:
            if not lowest <= record.offset <= highest:
                raise CorruptRecordException(f"a record says that its offset is {record.offset}")
            yield record
            # Only compaction leaves room between records.
            lowest, highest = record.offset + 1, highest + 1
