"""What is to be reached, held against what was measured. Pure: no figure here is written by hand but the goals."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tests.bench.pairs import EMBEDDED, KAFKA, MONGO, PAIRS
from tests.bench.results import Part, Section

FLAT: Final = 1.15
"""How much dearer an event may be where a cost is called flat."""
A_MILLION: Final = 1_000_000


@dataclass(frozen=True)
class Goal:
    """`reached` is None where it was not measured, or not on as much as the goal asks for."""

    what: str
    wanted: str
    found: str
    reached: bool | None


def goals(sections: Mapping[str, Section]) -> list[Goal]:
    """All of them, in the order of the issue."""
    return [*_rates(sections), *_latency(sections), *_memory(sections), *_growth(sections)]


def _rates(sections: Mapping[str, Section]) -> Iterator[Goal]:
    ways = sections.get("ways")
    for pair in PAIRS:
        yield _at_least(ways, pair.name, "engine ÷ bare", 0.65)
    for pair, wanted in ((EMBEDDED, 25), (KAFKA, 30), (MONGO, 30)):
        yield _at_least(ways, pair.name, "engine ÷ framework", wanted)
    yield _at_least(ways, KAFKA.name, "engine ÷ quix", 1)
    yield _at_least(ways, KAFKA.name, "engine ÷ faust_streaming", 10)


def _at_least(section: Section | None, part: str, name: str, wanted: float) -> Goal:
    found = section.part(part).ratios.get(name) if section else None
    return _goal(f"{name}, {part}", f"at least {wanted:g}", found, lambda value: value >= wanted, "{:.2f}")


def _latency(sections: Mapping[str, Section]) -> Iterator[Goal]:
    latency = sections.get("latency")
    for pair, wanted in ((KAFKA, 12), (EMBEDDED, 25), (MONGO, 25)):
        found = latency.part(pair.name).median("100 events a second", "hop p95") if latency else None
        what = f"p95 of a hop at 100 events a second, {pair.name}"
        yield _below(what, wanted, found)


def _below(what: str, wanted: float, found: float | None) -> Goal:
    return _goal(what, f"below {wanted:g} ms", found, lambda value: value < wanted, "{:.1f} ms")


def _memory(sections: Mapping[str, Section]) -> Iterator[Goal]:
    memory = sections.get("memory")
    part = memory.part(MILLION) if memory else Part(MILLION)
    sizes = [line.figures["memory"].median for line in part.lines]
    events = [line.figures["events"].median for line in part.lines]
    enough = bool(events) and events[-1] >= A_MILLION
    most = max(sizes) if sizes else None
    yield _goal("resident memory over a million events", "below 120 MB", most, lambda value: value < 120, "{:.0f} MB")
    grown = sizes[-1] / sizes[0] if len(sizes) > 1 else None
    flat = _goal(
        "memory flat over a million events", f"at most × {FLAT}", grown, lambda value: value <= FLAT, "× {:.2f}"
    )
    yield (
        flat if enough or grown is None else Goal(flat.what, flat.wanted, f"{flat.found} over {events[-1]:,.0f}", None)
    )


MILLION: Final = "the engine over a million events"


def _growth(sections: Mapping[str, Section]) -> Iterator[Goal]:
    aggregates, activities = sections.get("aggregates"), sections.get("activities")
    found = grown(aggregates.parts[0], "processor an event", "10,000", "1,000,000") if aggregates else None
    what = "cost an event, 10 thousand to 1 million aggregates"
    yield _goal(what, f"at most × {FLAT}", found, lambda value: value <= FLAT, "× {:.2f}")
    part = activities.parts[0] if activities else Part("")
    for column in OTHERS:
        found = grown(part, column, "100", "20,000")
        what = f"cost of {column}, 100 to 20,000 activities"
        yield _goal(what, f"at most × {FLAT}", found, lambda value: value <= FLAT, "× {:.2f}")
    for column in MATCHINGS:
        found = part.median("20,000", column)
        yield _below(f"{column} among 20,000 activities", 5, found)


OTHERS: Final = ("a place asked for", "an activity published")
MATCHINGS: Final = ("a referral matched", "a referral that nothing fits")
"""The columns of `activities.py`."""


def grown(part: Part, column: str, least: str, most: str) -> float | None:
    """How many times as dear it is at the greatest size; None where one of both was not measured."""
    small, large = part.median(least, column), part.median(most, column)
    return large / small if small and large is not None else None


def _goal(what: str, wanted: str, found: float | None, reached: Callable[[float], bool], shown: str) -> Goal:
    if found is None:
        return Goal(what, wanted, "not measured", None)
    return Goal(what, wanted, shown.format(found), reached(found))
