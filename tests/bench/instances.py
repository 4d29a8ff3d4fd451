"""One to four instances of the engine on one topic of 8 partitions, and one database."""

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from deploy.java.servers import KafkaServer
from tests.backends import _make, drop_store
from tests.bench.child import Child, wait_for
from tests.bench.effort import Effort, in_rounds
from tests.bench.pairs import KAFKA, MONGO, TOPICS, Pair
from tests.bench.results import MeasuredRow, Part, Section, figure, say
from tests.bench.runs import Failed, fill, new_referrals

WITHIN: Final = 240.0
SIZES: Final = ((1, 2, 4), (1, 2))
SAYS: Final = (
    "A broker of its own, whose groups wait 3 s for their members, so that all begin together; on librdkafka's broker a group "
    "has one member. The rate is of all events, from the first batch of any to the last commit of any. Servers, instances "
    "and the bench share this machine's cores: with two of them, more instances cannot bring much."
)


def measure(effort: Effort) -> Section:
    """Events a second of all of them together."""
    parts = [_part(pair, effort.of(count, 500), effort) for pair, count in ((KAFKA, 16_000), (MONGO, 3_000))]
    return Section("instances", "As instances become more", SAYS, parts)


def _part(pair: Pair, count: int, effort: Effort) -> Part:
    if pair.missing:
        return Part(pair.name, missing=pair.missing)
    try:
        lines = in_rounds(effort, effort.some(*SIZES), lambda size: _line(pair, size, count))
    except Failed as error:
        return Part(pair.name, missing=str(error))
    part = Part(pair.name, lines)
    one = part.median("1", "events a second") or 1.0
    return Part(pair.name, lines, {f"{line.name} ÷ 1": line.figures["events a second"].median / one for line in lines})


def _line(pair: Pair, instances: int, count: int) -> MeasuredRow:
    line = MeasuredRow(f"{instances}", _figures(count, _together(pair, instances, count)))
    say(f"{pair.name}, {instances} instances: {line.figures['events a second'].median:.0f} events/s")
    return line


def _together(pair: Pair, instances: int, count: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="lahete-bench-") as place, ExitStack() as stack:
        folder = Path(place)
        server = KafkaServer(folder / "kafka", {"group.initial.rebalance.delay.ms": "3000"})
        stack.enter_context(server)
        stack.callback(drop_store, pair.store, folder)
        asyncio.run(_make(server.cluster, TOPICS))
        asyncio.run(fill(server.cluster, new_referrals(count)))
        children = [stack.enter_context(Child(pair, server.cluster, folder)) for _ in range(instances)]
        wait_for(children, count, WITHIN)
        return [child.end() for child in children]


def _figures(count: int, ended: Sequence[dict[str, Any]]) -> dict[str, Any]:
    worked = [one for one in ended if one["events"]]
    seconds = max(one["ended"] for one in worked) - min(one["began"] for one in worked)
    return {
        "events a second": figure("events/s", [count / seconds]),
        "processor an event": figure("µs", [sum(one["processor"] for one in worked) / count * 1e6]),
        "the least of an instance": figure("events", [min(one["events"] for one in ended)]),
        "memory, each": figure("MB", [max(one["memory_mb"] for one in ended)]),
    }
