"""What the form asks: whole in three languages, with the very items of the contract; and how WHO-5 is scored."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.feedback.addressees import Addressee
from services.feedback.instruments import QUESTIONS, who5_score
from services.feedback.model import FORM
from services.feedback.question import LANGUAGES, Language
from services.feedback.wording import WORDS, WORDS_TO
from shared.contracts.participant_events import INSTRUMENTS
from shared.reference import DIMENSIONS

each_addressee = pytest.mark.parametrize("addressee", QUESTIONS)


@each_addressee
def test_an_instrument_asks_the_items_of_the_contract_in_their_order(addressee: Addressee) -> None:
    for instrument, questions in QUESTIONS[addressee].items():
        assert list(questions) == list(INSTRUMENTS[instrument])
    assert {one for instruments in FORM.values() for one in instruments} == QUESTIONS[addressee].keys()


def test_the_dimensions_are_the_ten_of_the_code_list() -> None:
    assert tuple(QUESTIONS["grown"]["dimensions_v1"]) == DIMENSIONS
    assert set(INSTRUMENTS["dimensions_v1"].values()) == {(0, 10)}


@pytest.mark.parametrize("language", LANGUAGES)
@each_addressee
def test_every_question_and_both_ends_of_its_scale_have_words_of_their_own(
    addressee: Addressee, language: Language
) -> None:
    for asked in QUESTIONS[addressee].values():
        texts = [question.text[language] for question in asked.values()]
        assert len(set(texts)) == len(texts)
        for question in asked.values():
            assert question.text[language].endswith("?")
            for words in (question.heading, question.low, question.high):
                assert words.keys() == set(LANGUAGES)
                assert words[language].strip()
            assert len(set(question.text.values())) == len(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_child_reads_shorter_questions_than_others_and_of_a_small_child_they_speak_of_the_child(
    language: Language,
) -> None:
    def words_in(addressee: Addressee) -> int:
        return sum(len(one.text[language].split()) for one in QUESTIONS[addressee]["dimensions_v1"].values())

    assert words_in("child") < words_in("grown")
    assert all(len(one.text[language]) <= 75 for asked in QUESTIONS["child"].values() for one in asked.values())
    child = {"fi": "laps", "sv": "barn", "en": "child"}[language]
    of_the_child = [one.text[language] for one in QUESTIONS["small_child"]["dimensions_v1"].values()]
    assert all(child in text for text in of_the_child)


def test_the_words_of_who5_are_not_ours_and_are_nowhere() -> None:
    assert all("who5" not in instruments for instruments in QUESTIONS.values())
    assert all("who5" not in instruments for instruments in FORM.values())


@each_addressee
def test_the_pages_say_the_same_in_each_language(addressee: Addressee) -> None:
    words = WORDS_TO[addressee]
    names = {language: set(words[language]) for language in LANGUAGES}
    assert names["fi"] == names["sv"] == names["en"] == set(WORDS["fi"])
    for name in names["fi"]:
        texts = [words[language][name] for language in LANGUAGES]
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
