"""What no service can read is dead-lettered once, whichever topic it stands on: by the real tables of the engine's readers."""

from __future__ import annotations

from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any, NoReturn

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from services.catalogue import handlers as catalogue
from services.feedback import handlers as feedback
from services.monitor import handlers as monitor
from services.monitor import seen
from services.notify import handlers as notify
from services.partners import handlers as partners
from services.referral import handlers as referral
from shared.contracts.dead_letter import DeadLetter
from shared.contracts.registry import CLASSES
from shared.contracts.topics import AUDIT, INTAKE_HTTP, SERVICES, events_of, sender_of
from shared.engine import outbox
from shared.engine import receive as reading
from shared.engine.model import OutDead, OutEvent, Table
from shared.engine.receive import RoutedEvent, receive
from shared.kafka.log_bound import _READERS
from shared.kafka.raw import Unreadable
from tests.unit.facts import START
from tests.unit.network import DURATIONS

TABLES = [
    referral.table(DURATIONS),
    catalogue.table(timedelta(days=1)),
    feedback.table(),
    notify.table(),
    partners.table(),
]
REFERRAL = TABLES[0]


def record(topic: str, type_: str | None = None) -> ConsumerRecord[bytes, bytes]:
    headers = [("ce_type", type_.encode())] if type_ else []
    return ConsumerRecord(topic, 0, 0, 0, 0, b"k", b"no event", None, 1, 8, headers)


def dead_lettered(by: Table, it: ConsumerRecord[bytes, bytes]) -> bool:
    return isinstance(receive(it, by, START), DeadLetter)


@pytest.mark.parametrize("type_", [None, "fi.kulttuurilahete.Unheard.v1"])
@pytest.mark.parametrize("topic", [INTAKE_HTTP, AUDIT, *map(events_of, SERVICES)])
def test_what_nobody_can_read_gets_one_dead_letter_on_every_topic(topic: str, type_: str | None) -> None:
    readers = [table for table in TABLES if topic in table.topics]
    assert [table.service for table in readers if dead_lettered(table, record(topic, type_))] == ["referral"]


CLASSES_SENT = [*(one.type for one in CLASSES.values()), "fi.kulttuurilahete.Unheard.v1", "ActivityPublished", ""]
OTHER_TYPE = "fi.kulttuurilahete.ReferralIssued.v1"
KINDS: dict[str, dict[str, Any]] = {
    "no value": {"value": None},
    "an empty value": {"value": b""},
    "no JSON": {"value": b"no event"},
    "no object": {"value": b"[1]"},
    "nothing of what it needs": {"value": b"{}"},
    "nested too deeply": {"value": b"[" * 50_000},
    "nested rather deeply, around a null": {"value": b'{"a": ' + b"[" * 500 + b"null" + b"]" * 500 + b"}"},
    "nested rather deeply, around 9.0": {"value": b'{"a": ' + b"[" * 900 + b"9.0" + b"]" * 900 + b"}"},
    "too large": {"value": b'"' + b"x" * 100_000 + b'"'},
    "a code": {"value": b'{"a": "010594Y9021"}'},
    "no key": {"key": None, "value": b"{}"},
    "a null header": {"headers": [("ce_subject", None)]},
    "a header that is no text": {"headers": [("ce_comment", b"\xe4")]},
    "a header whose name is no text": {"headers": [("ce_\\xe4", b"1")]},
    "too many headers": {"headers": [("x", b"y" * 70_000)]},
    "a null content-type": {"headers": [("content-type", None)]},
    "a content-type that is no text": {"headers": [("content-type", b"\xe4")]},
    "structured, and no JSON": {"headers": [("content-type", b"application/cloudevents+json")], "value": b"<x/>"},
    "structured, of nothing": {"headers": [("content-type", b"application/cloudevents+json")]},
    "in another format": {"headers": [("content-type", b"application/cloudevents+avro")]},
    "a batch": {"headers": [("content-type", b"application/cloudevents-batch+json")], "value": b"[]"},
    "of no known kind of text": {"headers": [("content-type", b"text/plain")]},
    "a null type": {"headers": [("ce_type", None)]},
    "a type that is no text": {"headers": [("ce_type", b"\xe4")]},
    "two types": {"headers": [("ce_type", OTHER_TYPE.encode())]},
    "another's source": {"headers": [("ce_source", b"/region/05")]},
    "no source": {"headers": [("ce_source", b"nobody")]},
    "no version": {"headers": [("ce_specversion", b"0.3")]},
    "a far time": {"headers": [("ce_time", b"9999-12-31T00:00:00Z")]},
    "a leap second after all time": {"headers": [("ce_time", b"9999-12-31T23:59:60Z")]},
    "a leap second before all time": {"headers": [("ce_time", b"0001-01-01T00:00:60+23:59")]},
}


def of_a_kind(kind: str, topic: str, source: str, type_: str, timestamp: int = 0) -> ConsumerRecord[bytes, bytes]:
    context = {"key": b"k", "value": b"{}", "headers": []} | KINDS[kind]
    headers = {"ce_specversion": b"1.0", "ce_id": b"x", "ce_source": source.encode()}
    headers |= {"ce_time": b"2026-08-01T10:00:00Z", "content-type": b"application/json"}
    headers |= {"ce_type": type_.encode()} if type_ else {}
    written = (*headers.items(), *context["headers"])
    return ConsumerRecord(topic, 0, 5, timestamp, 0, context["key"], context["value"], None, 1, 1, written)


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_else_is_wrong_with_it_what_comes_in_anothers_name_is_told_as_that(kind: str) -> None:
    """But for a code: what holds one is kept masked alone."""
    for type_ in CLASSES_SENT:
        it = of_a_kind(kind, "intake.opisto.x", "/region/06", type_)
        reasons = [found.reason for table in TABLES if isinstance(found := receive(it, table, START), DeadLetter)]
        assert reasons == ["personal_data" if kind == "a code" else "forged_sender"], type_


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("topic", ["intake.opisto.x", "intake.region.06"])
@pytest.mark.parametrize("timestamp", [-(2**63), 2**63 - 1])
def test_of_every_class_every_unreadable_record_is_refused_once_and_told_once(
    kind: str, topic: str, timestamp: int
) -> None:
    """Also those of our own services' classes: what a partner sends in their name must not vanish either."""
    for type_ in CLASSES_SENT:
        it = of_a_kind(kind, topic, sender_of(topic) or "", type_, timestamp)
        letters = [found for table in TABLES if isinstance(found := receive(it, table, START), DeadLetter)]
        assert len(letters) == 1, (type_, [letter.service for letter in letters])
        [letter, told] = outbox.refusal(letters[0], START)
        assert isinstance(told, OutEvent)
        assert told.attributes["type"] == "fi.kulttuurilahete.EventRefused.v1"
        assert isinstance(letter, OutDead)
        assert isinstance(seen.receive(it, monitor.table(), START), RoutedEvent), (
            "the monitor keeps what it cannot read"
        )


@pytest.mark.parametrize(("topic", "owner"), [("intake.opisto.x", "referral"), ("redrive.catalogue", "catalogue")])
def test_a_batch_that_nobody_can_read_is_refused_once(topic: str, owner: str) -> None:
    it = Unreadable.of(TopicPartition(topic, 0), 5, 9, "its checksum is wrong")
    readers = [table for table in TABLES if any(fnmatchcase(topic, pattern) for pattern in table.topics)]
    letters = [found for table in readers if isinstance(found := receive(it, table, START), DeadLetter)]
    assert [(one.service, one.reason) for one in letters] == [(owner, "undecodable")]
    assert letters[0].error == f"offsets 5 to 9 of {topic}[0] cannot be read: its checksum is wrong"
    assert len(outbox.refusal(letters[0], START)) == (2 if owner == "referral" else 1)


@pytest.mark.parametrize("service", ["feedback", "monitor"])
def test_the_rest_of_what_they_say_costs_the_referral_service_a_glance_at_the_class(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> NoReturn:
        raise AssertionError("it was read whole")

    monkeypatch.setattr(reading, "read_kafka", never)
    said = [one for one in CLASSES.values() if f"service/{service}" in one.senders and not one.public]
    for event_class in said:
        # AccessRecorded stands on audit.events, which was read before; of a DeadlinePassed the body says whose it is; that
        # feedback was taken is what the referral waits for.
        if event_class.name not in {"AccessRecorded", "DeadlinePassed", "FeedbackTaken"}:
            assert receive(record(events_of(service), event_class.type), REFERRAL, START) is None


def test_the_guard_of_the_log_looks_at_every_reader() -> None:
    for topic, readers in _READERS.items():
        assert readers == [*(table.service for table in TABLES if topic in table.topics), "monitor"]
