"""A question of the form, in three languages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Language = Literal["fi", "sv", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("fi", "sv", "en")
Words = Mapping[Language, str]


@dataclass(frozen=True)
class Question:
    """One item as the form asks it: a heading, a question, and what the two ends of its scale mean.

    Where the scale has these two steps alone, they are the choices themselves: no and yes.
    """

    heading: Words
    text: Words
    low: Words
    high: Words


def in_words(fi: str, sv: str, en: str) -> Words:
    """Words by language."""
    return {"fi": fi, "sv": sv, "en": en}
