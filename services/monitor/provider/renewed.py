"""Something that is fetched once and kept for a while; one fetch at a time, and a failed one is not tried again at once."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from services.monitor.provider.faults import ProviderAway

T = TypeVar("T")


class Renewed(Generic[T]):
    """`lasts`: seconds for which it is kept. `rests`: those in which no other fetch begins, whatever the last one brought."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[T]],
        *,
        lasts: float,
        rests: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._lasts = lasts
        self._rests = rests
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._kept: T | None = None
        self._fetched_at = float("-inf")
        self._failed = ""

    async def get(self) -> T:
        """What is kept, or a new one. Raises `ProviderAway`."""
        return await self._younger_than(self._lasts)

    async def anew(self) -> T:
        """A new one, unless it was fetched just now. Raises `ProviderAway`."""
        return await self._younger_than(self._rests)

    async def _younger_than(self, age: float) -> T:
        async with self._one_at_a_time:
            asked = self._clock()
            if self._failed and asked - self._fetched_at < self._rests:
                raise ProviderAway(self._failed)
            if self._kept is not None and asked - self._fetched_at < age:
                return self._kept
            return await self._renew()

    async def _renew(self) -> T:
        self._kept, self._failed = None, ""
        try:
            self._kept = await self._fetch()
        except ProviderAway as error:
            self._failed = error.why
            raise
        finally:
            self._fetched_at = self._clock()
        return self._kept
