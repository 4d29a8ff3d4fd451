"""What a text is counted by, for the model of needs: four letters in a row of Finnish, and concepts in three languages.

Pure. A text costs in proportion to its length, and of each language no more than `MAX_READ` characters are read.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

from services.catalogue.words import LANGUAGES

MAX_READ: Final = 1_500
GRAM: Final = 4
"""Letters in a row, spaces among them; a concept's shortest piece of a word."""
CONCEPT: Final = "#"
"""What the term of a concept begins with, which no letters in a row do."""
_NO_LETTERS: Final = re.compile(r"[\W\d_]+")


class _Piece(NamedTuple):
    """A piece of a word that stands for a concept."""

    letters: str
    term: str


def joined(texts: Sequence[Mapping[Any, str]]) -> dict[str, str]:
    """What is read of texts by language, the first of them first."""
    return {
        language: " ".join(text[language][:MAX_READ] for text in texts if language in text)[:MAX_READ]
        for language in LANGUAGES
    }


def terms(text: Mapping[str, str], themes: Iterable[str] = ()) -> dict[str, int]:
    """How often each term stands in a text by language; a theme is a concept that counts at least once.

    What several languages say, translations mostly, counts as often as the one that says it most.
    """
    found: dict[str, int] = {}
    for language in LANGUAGES:
        letters = _letters(text.get(language, ""))
        grams = _grams(letters)
        if language == "fi":
            found |= grams
        for term, count in _concepts(language, grams, letters).items():
            found[term] = max(count, found.get(term, 0))
    for theme in themes:
        found.setdefault(CONCEPT + theme, 1)
    return found


def found_in(text: Mapping[str, str], wanted: Collection[str]) -> dict[str, Counter[str]]:
    """In which words of a text by language each of these terms stands, and how often; across two words, in both."""
    found: dict[str, Counter[str]] = {term: Counter() for term in wanted}
    grams = [_Piece(term, term) for term in wanted if not term.startswith(CONCEPT)]
    for language in LANGUAGES:
        letters = _letters(text.get(language, ""))
        of_concepts = [piece for pieces in _pieces()[language].values() for piece in pieces if piece.term in found]
        for piece in (*of_concepts, *(grams if language == "fi" else ())):
            for at in _places(letters, piece.letters):
                found[piece.term].update(_words_at(letters, at, at + len(piece.letters)))
    return found


def _places(letters: str, piece: str) -> Iterator[int]:
    at = letters.find(piece)
    while at >= 0:
        yield at
        at = letters.find(piece, at + 1)


def _words_at(letters: str, start: int, end: int) -> list[str]:
    return letters[letters.rfind(" ", 0, start + 1) + 1 : letters.find(" ", end - 1)].split()


def _letters(text: str) -> str:
    """Lower case, one space for whatever is no letter, one at both ends."""
    words = _NO_LETTERS.sub(" ", unicodedata.normalize("NFC", text[:MAX_READ]).lower()).strip()
    return f" {words} " if words else ""


def _grams(letters: str) -> Counter[str]:
    return Counter([letters[at : at + GRAM] for at in range(len(letters) - GRAM + 1)])


def _concepts(language: str, grams: Mapping[str, int], letters: str) -> Counter[str]:
    pieces = _pieces()[language]
    found: Counter[str] = Counter()
    for head in pieces.keys() & grams.keys():
        for piece in pieces[head]:
            if count := grams[head] if piece.letters == head else letters.count(piece.letters):
                found[piece.term] += count
    return found


@cache
def _pieces() -> Mapping[str, Mapping[str, Sequence[_Piece]]]:
    """By language and first letters."""
    found: dict[str, dict[str, list[_Piece]]] = {language: {} for language in LANGUAGES}
    for concept, *by_language in _rows():
        for language, pieces in zip(LANGUAGES, by_language, strict=True):
            for letters in pieces.split(" "):
                piece = _Piece(letters.replace("_", " "), CONCEPT + concept)
                found[language].setdefault(piece.letters[:GRAM], []).append(piece)
    return found


def _rows() -> Iterator[list[str]]:
    for line in files(__package__).joinpath("concepts.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            yield line.split("\t")


def concepts() -> tuple[str, ...]:
    """The names of all concepts; the themes stand first."""
    return tuple(row[0] for row in _rows())
