"""A bound for what batches may unpack to: 4 KiB of zstd can hold 100 MB, and aiokafka 0.14 unpacks all there is.

These decoders replace aiokafka's and give up: at `MOST_BYTES`, `MOST_RECORDS` or `MOST_HEADERS` of one batch, which then
cannot be read, and at `MOST_AT_ONCE` of all batches since `begin`, so that a thousand small ones do not fill the memory
either. They count headers since one of two bytes takes seventy once it is read.
"""

import struct
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import cramjam
from aiokafka.errors import CorruptRecordException
from aiokafka.record import default_records

MOST_BYTES: Final = 8 * 1024 * 1024  # what a client gathers in a batch is a megabyte or less, before it packs it
MOST_AT_ONCE: Final = 64 * 1024 * 1024
MOST_RECORDS: Final = 20_000
MOST_HEADERS: Final = 200_000
"""The headers of one batch: 8 MiB of small events, each with its ten headers, have fewer."""
_SMALLEST_RECORD: Final = 7  # bytes
_SMALLEST_HEADER: Final = 2
_MOST_MEMBERS: Final = 100  # of gzip: a client writes one
_XERIAL: Final = b"\x82SNAPPY\x00"
_XERIAL_HEADER: Final = 16


class UnpacksToTooMuch(CorruptRecordException):  # type: ignore[misc]
    """The batch would fill the memory of whoever reads it."""

    def __init__(self) -> None:
        super().__init__(f"it unpacks to more than {MOST_BYTES} bytes")


class HoldsTooMany(CorruptRecordException):  # type: ignore[misc]
    """The batch's records and headers, small as they are, would fill the memory too."""

    def __init__(self) -> None:
        super().__init__(f"it holds more than {MOST_RECORDS} records or {MOST_HEADERS} headers")


class _Room:
    """The bytes that batches may still unpack to before the next `begin`."""

    left = MOST_AT_ONCE


def bound() -> None:
    """Call this before making a consumer; a second call does no harm."""
    for name, decode in (("gzip", gzip), ("snappy", snappy), ("lz4", lz4), ("zstd", zstd)):
        for module in {default_records, _compiled()}:
            setattr(module, f"{name}_decode", partial(_counted, decode))


def begin() -> None:
    """Starts counting afresh: the batches before are no longer in memory."""
    _Room.left = MOST_AT_ONCE


def _counted(decode: Callable[[Any], bytes], packed: Any) -> bytes:
    if _Room.left < 0:
        raise CorruptRecordException(f"batches unpack to more than {MOST_AT_ONCE} bytes at once")
    unpacked = decode(packed)
    _Room.left -= len(unpacked)
    count_parts(unpacked)
    return unpacked


def count_parts(records: bytes | memoryview) -> None:
    """Raises `HoldsTooMany`. Records that break off or make no sense are for the reader to refuse."""
    if len(records) <= min(_SMALLEST_RECORD * MOST_RECORDS, _SMALLEST_HEADER * MOST_HEADERS):
        return
    count = headers = at = 0
    try:
        while at < len(records) and count <= MOST_RECORDS and headers <= MOST_HEADERS:
            length, at = read_number(records, at)
            count += 1
            headers += _headers_of(records, at)
            at += max(0, length)
    except (IndexError, ValueError):
        return
    if count > MOST_RECORDS or headers > MOST_HEADERS:
        raise HoldsTooMany


def _headers_of(records: bytes | memoryview, at: int) -> int:
    """How many headers the record at `at` has: as many as it says, bounded by two bytes each."""
    _, at = read_number(records, at + 1)
    _, at = read_number(records, at)
    for _ in ("key", "value"):
        length, at = read_number(records, at)
        at += max(0, length)
    count, at = read_number(records, at)
    return max(0, min(count, (len(records) - at) // _SMALLEST_HEADER))


def read_number(records: bytes | memoryview, at: int) -> tuple[int, int]:
    """A signed number, zigzag, seven bits a byte, and where it ends. Raises `IndexError`, `ValueError`."""
    value = shift = 0
    while (byte := records[at]) >= 0x80:
        value |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if shift > 63:
            raise ValueError("a number has more than ten bytes")
    value |= byte << shift
    return (value >> 1) ^ -(value & 1), at + 1


def _compiled() -> Any:
    """The module in which aiokafka's extension looks its decoders up; the one in Python where that is not built."""
    try:
        from aiokafka.record._crecords import default_records as compiled
    except ImportError:
        return default_records
    return compiled


def gzip(packed: Any) -> bytes:
    """Unpacks one or more members. Raises `zlib.error`, `CorruptRecordException`, `UnpacksToTooMuch`."""
    left, parts, size = bytes(packed), list[bytes](), 0
    while left:
        member = zlib.decompressobj(wbits=31)
        parts.append(member.decompress(left, MOST_BYTES + 1 - size))
        size += len(parts[-1])
        if size > MOST_BYTES:
            raise UnpacksToTooMuch
        if not member.eof:
            raise CorruptRecordException("its gzip ends too early")
        left = member.unused_data  # copied, so their number is bounded
        if left and len(parts) == _MOST_MEMBERS:
            raise CorruptRecordException(f"its gzip has more than {_MOST_MEMBERS} members")
    return b"".join(parts)


def snappy(packed: Any) -> bytes:
    """Unpacks a block, or the blocks that Java's clients write. Raises `cramjam.DecompressionError`, `UnpacksToTooMuch`."""
    packed = bytes(packed)
    blocks = _blocks(packed) if packed.startswith(_XERIAL) else [packed]
    if sum(map(cramjam.snappy.decompress_raw_len, blocks)) > MOST_BYTES:
        raise UnpacksToTooMuch
    return b"".join(bytes(cramjam.snappy.decompress_raw(block)) for block in blocks)


def _blocks(packed: bytes) -> list[bytes]:
    blocks, at = [], _XERIAL_HEADER
    while at < len(packed):
        (length,) = struct.unpack_from("!i", packed, at)
        if length < 0:
            raise CorruptRecordException("a block of its snappy has a length below 0")
        blocks.append(packed[at + 4 : at + 4 + length])
        at += 4 + length
    return blocks


def lz4(packed: Any) -> bytes:
    """Unpacks a frame. Raises `cramjam.DecompressionError`, `UnpacksToTooMuch`."""
    return _into_growing_room(cramjam.lz4.decompress_into, bytes(packed))


def zstd(packed: Any) -> bytes:
    """Unpacks a frame. Raises `cramjam.DecompressionError`, `UnpacksToTooMuch`."""
    return _into_growing_room(cramjam.zstd.decompress_into, bytes(packed))


def _into_growing_room(unpack_into: Callable[[bytes, bytearray], int], packed: bytes) -> bytes:
    # These codecs do not say how much there is, so the room grows; only the message tells a broken frame apart.
    room = min(MOST_BYTES, 16 * len(packed) + 64 * 1024)
    while True:
        unpacked = bytearray(room)
        try:
            return bytes(memoryview(unpacked)[: unpack_into(packed, unpacked)])
        except cramjam.DecompressionError as error:
            if "whole buffer" not in str(error):
                raise
        if room == MOST_BYTES:
            raise UnpacksToTooMuch
        room = min(MOST_BYTES, 8 * room)
