"""What a group's document may hold at most: whatever partners send, it stays below a megabyte, and they hear where it ends."""

from datetime import timedelta
from typing import Any

import msgspec

from services.catalogue.decide import MAX_SESSIONS
from services.referral.groups import decide
from services.referral.groups.decide import MAX_FACTS, MAX_HELD
from services.referral.groups.model import HeldSession, ListedActivity, Meeting, UnitGroup
from services.referral.groups.statement import stated
from services.referral.groups.telling import tell_changes
from shared.contracts.envelope import MAX_EVENT_BYTES
from shared.engine.model import Rejected, Waits
from tests.unit.facts import OPISTO, REGION, at, event, key, taken
from tests.unit.group_facts import a_group, group_chose, group_confirmed, group_issued, group_met, group_withdrawn
from tests.unit.network import DURATIONS

NOW = at(1)
ACTIVITIES = [f"{name:0>64}" for name in range(MAX_FACTS)]
SESSIONS = [f"{name:0>14}" for name in range(MAX_SESSIONS)]
"""As many as an activity may list, with ids as long as fit the event that lists them all."""


def opened(**changes: Any) -> UnitGroup:
    state = taken(decide.issued(None, group_issued(0), NOW, DURATIONS)).state
    assert state is not None
    return msgspec.structs.replace(state, **changes)


def with_choices() -> UnitGroup:
    state = opened()
    for day, activity in enumerate(ACTIVITIES):
        chosen: Any = taken(decide.chosen(state, group_chose(day / 100, activity), NOW, DURATIONS)).state
        state = chosen
    meetings = tuple(Meeting(one, at(20), at(20) + timedelta(hours=1)) for one in SESSIONS)
    listed = {key(activity): ListedActivity(9, meetings, at(9), "x" * 64) for activity in ACTIVITIES}
    held = [
        HeldSession(key(ACTIVITIES[nth % MAX_FACTS]), one, 1_000, 1_000, at(20), f"{nth:0>70}", OPISTO)
        for nth, one in enumerate(SESSIONS[:MAX_HELD])
    ]
    return msgspec.structs.replace(state, listed=listed, held=tuple(held))


def test_a_group_of_which_all_is_said_that_may_be_said_stays_below_a_megabyte() -> None:
    state = with_choices()
    told = tell_changes(state, group_chose(9), NOW, DURATIONS).state
    assert told is not None
    state, statements = stated(told)
    assert len(msgspec.json.encode(state)) < 1_000_000
    sizes = [len(one.data.model_dump_json()) for one in statements]
    assert len(sizes) == 4
    assert max(sizes) < MAX_EVENT_BYTES


def test_one_choice_too_many_is_refused_and_a_withdrawal_is_not() -> None:
    state = with_choices()
    refused = decide.chosen(state, group_chose(9, "another"), NOW, DURATIONS)
    assert isinstance(refused, Rejected)
    assert str(MAX_FACTS) in refused.why
    assert "GroupActivityChosen" in refused.why
    assert taken(decide.withdrawn(state, group_withdrawn(9), NOW, DURATIONS))


def test_one_session_too_many_is_refused_and_a_correction_is_not() -> None:
    state = with_choices()
    (known, *_), new = SESSIONS, SESSIONS[-1]
    others = [one for one in state.held if one.session != new]
    held = (*others, HeldSession("x", "y", 1, 1, at(20), "z", OPISTO))
    state = msgspec.structs.replace(state, held=held)
    refused = decide.session_held(state, group_met(21, new, ACTIVITIES[0]), NOW, DURATIONS)
    assert isinstance(refused, Rejected)
    corrected = taken(decide.session_held(state, group_met(21, known, ACTIVITIES[0]), NOW, DURATIONS)).state
    assert corrected is not None
    assert [one.participants for one in corrected.held if one.session == known] == [5]


def test_a_record_that_is_older_than_the_known_one_changes_nothing() -> None:
    state = with_choices()
    decision = taken(decide.session_held(state, group_met(19, SESSIONS[0], ACTIVITIES[0]), NOW, DURATIONS))
    assert decision.state is state


def test_a_word_about_an_activity_that_the_unit_never_chose_waits() -> None:
    for said in (group_confirmed(2), group_met(20)):
        decision = (decide.places_confirmed if said.name == "GroupPlacesConfirmed" else decide.session_held)(
            opened(), said, NOW, DURATIONS
        )
        assert isinstance(decision, Waits)
    assert isinstance(decide.chosen(None, event(group_chose(1).data, 1, REGION), NOW, DURATIONS), Waits)
    assert opened().id == a_group()
