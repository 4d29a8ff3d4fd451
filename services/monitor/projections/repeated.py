"""Which records are repetitions: those of an event whose first record stands elsewhere in Kafka.

The monitor's document of the event says where that is. It is saved before a projection sees the record, and its first
place never changes, so that a record that is read again gets the same answer: docs/decisions/0011.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from services.monitor.model import Sighting, traced_as
from services.monitor.projections.observed import UNKNOWN, Observed
from shared.contracts import topics
from shared.engine.model import Document
from shared.store import Store

_LONGEST_ID: Final = 64


class _FirstOf(msgspec.Struct):
    """Of the monitor's document of an event its first record alone."""

    first: Sighting | None = None


_DOCUMENT: Final = msgspec.json.Decoder(Document[_FirstOf])


async def with_repetitions(store: Store, seen: Sequence[Observed]) -> list[Observed]:
    """The same records, the repetitions among partners' events marked. Raises `StoreUnavailable`."""
    ids = {traced for one in seen if (traced := _traced(one))}
    rows = await store.load("events", sorted(ids)) if ids else {}
    firsts = {id_: _DOCUMENT.decode(row.body).state for id_, row in rows.items()}
    return [one._replace(repeated=True) if _is_elsewhere(one, firsts.get(_traced(one))) else one for one in seen]


def _traced(one: Observed) -> str:
    """The id of the monitor's document of a partner's event; empty for all else, and for an id that is none."""
    is_a_partners = one.sender != UNKNOWN and not one.sender.startswith("/service/")
    counts = is_a_partners and not one.synthetic and one.topic != topics.DEAD_LETTERS
    return traced_as(one.sender, one.id) if counts and 0 < len(one.id) <= _LONGEST_ID else ""


def _is_elsewhere(one: Observed, traced: _FirstOf | None) -> bool:
    first = traced.first if traced else None
    return first is not None and (first.topic, first.partition, first.offset) != (one.topic, one.partition, one.offset)
