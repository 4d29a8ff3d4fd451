"""Finding and masking Finnish personal identity codes. All codes here are artificial: individual numbers from 900."""

import json
from datetime import UTC, datetime
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.contracts.envelope import Raw, decode, read_kafka, suspicious
from shared.contracts.errors import PersonalData
from shared.contracts.personal_identity import CENTURY_SIGNS, CHECK_ALPHABET, MASK, holds_a_code, mask, may_hold_a_code

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
CODE = "010594Y9021"
HYPHENATED = "131052-908T"
REFERRAL = "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

each_century = pytest.mark.parametrize("sign", CENTURY_SIGNS)


# --- what counts


@each_century
def test_every_century_sign_is_known(sign: str) -> None:
    code = f"010594{sign}9021"
    assert holds_a_code(code)
    assert may_hold_a_code(code.encode())
    assert mask(f"x {code} y") == f"x {MASK} y"


@pytest.mark.parametrize("check", CHECK_ALPHABET)
def test_a_code_counts_with_a_right_check_character_and_with_a_wrong_one(check: str) -> None:
    assert holds_a_code(f"131052-908{check}")


@pytest.mark.parametrize("check", "GIOQZgioqzÄ-_ ")
def test_a_character_that_is_never_a_check_character_makes_no_code(check: str) -> None:
    assert not holds_a_code(f"131052-908{check}")


@pytest.mark.parametrize("day", ["01", "09", "10", "28", "29", "30", "31"])
def test_days_from_01_to_31_count_in_any_month(day: str) -> None:
    assert holds_a_code(f"{day}0205A902E")


@pytest.mark.parametrize("date", ["001052", "321052", "990152", "010052", "011352", "019952"])
def test_no_such_day_or_month_makes_no_code(date: str) -> None:
    assert not holds_a_code(f"{date}-908T")


@pytest.mark.parametrize("beside", "aZ09äöåÄÖÅéßжλ")
def test_a_letter_or_digit_that_touches_it_makes_it_none(beside: str) -> None:
    for text in (beside + HYPHENATED, HYPHENATED + beside):
        assert not holds_a_code(text)
        assert mask(text) == text


@pytest.mark.parametrize("beside", [*" ,.;:_-+/\\\"'()[]{}<>|=&?#@*\n\t", "–", "”", "\u00a0", "😀"])
def test_what_is_no_letter_or_digit_may_touch_it(beside: str) -> None:
    assert holds_a_code(f"{beside}{HYPHENATED}{beside}")
    assert HYPHENATED not in mask(f"{beside}{HYPHENATED}{beside}")


def test_codes_beside_each_other_are_all_masked() -> None:
    assert mask(f"{CODE} {HYPHENATED},{CODE}") == f"{MASK} {MASK},{MASK}"


def test_a_touched_one_does_not_hide_the_one_after_it() -> None:
    assert mask(f"ä{CODE} {HYPHENATED}") == f"ä{CODE} {MASK}"


# --- what is not searched


@given(st.uuids())
def test_a_uuid_holds_no_code(value: object) -> None:
    assert not holds_a_code(str(value))
    assert not holds_a_code(str(value).upper())


@given(st.binary(min_size=24, max_size=24))
def test_a_traceparent_holds_no_code(random: bytes) -> None:
    text = random.hex()
    assert not holds_a_code(f"00-{text[:32]}-{text[32:]}-01")


def test_a_code_beside_a_uuid_or_a_traceparent_is_found() -> None:
    for text in (f"{REFERRAL} {HYPHENATED}", f"{TRACE} {HYPHENATED}", f"/v1/referrals/{REFERRAL}?q={HYPHENATED}"):
        assert holds_a_code(text)


# --- URLs


@pytest.mark.parametrize(
    "hidden", ["131052%2D908T", "%31%331052-908T", "a%20131052-908T", "131052%2B908T", "%20131052A908T"]
)
def test_a_url_is_decoded_before_it_is_searched(hidden: str) -> None:
    assert holds_a_code(f"https://example.org/?q={hidden}&x=1")
    assert not holds_a_code(mask(f"https://example.org/?q={hidden}&x=1"))


def test_a_percent_sign_that_hides_nothing_changes_nothing() -> None:
    assert not holds_a_code("100 % of %20 and %zz")
    assert mask("100 % of %20 and %zz") == "100 % of %20 and %zz"


# --- in an event


def _raw(data: str, **attributes: str) -> Raw:
    known = {"specversion": "1.0", "id": "e1", "source": "/region/06", "time": "2026-09-01T10:00:00Z"}
    return Raw({**known, "type": "fi.kulttuurilahete.ReferralWithdrawn.v1", **attributes}, data.encode())


def _refusal(raw: Raw) -> PersonalData:
    with pytest.raises(PersonalData) as refused:
        decode(raw, now=NOW)
    return refused.value


def _never_told(refusal: PersonalData) -> None:
    for told in (str(refusal), *(problem.path + problem.message for problem in refusal.problems)):
        assert "908" not in told
        assert "9021" not in told


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ('{"reason": "131052-908T"}', "/data/reason"),
        ('{"unknown": "131052-908T"}', "/data/unknown"),
        ('{"reason": "131052\\u002d908T"}', "/data/reason"),
        ('{"reason": "\\u0031\\u00331052-908T"}', "/data/reason"),
        ('{"reason": "x\\n131052-908T"}', "/data/reason"),
        ('{"reason": "131052%2d908T"}', "/data/reason"),
        ('{"a": [0, {"b": [["x", "seen 131052-908T."]]}]}', "/data/a/1/b/0/1"),
        ('["131052-908T"]', "/data/0"),
        ('"131052-908T"', "/data"),
        ('{"131052-908T": 1}', f"/data/{MASK}"),
        ('{"131052\\u002d908T": {}}', f"/data/{MASK}"),
        ('{"a": {"b 131052-908T": null}}', f"/data/a/b {MASK}"),
        ('{"a/131052-908T": 1}', f"/data/a~1{MASK}"),
        ('{"~131052-908T": 1}', f"/data/~0{MASK}"),
    ],
)
def test_a_code_is_found_wherever_it_stands_in_the_data_and_is_never_told(data: str, path: str) -> None:
    refusal = _refusal(_raw(data))
    assert [problem.path for problem in refusal.problems] == [path]
    _never_told(refusal)


@pytest.mark.parametrize("width", range(66, 82))
def test_a_long_key_is_masked_before_it_is_cut(width: int) -> None:
    _never_told(_refusal(_raw(f'{{"{"x" * width} 131052-908T": 1}}')))


@pytest.mark.parametrize(
    "name", ["id", "subject", "type", "source", "time", "correlationid", "traceparent", "anything"]
)
def test_a_code_in_an_attribute_is_found_before_anything_else_is_judged(name: str) -> None:
    refusal = _refusal(_raw("{}", **{name: f"x {CODE}"}))
    assert refusal.problems[0].path == f"/{name}"
    _never_told(refusal)


def test_a_code_as_the_name_of_an_attribute_is_found() -> None:
    refusal = _refusal(read_kafka(b"{}", [("ce_131052-908T", b"1"), ("ce_id", b"1")]))
    assert refusal.problems[0].path == f"/{MASK}"
    _never_told(refusal)


def test_a_code_is_found_in_an_event_that_is_wrong_in_other_ways_too() -> None:
    assert isinstance(_refusal(Raw({"type": "nobody.knows"}, b'"131052-908T"')), PersonalData)


def test_an_event_without_a_code_is_not_refused_for_one() -> None:
    data = {"referral_id": REFERRAL, "reason": "moved", "note": "131052 908T %41 \\ 1310529-08T"}
    event = decode(_raw(msgspec.json.encode(data).decode(), traceparent=TRACE), now=NOW)
    assert event.data.subject == REFERRAL


# --- properties

dates = st.tuples(st.integers(1, 31), st.integers(1, 12), st.integers(0, 99))


@st.composite
def codes(draw: st.DrawFn) -> str:
    day, month, year = draw(dates)
    sign, check = draw(st.sampled_from(CENTURY_SIGNS)), draw(st.sampled_from(CHECK_ALPHABET))
    return f"{day:02}{month:02}{year:02}{sign}{draw(st.integers(0, 999)):03}{check}"


@st.composite
def texts_with_codes(draw: st.DrawFn) -> str:
    between = st.text('0123456789-+AYaäö_%2D d\n\t"\\', max_size=8) | st.text(max_size=4)
    parts = draw(st.lists(between | codes() | codes().map(lambda code: quote(code.replace("-", "%"))), max_size=8))
    return "".join(parts)


@given(codes(), st.text(" ./_-%&=(", max_size=3), st.text(" ./_-&=)", max_size=3))
def test_any_code_with_no_letter_or_digit_beside_it_is_found(code: str, before: str, after: str) -> None:
    assert holds_a_code(before + code + after)
    assert may_hold_a_code((before + code + after).encode())


@given(texts_with_codes())
@example("131052%252D908T")
@example(f"{HYPHENATED}-{HYPHENATED}")
def test_what_is_masked_never_holds_a_code(text: str) -> None:
    assert not holds_a_code(mask(text))
    assert mask(mask(text)) == mask(text)


@given(texts_with_codes())
def test_the_cheap_look_never_misses_what_the_exact_one_finds(text: str) -> None:
    if "%" not in text and holds_a_code(text):
        assert may_hold_a_code(text.encode(errors="replace"))


@given(texts_with_codes(), st.booleans())
def test_the_cheap_look_at_json_misses_no_code_that_escapes_stand_beside(text: str, in_ascii: bool) -> None:
    if holds_a_code(text):
        assert suspicious(json.dumps(text, ensure_ascii=in_ascii).encode(errors="replace"))


@given(texts_with_codes())
def test_a_text_without_a_code_is_not_changed(text: str) -> None:
    assert holds_a_code(text) or mask(text) == text
