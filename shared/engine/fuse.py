"""The fuse: when handlers fail in numbers, stop and wait for a person, rather than dead-letter everything."""

from typing import Final

WINDOW: Final = 200
MINIMUM: Final = 20
SHARE: Final = 0.5


class FuseOpen(Exception):
    """Too many handlers failed; nothing of the batch was kept. A restart of the service closes the fuse."""


class Fuse:
    """Looks at `handler_failed` alone, over the newest `WINDOW` decided events, each counted once however often it comes.

    It opens at `MINIMUM` failures that are at least half of the window: one bad sender among many good ones never gets
    there. It stays open until the process starts anew.
    """

    def __init__(self) -> None:
        self._failed: dict[tuple[str, str], bool] = {}
        self.open = False

    def saw(self, event: tuple[str, str], *, failed: bool) -> None:
        """Counts one decided event, by source and id. Raises `FuseOpen`."""
        # A batch that the store refuses is decided again and again: one bad event in it must not count for many.
        self._failed.pop(event, None)
        self._failed[event] = failed
        if len(self._failed) > WINDOW:
            del self._failed[next(iter(self._failed))]
        failures = sum(self._failed.values()) if failed else 0
        if failures >= MINIMUM and failures >= SHARE * len(self._failed):
            self.open = True
            raise FuseOpen(f"{failures} of the last {len(self._failed)} events failed in their handlers")
