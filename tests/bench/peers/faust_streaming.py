"""The step by Faust, exactly once: `python tests/bench/peers/faust_streaming.py KAFKA FOLDER COUNT` in its environment.

As its documentation has it: an agent over a topic, a table in RocksDB with its changelog, `processing_guarantee`
exactly_once; a commit every 2.8 s, its default. Only what is committed counts: the clock stops once the group has
committed every offset.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import faust

from tests.bench.peers.meter import PeerMeter, tell
from tests.bench.peers.step import EVENTS, INTAKE, decided, judged

PARTITIONS = 8


def main(kafka: str, folder: str, count: int) -> None:
    """Runs until so many events are committed."""
    meter = PeerMeter(count)
    app = faust.App(
        f"faust-{Path(folder).name}",  # a name of its own: its group would wait for the member of the round before
        broker=f"kafka://{kafka}",
        datadir=f"{folder}/faust",
        store="rocksdb://?driver=rocksdict",
        processing_guarantee="exactly_once",
        topic_partitions=PARTITIONS,
        topic_replication_factor=1,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
    )
    intake = app.topic(INTAKE, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    events = app.topic(EVENTS, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    counted = app.Table("counted", partitions=PARTITIONS)

    @app.agent(intake)  # type: ignore[untyped-decorator]
    async def take(stream: Any) -> None:
        async for message in stream.events():
            meter.saw()
            key = message.key
            decision = decided(counted.get(key.decode()), judged(key, message.value, _pairs(message.headers)))
            if decision is not None:
                state, value, headers = decision
                counted[key.decode()] = state
                await events.send(key=key, value=value, headers=list(headers))

    @app.timer(0.02)  # type: ignore[untyped-decorator]
    async def look() -> None:
        if meter.complete and _committed(app) >= count:
            tell(meter.committed())
            os._exit(0)  # its own end waits for every stream

    app.finalize()
    asyncio.set_event_loop(asyncio.new_event_loop())
    faust.Worker(
        app, loglevel="ERROR", redirect_stdouts=False, loop=asyncio.get_event_loop()
    ).execute_from_commandline()


def _pairs(headers: Any) -> list[tuple[str, bytes]]:
    return list(headers.items()) if isinstance(headers, dict) else list(headers)


def _committed(app: Any) -> int:
    offsets = app.monitor.tp_committed_offsets
    return sum(offset for partition, offset in offsets.items() if partition.topic == INTAKE and offset)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
