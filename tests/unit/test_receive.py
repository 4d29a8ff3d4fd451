"""The protocol's step Receive: what a record is to a service, judged by nothing but the record."""

import base64
import json
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from shared.contracts.dead_letter import DeadLetter, record_of
from shared.contracts.identity import dead_letter_id
from shared.contracts.region_events import ActivityChosen, ReferralIssued
from shared.engine.model import Handler, Table
from shared.engine.receive import RoutedEvent, read_again, receive
from tests.integration.engine_world import (
    COLLECTION,
    NOW,
    OPISTO,
    REGION,
    TALLIES,
    Given,
    Letter,
    MemoryLog,
    attend,
    attended,
    choose,
    issue,
    referral,
    silence,
    table,
)

CODE = "010594Y9021"
MASK = "******-****"
TABLE = table(Given())
OTHER = Table(
    service="catalogue",
    topics=TABLE.topics,
    handlers={ReferralIssued: Handler(TALLIES, lambda event: event.data.subject, attended)},
    kinds=(TALLIES,),
)


def refused(record: ConsumerRecord[bytes, bytes], by: Table = TABLE) -> DeadLetter:
    letter = receive(record, by, NOW)
    assert isinstance(letter, DeadLetter)
    return letter


def taken(record: ConsumerRecord[bytes, bytes], by: Table = TABLE) -> RoutedEvent:
    arrival = receive(record, by, NOW)
    assert isinstance(arrival, RoutedEvent)
    return arrival


def changed(record: ConsumerRecord[bytes, bytes], **parts: Any) -> ConsumerRecord[bytes, bytes]:
    return replace(record, **parts)


def with_header(record: ConsumerRecord[bytes, bytes], name: str, value: bytes | None) -> ConsumerRecord[bytes, bytes]:
    kept = [(key, content) for key, content in record.headers if key != name]
    return changed(record, headers=(*kept, (name, value)))


# --- what is taken


def test_an_event_goes_to_the_aggregate_that_it_names_itself() -> None:
    record = MemoryLog().event(choose("a", 7), id="x")
    arrival = taken(record)
    assert arrival.at == (COLLECTION.name, referral(7))
    assert (arrival.event.source, arrival.event.id, arrival.attempt) == (REGION, "x", 0)
    assert (arrival.original.key, arrival.original.value) == (record.key, record.value)
    assert arrival.dl_id == dead_letter_id("referral", record.topic, 0, record.offset, record.timestamp)


def test_a_structured_event_is_taken_like_a_binary_one() -> None:
    data = choose("a")
    whole = {
        "specversion": "1.0",
        "id": "x",
        "source": REGION,
        "type": "fi.kulttuurilahete.ActivityChosen.v1",
        "time": "2026-09-01T10:00:00Z",
        "data": data.model_dump(mode="json"),
    }
    headers = [("content-type", b"application/cloudevents+json"), ("ce_type", b"fi.kulttuurilahete.PlaceRequested.v1")]
    record = MemoryLog().raw("intake.http", referral(1).encode(), json.dumps(whole).encode(), headers)
    assert taken(record).event.data == data


def test_of_a_header_that_stands_twice_the_last_counts_and_the_owner_does_not_miss_it() -> None:
    record = MemoryLog().event(choose("a"))
    first = ("ce_type", b"fi.kulttuurilahete.PlaceRequested.v1")
    assert taken(changed(record, headers=(first, *record.headers))).event.name == "ActivityChosen"


def test_what_waited_is_read_again_as_it_was() -> None:
    arrival = taken(MemoryLog().event(choose("a"), synthetic=True))
    assert read_again(arrival.original, TABLE, NOW + timedelta(days=30)) == arrival.event


def test_a_class_without_a_handler_is_nothing_to_the_service() -> None:
    assert receive(MemoryLog().event(choose("a")), OTHER, NOW) is None


def test_an_event_of_no_aggregate_is_nothing_to_the_service() -> None:
    nowhere = replace(TABLE, handlers={ActivityChosen: Handler(TALLIES, lambda _: None, attended)})
    assert receive(MemoryLog().event(choose("a")), nowhere, NOW) is None


def test_a_deadline_goes_to_the_collection_it_is_of() -> None:
    assert taken(MemoryLog().event(silence(NOW), topic="referral.events")).at == (COLLECTION.name, referral(1))


def test_a_deadline_of_another_service_is_nothing_to_this_one() -> None:
    theirs = silence(NOW, what="early").model_copy(update={"service": "catalogue"})
    record = MemoryLog().event(theirs, source="/service/catalogue", topic="catalogue.events")
    assert receive(record, TABLE, NOW) is None


def test_the_time_of_what_waits_needs_no_handler_of_the_service() -> None:
    without = replace(TABLE, handlers={})
    record = MemoryLog().event(silence(NOW, what="early"), topic="referral.events")
    assert taken(record, without).at == (COLLECTION.name, referral(1))


# --- whose dead letter


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (MemoryLog().raw("intake.http", b"k", None), "undecodable"),
        (MemoryLog().raw("intake.http", b"k", b"no event"), "undecodable"),
        (MemoryLog().raw("intake.http", b"k", b"{}", [("ce_id", b"\xff")]), "undecodable"),
        (MemoryLog().raw("intake.http", b"k", b"{}", [("ce_type", b"fi.kulttuurilahete.Unheard.v1")]), "unknown_type"),
        (
            MemoryLog().raw("intake.http", b"k", b"{}", [("ce_type", b"fi.kulttuurilahete.ReferralIssued.v9")]),
            "unknown_type",
        ),
        (
            MemoryLog().raw("intake.http", b"k", b"{}", [("ce_type", b"fi.kulttuurilahete.ReferralIssued.v1")]),
            "invalid",
        ),
    ],
)
def test_what_fails_by_itself_is_dead_lettered_by_its_owner_and_skipped_by_the_others(
    record: ConsumerRecord[bytes, bytes], reason: str
) -> None:
    letter = refused(record)
    assert (letter.reason, letter.attempts, letter.service) == (reason, 1, "referral")
    assert letter.dl_id == dead_letter_id("referral", "intake.http", 0, record.offset, record.timestamp)
    assert receive(record, OTHER, NOW) is None


def test_a_reader_that_does_not_own_the_class_dead_letters_no_conflict_of_it() -> None:
    record = MemoryLog().event(issue())
    assert taken(record).owned
    assert not taken(record, OTHER).owned


def test_who_refused_it_owns_it_when_it_is_redriven() -> None:
    log = MemoryLog()
    letter = Letter(record_for(DeadLetter("dl", "catalogue", "rejected", "no", taken(log.event(issue())).original, 1)))
    again = changed(log.redriven(letter), topic="redrive.catalogue")
    arrival = taken(again, OTHER)
    assert arrival.owned
    assert (arrival.attempt, arrival.dl_id, arrival.original.topic) == (1, "dl", "intake.http")
    broken = refused(changed(again, value=b"{"), OTHER)
    assert (broken.reason, broken.dl_id, broken.attempts) == ("undecodable", "dl", 2)


def record_for(letter: DeadLetter) -> Any:
    return record_of(letter, NOW)


def test_what_the_monitor_adds_is_believed_on_the_redrive_topic_alone() -> None:
    log = MemoryLog()
    letter = Letter(record_for(DeadLetter("dl", "referral", "rejected", "no", taken(log.event(issue())).original, 4)))
    again = log.redriven(letter)
    assert (taken(again).attempt, taken(again).dl_id) == (4, "dl")
    for topic in ("intake.http", "intake.region.06", "redrive.catalogue"):
        elsewhere = taken(changed(again, topic=topic))
        assert (elsewhere.attempt, elsewhere.original.topic) == (0, topic)
        assert elsewhere.dl_id != "dl"


# --- forged


@pytest.mark.parametrize(
    ("topic", "source", "taken_"),
    [
        ("intake.region.06", "/region/06", True),
        ("intake.region.06", "/region/02", False),
        ("intake.opisto.1.2.246.562.10.00000000001", "/region/06", False),
        ("catalogue.events", "/region/06", False),
        ("intake.http", "/region/02", True),
    ],
)
def test_a_topic_proves_its_sender(topic: str, source: str, *, taken_: bool) -> None:
    received = receive(MemoryLog().event(issue(), source=source, topic=topic), TABLE, NOW)
    assert isinstance(received, RoutedEvent) is taken_
    assert taken_ or (isinstance(received, DeadLetter) and received.reason == "forged_sender")


@pytest.mark.parametrize("source", [OPISTO, "/service/referral"])
def test_a_sender_may_send_its_own_classes_alone(source: str) -> None:
    assert refused(MemoryLog().event(issue(), source=source)).reason == "forged_sender"


def test_a_redriven_record_is_proven_by_the_topic_it_first_stood_on() -> None:
    log = MemoryLog()
    forged = log.event(issue(), source="/region/02", topic="intake.region.06")
    letter = Letter(record_for(refused(forged)))
    assert refused(log.redriven(letter)).reason == "forged_sender"


def broken(event: ConsumerRecord[bytes, bytes]) -> dict[str, tuple[str, ConsumerRecord[bytes, bytes]]]:
    """What else may be wrong with it, and as what that is told of its own sender's."""
    value = event.value or b""
    unread = with_header(event, "ce_type", b"fi.kulttuurilahete.Unheard.v1")
    whole = with_header(event, "content-type", b"application/cloudevents+json")
    return {
        "another key": ("invalid", changed(event, key=b"elsewhere")),
        "no key": ("invalid", changed(event, key=None)),
        "no such municipality": ("invalid", changed(event, value=value.replace(b'"837"', b'"999"'))),
        "a future time": ("invalid", with_header(event, "ce_time", b"2100-01-01T00:00:00Z")),
        "too many bytes of headers": ("invalid", with_header(event, "x-note", b"x" * 70_000)),
        "broken JSON": ("undecodable", changed(event, value=b"{")),
        "no value": ("undecodable", changed(event, value=None)),
        "a header that is no text": ("undecodable", with_header(event, "ce_traceparent", b"\xff")),
        "another format": ("undecodable", with_header(event, "content-type", b"application/cloudevents+avro")),
        "a structured event that breaks off": ("undecodable", changed(whole, value=b'{"source"')),
        "an unknown class": ("unknown_type", unread),
    }


@pytest.mark.parametrize("what", broken(MemoryLog().event(issue())))
def test_what_comes_in_anothers_name_is_forged_whatever_else_is_wrong_with_it(what: str) -> None:
    reason, own = broken(MemoryLog().event(issue(), source="/region/06", topic="intake.region.06"))[what]
    assert refused(own).reason == reason
    _, anothers = broken(MemoryLog().event(issue(), source="/region/06", topic="intake.region.02"))[what]
    letter = refused(anothers)
    assert letter.reason == "forged_sender"
    assert letter.error == "/source: /region/06 on intake.region.02, which proves /region/02"


@pytest.mark.parametrize("source", [None, b"", b"/region/\xff"])
def test_where_no_source_can_be_read_nobody_is_said_to_be_forged(source: bytes | None) -> None:
    event = MemoryLog().event(issue(), source="/region/06", topic="intake.region.02")
    assert refused(with_header(event, "ce_source", source)).reason in {"undecodable", "invalid"}


# --- the key


@pytest.mark.parametrize("key", [None, b"", b"elsewhere", referral(2).encode(), b"\xff"])
def test_a_key_that_is_not_the_subject_is_invalid(key: bytes | None) -> None:
    """It decides the partition: with another key the order of the aggregate's events would be lost."""
    letter = refused(changed(MemoryLog().event(issue()), key=key))
    assert letter.reason == "invalid"
    assert letter.error.startswith("/subject: the record's key")


def test_an_event_of_the_future_is_invalid() -> None:
    assert taken(MemoryLog().event(issue(), time=NOW + timedelta(minutes=5)))
    assert refused(MemoryLog().event(issue(), time=NOW + timedelta(minutes=6))).reason == "invalid"


# --- personal identity codes


def hiding_places() -> dict[str, ConsumerRecord[bytes, bytes]]:
    event = MemoryLog().event(attend("1"))
    value = event.value or b""
    escaped = "".join(f"\\u{ord(sign):04x}" for sign in CODE).encode()
    return {
        "a value of the data": changed(event, value=value.replace(b'"choir"', f'"{CODE}"'.encode())),
        "an unknown field": changed(event, value=value[:-1] + f',"note":"on {CODE}."}}'.encode()),
        "a field's name": changed(event, value=value[:-1] + f',"{CODE}":1}}'.encode()),
        "escapes of JSON": changed(event, value=value[:-1] + b',"note":"' + escaped + b'"}'),
        "the key": changed(event, key=CODE.encode()),
        "the key, encoded as in a URL": changed(event, key=CODE.replace("Y", "%59").encode()),
        "an attribute": with_header(event, "ce_correlationid", CODE.encode()),
        "a header that is no attribute": with_header(event, "x-note", CODE.encode()),
        "a header's name": with_header(event, CODE, b"1"),
        "what is no JSON": changed(event, value=b"{" + CODE.encode()),
        "what is no text": changed(event, value=b"\xff " + CODE.encode() + b" \xff"),
        "no JSON, in escapes": changed(event, value=b'{"' + escaped),
        "a member that stands twice": changed(event, value=value[:-1] + f',"note":"{CODE}","note":""}}'.encode()),
        "XML": changed(event, value=f"<note>{CODE.replace('Y', '&#89;')}</note>".encode()),
        "dashes and what is not shown": with_header(event, "x-note", "010594\u2013902\u00ad1".encode()),
        "an event that is invalid besides": changed(event, value=f'{{"activity_id":"{CODE}"}}'.encode()),
        "a header beside an unknown class": with_header(with_header(event, "ce_type", b"x"), "x-note", CODE.encode()),
    }


@pytest.mark.parametrize("place", hiding_places())
def test_a_personal_identity_code_is_refused_wherever_it_stands_and_kept_masked_alone(place: str) -> None:
    letter = refused(hiding_places()[place])
    assert letter.reason == "personal_data"
    assert CODE not in letter.error
    kept = record_of(letter, NOW)
    assert kept.value is not None
    for part in (kept.key or b"", kept.value, *(f"{name}={value!r}".encode() for name, value in kept.headers)):
        assert CODE.encode() not in part
        assert CODE.lower().encode() not in part
    whole = b" ".join([kept.key or b"", kept.value, *(name.encode() + (value or b"") for name, value in kept.headers)])
    assert MASK.encode() in whole or place == "a member that stands twice"  # JSON keeps the last alone


@pytest.mark.parametrize("place", hiding_places())
def test_a_code_in_what_comes_in_anothers_name_is_kept_masked_alone(place: str) -> None:
    letter = refused(changed(hiding_places()[place], topic="intake.opisto.x"))
    assert letter.reason == "personal_data"
    kept = record_of(letter, NOW)
    assert CODE.encode() not in b" ".join(
        [kept.key or b"", kept.value or b"", *(value or b"" for _, value in kept.headers)]
    )


def _in_base64(data: str, **more: str) -> ConsumerRecord[bytes, bytes]:
    whole = {
        "specversion": "1.0",
        "id": "x",
        "source": REGION,
        "type": "fi.kulttuurilahete.ActivityChosen.v1",
        "time": "2026-09-01T10:00:00Z",
        "data_base64": base64.b64encode(data.encode()).decode(),
    }
    headers = [("content-type", b"application/cloudevents+json")]
    return MemoryLog().raw("intake.http", referral(1).encode(), json.dumps(whole | more).encode(), headers)


@pytest.mark.parametrize(
    "data",
    [
        json.dumps({"activity_id": "a", "note": CODE}),
        f"<hetu>{CODE}</hetu>",
        f'{{"note": "{CODE}"',
        f'{{"capacity": -1, "note": "{CODE}", "note": "ok"}}',
    ],
)
def test_of_data_whose_base64_hides_a_code_nothing_is_kept(data: str) -> None:
    letter = refused(_in_base64(data))
    assert letter.reason == "personal_data"
    assert record_of(letter, NOW).value is None


def test_data_that_stands_twice_hides_no_code_in_the_first() -> None:
    whole = _in_base64(json.dumps({"referral_id": referral(1), "organiser": OPISTO, "activity_id": "a"}))
    assert taken(whole).event.name == "ActivityChosen"
    hidden = base64.b64encode(f'{{"note": "{CODE}"}}'.encode())
    value = b'{"data_base64": "' + hidden + b'", ' + (whole.value or b"")[1:]
    letter = refused(changed(whole, value=value))
    assert letter.reason == "personal_data"
    assert hidden not in (record_of(letter, NOW).value or b"")


def _words(count: int) -> bytes:
    drawn = random.Random(1)
    return b" ".join(base64.b64encode(drawn.randbytes(12)) for _ in range(count))


@pytest.mark.parametrize("structured", [True, False])
def test_of_what_is_too_large_to_be_searched_what_is_small_is_kept_and_its_sender_is_told(structured: bool) -> None:
    value = b'{"data_base64": "' + _words(50_000) + b'"}' if structured else _words(50_000)
    record = with_header(changed(MemoryLog().event(choose("a")), value=value), "ce_comment", b"x" * 60_000)
    if structured:
        record = with_header(record, "content-type", b"application/cloudevents+json")
    letter = refused(record)
    assert letter.reason == ("undecodable" if structured else "invalid")
    assert "not searched for personal identity codes, and not kept" in letter.error
    kept = record_of(letter, NOW)
    assert kept.value is None
    assert {"ce_id", "ce_source", "ce_type", "dl_id"} <= {name for name, _ in kept.headers}
    assert "ce_comment" not in {name for name, _ in kept.headers}


def test_a_code_beside_what_is_too_large_to_be_searched_is_masked() -> None:
    letter = refused(
        changed(with_header(MemoryLog().event(choose("a")), "ce_type", CODE.encode()), value=_words(50_000))
    )
    assert letter.reason == "personal_data"
    assert CODE.encode() not in b" ".join(value or b"" for _, value in record_of(letter, NOW).headers)


def test_what_is_large_and_plain_text_is_kept_as_it_came() -> None:
    value = b"x" * 1_000_000
    assert record_of(refused(changed(MemoryLog().event(choose("a")), value=value)), NOW).value == value


def test_attributes_are_bounded_before_they_are_searched() -> None:
    letter = refused(_in_base64("{}", comment="&#49;" * 20_000))
    assert (letter.reason, letter.error) == ("invalid", "the attributes have 100104 characters; 65536 are allowed")


def test_base64_in_an_envelope_that_cannot_be_read_is_searched_too() -> None:
    whole = _in_base64(CODE)
    cut = changed(whole, value=(whole.value or b"")[:-1])
    letter = refused(cut)
    assert letter.reason == "personal_data"
    assert record_of(letter, NOW).value is None


@pytest.mark.parametrize(
    ("content_type", "prefix", "reason", "told"),
    [
        (b"application/json", "ce-", "invalid", "/specversion: is missing"),
        (b"application/json", "CE_", "invalid", "/specversion: is missing"),
        (b"text/plain", "x", "invalid", "/specversion: is missing"),
        (b"application/cloudevents+avro", "ce_", "undecodable", "application/cloudevents+avro is not read"),
        (b"application/cloudevents-batch+json", "ce_", "undecodable", "application/cloudevents-batch+json is not read"),
    ],
)
def test_the_content_type_alone_tells_the_mode_so_that_the_reason_is_the_one_that_is_so(
    content_type: bytes, prefix: str, reason: str, told: str
) -> None:
    event = MemoryLog().event(choose("a"))
    renamed = [(name.replace("ce_", prefix), value) for name, value in event.headers if name != "content-type"]
    letter = refused(changed(event, headers=(*renamed, ("content-type", content_type))))
    assert letter.reason == reason
    assert told in letter.error
