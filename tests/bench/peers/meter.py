"""When a peer began and ended, what it used, and how it says so: one line of JSON, as one_way.py's."""

import json
import resource
import time
from pathlib import Path
from typing import Any


class PeerMeter:
    """Counts events; whoever commits says when they are done."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.seen = 0
        self._began = self._used = 0.0

    def saw(self) -> None:
        """One more event was worked on."""
        if not self.seen:
            self._began, self._used = time.monotonic(), time.process_time()
        self.seen += 1

    @property
    def complete(self) -> bool:
        """Whether every event was worked on."""
        return self.seen >= self.wanted

    def committed(self) -> dict[str, Any]:
        """All is committed: the seconds, the processor's seconds, and the resident memory."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return {
            "seconds": time.monotonic() - self._began,
            "processor": time.process_time() - self._used,
            "memory_mb": pages * resource.getpagesize() / 1e6,
        }


def tell(measured: dict[str, Any]) -> None:
    """For the bench that started this program."""
    print(json.dumps(measured), flush=True)
