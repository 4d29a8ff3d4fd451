"""The terms of the loop: each referral stands in one of them, so that they add up to all that were issued. Pure."""

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
"""By end that a loop report counts."""
OPEN: Final[Mapping[str, str]] = {
    "matching": "matching",
    "choice": "choosing",
    "place": "no place yet",
    "attendance": "placed",
}
"""By step in which a referral is open."""
STEPS: Final[Mapping[str, str]] = {
    "issued": "issued",
    "proposed": "were offered activities",
    "placed": "had a place",
    "attended": "came",
    "completed": "completed",
    "closed": "end told to the region",
}
"""By count of how far referrals came: other words than those of the ends, of which one is `closed` too."""


@dataclass(frozen=True)
class Term:
    """A term with its count of referrals."""

    name: str
    count: int
    meaning: str


def terms(loop: Mapping[str, Any]) -> list[Term]:
    """Every term of a loop report with a referral in it; those still open are one."""
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
