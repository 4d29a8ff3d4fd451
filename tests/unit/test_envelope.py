"""Reading and writing events: what is taken, what is refused, by which class of error, and where it points."""

import base64
import contextlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.envelope import (
    MAX_EVENT_BYTES,
    Event,
    attributes_of,
    authorise,
    check_class,
    decode,
    kafka_headers,
    read_kafka,
    read_structured,
    structured,
)
from shared.contracts.errors import EventError, Forged, Invalid, Undecodable, UnknownType

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
REFERRAL = "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"
OPISTO = "/opisto/1.2.246.562.10.00000000001"
PREFIX = "fi.kulttuurilahete."

WITHDRAWN = {"referral_id": REFERRAL, "reason": "moved"}
ISSUED: dict[str, Any] = {
    "referral_id": REFERRAL,
    "unit_ref": "unit-17",
    "municipality": "837",
    "age_band": "65-74",
    "languages": ["fi"],
    "needs": {"friends": 9},
    "consent": {"recorded_on": "2026-09-01", "scopes": ["referral", "feedback"]},
}
PUBLISHED: dict[str, Any] = {
    "activity_id": "kuoro",
    "title": {"fi": "Kuoro"},
    "themes": ["singing"],
    "municipality": "837",
    "format": "in_person",
    "languages": ["fi"],
    "age": {},
    "capacity": 6,
    "price_cents": 4500,
    "enrolment": {},
    "sessions": [
        {"session_id": "1", "starts_at": "2026-09-09T17:30:00+03:00", "ends_at": "2026-09-09T19:00:00+03:00"},
    ],
}
FEEDBACK: dict[str, Any] = {
    "about": {"kind": "referral", "id": REFERRAL},
    "respondent": "participant",
    "phase": "before",
    "instrument": "who5",
    "answers": {"q1": 0, "q2": 1, "q3": 2, "q4": 3, "q5": 5},
}
SOURCES = {"ReferralIssued": "/region/06", "ReferralWithdrawn": "/region/06", "FeedbackSubmitted": "/service/feedback"}


def document(name: str = "ReferralWithdrawn", data: object = None, **attributes: object) -> dict[str, Any]:
    """A structured event; an attribute given as None is left out."""
    known = {
        "specversion": "1.0",
        "id": "e1",
        "source": SOURCES.get(name, OPISTO),
        "type": f"{PREFIX}{name}.v1",
        "time": "2026-09-01T10:00:00Z",
        "data": WITHDRAWN if data is None else data,
    }
    return {key: value for key, value in {**known, **attributes}.items() if value is not None}


def taken(sent: Mapping[str, object]) -> Event:
    return decode(read_structured(json.dumps(sent).encode()), now=NOW)


def taken_text(data: str | bytes) -> Event:
    """A withdrawal in binary mode whose value is exactly this."""
    value = data.encode() if isinstance(data, str) else data
    headers = [(f"ce_{name}", str(text).encode()) for name, text in document().items() if name != "data"]
    return decode(read_kafka(value, headers), now=NOW)


def paths(sent: Mapping[str, object]) -> list[str]:
    """Where an invalid event is wrong."""
    with pytest.raises(Invalid) as refused:
        taken(sent)
    return [problem.path for problem in refused.value.problems]


def at(data: Mapping[str, Any], pointer: str, value: object) -> dict[str, Any]:
    """The data with one member set."""
    copied: dict[str, Any] = json.loads(json.dumps(data))
    *way, last = pointer.split("/")
    target: Any = copied
    for part in way:
        target = target[int(part)] if isinstance(target, list) else target[part]
    target[int(last) if isinstance(target, list) else last] = value
    return copied


# --- modes


def test_binary_and_structured_mode_give_the_same_event() -> None:
    sent = document(correlationid=REFERRAL, traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    headers = [(f"ce_{name}", str(value).encode()) for name, value in sent.items() if name != "data"]
    binary = read_kafka(json.dumps(sent["data"]).encode(), [*headers, ("content-type", b"application/json")])
    whole = read_kafka(json.dumps(sent).encode(), [("content-type", b"application/cloudevents+json; charset=UTF-8")])
    assert decode(binary, now=NOW) == decode(whole, now=NOW) == taken(sent)


def test_a_partners_correlation_is_what_its_event_is_about_or_nothing() -> None:
    other = "0f6a2d8c-5c1e-4c57-9a0e-3f1f6a2d8c12"
    assert taken(document(correlationid=REFERRAL)).correlation == REFERRAL
    assert taken(document(correlationid=other)).correlation is None


def test_structured_mode_is_known_without_a_content_type_and_in_any_case() -> None:
    value = json.dumps(document()).encode()
    for headers in ([], [("x-other", b"1")], [("content-type", b"Application/CloudEvents+JSON")]):
        assert decode(read_kafka(value, headers), now=NOW) == taken(document())


def test_headers_of_others_are_no_attributes() -> None:
    raw = read_kafka(b"{}", [("ce_id", b"1"), ("x-trace", b"\xff"), ("empty", None)])
    assert raw.attributes == {"id": "1"}


def test_data_in_base64_is_read_as_the_same_data() -> None:
    sent = document()
    encoded = base64.b64encode(json.dumps(sent.pop("data")).encode()).decode()
    assert taken({**sent, "data_base64": encoded}) == taken(document())


@pytest.mark.parametrize("encoded", ["ä", "a", "%%%%", "e30", 5, {}])
def test_what_is_no_base64_cannot_be_decoded(encoded: object) -> None:
    with pytest.raises(Undecodable, match="base64"):
        taken({**document(), "data": None, "data_base64": encoded})


def test_data_in_two_forms_cannot_be_decoded() -> None:
    with pytest.raises(Undecodable, match="exclude each other"):
        taken({**document(), "data_base64": "e30="})


def test_an_attribute_that_is_null_is_one_that_is_not_there() -> None:
    sent = json.dumps({**document(), "subject": None, "dataschema": None, "data_base64": None}).encode()
    assert decode(read_structured(sent), now=NOW) == taken(document())


def test_extensions_may_be_booleans_and_numbers() -> None:
    assert taken(document(synthetic=True, sampledrate=5)).synthetic
    assert not taken(document(synthetic=False)).synthetic
    assert taken(document(synthetic="true")).synthetic


# --- attributes


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type", "time"])
def test_a_lacking_attribute_is_invalid_and_named(name: str) -> None:
    assert paths({**document(), name: None}) == [f"/{name}"]
    assert paths({**document(), name: ""})[0] == f"/{name}"
    assert paths({key: value for key, value in document().items() if key != name}) == [f"/{name}"]


def test_all_lacking_attributes_are_named_at_once() -> None:
    assert paths({"data": {}, "x": 1}) == ["/specversion", "/id", "/source", "/type", "/time"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("specversion", "0.3"),
        ("id", "a b"),
        ("id", "x" * 65),
        ("id", "ä"),
        ("id", "x\n"),
        ("source", "region/06"),
        ("source", "/region/"),
        ("source", "/region/06/x"),
        ("source", "/region/99"),
        ("source", "/region/91"),
        ("source", "/region/6"),
        ("source", "/service/nobody"),
        ("source", "/opisto/" + "x" * 61),
        ("source", "/opisto/Ä"),
        ("datacontenttype", "text/xml"),
        ("synthetic", "yes"),
        ("time", "yesterday"),
    ],
)
def test_an_attribute_out_of_form_is_invalid_and_named(name: str, value: str) -> None:
    assert paths({**document(), name: value}) == [f"/{name}"]


@pytest.mark.parametrize(
    "time",
    [
        "2026-09-01T10:00:00",
        "2026-09-01",
        "2026-09-01 10:00:00Z",
        "2026-09-01T10:00Z",
        "2026-09-01T10:00:00+0300",
        "2026-09-01T10:00:00+03",
        "2026-13-01T10:00:00Z",
        "2026-02-30T10:00:00Z",
        "2026-09-01T25:00:00Z",
        "2026-09-01T10:00:00+24:00",
        "20260901T100000Z",
        "1756720800",
        "٢٠٢٦-09-01T10:00:00Z",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
        " 2026-09-01T10:00:00Z",
    ],
)
def test_a_time_without_offset_or_out_of_form_is_invalid(time: str) -> None:
    assert paths(document(time=time)) == ["/time"]


@pytest.mark.parametrize("time", ["1999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_a_time_of_another_century_is_invalid(time: str) -> None:
    assert paths(document(time=time)) == ["/time"]


def test_times_are_instants_whatever_their_offset() -> None:
    written = ("2026-09-01T13:00:00+03:00", "2026-09-01t10:00:00.000z", "2026-09-01T04:30:00-05:30")
    assert {taken(document(time=time)).time for time in written} == {datetime(2026, 9, 1, 10, tzinfo=UTC)}


def test_a_time_more_than_five_minutes_ahead_is_invalid_and_five_minutes_are_not() -> None:
    assert taken(document(time="2026-09-01T12:05:00Z")).time == NOW + timedelta(minutes=5)
    assert paths(document(time="2026-09-01T12:05:00.001Z")) == ["/time"]


def test_a_wrong_subject_is_invalid_and_the_right_one_is_told() -> None:
    with pytest.raises(Invalid, match=REFERRAL) as refused:
        taken(document(subject="another"))
    assert [problem.path for problem in refused.value.problems] == ["/subject"]
    assert taken(document(subject=REFERRAL)).data.subject == REFERRAL


@pytest.mark.parametrize(
    ("name", "data", "subject"),
    [
        ("ReferralIssued", ISSUED, REFERRAL),
        ("ActivityPublished", PUBLISHED, "kuoro"),
        ("ActivityCancelled", {"activity_id": "kuoro", "reason": "merged"}, "kuoro"),
        ("EnrolmentConfirmed", {"activity_id": "kuoro", "referral_id": REFERRAL}, REFERRAL),
        ("FeedbackSubmitted", FEEDBACK, REFERRAL),
    ],
)
def test_the_subject_is_the_referral_where_there_is_one_else_the_activity(
    name: str, data: dict[str, Any], subject: str
) -> None:
    assert taken(document(name, data, subject=subject)).data.subject == subject


@pytest.mark.parametrize(
    "type_",
    [
        f"{PREFIX}ReferralForgotten.v1",
        f"{PREFIX}ReferralWithdrawn.v2",
        f"{PREFIX}ReferralWithdrawn.v01",
        f"{PREFIX}ReferralWithdrawn.v",
        f"{PREFIX}ReferralWithdrawn",
        f"{PREFIX}referralwithdrawn.v1",
        "ReferralWithdrawn.v1",
        "fi.other.ReferralWithdrawn.v1",
        f"{PREFIX}__class__.v1",
    ],
)
def test_an_unknown_class_or_a_newer_major_version_is_an_unknown_type(type_: str) -> None:
    with pytest.raises(UnknownType):
        taken(document(type=type_))


# --- what cannot be decoded


@pytest.mark.parametrize("value", [None, b""])
def test_a_record_without_a_value_cannot_be_decoded(value: bytes | None) -> None:
    with pytest.raises(Undecodable, match="no value"):
        read_kafka(value, [("ce_id", b"1")])


def test_a_header_that_is_null_or_not_utf8_cannot_be_decoded() -> None:
    for content in (None, b"\xff"):
        with pytest.raises(Undecodable, match="ce_id"):
            read_kafka(b"{}", [("ce_id", content)])


@pytest.mark.parametrize(
    "data",
    [
        "{",
        "nonsense",
        "{'a': 1}",
        '{"a": NaN}',
        '{"a": Infinity}',
        '{"a": -Infinity}',
        '{"a": 1e999}',
        '{"a": "\\ud800"}',
        '{"a": 01}',
        '{"a": 1,}',
        '{"a": 1} {"b": 2}',
        "[" * 10_000 + "]" * 10_000,
        '{"a":' * 10_000 + "1" + "}" * 10_000,
        "[" * 10_000,
        b'{"a": "\xff"}',
        b'{"\xff": 1}',
        b"\xef\xbb\xbf{}",
        b"\x00",
    ],
    ids=lambda data: repr(data)[:24],
)
def test_what_is_no_json_cannot_be_decoded_in_either_mode(data: str | bytes) -> None:
    with pytest.raises(Undecodable):
        taken_text(data)
    value = data.encode() if isinstance(data, str) else data
    for member in (b'"data"', b'"extension"'):
        head = json.dumps(document(data={})).encode()[:-1].replace(b'"data": {}', b'"other": 1')
        with pytest.raises(Undecodable):
            decode(read_structured(head + b"," + member + b":" + value + b"}"), now=NOW)


@pytest.mark.parametrize("value", [b"[]", b'"text"', b"5", b"null", b"[{}]"])
def test_a_structured_event_is_an_object(value: bytes) -> None:
    with pytest.raises(Undecodable):
        read_structured(value)


@pytest.mark.parametrize("data", ["[]", '"text"', "5", "null", "true"])
def test_data_that_is_no_object_is_invalid(data: str) -> None:
    with pytest.raises(Invalid) as refused:
        taken_text(data)
    assert refused.value.problems[0].path == "/data"


@given(st.binary(max_size=200), st.lists(st.tuples(st.sampled_from(["ce_id", "ce_type", "content-type"]), st.binary())))
def test_no_bytes_raise_anything_but_an_event_error(value: bytes, headers: list[tuple[str, bytes | None]]) -> None:
    with contextlib.suppress(EventError):
        decode(read_kafka(value, headers), now=NOW)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(ISSUED)), _json, st.dictionaries(st.sampled_from(["id", "time", "subject", "x"]), _json))
def test_no_json_raises_anything_but_an_event_error(field: str, value: Any, attributes: dict[str, Any]) -> None:
    with contextlib.suppress(EventError):
        taken({**document("ReferralIssued", {**ISSUED, field: value}), **attributes})


# --- the data


@pytest.mark.parametrize(
    ("name", "data", "path"),
    [
        ("ReferralIssued", at(ISSUED, "needs/friends", "5"), "/data/needs/friends"),
        ("ReferralIssued", at(ISSUED, "needs/friends", 5.5), "/data/needs/friends"),
        ("ReferralIssued", at(ISSUED, "needs/friends", True), "/data/needs/friends"),
        ("ReferralIssued", at(ISSUED, "needs/friends", 11), "/data/needs/friends"),
        ("ReferralIssued", at(ISSUED, "needs/happiness", 5), "/data/needs/happiness"),
        ("ReferralIssued", at(ISSUED, "needs", {}), "/data/needs"),
        ("ReferralIssued", at(ISSUED, "municipality", 837), "/data/municipality"),
        ("ReferralIssued", at(ISSUED, "municipality", "999"), "/data/municipality"),
        ("ReferralIssued", at(ISSUED, "languages", []), "/data/languages"),
        ("ReferralIssued", at(ISSUED, "languages", ["fi", "finnish language"]), "/data/languages/1"),
        ("ReferralIssued", at(ISSUED, "age_band", "65-75"), "/data/age_band"),
        ("ReferralIssued", at(ISSUED, "unit_ref", "unit 17"), "/data/unit_ref"),
        ("ReferralIssued", at(ISSUED, "referral_id", REFERRAL.upper()), "/data/referral_id"),
        ("ReferralIssued", at(ISSUED, "max_price_cents", -1), "/data/max_price_cents"),
        ("ReferralIssued", at(ISSUED, "max_price_cents", 2**63), "/data/max_price_cents"),
        ("ReferralIssued", at(ISSUED, "consent/scopes", ["feedback"]), "/data/consent"),
        ("ReferralIssued", at(ISSUED, "consent/recorded_on", "2026-09-31"), "/data/consent/recorded_on"),
        ("ReferralIssued", at(ISSUED, "consent/recorded_on", "1899-12-31"), "/data/consent/recorded_on"),
        ("ReferralIssued", at(ISSUED, "consent/recorded_on", "1.9.2026"), "/data/consent/recorded_on"),
        ("ReferralIssued", at(ISSUED, "consent/recorded_on", 20_000), "/data/consent/recorded_on"),
        ("ReferralIssued", at(ISSUED, "consent/recorded_on", "2026-09-01T00:00:00Z"), "/data/consent/recorded_on"),
        (
            "ActivityPublished",
            at(PUBLISHED, "sessions/0/starts_at", "2026-09-09T17:30:00"),
            "/data/sessions/0/starts_at",
        ),
        ("ActivityPublished", at(PUBLISHED, "sessions/0/starts_at", 1_788_964_200), "/data/sessions/0/starts_at"),
        ("ActivityPublished", at(PUBLISHED, "sessions/0/ends_at", "2026-09-09T10:00:00Z"), "/data/sessions/0"),
        ("ActivityPublished", at(PUBLISHED, "sessions/0/ends_at", "9999-12-31T23:59:59Z"), "/data/sessions/0/ends_at"),
        ("ActivityPublished", at(PUBLISHED, "sessions/0/ends_at", "2036-09-03T00:00:00Z"), "/data/sessions/0/ends_at"),
        ("ActivityPublished", at(PUBLISHED, "enrolment/closes", "2101-01-01T00:00:00Z"), "/data/enrolment/closes"),
        ("ActivityPublished", at(PUBLISHED, "sessions", PUBLISHED["sessions"] * 2), "/data"),
        ("ActivityPublished", at(PUBLISHED, "sessions", []), "/data/sessions"),
        ("ActivityPublished", at(PUBLISHED, "title", {"se": "Lávlun"}), "/data/title"),
        ("ActivityPublished", at(PUBLISHED, "title", {"fi": "x" * 4_001}), "/data/title/fi"),
        ("ActivityPublished", at(PUBLISHED, "title", "Kuoro"), "/data/title"),
        ("ActivityPublished", at(PUBLISHED, "capacity", -1), "/data/capacity"),
        ("ActivityPublished", at(PUBLISHED, "capacity", 2**64), "/data/capacity"),
        ("ActivityPublished", at(PUBLISHED, "capacity", 10**30), "/data/capacity"),
        ("ActivityPublished", at(PUBLISHED, "themes", ["singing", "golf"]), "/data/themes/1"),
        ("ActivityPublished", at(PUBLISHED, "serves", ["837", "911"]), "/data/serves/1"),
        ("ActivityPublished", at(PUBLISHED, "enrolment/confirm", "true"), "/data/enrolment/confirm"),
        ("ActivityPublished", at(PUBLISHED, "age", {"min": 18, "max": 17}), "/data/age"),
        ("FeedbackSubmitted", at(FEEDBACK, "answers/q1", 6), "/data"),
        ("FeedbackSubmitted", at(FEEDBACK, "answers/q1", 2**63), "/data/answers/q1"),
        ("FeedbackSubmitted", at(FEEDBACK, "answers", {"q1": 1}), "/data"),
        ("FeedbackSubmitted", at(FEEDBACK, "answers", {"satisfaction": 1}), "/data"),
        ("FeedbackSubmitted", at(FEEDBACK, "about/kind", "activity"), "/data/about/kind"),
    ],
)
def test_what_breaks_the_contract_is_invalid_and_pointed_at(name: str, data: dict[str, Any], path: str) -> None:
    assert path in paths(document(name, data))


@pytest.mark.parametrize(
    ("name", "data", "path"),
    [
        ("ReferralIssued", at(ISSUED, "languages", ["xx"]), "/data/languages/0"),
        ("ReferralIssued", at(ISSUED, "languages", ["suomi1"]), "/data/languages/0"),
        ("ReferralIssued", at(ISSUED, "needs", {"golf": 3}), "/data/needs/golf"),
        ("ReferralIssued", at(ISSUED, "consent/scopes", ["all"]), "/data/consent/scopes/0"),
        ("ActivityPublished", at(PUBLISHED, "languages", ["xx"]), "/data/languages/0"),
        ("ActivityPublished", at(PUBLISHED, "themes", ["golf"]), "/data/themes/0"),
        ("ActivityPublished", at(PUBLISHED, "sessions", [{"session_id": "1"}]), "/data/sessions/0/starts_at"),
        ("ActivityPublished", at(PUBLISHED, "sessions/0/ends_at", "2026-09-09T10:00:00Z"), "/data/sessions/0"),
    ],
)
def test_of_a_list_whose_only_part_is_faulty_that_fault_alone_is_told(
    name: str, data: dict[str, Any], path: str
) -> None:
    sent = at(data, "sessions", data["sessions"][:1]) if name == "ActivityPublished" else data
    told = paths(document(name, sent))
    assert told[0] == path
    assert all(one.startswith(path.rpartition("/")[0] if "starts_at" in path else path) for one in told)


@pytest.mark.parametrize("prefix", ["ce-", "CE_", "", "x_"])
@pytest.mark.parametrize("kind", ["application/json", "text/plain", None])
def test_attributes_in_headers_without_the_prefix_are_named_with_what_it_is(prefix: str, kind: str | None) -> None:
    names = ["specversion", "id", "source", "type", "time", *(f"n{number}" for number in range(20))]
    headers = [(prefix + name, b"secret") for name in names]
    value = json.dumps({"activity_id": "a", "title": {"fi": "Kuoro"}}).encode()
    with pytest.raises(Invalid) as refused:
        read_kafka(value, headers + ([("content-type", kind.encode())] if kind else []))
    assert "begins with ce_" in str(refused.value)
    assert f"there are: {prefix}specversion, {prefix}id, " in str(refused.value)
    assert str(refused.value).endswith(" and 15 more")
    assert "secret" not in str(refused.value)
    assert "n9" not in str(refused.value)


def test_a_structured_event_may_come_with_any_headers_and_no_content_type() -> None:
    whole = json.dumps(document()).encode()
    assert read_kafka(whole, [("x-trace", b"1")]) == read_kafka(whole, [])
    with pytest.raises(Undecodable):
        read_kafka(b"no json", [("x-trace", b"1")])


def test_every_fault_of_an_event_is_told_at_once() -> None:
    data = {**ISSUED, "municipality": "999", "needs": {"friends": 0}, "consent": {"scopes": []}}
    expected = ["/data/municipality", "/data/needs/friends", "/data/consent/recorded_on", "/data/consent/scopes"]
    assert paths(document("ReferralIssued", data)) == expected


@given(st.integers(min_value=2**63) | st.integers(max_value=-(2**63) - 1))
def test_no_integer_beyond_64_bits_gets_through(number: int) -> None:
    for sent in (
        document("FeedbackSubmitted", at(FEEDBACK, "answers/q1", number)),
        document("ActivityPublished", at(PUBLISHED, "capacity", number)),
    ):
        with pytest.raises(EventError) as refused:
            taken(sent)
        assert isinstance(refused.value, Invalid | Undecodable)


def test_unknown_fields_are_neither_refused_nor_kept() -> None:
    data = {**ISSUED, "name": "Someone", "consent": {**ISSUED["consent"], "by": "Someone"}, "huge": 2**64}
    event = taken(document("ReferralIssued", data, extension="kept by no one"))
    assert event.data == taken(document("ReferralIssued", ISSUED)).data
    assert "omeone" not in json.dumps(structured(event))
    assert "kept by no one" not in json.dumps(structured(event))


def test_an_event_of_64_kib_is_taken_and_a_larger_one_is_invalid() -> None:
    text = json.dumps(WITHDRAWN)
    assert taken_text(text + " " * (MAX_EVENT_BYTES - len(text)))
    with pytest.raises(Invalid) as refused:
        taken_text(text + " " * (MAX_EVENT_BYTES - len(text) + 1))
    assert refused.value.problems[0].path == "/data"


# --- the digest


def test_an_honest_retry_has_the_same_digest() -> None:
    first = taken(document("ReferralIssued", ISSUED))
    retries = [
        document("ReferralIssued", ISSUED, time="2026-09-01T11:00:00+03:00"),
        document("ReferralIssued", ISSUED, traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        document("ReferralIssued", ISSUED, subject=REFERRAL, correlationid=REFERRAL),
        document("ReferralIssued", dict(reversed(ISSUED.items()))),
        document("ReferralIssued", at(ISSUED, "consent", dict(reversed(ISSUED["consent"].items())))),
    ]
    assert {taken(retry).digest for retry in retries} == {first.digest}
    indented = json.dumps(document("ReferralIssued", ISSUED), indent=4).encode()
    assert decode(read_structured(indented), now=NOW).digest == first.digest


def test_other_content_under_the_same_id_has_another_digest() -> None:
    others = [
        document("ReferralIssued", ISSUED),
        document("ReferralIssued", at(ISSUED, "needs/friends", 8)),
        document("ReferralIssued", at(ISSUED, "languages", ["sv"])),
        document("ReferralIssued", at(ISSUED, "route", "clinic")),
        document("ReferralIssued", at(ISSUED, "unknown", "field")),
        document("EnrolmentConfirmed", {"referral_id": REFERRAL, "activity_id": "kuoro"}),
        document("ActivityAttended", {"referral_id": REFERRAL, "activity_id": "kuoro", "session_id": "1"}),
        document("ActivityMissed", {"referral_id": REFERRAL, "activity_id": "kuoro", "session_id": "1"}),
    ]
    assert len({taken(other).digest for other in others}) == len(others)


# --- who may send what


@pytest.mark.parametrize(
    ("name", "data", "source"),
    [
        ("ActivityPublished", PUBLISHED, "/region/06"),
        ("EnrolmentConfirmed", {"referral_id": REFERRAL, "activity_id": "kuoro"}, "/region/06"),
        ("ActivityAttended", {"referral_id": REFERRAL, "activity_id": "kuoro", "session_id": "1"}, "/region/06"),
        ("ReferralIssued", ISSUED, OPISTO),
        ("ReferralWithdrawn", WITHDRAWN, OPISTO),
        ("ReferralWithdrawn", WITHDRAWN, "/service/referral"),
        ("ReferralWithdrawn", WITHDRAWN, "/kunta/837"),
        ("FeedbackSubmitted", FEEDBACK, "/service/referral"),
        ("MatchingEnded", {"referral_id": REFERRAL, "number": 1}, "/region/06"),
        ("MatchingEnded", {"referral_id": REFERRAL, "number": 1}, "/service/catalogue"),
    ],
)
def test_a_class_that_the_sender_may_not_send_is_forged(name: str, data: dict[str, Any], source: str) -> None:
    event = taken(document(name, data, source=source))
    with pytest.raises(Forged) as refused:
        check_class(event)
    assert refused.value.problems[0].path == "/type"


def test_an_event_of_another_source_than_the_proven_one_is_forged() -> None:
    event = taken(document())
    authorise(event, "/region/06")
    for sender in ("/region/08", OPISTO, "/service/referral", ""):
        with pytest.raises(Forged) as refused:
            authorise(event, sender)
        assert refused.value.problems[0].path == "/source"


def _feedback(source: str, respondent: str, channel: str | None) -> Event:
    own = {"instrument": "experience_v1", "answers": {"satisfaction": 5}} if respondent in {"region", "opisto"} else {}
    data = {**FEEDBACK, "respondent": respondent, **own} | ({"channel": channel} if channel else {})
    return taken(document("FeedbackSubmitted", data, source=source))


@pytest.mark.parametrize("source", ["/region/06", OPISTO])
@pytest.mark.parametrize("respondent", ["participant", "carer"])
def test_a_partner_sends_a_participants_answers_only_from_paper_or_phone(source: str, respondent: str) -> None:
    for channel in ("paper", "phone"):
        check_class(_feedback(source, respondent, channel))
    refused_channels: tuple[str | None, ...] = ("form", None)
    for refused_channel in refused_channels:
        with pytest.raises(Forged) as refused:
            check_class(_feedback(source, respondent, refused_channel))
        assert refused.value.problems[0].path == "/data/channel"


def test_a_partner_answers_for_itself_and_for_no_other_partner() -> None:
    check_class(_feedback("/region/06", "region", None))
    check_class(_feedback(OPISTO, "opisto", None))
    for source, respondent in (("/region/06", "opisto"), (OPISTO, "region")):
        with pytest.raises(Forged):
            check_class(_feedback(source, respondent, "paper"))


def test_the_participants_form_sends_a_participants_answers() -> None:
    check_class(_feedback("/service/feedback", "participant", "form"))


# --- writing


def test_what_is_written_to_kafka_is_read_back_as_the_same_event() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    sent = document(
        "ReferralIssued", ISSUED, correlationid=REFERRAL, causationid="c1", traceparent=trace, synthetic=True
    )
    event = taken(sent)
    headers = kafka_headers(attributes_of(event))
    value = event.data.model_dump_json(exclude_none=True).encode()
    again = decode(read_kafka(value, headers), now=NOW)
    assert attributes_of(again) == attributes_of(event)
    assert (again.data, again.time, again.synthetic) == (event.data, event.time, True)


def test_headers_are_those_of_the_kafka_binding() -> None:
    assert dict(kafka_headers(attributes_of(taken(document("ReferralIssued", ISSUED))))) == {
        "ce_specversion": b"1.0",
        "ce_id": b"e1",
        "ce_source": b"/region/06",
        "ce_type": b"fi.kulttuurilahete.ReferralIssued.v1",
        "ce_subject": REFERRAL.encode(),
        "ce_time": b"2026-09-01T10:00:00Z",
        "ce_dataclassification": b"confidential",
        "content-type": b"application/json",
    }


def test_what_an_opisto_publishes_is_public_and_what_concerns_a_referral_is_confidential() -> None:
    assert attributes_of(taken(document("ActivityPublished", PUBLISHED)))["dataclassification"] == "public"
    assert attributes_of(taken(document()))["dataclassification"] == "confidential"


def test_a_structured_event_is_read_back_as_the_same_event() -> None:
    event = taken(document("ActivityPublished", PUBLISHED))
    again = taken(json.loads(json.dumps(structured(event))))
    assert (again.id, again.source, again.time, again.data) == (event.id, event.source, event.time, event.data)
