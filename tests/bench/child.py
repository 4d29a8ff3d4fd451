"""An engine in a process of its own that runs until it is told to end, and says meanwhile how much it has committed."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import psutil

from shared.kafka.cluster import Cluster
from tests.bench.pairs import Pair
from tests.bench.runs import Failed, command


class Child:
    """A context manager: ended with its block, at the latest."""

    def __init__(self, pair: Pair, cluster: Cluster, folder: Path) -> None:
        self.done = 0
        self.result: dict[str, Any] = {}
        self._command = [*command(pair, "engine", cluster, folder, 0), "--tell"]
        self._environment = {**os.environ, **pair.environment}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if not line.startswith("{"):
                continue  # what is logged, as of a server that stands in for MongoDB
            said = json.loads(line)
            self.done = said.get("done", self.done)
            self.result = said if "seconds" in said else self.result

    @property
    def memory_mb(self) -> float:
        """Resident now."""
        return float(psutil.Process(self._process.pid).memory_info().rss) / 1e6

    def check(self) -> None:
        """Raises `Failed` where it has ended."""
        if self._process.poll() is not None:
            raise Failed(f"the engine ended with {self._process.returncode}")

    def end(self) -> dict[str, Any]:
        """Tells it to end in order; what it measured. Raises `Failed`."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired as error:
            raise Failed("the engine did not end within 60 s") from error
        self._reader.join()
        if not self.result:
            raise Failed(f"the engine ended with {self._process.returncode}")
        return self.result


def wait_for(children: Sequence[Child], count: int, within: float) -> None:
    """Until they have committed so many together. Raises `Failed`."""
    deadline = time.monotonic() + within
    while sum(child.done for child in children) < count:
        for child in children:
            child.check()
        if time.monotonic() > deadline:
            raise Failed(f"{sum(child.done for child in children):,} of {count:,} after {within:.0f} s")
        time.sleep(0.02)
