"""Which activities fit a referral, in which order, and why: hard filters first, then CONTRACTS.md's order.

Pure and deterministic: the same candidates give the same proposals, whatever their order.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from services.catalogue.model import Brief, Wish
from services.catalogue.needs import vector
from shared.reference import DIMENSIONS

PROPOSALS: Final = 5
_OLDEST: Final = 200


def age_limits(band: str) -> tuple[int, int]:
    """Years from and to of an age band; `85-` has no upper end."""
    low, _, high = band.partition("-")
    return int(low), int(high) if high else _OLDEST


def primary(language: str) -> str:
    """The primary subtag: `sv-FI` is sv."""
    return language.partition("-")[0].lower()


class Filters:
    """The hard filters for one referral, each by its name in `nearest_misses`."""

    def __init__(self, wish: Wish, now: datetime) -> None:
        low, high = age_limits(wish.age_band)
        at = now.timestamp()
        languages = {primary(language) for language in wish.languages}
        needed = set(wish.accessibility)
        formats = set(wish.formats)
        funding = set(wish.funding)
        price = math.inf if wish.max_price_cents is None else wish.max_price_cents
        self._filters: Mapping[str, Callable[[Brief], bool]] = {
            "enrolment": lambda brief: brief.opens <= at <= brief.closes,
            "cancelled": lambda brief: not brief.cancelled,
            "places": lambda brief: brief.places_left > 0 or brief.waiting_left > 0,
            "municipality": lambda brief: brief.format == "remote" or wish.municipality in brief.serves,
            "age": lambda brief: brief.age_min <= high and low <= brief.age_max,
            "language": lambda brief: not languages.isdisjoint(brief.languages),
            "accessibility": lambda brief: needed.issubset(brief.accessibility),
            "price": lambda brief: brief.price_cents <= price or not funding.isdisjoint(brief.accepts),
            "format": lambda brief: not formats or brief.format in formats,
        }
        self._synthetic = wish.synthetic

    def fits(self, brief: Brief) -> bool:
        """Whether it passes every filter."""
        return brief.synthetic == self._synthetic and all(passes(brief) for passes in self._filters.values())

    def only_miss(self, brief: Brief) -> str | None:
        """The name of the one filter that alone refuses it; None where none or several do."""
        if brief.synthetic != self._synthetic:
            return None
        missed = [name for name, passes in self._filters.items() if not passes(brief)]
        return missed[0] if len(missed) == 1 else None


def ranked(wish: Wish, candidates: Iterable[Brief], without: Iterable[str], now: datetime) -> list[Brief]:
    """The best that fit: cosine over all ten dimensions, then liked themes, price, earlier start, id."""
    left_out = set(without)
    filters = Filters(wish, now)
    fitting = {brief.key: brief for brief in candidates if brief.key not in left_out and filters.fits(brief)}
    liked = set(wish.themes)
    needs = vector(wish.needs)

    def order(brief: Brief) -> tuple[float, int, int, float, str]:
        common = len(liked.intersection(brief.themes))
        return -cosine(needs, brief.needs), -common, brief.price_cents, brief.starts_at, brief.key

    return sorted(fitting.values(), key=order)[:PROPOSALS]


def nearest_misses(wish: Wish, candidates: Iterable[Brief], without: Iterable[str], now: datetime) -> dict[str, int]:
    """How many activities each filter alone refused; `tried` are those that were left out though they fit."""
    left_out = set(without)
    filters = Filters(wish, now)
    misses: dict[str, int] = {}
    for brief in {candidate.key: candidate for candidate in candidates}.values():
        missed = filters.only_miss(brief)
        if missed is None and brief.key in left_out and filters.fits(brief):
            missed = "tried"
        if missed:
            misses[missed] = misses.get(missed, 0) + 1
    return misses


def cosine(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """Between 0 and 1, rounded so that equal directions are equal however they were summed."""
    product = sum(a * b for a, b in zip(one, other, strict=True))
    lengths = math.sqrt(sum(a * a for a in one) * sum(b * b for b in other))
    return round(product / lengths, 9) if lengths else 0.0


def score(wish: Wish, brief: Brief) -> int:
    """The cosine as 0 to 100."""
    return round(100 * cosine(vector(wish.needs), brief.needs))


def reasons(wish: Wish, brief: Brief) -> tuple[str, ...]:
    """Why it was proposed, as codes."""
    shared_needs = [
        dimension
        for dimension, weight in zip(DIMENSIONS, brief.needs, strict=True)
        if weight and dimension in wish.needs
    ]
    where = "remote" if brief.format == "remote" else f"municipality:{wish.municipality}"
    languages = [primary(language) for language in wish.languages if primary(language) in brief.languages]
    price = _price_reason(wish, brief)
    return (
        *(f"need:{dimension}" for dimension in shared_needs),
        *(f"theme:{theme}" for theme in wish.themes if theme in brief.themes),
        where,
        *(f"language:{language}" for language in dict.fromkeys(languages)),
        *(f"accessibility:{feature}" for feature in wish.accessibility),
        *([price] if price else []),
        *(["waiting_list"] if brief.places_left <= 0 else []),
    )


def _price_reason(wish: Wish, brief: Brief) -> str | None:
    if brief.price_cents == 0:
        return "free"
    if wish.max_price_cents is not None and brief.price_cents <= wish.max_price_cents:
        return "within_price"
    common = [funding for funding in wish.funding if funding in brief.accepts]
    return f"funding:{common[0]}" if common else None


def at(seconds: float) -> datetime:
    """A time that a brief keeps as seconds."""
    return datetime.fromtimestamp(seconds, UTC)
