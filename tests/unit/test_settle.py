"""Settling an activity, by itself: who gets a free place, who keeps one, what is told, and that it is idempotent."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.catalogue.decide import MatchContext, cancelled, published
from services.catalogue.model import Activity, Cancelled, Claim
from services.catalogue.settle import asked_before, kept, places_left, settle, version_at, waiting_ends
from shared.contracts import catalogue_events
from shared.engine.model import Decision
from tests.unit import facts
from tests.unit.facts import at

NOW = at(5)
V, W, X, Y, Z = (facts.a_referral(name) for name in "vwxyz")


def activity(claims: dict[str, Claim] | None = None, **fields: Any) -> Activity:
    """One activity with sessions on days 20 and 30, and the claims on it, not settled yet."""
    state = facts.taken(published(None, facts.published(**fields), at(-10), MatchContext())).state
    assert state is not None
    return with_claims(state, claims or {})


def with_claims(state: Activity, claims: dict[str, Claim]) -> Activity:
    return msgspec.structs.replace(state, claims=claims)


def wants(day: float, request: str = "", **fields: Any) -> Claim:
    """A claim on a place, chosen on that day."""
    return Claim(number=1, want="place", request=request or f"c{day:g}", requested_at=at(day), **fields)


def left_by(claim: Claim) -> Claim:
    """The claim of a referral that only follows from now on."""
    return msgspec.structs.replace(claim, number=claim.number + 1, want="follow", why="moved")


def settled(state: Activity, freed: float = 5, now: datetime = NOW) -> tuple[Activity, list[Any]]:
    """The settled activity, and what follows."""
    after, follow = settle(state, at(freed), now)
    return after, [one.data for one in follow]


def states(state: Activity) -> dict[str, str]:
    return {name: claim.reason or claim.state for name, claim in state.claims.items()}


def another_version(state: Activity, days: float, **fields: Any) -> Activity:
    after = facts.taken(published(state, facts.published(days, **fields), max(NOW, at(days)), MatchContext())).state
    assert after is not None
    return after


# --- who gets what


def test_places_go_by_arrival_and_the_queue_by_the_time_and_id_of_the_choice() -> None:
    claims = {X: wants(4), Y: wants(3), Z: wants(2, "b"), W: wants(2, "a"), V: wants(1)}
    after, _ = settled(activity(claims, capacity=1, waiting=3))
    assert states(after) == {X: "reserved", Y: "waitlisted", Z: "waitlisted", W: "waitlisted", V: "full"}
    assert {name: claim.position for name, claim in after.claims.items() if claim.position} == {W: 1, Z: 2, Y: 3}


def test_a_place_that_falls_free_is_given_at_the_time_of_the_fact_that_freed_it() -> None:
    full, _ = settled(activity({X: wants(1), Y: wants(2)}, capacity=1, waiting=1))
    left = with_claims(full, {**full.claims, X: left_by(full.claims[X])})
    after, follow = settled(left, freed=4)
    claim = after.claims[Y]
    assert (claim.state, claim.given_at, claim.promoted) == ("reserved", at(4), True)
    assert {type(one) for one in follow} == {catalogue_events.PlaceReserved, catalogue_events.PlaceReleased}


def test_a_place_is_not_given_before_it_was_chosen_though_what_freed_it_happened_before() -> None:
    full, _ = settled(activity({X: wants(1), Y: wants(4)}, capacity=1, waiting=1))
    after, _ = settled(with_claims(full, {Y: full.claims[Y]}), freed=2)
    assert after.claims[Y].given_at == at(4)


def test_nobody_is_promoted_by_what_happened_after_enrolment_closed() -> None:
    full, _ = settled(activity({X: wants(1), Y: wants(2)}, capacity=1, waiting=1, closes=4), freed=3, now=at(3))
    alone = with_claims(full, {Y: full.claims[Y]})
    before, _ = settled(alone, freed=3.5)
    behind, follow = settled(alone, freed=4.5)
    assert states(before) == {Y: "reserved"}
    assert states(behind) == {Y: "full"}
    assert [one.reason for one in follow] == ["full"]


def test_waiting_ends_when_enrolment_closes_else_at_the_last_sessions_end() -> None:
    assert waiting_ends(activity(closes=4)) == at(4)
    assert waiting_ends(activity()) == at(30) + timedelta(hours=1)


@pytest.mark.parametrize("how", [{"enrolled": True}, {"moved": True}])
def test_the_enrolled_and_the_moved_come_beyond_the_capacity(how: dict[str, Any]) -> None:
    after, _ = settled(activity({X: wants(1), Y: wants(2, **how)}, capacity=1))
    assert states(after) == {X: "reserved", Y: "reserved"}
    assert places_left(after) == -1


def test_a_waiting_one_that_is_enrolled_gets_its_place_at_once() -> None:
    full, _ = settled(activity({X: wants(1), Y: wants(2)}, capacity=1, waiting=1))
    enrolled = with_claims(full, {X: full.claims[X], Y: wants(2, state="waitlisted", enrolled=True)})
    assert states(settled(enrolled)[0]) == {X: "reserved", Y: "reserved"}


def test_full_is_final_for_that_asking() -> None:
    full, _ = settled(activity({X: wants(1), Y: wants(2)}, capacity=1))
    more = another_version(full, 5, capacity=5)
    assert states(more) == {X: "reserved", Y: "full"}


# --- enrolment, judged at the choice's time


@pytest.mark.parametrize(
    ("day", "state"),
    [(-20, "reserved"), (1, "reserved"), (2, "reserved"), (2.5, "closed"), (4, "closed"), (6, "reserved")],
)
def test_enrolment_is_judged_by_the_version_in_force_at_the_choices_time(day: float, state: str) -> None:
    """The first says until day 2, one of day 5 says nothing: before the first, the first."""
    judged = another_version(activity(closes=2), 5)
    assert states(settled(with_claims(judged, {X: wants(day)}))[0]) == {X: state}
    assert version_at(judged.versions, at(day)).time == (at(5) if day >= 5 else at(-10))


def test_closed_is_judged_anew_when_a_version_arrives_and_unknown_too() -> None:
    closed, _ = settled(activity({X: wants(1)}, closes=0))
    assert states(closed) == {X: "closed"}
    assert states(another_version(closed, 0.5)) == {X: "reserved"}
    unknown, _ = settled(Activity(facts.OPISTO, "a", claims={X: wants(1)}))
    assert states(unknown) == {X: "unknown"}
    assert states(another_version(unknown, -10)) == {X: "reserved"}


def test_of_two_choices_the_first_that_enrolment_was_open_for_holds() -> None:
    """Chosen while it was closed, and again when it was open; then a version comes late that had opened it before."""
    again = wants(4, earlier=((at(1), "c1"),))
    opened, _ = settled(with_claims(another_version(activity(closes=0), 3), {X: again}))
    assert (states(opened), opened.claims[X].request) == ({X: "reserved"}, "c4")
    earlier = another_version(opened, 0.5)
    assert (states(earlier), earlier.claims[X].request, earlier.claims[X].given_at) == ({X: "reserved"}, "c1", at(1))


def test_only_what_was_refused_as_closed_stays_asked_for_beside_a_later_choice() -> None:
    closed, full = wants(1, state="refused", reason="closed"), wants(1, state="refused", reason="full")
    assert asked_before(closed, at(4)) == ((at(1), "c1"),)
    assert asked_before(closed, at(0)) == ()
    assert asked_before(full, at(4)) == ()
    assert asked_before(left_by(closed), at(4)) == ()


def test_a_later_version_takes_no_place_away() -> None:
    placed, _ = settled(activity({X: wants(1)}))
    for change in ({"closes": 0}, {"capacity": 0}, {"opens": 3}):
        assert states(another_version(placed, 0.5, **change)) == {X: "reserved"}


def test_whether_it_must_be_confirmed_is_said_by_the_version_in_force_at_the_choices_time() -> None:
    placed, (reserved, *_) = settled(activity({X: wants(1)}, confirm=True))
    assert reserved.confirm
    earlier = facts.taken(published(placed, facts.published(0.5, confirm=False), NOW, MatchContext()))
    assert [one.data.confirm for one in earlier.follow] == [False]  # type: ignore[attr-defined]
    assert earlier.state is not None
    later = facts.taken(published(earlier.state, facts.published(2, confirm=True), NOW, MatchContext()))
    assert later.follow == []


def test_one_enrolled_at_the_desk_though_enrolment_was_closed_is_told_as_such() -> None:
    _, (reserved, *_) = settled(activity({X: wants(1, enrolled=True)}, closes=0))
    assert reserved.by_enrolment
    _, (reserved, *_) = settled(activity({X: wants(1, enrolled=True)}))
    assert not reserved.by_enrolment


# --- cancellation


def call_off(state: Activity, day: float) -> Activity:
    decision = cancelled(state, facts.called_off(day), NOW, MatchContext())
    assert isinstance(decision, Decision)
    assert decision.state is not None
    return decision.state


def test_a_choice_of_what_was_cancelled_before_is_refused_whichever_arrives_first() -> None:
    claims = {X: wants(1), Y: wants(3), Z: wants(2), W: wants(4, enrolled=True)}
    expected = {X: "reserved", Y: "cancelled", Z: "cancelled", W: "cancelled"}
    placed, _ = settled(activity(claims))
    assert states(call_off(placed, 2)) == expected
    assert states(settled(with_claims(call_off(activity(), 2), claims))[0]) == expected


def test_what_moves_here_is_refused_by_no_cancellation_nor_window() -> None:
    """The referral itself sees that it moved to what was called off, and goes on from there."""
    assert states(settled(with_claims(call_off(activity(closes=0), 2), {X: wants(3, moved=True)}))[0]) == {
        X: "reserved"
    }


def test_of_a_cancelled_activity_nobody_is_promoted() -> None:
    full, _ = settled(activity({X: wants(1), Y: wants(1.5)}, capacity=1, waiting=1))
    off = call_off(full, 2)
    after, _ = settled(with_claims(off, {Y: off.claims[Y]}))
    assert states(after) == {Y: "waitlisted"}


# --- another choice of the same activity


def test_an_earlier_choice_that_comes_late_keeps_the_place() -> None:
    state, _ = settled(activity({X: wants(4)}, capacity=1))
    claim = kept(state, state.claims[X], wants(1))
    assert (claim.state, claim.request, claim.given_at) == ("reserved", "c1", at(1))


def test_a_choice_after_a_promotion_counts_from_the_choice_and_one_before_it_from_the_promotion() -> None:
    state = activity()
    promoted = wants(2, state="reserved", promoted=True, given_at=at(3))
    before, later = kept(state, promoted, wants(1)), kept(state, promoted, wants(4))
    assert (before.promoted, before.given_at) == (True, at(3))
    assert (later.promoted, later.given_at) == (False, at(4))


def test_a_choice_that_may_have_no_place_keeps_none() -> None:
    state, _ = settled(activity({X: wants(1)}, closes=2))
    assert kept(state, state.claims[X], wants(3)).state == "none"


# --- what is told


def test_an_answer_carries_the_askings_number_and_counts_up() -> None:
    state, follow = settled(activity({X: Claim(7, "place", "c1", at(1), answer=4)}))
    (reserved,) = follow
    assert (reserved.number, reserved.answer, reserved.request) == (7, 5, "c1")
    assert state.claims[X].answer == 5


def test_who_follows_is_told_of_the_sessions_at_once_and_of_each_change() -> None:
    state, follow = settled(activity({X: Claim(1, "follow")}))
    assert [type(one) for one in follow] == [catalogue_events.SessionsChanged]
    decision = facts.taken(published(state, facts.published(1, meetings=[("s1", 21)]), NOW, MatchContext()))
    (changed,) = [one.data for one in decision.follow]
    assert isinstance(changed, catalogue_events.SessionsChanged)
    assert [(one.session_id, one.starts_at, one.called_off) for one in changed.sessions] == [
        ("s1", at(21), False),
        ("s2", at(30), True),
    ]


def test_who_is_refused_is_told_of_the_sessions_besides() -> None:
    _, follow = settled(activity({X: wants(1)}, closes=0))
    assert [type(one) for one in follow] == [catalogue_events.PlaceRefused, catalogue_events.SessionsChanged]
    assert [one.answer for one in follow] == [1, 2]


def test_who_is_forgotten_is_told_nothing_more() -> None:
    _, follow = settled(activity({X: Claim(3, "none", told="none")}))
    assert follow == []


def test_only_who_held_something_is_told_that_it_is_released() -> None:
    placed, _ = settled(activity({X: wants(1)}))
    left = with_claims(placed, {X: left_by(placed.claims[X])})
    assert catalogue_events.PlaceReleased in {type(one) for one in settled(left)[1]}
    refused, _ = settled(activity({X: wants(1)}, capacity=0))
    left = with_claims(refused, {X: left_by(refused.claims[X])})
    assert catalogue_events.PlaceReleased not in {type(one) for one in settled(left)[1]}


def test_each_on_the_waiting_list_is_told_when_the_turn_comes_nearer() -> None:
    full, _ = settled(activity({X: wants(1), Y: wants(2), Z: wants(3)}, capacity=1, waiting=2))
    _, follow = settled(with_claims(full, {name: full.claims[name] for name in (X, Z)}))
    assert [(type(one), one.position) for one in follow] == [(catalogue_events.PlaceWaitlisted, 1)]


# --- any activity


claims = st.builds(
    Claim,
    number=st.just(1),
    want=st.sampled_from(["place", "place", "place", "follow", "none"]),
    request=st.sampled_from(["c1", "c2"]),
    requested_at=st.integers(-12, 10).map(at),
    enrolled=st.booleans(),
    moved=st.booleans(),
    synthetic=st.booleans(),
)


@st.composite
def activities(draw: st.DrawFn) -> Activity:
    state = activity(
        capacity=draw(st.integers(0, 4)), waiting=draw(st.integers(0, 3)), closes=draw(st.sampled_from([None, 0, 4, 8]))
    )
    if draw(st.booleans()):
        day = draw(st.integers(-3, 8))
        state = another_version(state, day, capacity=draw(st.integers(0, 4)), closes=draw(st.sampled_from([None, 9])))
    if draw(st.booleans()):
        state = msgspec.structs.replace(state, cancelled=Cancelled(at(draw(st.integers(-5, 8))), "x"))
    return with_claims(state, draw(st.dictionaries(st.sampled_from([V, W, X, Y, Z]), claims)))


@settings(derandomize=True, deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(activities(), st.integers(-2, 12), st.integers(0, 40))
def test_settling_is_idempotent_and_gives_nothing_twice(state: Activity, freed: int, later: int) -> None:
    now = at(max(freed, later))
    once, _ = settle(state, at(freed), now)
    assert settle(once, at(freed), now) == (once, [])
    bare = [
        claim for claim in once.claims.values() if claim.state == "reserved" and not (claim.enrolled or claim.moved)
    ]
    assert len(bare) <= once.published["capacity"]
    waiting = sorted(
        (claim for claim in once.claims.values() if claim.state == "waitlisted"),
        key=lambda claim: (claim.requested_at or at(0), claim.request),
    )
    assert [claim.position for claim in waiting] == list(range(1, len(waiting) + 1))
    assert not waiting or once.cancelled or places_left(once) <= 0
    assert all(claim.state == "none" for claim in once.claims.values() if claim.want != "place")


# --- one claim alone


@given(
    st.integers(0, 3),
    st.integers(0, 2),
    st.lists(st.tuples(st.sampled_from([V, W, X, Y, Z]), st.integers(1, 9), st.booleans()), min_size=1, max_size=12),
    st.sampled_from([None, 4, 25]),
)
def test_where_one_claim_has_changed_the_others_need_no_look(
    capacity: int, waiting: int, steps: list[tuple[str, int, bool]], closes: int | None
) -> None:
    state = activity({}, capacity=capacity, waiting=waiting, closes=closes)
    for number, (name, day, leaves) in enumerate(steps):
        known = state.claims.get(name)
        claim = left_by(known) if leaves and known else wants(day, f"c{number}")
        if known:
            claim = msgspec.structs.replace(
                claim, answer=known.answer, told=known.told, told_listing=known.told_listing
            )
        others = {one: kept for one, kept in state.claims.items() if one != name}
        state = with_claims(state, {**others, name: claim})
        whole = settle(state, at(day), NOW)
        assert settle(state, at(day), NOW, only=name) == whole
        state = whole[0]
