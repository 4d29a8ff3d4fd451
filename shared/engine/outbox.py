"""What an outbox holds, as the records that it becomes."""

from shared.contracts import topics
from shared.contracts.envelope import kafka_headers
from shared.engine.model import Out, OutBlank, OutDead, OutEvent, OutRow
from shared.kafka.producer import Record


def record_of(out: Out) -> Record | None:
    """The record of one entry; None for what goes to the store instead."""
    if isinstance(out, OutEvent):
        return Record(out.topic, out.key.encode(), bytes(out.data), kafka_headers(out.attributes))
    if isinstance(out, OutDead):
        return Record(topics.DEAD_LETTERS, out.key, out.value, out.headers)
    if isinstance(out, OutRow | OutBlank):
        return None
    return Record(out.topic, out.key, out.value, out.headers)
