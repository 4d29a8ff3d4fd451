"""Of one fault there is one count: its owner's, who dead-letters it. Two services read the same two records."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import ConsumerRecord
from prometheus_client import REGISTRY

from services.feedback.app import build_app as feedback
from services.feedback.settings import FeedbackSettings
from services.referral.app import build_app as referral
from services.referral.settings import ReferralSettings
from shared.clock import Clock
from shared.contracts.envelope import attributes_of, kafka_headers
from shared.engine.batch import Processor
from shared.process.run import App
from shared.process.settings import read
from shared.store.sqlite import SqliteStore
from tests.integration.engine_world import KeepingPublisher
from tests.unit.feedback_facts import REFERRAL, issued

pytestmark = pytest.mark.asyncio
NOW = datetime(2026, 9, 2, tzinfo=UTC)
APPS = {"referral": lambda: referral(read(ReferralSettings)), "feedback": lambda: feedback(read(FeedbackSettings))}


def records(*municipalities: str) -> list[ConsumerRecord[Any, Any]]:
    """One id, another content each time."""
    found = []
    for offset, municipality in enumerate(municipalities):
        event = issued(municipality=municipality)
        value = event.data.model_dump_json(exclude_none=True).encode()
        headers = tuple(kafka_headers(attributes_of(event)))
        found.append(
            ConsumerRecord("intake.http", 0, offset, 0, 0, REFERRAL.encode(), value, None, 0, len(value), headers)
        )
    return found


def letters(service: str, reason: str) -> float:
    return REGISTRY.get_sample_value("lahete_dead_letters_total", {"service": service, "reason": reason}) or 0


async def taken(app: App, store: SqliteStore, read_now: Sequence[ConsumerRecord[Any, Any]]) -> Counter[tuple[str, str]]:
    """What became of the records, as the loop counts it."""
    await store.open(app.table.collections, app.table.journals)
    clock = Clock(NOW, datetime.now(UTC).timestamp(), 1.0)
    processor = Processor(app.table, store, KeepingPublisher(), clock, recent_outcomes=64, due_early=timedelta(days=30))
    return (await processor.process(processor.receive(read_now))).outcomes


@pytest.mark.parametrize(
    ("service", "counted", "dead"),
    [
        ("referral", {("ReferralIssued", "applied"): 1, ("ReferralIssued", "conflict"): 1}, 1),
        ("feedback", {("ReferralIssued", "applied"): 1, ("", "skipped"): 1}, 0),
    ],
)
async def test_a_conflict_is_counted_by_its_owner_alone(
    service: str, counted: dict[tuple[str, str], int], dead: int, tmp_path: Path
) -> None:
    store = SqliteStore(tmp_path / f"{uuid4()}.sqlite")
    before = letters(service, "conflict")
    try:
        assert await taken(APPS[service](), store, records("837", "908")) == counted
    finally:
        await store.close()
    assert letters(service, "conflict") - before == dead
