"""Bytes of an event on the wire, on Kafka's disk and in SQLite's file.

What a producer sends is what stands in Kafka's segments, batch by batch: so their size is that of the wire too.
"""

import asyncio
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from deploy.java.servers import KafkaServer
from shared.contracts import topics
from shared.kafka.producer import Publisher, Record
from tests.backends import _make
from tests.bench.child import Child, wait_for
from tests.bench.effort import Effort
from tests.bench.pairs import KAFKA, TOPICS
from tests.bench.results import MeasuredRow, Part, Section, figure, say
from tests.bench.runs import Failed, fill, new_referrals

WITHIN: Final = 120.0
SAYS: Final = (
    "A broker of its own, uncompressed. *payload* is key, value and headers of a ReferralIssued; *a batch* what stands of it in "
    "Kafka's segments where a thousand are written at once over 8 partitions, *singly* where each is awaited; *what follows* "
    "a ReferralOpened in the engine's batches; *SQLite* the file and its log after the engine has kept an aggregate of 1 kB "
    "for each and cleared its outbox. Over HTTP: see *HTTP intake*."
)


def measure(effort: Effort) -> Section:
    """Bytes an event."""
    if KAFKA.missing:
        return Section("sizes", "Bytes of an event", SAYS, [Part("bytes", missing=KAFKA.missing)])
    try:
        lines = _measured(effort.of(10_000, 2_000))
    except Failed as error:
        return Section("sizes", "Bytes of an event", SAYS, [Part("bytes", missing=str(error))])
    say(", ".join(f"{line.name} {line.figures['an event'].median:.0f}" for line in lines))
    return Section("sizes", "Bytes of an event", SAYS, [Part("bytes", lines)])


def _measured(count: int) -> list[MeasuredRow]:
    records = list(new_referrals(count))
    single = count // 10
    found = {"payload": sum(map(_payload, records)) / count}
    with tempfile.TemporaryDirectory(prefix="lahete-bench-") as place:
        folder = Path(place)
        with KafkaServer(folder / "kafka") as server:
            asyncio.run(_make(server.cluster, {**TOPICS, "singly": 8}))
            asyncio.run(_one_by_one(server, records[:single]))
            asyncio.run(fill(server.cluster, records))
            with Child(KAFKA, server.cluster, folder) as child:
                wait_for([child], count, WITHIN)
                child.end()
        found["a batch, wire and disk"] = _log(folder, topics.INTAKE_HTTP) / count
        found["singly, wire and disk"] = _log(folder, "singly") / single
        found["what follows, wire and disk"] = _log(folder, topics.events_of("referral")) / count
        found["SQLite, disk"] = sum(file.stat().st_size for file in folder.glob("service.sqlite*")) / count
    return [MeasuredRow(name, {"an event": figure("B", [value])}) for name, value in found.items()]


async def _one_by_one(server: KafkaServer, records: Iterable[Record]) -> None:
    publisher = Publisher.to(server.cluster)
    await publisher.start()
    for record in records:
        await publisher.publish([Record("singly", record.key, record.value, record.headers)])
    await publisher.stop()


def _payload(record: Record) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


def _log(folder: Path, topic: str) -> int:
    return sum(file.stat().st_size for file in (folder / "kafka" / "log").glob(f"{topic}-*/*.log"))
