"""The wait at a start until all services are ready: which one came when, and what the others lack meanwhile."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

from deploy.local.state import StartError

_SAYS_WHY_AFTER: Final = 5.0
_LOOK_EVERY: Final = 0.05


class StartingService(Protocol):
    """A service that starts."""

    @property
    def url(self) -> str:
        """Where it will answer."""

    @property
    def log(self) -> Path:
        """The file of its log."""

    def missing(self) -> list[str]:
        """What it lacks, a line each. Raises `StartError` if it has ended."""


def until_ready(
    services: Mapping[str, StartingService], say: Callable[[str], None], goes_on: Callable[[], None], within: float
) -> None:
    """Waits for all, while `goes_on` does not raise.

    Says what those lack that take more than a few seconds, each line once. Raises `StartError` where a process ended, or
    is not ready within so many seconds.
    """
    waiting, told, began = dict(services), set[str](), time.monotonic()
    while waiting:
        missing = {name: service.missing() for name, service in waiting.items()}
        passed = time.monotonic() - began
        for name in [name for name, lines in missing.items() if not lines]:
            say(f"{name} is ready at {waiting.pop(name).url} ({passed:.1f} s)")
        why = dict.fromkeys(line for name in waiting for line in missing[name])
        if waiting and passed > within:
            logs = ", ".join(str(service.log) for service in waiting.values())
            raise StartError(f"{' and '.join(waiting)}: not ready in {within:.0f} s: {'; '.join(why)}; see {logs}")
        if passed > _SAYS_WHY_AFTER:
            _say_new(why, told, say)
        goes_on()
        time.sleep(_LOOK_EVERY)


def _say_new(why: Mapping[str, None], told: set[str], say: Callable[[str], None]) -> None:
    for line in why:
        if line not in told:
            told.add(line)
            say(f"not ready yet: {line}")
