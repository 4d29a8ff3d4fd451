"""What the form asks: whole in three languages, with the very items of the contract; and how WHO-5 is scored."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.feedback.instruments import LANGUAGES, QUESTIONS, Language, who5_score
from services.feedback.model import FORM
from services.feedback.wording import WORDS
from shared.contracts.participant_events import INSTRUMENTS
from shared.reference import DIMENSIONS


@pytest.mark.parametrize("instrument", sorted(QUESTIONS))
def test_an_instrument_asks_the_items_of_the_contract_in_their_order(instrument: str) -> None:
    assert list(QUESTIONS[instrument]) == list(INSTRUMENTS[instrument])


def test_the_dimensions_are_the_ten_of_the_code_list() -> None:
    assert tuple(QUESTIONS["dimensions_v1"]) == DIMENSIONS
    assert set(INSTRUMENTS["dimensions_v1"].values()) == {(0, 10)}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("instrument", sorted(QUESTIONS))
def test_every_question_and_both_ends_of_its_scale_have_words_of_their_own(instrument: str, language: Language) -> None:
    questions = QUESTIONS[instrument].values()
    texts = [question.text[language] for question in questions]
    assert len(set(texts)) == len(texts)
    for question in questions:
        assert question.text[language].endswith("?")
        for words in (question.heading, question.low, question.high):
            assert words.keys() == set(LANGUAGES)
            assert words[language].strip()
        assert len(set(question.text.values())) == len(LANGUAGES)


def test_the_words_of_who5_are_not_ours_and_are_nowhere() -> None:
    assert "who5" not in QUESTIONS
    assert all("who5" not in instruments for instruments in FORM.values())


def test_the_pages_say_the_same_in_each_language() -> None:
    names = {language: set(WORDS[language]) for language in LANGUAGES}
    assert names["fi"] == names["sv"] == names["en"]
    for name in names["fi"]:
        texts = [WORDS[language][name] for language in LANGUAGES]
        assert all(text.strip() for text in texts)
        places = [{place for _, place, _, _ in string.Formatter().parse(text) if place} for text in texts]
        assert places[0] == places[1] == places[2]


@pytest.mark.parametrize(("each", "score"), [(0, 0), (3, 60), (5, 100)])
def test_who5_is_the_sum_times_four(each: int, score: int) -> None:
    assert who5_score({f"q{number}": each for number in range(1, 6)}) == score


@given(st.lists(st.integers(0, 5), min_size=5, max_size=5))
def test_who5_lies_between_0_and_100(answers: list[int]) -> None:
    score = who5_score({f"q{number}": answer for number, answer in enumerate(answers, start=1)})
    assert 0 <= score <= 100
    assert score == 4 * sum(answers)
