"""Finds Finnish personal identity codes as a person would see them, and masks them.

The shape is the Digital and Population Data Services Agency's: DDMMYY, a century sign, NNN, a check character. With a
century sign a wrong check character counts too (a typing mistake is still a person). Where a blank, an underscore or
nothing stands for the sign, the check character must be right; with nothing it must be a letter besides, since ten
digits are as well a telephone number or a course's code. A code counts only where no letter or digit touches it.

What a person sees: escapes of JSON, URLs and HTML undone, characters of compatibility (full-width digits) as what they
stand for, every dash as -, and nothing that is not shown (soft hyphens, joiners, marks of direction). Bytes are read as UTF-8, and
with a NUL among them as UTF-16 too.
"""

import base64
import html
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import takewhile

CENTURY_SIGNS = "+-YXWVUABCDEFyxwvuabcdef"
CHECK_ALPHABET = "0123456789ABCDEFHJKLMNPRSTUVWXYabcdefhjklmnprstuvwxy"
MASK = "******-****"

# The look behind stands after the digits: a pattern that begins with them is searched for by its beginning.
_CODE = re.compile(
    r"([0-3][0-9])([01][0-9])([0-9]{2})(?<![^\W_].{6})"
    rf"([{re.escape(CENTURY_SIGNS)}\s_]?)([0-9]{{3}})([{CHECK_ALPHABET}])(?![^\W_])"
)
_LAYERS = 4  # of escapes: %252D is - encoded twice
_JSON_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|([bfnrt"/\\]))')
_JSON_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SURROGATE = re.compile("[\ud800-\udfff]")
_PERCENT_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_ENTITY = re.compile(r"&(?:#[0-9]{1,9}|#[xX][0-9A-Fa-f]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});?")
_NOT_SHOWN = {"Cf", "Mn", "Me"}
_DASHES_BESIDES = "\u2212\u02d7\u2043\u2796\u2500\ufffd"  # minus signs, and what stands for bytes that are no UTF-8
_BASE64 = re.compile(rb"[A-Za-z0-9+/_\s-]{15,}")
_OF_URLS = bytes.maketrans(b"-_", b"+/")

# One class of byte each: 0 a digit, a a letter that is a century sign, x another letter, - what else may stand for the
# sign, ! what may begin an escape, z what belongs to a character beyond ASCII, and all else a blank.
_SIGNS = CENTURY_SIGNS.encode()
_ASCII = bytes(range(128))


def _class_of(byte: int) -> int:
    character = chr(byte)
    if character.isascii() and character.isalnum():
        return ord("0" if character.isdigit() else "a" if byte in _SIGNS else "x")
    if byte in _SIGNS or byte in b" \t\r\n\v\f\x1c\x1d\x1e\x1f_":
        return ord("-")
    return ord("!" if byte in b"\\%&\0" else " " if byte < 128 else "z")


_CLASSES = bytes(map(_class_of, range(256)))
_SHAPE = re.compile(rb"000000(?<![0ax]000000)(?:[-a]000[0ax]|000[ax])(?![0ax])")
_SHAPE_WITH_GAPS = re.compile(rb"0(?<![0ax]0)z*0z*0z*0z*0z*0z*[-a]?z*0z*0z*0z*[0ax](?![0ax])")
_ESCAPE = re.compile(rb"\\|\0|%[0-9A-Fa-f]{2}|&[#A-Za-z]")
# Beyond ASCII, all but hard blank, soft hyphen, degree sign, Latin letters, general punctuation, euro and minus signs.
_UNUSUAL = re.compile("[^\u00a0\u00ad\u00b0\u00c0-\u017e\u2000-\u206f\u20ac\u2212]")


def may_hold_a_code(text: bytes) -> bool:
    """Whether a code may stand in the bytes, escaped or not: cheap; true needs a closer look."""
    classes = text.translate(_CLASSES)
    if b"!" in classes and _ESCAPE.search(text):
        return True
    if not text.isascii():
        if _UNUSUAL.search(text.translate(None, _ASCII).decode(errors="replace")):
            return True
        if b"0z" in classes or b"z0" in classes:
            return _SHAPE_WITH_GAPS.search(classes) is not None
    return _SHAPE.search(classes) is not None


def holds_a_code(value: str) -> bool:
    """Whether a person sees a code in the text."""
    return _reading_with_a_code(value) is not None


def bytes_hold_a_code(content: bytes) -> bool:
    """Whether a person sees a code in the bytes, which need be neither JSON nor text."""
    return may_hold_a_code(content) and any(map(holds_a_code, _texts(content)))


def bytes_hide_a_code(content: bytes) -> bool:
    """Whether a code stands in the bytes, or in what of them is base64."""
    return bytes_hold_a_code(content) or any(map(bytes_hold_a_code, _from_base64(content)))


def seen_in(content: bytes, within: int = 2) -> Iterator[str]:
    """All that a person may see in the bytes: as they came, one layer of escapes after the other undone, and the same of
    what in any of these is base64, and of base64 in that."""
    hidden: set[bytes] = set()
    for text in _texts(content):
        for reading in _undone(text):
            yield reading
            hidden.update(_from_base64(reading.encode(errors="replace")) if within else ())
    for one in hidden:
        yield from seen_in(one, within - 1)


def mask(text: str) -> str:
    """The text with each code replaced by `******-****`; with escapes undone where one hides in them."""
    for _ in range(_LAYERS):
        reading = _reading_with_a_code(text)
        if reading is None:
            return text
        text = _CODE.sub(lambda match: MASK if _counts(match) else match.group(), reading)
    return text if _reading_with_a_code(text) is None else MASK


def _reading_with_a_code(text: str) -> str | None:
    return next((reading for reading in _readings(text) if any(map(_counts, _CODE.finditer(reading)))), None)


def _counts(match: "re.Match[str]") -> bool:
    day, month, year, sign, number, check = match.groups()
    if not ("01" <= day <= "31" and "01" <= month <= "12"):
        return False
    if sign and sign in CENTURY_SIGNS:
        return True
    right = CHECK_ALPHABET[int(day + month + year + number) % 31] == check.upper()
    return right and bool(sign or check.isalpha())


def _readings(text: str) -> Iterator[str]:
    """The text's readings while a code may be in it."""
    return takewhile(lambda reading: may_hold_a_code(reading.encode(errors="replace")), _undone(text))


def _undone(text: str) -> Iterator[str]:
    """The text as it came, and as it reads with one layer of escapes after the other undone."""
    yield text
    for _ in range(_LAYERS):
        before = text
        for undone in (_json_undone, _percent_undone, _entities_undone, _as_seen):
            if (reading := undone(text)) != text:
                text = reading
                yield text
        if text == before:
            return


def _texts(content: bytes) -> Iterator[str]:
    """The bytes as text in each encoding that they may have."""
    encodings = ("utf-8", "utf-16-le", "utf-16-be") if b"\0" in content else ("utf-8",)
    return (content.decode(encoding, "replace") for encoding in encodings)


def _json_undone(text: str) -> str:
    if "\\" not in text:
        return text
    undone = _JSON_ESCAPE.sub(
        lambda match: chr(int(match[1], 16)) if match[1] else _JSON_ESCAPED.get(match[2], match[2]), text
    )
    if _SURROGATE.search(undone):  # two escapes of a pair are one character
        return undone.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return undone


def _percent_undone(text: str) -> str:
    return _PERCENT_ESCAPES.sub(lambda match: _bytes_of(match[0]), text) if "%" in text else text


@lru_cache(maxsize=512)
def _bytes_of(escapes: str) -> str:
    return bytes.fromhex(escapes.replace("%", "")).decode(errors="replace")


def _entities_undone(text: str) -> str:
    return _ENTITY.sub(lambda match: _character_of(match[0]), text) if "&" in text else text


@lru_cache(maxsize=512)
def _character_of(entity: str) -> str:
    return html.unescape(entity)


def _as_seen(text: str) -> str:
    if text.isascii() and "\0" not in text:
        return text
    text = unicodedata.normalize("NFKC", text)
    others = "".join(character for character in set(text) - _PLAIN if _shown(character) != character)
    return re.sub(f"[{re.escape(others)}]", lambda match: _shown(match[0]), text) if others else text


_PLAIN = frozenset(map(chr, range(1, 128)))


@lru_cache(maxsize=2048)
def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category in _NOT_SHOWN or character == "\0":
        return ""
    if category == "Pd" or character in _DASHES_BESIDES:
        return "-"
    return str(unicodedata.digit(character)) if category == "Nd" else character


def _from_base64(content: bytes) -> Iterator[bytes]:
    for match in _BASE64.finditer(content.replace(b"\\/", b"/")):  # as some write it in JSON
        digits = b"".join(match[0].split())
        digits = digits[: len(digits) - (len(digits) % 4 == 1)] + b"=" * (-len(digits) % 4)
        yield base64.b64decode(digits.translate(_OF_URLS))
