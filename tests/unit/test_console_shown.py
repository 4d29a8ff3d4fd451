"""How the console shows values: bounded, isolated, escaped; numbers and times as each language writes them."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from services.monitor.console.shown import MOST, foreign, instant, number, span
from services.monitor.console.words import _TEXTS, words_of
from shared.http.language import LANGUAGES


@given(st.text(max_size=3 * MOST), st.sampled_from(sorted(LANGUAGES)))
def test_what_comes_from_outside_stays_inside_its_element(text: str, language: str) -> None:
    shown = foreign(text, language)
    if not text:
        assert shown == "–"
        return
    inner = str(shown).removeprefix("<bdi>").partition("</bdi>")[0]
    assert str(shown).startswith("<bdi>")
    assert not {"\u202e", "\u2066", "\u200f", "\x00", "\x1b"} & set(str(shown))
    without_marks = inner.replace('<span class="mark">', "").replace("</span>", "")
    assert "<" not in without_marks
    assert ("characters" in str(shown) or "merkkiä" in shown or "tecken" in shown) or len(text) <= MOST


def test_a_long_text_is_shown_in_part_and_says_how_long_it_is() -> None:
    shown = str(foreign("x" * 60_000, "en"))
    assert shown.count("x") == MOST
    assert "60,000 characters" in shown


def test_a_mark_of_direction_is_shown_instead_of_turning_what_follows() -> None:
    assert foreign("a\u202eb", "fi") == Markup('<bdi>a<span class="mark">U+202E</span>b</bdi>')


@pytest.mark.parametrize(
    ("language", "written"), [("fi", "1\u00a0234\u00a0567,5"), ("sv", "1\u00a0234\u00a0567,5"), ("en", "1,234,567.5")]
)
def test_numbers_are_written_as_in_the_language(language: str, written: str) -> None:
    assert number(1_234_567.5, language) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0 s"), (0.4, "0 s"), (59, "59 s"), (200, "3 min 20 s"), (3_600, "1 h"), (90_061, "1 d 1 h"), (86_459, "1 d")],
)
def test_a_span_has_its_two_largest_units(seconds: float, written: str) -> None:
    assert span(seconds, "en").replace("\u00a0", " ") == written


@pytest.mark.parametrize(
    ("at", "written"),
    [
        (datetime(2026, 7, 1, 21, 5, 9, tzinfo=UTC), "2.7.2026 klo 0.05.09"),
        (datetime(2026, 12, 31, 22, 0, tzinfo=UTC), "1.1.2027 klo 0.00.00"),
    ],
)
def test_a_time_is_finlands_with_the_exact_one_beside_it(at: datetime, written: str) -> None:
    shown = str(instant(at, "fi"))
    assert f">{written}</time>" in shown
    assert f'datetime="{at.isoformat().replace("+00:00", "Z")}"' in shown


@pytest.mark.parametrize("none", ["<b>", "2026-13-01", "0001-01-01T00:00:00+14:00"])
def test_what_is_no_time_is_shown_as_it_came(none: str) -> None:
    assert "<time" not in instant(none, "fi")
    assert "<b>" not in instant(none, "fi")


@pytest.mark.parametrize("page", sorted(one.stem for one in _TEXTS.glob("*.toml")))
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_there_in_each_language(page: str, language: str) -> None:
    assert all(text.strip() for text in words_of(page, language).values())


def test_no_template_means_a_text_and_names_what_every_mapping_can_do() -> None:
    """`words.clear` is a method of the mapping, and no text: such a name is asked for as `words["clear"]`."""
    templates = (_TEXTS.parent / "templates").glob("*.html")
    named = {name for one in templates for name in re.findall(r"\bwords\.(\w+)", one.read_text(encoding="utf-8"))}
    assert "title" in named
    assert named.isdisjoint(dir(dict))
