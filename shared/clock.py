"""Two clocks. The platform's clock judges times, deadlines and enrolment; the real one does all else.

In production they are the same. `LAHETE_CLOCK=<start>*<speed>` makes the platform's clock start elsewhere and run
faster, so that a term passes in minutes; the supervisor fixes the real instant of the start once for every process.
`LAHETE_CLOCK=<file>` lets one process, the demo, pace the clock of all: the file holds the clock's present step.
"""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import msgspec

_FORM = re.compile(r"(?P<start>.+)\*(?P<speed>\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Clock:
    """The platform's clock: `start` at the real second `anchor`, then `speed` seconds each real second.

    Where there is an `until`, a real second, it stands still from then on.
    """

    start: datetime | None = None
    anchor: float = 0.0
    speed: float = 1.0
    until: float | None = None

    @classmethod
    def read(cls, setting: str, anchor: float) -> Self:
        """The clock that a setting `<RFC 3339 start>*<speed>` describes. Raises `ValueError`."""
        match = _FORM.fullmatch(setting)
        if not match:
            raise ValueError(
                f"{setting!r} is not <start>*<speed>, such as 2026-09-01T08:00:00+03:00*40000, nor a file that paces it"
            )
        start = datetime.fromisoformat(match["start"])
        if start.tzinfo is None or not 0 < float(match["speed"]) <= 1_000_000:
            raise ValueError(f"{setting!r}: the start needs an offset, the speed is above 0 and at most 1000000")
        return cls(start.astimezone(UTC), anchor, float(match["speed"]))

    def now(self) -> datetime:
        """The platform's time, UTC."""
        return datetime.now(UTC) if self.start is None else self.at_second(time.time())

    def of_second(self, second: float) -> datetime:
        """The platform's time at a real second, whenever it is asked."""
        return datetime.fromtimestamp(second, UTC) if self.start is None else self.at_second(second)

    def at_second(self, second: float) -> datetime:
        """The platform's time at a real second; `start` before the anchor."""
        assert self.start is not None
        ended = second if self.until is None else min(second, self.until)
        return self.start + timedelta(seconds=max(0.0, ended - self.anchor) * self.speed)


@dataclass(frozen=True, slots=True)
class PacedClock(Clock):
    """A clock that another process paces: its present step stands in a file, replaced whole.

    Each step begins at the latest time that the step before can reach. So no process sees the time go back, whoever
    reads which step when, and time stands still until the next step comes.
    """

    file: Path = Path()

    def now(self) -> datetime:
        """The platform's time, UTC."""
        return self.step().now()

    def of_second(self, second: float) -> datetime:
        """The platform's time at a real second, by the present step: the steps before are not kept."""
        return self.step().at_second(second)

    def step(self) -> Clock:
        """The clock's present step. Raises `ValueError` where the file holds none, `OSError`."""
        step = msgspec.json.decode(self.file.read_bytes(), type=Clock)
        if step.start is None or step.start.tzinfo is None:
            raise ValueError(f"{self.file} holds no step of a clock: start, anchor, speed, until")
        return step

    def begin(self, start: datetime) -> None:
        """Lets the clock stand still at `start`."""
        self._write(Clock(start.astimezone(UTC), time.time(), 0.0))

    def go(self, speed: float, seconds: float | None) -> None:
        """Writes the next step: `speed`, for `seconds` real seconds at the most, without end for None."""
        before, now = self.step(), time.time()
        reached = before.at_second(now if before.until is None else before.until)
        self._write(Clock(reached, now, speed, None if seconds is None else now + seconds))

    def _write(self, step: Clock) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_bytes(msgspec.json.encode(step))
        fresh.replace(self.file)


def read_clock(setting: str, anchor: float) -> Clock:
    """The clock that `LAHETE_CLOCK` describes. Raises `ValueError`, and `OSError` where its file cannot be read."""
    if not setting.startswith("/"):
        return Clock.read(setting, anchor)
    clock = PacedClock(file=Path(setting))
    clock.step()
    return clock


def real_now() -> datetime:
    """The real time, UTC: for record times, lag, retries, tokens, retention."""
    return datetime.now(UTC)
