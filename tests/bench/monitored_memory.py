"""The monitor's resident memory, as a process, with a million events in its store: at rest, while it is asked, while it reads.

`python -m tests.bench.monitored_memory FOLDER`, of a folder that `python -m tests.bench.monitored FOLDER` has filled; a copy of
the store is taken. The embedded broker runs beside it, and no other service.
"""

import asyncio
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import httpx
import psutil

from deploy.backends import Backend
from deploy.local.keys import read_keys
from deploy.local.state import Run, open_folder, read_run
from deploy.local.supervisor import Supervisor
from shared.kafka.cluster import Cluster
from shared.kafka.lag import LagReader
from shared.kafka.producer import Publisher
from shared.process.migrations import FORM
from tests.bench.referrals import referral_issued

_PORTS: Final = 8_780
_SENT: Final = int(os.environ.get("MONITORED_SENT", "50000"))
_AT_ONCE: Final = 1_000
_ROUNDS: Final = 30
_WITHIN: Final = 300.0
_ASKED: Final = (
    *("/v1/senders", "/v1/flow", "/v1/overdue?limit=500", "/v1/readers?limit=500", "/v1/dead-letters?limit=500"),
    *("/v1/dead-letter-groups?limit=200", "/v1/dead-letters.csv?limit=10000", "/v1/audit", "/v1/live", "/v1/lag"),
)


def _mb(run: Run) -> float:
    return float(psutil.Process(run.pids["monitor"]).memory_info().rss) / 1e6


async def _measure(run: Run, ops: str) -> None:
    print(f"{_mb(run):6.0f} MB once ready", flush=True)
    async with httpx.AsyncClient(base_url=run.urls["monitor"], headers={"authorization": f"Bearer {ops}"}) as client:
        await _ask(client)
        print(f"{_mb(run):6.0f} MB after {_ROUNDS} rounds of questions", flush=True)
        asking = asyncio.create_task(_ask(client))
        await _read(run)
        print(f"{_mb(run):6.0f} MB after {_SENT:,} events more, while it was asked", flush=True)
        await asking
        await _ask(client)
    print(f"{_mb(run):6.0f} MB in the end", flush=True)


async def _ask(client: httpx.AsyncClient) -> None:
    for _ in range(_ROUNDS):
        for path in _ASKED:
            answer = await client.get(path, timeout=60)
            if answer.status_code not in {200, 429}:
                raise SystemExit(f"{path}: {answer.status_code} {answer.text[:200]}")


async def _read(run: Run) -> None:
    publisher = Publisher.to(Cluster(run.kafka))
    await publisher.start()
    deadline = time.monotonic() + _WITHIN
    async with LagReader(Cluster(run.kafka)) as reader:
        for _ in range(0, _SENT, _AT_ONCE):
            await publisher.publish([referral_issued()[1] for _ in range(_AT_ONCE)])
            while await _behind(reader) > _AT_ONCE and time.monotonic() < deadline:  # noqa: ASYNC110 - asked, not told
                await asyncio.sleep(0.05)
    await publisher.stop()


async def _behind(reader: LagReader) -> int:
    return sum(one.lag for one in await reader.lags() if one.service == "monitor")


def _copied(filled: Path, to: Path) -> None:
    """What was saved directly has this program's form, so that the monitor begins at once."""
    shutil.copyfile(filled, to)
    with closing(sqlite3.connect(to)) as store:
        store.execute("UPDATE meta SET value = ? WHERE name = 'form'", [FORM])
        store.commit()


def _run(filled: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="lahete-bench-", dir=filled.parent) as place:
        folder = open_folder(Path(place))
        _copied(filled / "monitor.sqlite", folder.path / "monitor.sqlite")
        extra = {"LAHETE_ENV": "test", "LAHETE_LOG_LEVEL": "warning"}
        with Supervisor(
            folder.path, _PORTS, "", extra, engine=Backend.EMBEDDED, services=("monitor",), say=lambda _: None
        ) as supervisor:
            run = read_run(folder)
            assert run is not None
            asyncio.run(_measure(run, read_keys(folder)["ops:first"]))
            for left in supervisor.stop():
                print(left)


if __name__ == "__main__":
    _run(Path(sys.argv[1]))
