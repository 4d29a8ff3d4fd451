"""A steady load on a platform that runs: so many events a second, each journey's steps in their order.

The next step of a journey goes out once the one before was taken.
"""

import asyncio
import time
from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Final

from tests.scenarios.journeys import Journey
from tests.scenarios.oracle import Declared
from tests.scenarios.send import NotTakenError, Sender
from tests.scenarios.sight import Place

_SECONDS_BETWEEN_STEPS: Final = 1.3


class Load(Sender):
    """Begins journeys at a rate, in events a second, and walks them to their ends. A context manager."""

    def __init__(self, place: Place, declared: Declared, journeys: Iterator[Journey], rate: float, rng: Random) -> None:
        super().__init__(place, declared, rng)
        self._journeys = journeys
        self._rate = rate
        self._at_once = max(8, round(rate * _SECONDS_BETWEEN_STEPS))
        self._idle: list[Journey] = []
        self._sending: set[asyncio.Task[None]] = set()

    async def __aexit__(self, *_: object) -> None:
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        await super().__aexit__()

    async def run(self, seconds: float) -> None:
        """Begins journeys for so long, then walks those that are under way to their ends."""
        began = time.monotonic()
        due = began
        while time.monotonic() - began < seconds or self._idle or self._sending:
            for task in [one for one in self._sending if one.done()]:
                self._sending.discard(task)
                task.result()
            self._begin_journeys(more=time.monotonic() - began < seconds)
            if self._idle:
                journey = self._idle.pop(self._rng.randrange(len(self._idle)))
                self._sending.add(asyncio.create_task(self._walk_on(journey)))
            # Steady: what could not be sent in time is not made up for in a burst.
            due = max(due + 1 / self._rate, time.monotonic() - 0.5)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _begin_journeys(self, *, more: bool) -> None:
        free = self._at_once - len(self._idle) - len(self._sending)
        if more and free > 0:
            self._idle += islice(self._journeys, free)

    async def _walk_on(self, journey: Journey) -> None:
        step, rest = journey[0], journey[1:]
        try:
            await self.send(step)
        except NotTakenError as error:
            self.faults.append(str(error))
            return
        if rest:
            self._idle.append(rest)
