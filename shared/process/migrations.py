"""The forms that documents have had, and the step from each to the next.

Who changes what a service keeps, so that a document of before is no longer read as it was meant, adds a step at the end: the
form's number follows. A step is pure. It meets documents that have its new form already, after a migration that was broken
off, and gives them back as they are.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from shared.engine.documents import Decoder, decoder_of, read
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


class _Kept(NamedTuple):
    """What a row of a collection is to this program."""

    kind: Kind[Any]
    decoder: Decoder


def form_of(table: Table, *, may_migrate: bool, steps: Sequence[Step] = STEPS) -> Form:
    """The form of a service's documents; where it may not migrate, an older one is refused."""
    kept = {kind.collection.name: _Kept(kind, decoder_of(kind)) for kind in table.kinds}
    migrate = partial(_migrated, table.service, kept, steps) if may_migrate else None
    return Form(OLDEST_FORM + len(steps), migrate)


def _migrated(
    service: str, kept: Mapping[str, _Kept], steps: Sequence[Step], collection: str, found: int, row: Row
) -> Row:
    if collection not in kept:  # what the service stands on, which is no aggregate's
        return row
    try:
        document: Json = msgspec.json.decode(row.body)
        for step in steps[found - OLDEST_FORM :]:
            document = step(collection, document)
        stepped = msgspec.structs.replace(row, body=msgspec.json.encode(document))
        return _written(service, kept[collection], stepped)
    except Exception as error:
        raise StoreVersionError(
            f"{collection} {row.id} cannot be brought on from form {found}: {error}; go on with the program that wrote it"
        ) from error


def _written(service: str, kept: _Kept, row: Row) -> Row:
    """As the engine keeps it: found by what this program finds it by. It stays the same version."""
    document = read(row, kept.decoder)
    unit, since = UnitOfWork(service, kept.kind, row.id, row.version - 1, document), document.outbox_since or 0.0
    try:
        return unit.row(since)
    except Exception:  # noqa: BLE001 - a state that a partner's event poisoned was saved without what it is found by
        return unit.row(since, found=False)
