"""The old are not shown what is for babies: by the organiser's ages, else by the title."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalogue.audience import MAX_READ, OLDEST, WITH_CHILDREN, ages
from services.catalogue.matching import nearest_misses, ranked
from tests.unit.facts import START
from tests.unit.test_matching import brief, wish

FOR_BABIES = (
    "Vauvauinti",
    "Vauvojen värikylpy",
    "Taaperojumppa",
    "Perhekerho",
    "Sateenkaariperheiden ilta",
    "Lasten kuvataide",
    "Lapsille ja vanhemmille",
    "Pikkulasten muskari",
    "VAU\u00adVA\u00adJOOGA",
    "Babysim",
    "Rytmik för bebisar",
    "Småbarnsrytmik",
    "Barn och föräldrar",
    "Familjecafé",
    "Music for babies",
    "Baby yoga",
    "Toddlers and paint",
    "Children's choir",
    "Family cooking",
)
OLD = st.sampled_from(["65-74", "75-84", "85-"])


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.sampled_from(FOR_BABIES),
    st.sampled_from(["fi", "sv", "en"]),
    OLD,
    st.sampled_from([{}, {"min": 0}, {"min": 18}]),
)
def test_the_old_are_never_shown_what_a_title_says_is_for_babies_children_or_families(
    title: str, language: str, band: str, age: dict[str, int]
) -> None:
    one, offered = wish(age_band=band), brief(title={language: title}, age=age)
    assert ranked(one, [offered], (), START) == []
    assert nearest_misses(one, [offered], (), START) == {"age": 1}


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.sampled_from(FOR_BABIES), OLD, st.integers(0, 64))
def test_the_old_are_never_shown_what_the_organiser_says_ends_before_their_age(
    title: str, band: str, oldest: int
) -> None:
    assert ranked(wish(age_band=band), [brief(title={"fi": title}, age={"max": oldest})], (), START) == []


@pytest.mark.parametrize("title", FOR_BABIES)
def test_parents_are_shown_it_and_an_organiser_who_gives_the_age_is_taken_at_its_word(title: str) -> None:
    assert ranked(wish(age_band="30-64"), [brief(title={"fi": title})], (), START)
    assert ranked(wish(age_band="85-"), [brief(title={"fi": title}, age={"max": 99})], (), START)


@pytest.mark.parametrize(
    "title",
    [
        "Kuoro kaikille",
        "Superherkkuja syksyn sadosta",
        "Perhosia puutarhaan",
        "Lapsuuden leikit",
        "Lapasten kudonta",
        "Isovanhempien ja lasten retki",
        "Vauvasta vaariin",
        "Barndomens sånger",
        "Mormor och barnbarn bakar",
        "Childhood memories",
        "Grandparents and children",
        "All ages family dance",
    ],
)
def test_what_is_for_all_or_names_the_old_is_shown_to_all(title: str) -> None:
    assert ages({"fi": title}, {}) == (0, OLDEST)


def test_the_ages_are_the_organisers_where_it_gives_them() -> None:
    assert ages({"fi": "Vauvauinti"}, {"min": 0, "max": 3}) == (0, 3)
    assert ages({"fi": "Vauvauinti"}, {"min": 18}) == (18, WITH_CHILDREN)
    assert ages({"fi": "Perhejuhlan tarjoilu"}, {"min": 65}) == (65, OLDEST)


@pytest.mark.parametrize(
    "hostile", ["perh" * 1_000, "barn" * 1_000, "a" * 4_000, "\ufdfa" * 4_000], ids=["fi", "sv", "a", "long"]
)
def test_a_long_title_is_read_in_its_turn(hostile: str) -> None:
    assert ages(dict.fromkeys(("fi", "sv", "en", "se"), hostile), {})[0] == 0


def test_of_a_title_no_more_is_read_than_costs_little() -> None:
    marks = "\u0315\u0300" * (MAX_READ // 2)
    assert ages({"fi": f"Vauvauinti {marks * 10}"}, {}) == (0, WITH_CHILDREN)
    assert ages({"fi": f"{marks} vauvauinti"}, {}) == (0, OLDEST)
