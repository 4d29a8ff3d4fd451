"""Two clocks. The platform's clock judges times, deadlines and enrolment; the real one does all else.

In production they are the same. `LAHETE_CLOCK=<start>*<speed>` makes the platform's clock start elsewhere and run
faster, so that a term passes in minutes; the supervisor fixes the real instant of the start once for every process.
"""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

_FORM = re.compile(r"(?P<start>.+)\*(?P<speed>\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Clock:
    """The platform's clock: `start` at the real second `anchor`, then `speed` seconds each real second."""

    start: datetime | None = None
    anchor: float = 0.0
    speed: float = 1.0

    @classmethod
    def read(cls, setting: str, anchor: float) -> Self:
        """The clock that a setting `<RFC 3339 start>*<speed>` describes. Raises `ValueError`."""
        match = _FORM.fullmatch(setting)
        if not match:
            raise ValueError(f"{setting!r} is not <start>*<speed>, such as 2026-09-01T08:00:00+03:00*40000")
        start = datetime.fromisoformat(match["start"])
        if start.tzinfo is None or not 0 < float(match["speed"]) <= 1_000_000:
            raise ValueError(f"{setting!r}: the start needs an offset, the speed is above 0 and at most 1000000")
        return cls(start.astimezone(UTC), anchor, float(match["speed"]))

    def now(self) -> datetime:
        """The platform's time, UTC."""
        if self.start is None:
            return datetime.now(UTC)
        return self.start + timedelta(seconds=(time.time() - self.anchor) * self.speed)

    def real_seconds(self, duration: timedelta) -> float:
        """How many real seconds a duration of the platform's clock takes."""
        return duration.total_seconds() / self.speed


def real_now() -> datetime:
    """The real time, UTC: for record times, lag, retries, tokens, retention."""
    return datetime.now(UTC)
