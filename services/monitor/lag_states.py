"""How a service keeps up with a partition, told from a window of samples without a threshold.

The rules are Burrow's (its wiki, “Consumer Lag Evaluation Rules”), asked in its order: whoever has caught up once in the
window keeps up; then the worst that the window shows. Burrow reads each commit, and so knows of one that repeats its
offset. A sampler asks what is committed and cannot: each sample says beside it whether the service was alive.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, get_args

LagState = Literal["ok", "unknown", "warn", "stall", "stop", "rewind"]
"""The mildest first. `warn`: it advances and the lag never falls. `stall`: it lives and does not advance. `stop`: it is
not alive now. `rewind`: its offset went back. `unknown`: the window is not full yet.
"""
STATES: Final[tuple[LagState, ...]] = get_args(LagState)
WINDOW: Final = 10
"""Samples, as in Burrow."""


@dataclass(frozen=True, slots=True)
class LagSample:
    """What was seen of one group at one partition at one moment."""

    committed: int
    lag: int
    alive: bool


def state_of(window: Sequence[LagSample]) -> LagState:
    """The state that a window shows, its oldest sample first."""
    if any(sample.lag == 0 for sample in window):
        return "ok"
    if _any_falls([sample.committed for sample in window]):
        return "rewind"
    if len(window) < WINDOW:
        return "unknown"
    if window[0].committed == window[-1].committed:
        return "stall" if window[-1].alive else "stop"
    return "ok" if _any_falls([sample.lag for sample in window]) else "warn"


def worst(states: Iterable[LagState]) -> LagState:
    """The state of a service: the worst of those at its partitions."""
    return max(states, key=STATES.index, default="unknown")


def _any_falls(values: Sequence[int]) -> bool:
    return any(later < earlier for earlier, later in pairwise(values))
