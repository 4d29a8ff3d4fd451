"""Saving many documents of which some can never be kept."""

from collections.abc import Sequence

from shared.store.interface import Row, Store, Unsaveable


async def save_each(store: Store, collection: str, rows: Sequence[Row]) -> tuple[set[str], dict[str, str]]:
    """Ids of those that lost their race, and of those that the engine can never keep, with why; the rest is saved.

    Raises `StoreUnavailable`.
    """
    never: dict[str, str] = {}
    wanted = list(rows)
    while wanted:
        try:
            return await store.save(collection, wanted), never
        except Unsaveable as error:
            # Of the others it is unknown what was saved: who was will lose its race, and be a repetition.
            never |= error.why
            wanted = [row for row in wanted if row.id not in error.why]
    return set(), never
