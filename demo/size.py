"""How large the demo is, and how long it may take."""

from dataclasses import dataclass
from typing import Final

DAYS: Final = 30.0
"""How many days of the platform's clock pass while the partners act."""
_PATIENCE: Final = 10


@dataclass(frozen=True)
class Size:
    """`seconds` is how long the partners act, in real time, if nothing lags."""

    referrals: int = 1_000
    opistos: int = 200
    others: int = 60
    """Municipalities, associations and libraries."""
    activities_each: int = 4
    groups: int = 30
    """Groups of units."""
    seconds: float = 64.0
    seed: int = 20260901

    @property
    def speed(self) -> float:
        """Of the platform's clock, at most."""
        return DAYS * 86_400 / self.seconds

    @property
    def at_most(self) -> float:
        """Real seconds that the partners have if the clock must slow down."""
        return _PATIENCE * self.seconds
