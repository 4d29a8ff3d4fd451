"""A dead letter holds the record as it came, and why it was refused, and nothing that may not be kept."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.dead_letter import MOST_BYTES, DeadLetter, Parts, one_line, record_of
from shared.contracts.original import Original, attributes_of, sender_to_tell
from shared.contracts.personal_identity import bytes_hide_a_code
from shared.kafka.producer import MAX_REQUEST_BYTES

CODE = "010594Y9021"
ADDED = {
    "dl_id": "letter",
    "dl_reason": "rejected",
    "dl_error": "it may not",
    "dl_service": "referral",
    "dl_topic": "intake.http",
    "dl_partition": "3",
    "dl_offset": "17",
    "dl_attempts": "2",
}

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)


def original(
    key: bytes | None = b"k",
    value: bytes | None = b"{}",
    headers: list[tuple[str, bytes | None]] | None = None,
    topic: str = "intake.http",
) -> Original:
    return Original(topic, 3, 17, 1_756_700_000_000, key, value, headers or [])


def letter(of: Original, reason: str = "rejected", error: str = "it may not") -> DeadLetter:
    return DeadLetter("letter", "referral", reason, error, of, 2)


def added(record: Parts) -> dict[str, str]:
    return {name: (value or b"").decode() for name, value in record.headers if name.startswith("dl_")}


@given(
    key=st.none() | st.binary(max_size=40),
    value=st.none() | st.binary(max_size=200),
    headers=st.lists(st.tuples(st.text(max_size=8).filter(lambda n: not n.startswith("dl_")), st.none() | st.binary())),
)
def test_the_record_is_kept_byte_for_byte(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    record = record_of(letter(original(key, value, headers)), NOW)
    assert (record.key, record.value) == (key, value)
    assert record.headers[: len(headers)] == headers


def test_it_says_where_the_record_stood_why_it_was_refused_and_how_often_it_was_tried() -> None:
    said = added(record_of(letter(original()), NOW))
    assert said.pop("dl_time").endswith("Z")
    assert said == ADDED


@pytest.mark.parametrize("reason", ["undecodable", "personal_data"])
@pytest.mark.parametrize("large", ["key", "value", "headers"])
def test_of_a_record_that_does_not_fit_the_attributes_are_kept_and_that_is_said(large: str, reason: str) -> None:
    """It came packed, or on a topic that takes more. It must not be tried for ever, nor fill a document."""
    much = bytes(MOST_BYTES + 1)
    headers: list[tuple[str, bytes | None]] = [("ce_id", b"a"), ("ce_source", much if large == "headers" else b"/x")]
    key, value = (much if large == which else b"small" for which in ("key", "value"))
    record = record_of(letter(original(key, value, headers), reason), NOW)
    assert (record.key, record.value) == (None, None)
    kept = [(name, value) for name, value in record.headers if not name.startswith("dl_")]
    small = [(name, value) for name, value in headers if value != much]
    assert kept == (small if reason == "undecodable" else [])
    assert added(record)["dl_error"].startswith("it may not; of its 13107")
    assert added(record)["dl_error"].endswith(f"bytes no value and {len(kept)} headers are kept here")


def test_masking_makes_no_record_larger_than_its_topic_takes() -> None:
    value = b"\xff" * (MOST_BYTES - len(CODE)) + CODE.encode()
    record = record_of(letter(original(b"", value), "personal_data"), NOW)
    assert record.value
    assert MOST_BYTES < len(record.value) < MAX_REQUEST_BYTES - 64 * 1024


def test_its_headers_do_not_grow_when_it_is_refused_again() -> None:
    once = record_of(letter(original(headers=[("ce_id", b"x")])), NOW)
    twice = record_of(letter(original(headers=once.headers)), NOW)
    assert [name for name, _ in twice.headers] == [name for name, _ in once.headers]


def test_the_reason_is_one_line_of_bounded_length_without_a_code() -> None:
    assert one_line(f"a\n  b\tfor {CODE}\r\n") == "a b for ******-****"
    assert len(one_line("long " * 1_000)) == 500


@pytest.mark.parametrize(
    "of",
    [
        original(value=f'{{"a":"{CODE}","{CODE}":[{{"b":"x {CODE}"}}]}}'.encode()),
        original(key=CODE.encode(), headers=[("x", CODE.encode()), (CODE, None)]),
        original(value=b"\xff" + b" " + CODE.encode()),
        original(value=b'{"a":"\\u0030' + CODE[1:].encode() + b'"}'),
        original(value=b'{"a":"' + CODE.replace("Y", "%59").encode() + b'"}'),
        original(value=b"<a>" + CODE.replace("Y", "&#89;").encode() + b"</a>"),
        original(value=f"<a>{CODE}</a>".encode("utf-16")),
        original(value=b"<a>" + base64.b64encode(f"on {CODE}".encode()) + b"</a>"),
        original(key=base64.b64encode(f"on {CODE}".encode())),
    ],
)
def test_where_personal_data_is_the_reason_no_code_is_kept_anywhere(of: Original) -> None:
    record = record_of(letter(of, "personal_data", f"it holds {CODE}"), NOW)
    for part in (record.key, record.value, *(name.encode() + (value or b"") for name, value in record.headers)):
        assert not bytes_hide_a_code(part or b"")


def test_masked_json_is_json_still() -> None:
    record = record_of(letter(original(value=f'{{"a":["{CODE}",1,null]}}'.encode()), "personal_data"), NOW)
    assert record.value == b'{"a":["******-****",1,null]}'


def test_a_code_that_json_takes_for_a_number_is_masked_too() -> None:
    record = record_of(letter(original(value=b'{"a":[311290E0123,110190E9991,1.5e3,2]}'), "personal_data"), NOW)
    assert record.value == b'{"a":["******-****","******-****",1500.0,2]}'


@pytest.mark.parametrize(
    ("named", "proven", "told"),
    [
        ("/region/06", None, "/region/06"),
        ("/opisto/1.2.246", None, "/opisto/1.2.246"),
        ("/region/02", "/region/06", "/region/06"),
        ("/service/referral", None, None),
        ("/region/06\n", None, None),
        ("", None, None),
    ],
)
def test_the_partner_is_told_whom_the_topic_proves_or_else_the_record_names(
    named: str, proven: str | None, told: str | None
) -> None:
    assert sender_to_tell(original(headers=[("ce_source", named.encode())]), proven) == told


def test_nobody_is_told_of_what_cannot_be_read_where_the_topic_proves_nobody() -> None:
    unreadable = original(value=b"no event")
    assert attributes_of(unreadable) == {}
    assert sender_to_tell(unreadable, None) is None
    assert sender_to_tell(unreadable, "/region/06") == "/region/06"
