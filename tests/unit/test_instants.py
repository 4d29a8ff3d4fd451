"""Counting on from a time saturates: a partner's or an operator's number never overflows it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.instants import END_OF_TIME, later
from shared.contracts.registry import CLASSES
from tests.unit import facts
from tests.unit.doors import door

TIMES = st.datetimes(timezones=st.just(UTC))


@given(TIMES, st.timedeltas(min_value=timedelta(0)), st.integers(0, 1_000))
def test_whatever_is_counted_on_is_later_and_never_beyond_the_end(time: datetime, span: timedelta, times: int) -> None:
    assert time <= later(time, span, times) <= END_OF_TIME


def test_within_the_calendar_it_is_plain_addition() -> None:
    time = datetime(2026, 9, 1, tzinfo=UTC)
    assert later(time, timedelta(days=14), 2) == datetime(2026, 9, 29, tzinfo=UTC)


@pytest.mark.asyncio
async def test_what_may_wait_until_beyond_the_calendar_waits_and_is_no_dead_letter(tmp_path: Path) -> None:
    async with door("referral", tmp_path, due_early=timedelta.max) as one:
        await one.given(facts.chosen(1))
        assert [dict(record.headers)["ce_type"] for record in one.written] == [CLASSES["EventWaits"].type.encode()]
        await one.given(facts.issued(0))
        kept = await one.store.load("referrals", [facts.a_referral()])
    assert b'"chosen"' in kept[facts.a_referral()].body
