"""Finds Finnish personal identity codes, and masks them.

The shape is the Digital and Population Data Services Agency's: DDMMYY, a century sign, NNN, a check character. A
wrong check character counts too (a typing mistake is still a person). A code counts only where no letter or digit
touches it. Values that are wholly a UUID or a traceparent are left out by the caller: of random UUIDs one in a
thousand would look like a code.
"""

import re
from urllib.parse import unquote

CENTURY_SIGNS = "+-YXWVUABCDEFyxwvuabcdef"
CHECK_ALPHABET = "0123456789ABCDEFHJKLMNPRSTUVWXYabcdefhjklmnprstuvwxy"
MASK = "******-****"

_CODE = re.compile(
    rf"(?<![^\W_])(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])\d{{2}}[{re.escape(CENTURY_SIGNS)}]\d{{3}}[{CHECK_ALPHABET}](?![^\W_])",
    re.ASCII,
)
_JSON_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_URL_ESCAPES = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_LAYERS = 3  # of URL encoding: %252D is - encoded twice
_LETTER_OR_DIGIT_BEYOND_ASCII = re.compile(r"[^\W_]", re.UNICODE)
_HARMLESS = re.compile(
    r"(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})",
    re.IGNORECASE,
)

# One class of byte each: 0 a digit, a a letter that is a century sign, x another letter, - a sign that is none, and all
# else a blank. A code has neither letter nor digit beside it, so that few UUIDs have its shape.
_SIGNS = CENTURY_SIGNS.encode()


def _class_of(byte: int) -> int:
    letter = chr(byte).isascii() and chr(byte).isalpha()
    if chr(byte) in "0123456789":
        return ord("0")
    if byte in _SIGNS:
        return ord("a" if letter else "-")
    return ord("x" if letter else " ")


_CLASSES = bytes(map(_class_of, range(256)))
# The look behind stands after the digits: a pattern that begins with them is searched for by its beginning.
_SHAPE = re.compile(rb"000000(?<![0ax]000000)[-a]000[0ax](?![0ax])")


def may_hold_a_code(text: bytes) -> bool:
    """Whether the bytes hold the shape of a code: cheap; true needs a closer look."""
    return _SHAPE.search(text.translate(_CLASSES)) is not None


def holds_a_code(value: str) -> bool:
    """Whether a code stands in the text, URL-encoded or not. A value that is wholly a UUID or traceparent holds none."""
    if _HARMLESS.fullmatch(value):
        return False
    return _found(value) or ("%" in value and _found(_unquoted(value)))


def bytes_hold_a_code(content: bytes) -> bool:
    """Whether a code stands in bytes that nobody could read as JSON, escapes of JSON and URLs undone."""
    text = content.decode(errors="replace")
    return holds_a_code(text) or ("\\u" in text and holds_a_code(_unescaped(text)))


def mask(text: str) -> str:
    """The text with each code replaced by `******-****`; with its URL escapes undone where one hides in them."""
    masked = _CODE.sub(lambda match: MASK if _stands_alone(text, match) else match.group(), text)
    if "\\u" in masked and _found(_unescaped(masked)):
        return mask(_unescaped(masked))
    return mask(_unquoted(masked)) if "%" in masked and _found(_unquoted(masked)) else masked


def _unquoted(text: str) -> str:
    # Around what is an escape alone: `unquote` takes two seconds for a megabyte of percent signs.
    for _ in range(_LAYERS):
        text = _URL_ESCAPES.sub(lambda escapes: unquote(escapes[0]), text)
    return text


def _unescaped(text: str) -> str:
    return _JSON_ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)


def _found(text: str) -> bool:
    return any(_stands_alone(text, match) for match in _CODE.finditer(text))


def _stands_alone(text: str, match: "re.Match[str]") -> bool:
    # The pattern is ASCII for speed; a letter such as ä beside a code touches it as well.
    around = text[max(0, match.start() - 1) : match.start()] + text[match.end() : match.end() + 1]
    return not _LETTER_OR_DIGIT_BEYOND_ASCII.search(around)
