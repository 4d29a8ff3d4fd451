"""The fuse: when handlers fail in numbers, stop and wait for a person, rather than dead-letter everything."""

from collections import deque
from typing import Final

WINDOW: Final = 200
MINIMUM: Final = 20
SHARE: Final = 0.5


class FuseOpen(Exception):
    """Too many handlers failed; nothing of the batch was kept. A restart of the service closes the fuse."""


class Fuse:
    """Looks at `handler_failed` alone, over the newest `WINDOW` decided events.

    It opens at `MINIMUM` failures that are at least half of the window: one bad sender among many good ones never gets
    there. It stays open until the process starts anew.
    """

    def __init__(self) -> None:
        self._failed: deque[bool] = deque(maxlen=WINDOW)
        self.open = False

    def saw(self, *, failed: bool) -> None:
        """Counts one decided event. Raises `FuseOpen`."""
        self._failed.append(failed)
        failures = sum(self._failed) if failed else 0
        if failures >= MINIMUM and failures >= SHARE * len(self._failed):
            self.open = True
            raise FuseOpen(f"{failures} of the last {len(self._failed)} events failed in their handlers")
