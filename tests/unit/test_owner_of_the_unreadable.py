"""What no service can read is dead-lettered once, whichever topic it stands on: by the real tables of the engine's four."""

from __future__ import annotations

from datetime import timedelta
from typing import NoReturn

import pytest
from aiokafka import ConsumerRecord

from services.catalogue import handlers as catalogue
from services.feedback import handlers as feedback
from services.notify import handlers as notify
from services.referral import handlers as referral
from shared.contracts.registry import CLASSES
from shared.contracts.topics import AUDIT, INTAKE_HTTP, SERVICES, events_of
from shared.engine import receive as reading
from shared.engine.dead_letters import DeadLetter
from shared.engine.model import Table
from shared.engine.receive import receive
from shared.http.guard import _READERS
from tests.unit.facts import START
from tests.unit.network import DURATIONS

TABLES = [referral.table(DURATIONS), catalogue.table(timedelta(days=1)), feedback.table(), notify.table()]
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


@pytest.mark.parametrize("service", ["feedback", "monitor"])
def test_the_rest_of_what_they_say_costs_the_referral_service_a_glance_at_the_class(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> NoReturn:
        raise AssertionError("it was read whole")

    monkeypatch.setattr(reading, "read_kafka", never)
    said = [one for one in CLASSES.values() if f"service/{service}" in one.senders and not one.public]
    for event_class in said:
        # AccessRecorded stands on audit.events, which was read before; of a DeadlinePassed the body says whose it is.
        if event_class.name not in {"AccessRecorded", "DeadlinePassed"}:
            assert receive(record(events_of(service), event_class.type), REFERRAL, START) is None


def test_the_guard_of_the_log_looks_at_every_reader() -> None:
    for topic, readers in _READERS.items():
        assert readers == [*(table.service for table in TABLES if topic in table.topics), "monitor"]
