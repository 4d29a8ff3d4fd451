"""The partners' actions by the platform's clock, and those under way with the time since when."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any

Action = Callable[[], Awaitable[None] | None]
"""An action that is done at once, or begins then and takes its time."""


class Timetable:
    """One timetable for all partners of the demo, so that they act side by side."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._planned: list[tuple[datetime, int, Action]] = []
        self._numbers = count()
        self._under_way: dict[asyncio.Future[Any], float] = {}
        self._failed: list[BaseException] = []

    def at(self, when: datetime, action: Action) -> None:
        """Plans an action; one whose time is over begins at once."""
        heappush(self._planned, (when, next(self._numbers), action))

    def every(self, period: timedelta, first: datetime, work: Callable[[], Awaitable[None]]) -> None:
        """Plans work that repeats, but never beside itself."""

        async def again() -> None:
            await work()
            self.every(period, first + period, work)

        self.at(first, again)

    def act(self) -> None:
        """Begins the actions that are due. Raises the exception of one that has failed since."""
        self.check()
        now = self._now()
        while self._planned and self._planned[0][0] <= now:
            _, _, action = heappop(self._planned)
            work = action()
            if work is not None:
                self.start(work)

    def start(self, work: Awaitable[None]) -> None:
        """Begins work now."""
        task = asyncio.ensure_future(work)
        self._under_way[task] = time.monotonic()
        task.add_done_callback(self._ended)

    def lag(self) -> float:
        """For how many real seconds the oldest work has been under way."""
        return time.monotonic() - min(self._under_way.values(), default=time.monotonic())

    def check(self) -> None:
        """Raises the exception of work that has failed."""
        if self._failed:
            raise self._failed[0]

    async def finish(self, seconds: float) -> int:
        """Waits for work under way, and begins no planned action. How many did not end in time."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=seconds)
        self.check()
        return len(self._under_way)

    async def cancel(self) -> None:
        """Ends all work under way at once."""
        left = list(self._under_way)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _ended(self, task: asyncio.Future[Any]) -> None:
        del self._under_way[task]
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._failed.append(fault)
