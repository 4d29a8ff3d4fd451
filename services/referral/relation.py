"""Whose events count for a referral: an organiser's that the region chose, that was asked for a place or looked it up.

Pure. docs/contracts.md, “The life of a referral”. An organiser that only knows the referral's id is a stranger to it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from services.referral.model import Referral, Stretch, split_key
from shared.contracts.envelope import AHEAD

GOOD_FOR: Final = timedelta(days=30)
"""How long before an event's `time` its organiser may have looked the code up."""
CLOCKS_APART: Final = AHEAD
"""A desk's clock may be as much behind the platform's as it may be ahead of it."""
REACH: Final = GOOD_FOR + CLOCKS_APART


def chosen_organisers(referral: Referral) -> set[str]:
    """The organisers of all activities that the region ever chose."""
    return {split_key(fact.activity)[0] for fact in referral.facts if fact.kind == "chosen"}


def looked_up(referral: Referral, organiser: str, time: datetime) -> bool:
    """Whether the organiser looked the code up in the 30 days before an event's `time`."""
    return any(first - CLOCKS_APART <= time <= last + GOOD_FOR for first, last in referral.looked_up.get(organiser, ()))


def with_look_up(stretches: Iterable[Stretch], time: datetime) -> tuple[Stretch, ...]:
    """The stretches of look-ups with one more: a look-up that begins while another holds joins its stretch."""
    first = last = time
    apart: list[Stretch] = []
    for one in stretches:
        if one[0] - REACH <= time <= one[1] + REACH:
            first, last = min(first, one[0]), max(last, one[1])
        else:
            apart.append(one)
    return tuple(sorted([*apart, (first, last)]))
