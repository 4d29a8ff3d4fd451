"""A steady load on a running platform: so many events a second, each journey's steps in their order.

The next step of a journey goes out once a door took the one before.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random
from typing import Final

from deploy.backends import Backend
from tests.scenarios.journeys import Journey, Journeys
from tests.scenarios.observation import RecordPlace
from tests.scenarios.oracle import Declared
from tests.scenarios.platform import Platform
from tests.scenarios.send import NotTakenError, Senders

RATES: Final[Mapping[Backend, float]] = {Backend.EMBEDDED: 20.0, Backend.JAVA: 10.0}
"""Events from outside a second that leave two cores room for the faults meanwhile."""
_OPISTOS: Final = 4
_SECONDS_BETWEEN_STEPS: Final = 1.3


class Load(Senders):
    """Begins journeys at a rate, in events a second, and walks them to their ends. A context manager."""

    def __init__(
        self, place: RecordPlace, declared: Declared, journeys: Iterator[Journey], rate: float, rng: Random
    ) -> None:
        super().__init__(place, declared, rng)
        self.taken: dict[str, list[str]] = {}
        """By key, the ids that a door has taken, in that order."""
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

    async def run(self, seconds: float, least: int = 0) -> None:
        """Begins journeys for so long, and until `least` events are sent; then walks those under way to their ends."""
        began = time.monotonic()
        due = began
        while (more := time.monotonic() - began < seconds or self.sent < least) or self._idle or self._sending:
            for task in [one for one in self._sending if one.done()]:
                self._sending.discard(task)
                task.result()
            self._begin_journeys(more=more)
            if self._idle:
                journey = self._idle.pop(self._rng.randrange(len(self._idle)))
                self._sending.add(asyncio.create_task(self._walk_on(journey)))
            # Steady: the load does not make up for late events in a burst.
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
        if not step.on_kafka and not step.refused:
            self.taken.setdefault(step.event["subject"], []).append(step.event["id"])
        if rest:
            self._idle.append(rest)


def under_load(
    platform: Platform,
    engine: Backend,
    seconds: float,
    befalls: Callable[[], Awaitable[None]],
    rate: float = 0,
    least: int = 0,
) -> Load:
    """Journeys of every kind for so long, and `least` events, while something befalls the platform; walked to their ends. As it was sent."""
    opistos = sorted(who for who in platform.place.keys if who.startswith("/opisto/"))[:_OPISTOS]
    world = Journeys(platform.rng, datetime.now(UTC) - timedelta(hours=12), opistos)

    async def play() -> Load:
        async with Load(
            platform.place, platform.declared, world.journeys(), rate or RATES[engine], platform.rng
        ) as load:
            await asyncio.gather(load.run(seconds, least), befalls())
        return load

    load = asyncio.run(play())
    assert load.faults == []
    return load
