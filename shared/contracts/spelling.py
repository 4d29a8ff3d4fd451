"""What a person sees of a text: escapes of JSON, URLs and HTML undone, tags left out, characters as what they look like.

A character that is not shown becomes `HIDDEN` instead of vanishing: a reader may see one word around it, or two.
"""

import html
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

HIDDEN: Final = "\0"
_LAYERS = 4  # of escapes: %252D is - encoded twice
_ESCAPE = re.compile(
    r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|u\{0{0,4}([0-9a-fA-F]{1,5})\}|U000([0-9a-fA-F]{5})|([bfnrt\"/\\]))"
)
_ANY_ESCAPE = re.compile(r"[\\%&]")
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_PERCENT_ESCAPES = re.compile(r"%u([0-9A-Fa-f]{4})|((?:%[0-9A-Fa-f]{2})+)")
_ENTITY = re.compile(r"&(?:#[0-9]{1,9}|#[xX][0-9A-Fa-f]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});?")

# As browsers read them: a > in quotes ends no tag, a comment without an end reaches to the end of all.
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_CDATA = r"<!\[CDATA\[|\]\]>"
_TAG = re.compile(
    rf"{_CDATA}|<[^<>=]*+(?:=\s*+(?:\"[^\"]*+\"|'[^']*+')?+[^<>=]*+)*+>|<[^<>]*+>|--!?>",
)
_BACKWARDS = "\u202e"

_PLAIN = frozenset(chr(code) for code in range(0x7F) if chr(code).isprintable() or chr(code).isspace())
_CONTROL = re.compile(r"[\0-\x08\x0e-\x1b\x7f]")
_NOT_SHOWN = {"Cc", "Cf", "Cn", "Co", "Cs", "Mn", "Me"}
_NAMED_BLANK = (" FILLER", " PATTERN BLANK", " NULL NOTEHEAD")  # letters and symbols that draw nothing
_DASHES_BESIDES = "\u2212\u02d7\u2043\u2796\u2500\ufffd"  # minus signs, and what stands for bytes that are no UTF-8
_NAMED_LETTER = re.compile(r"(?:LATIN CAPITAL LETTER|INDICATOR SYMBOL LETTER|LETTER SMALL CAPITAL) ([A-Z])$")
_NAMED_ALIKE = re.compile(r"(GREEK|CYRILLIC) (?:CAPITAL|SMALL) LETTER (?:STRAIGHT )?([A-Z]+)$")
_ALIKE = {
    "GREEK": {
        "ALPHA": "A",
        "BETA": "B",
        "EPSILON": "E",
        "ETA": "H",
        "KAPPA": "K",
        "MU": "M",
        "NU": "N",
        "RHO": "P",
        "TAU": "T",
        "UPSILON": "Y",
        "CHI": "X",
    },
    "CYRILLIC": {
        "A": "A",
        "VE": "B",
        "ES": "C",
        "IE": "E",
        "EN": "H",
        "JE": "J",
        "KA": "K",
        "EM": "M",
        "ER": "P",
        "DZE": "S",
        "TE": "T",
        "U": "Y",
        "HA": "X",
    },
}


def readings(text: str) -> Iterator[str]:
    """The text as it came, and with one layer of escapes after the other undone; each without its tags too."""
    yield from _shown_of(text)
    for _ in range(_LAYERS):
        before = text
        for undone in (_json_undone, _percent_undone, _entities_undone, as_seen):
            if (reading := undone(text)) != text:
                text = reading
                yield from _shown_of(text)
        if text == before or not _ANY_ESCAPE.search(text):
            return


def _shown_of(text: str) -> Iterator[str]:
    yield text
    if "<" in text:
        yield _TAG.sub(HIDDEN, text)
    if "<!--" in text:
        yield _TAG.sub(HIDDEN, _COMMENT.sub(HIDDEN, text))
    if _BACKWARDS in text:
        yield as_seen(text)[::-1]


def _json_undone(text: str) -> str:
    if "\\" not in text:
        return text
    # Two escapes of a pair are one character.
    return _PAIR.sub(
        lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), _ESCAPE.sub(_of_escape, text)
    )


def _of_escape(match: "re.Match[str]") -> str:
    *codes, sign = match.groups()
    return _ESCAPED.get(sign, sign) if sign else chr(int(next(filter(None, codes)), 16))


def _percent_undone(text: str) -> str:
    return _PERCENT_ESCAPES.sub(_of_percents, text) if "%" in text else text


def _of_percents(match: "re.Match[str]") -> str:
    return chr(int(match[1], 16)) if match[1] else _bytes_of(match[2])


@lru_cache(maxsize=512)
def _bytes_of(escapes: str) -> str:
    return bytes.fromhex(escapes.replace("%", "")).decode(errors="replace")


def _entities_undone(text: str) -> str:
    return _ENTITY.sub(lambda match: _character_of(match[0]), text) if "&" in text else text


@lru_cache(maxsize=512)
def _character_of(entity: str) -> str:
    return html.unescape(entity)


def as_seen(text: str) -> str:
    """The text in plain digits, letters and dashes where it looks like them; `HIDDEN` for each that is not shown.

    A byte that is no UTF-8 (`surrogateescape`) is read as Windows has it.
    """
    if text.isascii() and not _CONTROL.search(text):
        return text
    return text.translate({ord(character): _seen(character) for character in set(text) - _PLAIN})


@lru_cache(maxsize=65_536)
def _seen(character: str) -> str:
    if (digit := unicodedata.digit(character, None)) is not None:
        return str(digit)
    if "\udc80" <= character <= "\udcff":
        return _seen(bytes([ord(character) - 0xDC00]).decode("cp1252", "replace"))
    plain = unicodedata.normalize("NFKC", character)
    return _drawn(character) if plain == character else "".join(map(_seen, plain))


def _drawn(character: str) -> str:
    """The character as it looks; by properties and names of Unicode, which cover all that are default ignorable."""
    if (character.isascii() and character in _PLAIN) or character.isspace():
        return character
    category, name = unicodedata.category(character), unicodedata.name(character, "")
    if category in _NOT_SHOWN or name.endswith(_NAMED_BLANK):
        return HIDDEN
    if category == "Pd" or character in _DASHES_BESIDES:
        return "-"
    if (number := unicodedata.numeric(character, -1.0)) in range(10):
        return str(int(number))
    return _letter_named(name) or character


def _letter_named(name: str) -> str | None:
    if letter := _NAMED_LETTER.search(name):
        return letter[1]
    return _ALIKE[alike[1]].get(alike[2]) if (alike := _NAMED_ALIKE.search(name)) else None
