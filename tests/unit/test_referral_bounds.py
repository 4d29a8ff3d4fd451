"""What is kept of many facts folds to the same as all of them; what nobody can keep is refused, and nobody else pays."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.referral import bounds
from services.referral.fold import fold
from services.referral.model import Referral
from shared.contracts.envelope import Event
from shared.engine.model import Decision, Rejected
from tests.unit import facts
from tests.unit.answers import changed, outcome_of, refused, reserved
from tests.unit.network import DURATIONS

KNOWN = (
    facts.issued(),
    facts.looked_up(0),
    facts.looked_up(20),
    facts.looked_up(45),
    changed(0),
    changed(0, activity="b"),
)
KINDS = (
    lambda day: facts.chosen(day, "a"),
    lambda day: facts.chosen(day, "b"),
    lambda day: facts.confirmed(day, "a"),
    lambda day: facts.confirmed(day, "b"),
    lambda day: facts.off_the_list(day, "a"),
    lambda day: facts.withdrawn(day),
    lambda day: facts.recorded(day, "s1", "a"),
    lambda day: facts.recorded(day, "s1", "a", came=False),
)
FEW = 7


class Kept:
    """A referral that takes event after event, and what it refused."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.state: Referral | None = None
        self.refused: list[Event] = []
        for one in events:
            decided = outcome_of(self.state, one)
            if isinstance(decided, Decision):
                self.state = decided.state
            else:
                self.refused.append(one)

    def stands(self) -> Any:
        """Where it stands; not which activities are merely followed, which is what was once asked."""
        assert self.state is not None
        view = fold(self.state, DURATIONS)
        asked = {activity: want for activity, want in view.wants.items() if want.want == "place"}
        return {**vars(view), "wants": asked}


@st.composite
def sequences(draw: st.DrawFn) -> list[Event]:
    """Each sender's facts in order of time, as Kafka keeps them; the senders' among one another at will."""
    told = draw(st.lists(st.tuples(st.integers(1, 59), st.sampled_from(range(len(KINDS)))), min_size=8, max_size=60))
    events = list({(one.id, one.source): one for one in (KINDS[kind](day + kind / 100) for day, kind in told)}.values())
    lanes = {
        source: sorted((one for one in events if one.source == source), key=lambda one: one.order, reverse=True)
        for source in sorted({one.source for one in events})
    }
    mixed = []
    while any(lanes.values()):
        mixed.append(lanes[draw(st.sampled_from([source for source, lane in lanes.items() if lane]))].pop())
    choices = [one for one in events if one.name == "ActivityChosen"]
    answers = draw(st.lists(st.sampled_from([given_a_place, told_it_is_full]), max_size=2))
    return [*mixed, *(answer(choice) for answer, choice in zip(answers, choices, strict=False))]


def given_a_place(choice: Event) -> Event:
    return reserved(1, choice.id, choice.data.activity_id)  # type: ignore[attr-defined]


def told_it_is_full(choice: Event) -> Event:
    return refused(1, choice.id, "full", choice.data.activity_id)  # type: ignore[attr-defined]


@settings(derandomize=True, deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(sequences())
def test_what_is_kept_folds_to_the_same_as_all_of_it(events: list[Event]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounds, "MAX_FACTS", FEW)
        patch.setattr(bounds, "MAX_RECORDS", 3)
        few = Kept([*KNOWN, *events])
        assert few.state is not None
        assert max(len([one for one in few.state.facts if one.source == source]) for source in SOURCES) <= FEW + 3
        patch.setattr(bounds, "MAX_FACTS", 10_000)
        patch.setattr(bounds, "MAX_RECORDS", 10_000)
        everything = Kept([*KNOWN, *(one for one in events if one not in few.refused)])
    assert few.stands() == everything.stands()


SOURCES = (facts.chosen(1).source, facts.confirmed(1).source)


@settings(derandomize=True, deadline=None, max_examples=5)
@given(st.permutations(range(100)))
def test_a_withdrawal_holds_on_every_night_wherever_it_arrives(order: list[int]) -> None:
    """A register that repeats what it has each night, and a client who withdrew on the second day."""
    nights = [facts.confirmed(1.5 + night) for night in range(100)]
    for place in (0, 50, 100):
        mixed: list[Event] = [nights[night] for night in order]
        mixed.insert(place, facts.withdrawn(2))
        kept = Kept([facts.issued(), facts.chosen(1), *mixed])
        assert kept.stands()["status"] == "withdrawn"
        assert not kept.refused


def test_what_counts_beyond_the_bound_is_refused_and_nobody_else_pays_for_it() -> None:
    flapping = [
        one
        for day in range(1, 60)
        for one in (
            facts.confirmed(day, organiser=facts.STRANGER),
            facts.off_the_list(day + 0.5, organiser=facts.STRANGER),
        )
    ]
    kept = Kept(
        [
            facts.issued(),
            facts.looked_up(1, organiser=facts.STRANGER),
            changed(0, organiser=facts.STRANGER, meetings=[("s1", 90)]),
            *flapping,
        ]
    )
    assert kept.state is not None
    assert len(kept.state.facts) == bounds.MAX_FACTS
    refused_last = outcome_of(kept.state, flapping[-1])
    assert isinstance(refused_last, Rejected)
    assert facts.STRANGER in refused_last.why
    later = Kept(
        [
            facts.issued(),
            facts.looked_up(1, organiser=facts.STRANGER),
            changed(0, organiser=facts.STRANGER, meetings=[("s1", 90)]),
            *flapping,
            facts.chosen(70, "b"),
        ]
    )
    assert later.stands()["choice"].activity == facts.key("b")


def is_refused(kept: Kept, one: Event) -> bool:
    """And told to whom it concerns, and of what."""
    decided = outcome_of(kept.state, one)
    return isinstance(decided, Rejected) and one.source in decided.why and one.name in decided.why


def test_a_session_beyond_those_that_are_kept_is_refused_and_of_those_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounds, "MAX_MARKS", 6)
    sessions = [(f"s{number}", 20 + number) for number in range(7)]
    *known, beyond = [facts.recorded(day, session) for session, day in sessions]
    kept = Kept([facts.issued(), facts.chosen(1), changed(0, meetings=sessions), *known])
    assert is_refused(kept, beyond)
    assert isinstance(outcome_of(kept.state, facts.recorded(90, "s0", came=False)), Decision)


def test_a_record_beyond_those_that_count_of_one_session_is_refused() -> None:
    """Each begins a place that was given up before."""
    rounds = [
        (facts.chosen(day), facts.recorded(day + 0.2), facts.off_the_list(day + 0.4))
        for day in range(1, bounds.MAX_RECORDS + 2)
    ]
    *known, last = [one for each in rounds for one in each][:-1]
    kept = Kept([facts.issued(), changed(0, meetings=[("s1", 90)]), *known])
    assert kept.refused == []
    assert is_refused(kept, last)
