"""Why a place is free again, as the organiser reads it: a loop that was closed takes nobody off a list."""

from collections.abc import Iterable

import pytest

from shared.contracts.envelope import Event
from tests.unit.facts import (
    OPISTO,
    REGION,
    STRANGER,
    a_referral,
    at,
    called_off,
    chosen,
    confirmed,
    issued,
    off_the_list,
    published,
    recorded,
    withdrawn,
)
from tests.unit.network import Network

PLACED = (published(), issued(feedback=False), chosen(1))
CLOSED = (*PLACED, recorded(20.1, "s1"), recorded(30.1, "s2"))
ANOTHER = published(-9, "b")


def played(events: Iterable[Event], *, silent_days: int = 0) -> Network:
    network = Network(at(-20), telling=True)
    network.in_order(events)
    network.let_time_pass(silent_days)
    return network


def read(network: Network, organiser: str = OPISTO) -> list[tuple[str, str]]:
    """What the organiser reads of places that are free, in order."""
    feed = network.feeds(a_referral()).get(organiser, [])
    free = [one["data"] for one in feed if "erased" not in one and one["type"].endswith("PlaceReleased.v1")]
    return [(one["activity_id"], one["reason"]) for one in free]


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (CLOSED, [("a", "loop_closed")]),
        ((*PLACED, withdrawn(2)), [("a", "withdrawn")]),
        ((*PLACED, withdrawn(2, "moved")), [("a", "withdrawn")]),
        ((*PLACED, withdrawn(2, "consent_withdrawn")), [("a", "withdrawn")]),
        ((ANOTHER, *PLACED, chosen(2, "b")), [("a", "moved")]),
        ((ANOTHER, *PLACED, called_off(2, "a", "b")), [("a", "moved")]),
        ((*PLACED, called_off(2)), [("a", "called_off")]),
        ((*PLACED, off_the_list(2)), [("a", "refused")]),
        ((*PLACED, recorded(20.1, "s1"), off_the_list(21)), [("a", "refused")]),
        ((published(-5, capacity=0, waiting=1), issued(), chosen(1), withdrawn(2)), [("a", "withdrawn")]),
    ],
)
def test_the_organiser_reads_why_the_place_is_free(events: Iterable[Event], said: list[tuple[str, str]]) -> None:
    assert read(played(events)) == said


def test_a_place_that_nobody_confirmed_in_time_says_so() -> None:
    assert read(played([published(confirm=True), issued(), chosen(1)], silent_days=16)) == [("a", "not_confirmed")]


def test_the_region_reads_the_same_reason() -> None:
    told = [one["data"] for one in played(CLOSED).feeds(a_referral())[REGION] if "PlaceReleased" in one["type"]]
    assert [one["reason"] for one in told] == ["loop_closed"]


def test_a_late_record_after_the_loop_was_closed_is_taken_and_frees_nothing_anew() -> None:
    three = published(meetings=[("s1", 20), ("s2", 30), ("s3", 31)])
    network = played([three, *PLACED[1:], recorded(20.1, "s1"), recorded(30.1, "s2")], silent_days=20)
    assert network.view(a_referral()).closed
    network.in_order([recorded(52, "s3")])
    closings = network.told(a_referral(), "ReferralClosed")
    assert [one["sessions"]["attended"] for one in closings] == [2, 3]
    assert closings[0]["closed_at"] == closings[1]["closed_at"]
    assert read(network) == [("a", "loop_closed")]


def test_a_withdrawal_that_comes_after_the_closing_but_was_before_the_end_corrects_the_reason() -> None:
    network = played(CLOSED)
    network.send(withdrawn(25))
    network.drain()
    assert read(network) == [("a", "loop_closed"), ("a", "withdrawn")]


def test_an_erasure_after_the_closing_leaves_that_the_loop_was_closed() -> None:
    assert read(played([*CLOSED, withdrawn(40, "consent_withdrawn")])) == [("a", "loop_closed")]


def test_who_never_had_a_place_or_only_asked_about_an_activity_hears_of_no_release() -> None:
    full = published(-5, capacity=0)
    assert read(played([full, issued(), chosen(1), withdrawn(2)])) == []
    elsewhere = published(-5, "x", organiser=STRANGER)
    asks = confirmed(3, "x", organiser=STRANGER)
    assert read(played([elsewhere, *PLACED, asks, withdrawn(4)]), STRANGER) == []
