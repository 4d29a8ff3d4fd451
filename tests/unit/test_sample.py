"""What `lahete run --sample` publishes: true to the contract, the same on one day, and further sessions on the next."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.keys import check_holder
from deploy.local.sample import events, organisers
from shared.contracts.envelope import Raw, check_class, decode
from shared.contracts.opisto_events import ActivityPublished

MORNING = datetime(2026, 12, 1, 6, tzinfo=UTC)


@given(st.datetimes(datetime(2024, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))
def test_every_event_holds_its_contract_on_whichever_day(now: datetime) -> None:
    for event in events(now):
        data = json.dumps(event["data"]).encode()
        decoded = decode(Raw({name: one for name, one in event.items() if name != "data"}, data), now=now)
        check_class(decoded)
        assert isinstance(decoded.data, ActivityPublished)
        assert all(
            now - timedelta(days=1) < session.starts_at < now + timedelta(days=100) for session in decoded.data.sessions
        )


def test_it_is_a_few_activities_of_a_few_who_may_hold_keys() -> None:
    assert {event["source"] for event in events(MORNING)} == set(organisers())
    assert 2 <= len(organisers()) < len(events(MORNING)) <= 10
    for organiser in organisers():
        check_holder(organiser)


def test_on_one_day_it_is_the_same_to_the_byte() -> None:
    assert events(MORNING) == events(MORNING + timedelta(hours=17))


@pytest.mark.parametrize("days", [1, 2, 7])
def test_on_a_later_day_no_session_that_is_still_to_come_is_left_out_or_moved(days: int) -> None:
    later = MORNING + timedelta(days=days)
    for before, after in zip(events(MORNING), events(later), strict=True):
        kept = {one["session_id"]: one for one in after["data"]["sessions"]}
        ahead = [one for one in before["data"]["sessions"] if datetime.fromisoformat(one["starts_at"]) >= later]
        assert len(ahead) > 1
        assert [kept.get(one["session_id"]) for one in ahead] == ahead
        assert before["id"] != after["id"]
