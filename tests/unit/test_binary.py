"""Attributes in `ce-` headers, as the HTTP binding of CloudEvents 1.0.2 has them in 3.1.3.2."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.errors import Undecodable
from shared.http.binary import read_binary


def read(value: str) -> str:
    return read_binary([("ce-note", value)], b"{}").attributes["note"]


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("/region/06", "/region/06"),
        ('"/region/06"', "/region/06"),
        ('"\\/region\\/06"', "/region/06"),
        ('"a \\"b\\" \\\\c"', 'a "b" \\c'),
        ('""', ""),
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ('"Euro%20%E2%82%AC"', "Euro €"),
        ("%2541", "%41"),
        ("100 %", "100 %"),
        ("a%zz", "a%zz"),
        ('"open', '"open'),
        ('a"b"', 'a"b"'),
        ('"a"b"', '"a"b"'),
    ],
)
def test_quotes_are_undone_then_one_round_of_percent_encoding(sent: str, meant: str) -> None:
    assert read(sent) == meant


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_a_sender_encodes_is_read_as_it_was(text: str) -> None:
    assert read(quote(text)) == text
    assert read('"' + quote(text, safe=" ").replace("\\", "\\\\").replace('"', '\\"') + '"') == text


@pytest.mark.parametrize("sent", ["%C0%A0", "%FF", "ok%E2%82", "%ED%A0%80", '"%C0%A0"'])
def test_what_is_no_utf_8_is_refused_and_the_header_named(sent: str) -> None:
    with pytest.raises(Undecodable, match="the header ce-note"):
        read(sent)


def test_a_headers_name_is_read_in_any_case_and_the_body_is_the_data() -> None:
    raw = read_binary([("CE-Id", "e1"), ("accept", "*/*"), ("ce-source", "/region/06")], b'{"a":1}')
    assert raw.attributes == {"id": "e1", "source": "/region/06", "datacontenttype": "application/json"}
    assert raw.data == b'{"a":1}'
