"""Which activities fit a referral, in which order, and why: hard filters first, then docs/contracts.md's order.

Pure and deterministic: the same candidates give the same proposals, whatever their order.
"""

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from services.catalogue.funding import FUNDED, Rule, rule_of, spans, to_pay
from services.catalogue.model import Brief, Wish
from services.catalogue.needs import vector
from shared.reference import DIMENSIONS

PROPOSALS: Final = 5
_OLDEST: Final = 200
_FORMATS: Final = ("in_person", "remote", "hybrid")


def age_limits(band: str) -> tuple[int, int]:
    """Years from and to of an age band; `85-` has no upper end."""
    low, _, high = band.partition("-")
    return int(low), int(high) if high else _OLDEST


def primary(language: str) -> str:
    """The primary subtag: `sv-FI` is sv."""
    return language.partition("-")[0].lower()


class Prices:
    """What one client pays for activities, and by which rule."""

    def __init__(self, wish: Wish, now: datetime) -> None:
        self._can_pay = spans(wish.means)
        self._now = now

    def rule(self, brief: Brief) -> Rule:
        """What makes the price of an activity."""
        day = max(at(brief.starts_at), self._now)
        return rule_of(self._can_pay, brief.price_cents, brief.accepts, day, brief.cards_left)

    def to_pay(self, brief: Brief) -> int:
        """What the client pays, in euro cents."""
        return to_pay(self.rule(brief), brief.price_cents)


class HardFilters:
    """The hard filters for one referral, each by its name in `nearest_misses`."""

    def __init__(self, wish: Wish, now: datetime) -> None:
        self.low, self.high = age_limits(wish.age_band)
        self._now = now.timestamp()
        self._prices = Prices(wish, now)
        self._languages = {primary(language) for language in wish.languages}
        self._needed = frozenset(wish.accessibility)
        self._formats = frozenset(wish.formats or _FORMATS)
        self._funding = frozenset(wish.funding)
        self._price = math.inf if wish.max_price_cents is None else wish.max_price_cents
        self._municipality = wish.municipality
        self._synthetic = wish.synthetic
        self._places = wish.places
        self._at_unit = wish.at_unit

    def fits(self, brief: Brief) -> bool:
        """Whether a brief passes every filter. Every candidate goes through here."""
        return (
            not self._languages.isdisjoint(brief.languages)
            and not self._is_dear(brief)
            and (brief.format == "remote" or self._municipality in brief.serves)
            and self._fits_besides(brief)
        )

    def only_miss(self, brief: Brief) -> str | None:
        """The name of the one filter that alone refuses a brief; None where none or several do.

        Where nothing fits, two thousand go through here: most are out by two of the first three.
        """
        far = brief.format != "remote" and self._municipality not in brief.serves
        unspoken = self._languages.isdisjoint(brief.languages)
        dear = self._is_dear(brief)
        if not (far or unspoken or dear):
            return self._only_miss_besides(brief)
        if (far and unspoken) or (dear and (far or unspoken)) or not self._fits_besides(brief):
            return None
        return "municipality" if far else "language" if unspoken else "price"

    def _is_dear(self, brief: Brief) -> bool:
        return brief.price_cents > self._price and (
            self._funding.isdisjoint(brief.accepts) or self._prices.rule(brief) not in FUNDED
        )

    def _fits_besides(self, brief: Brief) -> bool:
        return (
            brief.age_min <= self.high
            and self.low <= brief.age_max
            and self._has_room(brief)
            and brief.at_unit == self._at_unit
            and brief.opens <= self._now <= brief.closes
            and not brief.cancelled
            and brief.format in self._formats
            and self._needed.issubset(brief.accessibility)
            and brief.synthetic == self._synthetic
        )

    def _has_room(self, brief: Brief) -> bool:
        """One may wait for a place; to a group only what has room for all of it now is proposed."""
        return brief.places_left >= self._places or (self._places == 1 and brief.waiting_left > 0)

    def _only_miss_besides(self, brief: Brief) -> str | None:
        if brief.synthetic != self._synthetic:
            return None
        refused = {
            "age": brief.age_min > self.high or self.low > brief.age_max,
            "accessibility": not self._needed.issubset(brief.accessibility),
            "places": not self._has_room(brief),
            "premises": brief.at_unit != self._at_unit,
            "format": brief.format not in self._formats,
            "enrolment": not brief.opens <= self._now <= brief.closes,
            "cancelled": brief.cancelled,
        }
        missed = [name for name, refuses in refused.items() if refuses]
        return missed[0] if len(missed) == 1 else None


def ranked(wish: Wish, candidates: Iterable[Brief], without: Iterable[str], now: datetime) -> list[Brief]:
    """The best that fit: cosine over all ten dimensions, then liked themes, price, earlier start, id.

    Where a companion is wished for, those that offer one go before all others.
    """
    left_out = set(without)
    liked = frozenset(wish.themes)
    fits, prices = HardFilters(wish, now).fits, Prices(wish, now)

    def order(brief: Brief) -> tuple[int, int, float, str]:
        return -len(liked.intersection(brief.themes)), prices.to_pay(brief), brief.starts_at, brief.key

    best: list[Brief] = []
    for alike in _in_order(wish, candidates):
        fitting = {brief.key: brief for brief in filter(fits, alike) if brief.key not in left_out}
        best += heapq.nsmallest(PROPOSALS - len(best), fitting.values(), key=order)
        if len(best) == PROPOSALS:
            break
    return best


def _in_order(wish: Wish, briefs: Iterable[Brief]) -> Iterator[list[Brief]]:
    if not wish.companion:
        yield from _closest_first(wish, briefs)
        return
    briefs = list(briefs)
    yield from _closest_first(wish, (brief for brief in briefs if brief.companion))
    yield from _closest_first(wish, (brief for brief in briefs if not brief.companion))


def _closest_first(wish: Wish, briefs: Iterable[Brief]) -> list[list[Brief]]:
    """Groups of equal cosine: of a thousand, only the closest few have to be judged and put in order."""
    # Many activities have the same needs, derived from themes: each vector is computed once.
    same_needs: defaultdict[tuple[int, ...], list[Brief]] = defaultdict(list)
    for brief in briefs:
        same_needs[brief.needs].append(brief)
    closeness = cosine_to(vector(wish.needs))
    alike: defaultdict[float, list[Brief]] = defaultdict(list)
    for needs, some in same_needs.items():
        alike[closeness(needs)] += some
    return [alike[cosine] for cosine in sorted(alike, reverse=True)]


def nearest_misses(wish: Wish, candidates: Collection[Brief], without: Iterable[str], now: datetime) -> dict[str, int]:
    """How many activities each filter alone refused; `tried` fit, but are left out."""
    left_out = set(without)
    filters = HardFilters(wish, now)
    missed = Counter(filter(None, map(filters.only_miss, candidates)))
    if left_out:
        missed["tried"] = sum(brief.key in left_out and filters.fits(brief) for brief in candidates)
    return dict(sorted((+missed).items()))


def cosine_to(one: tuple[int, ...]) -> Callable[[tuple[int, ...]], float]:
    """The cosine to one vector: between 0 and 1, rounded so that equal directions are equal however they were summed."""
    weights = [(place, weight) for place, weight in enumerate(one) if weight]
    length = sum(weight * weight for weight in one)

    def cosine(other: tuple[int, ...]) -> float:
        product = sum(weight * other[place] for place, weight in weights)
        lengths = math.sqrt(length * sum(weight * weight for weight in other))
        return round(product / lengths, 9) if lengths else 0.0

    return cosine


def cosine(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """The cosine of two vectors of the ten dimensions."""
    return cosine_to(one)(other)


def score(wish: Wish, brief: Brief) -> int:
    """The cosine as 0 to 100."""
    return round(100 * cosine(vector(wish.needs), brief.needs))


def reasons(wish: Wish, brief: Brief, rule: Rule) -> tuple[str, ...]:
    """The reasons of a proposal, as codes; `rule`: what makes its price."""
    shared_needs = [
        dimension
        for dimension, weight in zip(DIMENSIONS, brief.needs, strict=True)
        if weight and dimension in wish.needs
    ]
    where = "remote" if brief.format == "remote" else f"municipality:{wish.municipality}"
    languages = [primary(language) for language in wish.languages if primary(language) in brief.languages]
    price = _price_reason(wish, brief, rule)
    return (
        *(f"need:{dimension}" for dimension in shared_needs),
        *(f"theme:{theme}" for theme in wish.themes if theme in brief.themes),
        where,
        *(f"language:{language}" for language in dict.fromkeys(languages)),
        *(f"accessibility:{feature}" for feature in wish.accessibility),
        *(["companion"] if wish.companion and brief.companion else []),
        *([price] if price else []),
        *(["waiting_list"] if brief.places_left <= 0 else []),
    )


def _price_reason(wish: Wish, brief: Brief, rule: Rule) -> str | None:
    if rule in FUNDED:
        return f"funding:{rule}"
    if rule == "full" and (wish.max_price_cents is None or brief.price_cents > wish.max_price_cents):
        return None
    return "free" if rule == "free" else "within_price"


def at(seconds: float) -> datetime:
    """A time that a brief keeps as seconds."""
    return datetime.fromtimestamp(seconds, UTC)
