"""The terms of the loop: each referral stands in one of them, so that they add up to what was issued. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

MEANING: Final[Mapping[str, str]] = {
    "completed": "came; every session has its record, or left on the way",
    "withdrawn": "taken back by the region that referred",
    "no_activity_found": "nothing suitable was offered in time",
    "not_chosen": "was offered activities, chose none in time",
    "full": "chose, and every place was taken",
    "closed": "chose when enrolment was over",
    "cancelled": "chose what the opisto had cancelled",
    "unknown": "chose what nobody had published",
    "never_attended": "had a place, came to no session",
    "not_recorded": "had a place; the opisto did not record who came",
    "lapsed": "ran out of time, and was erased afterwards",
}
"""Of each end that a loop report counts."""
OPEN: Final[Mapping[str, str]] = {
    "matching": "matching",
    "choice": "choosing",
    "place": "no place yet",
    "attendance": "placed",
}
"""Of each stage in which a referral is open."""
STEPS: Final[Mapping[str, str]] = {
    "issued": "issued",
    "proposed": "were offered activities",
    "placed": "had a place",
    "attended": "came",
    "completed": "completed",
    "closed": "end told to the region",
}
"""Of each count of how far they came: other words than the ends have, of which one is `closed` too."""


@dataclass(frozen=True)
class Term:
    """So many referrals stand here."""

    name: str
    count: int
    meaning: str


def terms(loop: Mapping[str, Any]) -> list[Term]:
    """Every term of a loop report that somebody stands in; those still open are one."""
    counts = {name: int(loop.get(name, 0)) for name in ("completed", "withdrawn")}
    for whys in loop.get("lost", {}).values():
        counts |= whys
    ended = [Term(name, count, MEANING[name]) for name, count in counts.items() if count]
    return [*ended, *_still_open(loop.get("open", {}))]


def _still_open(stages: Mapping[str, int]) -> list[Term]:
    there = {stage: count for stage, count in stages.items() if count}
    if not there:
        return []
    meaning = ", ".join(f"{OPEN[stage]} {count}" for stage, count in there.items())
    return [Term("still open", sum(there.values()), meaning)]
