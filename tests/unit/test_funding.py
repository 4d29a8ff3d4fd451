"""What a client pays, and by which rule: the card's year, its quota, the voucher's study year and groups, the order."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from services.catalogue import decide
from services.catalogue.funding import covers, rule_of, spans, to_pay, voucher_year
from services.catalogue.matching import Prices, nearest_misses, ranked
from services.catalogue.model import NO_QUOTA, Means
from shared.reference import VOUCHER_RULES
from tests.unit.facts import START, issued, published
from tests.unit.test_matching import brief, wish

CARD = Means(("kaikukortti",), date(2026, 3, 1))
ALL = ("kaikukortti", "opintoseteli", "agreement")


def on(day: str, clock: str = "12:00") -> datetime:
    """A time in Finland's winter or summer, named by its offset where that matters."""
    return datetime.fromisoformat(f"{day}T{clock}:00+02:00")


def rule(means: Means, day: datetime, *, price: int = 4_500, accepts: tuple[str, ...] = ALL, left: int = 1) -> str:
    return rule_of(spans(means), price, accepts, day, left)


@pytest.mark.parametrize(
    ("day", "clock", "pays"),
    [
        ("2026-02-28", "23:59", False),
        ("2026-03-01", "00:00", True),
        ("2026-11-20", "12:00", True),
        ("2027-02-28", "23:59", True),
        ("2027-03-01", "00:00", False),
    ],
)
def test_a_card_is_valid_for_a_year_from_and_including_its_day(day: str, clock: str, pays: bool) -> None:
    assert rule(CARD, on(day, clock)) == ("kaikukortti" if pays else "full")


def test_a_card_of_the_29th_of_february_is_valid_until_the_next_february_ends() -> None:
    leap = Means(("kaikukortti",), date(2028, 2, 29))
    assert rule(leap, on("2029-02-28", "23:59")) == "kaikukortti"
    assert rule(leap, on("2029-03-01", "00:00")) == "full"


def test_a_card_without_its_day_pays_nothing() -> None:
    assert rule(Means(("kaikukortti",)), on("2026-11-20")) == "full"


def test_a_card_pays_while_the_quota_has_room() -> None:
    assert [rule(CARD, on("2026-11-20"), left=left) for left in (1, 0)] == ["kaikukortti", "full"]


def test_the_first_in_the_referrals_order_pays_that_the_activity_accepts_and_that_can_pay() -> None:
    both = Means(("opintoseteli", "kaikukortti"), date(2026, 3, 1))
    assert rule(both, on("2026-11-20")) == "opintoseteli"
    assert rule(both, on("2026-11-20"), accepts=("kaikukortti",)) == "kaikukortti"
    assert rule(both, on("2026-04-20")) == "kaikukortti"
    assert rule(both, on("2026-11-20"), accepts=()) == "full"
    assert rule(Means(("agreement",)), on("2026-11-20")) == "agreement"


def test_what_is_free_needs_no_funding() -> None:
    assert rule(CARD, on("2026-11-20"), price=0) == "free"
    assert [to_pay(one, 4_500) for one in ("free", "kaikukortti", "opintoseteli", "agreement", "full")] == [
        *[0] * 4,
        4_500,
    ]


@pytest.mark.parametrize(
    ("year", "group", "pays"),
    [
        (2021, "senior", True),
        (2021, None, True),
        (2023, "senior", False),
        (2023, "young_without_place", False),
        (2026, "pensioner", True),
        (2026, None, True),
        (2027, "pensioner", False),
        (2027, None, False),
    ],
)
def test_a_voucher_pays_in_the_study_year_of_a_rule_that_has_the_group(
    year: int, group: str | None, pays: bool
) -> None:
    means = Means(("opintoseteli",), None, group)
    expected = "opintoseteli" if pays else "full"
    days = (f"{year}-08-01", f"{year + 1}-07-31")
    assert {rule(means, datetime.fromisoformat(f"{day}T12:00:00+03:00")) for day in days} == {expected}


def test_a_study_year_begins_on_the_first_of_august_in_finland() -> None:
    last, first = datetime(2026, 7, 31, 20, 59, 59, tzinfo=UTC), datetime(2026, 7, 31, 21, tzinfo=UTC)
    assert [voucher_year(last), voucher_year(first), voucher_year(on("2027-01-05"))] == [2025, 2026, 2026]
    assert [rule(Means(("opintoseteli",)), day) for day in (last, first)] == ["full", "opintoseteli"]


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)))
def test_a_voucher_pays_exactly_in_the_years_of_the_rules(naive: datetime) -> None:
    day = naive.replace(tzinfo=UTC)
    assert covers(spans(Means(("opintoseteli",)))["opintoseteli"], day) == (voucher_year(day) in VOUCHER_RULES)


def test_each_rule_of_vouchers_names_its_groups_and_its_source() -> None:
    assert list(VOUCHER_RULES) == [2021, 2023, 2026]
    assert all(rule.groups and rule.source.startswith("https://") for rule in VOUCHER_RULES.values())


# --- in matching


def with_card(**fields: Any) -> dict[str, Any]:
    return {"funding": ["kaikukortti"], "kaikukortti_from": "2026-08-15", **fields}


DEAR: dict[str, Any] = {"price_cents": 4_500, "accepts": ["kaikukortti"]}


def test_what_a_card_pays_is_proposed_at_no_price_and_says_so() -> None:
    one = wish(**with_card(max_price_cents=0))
    proposal = decide._proposal(one, brief(**DEAR), Prices(one, START).rule(brief(**DEAR)))
    assert (proposal.price_cents, proposal.price_rule) == (0, "kaikukortti")
    assert "funding:kaikukortti" in proposal.reasons
    assert proposal.why
    assert "€0 with the Kaikukortti card (otherwise €45)." in proposal.why["en"]


@pytest.mark.parametrize(
    ("wanted", "offered"),
    [
        (with_card(kaikukortti_from="2025-08-15"), DEAR),
        ({"funding": ["kaikukortti"]}, DEAR),
        (with_card(), {**DEAR, "kaikukortti_places": 0}),
        ({"funding": ["opintoseteli"], "voucher_group": "senior"}, {"price_cents": 1, "accepts": ["opintoseteli"]}),
    ],
    ids=["ended", "without-a-day", "no-quota-left", "no-group-of-the-year"],
)
def test_a_funding_that_cannot_pay_leaves_the_full_price(wanted: dict[str, Any], offered: dict[str, Any]) -> None:
    poor, other = wish(**wanted, max_price_cents=0), brief(**offered)
    assert ranked(poor, [other], (), START) == []
    assert nearest_misses(poor, [other], (), START) == {"price": 1}
    rich = wish(**wanted)
    assert ranked(rich, [other], (), START) == [other]
    assert Prices(rich, START).rule(other) == "full"


def test_a_card_that_ends_before_the_first_session_does_not_pay() -> None:
    soon, late = brief("soon", **DEAR, meetings=[("s", 3)]), brief("late", **DEAR, meetings=[("s", 30)])
    one = wish(**with_card(kaikukortti_from="2025-09-10", max_price_cents=0))
    assert ranked(one, [soon, late], (), START) == [soon]


def test_of_a_course_that_has_begun_the_day_of_the_choice_counts() -> None:
    begun = brief(**DEAR, meetings=[("a", -10), ("b", 10)])
    assert Prices(wish(**with_card(kaikukortti_from="2026-08-30")), START).rule(begun) == "kaikukortti"
    assert Prices(wish(**with_card(kaikukortti_from="2025-08-25")), START).rule(begun) == "full"


def test_what_a_client_pays_himself_orders_what_fits_alike() -> None:
    cheap, by_card = brief("cheap", price_cents=100), brief("by-card", **DEAR)
    assert ranked(wish(**with_card()), [cheap, by_card], (), START) == [by_card, cheap]
    assert ranked(wish(), [cheap, by_card], (), START) == [cheap, by_card]


def test_without_a_quota_any_number_may_come_with_the_card() -> None:
    assert brief(**DEAR).cards_left == NO_QUOTA
    assert brief(**DEAR, kaikukortti_places=3).cards_left == 3


# --- what is refused


@pytest.mark.parametrize("band", ["0-6", "7-12", "13-15"])
def test_a_card_for_a_child_is_refused(band: str) -> None:
    with pytest.raises(ValidationError, match=f"16 years or more, and age_band is {band}"):
        issued(**with_card(age_band=band))
    assert issued(**with_card(age_band="16-17")).data.age_band == "16-17"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"kaikukortti_from": "2026-08-15"}, "kaikukortti_from is given, and funding does not hold kaikukortti"),
        ({"voucher_group": "senior"}, "voucher_group is given, and funding does not hold opintoseteli"),
    ],
)
def test_the_day_or_the_group_of_a_funding_that_is_not_named_is_refused(said: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        issued(**said)


def test_a_quota_of_a_card_that_is_not_accepted_is_refused() -> None:
    with pytest.raises(ValidationError, match="kaikukortti_places is given, and accepts does not hold kaikukortti"):
        published(kaikukortti_places=2)
