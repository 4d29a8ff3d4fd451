"""The code at the desk: drawn by chance, forgiving in how it is typed, unforgiving in what."""

import random
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.referral_code import ALPHABET, BITS, code_of, read_code

REFERRAL = "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"

codes = st.integers(0, 2**BITS - 1).map(code_of)
places = st.integers(0, 11)


def _some_codes(count: int) -> list[str]:
    chance = random.Random(7)
    return [code_of(chance.getrandbits(BITS)) for _ in range(count)]


def test_what_is_printed_stays_a_code() -> None:
    # A code is carried about on paper: a change of the check character would orphan it.
    assert read_code("DKGDM5F8QK4V") == "DKGDM5F8QK4V"


@given(codes)
def test_a_code_is_twelve_characters_of_crockfords_alphabet_and_reads_as_itself(code: str) -> None:
    assert len(code) == 12
    assert set(code) <= set(ALPHABET)
    assert read_code(code) == code


@given(codes, st.data())
def test_case_look_alikes_dashes_and_blanks_are_forgiven(code: str, data: st.DataObject) -> None:
    looks = {"0": "0Oo", "1": "1IiLl"}
    typed = [data.draw(st.sampled_from(looks.get(character, character + character.lower()))) for character in code]
    between = [
        data.draw(st.sampled_from(["", "-", " ", "\N{EN DASH}", "\N{NO-BREAK SPACE}", "\N{ZERO WIDTH SPACE}"]))
        for _ in code
    ]
    assert read_code("".join(a + b for a, b in zip(typed, between, strict=True))) == code


def test_a_code_in_three_groups_is_read() -> None:
    code = code_of(77)
    assert read_code(f" {code[:4]}-{code[4:8]}-{code[8:]} ".lower()) == code


def test_what_cannot_be_a_code_is_none() -> None:
    code = code_of(77)
    for typed in ("", "-", code[:-1], code + "0", "U" + code[1:], "Ä" + code[1:], "*" + code[1:], REFERRAL, "ß" * 6):
        assert read_code(typed) is None, typed


@given(codes, places, st.sampled_from(ALPHABET))
def test_one_wrong_character_is_refused_at_every_place(code: str, place: int, wrong: str) -> None:
    typed = code[:place] + wrong + code[place + 1 :]
    assert read_code(typed) == (code if wrong == code[place] else None)


def test_every_single_wrong_character_is_caught() -> None:
    """12 places of 31 wrong characters, 200 codes: 74,400 errors, none missed: odd weights are invertible modulo 32."""
    missed = sum(
        read_code(code[:place] + wrong + code[place + 1 :]) is not None
        for code, place, wrong in product(_some_codes(200), range(12), ALPHABET)
        if wrong != code[place]
    )
    assert missed == 0


def _swapped(code: str, place: int) -> str:
    return code[:place] + code[place + 1] + code[place] + code[place + 2 :]


def test_swapped_neighbours_are_caught_but_for_those_sixteen_apart() -> None:
    """Weights of neighbours differ by 2, so a swap of characters that are 16 apart adds 32, which is nothing.

    Of the swaps of unlike neighbours before the check character that is one of 31, so 96.8 % are caught.
    """
    swaps = [(code, place) for code in _some_codes(2_000) for place in range(10) if code[place] != code[place + 1]]
    missed = [(code, place) for code, place in swaps if read_code(_swapped(code, place)) is not None]
    assert all(abs(ALPHABET.index(code[place]) - ALPHABET.index(code[place + 1])) == 16 for code, place in missed)
    assert 0.96 < 1 - len(missed) / len(swaps) < 0.975


def test_a_hundred_thousand_draws_are_a_hundred_thousand_codes() -> None:
    """55 bits: two of 100,000 would meet once in 7 million such sets."""
    codes = _some_codes(100_000)
    assert len(set(codes)) == 100_000
    assert len({code[:11] for code in codes}) == 100_000


def test_every_character_of_the_alphabet_stands_at_every_place() -> None:
    assert [len(set(column)) for column in zip(*_some_codes(2_000), strict=True)] == [32] * 12
