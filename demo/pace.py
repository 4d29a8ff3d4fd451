"""How fast the demo lets the platform's clock go. Pure.

The faster the clock goes, the longer, by that clock, is each real second of lag. So the clock slows down while a
service or a partner lags, and stands still before a lag costs anybody a day.
"""

from collections.abc import Mapping
from typing import Final

Lags = Mapping[str, float]
"""By name: real seconds of lag."""

UNHURRIED: Final = 0.8
"""Real seconds of lag that are normal: for gathering a batch, reading a feed, asking a service for its metrics."""
STANDS_AT: Final = 2.5
"""Real seconds of lag at which the clock stands still."""


def share(lags: Lags) -> float:
    """The clock's share of its full speed: 1 while nothing lags, less by the longest lag, then 0."""
    worst = max(lags.values(), default=0.0)
    return min(1.0, max(0.0, (STANDS_AT - worst) / (STANDS_AT - UNHURRIED)))


def slowest(lags: Lags) -> str:
    """Who slows the clock down most; empty where nobody does."""
    name, worst = max(lags.items(), key=lambda one: one[1], default=("", 0.0))
    return name if worst > UNHURRIED else ""
