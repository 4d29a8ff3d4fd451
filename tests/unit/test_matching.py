"""Which activities fit, in which order, and what narrowly missed: docs/contracts.md, “The life of a referral”, a test a rule."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalogue import decide
from services.catalogue.matching import age_limits, cosine, nearest_misses, ranked, reasons, score
from services.catalogue.model import Brief, Wish
from services.catalogue.needs import vector
from shared.reference import DIMENSIONS
from tests.unit.facts import START, TAMPERE, at, issued, published, taken


def wish(**fields: Any) -> Wish:
    return decide.wish_of(issued(**fields))


def brief(activity: str = "a", **fields: Any) -> Brief:
    state = taken(decide.published(None, published(activity=activity, **fields), START, decide.MatchContext())).state
    assert state is not None
    return decide.brief_of(state)


def fitting(one: Wish, *briefs: Brief) -> list[str]:
    return [found.activity_id for found in ranked(one, briefs, (), START)]


@pytest.mark.parametrize(
    ("name", "wanted", "offered"),
    [
        ("municipality", {}, {"municipality": "091"}),
        ("municipality", {}, {"serves": ["091", "049"]}),
        ("age", {}, {"age": {"max": 64}}),
        ("age", {"age_band": "7-12"}, {"age": {"min": 13}}),
        ("age", {"age_band": "85-"}, {"age": {"max": 84}}),
        ("language", {"languages": ["sv", "en"]}, {"languages": ["fi"]}),
        ("accessibility", {"accessibility": ["step_free", "quiet"]}, {"accessibility": ["quiet"]}),
        ("price", {"max_price_cents": 999}, {"price_cents": 1000}),
        ("price", {"max_price_cents": 0, "funding": ["kaikukortti"]}, {"price_cents": 1, "accepts": ["opintoseteli"]}),
        ("format", {"formats": ["remote"]}, {}),
        ("enrolment", {}, {"closes": -1}),
        ("enrolment", {}, {"opens": 1}),
        ("places", {}, {"capacity": 0}),
    ],
)
def test_a_hard_filter_refuses_and_is_named(name: str, wanted: dict[str, Any], offered: dict[str, Any]) -> None:
    one, other = wish(**wanted), brief(**offered)
    assert fitting(one, other) == []
    assert nearest_misses(one, [other], (), START) == {name: 1}


@pytest.mark.parametrize(
    ("wanted", "offered"),
    [
        ({}, {"municipality": "091", "serves": ["091", TAMPERE]}),
        ({}, {"municipality": "091", "format": "remote"}),
        ({"age_band": "65-74"}, {"age": {"min": 74}}),
        ({"age_band": "85-"}, {"age": {"min": 99}}),
        ({"languages": ["fi-FI"]}, {"languages": ["FI"]}),
        ({"max_price_cents": 1000}, {"price_cents": 1000}),
        ({"max_price_cents": 0, "funding": ["agreement"]}, {"price_cents": 9000, "accepts": ["agreement"]}),
        ({}, {"price_cents": 90_000}),
        ({}, {"capacity": 0, "waiting": 1}),
    ],
)
def test_what_just_fits_is_proposed(wanted: dict[str, Any], offered: dict[str, Any]) -> None:
    assert fitting(wish(**wanted), brief(**offered)) == ["a"]


def test_two_misses_are_no_near_miss_and_what_was_tried_is_told() -> None:
    far = brief("far", municipality="091", age={"max": 20})
    assert nearest_misses(wish(), [far], (), START) == {}
    near = brief("near")
    assert ranked(wish(), [near], [near.key], START) == []
    assert nearest_misses(wish(), [far, near], [near.key], START) == {"tried": 1}


def test_synthetic_meets_synthetic_only() -> None:
    real, synthetic = brief("real"), brief("synthetic", synthetic=True)
    assert fitting(wish(), real, synthetic) == ["real"]
    assert fitting(wish(synthetic=True), real, synthetic) == ["synthetic"]
    assert nearest_misses(wish(), [synthetic], (), START) == {}


def test_the_order_is_needs_then_liked_themes_then_price_then_start_then_id() -> None:
    friends, health = {"needs_supported": {"friends": 5}}, {"needs_supported": {"health": 5}}
    briefs = [
        brief("worse", **health),
        brief("z", **friends, price_cents=100, meetings=[("s", 9)]),
        brief("y", **friends, price_cents=100, meetings=[("s", 9)]),
        brief("later", **friends, price_cents=100, meetings=[("s", 10)]),
        brief("cheap", **friends, price_cents=50, meetings=[("s", 12)]),
        brief("liked", **friends, price_cents=900, themes=["singing"]),
    ]
    assert fitting(wish(themes=["singing"]), *briefs) == ["liked", "cheap", "y", "z", "later"]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_changes_nothing(rng: Random) -> None:
    draw = Random(5)
    briefs = [
        brief(
            f"a{number}",
            needs_supported={draw.choice(DIMENSIONS): draw.randint(1, 10)},
            price_cents=draw.choice([0, 100]),
        )
        for number in range(12)
    ]
    one = wish(needs={"friends": 8, "health": 3})
    shuffled = rng.sample(briefs, len(briefs))
    assert fitting(one, *shuffled) == fitting(one, *briefs)


def test_cosine_is_over_all_ten_dimensions() -> None:
    assert cosine(vector({"friends": 4}), vector({"friends": 9})) == 1.0
    assert cosine(vector({"friends": 4}), vector({"health": 9})) == 0.0
    assert cosine(vector({"friends": 3, "health": 4}), vector({"friends": 3})) == pytest.approx(0.6)
    assert cosine(vector({}), vector({"health": 9})) == 0.0
    assert score(wish(needs={"friends": 3, "health": 4}), brief(needs_supported={"friends": 1})) == 60


def test_reasons_are_codes() -> None:
    one = wish(languages=["sv", "fi"], themes=["singing", "crafts"], accessibility=["step_free"], max_price_cents=500)
    other = brief(themes=["singing"], needs_supported={"friends": 5}, accessibility=["step_free"], price_cents=500)
    assert reasons(one, other, "full") == (
        "need:friends",
        "theme:singing",
        f"municipality:{TAMPERE}",
        "language:fi",
        "accessibility:step_free",
        "within_price",
    )


def test_age_bands_have_both_ends() -> None:
    assert age_limits("0-6") == (0, 6)
    assert age_limits("85-")[0] == 85
    assert age_limits("85-")[1] > 130


def test_an_activity_that_is_over_is_no_candidate_any_more() -> None:
    state = taken(decide.published(None, published(meetings=[("s", 1)]), at(2), decide.MatchContext())).state
    assert state is not None
    assert state.ended
    assert not decide.activity_fields(state).get("area")


def test_where_a_companion_is_asked_for_those_that_offer_one_come_first_and_say_so() -> None:
    near, far = (
        brief("near", needs_supported={"friends": 8}),
        brief("far", needs_supported={"health": 8}, companion=True),
    )
    asks = wish(companion=True)
    assert fitting(asks, near, far) == ["far", "near"]
    assert ["companion" in reasons(asks, one, "full") for one in (far, near)] == [True, False]


def test_where_no_companion_is_asked_for_it_changes_nothing() -> None:
    near, far = (
        brief("near", needs_supported={"friends": 8}),
        brief("far", needs_supported={"health": 8}, companion=True),
    )
    assert fitting(wish(), near, far) == ["near", "far"]
    assert "companion" not in reasons(wish(), far, "full")
