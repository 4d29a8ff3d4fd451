"""The agency's published rule and its artificial test codes, against our search."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.personal_identity import (
    CENTURY_SIGNS,
    CHECK_ALPHABET,
    MASK,
    bytes_hold_a_code,
    holds_a_code,
    mask,
)

SAMPLE = Path(__file__).parents[3] / "shared" / "samples" / "personal_identity_codes.json"


@pytest.fixture(scope="module")
def sample() -> Any:
    if not SAMPLE.exists():
        pytest.skip(f"the samples are not here: {SAMPLE} is missing, so the agency's test codes are NOT checked")
    return json.loads(SAMPLE.read_text(encoding="utf-8"))


def test_every_valid_code_is_found_and_masked(sample: Any) -> None:
    for code in sample["valid_format_and_check"]:
        assert holds_a_code(code), code
        assert mask(f"hetu: {code}.") == f"hetu: {MASK}."


def test_the_samples_codes_follow_the_published_rule(sample: Any) -> None:
    alphabet = sample["check_alphabet"]
    for code in sample["valid_format_and_check"]:
        assert alphabet[int(code[:6] + code[7:10]) % 31] == code[10], code


def test_a_wrong_check_character_and_a_day_that_its_month_lacks_count_too(sample: Any) -> None:
    for code in (*sample["bad_check"], *sample["bad_date"]):
        assert holds_a_code(code), code


def test_lower_case_is_the_same(sample: Any) -> None:
    for lower, upper in sample["lowercase_same_as"].items():
        assert holds_a_code(lower)
        assert holds_a_code(upper)
    assert all(holds_a_code(code.lower()) for code in sample["valid_format_and_check"])


def test_our_signs_and_check_characters_are_the_published_ones(sample: Any) -> None:
    signs = {sign for century in sample["century_signs"].values() for sign in century}
    assert {sign.upper() for sign in CENTURY_SIGNS} == signs
    assert {character.upper() for character in CHECK_ALPHABET} == set(sample["check_alphabet"])


def test_a_blank_an_underscore_or_any_dash_for_the_sign_hides_none_of_them(sample: Any) -> None:
    for code in sample["valid_format_and_check"]:
        for sign in (" ", "_", "–", "−", "\u00ad-", "\u00a0"):
            assert holds_a_code(f"hetu {code[:6]}{sign}{code[7:]}"), (code, sign)
        assert holds_a_code(code[:6] + code[7:]) == code[10].isalpha(), code


def test_no_other_sample_is_taken_to_hold_a_code(sample: Any) -> None:
    others = [path for path in SAMPLE.parent.rglob("*") if path.is_file() and path != SAMPLE]
    assert others
    assert [path.name for path in others if bytes_hold_a_code(path.read_bytes())] == []
