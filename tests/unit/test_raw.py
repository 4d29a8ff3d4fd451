"""A log is read on whatever stands in it: what can be read is, in order and once, and of the rest it is said where it stood."""

import gzip
import zlib
from collections.abc import Sequence
from contextlib import suppress
from unittest import mock

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from hypothesis import given
from hypothesis import strategies as st

from shared.kafka import codecs
from shared.kafka import raw as raws
from shared.kafka.raw import Fetched, Stretch, Unreadable
from tests.wire import CODECS, WireBatch, Wired

A = TopicPartition("intake.opisto.x", 0)
ABORT, COMMIT = b"\x00\x00\x00\x00", b"\x00\x00\x00\x01"
TRANSACTIONAL, CONTROL = 0x10, 0x20
NULLABLE = st.none() | st.binary(max_size=200)
HEADERS = st.lists(st.tuples(st.binary(max_size=3), st.none() | st.binary(max_size=3)), max_size=5)
INT64 = st.integers(-(2**63), 2**63 - 1)

codecs.bound()


def log(*batches: WireBatch) -> bytes:
    """The batches one after the other, each with the offsets that follow the one before."""
    base, encoded = 0, []
    for batch in batches:
        encoded.append(WireBatch(**{**vars(batch), "base": base}).encoded())
        base += max(1, len(batch.records))
    return b"".join(encoded)


def all_of(raw: bytes, *, most: int = 1_000, aborted: tuple[int, int, int] = (-1, 0, 0)) -> list[ConsumerRecord]:
    """Everything that a log holds, read on from where the last stretch ended, until nothing moves.

    One transaction may be aborted: its producer, where it begins, and where its marker stands.
    """
    producer, begins, ends = aborted
    found: list[ConsumerRecord] = []
    at = 0
    for _ in range(10_000):
        stretch = read(A, from_offset(raw, at), at, most, [(producer, begins)] if at <= ends else [])
        if stretch.end == at:
            return found
        assert stretch.end > at
        found += stretch.records
        at = stretch.end
    raise AssertionError("it never ends")


def read(
    partition: TopicPartition, raw: bytes, start: int, most: int, aborted: Sequence[tuple[int, int]] = ()
) -> Stretch:
    return Fetched(partition, raw, start, aborted).read(most)


def read_on(raw: bytes, *, most: int) -> list[ConsumerRecord]:
    """The same as `all_of`, where what was fetched is read to its end before more is fetched."""
    found: list[ConsumerRecord] = []
    fetched = Fetched(A, raw, 0)
    while True:
        at = fetched.at
        stretch = fetched.read(most)
        if stretch.end == at:
            fetched = Fetched(A, from_offset(raw, at), at)
            stretch = fetched.read(most)
            if stretch.end == at:
                return found
        found += stretch.records


def from_offset(raw: bytes, offset: int) -> bytes:
    """What a broker gives from an offset on: whole batches, from the one that holds it."""
    at = 0
    while at < len(raw):
        base, length = int.from_bytes(raw[at : at + 8]), int.from_bytes(raw[at + 8 : at + 12], signed=True)
        delta, count = int.from_bytes(raw[at + 23 : at + 27], signed=True), int.from_bytes(raw[at + 57 : at + 61])
        if base + max(delta, count - 1) >= offset:
            return raw[at:]
        at += 12 + length
    return b""


def said(records: list[ConsumerRecord]) -> list[object]:
    return [one.why.rpartition(": ")[2] if isinstance(one, Unreadable) else one.value for one in records]


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_of_kafka_is_read(codec: str) -> None:
    records = [Wired(value=b"%d" % number * 100) for number in range(5)]
    assert said(all_of(log(WireBatch(records, codec), WireBatch(records, codec)))) == [one.value for one in records] * 2


def test_the_name_of_a_header_may_be_any_bytes() -> None:
    headers = [(b"ce_\xe4", b"1"), (b"", None), (b"ce_id", b"\xff")]
    [first, record, last] = all_of(
        log(WireBatch([Wired(value=b"1"), Wired(headers=headers), Wired(value=b"3")], "zstd"))
    )
    assert record.headers == (("ce_\\xe4", b"1"), ("", None), ("ce_id", b"\xff"))
    assert (record.offset, record.key, record.value) == (1, b"k", b"v")
    assert (first.value, last.value) == (b"1", b"3")


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (WireBatch(crc=1), "its checksum is wrong"),
        (WireBatch(codec_number=5), "its codec is 5, which nobody knows"),
        (WireBatch(codec_number=7), "its codec is 7, which nobody knows"),
        (WireBatch(packed=b"\x01"), "a record breaks off"),
        (WireBatch(codec_number=1, packed=b"no gzip"), "incorrect header check"),
        (WireBatch(codec_number=4, packed=b"no zstd"), "Unknown frame descriptor"),
        (WireBatch([Wired(headers=[(None, b"1")])]), "a header has no name"),
    ],
)
def test_of_a_batch_that_nobody_can_read_it_is_said_where_it_stood_and_why(broken: WireBatch, why: str) -> None:
    before, after = WireBatch([Wired(value=b"1"), Wired(value=b"2")]), WireBatch([Wired(value=b"4")])
    found = all_of(log(before, broken, after))
    assert said(found) == [b"1", b"2", why, b"4"]
    unreadable = found[2]
    assert isinstance(unreadable, Unreadable)
    assert unreadable.why.startswith("offset 2 of intake.opisto.x[0] cannot be read: ")
    assert (unreadable.topic, unreadable.partition, unreadable.offset, unreadable.value) == (*A, 2, None)


def test_what_stands_before_a_broken_record_is_read_and_the_rest_is_named_by_its_offsets() -> None:
    whole = WireBatch([Wired(value=b"1"), Wired(value=b"2"), Wired(value=b"3"), Wired(value=b"4")]).encoded()
    cut = WireBatch([Wired()] * 4, packed=whole[61:].replace(b"\x023", b"\x7f3")).encoded()
    found = all_of(cut)
    assert said(found[:2]) == [b"1", b"2"]
    assert found[2].why.startswith("offsets 2 to 3 of intake.opisto.x[0]")


@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec != "none"])
def test_a_batch_that_would_fill_the_memory_is_not_unpacked(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "MOST_BYTES", 100_000)
    large, fitting = WireBatch([Wired(value=bytes(200_000))], codec), WireBatch([Wired(value=bytes(90_000))], codec)
    assert said(all_of(log(large, fitting))) == ["it unpacks to more than 100000 bytes", bytes(90_000)]


def test_many_batches_that_unpack_to_much_are_not_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raws, "MOST_BYTES", 100_000)
    many = log(*[WireBatch([Wired(value=bytes(90_000))], "zstd")] * 20)
    taken = read(A, many, 0, 1_000)
    assert (len(taken.records), taken.end) == (2, 2)
    monkeypatch.setattr(codecs, "MOST_AT_ONCE", 500_000)
    codecs.begin()
    records = PartitionRecords(A, MemoryRecords(many), [], 0, None, None, True, 1)
    with pytest.raises(CorruptRecordException, match="more than 500000 bytes at once"):
        list(records)
    codecs.begin()
    assert len(all_of(many)) == 20


def test_gzip_of_several_members_is_read_and_one_that_ends_too_early_is_not() -> None:
    members = gzip.compress(b"1") + gzip.compress(b"2")
    assert codecs.gzip(members) == b"12"
    with pytest.raises(Exception, match="too early"):
        codecs.gzip(members[:-9])
    with pytest.raises(zlib.error):
        codecs.gzip(members + b"no member")


def test_gzip_of_more_members_than_any_client_writes_is_not_unpacked() -> None:
    assert codecs.gzip(gzip.compress(b"1") * 100) == b"1" * 100
    with pytest.raises(CorruptRecordException, match="more than 100 members"):
        codecs.gzip(gzip.compress(b"") * 101)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    "many", [[Wired(headers=[(b"", None)] * 1_001)], [Wired()] * 101, [Wired(headers=[(b"a", b"1")] * 11)] * 100]
)
def test_a_batch_that_would_fill_the_memory_with_its_headers_or_records_is_not_read(
    many: list[Wired], codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codecs, "MOST_RECORDS", 100)
    monkeypatch.setattr(codecs, "MOST_HEADERS", 1_000)
    found = all_of(log(WireBatch(many, codec), WireBatch([Wired(value=b"next")], codec)))
    assert said(found) == ["it holds more than 100 records or 1000 headers", b"next"]


def test_a_batch_with_more_records_than_one_may_hold_is_said_to_have_too_many_and_not_to_be_spoilt() -> None:
    assert said(all_of(log(WireBatch([Wired()] * 20_001)))) == ["it holds more than 20000 records or 200000 headers"]


@given(st.lists(st.builds(Wired, NULLABLE, NULLABLE, HEADERS), min_size=1, max_size=20))
def test_records_and_headers_are_counted_before_they_are_read(records: list[Wired]) -> None:
    plain = WireBatch(records).encoded()[61:]
    headers = sum(len(one.headers) for one in records)
    counted(plain, len(records), headers)
    with pytest.raises(codecs.HoldsTooMany):
        counted(plain, len(records) - 1, headers)
    with pytest.raises(codecs.HoldsTooMany):
        counted(plain, len(records), headers - 1)


def counted(plain: bytes, records: int, headers: int) -> None:
    with mock.patch.multiple(codecs, MOST_RECORDS=records, MOST_HEADERS=headers):
        codecs.count_parts(plain)


@given(st.binary(max_size=60))
def test_what_makes_no_records_is_counted_without_a_fault(junk: bytes) -> None:
    with suppress(codecs.HoldsTooMany):
        counted(junk, 5, 5)


@pytest.mark.parametrize(("headers", "is_read"), [(1_000, True), (1_001, False)])
def test_a_record_with_more_headers_than_anybody_goes_through_is_refused_alone(headers: int, *, is_read: bool) -> None:
    crowded = Wired(value=b"crowded", headers=[(b"", None)] * headers)
    found = [raws.legible(one) for one in all_of(log(WireBatch([Wired(value=b"1"), crowded, Wired(value=b"3")])))]
    assert said(found) == [b"1", b"crowded" if is_read else "it has 1001 headers; 1000 are allowed", b"3"]
    assert [one.offset for one in found] == [0, 1, 2]


def test_what_the_platform_writes_itself_may_have_as_many_headers_as_came_and_its_own_besides() -> None:
    letter = ConsumerRecord("dead-letters", 0, 7, 1, 0, None, None, None, -1, -1, (("a", b"1"),) * 1_009)
    assert raws.legible(letter) is letter


def test_a_batch_that_is_read_by_hand_is_read_as_many_records_at_a_time_as_are_asked_for() -> None:
    spoilt = Wired(headers=[(b"\xe4", b"1")])
    raw = log(WireBatch([spoilt, *(Wired(value=b"%d" % number) for number in range(24))], "zstd"), WireBatch())
    assert (len(read(A, raw, 0, 10).records), read(A, raw, 0, 10).end) == (10, 10)
    assert said(all_of(raw, most=10)) == [b"v", *(b"%d" % number for number in range(24)), b"v"]


def test_a_spoilt_batch_with_more_records_than_can_be_read_by_hand_is_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raws, "_MOST_BY_HAND", 9)
    spoilt = WireBatch([Wired(headers=[(b"\xe4", b"1")]), *[Wired()] * 9])
    assert said(all_of(log(spoilt, WireBatch()))) == ["it has 10 records, of which one at least is spoilt", b"v"]


def test_what_stands_behind_the_records_that_a_batch_counts_is_not_passed_in_silence() -> None:
    batch = bytearray(WireBatch([Wired(value=b"1"), Wired(value=b"2"), Wired(value=b"3")]).encoded())
    batch[57:61] = (1).to_bytes(4)
    batch[17:21] = calc_crc32c(bytes(batch[21:])).to_bytes(4)
    first, rest = all_of(bytes(batch))
    assert first.value == b"1"
    assert rest.why.startswith("offsets 1 to 2 of intake.opisto.x[0] cannot be read")


def test_transactions_are_read_when_they_are_committed_and_their_markers_never() -> None:
    mine = WireBatch([Wired(value=b"aborted")], attributes=TRANSACTIONAL, producer=7)
    aborts = WireBatch([Wired(key=ABORT)], attributes=TRANSACTIONAL | CONTROL, producer=7)
    kept = WireBatch([Wired(value=b"kept")], attributes=TRANSACTIONAL, producer=7)
    commits = WireBatch([Wired(key=COMMIT)], attributes=TRANSACTIONAL | CONTROL, producer=7)
    broken = WireBatch([Wired(value=b"v", headers=[(b"\xff", None)])], attributes=TRANSACTIONAL, producer=7)
    found = all_of(log(mine, aborts, kept, broken, commits), aborted=(7, 0, 1))
    assert said(found) == [b"kept", b"v"]


def test_markers_alone_move_the_position() -> None:
    marker = WireBatch([Wired(key=COMMIT)], attributes=TRANSACTIONAL | CONTROL, producer=7)
    assert read(A, log(marker, marker), 0, 10) == Stretch([], 2)


@given(INT64, st.sampled_from([0, 8]), st.integers(-(2**62), 2**62))
def test_a_records_own_clock_is_whatever_it_is(time: int, attributes: int, after: int) -> None:
    batch = WireBatch([Wired(time=after), Wired()], time=time, attributes=attributes)
    [first, second] = all_of(log(batch, WireBatch([]))[: len(batch.encoded())])
    assert -(2**63) <= first.timestamp < 2**63
    assert first.value == second.value == b"v"


WIRED = st.builds(
    Wired,
    key=st.none() | st.binary(max_size=9),
    value=st.none() | st.binary(max_size=9),
    headers=st.lists(st.tuples(st.binary(max_size=5), st.none() | st.binary(max_size=5)), max_size=3),
    time=st.integers(-(2**40), 2**40),
)


@given(st.lists(st.tuples(st.lists(WIRED, min_size=1, max_size=4), st.sampled_from([*CODECS])), max_size=4), st.data())
def test_whatever_a_client_writes_is_read_once_and_in_order(
    batches: list[tuple[list[Wired], str]], data: st.DataObject
) -> None:
    most = data.draw(st.integers(1, 5))
    raw = log(*(WireBatch(records, codec) for records, codec in batches))
    found = all_of(raw, most=most)
    assert read_on(raw, most=most) == found
    written = [record for records, _ in batches for record in records]
    assert [(one.key, one.value, len(one.headers)) for one in found] == [
        (one.key, one.value, len(one.headers)) for one in written
    ]
    assert [one.offset for one in found] == list(range(len(written)))


SAID = st.none() | st.integers(-3, 6) | st.sampled_from([2**31 - 1, -(2**31), 2**62])


@given(
    st.lists(st.tuples(st.lists(SAID, min_size=1, max_size=5), st.sampled_from([*CODECS]), st.integers(-9, 4))),
    st.integers(1, 5),
)
def test_a_records_offset_is_its_place_whatever_it_says(
    batches: list[tuple[list[int | None], str, int]], most: int
) -> None:
    wires = [
        WireBatch([Wired(said=one) for one in said], codec, last=min(last, len(said) - 1))
        for said, codec, last in batches
    ]
    found = all_of(log(*wires), most=most)
    assert [one.offset for one in found] == list(range(sum(len(wire.records) for wire in wires)))
    assert not any(isinstance(one, Unreadable) for one in found)


@pytest.mark.parametrize("name", [b"name", b"\xff"])
def test_what_compaction_has_left_of_a_batch_keeps_its_offsets(name: bytes) -> None:
    left = [Wired(said=said, value=b"%d" % said, headers=[(name, None)]) for said in (1, 4, 7)]
    found = all_of(WireBatch(left, last=9).encoded() + WireBatch(base=10).encoded())
    assert [(one.offset, one.value) for one in found] == [(1, b"1"), (4, b"4"), (7, b"7"), (10, b"v")]


@given(st.integers(0, 200), st.binary(min_size=1, max_size=4), st.booleans())
def test_whatever_is_spoilt_in_a_batch_the_next_one_is_read(at: int, by: bytes, valid_crc: bool) -> None:
    """The broker itself writes the offset and the length, and reads the number of offsets."""
    batch = WireBatch([Wired(headers=[(b"name", b"value")]), Wired(key=None), Wired(value=None)])
    whole = bytearray(batch.encoded())
    start = 61 + at % (len(whole) - 61) if valid_crc else 17 + at % (len(whole) - 17 - len(by))
    for counts in (range(23, 27), range(57, 61)):
        if start < counts.stop and start + len(by) > counts.start:
            start = counts.stop
    whole[start : start + len(by)] = by
    spoilt = bytes(whole[: len(batch.encoded())])
    if valid_crc:
        spoilt = WireBatch([Wired()] * 3, packed=spoilt[61:]).encoded()
    raw = spoilt + WireBatch([Wired(value=b"next")], base=3).encoded()
    found = all_of(raw)
    assert found[-1].value == b"next"
    assert said(read_on(raw, most=2)) == said(found)


@given(st.binary(max_size=300))
def test_bytes_that_are_no_batch_at_all_are_passed(junk: bytes) -> None:
    stretch = read(A, junk, 5, 10)
    assert stretch.end > 5 or not junk
