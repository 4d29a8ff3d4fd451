"""Keeps the projections: small documents that many records change, beside the monitor's document an event.

The loop hands over each part of a batch once its events are saved, and before it commits. A kill in between means that
the same records come again, which changes no projection: docs/decisions/0011.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import structlog
from aiokafka import ConsumerRecord

from services.monitor.projections import counts, readers
from services.monitor.projections.observed import Observed, observed_of
from services.monitor.projections.repeated import with_repetitions
from shared import log_events, metrics
from shared.clock import Clock
from shared.store import Collection, Row, Store, StoreUnavailable
from shared.store.interface import Fields

_RACES: Final = 50

log = structlog.get_logger()


@dataclass(frozen=True)
class Projection:
    """One kind of document: `key` says which one a record changes, `fold` changes it, without a clock and without I/O."""

    collection: Collection
    decoder: "msgspec.json.Decoder[Any]"
    key: Callable[[Observed], str | None]
    fold: Callable[[Any, Iterable[Observed]], Any]
    fields: Callable[[Any], Fields]


PROJECTIONS: Final = (
    Projection(counts.COUNTS, msgspec.json.Decoder(counts.DayCounts), counts.id_of, counts.counted, counts.fields_of),
    Projection(
        readers.READERS, msgspec.json.Decoder(readers.Reader), readers.id_of, readers.read_on, readers.fields_of
    ),
)


async def observe(store: Store, records: Sequence[ConsumerRecord], clock: Clock) -> None:
    """Counts the records in. Raises `StoreUnavailable`: the loop reads them again."""
    now = time.time()
    seen = await with_repetitions(store, [observed_of(record, clock, now) for record in records])
    for projection in PROJECTIONS:
        await _keep(store, projection, _grouped(projection, seen))


def _grouped(projection: Projection, seen: Iterable[Observed]) -> dict[str, list[Observed]]:
    groups: defaultdict[str, list[Observed]] = defaultdict(list)
    for one in seen:
        try:
            key = projection.key(one)
        except Exception as error:  # noqa: BLE001 - one record that our code fails at must not stop all others
            _skipped(projection, one, error)
            continue
        if key is not None:
            groups[key].append(one)
    return groups


async def _keep(store: Store, projection: Projection, groups: Mapping[str, list[Observed]]) -> None:
    """Saves each document that changes; one that another instance saved meanwhile is loaded and changed again."""
    pending, name = set(groups), projection.collection.name
    for _ in range(_RACES):
        if not pending:
            return
        rows = await store.load(name, sorted(pending))
        saves = [row for id_ in sorted(pending) if (row := _row(projection, id_, rows.get(id_), groups[id_]))]
        pending = await store.save(name, saves) if saves else set()
    raise StoreUnavailable(f"{len(pending)} documents of {name} lost {_RACES} races")


def _row(projection: Projection, id_: str, row: Row | None, records: Sequence[Observed]) -> Row | None:
    before = row.body if row else b""
    try:
        state = projection.fold(projection.decoder.decode(before) if before else None, records)
    except Exception as error:  # noqa: BLE001 - as above
        _skipped(projection, records[0], error)
        return None
    body = msgspec.json.encode(state)
    return Row(id_, (row.version if row else 0) + 1, body, projection.fields(state)) if body != before else None


def _skipped(projection: Projection, one: Observed, error: Exception) -> None:
    metrics.NOT_OBSERVED.labels(projection.collection.name).inc()
    place = f"{one.topic}/{one.partition}/{one.offset}"
    log.error(log_events.RECORD_NOT_OBSERVED, record=place, projection=projection.collection.name, exc_info=error)
