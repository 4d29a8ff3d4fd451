"""The aggregates' store: one interface, one contract suite, two stores: SQLite and MongoDB.

An aggregate is one JSON document with an integer version, replaced whole. A collection declares what can be asked of
it, and each store builds its indexes from that, before the service reads its first event. Journals are insert-only.
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
    WritesRefused,
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
    "WritesRefused",
    "Written",
    "save_each",
]
