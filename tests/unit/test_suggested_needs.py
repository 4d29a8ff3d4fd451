"""What an organiser is told of the needs that were derived for its activity, and what carried them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalogue import decide, features, text_model
from services.catalogue.grounds import MAX_GROUNDS, parts_of
from services.catalogue.model import Activity
from services.catalogue.needs import OF_THEMES, STEEPNESS, by_table, derived, vector
from services.catalogue.suggestion import suggestion
from services.catalogue.words import LANGUAGES
from shared.contracts.catalogue_events import NeedsSuggested
from shared.contracts.envelope import MAX_EVENT_BYTES, Event
from shared.contracts.fields import MAX_TEXT
from shared.engine.model import Decision
from shared.reference import DIMENSIONS, THEMES
from tests.unit.facts import OPISTO, START, published

GRIEF: dict[str, Any] = {
    "title": {"fi": "Suruun sanat"},
    "description": {"fi": "Vertaistukea läheisensä menettäneille."},
    "themes": ["writing"],
}
CHOIR: dict[str, Any] = {"title": {"fi": "Kuoro", "sv": "Kör för alla"}, "themes": ["singing"], "setting": "peer"}
SAID_AGAIN = st.lists(
    st.sampled_from(["kuoro", "kuorossa", "yhdessä", "surun", "sorg", "grief", "kör"]), min_size=1
).map(" ".join)
"""Words that the model knows, several times."""
OWN: dict[str, Any] = {"needs_supported": {"friends": 9}}


def told(*events: Event[Any]) -> tuple[Activity, list[NeedsSuggested]]:
    """The activity after these, and what its organiser was told of its needs."""
    state: Activity | None = None
    said: list[NeedsSuggested] = []
    for event in events:
        decision = decide.published(state, event, START, decide.MatchContext())
        assert isinstance(decision, Decision)
        state = decision.state
        said += [one.data for one in decision.follow if isinstance(one.data, NeedsSuggested)]
    assert state is not None
    return state, said


def because(said: NeedsSuggested) -> dict[str, tuple[str, ...]]:
    return {need.dimension: need.because for need in said.needs}


def test_who_names_no_needs_is_told_what_was_derived_the_greatest_first() -> None:
    state, (said,) = told(published(**GRIEF))
    assert (said.recipient, said.subject, said.activity_id) == (OPISTO, OPISTO, "a")
    assert vector({need.dimension: need.weight for need in said.needs}) == state.needs
    weights = [need.weight for need in said.needs]
    assert weights == sorted(weights, reverse=True)


def test_it_hears_which_words_which_theme_and_which_setting_carried_each_need() -> None:
    _, (grief,) = told(published(**GRIEF))
    assert because(grief)["resilience"] == ("word:läheisensä", "theme:writing", "word:vertaistukea", "word:suruun")
    _, (choir,) = told(published(**CHOIR))
    assert "theme:singing" in because(choir)["self_esteem"]
    assert "setting:peer" in because(choir)["friends"]
    assert "usual" in because(choir)["improvement_of_strengths"]


def test_it_hears_so_in_three_languages_and_how_to_confirm_it() -> None:
    _, (said,) = told(published(**CHOIR))
    assert said.why.keys() == set(LANGUAGES)
    assert said.why["fi"].startswith("Ystävät 3: teema laulu, ")
    assert "vertaisryhmä" in said.why["fi"]
    assert "the theme singing" in said.why["en"]
    assert all(text.endswith("needs_supported.") for text in said.why.values())


def test_it_is_told_once_for_each_set_of_needs_not_each_night() -> None:
    nights = [published(night, **GRIEF) for night in range(1, 4)]
    _, said = told(published(**GRIEF), *nights, published(5, **CHOIR), published(6, **CHOIR))
    assert [one.needs[0].dimension for one in said] == ["resilience", "friends"]


def test_the_last_word_is_always_what_holds() -> None:
    state, said = told(published(**GRIEF), published(1, **CHOIR), published(2, **GRIEF))
    assert len(said) == 3
    assert vector({need.dimension: need.weight for need in said[-1].needs}) == state.needs


def test_publishing_with_needs_supported_confirms_and_no_more_is_told() -> None:
    state, said = told(published(**GRIEF), published(1, **GRIEF, **OWN), published(2, **GRIEF, **OWN))
    assert len(said) == 1
    assert state.needs == vector(OWN["needs_supported"])
    _, said = told(published(**GRIEF, **OWN))
    assert said == []
    _, said = told(published(**GRIEF), published(1, **GRIEF, **OWN), published(2, **GRIEF))
    assert len(said) == 2


def test_a_version_that_comes_late_suggests_nothing() -> None:
    _, said = told(published(2, **GRIEF, **OWN), published(1, **CHOIR))
    assert said == []


def test_of_a_tests_activity_no_real_partner_hears() -> None:
    _, said = told(published(**GRIEF, synthetic=True))
    assert said == []


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.permutations([published(0, **GRIEF), published(1, **GRIEF, **OWN), published(2, **CHOIR)]), st.data())
def test_in_any_order_and_repeated_the_same_is_kept_and_the_last_word_is_the_same(
    events: list[Event], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(events), max_size=3))
    state, said = told(*events, *again)
    straight, in_order = told(*sorted(events, key=lambda one: one.time))
    assert (state.suggested, state.needs) == (straight.suggested, straight.needs)
    assert said[-1] == in_order[-1]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.dictionaries(st.sampled_from(["fi", "sv", "en"]), st.text(min_size=1, max_size=300) | SAID_AGAIN, min_size=1),
    st.lists(st.sampled_from(THEMES), min_size=1, max_size=8, unique=True),
    st.sampled_from([None, "course", "peer", "drop_in", "meets_people", "guidance"]),
)
def test_the_parts_of_a_need_add_up_to_what_was_derived_before_the_floor(
    title: dict[str, str], themes: list[str], setting: str | None
) -> None:
    model, text = text_model.shipped(), features.joined([title])
    parts = parts_of(model, text, themes, setting)
    said, table = model.needs(features.terms(text, themes)), vector(by_table(themes, setting))
    for at, dimension in enumerate(DIMENSIONS):
        whole = (1 - OF_THEMES) * said[at] + OF_THEMES * table[at] / 10
        assert sum(parts[dimension].values()) == pytest.approx(STEEPNESS * whole)


@pytest.mark.parametrize(
    "title", ["kuoro " * 600, "ä" * MAX_TEXT, "\u0001😀" * 2_000, "سلام"], ids=["words", "one", "signs", "arabic"]
)
def test_whatever_the_text_the_suggestion_is_small_and_each_need_has_a_ground(title: str) -> None:
    data = published(title={"fi": title, "sv": title}, description={"en": title}, themes=["music"]).data
    said = suggestion(OPISTO, data)
    assert {need.dimension: need.weight for need in said.needs} == derived(
        [data.title, data.description], data.themes, None
    )
    assert all(1 <= len(need.because) <= MAX_GROUNDS for need in said.needs)
    assert len(said.model_dump_json().encode()) < MAX_EVENT_BYTES
