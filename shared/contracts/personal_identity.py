"""Finds Finnish personal identity codes as a person would see them, and masks them.

The shape is the Digital and Population Data Services Agency's: DDMMYY, a century sign, NNN, a check character. With one
century sign alone between date and number a wrong check character counts too (a typing mistake is still a person). With
blanks, underscores or more than one sign there the check character must be right; with nothing it must be a letter
besides, since ten digits are as well a telephone number or a course's code; and where blanks part the digits themselves
it must be a letter and a sign must stand there. A code counts only where no letter or digit touches it.

`spelling.py` says what a person sees. Bytes are read as UTF-8, and with a NUL among them as UTF-16 too.
"""

import base64
import re
from collections.abc import Iterator, Sequence

from shared.contracts.spelling import HIDDEN, readings

CENTURY_SIGNS = "+-YXWVUABCDEFyxwvuabcdef"
CHECK_ALPHABET = "0123456789ABCDEFHJKLMNPRSTUVWXYabcdefhjklmnprstuvwxy"
MASK = "******-****"


def _born(gap: str) -> str:
    """DDMMYY with no more than `gap` between its digits, after a character that touches none."""
    first, second, third = (f"{digit}(?<![^\\W_].){gap}" for digit in ("0", "[12]", "3"))
    return rf"((?:{first}[1-9]|{second}[0-9]|{third}[01]){gap}(?:0{gap}[1-9]|1{gap}[0-2]){gap}[0-9]{gap}[0-9])"


# A repetition takes all it can and gives nothing back, and a match has a blank, a sign or a letter in one place: no
# input makes the search go over it again and again. The look behind stands after a digit, so that the search looks for
# digits.
_SIGN_LETTER = "[A-FU-Ya-fu-y]"
_CHECK_LETTER = "[A-FHJ-NPR-Ya-fhj-npr-y]"
_END = r"(?![^\W_])"
_GAP = rf"{HIDDEN}*+"
_BLANKS_TOO = rf"[{HIDDEN}\s_]*+"
_SIGNS_TOO = rf"[{HIDDEN}\s_+\-]*+"
_BETWEEN = rf"{_GAP}(?:[\s_+\-]{_SIGNS_TOO}{_SIGN_LETTER}?|{_SIGN_LETTER}){_SIGNS_TOO}"
_CODE = re.compile(
    rf"{_born(_GAP)}(?:({_BETWEEN})((?:[0-9]{_GAP}){{3}}[{CHECK_ALPHABET}])|{_GAP}((?:[0-9]{_GAP}){{3}}{_CHECK_LETTER})){_END}",
    re.DOTALL,
)
_CODE_IN_PIECES = re.compile(
    rf"{_born(_BLANKS_TOO)}{_BLANKS_TOO}(?:[+\-]|{_SIGN_LETTER}){_SIGNS_TOO}"
    rf"((?:[0-9]{_BLANKS_TOO}){{3}}{_CHECK_LETTER}){_END}",
    re.DOTALL,
)
MOST_SEARCHED = 128 * 1024
"""Bytes of a record that may need a closer look; an event has half as many. Reading other than text takes 8 µs a byte."""
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")
_NO_UTF_8 = re.compile("[\ud800-\udfff]")
_EACH_SIGN = frozenset(CENTURY_SIGNS)
_SHORTEST = 14  # of ten characters, as base64 without its filling
_BASE64 = re.compile(rb"[A-Za-z0-9+/_\s-]{%d,}" % _SHORTEST)
_APART = b'""\'\'-->>""'
"""Ends tags, quotes and comments, and is neither letter nor digit beside a word, in UTF-16 neither."""
_DIGITS_OF_A_CODE = 9
_DIGITS = "0123456789²³¹¼½¾".encode("cp1252")
_MAY_BE_ANY = re.compile(rb"[\0\\%&]")
_OF_URLS = bytes.maketrans(b"-_", b"+/")
_TRIES = 4

# One class of byte each: 0 a digit, a a letter that is a century sign, x another letter, - another sign, _ a blank,
# < what begins a tag, ! what may begin an escape or is not shown, z what belongs to a character beyond ASCII, and all
# else a blank.
_SIGNS = CENTURY_SIGNS.encode()
_ASCII = bytes(range(128))


def _class_of(byte: int) -> int:
    character = chr(byte)
    if byte > 127:
        return ord("z")
    if character.isalnum():
        return ord("0" if character.isdigit() else "a" if byte in _SIGNS else "x")
    if character.isspace() or character == "_":
        return ord("_")
    if byte in _SIGNS or character == "<":
        return ord("<" if character == "<" else "-")
    return ord("!" if byte in b"\\%&" or not character.isprintable() else " ")


_CLASSES = bytes(map(_class_of, range(256)))
_SHAPE = re.compile(rb"000000(?<![0ax]000000)[-_z]*+a?[-_z]*+000[_z]*+[0ax](?![0ax])")
_SHAPE_IN_PIECES = re.compile(rb"0(?<![0ax]0)(?:[_z]*+0){5}[-_z]*+a?[-_z]*+(?:0[_z]*+){3}[0ax](?![0ax])")
_BLANK_IN_DIGITS = re.compile(rb"0_[0_z]")
_BEFORE_A_TAG = re.compile(rb"0[-_z]*+a?[-_z]*+<")
_ESCAPE = re.compile(rb"[\0-\x08\x0e-\x1b\x7f]|\\|%[0-9A-Fa-fu][0-9A-Fa-f]|&[#A-Za-z]")
_LATIN = re.compile(rb"(?:\xc3[\x80-\xbf])*+")
# Beyond ASCII, all but hard blank, soft hyphen, degree sign, Latin letters, general punctuation, euro and minus signs;
# of punctuation what turns the direction of writing is none of these.
_UNUSUAL = re.compile("[^\u00a0\u00ad\u00b0\u00c0-\u017e\u2000-\u202d\u202f-\u206f\u20ac\u2212]")


def may_hold_a_code(text: bytes) -> bool:
    """Whether a code may stand in the bytes, escaped or not. Cheap; if true, the bytes need a closer look."""
    classes = text.translate(_CLASSES)
    if b"!" in classes and _ESCAPE.search(text):
        return True
    if (b"<" in classes and _BEFORE_A_TAG.search(classes)) or not (text.isascii() or _is_utf_8(text)):
        return True
    parted = _BLANK_IN_DIGITS.search(classes) is not None
    if not text.isascii() and not _LATIN.fullmatch(beyond := text.translate(None, _ASCII)):
        if _UNUSUAL.search(beyond.decode(errors="replace")):
            return True
        parted = parted or b"0z" in classes
    return (_SHAPE_IN_PIECES if parted else _SHAPE).search(classes) is not None


def _is_utf_8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def holds_a_code(value: str) -> bool:
    """Whether a person sees a code in the text."""
    return _reading_with_a_code(value) is not None


def bytes_hold_a_code(content: bytes) -> bool:
    """Whether a person sees a code in the bytes, which need be neither JSON nor text."""
    return may_hold_a_code(content) and any(map(holds_a_code, _texts(content)))


def bytes_hide_a_code(content: bytes) -> bool:
    """Whether a code stands in the bytes, or in base64 within them."""
    return bytes_hold_a_code(content) or any(map(bytes_hold_a_code, _from_base64(content)))


def is_searchable(parts: Sequence[bytes]) -> bool:
    """Whether a search of all parts stops nobody: not too many bytes need a closer look."""
    left = MOST_SEARCHED
    if sum(map(len, parts)) * 5 <= left * 2:  # base64 is searched three times, and shrinks by a quarter twice
        return True
    for piece in (piece for part in parts for piece in (part, *_from_base64(part))):
        left -= len(piece) if may_hold_a_code(piece) else 0
    return left >= 0


def seen_in(content: bytes, within: int = 2) -> Iterator[str]:
    """Every text that a person may see in the bytes: as they came, with one layer of escapes after the other undone,
    and the same of base64 in any of these, and of base64 in that."""
    hidden: set[bytes] = set()
    for text in _texts(content):
        for reading in readings(text):
            yield (seen := reading.replace(HIDDEN, ""))
            hidden.add(b"".join(map(_set_apart, _words_of_base64(seen.encode(errors="replace") if within else b""))))
    for one in hidden - {b""}:
        yield from seen_in(one, within - 1)


def mask(text: str) -> str:
    """The text with each code replaced by `******-****`; with escapes undone, and without tags, where one hides in them."""
    for _ in range(_TRIES):
        reading = _reading_with_a_code(text)
        if reading is None:
            return text
        text = _without_codes(reading)
    return text if _reading_with_a_code(text) is None else MASK


def mask_each(texts: Sequence[str]) -> Sequence[str]:
    """Each text as `mask` leaves it. One look at all of them together is mostly enough: what is found in none of them
    joined by a comma, which is part of no code, is in none of them alone."""
    together = ",".join(texts).encode(errors="surrogatepass")
    return [mask(text) for text in texts] if may_hold_a_code(together) else texts


def mask_bytes(content: bytes) -> str:
    """The bytes as text that is masked, with U+FFFD for what is no UTF-8; the mask alone where it may be another encoding."""
    if b"\0" in content and bytes_hold_a_code(content):
        return MASK
    return _NO_UTF_8.sub("\ufffd", mask(content.decode(errors="surrogateescape")))


def _without_codes(text: str) -> str:
    for shape in (_CODE, _CODE_IN_PIECES):
        kept, at = [], 0
        for code in _codes_in(text, shape):
            kept += [text[at : code.start()], MASK]
            at = code.end()
        text = "".join([*kept, text[at:]])
    return text.replace(HIDDEN, "")


def _reading_with_a_code(text: str) -> str | None:
    if not may_hold_a_code(text.encode(errors="surrogatepass")):
        return None
    return next((reading for reading in readings(text) if _has_a_code(reading)), None)


def _has_a_code(text: str) -> bool:
    return any(_codes_in(text, _CODE)) or any(_codes_in(text, _CODE_IN_PIECES))


def _codes_in(text: str, shape: "re.Pattern[str]") -> "Iterator[re.Match[str]]":
    at = 0
    while match := shape.search(text, at):
        counts = _counts(match)
        at = match.end() if counts else match.start() + 1  # a code may begin within a match that is none
        if counts:
            yield match


def _counts(match: "re.Match[str]") -> bool:
    if match.re is _CODE and match[2] and match[2].replace(HIDDEN, "") in _EACH_SIGN:
        return True
    number = _NOT_ALPHANUMERIC.sub("", match[match.lastindex or 0])
    return CHECK_ALPHABET[int(_NOT_ALPHANUMERIC.sub("", match[1]) + number[:3]) % 31] == number[3].upper()


def _texts(content: bytes) -> Iterator[str]:
    """The bytes as text in each encoding that they may have."""
    yield content.decode(errors="surrogateescape")
    if b"\0" in content:  # which parts the letters of an escape too
        yield content.replace(b"\0", b"").decode(errors="surrogateescape")
        yield from (content.decode(encoding, "replace").replace("\0", "") for encoding in ("utf-16-le", "utf-16-be"))


def _from_base64(content: bytes) -> Iterator[bytes]:
    """The decoded runs of base64, in one piece, without words that have too few digits for a code.

    A search of each of fifty thousand words by itself would take a quarter of a minute.
    """
    if words := [_set_apart(word) for word in _words_of_base64(content) if _has_digits(word)]:
        yield b"".join(words)


def _words_of_base64(content: bytes) -> Iterator[bytes]:
    """Each run as a whole, as mail has it in lines, and word by word, since text may stand before it; each said once."""
    runs = [match[0].split() for match in _BASE64.finditer(content.replace(b"\\/", b"/"))]  # as some write it in JSON
    words = dict.fromkeys(word for run in runs for word in (b"".join(run), *run) if len(word) >= _SHORTEST)
    return map(_of_base64, words)


def _has_digits(word: bytes) -> bool:
    """Whether there may be the nine of a code. Two may be drawn as one character; an escape may be any of them."""
    if _MAY_BE_ANY.search(word):
        return True
    plain = len(word) - len(word.translate(None, _DIGITS))
    text = "" if plain >= _DIGITS_OF_A_CODE else word.decode(errors="ignore")
    return plain + 2 * (len(text) - len(text.encode("ascii", "ignore"))) >= _DIGITS_OF_A_CODE


def _set_apart(word: bytes) -> bytes:
    # An even number of bytes, so that UTF-16 keeps its pairs.
    return word + b'"' * (len(word) % 2) + _APART


def _of_base64(digits: bytes) -> bytes:
    digits = digits[: len(digits) - (len(digits) % 4 == 1)] + b"=" * (-len(digits) % 4)
    return base64.b64decode(digits.translate(_OF_URLS))
