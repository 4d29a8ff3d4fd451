"""python -m tests.bench.needs_ridge: learns services/catalogue/needs_weights.txt from the labelled services, by hand.

A ridge on TF-IDF, solved by its dual: as many equations as services, so that Python alone does it in seconds. The same
services give the same file.
"""

import csv
import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.catalogue.features import CONCEPT, joined, terms
from services.catalogue.text_model import SCALE, TextModel, weighed
from shared.reference import DIMENSIONS

REPOSITORY: Final = Path(__file__).parents[2]
SAMPLE: Final = REPOSITORY.parent / "shared" / "samples" / "ptv" / "ptv_services_3x10d_labels.csv"
WEIGHTS: Final = REPOSITORY / "services" / "catalogue" / "needs_weights.txt"
PENALTY: Final = 0.6
IN_SERVICES: Final = 2
"""In how many services letters in a row must stand, to be a term."""
OF_A_CONCEPT: Final = 5
"""How much more a concept weighs than letters in a row, of which a text has many."""
HEAD: Final = """\
# Learned by tests/bench/needs_ridge.py from 205 services of the Finnish Service Catalogue whose needs experts labelled in 3X10D:
# vrk-kpa/auroraai-core-components, MIT licence. No text of theirs is in here.
# A term, its rarity, its weight in each dimension, in thousandths: {dimensions}.
"""


@dataclass(frozen=True)
class LabelledService:
    """A labelled service: its terms, and the dimensions that experts gave it."""

    id: str
    terms: Mapping[str, int]
    labels: tuple[float, ...]

    @property
    def half(self) -> int:
        """The parity of the id's SHA-256."""
        return hashlib.sha256(self.id.encode()).digest()[-1] % 2


def labelled(path: Path = SAMPLE) -> list[LabelledService]:
    """The services that have a label. Raises FileNotFoundError where the samples are not there."""
    with path.open(encoding="utf-8", newline="") as file:
        services = [_service(row) for row in csv.DictReader(file)]
    return [service for service in services if any(service.labels)]


def _service(row: Mapping[str, str]) -> LabelledService:
    text = row["summary"].replace("_x000D_", " ")  # a line's end, as a spreadsheet wrote it
    labels = tuple(float(row[dimension] or 0) for dimension in DIMENSIONS)
    counted = terms(joined([{"fi": row["name"]}, {"fi": text}]))
    return LabelledService(row["ptv_service_id"], counted, labels)


def learned(services: Sequence[LabelledService], *, concepts: bool = True, penalty: float = PENALTY) -> TextModel:
    """The ridge with an unpunished prior. Without concepts: of letters in a row alone."""
    rarity = _rarity(services, concepts=concepts)
    texts = [weighed(service.terms, rarity) for service in services]
    labels = [math.fsum(column) / len(services) for column in zip(*(one.labels for one in services), strict=True)]
    missing = [[label - usual for label, usual in zip(one.labels, labels, strict=True)] for one in services]
    parts = solved(_likeness(texts, penalty), missing)
    weights = {
        term: tuple(
            math.fsum(text[term] * part[place] for text, part in zip(texts, parts, strict=True) if term in text)
            for place in range(len(DIMENSIONS))
        )
        for term in rarity
    }
    mean = _mean_text(texts)
    prior = tuple(
        usual - math.fsum(mean[term] * weights[term][place] for term in mean) for place, usual in enumerate(labels)
    )
    return TextModel(prior, rarity, weights)


def _likeness(texts: Sequence[Mapping[str, float]], penalty: float) -> list[list[float]]:
    """The products of all pairs of texts less the mean text; the penalty on the diagonal."""
    mean = _mean_text(texts)
    to_mean, of_mean = [_product(text, mean) for text in texts], _product(mean, mean)
    return [
        [
            _product(one, other) - to_mean[row] - to_mean[column] + of_mean + (penalty if row == column else 0.0)
            for column, other in enumerate(texts)
        ]
        for row, one in enumerate(texts)
    ]


def _product(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    return math.fsum(one[term] * other[term] for term in one.keys() & other.keys())


def _rarity(services: Sequence[LabelledService], *, concepts: bool) -> dict[str, float]:
    """ln of how few services have the term, smoothed; for the terms that are learned."""
    having = Counter(term for service in services for term in service.terms)
    kept = {
        term: count
        for term, count in sorted(having.items())
        if (concepts if term.startswith(CONCEPT) else count >= IN_SERVICES)
    }
    return {
        term: (OF_A_CONCEPT if term.startswith(CONCEPT) else 1) * (math.log((1 + len(services)) / (1 + count)) + 1)
        for term, count in kept.items()
    }


def _mean_text(texts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    total: Counter[str] = Counter()
    for text in texts:
        total.update(text)  # a Counter adds up fractions as well
    return {term: weight / len(texts) for term, weight in total.items()}


def solved(matrix: Sequence[Sequence[float]], right: Sequence[Sequence[float]]) -> list[list[float]]:
    """x of matrix · x = right, for a symmetric matrix that is positive definite: by elimination, without pivots."""
    rows = [[*left, *wanted] for left, wanted in zip(matrix, right, strict=True)]
    size = len(rows)
    for at in range(size):
        top = rows[at]
        for row in rows[at + 1 :]:
            if factor := row[at] / top[at]:
                row[at:] = [one - factor * other for one, other in zip(row[at:], top[at:], strict=True)]
    found: list[list[float]] = [[]] * size
    for at in reversed(range(size)):
        known = rows[at][size:]
        for later in range(at + 1, size):
            known = [one - rows[at][later] * other for one, other in zip(known, found[later], strict=True)]
        found[at] = [one / rows[at][at] for one in known]
    return found


def written(model: TextModel) -> str:
    """The model as the file has it."""
    lines = [["", "0", *_thousandths(model.prior)]]
    lines += [[term, *_thousandths([model.rarity[term], *model.weights[term]])] for term in sorted(model.rarity)]
    return HEAD.format(dimensions=" ".join(DIMENSIONS)) + "".join("\t".join(line) + "\n" for line in lines)


def _thousandths(numbers: Sequence[float]) -> list[str]:
    return [str(round(number * SCALE)) for number in numbers]


if __name__ == "__main__":
    WEIGHTS.write_text(written(learned(labelled())), encoding="utf-8")
