"""Activities as matching sees them, kept decoded between referrals.

The store says each time which activities exist, at which versions; only missing or changed ones are loaded. So the
cache never decides what is true, however many instances write.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from services.catalogue.model import Brief
from shared.store import Row, Store
from shared.store.interface import Range

MAX_CANDIDATES: Final = 3_000
MAX_KEPT: Final = 40_000
"""About 1 kB each. A half holds the 20,000 activities that the platform is measured with, so that none is decoded twice."""
_REPEATED: Final = ("organiser", "needs", "themes", "municipality", "serves", "accessibility", "languages", "titles")

_BRIEF = msgspec.json.Decoder(Brief)


class Briefs:
    """Keeps recent briefs in two halves: a full half ages, and briefs unused until the next is full go."""

    def __init__(self, bound: int = MAX_KEPT) -> None:
        self._half = bound // 2
        self._store: Store | None = None
        self._young: dict[str, tuple[int, Brief]] = {}
        self._old: dict[str, tuple[int, Brief]] = {}
        self._same: dict[Any, Any] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    async def find(
        self,
        store: Store,
        areas: Sequence[str],
        *,
        within: Mapping[str, Range] | None = None,
        outside: Mapping[str, Range] | None = None,
    ) -> dict[str, Brief]:
        """The activities of these areas by id, narrowed as `Store.versions` narrows them, in no order."""
        self._belong_to(store)
        versions = await store.versions(
            "activities", "area", areas, within=within, outside=outside, limit=MAX_CANDIDATES
        )
        known = {id_: kept for id_ in versions if (kept := self._young.get(id_) or self._taken_up(id_))}
        found = {id_: brief for id_, (version, brief) in known.items() if version == versions[id_]}
        if len(found) < len(versions):
            loaded = await store.load("activities", [*(versions.keys() - found.keys())], what="brief")
            found |= {row.id: self._decoded(row) for row in loaded.values() if row.brief}
        return found

    def _belong_to(self, store: Store) -> None:
        # Another store's versions say nothing about this store's documents.
        if store is not self._store:
            self._store, self._young, self._old, self._same = store, {}, {}, {}

    def _taken_up(self, id_: str) -> tuple[int, Brief] | None:
        if known := self._old.pop(id_, None):
            self._keep(id_, known)
        return known

    def _decoded(self, row: Row) -> Brief:
        brief = self._sharing(_BRIEF.decode(row.brief))
        self._keep(row.id, (row.version, brief))
        return brief

    def _sharing(self, brief: Brief) -> Brief:
        """Shares the parts that many briefs repeat: kept once, they take a third of the memory."""
        repeated = {name: getattr(brief, name) for name in _REPEATED}
        return msgspec.structs.replace(
            brief, **{name: self._same.setdefault(value, value) for name, value in repeated.items()}
        )

    def _keep(self, id_: str, known: tuple[int, Brief]) -> None:
        if len(self._young) >= self._half:
            self._old, self._young, self._same = self._young, {}, {}
        self._young[id_] = known
