"""What pays the places of an activity: uses of the Kaikukortti card and of study vouchers, each counted once for the course."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalogue import decide
from services.catalogue.model import Activity
from services.catalogue.paying import cards_left, uses
from services.catalogue.settle import settle
from shared.contracts import catalogue_events
from shared.contracts.envelope import Event
from tests.unit import facts
from tests.unit.facts import a_referral, at, called_off
from tests.unit.test_catalogue_decide import after, asks, gives_up

CARD: dict[str, Any] = {"funding": ("kaikukortti",), "kaikukortti_from": at(-100).date()}
VOUCHER: dict[str, Any] = {"funding": ("opintoseteli",)}
DEAR: dict[str, Any] = {"price_cents": 4_500, "accepts": ["kaikukortti", "opintoseteli"], "capacity": 9}
FIRST = 20
"""The day of the first session."""


def course(day: float = -1, *, quota: int | None = None, **fields: Any) -> Event[Any]:
    limits = {} if quota is None else {"kaikukortti_places": quota}
    return facts.published(day, **{**DEAR, **limits, **fields})


def used(state: Activity) -> int:
    return len(uses(state, "kaikukortti"))


def by_rule(state: Activity) -> dict[str, str | None]:
    names = {a_referral(name): name for name in "xyz"}
    return {names[referral]: claim.paid.rule if claim.paid else None for referral, claim in state.claims.items()}


def test_a_place_that_the_card_pays_is_one_use_and_both_sides_are_told_the_price() -> None:
    state, follow = after(course(quota=2), asks("x", 1, **CARD))
    assert (used(state), cards_left(state)) == (1, 1)
    (told,) = follow
    assert isinstance(told, catalogue_events.PlaceReserved)
    assert (told.price_cents, told.price_rule) == (0, "kaikukortti")


@pytest.mark.parametrize(
    ("fields", "asked", "price"),
    [({"price_cents": 0}, {}, (0, "free")), ({}, {}, (4_500, "full")), ({}, VOUCHER, (0, "opintoseteli"))],
)
def test_each_place_says_what_it_costs_and_why(
    fields: dict[str, Any], asked: dict[str, Any], price: tuple[int, str]
) -> None:
    _, (told, *_) = after(course(**fields), asks("x", 1, **asked))
    assert (told.price_cents, told.price_rule) == price


def test_beyond_the_quota_the_place_is_given_at_the_full_price() -> None:
    state, (told,) = after(course(quota=1), asks("x", 1, **CARD), asks("y", 2, **CARD))
    assert by_rule(state) == {"x": "kaikukortti", "y": None}
    assert (told.price_cents, told.price_rule) == (4_500, "full")


def test_a_card_that_ended_before_the_first_session_pays_nothing() -> None:
    ends_before: dict[str, Any] = {
        "funding": ("kaikukortti",),
        "kaikukortti_from": (at(FIRST) - timedelta(days=366)).date(),
    }
    assert used(after(course(), asks("x", 1, **ends_before))[0]) == 0


def test_asking_again_is_no_second_use() -> None:
    state, _ = after(
        course(quota=1),
        asks("x", 1, **CARD),
        asks("x", 1, number=2, enrolled=True, **CARD),
        asks("x", 3, number=3, **CARD),
    )
    assert used(state) == 1
    assert state.claims[a_referral("x")].state == "reserved"


def test_a_place_given_back_before_the_course_was_no_use_and_the_next_has_it() -> None:
    state, follow = after(course(quota=1), asks("x", 1, **CARD), asks("y", 2, **CARD), gives_up("x", 3))
    assert by_rule(state) == {"x": None, "y": "kaikukortti"}
    assert [type(one).__name__ for one in follow] == ["PlaceReleased", "PlaceReserved"]
    assert follow[-1].price_rule == "kaikukortti"


def test_a_place_given_back_once_the_course_has_begun_was_a_use_and_stays_one_if_it_is_asked_for_again() -> None:
    begun = (course(quota=2), asks("x", 1, **CARD), gives_up("x", FIRST + 1))
    assert used(after(*begun)[0]) == 1
    assert used(after(*begun, asks("x", FIRST + 2, number=3, **CARD))[0]) == 1
    assert used(after(*begun, asks("x", FIRST + 2, number=3, **CARD), gives_up("x", FIRST + 3, number=4))[0]) == 1


def test_a_use_stays_counted_without_the_referral_after_an_erasure() -> None:
    state, _ = after(course(quota=2), asks("x", 1, **CARD), gives_up("x", FIRST + 1, follow=False))
    assert used(state) == 1
    claim = state.claims[a_referral("x")]
    assert (claim.paid, claim.means.funding, claim.spent) == (None, (), False)
    before, _ = after(course(quota=2), asks("x", 1, **CARD), gives_up("x", FIRST - 1, follow=False))
    assert used(before) == 0


def test_a_quota_lowered_under_what_is_used_takes_no_place_away_and_gives_none() -> None:
    state, follow = after(course(quota=2), asks("x", 1, **CARD), asks("y", 2, **CARD), course(3, quota=1))
    assert (used(state), cards_left(state)) == (2, 0)
    assert follow == []
    assert by_rule(after(course(quota=2), *asked("xy"), course(3, quota=1), asks("z", 4, **CARD))[0]) == {
        "x": "kaikukortti",
        "y": "kaikukortti",
        "z": None,
    }


def asked(names: Iterable[str]) -> list[Event[Any]]:
    return [asks(name, day, **CARD) for day, name in enumerate(names, start=1)]


def test_a_quota_that_is_raised_gives_the_card_to_who_pays_the_full_price() -> None:
    state, follow = after(course(quota=1), *asked("xyz"), course(5, quota=2))
    assert by_rule(state) == {"x": "kaikukortti", "y": "kaikukortti", "z": None}
    assert [(one.referral_id, one.price_rule) for one in follow] == [(a_referral("y"), "kaikukortti")]


def test_a_version_that_no_longer_accepts_the_card_takes_no_use_away() -> None:
    state, _ = after(course(), *asked("x"), course(5, accepts=[], price_cents=9_000))
    assert used(state) == 1


def test_the_referrals_latest_issue_may_end_or_begin_what_pays() -> None:
    ended, (told,) = after(course(), *asked("x"), asks("x", 1, number=2))
    assert (used(ended), told.price_rule, told.price_cents) == (0, "full", 4_500)
    begun, (told,) = after(course(), asks("x", 1), asks("x", 1, number=2, **CARD))
    assert (used(begun), told.price_rule, told.price_cents) == (1, "kaikukortti", 0)


def test_who_waits_uses_nothing_until_the_place_is_his() -> None:
    scarce = course(capacity=1, waiting=1)
    waiting, _ = after(scarce, asks("y", 1), asks("x", 2, **CARD))
    assert used(waiting) == 0
    promoted, _ = after(scarce, asks("y", 1), asks("x", 2, **CARD), gives_up("y", 3))
    assert used(promoted) == 1


def test_uses_move_with_the_places_to_the_activity_that_replaces_this_one() -> None:
    state, _ = after(course(), *asked("xy"), called_off(FIRST + 2, replaced_by="b"))
    assert (used(state), uses(state, "kaikukortti")) == (0, [])
    there, _ = after(course(quota=1, activity="a"), asks("x", 1, moved=True, **CARD), asks("y", 1, moved=True, **CARD))
    assert used(there) == 2


# --- study vouchers


def words(follow: Iterable[Any]) -> list[tuple[int, int, int, int]]:
    said = [one for one in follow if isinstance(one, catalogue_events.VoucherUseChanged)]
    return [(one.year, one.number, one.places, one.cents) for one in said]


def test_what_vouchers_pay_is_told_by_year_of_the_grant_whenever_it_changes() -> None:
    _, first = after(course(), asks("x", 1, **VOUCHER))
    assert words(first) == [(2026, 1, 1, 4_500)]
    _, second = after(course(), asks("x", 1, **VOUCHER), asks("y", 2, **VOUCHER))
    assert words(second) == [(2026, 2, 2, 9_000)]
    _, back = after(course(), asks("x", 1, **VOUCHER), asks("y", 2, **VOUCHER), gives_up("x", 3))
    assert words(back) == [(2026, 3, 1, 4_500)]
    _, again = after(course(), asks("x", 1, **VOUCHER), asks("y", 2), asks("x", 1, **VOUCHER))
    assert words(again) == []


def test_a_price_that_is_raised_changes_nothing_of_what_a_voucher_paid_before() -> None:
    state, follow = after(course(), asks("x", 1, **VOUCHER), course(3, price_cents=9_000))
    assert words(follow) == []
    assert [paid.cents for paid in uses(state, "opintoseteli")] == [4_500]


def test_a_synthetic_activity_has_no_uses_in_any_figure() -> None:
    tested = facts.published(-1, synthetic=True, **DEAR)
    state, follow = after(tested, asks("x", 1, synthetic=True, **VOUCHER))
    assert state.claims[a_referral("x")].paid is not None
    assert words(follow) == []
    assert "cards_of" not in decide.activity_fields(state)


# --- any order, any repetition


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from("xyz"),
        st.sampled_from(["card", "voucher", "nothing", "leaves", "erased", "again"]),
        st.sampled_from([1, 5, FIRST + 1]),
    ),
    max_size=14,
)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(OPERATIONS, st.integers(0, 3), st.integers(0, 2**32))
def test_whatever_is_asked_and_repeated_no_use_is_counted_twice(
    done: list[tuple[str, str, int]], quota: int, seed: int
) -> None:
    events = [course(quota=quota), *_numbered(done)]
    plain, _ = after(*events, now=at(FIRST + 2))
    known = [event for place, event in enumerate(events) for _ in range(1 + (seed >> place & 1))]
    repeated, _ = after(*known, now=at(FIRST + 2))
    assert repeated == msgspec.structs.replace(plain, versions=repeated.versions)
    ever = len(plain.spent) + sum(claim.spent or claim.state == "reserved" for claim in plain.claims.values())
    assert used(plain) <= quota
    assert used(plain) + len(uses(plain, "opintoseteli")) <= ever
    assert settle(plain, at(FIRST + 2), at(FIRST + 2)) == (plain, [])


def _numbered(done: Iterable[tuple[str, str, int]]) -> Iterable[Event[Any]]:
    """Each referral's orders, numbered, in words of the referral service; nothing comes after an erasure."""
    numbers: dict[str, int] = {}
    gone: set[str] = set()
    means: dict[str, dict[str, Any]] = {"card": CARD, "voucher": VOUCHER}
    for name, what, day in done:
        if name in gone:
            continue
        number = numbers[name] = numbers.get(name, 0) + 1
        if what in {"leaves", "erased"}:
            yield gives_up(name, day, number=number, follow=what == "leaves")
        else:
            yield asks(name, day, number=number, **means.get(what, {}))
        gone |= {name} if what == "erased" else set()
