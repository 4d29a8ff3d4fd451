"""The aggregates' store: one interface, one contract suite, an engine each for SQLite and MongoDB.

An aggregate is one JSON document with an integer version, replaced whole. What can be asked of a collection is declared
beside it, and each engine builds its indexes from that, before the first event is read. Journals are insert-only.
"""

from shared.store.interface import (
    Collection,
    Form,
    Index,
    Journal,
    Row,
    Store,
    StoreAddressError,
    StoreUnavailable,
    StoreVersionError,
    Unsaveable,
    Written,
)
from shared.store.saving import save_each

__all__ = [
    "Collection",
    "Form",
    "Index",
    "Journal",
    "Row",
    "Store",
    "StoreAddressError",
    "StoreUnavailable",
    "StoreVersionError",
    "Unsaveable",
    "Written",
    "save_each",
]
