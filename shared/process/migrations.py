"""The forms that documents have had, and the step from each to the next.

Who changes what a service keeps, so that a document of before is no longer read as it was meant, adds a step at the end: the
form's number follows. A step is pure. It meets documents that have its new form already, after a migration that was broken
off, and gives them back as they are.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from shared.engine.documents import decoder_of, read
from shared.engine.model import Kind, Table
from shared.engine.unit_of_work import UnitOfWork
from shared.store import Form, Row, StoreVersionError
from shared.store.interface import OLDEST_FORM

Json = dict[str, Any]
Step = Callable[[str, Json], Json]
"""A collection and one of its documents, whose aggregate is `state`; the document in the next form."""

STEPS: Final[Sequence[Step]] = ()
"""The first leads from `OLDEST_FORM` to the next."""
FORM: Final = OLDEST_FORM + len(STEPS)


def form_of(table: Table, *, may_migrate: bool, steps: Sequence[Step] = STEPS) -> Form:
    """The form of a service's documents; where it may not migrate, an older one is refused."""
    number = OLDEST_FORM + len(steps)
    return Form(number, partial(_migrated, table, steps) if may_migrate else None)


def _migrated(table: Table, steps: Sequence[Step], collection: str, found: int, row: Row) -> Row:
    kinds = {kind.collection.name: kind for kind in table.kinds}
    if collection not in kinds:  # `ground`, which is no aggregate's
        return row
    try:
        document: Json = msgspec.json.decode(row.body)
        for step in steps[found - OLDEST_FORM :]:
            document = step(collection, document)
        stepped = msgspec.structs.replace(row, body=msgspec.json.encode(document))
        return _written(table.service, kinds[collection], stepped)
    except Exception as error:
        raise StoreVersionError(
            f"{collection} {row.id} cannot be brought on from form {found}: {error}; go on with the program that wrote it"
        ) from error


def _written(service: str, kind: Kind[Any], row: Row) -> Row:
    """As the engine keeps it: found by what this program finds it by. It stays the same version."""
    document = read(row, decoder_of(kind))
    unit, since = UnitOfWork(service, kind, row.id, row.version - 1, document), document.outbox_since or 0.0
    try:
        return unit.row(since)
    except Exception:  # noqa: BLE001 - a state that a partner's event poisoned was saved without what it is found by
        return unit.row(since, found=False)
