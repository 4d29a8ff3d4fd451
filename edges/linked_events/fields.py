"""How single fields of Linked Events are read: texts, times, prices, links, whole numbers.

The API answers with links or embedded objects, HTML or plain text, times or dates, as its publishers entered them.
Nothing here knows of our events; a value that cannot be read raises `Unusable`.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import datetime
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import unquote, urlsplit

MAX_TEXT: Final = 4_000
MAX_CODE: Final = 64
DEAREST: Final = 1_000_000
"""Cents: a greater amount is no price of a course."""
LANGUAGES: Final = ("fi", "sv", "en", "se")

Row = Mapping[str, Any]

_TIME = re.compile(
    r"(?:19|2[0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NOT_IN_A_CODE = re.compile(r"[^A-Za-z0-9._:-]+")
_BLOCKS = frozenset({"p", "br", "div", "li", "ul", "ol", "tr", "h1", "h2", "h3", "h4", "h5", "h6"})
_UNSEEN = frozenset({"script", "style"})

_GROUPING = r"[ .'\u2019]"  # of thousands; `plain` has made every kind of blank one
_NUMBER = rf"(?<![\d.,'\u2019])(?:\d{{1,3}}(?:{_GROUPING}\d{{3}})+(?:,\d{{1,2}})?|\d{{1,6}}(?:[.,]\d{{1,2}})?)(?![\d])"
_RANGE = rf"({_NUMBER})(?:\s*[-\u2013\u2014/]\s*({_NUMBER}))?"
_EURO = r"(?:€|eur(?![a-z])|euro[a-zåäö]*|e(?![\w-]))"
_BEFORE_EURO = re.compile(rf"{_RANGE}\s*(?:,[-\u2013\u2014]|{_EURO})", re.IGNORECASE)
_AFTER_EURO = re.compile(rf"€\s*{_RANGE}", re.IGNORECASE)
_BARE = re.compile(rf"\s*{_NUMBER}(?:\s*[-\u2013\u2014/;|]\s*{_NUMBER})*\s*")
_RECKONED = re.compile(
    rf"[\d€]\s*[x×*·]\s*\d|\d\s*(?:kertaa|krt|kpl|gånger|ggr)\s*[àá@]?\s*\d|\b[àá]\s*\d|{_EURO}\s*\+.*\d", re.IGNORECASE
)
_FREE = re.compile(
    r"\b(maksu(ton|tta|ttomia)|ilmai(nen|seksi|sia)|vapaa pääsy|gratis|fritt inträde|free)\b", re.IGNORECASE
)


class Unusable(Exception):
    """A value that cannot be read for sure. The message is one line: the field, the value, what is wrong."""

    def __init__(self, field: str, value: object, why: str) -> None:
        super().__init__(f"{field}: {shown(value)} {why}")


def shown(value: object) -> str:
    """A value as it may stand in one line for people: short, and printable on any terminal."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return text if len(text) <= 80 else text[:77] + "..."


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unseen += tag in _UNSEEN
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._unseen = max(0, self._unseen - (tag in _UNSEEN))
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(data)


def plain(text: str) -> str:
    """Text without HTML: a line for each block, white space as one, only printable characters."""
    parser = _Text()
    try:
        parser.feed(text)
        parser.close()
        stripped = "".join(parser.parts)
    except AssertionError:  # html.parser's answer to a marked section it does not know, as Word writes them
        stripped = re.sub(r"<[^>]*>", " ", text)
    lines = (" ".join("".join(map(_printable, line)).split()) for line in stripped.splitlines())
    return "\n".join(line for line in lines if line)


def _printable(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in ("Cc", "Cs") else character


def localized(value: object) -> dict[str, str]:
    """Texts by language, plain, without empty ones; a bare string counts as Finnish."""
    if isinstance(value, str):
        value = {"fi": value}
    if not isinstance(value, dict):
        return {}
    texts = {language: plain(value[language]) for language in LANGUAGES if isinstance(value.get(language), str)}
    return {language: _shortened(text) for language, text in texts.items() if text}


def _shortened(text: str) -> str:
    """Within the contract's limit, cut between words and marked as cut."""
    if len(text) <= MAX_TEXT:
        return text
    head = text[: MAX_TEXT - 2]
    return head[: max(head.rfind(" "), head.rfind("\n")) if " " in head or "\n" in head else None] + " …"


def instant(field: str, value: object) -> datetime:
    """A time with its offset; a date without a clock time is not one."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        raise Unusable(field, value, "has no clock time")
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise Unusable(field, value, "is not a time with an offset")
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise Unusable(field, value, "is not a time that exists") from None


def whole_number(field: str, value: object) -> int | None:
    """A number from 0 up, or None where there is none."""
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**9:
        raise Unusable(field, value, "is not a whole number from 0 up")
    return value


def link_id(value: object) -> str | None:
    """The id that a link, an embedded object or a bare id names: `.../keyword/yso:p1808/` is `yso:p1808`."""
    if isinstance(value, dict):
        value = value.get("id") or value.get("@id")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        return None
    if not value.startswith(("http://", "https://")):
        return value or None
    try:
        path = urlsplit(value).path
    except ValueError:  # such as a bracket left open in the host
        return None
    return unquote(path.rstrip("/").rpartition("/")[2]) or None


def code(identifier: str) -> str:
    """The id in the characters and the length of our ids; one that had to be changed keeps a mark of its own.

    Without the mark `a/b` and `a b` would become one activity.
    """
    clean = _NOT_IN_A_CODE.sub("-", identifier)
    if clean == identifier and len(clean) <= MAX_CODE:
        return clean
    return f"{clean[: MAX_CODE - 13]}-{digest(identifier)[:12]}"


def digest(text: str) -> str:
    """SHA-256 of any text, also one that is not valid Unicode."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def greatest_price(text: str) -> int | None:
    """The greatest euro amount that a price text names, in cents; 0 if it says free; None if it says neither.

    None as well where the text is a sum to compute (`12 × 100 €`, `50 € + 20 €`), or more than any course's price.
    """
    if _RECKONED.search(text):
        return None
    cents = [_cents(number) for number in _amounts(text)]
    if cents:
        return max(cents) if max(cents) <= DEAREST else None
    return 0 if _FREE.search(text) else None


def _amounts(text: str) -> Iterator[str]:
    if _BARE.fullmatch(text):
        yield from re.findall(_NUMBER, text)
        return
    for pattern in (_BEFORE_EURO, _AFTER_EURO):
        for match in pattern.finditer(text):
            yield from (number for number in match.groups() if number)


def _cents(number: str) -> int:
    euros, _, fraction = re.sub(rf"{_GROUPING}(?=\d{{3}})", "", number).replace(",", ".").partition(".")
    return int(euros) * 100 + int(fraction.ljust(2, "0") if fraction else 0)


def items(value: object) -> list[Any]:
    """The list, or none where there is something else."""
    return value if isinstance(value, list) else []


def mapping(value: object) -> Row:
    """The object, or an empty one where there is something else."""
    return value if isinstance(value, dict) else {}
