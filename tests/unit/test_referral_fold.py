"""docs/contracts.md, “The life of a referral”, sentence by sentence, on the pure fold: facts and answers in, a view out."""

from typing import Any

import pytest

from services.referral.fold import fold
from services.referral.model import Referral
from services.referral.view import View
from shared.contracts.catalogue_events import ActivityCall
from shared.contracts.envelope import Event
from shared.contracts.instants import END_OF_TIME
from tests.unit.answers import (
    after,
    changed,
    nothing_found,
    proposed,
    refused,
    released,
    reserved,
    silence,
    stands,
    waitlisted,
)
from tests.unit.facts import (
    START,
    STRANGER,
    answered,
    at,
    chosen,
    confirmed,
    issued,
    key,
    looked_up,
    off_the_list,
    recorded,
    withdrawn,
)
from tests.unit.network import DURATIONS

A1 = "ActivityChosen-1-a"
PLACED = (issued(), chosen(1), reserved(1, A1))
"""A place at a, with sessions on days 20 and 30; nothing is recorded yet."""
CAME = (*PLACED, recorded(20, "s1"))
COMPLETED = (*CAME, recorded(30, "s2"))


def view(state: Referral) -> View:
    return fold(state, DURATIONS)


def counts(found: View) -> tuple[Any, ...]:
    assert found.ended is not None
    return found.ended.outcome, found.ended.attended, found.ended.missed, found.ended.not_recorded


def states(found: View) -> dict[str, str]:
    return {session.session: session.state for session in found.sessions}


# --- matching, as the referral sees it


def test_a_referral_is_issued_then_proposed_or_unmatched() -> None:
    assert stands(issued()).status == "issued"
    assert stands(issued(), proposed(0)).status == "proposed"
    assert stands(issued(), nothing_found(0)).status == "unmatched"


def test_of_two_answers_to_one_question_the_later_holds_whichever_came_first() -> None:
    assert stands(issued(), proposed(2), nothing_found(1)).status == "proposed"
    assert stands(issued(), nothing_found(1), proposed(2)).status == "proposed"


# --- choice


def test_a_choice_asks_for_a_place_with_its_own_time() -> None:
    found = stands(issued(), chosen(1))
    want = found.wants[key("a")]
    assert (found.status, want.want, want.request, want.requested_at) == ("requested", "place", A1, at(1))


def test_the_last_choice_counts_and_the_activity_left_is_followed() -> None:
    found = stands(*PLACED, chosen(3, "b"))
    assert found.choice is not None
    assert found.choice.activity == key("b")
    assert {activity: want.want for activity, want in found.wants.items()} == {key("a"): "follow", key("b"): "place"}


def test_the_last_choice_is_the_last_by_time_not_by_arrival() -> None:
    found = stands(issued(), chosen(3, "b"), chosen(1, "a"))
    assert found.choice is not None
    assert found.choice.activity == key("b")


def test_of_two_choices_at_one_time_the_greater_id_counts() -> None:
    found = stands(issued(), chosen(1, "b"), chosen(1, "a"))
    assert found.choice is not None
    assert found.choice.activity == key("b")


def test_choosing_the_same_again_asks_for_nothing_new() -> None:
    found = stands(*PLACED, chosen(3))
    assert found.choice is not None
    assert (found.choice.request, found.status) == (A1, "placed")


@pytest.mark.parametrize("reason", ["full", "closed", "cancelled"])
def test_choosing_the_same_again_asks_again_if_it_was_refused(reason: str) -> None:
    no = (issued(), chosen(1), refused(1, A1, reason))
    assert stands(*no).status == "issued"
    again = stands(*no, chosen(3))
    assert again.choice is not None
    assert (again.choice.request, again.status) == ("ActivityChosen-3-a", "requested")


def test_choosing_again_what_is_unknown_asks_nothing_new_for_it_will_be_judged() -> None:
    again = stands(issued(), chosen(1), refused(1, A1, "unknown"), chosen(3))
    assert again.wants[key("a")].request == A1


def test_a_first_choice_that_turns_out_to_have_been_open_counts_again() -> None:
    twice = (issued(), chosen(1), refused(1, A1, "closed"), chosen(3), reserved(3, "ActivityChosen-3-a", answer=2))
    found = stands(*twice, reserved(1, A1, answer=3))
    assert found.choice is not None
    assert (found.choice.request, found.status) == (A1, "placed")


def test_a_confirmation_of_the_current_choice_confirms_it() -> None:
    needed = (issued(), chosen(1), reserved(1, A1, confirm=True))
    assert stands(*needed).status == "requested"
    found = stands(*needed, confirmed(4))
    assert found.choice is not None
    assert (found.status, found.choice.confirmed_at, found.choice.request) == ("placed", at(4), A1)


def test_a_confirmation_of_an_activity_never_chosen_is_choice_and_place_in_one() -> None:
    known = changed(0, activity="b")
    for before in ((issued(), looked_up(3), known), (*PLACED, known)):
        found = stands(*before, confirmed(4, "b"))
        want = found.wants[key("b")]
        assert (want.want, want.enrolled, want.requested_at) == ("place", True, at(4))


def test_a_confirmation_of_one_left_for_a_later_choice_counts_for_nothing() -> None:
    found = stands(*PLACED, chosen(3, "b"), confirmed(4, "a"))
    assert found.choice is not None
    assert found.choice.activity == key("b")


def desk(day: float) -> tuple[Event, ...]:
    """A stranger looks the code up and enrols the client in an activity of its own."""
    return (
        looked_up(day, organiser=STRANGER),
        changed(0, activity="x", organiser=STRANGER),
        confirmed(day, "x", organiser=STRANGER),
    )


@pytest.mark.parametrize(
    "stands_at_a",
    [
        PLACED,
        (issued(), chosen(1)),
        (issued(), chosen(1), waitlisted(1, A1)),
        (issued(), chosen(1), refused(1, A1, "unknown")),
        (issued(), looked_up(1), changed(0), confirmed(1)),
    ],
)
def test_a_desk_takes_nobody_from_where_the_region_chose_or_a_place_is_held(stands_at_a: tuple[Event, ...]) -> None:
    before, after_it = stands(*stands_at_a), stands(*stands_at_a, *desk(4))
    assert (after_it.choice, after_it.status) == (before.choice, before.status)
    assert key("x", STRANGER) not in after_it.wants


@pytest.mark.parametrize(
    "fallen",
    [
        (issued(), chosen(1), refused(1, A1, "full")),
        (issued(), chosen(1), refused(1, A1, "closed")),
        (*PLACED, off_the_list(3)),
        (*PLACED, changed(3, A1, cancelled=3)),
    ],
)
def test_a_desk_enrols_who_has_no_place_any_more(fallen: tuple[Event, ...]) -> None:
    found = stands(*fallen, *desk(4))
    assert found.choice is not None
    assert (found.choice.activity, found.wants[key("x", STRANGER)].enrolled) == (key("x", STRANGER), True)


def test_a_choice_that_turns_out_to_have_been_open_goes_before_a_desk() -> None:
    both = (issued(), chosen(1), refused(1, A1, "closed"), *desk(4))
    assert stands(*both).wants[key("a")].want == "place"
    found = stands(*both, reserved(5, A1, answer=3))
    assert found.choice is not None
    assert (found.choice.activity, found.wants[key("x", STRANGER)].want) == (key("a"), "follow")


def test_the_region_may_choose_where_a_desk_enrolled() -> None:
    found = stands(*PLACED, *desk(4), chosen(5, "x", organiser=STRANGER))
    assert found.choice is not None
    assert found.choice.activity == key("x", STRANGER)


def test_a_record_of_attendance_confirms_too() -> None:
    found = stands(issued(), chosen(1), reserved(1, A1, confirm=True), recorded(20))
    assert found.status == "attending"


def test_a_correction_takes_back_no_confirmation() -> None:
    """The first record was the confirmation: sessions after it count, whenever it was corrected."""
    desk = (issued(), looked_up(19), changed(0), recorded(20, "s1"), recorded(35, "s1", came=False))
    found = stands(*desk, reserved(20, "ActivityAttended-20-a-s1", confirm=True))
    assert states(found) == {"s1": "missed", "s2": "upcoming"}


# --- places


@pytest.mark.parametrize("reason", ["full", "closed", "cancelled", "unknown"])
def test_a_refused_choice_goes_back_to_matching_without_that_activity(reason: str) -> None:
    found = stands(issued(), proposed(0), chosen(1), refused(1, A1, reason))
    assert (found.matching, found.without, found.choice) == (True, (key("a"),), None)


@pytest.mark.parametrize("reason", ["closed", "unknown"])
def test_unknown_and_closed_stay_asked_for_since_they_are_judged_anew(reason: str) -> None:
    asked = (issued(), chosen(1), refused(1, A1, reason))
    assert stands(*asked).wants[key("a")].want == "place"
    assert stands(*asked, reserved(5, A1, answer=2)).status == "placed"


def test_who_waits_is_waitlisted_with_a_position() -> None:
    found = stands(issued(), chosen(1), waitlisted(1, A1, 3))
    assert (found.status, found.place, found.position) == ("waitlisted", "waitlisted", 3)


def test_a_late_word_about_a_place_takes_nothing_away() -> None:
    found = stands(
        issued(), chosen(1), reserved(2, A1, answer=3), waitlisted(1, A1, answer=2), refused(1, A1, answer=1)
    )
    assert found.status == "placed"


def test_a_place_that_comes_after_a_word_about_sessions_is_still_a_place() -> None:
    found = stands(issued(), chosen(1), changed(2, A1, answer=2, meetings=[("s1", 21)]), reserved(1, A1, answer=1))
    assert found.status == "placed"
    assert [session.starts_at for session in found.sessions] == [at(21)]


# --- sessions


def test_a_recorded_session_always_counts_an_unrecorded_one_if_it_begins_after_the_choice() -> None:
    meetings = [("before", 0.5), ("at", 1), ("after", 20)]
    place = (issued(), chosen(1), reserved(1, A1, meetings=meetings))
    assert states(stands(*place)) == {"after": "upcoming"}
    assert states(stands(*place, recorded(2, "before"))) == {"before": "attended", "after": "upcoming"}


def test_where_confirmation_is_needed_sessions_count_from_it() -> None:
    found = stands(issued(), chosen(1), reserved(1, A1, confirm=True), confirmed(25))
    assert states(found) == {"s2": "upcoming"}


def test_after_promotion_sessions_count_from_it() -> None:
    found = stands(issued(), chosen(1), waitlisted(1, A1), reserved(25, A1, answer=2, context=25, promoted=True))
    assert states(found) == {"s2": "upcoming"}


def test_a_promotion_that_is_confirmed_later_counts_from_the_confirmation() -> None:
    promoted = reserved(15, A1, confirm=True, context=15, promoted=True)
    assert states(stands(issued(), chosen(1), promoted, confirmed(25))) == {"s2": "upcoming"}


def test_a_session_called_off_counts_for_nothing_and_a_moved_one_at_its_new_time() -> None:
    off = changed(10, A1, meetings=[("s1", 22), ("s2", 30)], off=["s2"])
    found = stands(*PLACED, off)
    assert states(found) == {"s1": "upcoming"}
    assert found.sessions[0].starts_at == at(22)
    assert stands(*PLACED, off, recorded(22, "s1")).status == "completed"


def test_of_several_records_of_one_session_the_latest_time_holds() -> None:
    came, missed = recorded(20, "s1"), recorded(21, "s1", came=False)
    assert states(stands(*PLACED, came, missed))["s1"] == "missed"
    assert states(stands(*PLACED, missed, came))["s1"] == "missed"


# --- completion


def test_it_completes_when_every_counted_session_is_recorded() -> None:
    assert stands(*CAME).status == "attending"
    found = stands(*COMPLETED)
    assert (found.status, counts(found)) == ("completed", ("completed", 2, 0, 0))


def test_it_completes_at_the_deadline_after_the_last_session_with_one_attended() -> None:
    state = silence(after(*CAME), "attendance")
    assert counts(view(state)) == ("completed", 1, 0, 1)
    assert view(state).status == "completed"


@pytest.mark.parametrize(
    ("records", "outcome", "figures"),
    [
        ([recorded(20, "s1", came=False)], "never_attended", (0, 1, 1)),
        ([], "not_recorded", (0, 0, 2)),
    ],
)
def test_with_none_attended_it_lapses_as_never_attended_or_not_recorded(
    records: list[Event], outcome: str, figures: tuple[int, ...]
) -> None:
    state = silence(after(*PLACED, *records), "attendance")
    assert (view(state).status, view(state).closed) == ("lapsed", True)
    assert counts(view(state)) == (outcome, *figures)


def test_missed_all_over_lapses_without_waiting_for_the_deadline() -> None:
    found = stands(*PLACED, recorded(20, "s1", came=False), recorded(30, "s2", came=False))
    assert (found.status, counts(found)) == ("lapsed", ("never_attended", 0, 2, 0))


def test_late_records_change_the_ending_also_after_closing() -> None:
    lapsed = silence(after(*PLACED), "attendance")
    late = view(after(recorded(60, "s1"), state=lapsed))
    assert (late.status, counts(late)) == ("completed", ("completed", 1, 0, 1))


# --- cancellation


def test_enrolment_cancelled_before_anybody_came_goes_back_to_matching_without_that_activity() -> None:
    found = stands(*PLACED, off_the_list(10))
    assert (found.status, found.matching, found.without) == ("issued", True, (key("a"),))
    assert found.wants[key("a")].want == "follow"


def test_enrolment_cancelled_with_a_session_attended_completes_as_discontinued() -> None:
    found = stands(*CAME, off_the_list(25))
    assert (found.status, counts(found)) == ("completed", ("discontinued", 1, 0, 0))


def test_discontinued_counts_unrecorded_sessions_up_to_then() -> None:
    found = stands(*PLACED, recorded(30, "s2"), off_the_list(30))
    assert counts(found) == ("discontinued", 1, 0, 1)


def test_discontinued_goes_on_if_another_is_chosen_later() -> None:
    found = stands(*CAME, off_the_list(25), chosen(27, "b"))
    assert (found.status, found.ended) == ("requested", None)


def test_after_the_last_sessions_end_a_cancellation_changes_nothing() -> None:
    assert counts(stands(*COMPLETED, off_the_list(31))) == ("completed", 2, 0, 0)
    assert counts(stands(*COMPLETED, changed(40, A1, cancelled=31))) == ("completed", 2, 0, 0)


def test_an_enrolment_cancelled_of_one_left_for_a_later_choice_changes_nothing() -> None:
    assert stands(*PLACED, chosen(3, "b"), off_the_list(10, "a")).status == "requested"


def test_an_activity_cancelled_without_another_goes_back_to_matching() -> None:
    found = stands(*PLACED, changed(10, A1, cancelled=10))
    assert (found.status, found.without, found.choice) == ("issued", (key("a"),), None)


def test_a_choice_after_the_cancellation_was_never_a_place() -> None:
    call = ActivityCall(time=at(0.5))
    found = stands(issued(), chosen(1), reserved(1, A1, cancelled=call))
    assert (found.status, found.choice) == ("issued", None)


# --- replaced_by


def test_replaced_by_moves_the_place_beyond_the_capacity_if_need_be() -> None:
    found = stands(*PLACED, changed(10, A1, cancelled=10, replaced_by="b"))
    want = found.wants[key("b")]
    assert (want.want, want.request, want.requested_at, want.moved) == ("place", A1, at(1), True)
    assert found.wants[key("a")].want == "follow"


def test_replaced_by_moves_the_queue_which_is_no_place() -> None:
    found = stands(issued(), chosen(1), waitlisted(1, A1), changed(10, A1, cancelled=10, replaced_by="b"))
    want = found.wants[key("b")]
    assert (want.want, want.request, want.moved) == ("place", A1, False)


def test_what_was_refused_does_not_move() -> None:
    found = stands(issued(), chosen(1), refused(1, A1, "closed"), changed(10, A1, cancelled=10, replaced_by="b"))
    assert key("b") not in found.wants


def test_replaced_by_moves_confirmations_and_records() -> None:
    meetings = [("s0", 5), ("s1", 20)]
    needed = (issued(), chosen(1), reserved(1, A1, confirm=True, meetings=meetings), confirmed(4), recorded(5, "s0"))
    moved = changed(10, A1, cancelled=10, replaced_by="b")
    found = stands(*needed, moved, reserved(10, A1, "b", confirm=True, meetings=[("b1", 40)]))
    assert (found.status, states(found)) == ("attending", {"b1": "upcoming", "s0": "attended"})
    assert counts(stands(*needed, moved, reserved(10, A1, "b", meetings=[("b1", 40)]), recorded(40, "b1", "b"))) == (
        "completed",
        2,
        0,
        0,
    )


def test_a_confirmation_of_what_was_replaced_confirms_what_replaced_it() -> None:
    moved = (issued(), chosen(1), reserved(1, A1, confirm=True), changed(10, A1, cancelled=10, replaced_by="b"))
    found = stands(*moved, reserved(10, A1, "b", confirm=True), confirmed(12, "a"))
    assert found.choice is not None
    assert (found.status, found.choice.activity) == ("placed", key("b"))


def test_two_that_replace_each_other_are_no_circle() -> None:
    there = changed(10, A1, cancelled=10, replaced_by="b")
    back = changed(12, A1, "b", cancelled=12, replaced_by="a")
    found = stands(*PLACED, there, reserved(10, A1, "b"), back)
    assert (found.status, found.choice, found.without) == ("issued", None, (key("b"),))


def test_a_place_that_moves_to_what_was_called_off_before_goes_back_to_matching() -> None:
    there = changed(10, A1, cancelled=10, replaced_by="b")
    called = ActivityCall(time=at(5))
    found = stands(*PLACED, there, reserved(10, A1, "b", cancelled=called))
    assert (found.status, found.choice) == ("issued", None)


# --- deadlines


def deadline(state: Referral) -> tuple[str, Any, int]:
    (one,) = view(state).deadlines
    return one.what, one.due_at, one.nth


def test_the_match_deadline_runs_from_the_issue_and_the_second_passing_lapses_it() -> None:
    state = after(issued(), nothing_found(0))
    assert deadline(state) == ("match", at(30), 1)
    state = silence(state, "match")
    assert (view(state).status, deadline(state)) == ("unmatched", ("match", at(60), 2))
    state = silence(state, "match")
    assert (view(state).status, view(state).closed, counts(view(state))) == (
        "lapsed",
        True,
        ("no_activity_found", 0, 0, 0),
    )


def test_the_choice_deadline_runs_from_the_proposals_and_lapses_as_not_chosen() -> None:
    state = after(issued(), proposed(2))
    assert deadline(state) == ("choice", at(16), 1)
    state = silence(state, "choice", times=2)
    assert (view(state).status, counts(view(state))) == ("lapsed", ("not_chosen", 0, 0, 0))


@pytest.mark.parametrize("what", ["match", "choice"])
def test_a_lapse_stays_a_lapse_whatever_else_is_heard(what: str) -> None:
    """It is told to the catalogue, and that must not be what undoes it."""
    state = silence(after(issued(), proposed(0) if what == "choice" else nothing_found(0)), what, times=2)
    assert view(after(recorded_before(), state=state)).status == "lapsed"
    assert view(after(looked_up(80), changed(85, activity="c"), off_the_list(90, "c"), state=state)).status == "lapsed"


def recorded_before() -> Event:
    return answered(80, "opisto")


@pytest.mark.parametrize(
    ("late", "status"),
    [
        ((chosen(100),), "requested"),
        ((looked_up(90), changed(95), confirmed(100)), "requested"),
        ((issued(100),), "issued"),
        ((withdrawn(100),), "withdrawn"),
    ],
)
def test_a_choice_an_enrolment_a_new_issue_or_a_withdrawal_undoes_a_lapse_however_late(
    late: tuple[Event, ...], status: str
) -> None:
    state = silence(after(issued(), nothing_found(0)), "match", times=2)
    assert view(after(*late, state=state)).status == status


def test_a_confirmation_that_does_not_come_releases_the_place_and_matches_again() -> None:
    state = after(issued(), chosen(1), reserved(1, A1, confirm=True))
    assert deadline(state) == ("confirmation", at(8), 1)
    state = silence(state, "confirmation")
    assert view(state).status == "requested"
    state = silence(state, "confirmation")
    found = view(state)
    assert (found.status, found.matching, found.without) == ("issued", True, (key("a"),))
    assert found.wants[key("a")].want == "follow"


def test_an_enrolment_undoes_what_the_confirmations_silence_did() -> None:
    state = silence(after(issued(), chosen(1), reserved(1, A1, confirm=True)), "confirmation", times=2)
    found = view(after(confirmed(30), state=state))
    assert (found.status, found.wants[key("a")].want) == ("placed", "place")


def test_after_an_overdue_confirmation_choosing_the_same_asks_again() -> None:
    state = silence(after(issued(), chosen(1), reserved(1, A1, confirm=True)), "confirmation", times=2)
    early, late = view(after(chosen(5), state=state)), view(after(chosen(20), state=state))
    assert early.choice is None
    assert late.choice is not None
    assert late.choice.request == "ActivityChosen-20-a"


def test_attendance_is_awaited_from_the_last_sessions_end() -> None:
    what, due_at, nth = deadline(after(*PLACED))
    assert (what, nth) == ("attendance", 1)
    assert at(44) < due_at < at(44.1)


def test_feedback_is_awaited_from_completion_and_its_first_passing_closes() -> None:
    state = after(*COMPLETED)
    assert deadline(state) == ("feedback", at(44), 1)
    assert not view(state).closed
    assert view(silence(state, "feedback")).closed


# --- withdrawal and closing


def test_withdrawal_wins_before_the_last_sessions_end_and_frees_the_place() -> None:
    found = stands(*CAME, withdrawn(25))
    assert (found.status, found.closed, found.place) == ("withdrawn", True, None)
    assert found.wants[key("a")].want == "follow"


@pytest.mark.parametrize("late", [(), (recorded(30, "s2"),), (recorded(26, "s2", came=False),)])
def test_of_what_was_withdrawn_the_sessions_count_that_were_recorded_before(late: tuple[Event, ...]) -> None:
    found = stands(*CAME, withdrawn(25), *late)
    assert counts(found) == ("withdrawn", 1, 0, 0)
    assert states(found) == {"s1": "attended"}
    assert counts(stands(*PLACED, withdrawn(25))) == ("withdrawn", 0, 0, 0)


def test_a_correction_of_what_was_recorded_before_a_withdrawal_counts_however_late() -> None:
    found = stands(*CAME, withdrawn(25), recorded(26, "s1", came=False))
    assert counts(found) == ("withdrawn", 0, 1, 0)


def test_sessions_of_a_place_that_was_left_before_do_not_count_when_it_is_withdrawn() -> None:
    assert counts(stands(*CAME, chosen(22, "b"), withdrawn(25))) == ("withdrawn", 0, 0, 0)


def test_withdrawal_wins_whenever_it_arrives() -> None:
    assert stands(*COMPLETED, withdrawn(25)).status == "withdrawn"


def test_nothing_after_a_withdrawal_counts() -> None:
    assert stands(*PLACED, withdrawn(5), chosen(6, "b"), confirmed(7, "b")).status == "withdrawn"


def test_a_place_asked_for_by_what_came_after_a_withdrawal_is_given_up() -> None:
    late = (issued(), looked_up(20), changed(0), recorded(24, "s1"), withdrawn(22))
    assert stands(*late).wants[key("a")].want == "follow"


def test_a_withdrawal_after_the_end_only_ends_the_wait_for_feedback() -> None:
    found = stands(*COMPLETED, withdrawn(31))
    assert (found.status, found.closed, counts(found)) == ("completed", True, ("completed", 2, 0, 0))


def test_a_withdrawal_after_what_discontinued_it_only_ends_the_wait_for_feedback() -> None:
    found = stands(*CAME, off_the_list(25), withdrawn(26))
    assert (found.status, found.closed) == ("completed", True)
    assert stands(*CAME, off_the_list(25), withdrawn(24)).status == "withdrawn"


def test_a_withdrawal_after_an_end_that_is_not_known_yet_waits_for_the_places_answer() -> None:
    """The choice, the withdrawal and the sessions are there before the place was ever given: it is asked for."""
    early = after(issued(), chosen(1), refused(1, A1, "unknown"), withdrawn(35))
    assert (view(early).status, view(early).wants[key("a")].want) == ("withdrawn", "follow")
    known = after(changed(36, answer=2), state=early)
    assert (view(known).status, view(known).wants[key("a")].want) == ("withdrawn", "place")
    assert view(after(reserved(36, A1, answer=3), state=known)).status == "placed"


def test_closed_at_once_when_feedback_is_not_consented_to() -> None:
    assert stands(issued(feedback=False), *COMPLETED[1:]).closed


def test_closed_when_the_participants_after_feedback_is_in() -> None:
    assert stands(*COMPLETED, answered(33)).closed
    assert not stands(*COMPLETED, answered(33, "opisto")).closed
    assert not stands(*COMPLETED, answered(33, phase="before")).closed


def test_a_completed_referral_holds_its_place_until_it_is_closed() -> None:
    assert (stands(*COMPLETED).place, stands(*COMPLETED).wants[key("a")].want) == ("placed", "place")
    closed = stands(*COMPLETED, answered(33))
    assert (closed.place, closed.wants[key("a")].want) == (None, "follow")


def test_a_later_choice_continues_the_same_referral() -> None:
    found = stands(*COMPLETED, answered(33), released(33, A1, answer=2), chosen(40, "b"))
    assert (found.status, found.closed, found.wants[key("b")].want) == ("requested", False, "place")


# --- the end of the calendar


@pytest.mark.parametrize("what", ["match", "choice", "confirmation", "attendance", "feedback"])
def test_a_wait_that_would_end_beyond_the_calendar_ends_with_it(what: str) -> None:
    last = (END_OF_TIME - START).days - 1
    meetings = [("s1", last - 1), ("s2", last)]
    told = (issued(last - 2), chosen(last - 2))
    asked = told[1].id
    placed = (*told, reserved(last - 2, asked, meetings=meetings))
    before = {
        "match": (issued(last),),
        "choice": (issued(last - 1), proposed(last)),
        "confirmation": (*told, reserved(last - 2, asked, meetings=meetings, confirm=True)),
        "attendance": placed,
        "feedback": (*placed, recorded(last, "s1"), recorded(last, "s2")),
    }
    [deadline] = stands(*before[what]).deadlines
    assert (deadline.what, deadline.due_at) == (what, END_OF_TIME)
