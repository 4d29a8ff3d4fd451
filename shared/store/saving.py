"""Saving many documents of which the database can never keep some."""

from collections.abc import Sequence

from shared.store.interface import Row, Store, Unsaveable


async def save_each(store: Store, collection: str, rows: Sequence[Row]) -> tuple[set[str], dict[str, str]]:
    """Ids of those that lost their race, and of those that the database can never keep, with why; saves the rest.

    Raises `StoreUnavailable`.
    """
    never: dict[str, str] = {}
    wanted = list(rows)
    while wanted:
        try:
            return await store.save(collection, wanted), never
        except Unsaveable as error:
            # Any of the others may have been saved: such a document will lose its race, and its event be a repetition.
            never |= error.why
            wanted = [row for row in wanted if row.id not in error.why]
    return set(), never
