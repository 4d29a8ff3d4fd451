"""Places: who gets one, who waits, who is refused, and who is told. Incremental, by an idempotent settle."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalogue import decide
from services.catalogue.model import Activity, Match
from services.catalogue.settle import called_off as called_off_
from services.catalogue.settle import places_left, settle, version_at
from shared.contracts import catalogue_events, every_service_events, referral_events
from shared.contracts.envelope import MAX_EVENT_BYTES, Event
from shared.contracts.instants import END_OF_TIME
from shared.engine.model import Decide, Decision, Rejected, Waits
from tests.unit.facts import ANOTHER_REGION, OPISTO, REGION, a_referral, at, called_off, issued, names, published

NOTHING = decide.MatchContext()


def asks(name: str, days: float, *, number: int = 1, synthetic: bool = False, **fields: Any) -> Event[Any]:
    said = {
        "referral_id": a_referral(name),
        "organiser": OPISTO,
        "activity_id": "a",
        "number": number,
        "request": f"choice-of-{name}-{days:g}",
        "requested_at": at(days),
    }
    data = referral_events.PlaceRequested(**{**said, **fields})
    return Event(f"p-{name}-{number}", "/service/referral", at(days), data, synthetic=synthetic)


def gives_up(name: str, days: float, *, number: int = 2, follow: bool = True) -> Event[Any]:
    data = referral_events.PlaceGivenUp(
        referral_id=a_referral(name),
        organiser=OPISTO,
        activity_id="a",
        number=number,
        follow=follow,
        freed_at=at(days),
        why="moved",
    )
    return Event(f"g-{name}-{number}", "/service/referral", at(days), data)


_DECIDE: dict[str, Decide] = {
    "ActivityPublished": decide.published,
    "ActivityCancelled": decide.cancelled,
    "PlaceRequested": decide.place_requested,
    "PlaceGivenUp": decide.place_given_up,
}


def after(*events: Event, now: datetime | None = None) -> tuple[Activity, list[Any]]:
    """The activity after the events, and what followed from the last."""
    state: Activity | None = None
    follow: list[Any] = []
    for event in events:
        decision = _DECIDE[event.name](state, event, now or event.time, NOTHING)
        assert isinstance(decision, Decision)
        state, follow = decision.state, [one.data for one in decision.follow]
    assert state is not None
    return state, follow


def held(state: Activity) -> dict[str, str]:
    return {referral: claim.state for referral, claim in state.claims.items()}


def test_places_go_by_arrival_then_the_waiting_list_then_full() -> None:
    state, follow = after(published(capacity=1, waiting=1), asks("one", 1), asks("two", 2), asks("three", 3))
    assert list(held(state).values()) == ["reserved", "waitlisted", "refused"]
    assert [type(one).__name__ for one in follow] == ["PlaceRefused", "SessionsChanged"]
    assert follow[0].reason == "full"


def test_a_place_that_falls_free_goes_to_the_first_on_the_waiting_list_as_of_then() -> None:
    state, follow = after(
        published(capacity=1, waiting=5), asks("one", 1), asks("late", 3), asks("early", 2), gives_up("one", 5)
    )
    assert held(state)[a_referral("early")] == "reserved"
    reserved = next(one for one in follow if isinstance(one, catalogue_events.PlaceReserved))
    assert (reserved.referral_id, reserved.promoted, reserved.given_at) == (a_referral("early"), True, at(5))
    assert any(isinstance(one, catalogue_events.PlaceReleased) for one in follow)


def test_a_capacity_that_is_lowered_takes_no_place_away_and_raised_gives_more() -> None:
    state, _ = after(published(capacity=2), asks("one", 1), asks("two", 1), published(2, capacity=1))
    assert list(held(state).values()) == ["reserved", "reserved"]
    assert places_left(state) == -1
    state, follow = after(published(capacity=0, waiting=1), asks("one", 1), published(2, capacity=1, waiting=1))
    assert held(state) == {a_referral("one"): "reserved"}
    assert any(isinstance(one, catalogue_events.PlaceReserved) for one in follow)


def test_the_enrolled_and_the_moved_come_beyond_the_capacity() -> None:
    state, _ = after(published(capacity=0), asks("one", 1, enrolled=True), asks("two", 1, moved=True))
    assert list(held(state).values()) == ["reserved", "reserved"]


def test_the_greatest_number_holds() -> None:
    state, follow = after(published(), asks("one", 1, number=3), gives_up("one", 2, number=2))
    assert (held(state), follow) == ({a_referral("one"): "reserved"}, [])
    state, _ = after(published(), gives_up("one", 2, number=2), asks("one", 1, number=1))
    assert state.claims[a_referral("one")].want == "follow"


def test_nobody_is_forgotten_whose_activity_is_not_known_yet() -> None:
    _, follow = after(asks("one", 1))
    assert follow[0].reason == "unknown"
    _, follow = after(asks("one", 1), published(0))
    assert any(isinstance(one, catalogue_events.PlaceReserved) for one in follow)


def test_enrolment_is_judged_at_the_choices_time_by_the_version_then_in_force() -> None:
    closed_later = published(3, closes=2)
    _, follow = after(published(0), closed_later, asks("one", 2.5))
    assert isinstance(follow[0], catalogue_events.PlaceReserved)
    _, follow = after(published(0), closed_later, asks("one", 4))
    assert follow[0].reason == "closed"


def test_a_closed_one_is_judged_anew_and_full_is_final_for_that_asking() -> None:
    _, follow = after(published(0, closes=1), asks("one", 2), published(1.5, closes=9))
    assert any(isinstance(one, catalogue_events.PlaceReserved) for one in follow)
    state, _ = after(published(capacity=0), asks("one", 1), published(2, capacity=5))
    assert held(state) == {a_referral("one"): "refused"}
    state, _ = after(published(capacity=0), asks("one", 1), published(2, capacity=5), asks("one", 3, number=2))
    assert held(state) == {a_referral("one"): "reserved"}


def test_a_session_left_out_before_it_begins_is_called_off_and_who_holds_is_told() -> None:
    _, follow = after(
        published(meetings=[("s1", 20), ("s2", 30)]), asks("one", 1), published(25, meetings=[("s2", 31)])
    )
    (changed,) = follow
    assert isinstance(changed, catalogue_events.SessionsChanged)
    assert [(one.session_id, one.called_off) for one in changed.sessions] == [("s1", False), ("s2", False)]
    assert changed.sessions[1].starts_at == at(31)
    _, follow = after(
        published(meetings=[("s1", 20), ("s2", 30)]), asks("one", 1), published(15, meetings=[("s2", 30)])
    )
    assert [one.called_off for one in follow[0].sessions] == [True, False]


def test_versions_in_any_order_list_the_same_sessions() -> None:
    versions = [published(0), published(5, meetings=[("s1", 21)]), published(9, meetings=[("s1", 22), ("s3", 40)])]
    states = [after(*order)[0] for order in (versions, versions[::-1], [versions[1], versions[2], versions[0]])]
    assert states[0].sessions == states[1].sessions == states[2].sessions
    assert states[0].published == states[1].published == states[2].published


def test_of_versions_of_one_microsecond_the_later_by_nanoseconds_holds_whatever_their_ids() -> None:
    earlier = msgspec.structs.replace(published(capacity=1, meetings=[("s1", 20)]), id="b", finer="7")
    later = msgspec.structs.replace(published(capacity=9, meetings=[("s1", 21)]), id="a", finer="71")
    for order in ([earlier, later], [later, earlier]):
        state, _ = after(*order)
        assert state.published is not None
        assert state.published["capacity"] == 9
        assert state.sessions["s1"].starts_at == at(21)


def test_the_first_cancellation_by_time_holds_and_all_are_told() -> None:
    state, follow = after(published(), asks("one", 1), called_off(5, replaced_by="b"), called_off(3))
    assert state.cancelled is not None
    assert state.cancelled.replaced_by is None
    assert follow[0].cancelled.time == at(3)
    _, follow = after(published(), called_off(3), asks("one", 4))
    assert follow[0].reason == "cancelled"
    assert isinstance(decide.cancelled(None, called_off(3), at(3), NOTHING), Waits)


def test_waiting_ends_when_enrolment_closes() -> None:
    state, _ = after(published(capacity=0, waiting=1, closes=10), asks("one", 1))
    (due, _) = decide.activity_deadlines(state)
    assert (due.what, due.due_at) == ("waiting_list", at(10))
    passed = every_service_events.DeadlinePassed(
        service="catalogue", collection="activities", aggregate=state.key, what="waiting_list", due_at=at(10), nth=1
    )
    decision = decide.activity_deadline(state, Event("d", "/service/catalogue", at(10), passed), at(11), NOTHING)
    assert names(decision.follow) == ["PlaceRefused"]


def test_settling_twice_changes_nothing_and_tells_nobody() -> None:
    state, _ = after(published(capacity=1, waiting=1), asks("one", 1), asks("two", 2), asks("three", 3))
    again, follow = settle(state, at(9), at(9))
    assert (again, follow) == (state, [])


def test_erasure_leaves_no_more_than_the_number_that_guards() -> None:
    state, follow = after(published(), asks("one", 1), gives_up("one", 2, follow=False))
    claim = state.claims[a_referral("one")]
    assert (claim.want, claim.number, claim.request, claim.requested_at) == ("none", 2, "", None)
    assert any(isinstance(one, catalogue_events.PlaceReleased) for one in follow)
    assert after(published(), asks("one", 1), gives_up("one", 2, follow=False), asks("one", 1))[1] == []


def test_a_synthetic_referral_finds_no_place_at_a_real_activity() -> None:
    _, follow = after(published(), asks("one", 1, synthetic=True))
    assert follow[0].reason == "unknown"


def test_a_large_activity_settles_whole() -> None:
    events = [asks(str(number), 1 + number / 1000) for number in range(300)]
    state, _ = after(published(capacity=100, waiting=150), *events)
    states = list(held(state).values())
    assert [states.count(one) for one in ("reserved", "waitlisted", "refused")] == [100, 150, 50]


# --- the matching of a referral


def rematch(number: int, *without: str) -> Event[Any]:
    left_out = tuple(referral_events.ActivityKey(organiser=OPISTO, activity_id=one) for one in without)
    data = referral_events.RematchRequested(referral_id=a_referral(), number=number, without=left_out)
    return Event(f"r{number}", "/service/referral", at(1), data)


def candidates(*activities: str) -> decide.MatchContext:
    states = [after(published(activity=one))[0] for one in activities]
    return decide.MatchContext(candidates=tuple(decide.brief_of(state) for state in states))


def is_issued(state: Match | None, event: Event[Any], now: datetime, found: decide.MatchContext) -> Decision[Match]:
    decision = decide.issued(state, event, now, found)
    assert isinstance(decision, Decision)
    return decision


def opened() -> Event[Any]:
    region = REGION.rpartition("/")[2]
    data = referral_events.ReferralOpened(
        referral_id=a_referral(), issuer=REGION, region=region, referral_code="DKGDM5F8QK4V", deadlines=()
    )
    return Event("o", "/service/referral", at(1), data)


def test_of_two_regions_wishes_the_one_counts_whose_the_referral_is() -> None:
    theirs = is_issued(None, issued(source=ANOTHER_REGION), at(0), candidates("a")).state
    assert decide.issued(theirs, issued(), at(0), candidates("a")) == Waits("ReferralOpened")
    named = decide.opened(theirs, opened(), at(1), NOTHING).state
    assert named == Match(a_referral(), issuer=REGION)
    assert is_issued(named, issued(source=ANOTHER_REGION), at(1), candidates("a")).follow == ()
    ours = is_issued(named, issued(), at(1), candidates("a"))
    assert names(ours.follow) == ["ActivitiesProposed"]


def test_what_fits_is_proposed_and_what_does_not_is_told_once() -> None:
    proposed = is_issued(None, issued(), at(0), candidates("a", "b"))
    assert names(proposed.follow) == ["ActivitiesProposed"]
    nothing = is_issued(None, issued(), at(0), NOTHING)
    assert names(nothing.follow) == ["NoActivityFound"]
    again = decide.match_deadline(nothing.state, rematch(0), at(2), NOTHING)
    assert again.follow == ()
    found = decide.activity_to_match(nothing.state, rematch(0), at(2), candidates("a"))
    assert names(found.follow) == ["ActivitiesProposed"]


def test_where_it_is_set_to_be_tried_again_beyond_the_calendar_the_end_of_time_is_when() -> None:
    never = timedelta.max
    nothing = is_issued(None, issued(), at(0), decide.MatchContext(rematch=never)).state
    found = is_issued(None, issued(), at(0), replace(candidates("a"), rematch=never)).state
    still = decide.match_deadline(found, rematch(0), at(1), replace(candidates("a"), rematch=never)).state
    assert [state and state.retry_at for state in (nothing, found, still)] == [END_OF_TIME] * 3


def test_a_rematch_leaves_out_what_was_tried_and_an_old_one_counts_for_nothing() -> None:
    state = is_issued(None, issued(), at(0), candidates("a")).state
    decision = decide.rematch_requested(state, rematch(2, "a"), at(1), candidates("a", "b"))
    assert isinstance(decision, Decision)
    data = decision.follow[0].data
    assert isinstance(data, catalogue_events.ActivitiesProposed)
    assert [one.activity_id for one in data.proposals] == ["b"]
    stale = decide.rematch_requested(decision.state, rematch(1), at(1), candidates("a"))
    assert isinstance(stale, Decision)
    assert stale.follow == ()


def test_who_wants_no_proposals_gets_none() -> None:
    state = is_issued(None, issued(), at(0), NOTHING).state
    ended = referral_events.MatchingEnded(referral_id=a_referral(), number=1)
    over = decide.matching_ended(state, Event("m", "/service/referral", at(1), ended), at(1), NOTHING).state
    assert decide.activity_to_match(over, rematch(0), at(2), candidates("a")).follow == ()
    assert is_issued(over, issued(3), at(3), candidates("a")).follow == ()


def test_withdrawn_consent_erases_the_wish_also_where_nothing_was_yet() -> None:
    for state in (None, is_issued(None, issued(), at(0), NOTHING).state):
        data = referral_events.ReferralErased(referral_id=a_referral(), issuer=REGION, region="06")
        decision = decide.erased(state, Event("w", "/service/referral", at(1), data), at(1), NOTHING)
        assert decision.erase
        assert decision.state == Match(a_referral(), wanted=False, status="ended", issuer=REGION, erased=True)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(st.floats(-20, 40), st.booleans(), st.sets(st.sampled_from(["s1", "s2", "s3"]), min_size=1)),
        min_size=1,
        max_size=25,
        unique_by=lambda one: one[0],
    ),
)
def test_what_is_kept_of_many_versions_says_the_same_as_all_of_them(versions: list[Any]) -> None:
    """A register that publishes the whole activity each night, mostly as it was."""
    events = [
        published(day, confirm=confirm, meetings=[(name, 5.0 * int(name[1])) for name in sorted(meetings)])
        for day, confirm, meetings in sorted(versions)
    ]
    kept, refused = _published(events, most=6)
    everything, _ = _published([one for one in events if one not in refused], most=10_000)
    assert len(kept.versions) <= 6
    for day in range(-25, 45):
        assert version_at(kept.versions, at(day)).confirm == version_at(everything.versions, at(day)).confirm
    assert {name: called_off_(kept, one) for name, one in kept.sessions.items()} == {
        name: called_off_(everything, one) for name, one in everything.sessions.items()
    }


def _published(events: list[Event[Any]], most: int) -> tuple[Activity, list[Event[Any]]]:
    state: Activity | None = None
    refused: list[Event[Any]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decide, "MAX_VERSIONS", most)
        for event in events:
            decision = decide.published(state, event, event.time, decide.MatchContext())
            if isinstance(decision, Rejected):
                refused.append(event)
            else:
                state = decision.state
    assert state is not None
    return state, refused


def test_sessions_that_were_called_off_give_way_and_more_than_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "MAX_SESSIONS", 3)
    first = published(-10, meetings=[("s1", 20), ("s2", 21), ("s3", 22)])
    second = published(-9, meetings=[("s2", 21), ("s3", 22), ("s4", 23)])
    state, refused = _published([first, second], most=64)
    assert (sorted(state.sessions), refused) == (["s2", "s3", "s4"], [])
    many = published(-8, meetings=[(f"n{number}", 30) for number in range(4)])
    assert isinstance(decide.published(state, many, at(-8), decide.MatchContext()), Rejected)


def test_whoever_asks_for_a_place_is_answered_however_long_the_names_of_the_sessions_are() -> None:
    state: Activity | None = None
    for day, name in ((-10, "a"), (-9, "b"), (-8, "c")):
        meetings = [(f"{name}{number:03}".ljust(64, "x"), 20 + number) for number in range(200)]
        decided = decide.published(state, published(day, meetings=meetings), at(0), NOTHING)
        assert isinstance(decided, Decision)
        state = decided.state
    [answered] = decide.place_requested(state, asks("x", 0), at(0), NOTHING).follow
    assert isinstance(answered.data, catalogue_events.PlaceReserved)
    assert len(answered.data.model_dump_json()) < MAX_EVENT_BYTES
