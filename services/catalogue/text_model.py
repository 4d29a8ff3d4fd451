"""A text's needs by a linear model: TF-IDF of its terms, times weights that were learned from services labelled by experts.

Pure. `needs_weights.txt` names its source and the script that makes it; docs/decisions/0014-needs-are-read-from-texts.md has what it reaches.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from operator import mul
from typing import Final

SCALE: Final = 1_000
"""The numbers in the file are thousandths."""


@dataclass(frozen=True)
class TextModel:
    """`prior`: the ten dimensions of a text that says nothing. A term's weights: what it adds to each of them."""

    prior: tuple[float, ...]
    rarity: Mapping[str, float]
    weights: Mapping[str, tuple[float, ...]]

    def needs(self, terms: Mapping[str, int]) -> list[float]:
        """The ten dimensions: about 0 where a service does nothing for one, about 1 where it is there for that."""
        weighted = weighed(terms, self.rarity)
        columns = zip(*(self.weights[term] for term in weighted), strict=True)
        said = [sum(map(mul, weighted.values(), column)) for column in columns]
        return [need + more for need, more in zip(self.prior, said, strict=True)] if said else list(self.prior)


def weighed(terms: Mapping[str, int], rarity: Mapping[str, float]) -> dict[str, float]:
    """TF-IDF: (1 + ln count) times the term's rarity, of length 1; terms without a rarity are left out."""
    known = {term: (1 + math.log(terms[term])) * rarity[term] for term in terms if term in rarity}
    length = math.hypot(*known.values())
    return {term: weight / length for term, weight in known.items()}


def read(text: str) -> TextModel:
    """The model of a file: a term, its rarity and its ten weights a line; the line without a term is the prior."""
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("# ")]
    numbers = {term: tuple(int(number) / SCALE for number in row) for term, *row in rows}
    prior = numbers.pop("")
    return TextModel(
        prior[1:], {term: row[0] for term, row in numbers.items()}, {term: row[1:] for term, row in numbers.items()}
    )


@cache
def shipped() -> TextModel:
    """The model that was learned from all labelled services; read once, when it is first asked for."""
    return read(files(__package__).joinpath("needs_weights.txt").read_text(encoding="utf-8"))
