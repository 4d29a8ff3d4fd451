"""What carried each need that was derived: which words, themes and setting, by how much. Pure.

The model is linear, so a need is a sum: the prior, each term's part, and the part of themes and setting. A term's part goes
in equal shares to the words in which it stands; a concept that no word says is its theme's.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from services.catalogue import features
from services.catalogue.needs import OF_THEMES, STEEPNESS, by_table
from services.catalogue.text_model import TextModel, shipped, weighed
from shared.reference import DIMENSIONS

USUAL: Final = "usual"
"""What most services help with: the model's answer to a text that says nothing."""
MAX_GROUNDS: Final = 4
MAX_WORD: Final = 50
"""Characters of a word; a longer one is cut."""
A_QUARTER: Final = 0.25
"""Of a point of 1 to 10: what carried less is left out, unless nothing carried more."""


def grounds(
    texts: Sequence[Mapping[Any, str]], themes: Sequence[str], setting: str | None, dimensions: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Of each of these dimensions what carried it, the greatest first: `word:…`, `theme:…`, `setting:…` or `usual`."""
    parts = parts_of(shipped(), features.joined(texts), themes, setting)
    return {dimension: _greatest(parts[dimension]) for dimension in dimensions}


def parts_of(
    model: TextModel, text: Mapping[str, str], themes: Sequence[str], setting: str | None
) -> Mapping[str, Mapping[str, float]]:
    """By dimension and ground, in points of 1 to 10. Of a dimension they add up to what was derived, before the floor."""
    shares = _shares(model, text, themes)
    parts = {}
    for at, dimension in enumerate(DIMENSIONS):
        part = defaultdict(float, _of_the_table(dimension, themes, setting))
        part[USUAL] = _points(1 - OF_THEMES, model.prior[at])
        for term, share in shares.items():
            said = _points(1 - OF_THEMES, model.weights[term][at])
            for ground, of_term in share.items():
                part[ground] += said * of_term
        parts[dimension] = part
    return parts


def _points(of_all: float, need: float) -> float:
    return STEEPNESS * of_all * need


def _shares(model: TextModel, text: Mapping[str, str], themes: Sequence[str]) -> dict[str, dict[str, float]]:
    """By term and ground: the term's weight in the text, in shares."""
    weights = weighed(features.terms(text, themes), model.rarity)
    words = features.found_in(text, weights)
    shares: dict[str, dict[str, float]] = {}
    for term, weight in weights.items():
        total = words[term].total()
        spoken = {f"word:{word[:MAX_WORD]}": weight * count / total for word, count in words[term].items()}
        shares[term] = spoken or {f"theme:{term.removeprefix(features.CONCEPT)}": weight}
    return shares


def _of_the_table(dimension: str, themes: Sequence[str], setting: str | None) -> dict[str, float]:
    """The theme that says most of a dimension has the table's part, and the setting what it adds."""
    by_theme = {theme: by_table([theme], None).get(dimension, 0) for theme in themes}
    most = max(by_theme.values())
    first = next(theme for theme, weight in by_theme.items() if weight == most)
    more = by_table(themes, setting).get(dimension, 0) - most
    return {f"theme:{first}": _points(OF_THEMES, most / 10), f"setting:{setting}": _points(OF_THEMES, more / 10)}


def _greatest(parts: Mapping[str, float]) -> tuple[str, ...]:
    in_order = sorted(parts, key=lambda ground: (-parts[ground], ground))
    large = [ground for ground in in_order if parts[ground] >= A_QUARTER]
    return tuple(large[:MAX_GROUNDS] or in_order[:1])
