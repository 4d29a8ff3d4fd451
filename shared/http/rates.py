"""How often a holder may ask: so many requests a minute for each key, in memory, an instance each; beyond that 429.

Each holder's bucket has a minute's worth and fills evenly (GCRA, ITU-T I.371): its entry is the moment at which it is
full again, so that a full bucket needs no entry.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from shared.http.problems import ProblemError

_MINUTE: Final = 60.0
_MOST: Final = 10_000
_ROUNDING: Final = 1e-6
BATCHES_AT_ONCE: Final = 8  # of 8 MiB each


class Rate:
    """So many of `what` a minute for each holder."""

    def __init__(self, what: str, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._a_minute = a_minute
        self._clock = clock
        self._full_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, who: str, count: int = 1) -> None:
        """Takes `count` of the bucket. Raises 429, and takes nothing, if it has fewer; `Retry-After` says when to ask."""
        now = self._clock()
        full_at = max(self._full_at.get(who, now), now) + count * _MINUTE / self._a_minute
        wait = full_at - now - _MINUTE
        if wait > _ROUNDING:
            detail = f"{who} has had its {self._a_minute} {self._what} a minute"
            raise ProblemError(429, detail, retry_after=math.ceil(wait))
        if len(self._full_at) >= _MOST:
            self._make_room(now)
        self._full_at[who] = full_at

    def _make_room(self, now: float) -> None:
        kept = {who: full_at for who, full_at in self._full_at.items() if full_at > now}
        for oldest in list(kept)[: len(kept) - _MOST // 2]:
            del kept[oldest]
        self._full_at = kept


class AtOnce:
    """So many of `what` at once for each sender: a bound on the memory that each may hold."""

    def __init__(self, what: str, most: int) -> None:
        self._what = what
        self._most = most
        self._held: Counter[str] = Counter()

    @contextmanager
    def hold(self, who: str) -> Iterator[None]:
        """Raises 429 where `who` has as many in hand already."""
        if self._held[who] >= self._most:
            detail = f"{who} is sending {self._most} {self._what} already; wait for an answer"
            raise ProblemError(429, detail, retry_after=1)
        self._held[who] += 1
        try:
            yield
        finally:
            self._held[who] -= 1
            if not self._held[who]:
                del self._held[who]


@dataclass(frozen=True)
class Rates:
    """The rates that every service keeps, by the holder of the key."""

    requests: Rate
    events: Rate
    denied: Rate
    """Looks at what the key may not see."""
    batches: AtOnce
