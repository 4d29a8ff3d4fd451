"""What the tests of stores keep in them, and how they look at it."""

from shared.store import (
    Collection,
    Index,
    Journal,
    Row,
    Store,
    Written,
)
from shared.store.interface import Fields, InboxEntry, Outcome

THINGS = Collection(
    "things",
    (Index(("at",)), Index(("kind", "at")), Index(("tags",), many=True), Index(("areas", "price"), many=True)),
    narrowing=("price",),
)
OTHERS = Collection("others", (Index(("at",)), Index(("outbox_since",))))
DIARY = Journal("diary")


def row(id_: str, version: int = 1, body: bytes = b"{}", fields: Fields | None = None, brief: bytes = b"") -> Row:
    return Row(id_, version, body, fields or {}, brief)


async def bodies(store: Store, *ids: str) -> dict[str, tuple[int, bytes]]:
    return {id_: (one.version, one.body) for id_, one in (await store.load("things", list(ids))).items()}


async def found(store: Store, **question: object) -> list[str]:
    return [one.id for one in await store.find("things", **question)]  # type: ignore[arg-type]


def outcome(attempt: int = 0, said: str = "applied", *, aggregate: str = "things/a", id_: str = "e1") -> InboxEntry:
    return InboxEntry(aggregate, Outcome("/region/06", id_, attempt, "digest", said))


def page(number: int, body: bytes = b"1", *, owner: str = "06", about: str = "r1") -> Written:
    return Written(owner, number, body, about)
