"""The console's texts: a TOML file a page, each text in Finnish, Swedish and English."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from shared.http.language import LANGUAGES

Words = Mapping[str, str]
_TEXTS: Final = Path(__file__).parent / "texts"


@cache
def words_of(page: str, language: str) -> Words:
    """The texts of a page by name, with those of the frame. Raises `LookupError` where one lacks a language."""
    return {**_read("frame", language), **_read(page, language)}


def _read(page: str, language: str) -> Words:
    texts = tomllib.loads((_TEXTS / f"{page}.toml").read_text(encoding="utf-8"))
    if lacking := [name for name, by_language in texts.items() if by_language.keys() != LANGUAGES.keys()]:
        raise LookupError(f"{page}.toml: {', '.join(lacking)}: each text is in {', '.join(LANGUAGES)}")
    return {name: by_language[language] for name, by_language in texts.items()}
