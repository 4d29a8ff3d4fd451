"""Who sends in another's name is kept on audit.events: at the doors and on Kafka, once a minute for each."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import ConsumerRecord

from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.envelope import attributes_of, kafka_headers
from shared.engine.batch import Processor
from shared.http.forged import EVERY, Forgeries
from shared.kafka.producer import Record
from shared.store.sqlite import SqliteStore
from tests.integration.engine_world import KeepingPublisher
from tests.unit.doors import BATCH, OPISTO, REGION, app_of, door, referral
from tests.unit.feedback_facts import REFERRAL, issued

OTHER = "/region/07"


def kept(written: Sequence[Record]) -> list[dict[str, Any]]:
    """What `audit.events` was told."""
    return [json.loads(record.value or b"") for record in written if record.topic == topics.AUDIT]


@pytest.mark.asyncio
async def test_who_sends_in_anothers_name_over_http_is_kept_once_a_minute(tmp_path: Path) -> None:
    async with door("referral", tmp_path) as one:
        for body, kind in [(referral(OTHER), None), ([referral(), referral(OTHER)], BATCH), (referral(OTHER), None)]:
            answer = await (one.send(body, kind=kind) if kind else one.send(body))
            assert answer.status_code == 403
        assert (await one.send(referral(REGION), OTHER)).status_code == 403
        assert kept(one.written) == [
            {
                "who": who,
                "action": "forged_sender",
                "what": f"/source: {source} is not the sender, {who}",
                "ground": "none",
                "allowed": False,
            }
            for who, source in ((REGION, OTHER), (OTHER, REGION))
        ]


@pytest.mark.asyncio
async def test_what_a_sender_may_not_send_is_kept_as_well_and_what_is_only_wrong_is_not(tmp_path: Path) -> None:
    async with door("referral", tmp_path) as one:
        assert (await one.send(referral(municipality="000"))).status_code == 422
        assert kept(one.written) == []
        assert (await one.send(referral(OPISTO), OPISTO)).status_code == 403
        assert [one["what"] for one in kept(one.written)] == ["/type: a opisto may not send ReferralIssued"]


@pytest.mark.asyncio
async def test_who_sends_in_anothers_name_over_kafka_is_kept_by_the_sender_that_its_topic_proves(
    tmp_path: Path,
) -> None:
    wire = KeepingPublisher()
    table, store = app_of("referral", tmp_path).table, SqliteStore(tmp_path / "referral.sqlite")
    await store.open(table.collections, table.journals)
    clock = Clock(datetime(2026, 9, 2, tzinfo=UTC), datetime.now(UTC).timestamp(), 1.0)
    audits = Forgeries("referral").of_letter
    processor = Processor(table, store, wire, clock, recent_outcomes=64, due_early=timedelta(days=30), audits=audits)
    event = issued(source=REGION)
    headers = tuple(kafka_headers(attributes_of(event)))
    value = event.data.model_dump_json(exclude_none=True).encode()
    records = [
        ConsumerRecord(topics.intake_of(OTHER), 0, offset, 0, 0, REFERRAL.encode(), value, None, 0, 0, headers)
        for offset in range(3)
    ]
    await processor.process(processor.receive(records))
    await store.close()
    assert [(one["who"], one["action"], one["allowed"]) for one in kept(wire.records)] == [
        (OTHER, "forged_sender", False)
    ]
    assert len(wire.letters()) == 3, "each of them is a dead letter"


def test_another_is_kept_a_minute_later_and_the_same_as_often_as_it_comes_again() -> None:
    now = 0.0
    forgeries = Forgeries("referral", lambda: now)
    (first,) = forgeries.of(REGION, "no", "a")
    assert forgeries.of(REGION, "no", "b") == []
    (again,) = forgeries.of(REGION, "no", "a")
    assert again.attributes["id"] == first.attributes["id"]
    now = EVERY + 1
    assert [one.topic for one in forgeries.of(REGION, "no", "c")] == [topics.AUDIT]


def test_what_is_kept_holds_no_personal_identity_code() -> None:
    (event,) = Forgeries("referral").of(REGION, "/source: /region/010594Y9021 is not", str(uuid4()))
    assert b"010594Y9021" not in bytes(event.data)
    assert "010594Y9021" not in event.key
