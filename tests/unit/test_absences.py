"""Three sessions missed in a row without a word: the one who referred is told once, whatever the order of arrival."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.referral.absences import rows_missed
from shared.contracts.envelope import Event
from tests.unit.facts import OPISTO, a_referral, at, chosen, issued, published, recorded, withdrawn
from tests.unit.network import Network

SESSIONS = tuple(f"s{number}" for number in range(1, 8))
MEETINGS = [(session, 10 + number) for number, session in enumerate(SESSIONS)]
PLACED = (published(meetings=MEETINGS), issued(), chosen(1))
KINDS: dict[str, dict[str, Any]] = {
    "came": {"came": True},
    "missed": {"came": False},
    "told": {"came": False, "told_ahead": True},
}


def said(kinds: str) -> list[Event]:
    """The records of the sessions in their order: `mma` is missed, missed, attended; `t` told ahead, `-` not recorded."""
    named = {"m": "missed", "a": "came", "t": "told"}
    return [
        recorded(day + 0.5, session, **KINDS[named[kind]])
        for kind, (session, day) in zip(kinds, MEETINGS, strict=False)
        if kind != "-"
    ]


def told(network: Network) -> list[int]:
    """How many sessions each word named."""
    return [word["in_a_row"] for word in network.told(a_referral(), "AbsencesNoticed")]


def played(events: Iterable[Event]) -> Network:
    network = Network(at(-20))
    network.in_order([*PLACED, *events])
    return network


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        ("mm", []),
        ("mmm", [3]),
        ("mmmm", [3]),
        ("mmmmmmm", [3]),
        ("mmtm", []),
        ("mmamm", []),
        ("mm-m", []),
        ("mmtmmm", [3]),
        ("mmmammm", [3, 3]),
        ("mmmtmmm", [3, 3]),
        ("ttt", []),
    ],
)
def test_three_missed_in_a_row_without_a_word_are_told_once_a_row(kinds: str, words: list[int]) -> None:
    assert told(played(said(kinds))) == words


def test_the_word_names_the_activity_and_no_session() -> None:
    [word] = played(said("mmm")).told(a_referral(), "AbsencesNoticed")
    assert word == {"referral_id": a_referral(), "organiser": OPISTO, "activity_id": "a", "in_a_row": 3}


def test_a_correction_that_ends_a_row_and_one_that_brings_it_back_say_nothing_new() -> None:
    network = played([*said("mmm"), recorded(20, "s2"), recorded(21, "s2", came=False)])
    assert told(network) == [3]


def test_a_row_that_a_correction_begins_anew_is_told() -> None:
    network = played([*said("mmm"), recorded(12.7, "s2"), *said("---mm")])
    assert told(network) == [3, 3]


def test_a_late_record_that_joins_two_rows_is_none() -> None:
    assert told(played([*said("mmm-mmm"), recorded(30, "s4", came=False)])) == [3, 3]


def test_of_a_row_that_ends_all_the_region_hears_too() -> None:
    network = played(said("mmmmmmm"))
    assert network.view(a_referral()).status == "lapsed"
    assert told(network) == [3]


@pytest.mark.parametrize("reason", ["client_wish", "consent_withdrawn"])
def test_nothing_is_told_of_what_the_region_took_back(reason: str) -> None:
    assert told(played([withdrawn(9, reason), *said("mmmm")])) == []


def test_nothing_is_told_in_a_feed_after_an_erasure() -> None:
    network = Network(at(-20), telling=True)
    network.in_order([*PLACED, *said("mmm"), withdrawn(20, "consent_withdrawn")])
    said_still = [one for feed in network.feeds(a_referral()).values() for one in feed if "erased" not in one]
    assert {one["type"].split(".")[-2] for one in said_still} == {"ReferralErased", "ReferralClosed", "PlaceReleased"}


def test_the_region_reads_it_in_its_feed_and_the_organiser_does_not() -> None:
    network = Network(at(-20), telling=True)
    network.in_order([*PLACED, *said("mmm")])
    readers = {
        owner
        for owner, feed in network.feeds(a_referral()).items()
        if any(one["type"].endswith("AbsencesNoticed.v1") for one in feed)
    }
    assert readers == {"/region/06"}


RECORDS = st.lists(
    st.tuples(st.integers(18, 40), st.sampled_from(SESSIONS), st.sampled_from(["came", "missed", "missed", "told"])),
    max_size=14,
)
quick = settings(derandomize=True, deadline=None, max_examples=40)


def records(drawn: Iterable[tuple[int, str, str]]) -> list[Event]:
    made = [recorded(day, session, **KINDS[kind]) for day, session, kind in drawn]
    return list({one.id: one for one in made}.values())


def rows_of(network: Network) -> list[list[str]]:
    return [[one.session for one in row] for row in rows_missed(network.view(a_referral()).sessions)]


@quick
@given(RECORDS, st.integers(0, 2**16))
def test_any_order_and_any_repetition_end_with_the_same_rows_of_which_each_was_told(
    drawn: list[tuple[int, str, str]], seed: int
) -> None:
    first = played(records(drawn))
    other = Network(at(50), seed=seed)
    for event in (*PLACED, *records(drawn)):
        other.send(event)
    other.drain(repeat=0.5)
    assert rows_of(first) == rows_of(other)
    for network in (first, other):
        known = set(network.referral(a_referral()).absences)
        assert all(f"{OPISTO} a {session}" in known for row in rows_of(network) for session in row)
        before = told(network)
        network.replay()
        network.drain()
        assert told(network) == before


@quick
@given(st.lists(st.sampled_from("mmmat"), min_size=7, max_size=7), st.integers(0, 2**16))
def test_without_corrections_no_session_is_told_of_twice(kinds: list[str], seed: int) -> None:
    network = Network(at(50), seed=seed)
    for event in (*PLACED, *said("".join(kinds))):
        network.send(event)
    network.drain(repeat=0.3)
    rows, words = rows_of(network), told(network)
    assert len(rows) <= len(words)
    assert sum(words) <= sum(len(row) for row in rows)
