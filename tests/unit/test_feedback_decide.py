"""Every decision of the feedback service: who is asked, whose answers hold, what is measured, what erasure leaves."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.feedback.decide import A_PLACE, MAX_LINKS, brief, erased_fields, fields
from services.feedback.model import Figures, form_event_id, has_the_place, is_used, quarter_of
from shared.contracts.envelope import Event
from shared.contracts.feedback_events import FeedbackRequested, FeedbackTaken
from shared.contracts.referral_events import ReferralReopened
from shared.engine.model import Rejected, Waits
from tests.unit.feedback_facts import (
    OPISTO,
    OTHER_OPISTO,
    REFERRAL,
    REGION,
    PlayedEvents,
    answered,
    closed,
    completed,
    decide,
    erased,
    event,
    experienced,
    issued,
    lapsed,
    link,
    none_found,
    opened,
    proposed,
    refused,
    released,
    reserved,
    waitlisted,
)

WHO5 = {"q1": 1, "q2": 2, "q3": 3, "q4": 4, "q5": 5}


# --- who is asked


def test_the_first_place_asks_the_participant_how_things_are_before() -> None:
    story = PlayedEvents([issued(), proposed(), reserved()])
    [request] = story.follow
    assert request == FeedbackRequested(
        referral_id=REFERRAL, phase="before", respondents=("participant",), instruments=("dimensions_v1",)
    )


def test_a_second_place_asks_nobody_again() -> None:
    story = PlayedEvents([issued(), reserved(), released(), reserved(6, organiser=OTHER_OPISTO)])
    assert story.requests() == ["before"]


def test_completion_asks_the_participant_and_the_partners_once() -> None:
    story = PlayedEvents([issued(), reserved(), completed(), completed(day=61), closed()])
    assert story.requests() == ["before", "after"]
    request = story.follow[-1]
    assert isinstance(request, FeedbackRequested)
    assert request.respondents == ("participant", "issuer", "organiser")
    assert request.instruments == ("dimensions_v1", "experience_v1")


def test_a_waiting_list_and_a_lapse_ask_nobody() -> None:
    assert PlayedEvents([issued(), waitlisted(), lapsed()]).requests() == []


def test_nothing_is_asked_where_the_consent_does_not_cover_it() -> None:
    assert PlayedEvents([issued(scopes=("referral",)), reserved(), completed()]).follow == []


def test_a_later_issue_that_consents_asks_what_is_due() -> None:
    assert PlayedEvents([issued(scopes=("referral",)), reserved(), issued(3)]).requests() == ["before"]


def test_nobody_is_asked_how_it_was_before_once_it_is_over() -> None:
    assert PlayedEvents([issued(), completed(), reserved()]).requests() == ["after"]


@pytest.mark.parametrize("early", [proposed(), none_found(), reserved(), completed(), closed(), link(), answered()])
def test_what_comes_before_its_referral_waits_for_it(early: Event) -> None:
    assert decide(None, early) == Waits("ReferralIssued")


# --- the referral


def test_the_latest_issue_holds_and_the_first_gives_the_quarter() -> None:
    early, late = issued(-70, municipality="980"), issued(5)
    for order in ([early, late], [late, early]):
        state = PlayedEvents(order).known()
        assert state.issued is not None
        assert state.issued.municipality == "908"
        assert fields(state)["quarter"] == "2026-Q2"


def test_another_region_changes_nothing() -> None:
    before = PlayedEvents([issued()]).known()
    assert PlayedEvents([issued(), issued(9, source="/region/07")]).known() == before


def test_of_two_regions_that_issue_the_same_the_one_that_the_referral_service_named_has_it() -> None:
    """Whichever is read first; what its partners and participant say before that is known waits, and none of it is lost."""
    said = [issued(9, source="/region/07"), opened(), issued(), reserved(), answered(), answered(source="/region/07")]
    expected = PlayedEvents(said)
    assert len(expected.known().answers) == 1
    for order in permutations(said):
        told = PlayedEvents(order, unopened=True)
        assert told.known() == expected.known()
        assert told.waiting == expected.waiting
        assert told.requests() == ["before"]


def test_consent_that_ends_removes_answers_and_links() -> None:
    story = PlayedEvents([issued(), reserved(), link(), answered(), issued(9, scopes=("referral",))])
    state = story.known()
    assert (state.answers, state.measured, state.links, state.spent) == ((), {}, (), ())
    assert fields(state)["token"] == []


def test_erasure_leaves_id_region_status_and_dates_alone() -> None:
    story = PlayedEvents([issued(), reserved(), link(), answered(), erased(day=5)])
    state = story.known()
    assert story.erased
    assert msgspec.to_builtins(state) == {
        "id": REFERRAL,
        "erased": {
            "status": "withdrawn",
            "issued_at": "2026-09-01T08:00:00Z",
            "closed_at": "2026-09-06T08:00:00Z",
            "issuer": "/region/06",
            "region": "/region/06",
        },
    }
    assert erased_fields(state) == {"quarter": "2026-Q3"}


def test_consent_withdrawn_before_anything_is_known_erases_too() -> None:
    story = PlayedEvents([erased(), issued(), answered()])
    assert story.erased
    assert story.known().erased is not None
    assert erased_fields(story.known()) == {"quarter": None}


@pytest.mark.parametrize(
    ("endings", "status"),
    [
        ([completed(), closed()], "completed"),
        ([completed("discontinued")], "completed"),
        ([lapsed(), closed("not_chosen", 31)], "lapsed"),
        ([closed("withdrawn", 9)], "withdrawn"),
    ],
)
def test_what_had_ended_stays_said_when_it_is_erased(endings: list[Event], status: str) -> None:
    left = PlayedEvents([issued(), reserved(), *endings, erased(day=90)]).known().erased
    assert left is not None
    assert left.status == status


# --- places


@given(st.permutations([waitlisted(), reserved(3, answer=2), released(4, answer=3)]))
def test_the_greatest_answer_holds_and_a_place_once_had_stays_known(order: list[Event]) -> None:
    [place] = PlayedEvents([issued(), *order]).known().places.values()
    assert (place.state, place.had) == ("released", True)


def test_the_form_is_for_who_has_the_place_and_afterwards_for_who_had_it() -> None:
    moved = [issued(), reserved(), released(), reserved(6, organiser=OTHER_OPISTO)]
    assert not has_the_place(PlayedEvents(moved).known(), OPISTO)
    assert has_the_place(PlayedEvents(moved).known(), OTHER_OPISTO)
    assert has_the_place(PlayedEvents([issued(), reserved(), completed(), released(80)]).known(), OPISTO)
    assert not has_the_place(PlayedEvents([issued(), waitlisted()]).known(), OPISTO)


def test_the_answer_to_the_latest_matching_holds() -> None:
    state = PlayedEvents([issued(), none_found(9, number=1), proposed(8, number=0)]).known()
    assert state.matched is not None
    assert (state.matched.proposed, state.proposed) == (False, True)


# --- whose answers are taken


def test_without_the_scope_feedback_is_rejected() -> None:
    story = PlayedEvents([issued(scopes=("referral",)), reserved(), answered(), experienced(REGION, "region")])
    assert [why for _, why in story.rejected] == [
        f"the consent of {REFERRAL} does not cover feedback; issue it again with the scope feedback"
    ] * 2


def test_another_regions_feedback_waits_as_where_there_is_no_such_referral() -> None:
    sent = experienced("/region/07", "region")
    for known in (None, PlayedEvents([issued()]).state, PlayedEvents([issued(scopes=("referral",))]).state):
        assert decide(known, sent) == Waits("ReferralIssued")


def test_an_opisto_that_is_nobody_to_it_learns_nothing_of_its_consent() -> None:
    without = PlayedEvents([issued(scopes=("referral",)), reserved()])
    assert decide(without.state, experienced(OTHER_OPISTO, "opisto")) == Waits(A_PLACE)
    assert isinstance(decide(without.state, experienced(OPISTO, "opisto")), Rejected)


def test_the_own_region_may_send_its_own_and_a_participants_from_paper() -> None:
    paper = answered(source=REGION, channel="paper")
    assert len(PlayedEvents([issued(), experienced(REGION, "region"), paper]).known().answers) == 2


def test_an_opistos_feedback_waits_until_it_is_known_who_has_the_place() -> None:
    sent = experienced(OPISTO, "opisto")
    for known in (None, PlayedEvents([issued()]).state, PlayedEvents([issued(), waitlisted()]).state):
        assert decide(known, sent) == Waits(A_PLACE)
    assert len(PlayedEvents([issued(), sent, reserved()]).known().answers) == 1


def test_an_opisto_that_had_the_place_may_send_feedback() -> None:
    story = PlayedEvents(
        [issued(), reserved(), released(), reserved(6, organiser=OTHER_OPISTO), experienced(OPISTO, "opisto")]
    )
    assert len(story.known().answers) == 1


@pytest.mark.parametrize("places", [[], [reserved()], [refused(organiser=OTHER_OPISTO)]])
def test_the_feedback_of_an_opisto_that_never_had_the_place_waits_and_is_told_nothing_of_who_has_it(
    places: list[Event],
) -> None:
    assert decide(PlayedEvents([issued(), *places]).state, experienced(OTHER_OPISTO, "opisto")) == Waits(A_PLACE)


def test_that_answers_were_taken_is_told_and_of_what_is_refused_or_waits_nothing() -> None:
    sent = answered(phase="after", day=61)
    story = PlayedEvents([issued(), reserved(), sent])
    [taken] = [data for data in story.follow if isinstance(data, FeedbackTaken)]
    assert (taken.event_source, taken.event_id, taken.event_time) == (sent.source, sent.id, sent.time)
    assert (taken.respondent, taken.phase) == ("participant", "after")
    by_a_stranger = answered(phase="after", source=OTHER_OPISTO, channel="paper")
    without_scope = PlayedEvents([issued(scopes=("referral",)), sent])
    for refused_or_early in (PlayedEvents([issued(), reserved(), by_a_stranger]), without_scope):
        assert not any(isinstance(data, FeedbackTaken) for data in refused_or_early.follow)


def test_what_comes_by_the_link_of_an_opisto_that_lost_the_place_is_refused_and_by_the_regions_taken() -> None:
    moved = [released(), reserved(6, organiser=OTHER_OPISTO)]
    for holder, hash_, taken in ((OPISTO, "a" * 64, False), (REGION, "b" * 64, True), (OTHER_OPISTO, "c" * 64, True)):
        sent = answered(phase="after", day=61, id_=form_event_id(hash_, "dimensions_v1"))
        context = link(hash_, "after", issued_to=holder)
        story = PlayedEvents([issued(), reserved(), context, *moved, sent])
        assert any(isinstance(data, FeedbackTaken) for data in story.follow) is taken
        assert bool(story.known().answers) is taken
        assert [why for _, why in story.rejected] == [
            f"{REFERRAL} was answered by a link of {OPISTO}, which has the place no longer"
        ][taken:]


def test_what_came_by_the_link_of_an_opisto_while_it_had_the_place_stays() -> None:
    sent = answered(phase="after", day=61, id_=form_event_id("a" * 64, "dimensions_v1"))
    context = link(phase="after", issued_to=OPISTO)
    assert (
        PlayedEvents([issued(), reserved(), context, sent, released(), reserved(6, organiser=OTHER_OPISTO)])
        .known()
        .answers
    )


# --- what holds, what changed


@given(st.permutations([answered({"health": answer}, day=day) for answer, day in ((2, 3), (7, 5), (4, 4))]))
def test_the_latest_answers_hold(order: list[Event]) -> None:
    [held] = PlayedEvents([issued(), *order]).known().answers
    assert held.answers == {"health": 7}


def test_of_two_with_the_same_time_the_greater_id_holds() -> None:
    one, two = answered({"health": 1}, id_="a"), answered({"health": 2}, id_="b")
    for order in ([one, two], [two, one]):
        assert PlayedEvents([issued(), *order]).known().answers[0].answers == {"health": 2}


def test_of_two_of_one_microsecond_the_later_by_nanoseconds_holds_whatever_their_ids() -> None:
    one = msgspec.structs.replace(answered({"health": 1}, id_="b"), finer="1")
    two = msgspec.structs.replace(answered({"health": 2}, id_="a"), finer="2")
    for order in ([one, two], [two, one]):
        assert PlayedEvents([issued(), *order]).known().answers[0].answers == {"health": 2}


@pytest.mark.parametrize("respondent", ["participant", "carer"])
def test_before_and_after_are_measured_an_item(respondent: str) -> None:
    before = answered({"health": 3, "friends": 2, "family": 5}, respondent=respondent)
    after = answered({"health": 5, "friends": 1, "finance": 9}, respondent=respondent, phase="after", day=61)
    for order in ([before, after], [after, before]):
        [measured] = PlayedEvents([issued(), *order]).measured()
        assert (measured.respondent, measured.instrument) == (respondent, "dimensions_v1")
        assert measured.change == {"health": 2, "friends": -1}


def test_who5_is_measured_by_its_score() -> None:
    before = answered(WHO5, instrument="who5", source=REGION, channel="phone")
    after = answered(dict.fromkeys(WHO5, 5), instrument="who5", source=REGION, channel="phone", phase="after", day=61)
    [measured] = PlayedEvents([issued(), before, after]).measured()
    assert measured.change == {"score": 40}


def test_an_outcome_is_told_again_only_if_it_changed() -> None:
    before, after = answered({"health": 3}), answered({"health": 5}, phase="after", day=61)
    same = answered({"health": 5}, phase="after", day=62)
    other = answered({"health": 6}, phase="after", day=63)
    changes = [one.change for one in PlayedEvents([issued(), before, after, same, other]).measured()]
    assert changes == [{"health": 2}, {"health": 3}]


def test_answers_of_different_people_or_of_partners_are_no_pair() -> None:
    story = PlayedEvents(
        [
            issued(),
            answered(),
            answered(respondent="carer", phase="after", day=61),
            experienced(REGION, "region"),
        ]
    )
    assert story.measured() == []


# --- links


def test_a_link_is_used_once_an_answer_of_the_form_came_in() -> None:
    both = {instrument: form_event_id("b" * 64, instrument) for instrument in ("dimensions_v1", "experience_v1")}
    for instrument, id_ in both.items():
        answers = {"health": 3} if instrument == "dimensions_v1" else {"satisfaction": 3}
        sent = answered(answers, phase="after", instrument=instrument, id_=id_, day=61)
        events = [link("b" * 64, "after"), link("c" * 64, "after"), sent]
        for order in (events, events[::-1]):
            state = PlayedEvents([issued(), *order]).known()
            assert {one.token_hash[0]: is_used(state, one) for one in state.links} == {"b": True, "c": False}


def test_a_partner_cannot_use_up_a_link() -> None:
    sent = answered(source=REGION, id_=form_event_id("a" * 64, "dimensions_v1"), channel="paper")
    state = PlayedEvents([issued(), link(), sent]).known()
    assert not is_used(state, state.links[0])


def test_the_newest_links_stay() -> None:
    links = [link(f"{number:064x}", day=number) for number in range(40)]
    assert len(PlayedEvents([issued(), *links]).known().links) == 32


# --- any order, any repetition

STORY = (
    issued(),
    issued(0.5, municipality="980"),
    proposed(),
    waitlisted(),
    reserved(3, answer=2),
    link(),
    answered({"health": 3, "friends": 2}),
    answered({"health": 4}, day=4),
    completed(),
    link("d" * 64, "after", 60.5),
    answered({"health": 7}, phase="after", day=61),
    experienced(OPISTO, "opisto"),
    experienced(REGION, "region", 62),
    closed(),
)


@given(st.permutations(STORY))
def test_any_order_of_the_same_events_ends_in_the_same_state(order: list[Event]) -> None:
    expected, story = PlayedEvents(STORY), PlayedEvents(order)
    assert not story.waiting
    assert not story.rejected
    assert msgspec.structs.replace(story.known(), asked=()) == msgspec.structs.replace(expected.known(), asked=())
    assert "after" in story.known().asked
    assert len(story.requests()) == len(set(story.requests()))
    assert story.measured()[-1] == expected.measured()[-1]


@given(st.lists(st.sampled_from(STORY[1:]), max_size=40))
def test_repetitions_change_nothing_and_tell_nothing(repeated: list[Event]) -> None:
    story = PlayedEvents(STORY)
    state, follow = story.known(), list(story.follow)
    for one in repeated:
        story.take(one)
    assert story.known() == state
    assert story.follow == follow


@given(st.permutations(STORY), st.integers(0, len(STORY)))
def test_erasure_leaves_nothing_wherever_it_comes(order: list[Event], at: int) -> None:
    story = PlayedEvents([*order[:at], erased(day=90), *order[at:]])
    left = msgspec.to_builtins(story.known())
    assert left.keys() == {"id", "erased"}
    assert left["erased"].keys() == {"status", "issued_at", "closed_at", "issuer", "region"}


# --- how it is found


@pytest.mark.parametrize(
    ("time", "quarter"),
    [
        ("2025-12-31T21:59:59+00:00", "2025-Q4"),
        ("2025-12-31T22:00:00+00:00", "2026-Q1"),
        ("2026-03-31T20:59:59+00:00", "2026-Q1"),
        ("2026-03-31T21:00:00+00:00", "2026-Q2"),
        ("2026-06-30T21:00:00+00:00", "2026-Q3"),
        ("2026-09-30T20:59:59+00:00", "2026-Q3"),
        ("2026-09-30T21:00:00+00:00", "2026-Q4"),
    ],
)
def test_a_quarter_begins_at_midnight_in_finland(time: str, quarter: str) -> None:
    assert quarter_of(datetime.fromisoformat(time)) == quarter


@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)))
def test_a_quarter_holds_the_month_it_says(time: datetime) -> None:
    year, _, quarter = quarter_of(time.replace(tzinfo=UTC)).partition("-Q")
    around = [time + timedelta(hours=hours) for hours in (2, 3)]
    assert (int(year), int(quarter)) in {(one.year, (one.month - 1) // 3 + 1) for one in around}


def test_the_brief_holds_figures_and_nothing_of_a_synthetic_referral() -> None:
    state = PlayedEvents([issued(), answered({"health": 3}), answered(WHO5, instrument="who5", source=REGION)]).known()
    figures = msgspec.json.decode(brief(state), type=Figures)
    assert figures == Figures(
        REGION,
        "908",
        "2026-Q3",
        (("participant", "before", "dimensions_v1", {"health": 3}), ("participant", "before", "who5", {"score": 60})),
    )
    test = PlayedEvents([issued(synthetic=True), answered()]).known()
    assert brief(test) == b""
    assert fields(test)["answered_in"] is None
    assert brief(PlayedEvents([issued()]).known()) == b""


def test_a_referral_that_goes_on_is_neither_closed_nor_ended_any_more() -> None:
    done = [issued(), reserved(), completed(day=60), closed(day=70)]
    for still in (False, True):
        again = event(ReferralReopened(referral_id=REFERRAL, completed=still), "/service/referral", 80, "again")
        for order in ([*done, again], [issued(), reserved(), again, *done[2:]]):
            state = PlayedEvents(order).known()
            assert state.closed is None
            assert (state.ended is not None) is (still and order[-1] is again)
        assert PlayedEvents([*done, again, closed(day=90)]).known().closed is not None


def test_links_of_one_who_asks_for_many_shut_nobody_elses() -> None:
    theirs = [link(f"{number:064x}", day=3 + number, issued_to=OPISTO) for number in range(MAX_LINKS + 8)]
    state = PlayedEvents([issued(), link(), *theirs]).known()
    assert "a" * 64 in {one.token_hash for one in state.links}
    assert len(state.links) == MAX_LINKS + 1
