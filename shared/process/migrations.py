"""The forms that documents have had, and the step from each to the next.

A change of a service's state after which the program would misread older documents adds a step at the end: the form's
number follows. A step is pure. After a migration that broke off, it meets documents of its new form and returns them as
they are.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from shared.engine.documents import Decoder, decoder_of, read
from shared.engine.model import Kind, Table
from shared.engine.unit_of_work import UnitOfWork
from shared.store import Form, Row, StoreVersionError
from shared.store.interface import OLDEST_FORM

Json = dict[str, Any]
Step = Callable[[str, Json, datetime], Json]
"""A collection, one of its documents, whose aggregate is `state`, and the time; the document in the next form."""


def dated(collection: str, document: Json, now: datetime) -> Json:
    """Of form 2, nothing was kept for a term: the term of what is there begins now.

    With each step the store lists every document by the fields that this program finds it by.
    """
    state = document.get("state") or {}
    if collection == "events" and state:
        state.setdefault("last_at", now)
    if collection == "dead_letters" and state.get("state") in {"resolved", "discarded"}:
        state.setdefault("settled_at", now)
    return document


STEPS: Final[Sequence[Step]] = (dated,)
"""The first leads from `OLDEST_FORM` to the next."""
FORM: Final = OLDEST_FORM + len(STEPS)


class _Kept(NamedTuple):
    """How this program reads the rows of one collection."""

    kind: Kind[Any]
    decoder: Decoder


def form_of(table: Table, now: datetime, *, may_migrate: bool, steps: Sequence[Step] = STEPS) -> Form:
    """The form of a service's documents; unless it may migrate, it refuses an older form. `now`: of the platform."""
    kept = {kind.collection.name: _Kept(kind, decoder_of(kind)) for kind in table.kinds}
    migrate = partial(_migrated, table.service, kept, steps, now) if may_migrate else None
    return Form(OLDEST_FORM + len(steps), migrate)


def _migrated(
    service: str,
    kept: Mapping[str, _Kept],
    steps: Sequence[Step],
    now: datetime,
    collection: str,
    found: int,
    row: Row,
) -> Row:
    if collection not in kept:  # the preconditions, which are no aggregate's
        return row
    try:
        document: Json = msgspec.json.decode(row.body)
        for step in steps[found - OLDEST_FORM :]:
            document = step(collection, document, now)
        stepped = msgspec.structs.replace(row, body=msgspec.json.encode(document))
        return _written(service, kept[collection], stepped)
    except Exception as error:
        raise StoreVersionError(
            f"{collection} {row.id} cannot be brought on from form {found}: {error}; go on with the program that wrote it"
        ) from error


def _written(service: str, kept: _Kept, row: Row) -> Row:
    """The row as the engine keeps it, with the fields by which this program finds it. Its version stays the same."""
    document = read(row, kept.decoder)
    unit, since = UnitOfWork(service, kept.kind, row.id, row.version - 1, document), document.outbox_since or 0.0
    try:
        return unit.row(since)
    except Exception:  # noqa: BLE001 - a state that a partner's event poisoned was saved without fields to find it by
        return unit.row(since, found=False)
