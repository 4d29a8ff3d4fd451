"""Three and six months after closing the participant is asked once more, where the consent covers it; nothing waits for it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.feedback.follow_up import deadlines, months_after
from services.feedback.handlers import table
from services.feedback.model import ReferralFeedback
from shared.contracts.envelope import Event
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.feedback_events import FeedbackRequested
from shared.contracts.referral_events import ReferralReopened
from shared.engine.model import Decision, Due
from tests.unit.feedback_facts import (
    REFERRAL,
    REGION,
    START,
    PlayedEvents,
    answered,
    closed,
    completed,
    event,
    experienced,
    issued,
    link,
    reserved,
)

SCOPES: Any = ("referral", "feedback", "follow_up")
CLOSED = (issued(scopes=SCOPES), reserved(), completed(), closed(day=70))
THREE, SIX = months_after(START + timedelta(days=70), 3), months_after(START + timedelta(days=70), 6)


def passed(due: Due) -> Event[Any]:
    data = DeadlinePassed(
        service="feedback",
        collection="feedback",
        aggregate=REFERRAL,
        what=due.what,
        due_at=due.due_at.astimezone(UTC),
        nth=due.nth,
    )
    return Event(f"{due.what}-{due.nth}", "/service/feedback", due.due_at, data)


def fire(state: ReferralFeedback | None, due: Due) -> Decision[ReferralFeedback]:
    decision = table().deadlines["feedback"].decide(state, passed(due), due.due_at, None)
    assert isinstance(decision, Decision)
    return decision


def asked_after(events: Iterable[Event]) -> list[FeedbackRequested]:
    """What is asked as one deadline after the other passes."""
    state: Any = PlayedEvents(events).known()
    said: list[Any] = []
    while dues := deadlines(state):
        decision = fire(state, min(dues, key=lambda one: one.due_at))
        state, said = decision.state, [*said, *(one.data for one in decision.follow)]
    return said


def test_the_participant_is_asked_twice_by_two_questions() -> None:
    said = asked_after(CLOSED)
    assert [(one.phase, one.respondents, one.instruments) for one in said] == [
        ("after_3_months", ("participant",), ("afterwards_v1",)),
        ("after_6_months", ("participant",), ("afterwards_v1",)),
    ]


def test_of_a_small_child_a_carer_is_asked() -> None:
    events = [issued(scopes=SCOPES, age_band="0-6"), *CLOSED[1:]]
    assert {one.respondents for one in asked_after(events)} == {("carer",)}
    assert [one.respondents for one in PlayedEvents(events).follow if isinstance(one, FeedbackRequested)] == [
        ("carer",),
        ("carer", "issuer", "organiser"),
    ]


def test_it_is_due_by_the_calendar_and_no_partner_is_late_by_it() -> None:
    dues = deadlines(PlayedEvents(CLOSED).known())
    assert dues == [Due("follow_up", THREE, 1, REFERRAL), Due("follow_up", SIX, 2, REFERRAL)]


@pytest.mark.parametrize(
    "events",
    [
        CLOSED[:-1],
        [issued(), *CLOSED[1:]],
        [*CLOSED[:2], closed("never_attended")],
        [*CLOSED[:2], closed("withdrawn")],
        [*CLOSED, event(ReferralReopened(referral_id=REFERRAL, completed=True), "/service/referral", 80)],
        [*CLOSED, issued(75, scopes=("referral", "feedback"))],
    ],
    ids=["open", "without the scope", "nobody came", "withdrawn", "goes on", "no longer consented to"],
)
def test_nobody_is_asked_where_it_does_not_stand_so(events: Sequence[Event]) -> None:
    state = PlayedEvents(events).known()
    assert deadlines(state) == []
    assert fire(state, Due("follow_up", THREE, 1)) == Decision(state)


def test_a_consent_that_came_too_late_for_the_first_asks_the_second_alone() -> None:
    late = issued(70 + 120, scopes=SCOPES)
    assert [one.phase for one in asked_after([issued(), *CLOSED[1:], late])] == ["after_6_months"]


def test_a_closing_that_is_said_again_moves_nothing() -> None:
    again = closed(day=150, since=70)
    for order in ([*CLOSED, again], [*CLOSED[:-1], again, CLOSED[-1]]):
        assert [one.due_at for one in deadlines(PlayedEvents(order).known())] == [THREE, SIX]


@settings(derandomize=True, deadline=None)
@given(st.permutations([*CLOSED, closed(day=150, since=70), issued(71, scopes=SCOPES)]), st.data())
def test_any_order_and_any_repetition_ask_the_same_at_the_same_time(order: list[Event], data: st.DataObject) -> None:
    twice = data.draw(st.sampled_from(order))
    assert deadlines(PlayedEvents([*order, twice]).known()) == deadlines(PlayedEvents(CLOSED).known())


AFTERWARDS: dict[str, Any] = {"instrument": "afterwards_v1", "phase": "after_3_months", "day": 170}


def test_the_answers_are_kept_and_measure_nothing() -> None:
    story = PlayedEvents([*CLOSED, answered({"still_taking_part": 1, "life_satisfaction": 7}, **AFTERWARDS)])
    [kept] = story.known().answers
    assert (kept.phase, kept.answers) == ("after_3_months", {"still_taking_part": 1, "life_satisfaction": 7})
    assert story.measured() == []


def test_each_scope_covers_its_own_answers_and_links() -> None:
    said = answered({"still_taking_part": 0}, **AFTERWARDS)
    refused = PlayedEvents([issued(), *CLOSED[1:], link(phase="after_3_months"), said])
    assert "follow_up" in refused.rejected[0][1]
    assert refused.known().links == ()
    kept = [said, link(phase="after_6_months"), link("b" * 64), experienced(REGION, "region")]
    narrowed = PlayedEvents([*CLOSED, *kept, issued(171, scopes=("referral", "follow_up"))]).known()
    assert [one.phase for one in narrowed.answers] == ["after_3_months"]
    assert [one.phase for one in narrowed.links] == ["after_6_months"]
    ended = PlayedEvents([*CLOSED, *kept, issued(171)]).known()
    assert [one.phase for one in ended.answers] == ["after"]
    assert [one.phase for one in ended.links] == ["before"]


@pytest.mark.parametrize(
    ("day", "months", "then"),
    [
        ("2026-11-30", 3, "2027-02-28"),
        ("2027-11-30", 3, "2028-02-29"),
        ("2026-08-31", 6, "2027-02-28"),
        ("2026-12-31", 6, "2027-06-30"),
        ("2026-03-15", 3, "2026-06-15"),
    ],
)
def test_months_are_those_of_the_calendar(day: str, months: int, then: str) -> None:
    at = datetime.fromisoformat(f"{day}T21:30:00+00:00")
    assert months_after(at, months) == datetime.fromisoformat(f"{then}T21:30:00+00:00")
