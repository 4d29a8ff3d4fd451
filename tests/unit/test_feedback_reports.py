"""The reports: every referral counted once, no participant's figure that shows fewer than five."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.feedback.model import Figures, ReferralFeedback
from services.feedback.reports import AT_LEAST, Cell, ReportFilters, groups_of, loop, outcomes, standing
from shared.contracts.envelope import Event
from shared.contracts.partner_kinds import PARTNER_KINDS
from tests.unit.feedback_facts import (
    OTHER_OPISTO,
    PlayedEvents,
    closed,
    completed,
    erased,
    issued,
    lapsed,
    none_found,
    proposed,
    refused,
    released,
    reserved,
    waitlisted,
)

REGIONS = ("/region/06", "/region/07")
MUNICIPALITIES = ("837", "908")
QUARTERS = ("2026-Q1", "2026-Q2", "2026-Q3")


def _state(*events: Event) -> ReferralFeedback:
    return PlayedEvents([issued(), *events]).known()


# --- the loop

STANDINGS: list[tuple[list[Event], tuple[str, str]]] = [
    ([], ("open", "matching")),
    ([none_found()], ("open", "matching")),
    ([proposed()], ("open", "choice")),
    ([proposed(), waitlisted()], ("open", "place")),
    ([proposed(), reserved()], ("open", "attendance")),
    ([reserved(), completed()], ("completed", "")),
    ([reserved(), completed("discontinued"), closed("discontinued")], ("completed", "")),
    ([none_found(), lapsed("no_activity_found"), closed("no_activity_found", 30)], ("matching", "no_activity_found")),
    ([proposed(), lapsed(), closed("not_chosen", 30)], ("choice", "not_chosen")),
    ([refused("closed"), refused("full", 3, organiser=OTHER_OPISTO), lapsed()], ("place", "full")),
    ([refused("unknown"), lapsed("no_activity_found")], ("place", "unknown")),
    ([refused("cancelled"), lapsed()], ("place", "cancelled")),
    ([reserved(), released(), lapsed()], ("choice", "not_chosen")),
    ([reserved(), lapsed("never_attended")], ("attendance", "never_attended")),
    ([reserved(), lapsed("not_recorded")], ("attendance", "not_recorded")),
    ([reserved(), lapsed("not_recorded"), completed(day=40)], ("completed", "")),
    ([proposed(), closed("withdrawn", 9)], ("withdrawn", "")),
    ([closed("withdrawn", 1), proposed(2)], ("withdrawn", "")),
    ([lapsed(), closed("not_chosen", 30), reserved(31)], ("open", "attendance")),
    ([lapsed(), closed("not_chosen", 30), proposed(31, number=1)], ("open", "choice")),
    (
        [reserved(), completed("discontinued"), closed("discontinued"), reserved(80, organiser=OTHER_OPISTO)],
        ("open", "attendance"),
    ),
    ([reserved(), completed(), closed(), proposed(80, number=1)], ("completed", "")),
    ([erased()], ("withdrawn", "")),
    ([lapsed(), erased(day=50)], ("erased", "lapsed")),
    ([completed(), erased(day=90)], ("completed", "")),
]


@pytest.mark.parametrize(("events", "expected"), STANDINGS)
def test_a_referral_stands_in_one_place(events: list[Event], expected: tuple[str, str]) -> None:
    assert standing(_state(*events)) == expected


def _accounted(report: dict[str, Any]) -> int:
    lost = sum(n for reasons in report["lost"].values() for n in reasons.values())
    return int(report["completed"] + report["withdrawn"] + lost + sum(report["open"].values()))


@given(st.lists(st.sampled_from([events for events, _ in STANDINGS]), max_size=12))
def test_every_count_adds_up(stories: list[list[Event]]) -> None:
    report = loop([_state(*events) for events in stories], ReportFilters())
    assert report["issued"] == len(stories) == _accounted(report)


def test_the_loop_counts_who_came_how_far() -> None:
    report = loop([_state(*events) for events, _ in STANDINGS], ReportFilters())
    assert report["issued"] == len(STANDINGS)
    assert report["discontinued"] == 1
    assert report["lost"] == {
        "matching": {"no_activity_found": 1},
        "choice": {"not_chosen": 2},
        "place": {"full": 1, "closed": 0, "cancelled": 1, "unknown": 1},
        "attendance": {"never_attended": 1, "not_recorded": 1},
        "erased": {"lapsed": 1},
    }
    over = [
        story for story, (where, _) in STANDINGS if where != "open" and not any("Erased" in one.name for one in story)
    ]
    assert report["sessions"] == {
        "attended": 16,
        "missed": len(over),
        "told_ahead": 2 * len(over),
        "not_recorded": 0,
    }
    assert report["withdrawn"] == 3
    assert report["attended"] == 5
    assert report["erased"] == 3


@pytest.mark.parametrize(
    "goes_on",
    [
        [proposed(), lapsed(), closed("not_chosen", 30), reserved(31)],
        [proposed(), lapsed(), closed("not_chosen", 30), proposed(31, number=1)],
        [reserved(), completed("discontinued"), closed("discontinued"), reserved(80, organiser=OTHER_OPISTO)],
    ],
)
def test_a_referral_that_is_opened_again_is_not_closed(goes_on: list[Event]) -> None:
    assert loop([_state(*goes_on)], ReportFilters())["closed"] == 0
    assert loop([_state(*goes_on[:-1])], ReportFilters())["closed"] == 1
    ended_anew = [*goes_on, completed(day=120), closed(day=121)]
    assert loop([_state(*ended_anew)], ReportFilters())["closed"] == 1


def test_synthetic_referrals_are_in_no_report() -> None:
    synthetic = PlayedEvents([issued(synthetic=True), reserved()]).known()
    assert loop([synthetic], ReportFilters())["issued"] == 0


@given(st.lists(st.sampled_from([events for events, _ in STANDINGS]), max_size=6))
def test_what_a_region_issued_does_not_shrink_when_consents_are_withdrawn(stories: list[list[Event]]) -> None:
    asked = ReportFilters(region="/region/06", first="2026-Q3", last="2026-Q3")
    before = loop([_state(*events) for events in stories], asked)
    after = loop([_state(*events, erased(day=99)) for events in stories], asked)
    assert after["issued"] == before["issued"] == len(stories)
    assert after["issued"] == _accounted(after)
    assert after["erased"] == len(stories)


def test_erased_referrals_are_counted_but_where_a_municipality_is_asked_for() -> None:
    gone = _state(erased())
    assert loop([gone], ReportFilters(first="2026-Q3", last="2026-Q3"))["withdrawn"] == 1
    assert loop([gone], ReportFilters(first="2026-Q4"))["withdrawn"] == 0
    assert loop([gone], ReportFilters(region="/region/06"))["withdrawn"] == 1
    assert loop([gone], ReportFilters(region="/region/07"))["withdrawn"] == 0
    assert loop([gone], ReportFilters(municipality="908"))["withdrawn"] == 0
    never_issued = PlayedEvents([erased()]).known()
    assert loop([never_issued], ReportFilters())["issued"] == 0


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (ReportFilters(), 1),
        (ReportFilters(region="/region/06", municipality="908", first="2026-Q3", last="2026-Q3"), 1),
        (ReportFilters(region="/region/07"), 0),
        (ReportFilters(municipality="837"), 0),
        (ReportFilters(first="2026-Q4"), 0),
        (ReportFilters(last="2026-Q2"), 0),
    ],
)
def test_the_loop_takes_what_is_asked_for(filters: ReportFilters, count: int) -> None:
    assert loop([_state(proposed())], filters)["issued"] == count


# --- the outcomes


def _person(before: int, after: int, cell: Cell = ("/region/06", "2026-Q3", "908"), **more: Any) -> Figures:
    region, quarter, municipality = cell
    respondent = more.get("respondent", "participant")
    answers = (
        (respondent, "after", "dimensions_v1", {"health": after}),
        (respondent, "after", "experience_v1", {"satisfaction": 4}),
        (respondent, "before", "dimensions_v1", {"health": before}),
    )
    return Figures(region, municipality, quarter, answers)


def _health(people: Iterable[Figures], filters: ReportFilters) -> Any:
    return outcomes(list(people), filters)["participants"]["dimensions_v1"]["health"]


def test_five_are_shown_with_means_of_the_same_people() -> None:
    unpaired = Figures("/region/06", "908", "2026-Q3", (("participant", "before", "dimensions_v1", {"health": 0}),))
    report = outcomes([*(_person(2, 2 + change) for change in range(5)), unpaired], ReportFilters())
    assert report["participants"]["dimensions_v1"]["health"] == {
        "n": 5,
        "mean_before": 2.0,
        "mean_after": 4.0,
        "mean_change": 2.0,
    }
    assert report["participants"]["experience_v1"]["satisfaction"] == {"n": 5, "mean": 4.0}


@pytest.mark.parametrize("n", range(AT_LEAST))
def test_fewer_than_five_are_not_shown(n: int) -> None:
    hidden = {"n": "<5", "suppressed": True}
    report = outcomes([_person(2, 5)] * n, ReportFilters())
    assert report["participants"]["dimensions_v1"]["health"] == hidden
    assert report["participants"]["experience_v1"]["satisfaction"] == hidden
    assert report["participants"]["who5"]["score"] == hidden


def test_who5_is_reported_by_its_score() -> None:
    answers = (("participant", "after", "who5", {"score": 60}), ("participant", "before", "who5", {"score": 40}))
    report = outcomes([Figures("/region/06", "908", "2026-Q3", answers)] * 5, ReportFilters())
    assert report["participants"]["who5"] == {
        "score": {"n": 5, "mean_before": 40.0, "mean_after": 60.0, "mean_change": 20.0}
    }


def test_carers_are_reported_apart() -> None:
    report = outcomes([_person(1, 3, respondent="carer")] * 5, ReportFilters())
    assert report["carers"]["dimensions_v1"]["health"]["n"] == 5
    assert report["participants"]["dimensions_v1"]["health"]["n"] == "<5"


def test_partners_experience_is_shown_however_few_they_are() -> None:
    answers = (
        ("opisto", "after", "experience_v1", {"satisfaction": 5, "recommend": 9}),
        ("region", "after", "experience_v1", {"satisfaction": 3}),
        ("library", "after", "experience_v1", {"recommend": 7}),
    )
    figures = Figures("/region/06", "908", "2026-Q3", answers)
    nothing: dict[str, Any] = {kind: {} for kind in PARTNER_KINDS}
    assert outcomes([figures], ReportFilters())["partners"] == nothing | {
        "library": {"recommend": {"n": 1, "mean": 7.0}},
        "region": {"satisfaction": {"n": 1, "mean": 3.0}},
        "opisto": {"satisfaction": {"n": 1, "mean": 5.0}, "recommend": {"n": 1, "mean": 9.0}},
    }
    assert outcomes([figures], ReportFilters(region="/region/07"))["partners"] == nothing


def test_of_two_partners_of_one_kind_both_answers_count() -> None:
    answers = tuple(("library", "after", "experience_v1", {"satisfaction": said}) for said in (2, 5))
    figures = Figures("/region/06", "908", "2026-Q3", answers)
    assert outcomes([figures], ReportFilters())["partners"]["library"] == {"satisfaction": {"n": 2, "mean": 3.5}}


def test_a_part_is_hidden_where_it_would_show_a_smaller_rest() -> None:
    many, few = ("/region/06", "2026-Q3", "908"), ("/region/06", "2026-Q3", "837")
    people = [_person(2, 5, many)] * 6 + [_person(9, 1, few)] * 2
    assert _health(people, ReportFilters())["n"] == 8
    assert _health(people, ReportFilters(municipality="837")) == {"n": "<5", "suppressed": True}
    # Shown, the 6 of 908 could be subtracted from the 8 of all.
    assert _health(people, ReportFilters(municipality="908")) == {"suppressed": True}


def test_a_part_is_shown_where_the_rest_is_large_enough() -> None:
    people = [
        *[_person(2, 5, ("/region/06", "2026-Q3", "908"))] * 5,
        *[_person(2, 5, ("/region/06", "2026-Q3", "837"))] * 7,
    ]
    assert [_health(people, ReportFilters(municipality=code))["n"] for code in ("908", "837")] == [5, 7]


def test_small_quarters_are_shown_together() -> None:
    people = [_person(2, 5, ("/region/06", quarter, "908")) for quarter in ("2026-Q1", "2026-Q2") for _ in range(3)]
    assert _health(people, ReportFilters(municipality="908"))["n"] == 6
    assert _health(people, ReportFilters(last="2026-Q1"))["n"] == "<5"


cells = st.tuples(st.sampled_from(REGIONS), st.sampled_from(QUARTERS), st.sampled_from(MUNICIPALITIES))
sizes_of_cells = st.dictionaries(cells, st.integers(1, 9), max_size=12)
filters_of = st.builds(
    ReportFilters,
    st.none() | st.sampled_from(REGIONS),
    st.none() | st.sampled_from(MUNICIPALITIES),
    st.none() | st.sampled_from(QUARTERS),
    st.none() | st.sampled_from(QUARTERS),
)


@given(sizes_of_cells)
def test_groups_share_no_cell_and_hold_five_or_more(sizes: dict[Cell, int]) -> None:
    groups = groups_of(sizes)
    assert all(sum(sizes[cell] for cell in group) >= AT_LEAST for group in groups)
    in_groups = [cell for group in groups for cell in group]
    assert len(in_groups) == len(set(in_groups))
    # Nobody is left out of the report that asks for all, unless there are too few of all.
    assert set(in_groups) == (set(sizes) if sum(sizes.values()) >= AT_LEAST else set())


@given(sizes_of_cells, st.lists(filters_of, min_size=2, max_size=4))
def test_no_answers_subtracted_from_one_another_show_fewer_than_five(
    sizes: dict[Cell, int], asked: list[ReportFilters]
) -> None:
    people = [(cell, number) for cell, size in sizes.items() for number in range(size)]
    groups = groups_of(sizes)
    shown = [
        {(cell, number) for cell, number in people for group in groups if cell in group and all(map(one.take, group))}
        for one in asked
    ]
    for first in shown:
        for second in shown:
            assert not 0 < len(first - second) < AT_LEAST
            assert not 0 < len(first & second) < AT_LEAST


@given(st.lists(st.tuples(cells, st.integers(0, 10), st.integers(0, 10)), max_size=30), filters_of)
def test_what_is_shown_is_never_of_fewer_than_five(drawn: list[tuple[Cell, int, int]], filters: ReportFilters) -> None:
    shown = _health([_person(before, after, cell) for cell, before, after in drawn], filters)
    asked = [one for one in drawn if filters.take(one[0])]
    if "mean_change" in shown:
        assert AT_LEAST <= shown["n"] <= len(asked)
    else:
        assert shown["suppressed"] is True
    if filters == ReportFilters() and len(drawn) >= AT_LEAST:
        assert shown["n"] == len(drawn)
