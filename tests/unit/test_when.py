"""A record's own clock is data: no metric and no trace believes what cannot be, or what a stranger alone says."""

from datetime import UTC, datetime

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from shared.kafka.when import came_at, is_stamped, oldest

NOW = datetime(2026, 11, 28, tzinfo=UTC).timestamp()


def record(topic: str, timestamp: int, kind: int = 0) -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord(topic, 0, 0, timestamp, kind, b"k", b"v", None, 1, 1, ())


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_time_of_a_record_is_a_time(timestamp: int) -> None:
    at = came_at(timestamp, NOW)
    assert 2000 <= datetime.fromtimestamp(at, UTC).year <= 2026


@pytest.mark.parametrize("timestamp", [-1, 0, 2**63 - 1, -(2**63), int(NOW * 1e6), int(NOW)])
def test_what_can_be_no_time_at_which_it_came_is_now(timestamp: int) -> None:
    assert came_at(timestamp, NOW) == NOW


def test_what_can_be_is_believed() -> None:
    assert came_at(int(NOW - 60) * 1000, NOW) == NOW - 60
    assert came_at(int(NOW + 60) * 1000, NOW) == NOW + 60, "clocks differ a little"


def test_the_oldest_is_by_kafkas_word_or_ours_and_by_no_strangers() -> None:
    old = int(NOW - 600) * 1000
    assert oldest((record("intake.http", old), record("intake.region.06", 0)), NOW) == NOW - 600
    assert oldest((record("intake.region.06", old),), NOW) == NOW
    assert oldest((record("intake.region.06", old, kind=1),), NOW) == NOW - 600
    assert [is_stamped(record(topic, old)) for topic in ("referral.events", "intake.opisto.x")] == [True, False]
