"""The loop by route, unit, age band, theme, accessibility and funding: rows that add up, and show no fewer than five."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.feedback.compared import COLUMNS, ENDS, OF_ONE, OF_SEVERAL, STEPS, VALUES, compared
from services.feedback.model import KnownIssue, ReferralFeedback
from services.feedback.reports import AT_LEAST, ReportFilters, loop
from services.feedback.small_cells import Cell, Table, hidden_cells
from shared.contracts.envelope import Event
from tests.unit.feedback_facts import (
    PlayedEvents,
    closed,
    completed,
    erased,
    issued,
    lapsed,
    none_found,
    proposed,
    reserved,
)

EVERYTHING: Final = ReportFilters()
STORIES: Final[dict[str, list[Event]]] = {
    "completed": [proposed(), reserved(), completed(), closed()],
    "withdrawn": [proposed(), closed("withdrawn", 9)],
    "lost": [proposed(), lapsed(), closed("not_chosen", 30)],
    "unmatched": [none_found(), lapsed("no_activity_found")],
    "placed": [proposed(), reserved()],
}
"""A referral's story, by a name: the last two are `lost` and `open`."""
HIDDEN: Final = {"suppressed": True}
BY: Final = (*OF_ONE, *OF_SEVERAL)


def _played(*events: Event) -> ReferralFeedback:
    return PlayedEvents(events).known()


PLAYED: Final = {name: _played(issued(), *story) for name, story in STORIES.items()}


def a_referral(
    story: str = "completed", source: str = "/region/06", year: int = 2026, **fields: Any
) -> ReferralFeedback:
    """A referral of this story, route and so on."""
    state = PLAYED[story]
    assert state.issued
    assert state.first_issued_at
    known = {"route": "outreach", "age_band": "65-74", "unit": "u1", **fields}
    return msgspec.structs.replace(
        state,
        issued=msgspec.structs.replace(state.issued, source=source, **known),
        first_issued_at=state.first_issued_at.replace(year=year),
    )


def _with(field: str, value: Any) -> ReferralFeedback:
    said: dict[str, Any] = {field: value}
    return a_referral(**said)


def rows(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["value"]: {name: figure for name, figure in row.items() if name != "value"} for row in found["rows"]}


def seen(row: Mapping[str, Any]) -> dict[str, int]:
    """The numbers that a row shows."""
    return {name: figure["n"] for name, figure in row.items() if "n" in figure}


def totals(states: Sequence[ReferralFeedback]) -> dict[str, int]:
    report = loop(states, EVERYTHING)
    lost = sum(n for reasons in report["lost"].values() for n in reasons.values())
    return {column: report[column] for column in ("issued", *STEPS, "completed", "withdrawn")} | {
        "lost": lost,
        "open": sum(report["open"].values()),
    }


def test_routes_are_compared_in_rows_with_how_far_each_came() -> None:
    states = [a_referral(route="outreach")] * 7 + [a_referral("placed", route="outreach")] * 5
    states += [a_referral("lost", route="clinic")] * 6 + [a_referral(route="clinic")] * 8
    found = rows(compared(states, EVERYTHING, "route"))
    assert seen(found["outreach"]) == {"issued": 12, "completed": 7, "open": 5, "proposed": 12, "placed": 12} | {
        "attended": 7,
        "closed": 7,
    }
    assert seen(found["clinic"]) == {"issued": 14, "completed": 8, "lost": 6, "proposed": 14} | {
        "placed": 8,
        "attended": 8,
        "closed": 14,
    }
    assert found["library"]["issued"] == HIDDEN


@pytest.mark.parametrize("by", BY)
def test_each_dimension_reaches_the_figures(by: str) -> None:
    of_each: dict[str, tuple[str, Any]] = {
        "route": ("route", "self"),
        "unit": ("unit", "u7"),
        "age_band": ("age_band", "0-6"),
        "theme": ("themes", ("singing", "dance")),
        "accessibility": ("accessibility", ("quiet", "step_free")),
        "funding": ("funding", ("kaikukortti", "agreement")),
    }
    field, value = of_each[by]
    found = rows(compared([_with(field, value)] * 5, EVERYTHING, by))
    names = [value] if isinstance(value, str) else value
    shown = [f"/region/06 {name}" if by == "unit" else name for name in names]
    assert {name: row["issued"] for name, row in found.items() if "n" in row["issued"]} == {
        name: {"n": 5} for name in shown
    }


def test_every_route_has_a_row_and_so_have_those_that_named_none() -> None:
    assert list(rows(compared([], EVERYTHING, "route"))) == [*VALUES["route"]]
    assert {"self", "library", "not_stated"} < set(VALUES["route"])
    found = compared([a_referral(route="")] * 6, EVERYTHING, "route")
    assert seen(rows(found)["not_stated"])["issued"] == 6


def test_a_small_value_is_hidden_and_so_is_another_that_would_show_it() -> None:
    states = [a_referral(route="outreach")] * 9 + [a_referral(route="clinic")] * 6 + [a_referral(route="self")] * 2
    found = compared(states, EVERYTHING, "route")
    shown = rows(found)
    assert shown["self"]["issued"] == HIDDEN
    assert shown["clinic"]["issued"] == HIDDEN
    assert shown["outreach"]["issued"] == {"n": 9}
    assert found["rest"]["issued"] == 8


def test_two_small_values_that_are_five_together_hide_no_other() -> None:
    states = [a_referral(route="outreach")] * 9 + [
        a_referral(route=route) for route in ("self", "clinic") for _ in range(3)
    ]
    shown = rows(compared(states, EVERYTHING, "route"))
    assert seen(shown["outreach"])["issued"] == 9
    assert [shown[route]["issued"] for route in ("self", "clinic")] == [HIDDEN, HIDDEN]


def test_a_small_number_in_a_large_row_is_hidden_with_what_would_show_it() -> None:
    states = [a_referral(route="outreach")] * 9 + [a_referral("lost", route="outreach")] * 2
    states += [a_referral(route="clinic")] * 8 + [a_referral("lost", route="clinic")] * 7
    shown = rows(compared(states, EVERYTHING, "route"))
    assert shown["outreach"]["lost"] == HIDDEN
    # By the sums: 11 - 9 of the row, 9 - 7 of the column.
    assert shown["outreach"]["completed"] == HIDDEN
    assert shown["clinic"]["lost"] == HIDDEN
    assert shown["clinic"]["completed"] == HIDDEN
    assert {route: shown[route]["issued"] for route in ("outreach", "clinic")} == {
        "outreach": {"n": 11},
        "clinic": {"n": 15},
    }


def test_of_several_regions_each_is_hidden_by_itself_and_what_is_shown_is_a_least_number() -> None:
    here = [a_referral(route="clinic")] * 8 + [a_referral(route="outreach")] * 9
    there = [a_referral(source="/region/07", route="clinic")] * 3 + [
        a_referral(source="/region/07", route="outreach")
    ] * 6
    shown = rows(compared([*here, *there], EVERYTHING, "route"))
    assert shown["clinic"]["issued"] == {"n": 8, "suppressed": True}
    own = rows(compared([*here, *there], ReportFilters(region="/region/06"), "route"))
    assert own["clinic"]["issued"] == {"n": 8}


def test_years_are_blocks_of_their_own() -> None:
    states = [a_referral(year=year, route="clinic") for year in (2025, 2026) for _ in range(6)]
    assert rows(compared(states, EVERYTHING, "route"))["clinic"]["issued"] == {"n": 12}
    only = ReportFilters(first="2026-Q1", last="2026-Q4")
    assert rows(compared(states, only, "route"))["clinic"]["issued"] == {"n": 6}


def test_units_of_two_regions_with_the_same_code_are_two() -> None:
    states = [a_referral(source=source) for source in ("/region/06", "/region/07") for _ in range(5)]
    found = rows(compared(states, EVERYTHING, "unit"))
    assert {value: row["issued"] for value, row in found.items()} == {
        "/region/06 u1": {"n": 5},
        "/region/07 u1": {"n": 5},
    }


def test_of_a_region_that_names_a_thousand_units_a_hundred_have_a_row_the_largest() -> None:
    states = [a_referral(unit=f"u{number}") for number in range(150) for _ in range(6 if number == 149 else 5)]
    found = compared(states, EVERYTHING, "unit")
    assert len(found["rows"]) == 100
    assert "/region/06 u149" in rows(found)
    assert found["rest"]["issued"] == 250


def test_of_several_themes_a_referral_stands_in_several_rows_and_none_shows_those_without() -> None:
    both = [a_referral(themes=("singing", "dance"))] * 6
    found = compared([*both, *[a_referral(themes=("dance",))] * 3], EVERYTHING, "theme")
    assert "rest" not in found
    # 9 danced; 3 without singing could be subtracted.
    assert rows(found)["singing"]["issued"] == HIDDEN
    assert rows(found)["dance"]["issued"] == {"n": 9}


def test_of_an_erased_referral_no_value_is_known_and_it_is_counted() -> None:
    gone = _played(issued(route="self"), *STORIES["completed"], erased(80))
    states = [a_referral(route="self")] * 5 + [gone]
    found = compared(states, EVERYTHING, "route")
    assert rows(found)["self"]["issued"] == {"n": 5}
    assert found["rest"]["issued"] == 1
    assert b"self" not in msgspec.json.encode(gone)


@pytest.mark.parametrize("by", BY)
def test_a_referral_issued_before_this_was_kept_is_counted_without_a_value(by: str) -> None:
    state = a_referral()
    assert state.issued
    of_old = KnownIssue(
        *(getattr(state.issued, name) for name in ("time", "rank", "source", "municipality", "feedback"))
    )
    read = msgspec.json.decode(msgspec.json.encode(of_old), type=KnownIssue)
    found = compared([msgspec.structs.replace(state, issued=read)] * 6, EVERYTHING, by)
    assert found.get("rest", {}).get("issued") == (6 if by in OF_ONE else None)
    assert not any(seen(row) for row in rows(found).values())


def test_synthetic_referrals_are_in_no_row() -> None:
    states = [msgspec.structs.replace(a_referral(), synthetic=True)] * 9
    assert compared(states, EVERYTHING, "route")["rest"]["issued"] == 0


# --- any order


@settings(derandomize=True, deadline=None, max_examples=80)
@given(
    st.permutations(
        [
            issued(0, route="clinic", unit_ref="u1"),
            issued(3, route="outreach", age_band="85-", unit_ref="u2", themes=("dance",)),
            issued(2, route="self", source="/region/07"),
            *STORIES["completed"],
        ]
    ),
    st.data(),
)
def test_in_any_order_and_repeated_the_latest_issue_is_counted_once(events: list[Event], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(events), max_size=4))
    known = {one.id: one for one in events}
    played = PlayedEvents([*events, *(known[one.id] for one in again)]).known()
    for by, value in {"route": "outreach", "unit": "/region/06 u2", "age_band": "85-", "theme": "dance"}.items():
        shown = rows(compared([played] * 5, EVERYTHING, by))
        assert {name for name, row in shown.items() if seen(row)} == {value}
        assert seen(shown[value])["completed"] == 5


# --- against a recount, and against subtracting

OF_STATE: Final[Mapping[str, Callable[[KnownIssue], Iterable[str]]]] = {
    "route": lambda one: [one.route or "not_stated"],
    "unit": lambda one: [f"{one.source} {one.unit}"],
    "age_band": lambda one: [one.age_band],
    "theme": lambda one: one.themes or ["not_stated"],
    "accessibility": lambda one: one.accessibility or ["not_stated"],
    "funding": lambda one: one.funding or ["not_stated"],
}
kinds = st.builds(
    a_referral,
    st.sampled_from([*STORIES]),
    st.sampled_from(["/region/06", "/region/07"]),
    st.sampled_from([2025, 2026]),
    route=st.sampled_from(["", "clinic", "self", "outreach"]),
    age_band=st.sampled_from(["0-6", "85-"]),
    unit=st.sampled_from(["u1", "u2"]),
    themes=st.sampled_from([(), ("dance",), ("dance", "music"), ("music",)]),
    accessibility=st.sampled_from([(), ("quiet",)]),
    funding=st.sampled_from([(), ("agreement",), ("agreement", "kaikukortti")]),
)
crowds = st.lists(st.tuples(kinds, st.integers(1, 9)), max_size=10).map(
    lambda drawn: [one for one, n in drawn for _ in range(n)]
)
askings = st.builds(
    ReportFilters,
    st.sampled_from([None, "/region/06"]),
    st.none(),
    st.sampled_from([None, "2026-Q1"]),
    st.sampled_from([None, "2025-Q4"]),
)


def recounted(states: Iterable[ReferralFeedback], by: str) -> dict[str, Counter[str]]:
    """A plain count of everybody, a value a row."""
    found: dict[str, Counter[str]] = {}
    for state in states:
        assert state.issued
        own = totals([state])
        for value in OF_STATE[by](state.issued):
            found.setdefault(value, Counter()).update(own)
    return found


@settings(derandomize=True, deadline=None, max_examples=150)
@given(crowds, st.sampled_from(BY), askings)
def test_what_is_shown_is_never_more_than_a_recount_nor_fewer_than_five_and_all_of_it_adds_up(
    states: list[ReferralFeedback], by: str, asked: ReportFilters
) -> None:
    taken = [state for state in states if loop([state], asked)["issued"]]
    found = compared(states, asked, by)
    true = recounted(taken, by)
    for value, row in rows(found).items():
        for column, figure in row.items():
            n = true.get(value, Counter())[column]
            if "suppressed" not in figure:
                assert figure["n"] == n >= AT_LEAST
            elif "n" in figure:
                assert AT_LEAST <= figure["n"] < n
    if "rest" in found:
        sums = Counter[str]()
        for row in rows(found).values():
            sums.update(seen(row))
        assert {column: sums[column] + found["rest"][column] for column in ("issued", *COLUMNS)} == totals(taken)


@settings(derandomize=True, deadline=None, max_examples=80)
@given(crowds, st.sampled_from(BY), askings, askings)
def test_what_a_wider_answer_has_more_than_a_narrower_is_none_or_five(
    states: list[ReferralFeedback], by: str, one: ReportFilters, other: ReportFilters
) -> None:
    wide, narrow = (
        ReportFilters(one.region, None, one.first, one.last),
        ReportFilters(one.region or other.region, None, one.first or other.first, one.last or other.last),
    )
    wider, narrower = (rows(compared(states, asked, by)) for asked in (wide, narrow))
    for value in wider:
        more, less = seen(wider[value]), seen(narrower.get(value, {}))
        for column in more.keys() | less.keys():
            difference = more.get(column, 0) - less.get(column, 0)
            assert difference == 0 or difference >= AT_LEAST


def worked_out(cell: Cell, table: Table, hidden: set[Cell]) -> bool:
    """Whether no other table has the same sums and the same shown cells, and another number in this cell.

    One more in a hidden cell leads from its row to its column, one fewer back: another table is a way round.
    """
    row, column = cell
    ways = {(f"row {r}", f"column {c}") for r, c in hidden} | {
        (f"column {c}", f"row {r}") for r, c in hidden if table[r][c]
    }
    ways -= {(f"row {row}", f"column {column}"), (f"column {column}", f"row {row}")}

    def leads(start: str, end: str) -> bool:
        reached = {start}
        while more := {to for from_, to in ways if from_ in reached} - reached:
            reached |= more
        return end in reached

    there, back = leads(f"column {column}", f"row {row}"), leads(f"row {row}", f"column {column}")
    return not (there or back)


tables = st.integers(2, 4).flatmap(
    lambda width: st.dictionaries(
        st.sampled_from(["", "r1", "r2", "r3", "r4"]),
        st.lists(st.integers(0, 12), min_size=width, max_size=width).map(
            lambda row: {f"c{at}": n for at, n in enumerate(row)}
        ),
        min_size=2,
        max_size=5,
    )
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(tables)
def test_no_small_cell_can_be_worked_out_from_the_others_and_the_sums(table: dict[str, dict[str, int]]) -> None:
    hidden = hidden_cells(table, AT_LEAST, unseen="")
    small = {(row, column) for row, cells in table.items() for column, n in cells.items() if 0 < n < AT_LEAST}
    assert small <= hidden
    assert not [cell for cell in small if worked_out(cell, table, hidden) and _has_another_side(cell, table)]
    if not small:
        assert hidden == {cell for cell in hidden if cell[0] == ""}


def _has_another_side(cell: Cell, table: Table) -> bool:
    """Whether there are people in another row and another column: else the sums themselves say what the cell says."""
    return any(
        n for row, cells in table.items() for column, n in cells.items() if row != cell[0] and column != cell[1]
    ) or (
        any(n for row, cells in table.items() if row != cell[0] for column, n in cells.items() if column == cell[1])
        and any(n for column, n in table[cell[0]].items() if column != cell[1])
    )


def test_of_a_table_of_one_row_only_the_small_is_hidden() -> None:
    assert hidden_cells({"r1": {"c0": 3, "c1": 9}}, AT_LEAST, unseen="") == {("r1", "c0")}


def test_the_ends_of_a_row_add_up_to_all_of_it() -> None:
    states = [a_referral(story) for story in STORIES for _ in range(5)]
    row = seen(rows(compared(states, EVERYTHING, "route"))["outreach"])
    assert row["issued"] == 25 == sum(row[end] for end in ENDS)
