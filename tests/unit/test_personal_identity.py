"""Finding and masking Finnish personal identity codes. All codes here are artificial: individual numbers from 900."""

import base64
import json
import random
import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.contracts.dead_letter import record_of
from shared.contracts.envelope import Raw, decode, read_kafka
from shared.contracts.errors import PersonalData
from shared.contracts.personal_identity import (
    CENTURY_SIGNS,
    CHECK_ALPHABET,
    MASK,
    bytes_hide_a_code,
    bytes_hold_a_code,
    holds_a_code,
    is_searchable,
    mask,
    mask_bytes,
    mask_each,
    may_hold_a_code,
    seen_in,
)
from tests.unit.test_dead_letters import letter, original

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


def test_percent_signs_that_escape_nothing_cost_no_closer_look() -> None:
    assert not may_hold_a_code(b"%" * 1_000 + b" 100 % of it, %zz and %4")


# --- encodings


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("written", [HYPHENATED, HYPHENATED.replace("-", "\u2011"), "１３１０５２-９０８T"])
def test_a_code_is_found_in_other_encodings_of_text(encoding: str, written: str) -> None:
    assert bytes_hold_a_code(json.dumps({"a": written}, ensure_ascii=False).encode(encoding))


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
    data = {"referral_id": REFERRAL, "reason": "moved", "note": "131052 908X %41 \\ 1310529-08T"}
    event = decode(_raw(msgspec.json.encode(data).decode(), traceparent=TRACE), now=NOW)
    assert event.data.subject == REFERRAL


# --- properties


def _right(digits: str) -> str:
    return CHECK_ALPHABET[int(digits) % 31]


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


@given(texts_with_codes(), st.booleans())
def test_a_code_in_a_text_is_found_in_the_text_as_json_too(text: str, in_ascii: bool) -> None:
    if holds_a_code(text):
        assert bytes_hold_a_code(json.dumps(text, ensure_ascii=in_ascii).encode(errors="replace"))


@given(texts_with_codes())
def test_a_text_without_a_code_is_not_changed(text: str) -> None:
    assert holds_a_code(text) or mask(text) == text


# --- spellings

NOT_SHOWN = ["\u00ad", "\u200b", "\u200d", "\u2060", "\ufeff", "\u202e", "\u180e", "\ufe0f", "\u0332", "\U000e0031"]
BLANKS = [" ", "_", "\t", "\u00a0", "\u2009", "\u202f", "\u3000", "\u1680"]


# All characters there are: looked through by whoever runs these tests, and by nobody who only collects them.


@cache
def _dashes() -> list[str]:
    return [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) == "Pd"] + ["\u2212", "\u2796"]


@cache
def _alike() -> dict[str, list[str]]:
    alike: dict[str, list[str]] = {}
    for code in range(128, 0x110000):
        plain = unicodedata.normalize("NFKC", chr(code))
        if len(plain) == 1 and plain in CENTURY_SIGNS + CHECK_ALPHABET:
            alike.setdefault(plain, []).append(chr(code))
    return alike


Spelling = Callable[[st.DrawFn, str], str]


def _in_characters_of_compatibility(draw: st.DrawFn, code: str) -> str:
    return "".join(draw(st.sampled_from([sign, *_alike().get(sign, [])])) for sign in code)


def _with_what_is_not_shown(draw: st.DrawFn, code: str) -> str:
    return (
        "".join(sign + "".join(draw(st.lists(st.sampled_from(NOT_SHOWN), max_size=1))) for sign in code[:-1]) + code[-1]
    )


def _with_another_dash(draw: st.DrawFn, code: str) -> str:
    return code.replace("-", draw(st.sampled_from(_dashes())))


def _with_a_blank_for_the_sign(draw: st.DrawFn, code: str) -> str:
    return code[:6] + draw(st.sampled_from(BLANKS)) + code[7:10] + _right(code[:6] + code[7:10])


def _escaped(draw: st.DrawFn, code: str, how: Callable[[str], str]) -> str:
    chosen = draw(st.sets(st.integers(0, len(code) - 1), min_size=1))
    return "".join(how(sign) if at in chosen else sign for at, sign in enumerate(code))


def _percent(sign: str) -> str:
    return "".join(f"%{byte:02x}" for byte in sign.encode())


SHOWN_ALIKE: list[Spelling] = [_in_characters_of_compatibility, _with_what_is_not_shown, _with_another_dash]
ESCAPED: list[Callable[[str], str]] = [
    _percent,
    lambda sign: _percent(_percent(sign)),
    lambda sign: f"&#{ord(sign)};",
    lambda sign: f"&#x{ord(sign):X};",
    lambda sign: f"&amp;#{ord(sign)};",
    lambda sign: {"-": "&ndash;", "+": "&plus;", "_": "&lowbar;", "\u00ad": "&shy;"}.get(sign, sign),
    lambda sign: json.dumps(sign)[1:-1],
    lambda sign: f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else sign,
]


@st.composite
def spelled(draw: st.DrawFn) -> str:
    code = draw(codes())
    if draw(st.booleans()):
        code = _with_a_blank_for_the_sign(draw, code)
    for spelling in draw(st.lists(st.sampled_from(SHOWN_ALIKE), max_size=2)):
        code = spelling(draw, code)
    return _escaped(draw, code, draw(st.sampled_from(ESCAPED)))


@given(spelled(), st.sampled_from(["", "hetu ", "(", "ä ", "–", "\n"]), st.sampled_from(["", ".", ")", " ä", "–"]))
def test_a_code_is_found_and_masked_in_whatever_spelling_a_person_would_read_it(
    code: str, before: str, after: str
) -> None:
    text = before + code + after
    assert holds_a_code(text)
    assert MASK in mask(text)
    assert not holds_a_code(mask(text))


@given(
    st.lists(st.one_of(spelled(), texts_with_codes(), st.text(max_size=20), st.sampled_from(["<", "\\", "01", "&"])))
)
def test_texts_that_are_looked_at_together_are_masked_as_each_by_itself(texts: list[str]) -> None:
    assert [*mask_each(texts)] == [mask(text) for text in texts]


@given(spelled(), st.booleans())
def test_a_code_in_whatever_spelling_is_refused_in_an_event(code: str, in_ascii: bool) -> None:
    _never_told(_refusal(_raw(json.dumps({"note": f"x {code}."}, ensure_ascii=in_ascii))))
    _never_told(_refusal(_raw("{}", correlationid=code)))


@given(spelled())
def test_a_code_in_whatever_spelling_is_found_in_xml_in_broken_json_and_in_base64(code: str) -> None:
    for text in (f"<note>{code}</note>", f'{{"note": "{code}"', f'{{"note": "\\n{code}"'):
        content = text.encode(errors="replace")
        assert bytes_hold_a_code(content)
        assert bytes_hide_a_code(b'{"data_base64": "' + base64.b64encode(content) + b'"}')
        assert bytes_hide_a_code(b"<data>\n" + base64.encodebytes(content) + b"</data>")


def _packed(*said: str, encoding: str = "utf-8") -> bytes:
    return b" ".join(base64.b64encode(one.encode(encoding)) for one in said)


@pytest.mark.parametrize("before", ["odd", '<a="', "<a='", "<!--", "&", "%", "\\", "\u202e", "1310"])
@pytest.mark.parametrize("code", [HYPHENATED, "1310<b>52-</b>908T", "1310<!-- and -->52-908T"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_a_word_of_base64_is_read_for_itself_whatever_another_holds(before: str, code: str, encoding: str) -> None:
    others = [f"{before} and {number}" for number in range(20)]
    assert bytes_hide_a_code(_packed(*others, code, *others, encoding=encoding))
    parted = [_packed(one, encoding=encoding) for one in (*others, "he was 131052", "-908T is hers", *others)]
    assert not bytes_hide_a_code(b".".join(parted))


@pytest.mark.parametrize("digits", ["①③①⓪⑤②-⑨⓪⑧T", "１３１０５２-９０８T", "⑬⑩㊼-908T", "⑬⑩52-⑨08T", "¹³¹052-9⁰8T"])
def test_a_word_of_base64_with_digits_of_any_kind_is_read(digits: str) -> None:
    assert holds_a_code(digits)
    assert bytes_hide_a_code(_packed(digits))


@given(st.lists(st.binary(min_size=9, max_size=40), max_size=20))
def test_what_is_as_small_as_an_event_is_always_searched(words: list[bytes]) -> None:
    assert is_searchable([b" ".join(map(base64.b64encode, words)), *words])


def test_what_is_large_is_searched_if_it_is_plain_text() -> None:
    drawn = random.Random(1)
    assert is_searchable([b"x" * 1_000_000, ("ä, plain " * 50_000).encode()])
    assert not is_searchable([b" ".join(base64.b64encode(drawn.randbytes(12)) for _ in range(50_000))])
    assert not is_searchable([drawn.randbytes(90_000), drawn.randbytes(90_000)])
    assert not is_searchable([b"\\u0031" * 50_000])


def test_base64_is_read_after_words_too() -> None:
    said = base64.b64encode(HYPHENATED.encode()).decode()
    for text in (
        f"see {said}",
        f"on the {said} of it",
        f"a\n{said[:8]}\n{said[8:]}"[2:],
        base64.b64encode(b"131052920J").decode(),
    ):
        assert bytes_hide_a_code(text.encode())
    assert not bytes_hide_a_code(b"on the enclosed form and what it says of the participants")


def test_text_in_utf_16_is_searched() -> None:
    assert bytes_hold_a_code(f"<note>{HYPHENATED}</note>".encode("utf-16"))


@pytest.mark.parametrize("sign", [*BLANKS, ""])
def test_where_no_sign_stands_the_check_character_must_be_right(sign: str) -> None:
    assert [check for check in CHECK_ALPHABET if holds_a_code(f"131052{sign}920{check}")] == ["J", "j"]


def test_ten_digits_alone_are_no_code_since_telephones_and_courses_have_them_too() -> None:
    assert _right("010594902") == "1"
    assert not holds_a_code("0105949021")
    assert holds_a_code("010594 9021")
    assert holds_a_code("010594_9021")


@pytest.mark.parametrize("apart", ["  ", "__", " _", "\r\n", "\t \t", "\u2028", "\u2029\u2029", "\x85", "\u3000" * 9])
def test_blanks_and_ends_of_lines_stand_for_the_sign_or_about_it_where_the_check_character_is_right(apart: str) -> None:
    for between in (apart, f"{apart}-", f"-{apart}", f"{apart}A{apart}", f"{apart}\u2013{apart}"):
        assert holds_a_code(f"131052{between}920J")
        assert holds_a_code(f"010594{between}9021")
        assert not holds_a_code(f"131052{between}920K")


def test_blanks_inside_date_and_number_part_a_code_with_a_sign_whose_check_letter_is_right() -> None:
    assert holds_a_code("1 3 1 0 5 2 - 9 2 0 J")
    assert holds_a_code("13 10 52-920\nJ")
    for none in ("13 10 52 920J", "1 3 1 0 5 2 9 2 0 J", "13 10 52 - 920K", "01 05 94-9021"):
        assert not holds_a_code(none)


# Unicode 15.0, DerivedCoreProperties.txt: Default_Ignorable_Code_Point.
DEFAULT_IGNORABLE = [
    *[(0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F)],
    *[(0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF)],
    *[(0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)],
]


@pytest.mark.parametrize(
    ("first", "last"), [*DEFAULT_IGNORABLE, (0x2800, 0x2800), (0x300, 0x36F), (1, 8), (0x7F, 0x84)]
)
def test_whatever_is_not_shown_hides_no_code(first: int, last: int) -> None:
    for hidden in map(chr, range(first, last + 1)):
        for text in (f"01{hidden}0594Y902{hidden}3", f"13{hidden}1052{hidden}-{hidden}908T", f"a{hidden}{CODE}"):
            assert holds_a_code(text), f"U+{ord(hidden):04X}"
            assert bytes_hold_a_code(text.encode())
            assert MASK in mask(text)


@pytest.mark.parametrize(
    "tag",
    [
        *["<b></b>", "<br/>", "</td>\n<td>", '<b title="a>b">', "<b title='\"> x'>", "<b it's>", "<wbr>"],
        *["<!-- -->", "<!-- a > b -->", "<!-- <b> --><i>", "<!---->", "<![CDATA[]]>", "<?x y?>", "&lt;b&gt;"],
    ],
)
def test_tags_and_comments_part_no_code(tag: str) -> None:
    for text in (f"131052{tag}-920J", f"1{tag}31052-{tag}920{tag}J", f"<td>x{tag}131052<b>-</b>920J{tag}x</td>"):
        assert holds_a_code(text)
        assert MASK in mask(text)
        assert "920J" not in mask(text)


def test_what_cdata_holds_is_read_and_so_is_what_a_tag_or_a_comment_says() -> None:
    for text in (
        "131052<![CDATA[-]]>908T",
        f'<b title="{HYPHENATED}">',
        f"<!-- {HYPHENATED} -->",
        "<b 131052&#45;908T>",
    ):
        assert holds_a_code(text)
    assert not holds_a_code("1310<b>52</b>")


@cache
def _digits() -> list[str]:
    return [chr(code) for code in range(0x80, 0x110000) if unicodedata.digit(chr(code), None) is not None]


def test_digits_of_any_script_are_digits() -> None:
    for zero in (chr(code) for code in range(0x80, 0x110000) if unicodedata.category(chr(code)) == "Nd"):
        digits = str.maketrans("0123456789", "".join(map(chr, range(ord(zero), ord(zero) + 10))))
        if unicodedata.digit(zero) == 0:
            assert holds_a_code(HYPHENATED.translate(digits))
    assert len(_digits()) > 600
    for digit in _digits():
        assert holds_a_code(f"13105{digit}-908T"), digit
    assert holds_a_code("一三一〇五二-九〇八T")


@pytest.mark.parametrize(
    ("letter", "alike"),
    [
        *[("A", "\u0410"), ("A", "\u0391"), ("B", "\u0412"), ("C", "\u0441"), ("E", "\u0395"), ("Y", "\u03a5")],
        *[("X", "\u0425"), ("U", "\U0001f184"), ("F", "\U0001f1eb"), ("D", "\U0001f153"), ("Y", "\u028f")],
    ],
)
def test_letters_that_look_like_a_century_sign_are_one(letter: str, alike: str) -> None:
    assert letter in CENTURY_SIGNS
    assert holds_a_code(f"010594{alike}9021")
    assert holds_a_code(f"010594{alike}\u03019021")


@pytest.mark.parametrize(
    "written",
    [
        *[
            "131052\\x2d920J",
            "131052\\u{2d}920J",
            "131052\\U0000002d920J",
            "131052%u002D920J",
            "\\\\u0031\\x331052-920J",
        ],
        *["131052&nbsp;-&nbsp;920J", "131052&#x2028;&hyphen;920J", "131052\\u2028-920J", "131052\\n - 920J"],
        *["\u202eJ029-250131\u202c", "x &#8238;J029-250131", "1\u20e33\u20e31\ufe0f\u20e30\u20e35\u20e32\u20e3-920J"],
    ],
)
def test_other_escapes_and_text_written_backwards_hide_no_code(written: str) -> None:
    assert holds_a_code(written)
    assert not holds_a_code(mask(written))


@pytest.mark.parametrize("byte", [b"\xad", b"\x96", b"\xa0", b"\xb2"])
def test_bytes_that_are_no_utf_8_are_read_as_windows_has_them(byte: bytes) -> None:
    written = b"13105\xb2-920J" if byte == b"\xb2" else b"131052" + byte + b"-920J"
    assert bytes_hold_a_code(b"hetu: " + written + b", \xe4")
    assert bytes_hold_a_code(b"\xc3 hetu: " + written)
    assert mask_bytes(b"hetu: " + written + b", \xe4") == f"hetu: {MASK}, ä"


# --- one disguise upon another

Pieces = list[str]
Disguise = Callable[[st.DrawFn, Pieces], Pieces]
TAGS = ["<b></b>", '<i class="x>y">', "</span><span>", "<!-- x > y -->", "<!---->", "<wbr>", "<![CDATA[]]>"]
LOOK_ALIKE = {
    "A": "\u0410\u0391",
    "B": "\u0412\u0392",
    "C": "\u0421",
    "E": "\u0415\u0395",
    "Y": "\u0423\u03a5",
    "X": "\u0425",
}
UNSEEN = [chr(code) for first, last in DEFAULT_IGNORABLE for code in (first, last)] + [
    "\u2800",
    "\x08",
    "\x7f",
    "\u0301",
]


def _each(draw: st.DrawFn, pieces: Pieces, change: Callable[[str], str]) -> Pieces:
    chosen = draw(st.sets(st.integers(0, len(pieces) - 1), max_size=4))
    return [change(piece) if at in chosen else piece for at, piece in enumerate(pieces)]


def _of_another_script(draw: st.DrawFn, pieces: Pieces) -> Pieces:
    return _each(
        draw, pieces, lambda one: draw(st.sampled_from([one, *_alike().get(one, []), *LOOK_ALIKE.get(one, "")]))
    )


def _with_another_digit(draw: st.DrawFn, pieces: Pieces) -> Pieces:
    digits = {digit: [one for one in _digits() if unicodedata.digit(one) == int(digit)] for digit in "0123456789"}
    return _each(draw, pieces, lambda one: draw(st.sampled_from(digits[one])) if one in digits else one)


def _with_what_nobody_sees(draw: st.DrawFn, pieces: Pieces) -> Pieces:
    return _each(draw, pieces[:-1], lambda one: one + draw(st.sampled_from(UNSEEN))) + pieces[-1:]


def _with_tags(draw: st.DrawFn, pieces: Pieces) -> Pieces:
    return _each(draw, pieces[:-1], lambda one: one + draw(st.sampled_from(TAGS))) + pieces[-1:]


def _with_blanks_about_the_sign(draw: st.DrawFn, pieces: Pieces) -> Pieces:
    blanks = st.text("".join(BLANKS) + "\n\r\u2028\u2029", max_size=3)
    return [*pieces[:6], draw(blanks) + pieces[6] + draw(blanks), *pieces[7:]]


def _with_dashes(draw: st.DrawFn, pieces: Pieces) -> Pieces:
    return [piece.replace("-", draw(st.sampled_from(_dashes()))) for piece in pieces]


def _in_escapes(draw: st.DrawFn, pieces: Pieces) -> Pieces:
    how = draw(st.sampled_from(ESCAPED))
    return _each(draw, pieces, lambda piece: "".join(map(how, piece)))


DISGUISES: list[Disguise] = [
    *[_of_another_script, _with_another_digit, _with_what_nobody_sees, _with_tags, _with_blanks_about_the_sign],
    *[_with_dashes, _in_escapes],
]


@st.composite
def disguised(draw: st.DrawFn) -> tuple[str, str]:
    """A code that is right, and how it is written after a chain of disguises."""
    day, month, year = draw(dates)
    digits = f"{day:02}{month:02}{year:02}{draw(st.integers(0, 999)):03}"
    code = digits[:6] + draw(st.sampled_from(CENTURY_SIGNS)) + digits[6:] + _right(digits)
    pieces = list(code)
    # Four layers of escapes are undone, and some disguises are two.
    chains = st.lists(st.sampled_from(DISGUISES), max_size=4).filter(lambda chain: chain.count(_in_escapes) <= 2)
    for disguise in draw(chains):
        pieces = disguise(draw, pieces)
    return code, "".join(pieces)


def _told_to_a_reader(content: bytes, code: str) -> bool:
    """Whether the digits of the code, and nothing but what is no letter or digit between them, can be read in it."""
    readings = (re.sub(r"<[^<>]*>", "", reading) for reading in seen_in(content))
    return any(code[:6] + code[7:10] in re.sub(r"\D", "", reading) for reading in readings)


@given(
    disguised(),
    st.sampled_from(["", "hetu ", "(", "ä ", "<p>", "\n"]),
    st.sampled_from(["", ".", ")", " ä", "</p>", "\n"]),
)
def test_a_code_is_found_under_any_chain_of_disguises_and_cut_out_of_whatever_is_kept(
    disguised: tuple[str, str], before: str, after: str
) -> None:
    code, written = disguised
    text = before + written + after
    assert holds_a_code(text)
    assert not holds_a_code(mask(text))
    for content in (
        text.encode(errors="replace"),
        json.dumps({"note": text}).encode(),
        text.encode("utf-16", "replace"),
    ):
        assert bytes_hide_a_code(content)
        kept = record_of(
            letter(original(content, content, [("ce_x", content), (text, b"")]), "personal_data", text), NOW
        )
        for part in (
            kept.key,
            kept.value,
            *(name.encode(errors="replace") + (value or b"") for name, value in kept.headers),
        ):
            assert not _told_to_a_reader(part or b"", code)


# --- no false alarms


def _a_million_ids() -> Iterator[str]:
    """Seeded: what ids, traces, telephones and codes of courses look like, a million in all."""
    chance = random.Random(20260901)
    hexadecimal = chance.randbytes(100_000 * 32).hex()
    digits = "".join(chance.choices("0123456789", k=100_000 * 11))
    letters = "".join(chance.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=100_000 * 12))
    for index in range(100_000):
        bits, tens = hexadecimal[index * 64 : index * 64 + 64], digits[index * 11 : index * 11 + 11]
        parted = f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-a{bits[17:20]}-{bits[20:32]}"
        yield from (parted, parted.upper(), f"00-{bits[:32]}-{bits[32:48]}-01", bits[:32], bits[40:52])
        yield from (letters[index * 12 : index * 12 + 12], f"1.2.246.562.10.{tens}", tens[:10])
        yield from (f"04{tens[0]} {tens[1:8]}", f"040{tens[:7]}")


def test_of_a_million_random_ids_none_is_taken_for_a_code() -> None:
    text = ",".join(_a_million_ids())
    assert not holds_a_code(text)
    assert not bytes_hide_a_code(text[:1_000_000].encode())
