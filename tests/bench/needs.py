"""How well needs are derived from texts, against experts' labels: learned on one half of the services, judged on the other."""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Final

from services.catalogue.features import CONCEPT
from services.catalogue.needs import blended, by_table, vector
from services.catalogue.text_model import TextModel
from shared.reference import DIMENSIONS, THEMES
from tests.bench.effort import Effort
from tests.bench.needs_ridge import SAMPLE, LabelledService, labelled, learned
from tests.bench.results import MeasuredFigure, MeasuredRow, Part, Section, figure, say

SAYS: Final = (
    "205 services of the Finnish Service Catalogue whose needs experts labelled, in halves by the parity of the SHA-256 of their "
    "ids: learned on one half, judged on the other, and the other way round; the median is the mean of both, the spread is the two. "
    "*Cosine* of derived and labelled needs; *top-1*: how often the greatest need is a labelled one; *mAP*: the mean over the "
    "dimensions of the average precision with which services are ranked by them. *Themed*: the text names a theme, which is how "
    "these services, which state none, get themes; *opisto-like*: it names a course, an institute, a hobby, an event, culture, "
    "a group, peers or a workshop. *A constant* says of each service what services are labelled with on average."
)
LIKE_AN_OPISTO: Final = frozenset(
    CONCEPT + name for name in ("course", "institute", "hobby", "event", "culture", "group", "peer_support", "workshop")
)
Vector = Sequence[float]
Way = Callable[[LabelledService], Vector]
Kept = Callable[[LabelledService], bool]


def measure(effort: Effort) -> Section:
    """Three figures for each way to derive needs, of all services, the themed and the opisto-like."""
    try:
        services = labelled()
    except FileNotFoundError:
        missing = f"the samples are not here: {SAMPLE} is missing, so derived needs are NOT measured"
        say(missing)
        return Section("needs", "Needs derived from texts", SAYS, [Part("needs", missing=missing)])
    halves = [_ways([one for one in services if one.half != half]) for half in (0, 1)]
    parts = [_part(name, kept, services, halves) for name, kept in KINDS.items()]
    return Section("needs", "Needs derived from texts", SAYS, parts)


def themes_of(service: LabelledService) -> list[str]:
    """The themes that its text names."""
    return [theme for theme in THEMES if CONCEPT + theme in service.terms]


KINDS: Final[Mapping[str, Kept]] = {
    "all": lambda _: True,
    "themed": lambda service: bool(themes_of(service)),
    "opisto-like": lambda service: not LIKE_AN_OPISTO.isdisjoint(service.terms),
}


def _ways(services: Sequence[LabelledService]) -> dict[str, Way]:
    letters, model = learned(services, concepts=False), learned(services)
    mean = [fmean(column) for column in zip(*(one.labels for one in services), strict=True)]
    return {
        "a constant": lambda _: mean,
        "the table of themes": lambda service: vector(by_table(themes_of(service), None)),
        "TF-IDF of letters": lambda service: _positive(letters, service),
        "TF-IDF of letters and concepts": lambda service: _positive(model, service),
        "what the catalogue derives": lambda service: vector(blended(model, service.terms, themes_of(service), None)),
    }


def _positive(model: TextModel, service: LabelledService) -> Vector:
    return [max(0.0, need) for need in model.needs(service.terms)]


def _part(name: str, kept: Kept, services: Sequence[LabelledService], halves: Sequence[Mapping[str, Way]]) -> Part:
    some = [service for service in services if kept(service)]
    lines = []
    for way in halves[0]:
        found = [judged([one for one in some if one.half == half], halves[half][way]) for half in (0, 1)]
        lines.append(MeasuredRow(way, {column: _both(*(one[column] for one in found)) for column in found[0]}))
    return Part(f"{name}, {len(some)} services", lines)


def _both(one: float, other: float) -> MeasuredFigure:
    return figure("", [one, other])


def judged(services: Sequence[LabelledService], way: Way) -> dict[str, float]:
    """Cosine, top-1 and mAP of a way to derive needs."""
    needs = [way(service) for service in services]
    labels = [service.labels for service in services]
    precisions = [
        average_precision([one[place] for one in needs], [one[place] for one in labels])
        for place in range(len(DIMENSIONS))
        if any(one[place] for one in labels)
    ]
    return {
        "cosine": fmean(map(_cosine, needs, labels)),
        "top-1": fmean(label[_greatest(need)] for need, label in zip(needs, labels, strict=True)),
        "mAP": fmean(precisions),
    }


def _cosine(one: Vector, other: Vector) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    product = math.fsum(left * right for left, right in zip(one, other, strict=True))
    return product / lengths if lengths else 0.0


def _greatest(need: Vector) -> int:
    return max(range(len(need)), key=lambda place: (need[place], -place))


def average_precision(ranks: Vector, labels: Vector) -> float:
    """The mean of the precisions at each step of recall; services with the same rank come at the same step."""
    found = seen = 0.0
    total = 0.0
    for rank in sorted(set(ranks), reverse=True):
        alike = [label for one, label in zip(ranks, labels, strict=True) if one == rank]
        found, seen = found + sum(alike), seen + len(alike)
        total += sum(alike) * found / seen
    return total / sum(labels)
