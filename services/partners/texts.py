"""Texts by language, as the service keeps them."""

from collections.abc import Mapping
from typing import Any


def by_language(said: Mapping[Any, str]) -> dict[str, str]:
    """The text with its languages as plain strings."""
    return {str(language): text for language, text in said.items()}
