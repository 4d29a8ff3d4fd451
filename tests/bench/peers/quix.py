"""The step by Quix Streams, exactly once: `python tests/bench/peers/quix.py KAFKA FOLDER COUNT` in its environment.

As its documentation has it: a StreamingDataFrame, a stateful `apply`, `to_topic`; a checkpoint every 5 s, its default, and
one at the end. Only what is committed counts: the clock stops once the last checkpoint is.
"""

import sys
from pathlib import Path
from typing import Any

from quixstreams import Application, State

from tests.bench.peers.meter import PeerMeter, tell
from tests.bench.peers.step import EVENTS, INTAKE, decided, judged


def main(kafka: str, folder: str, count: int) -> None:
    """Runs until so many events are committed."""
    meter = PeerMeter(count)
    app = Application(
        broker_address=kafka,
        consumer_group=f"quix-{Path(folder).name}",
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        state_dir=f"{folder}/quix",
        loglevel="ERROR",
    )
    intake = app.topic(INTAKE, key_deserializer="str", value_deserializer="bytes")
    events = app.topic(EVENTS, key_serializer="str", value_serializer="bytes")

    def take(value: bytes, key: str, timestamp: int, headers: Any, state: State) -> Any:
        meter.saw()
        decision = decided(state.get("counted"), judged(key.encode(), value, headers))
        if decision is None:
            return None
        state.set("counted", decision[0])
        return decision[1:]

    frame = app.dataframe(intake).apply(take, stateful=True, metadata=True)
    frame = frame.filter(lambda decision: decision is not None)
    frame = frame.set_headers(lambda decision, *_: decision[1])
    frame.apply(lambda decision: decision[0]).to_topic(events)

    commit, ended = app._processing_context.commit_checkpoint, []  # nothing public tells of a checkpoint

    def commit_and_look(*args: Any, **kwargs: Any) -> None:
        commit(*args, **kwargs)
        if meter.complete and kwargs.get("force"):
            ended.append(meter.committed())

    app._processing_context.commit_checkpoint = commit_and_look
    app.run(count=count, collect=False)
    tell(ended[0])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
