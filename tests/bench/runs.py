"""One round: a broker with empty topics, events on them, and one way of doing the step in a process of its own."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from shared.kafka.cluster import Cluster
from shared.kafka.producer import Publisher, Record
from tests.backends import broker_with, drop_store
from tests.bench.pairs import TOPICS, Pair
from tests.bench.peers.environment import environment, python_of
from tests.bench.referrals import referral_issued

WITHIN: Final = 420
_AT_ONCE: Final = 1_000


class Failed(Exception):
    """A way did not come to its end; the message says which, and its last words."""


def new_referrals(count: int) -> Iterable[Record]:
    """So many referrals, each another."""
    return (referral_issued()[1] for _ in range(count))


def one_round(
    pair: Pair,
    way: str,
    records: Iterable[Record],
    count: int,
    *options: str,
    topics: Mapping[str, int] = TOPICS,
    folder: Path | None = None,
) -> dict[str, Any]:
    """What `one_way.py`, or a peer, measured over these records. Raises `Failed`, `NotInstalled`.

    Args:
        folder: where SQLite's file is, if it holds something already.
    """
    with tempfile.TemporaryDirectory(prefix="lahete-bench-") as place:
        at = folder or Path(place)
        with broker_with(pair.broker, Path(place) / "broker", topics) as cluster:
            try:
                asyncio.run(fill(cluster, records))
                return ended(command(pair, way, cluster, at, count, *options), pair.environment)
            finally:
                drop_store(pair.store, at)


def command(pair: Pair, way: str, cluster: Cluster, folder: Path, count: int, *options: str) -> list[str]:
    """How a way is started."""
    if way in PEERS:
        program = [str(python_of(PEERS[way])), "-m", f"tests.bench.peers.{way}"]
        return [*program, cluster.bootstrap, str(folder), str(count)]
    program = [sys.executable, "-m", "tests.bench.one_way"]
    return [*program, way, cluster.bootstrap, pair.store, str(folder), str(count), *options]


PEERS: Final = {"quix": "quix", "faust_streaming": "faust"}
"""A peer's program, and its environment's name."""


def ended(command: Sequence[str], extra: Mapping[str, str]) -> dict[str, Any]:
    """What a program says at its end, in its last line. Raises `Failed`."""
    peer = ".venv-peers" in command[0]
    around = environment() if peer else dict(os.environ)
    try:
        done = subprocess.run(
            command, env={**around, **extra}, capture_output=True, text=True, timeout=WITHIN, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{command[2]} was not done after {WITHIN} s") from error
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        words = done.stderr.strip().splitlines() or ["it said nothing"]
        raise Failed(f"{command[2]} ended with {done.returncode}: {words[-1][:300]}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


async def fill(cluster: Cluster, records: Iterable[Record]) -> None:
    """Writes them, a thousand at a time."""
    publisher = Publisher.to(cluster)
    await publisher.start()
    rest = iter(records)
    while some := list(islice(rest, _AT_ONCE)):
        await publisher.publish(some)
    await publisher.stop()
