"""What a store promises, whichever database keeps it.

StoreError
├── StoreUnavailable    it does not answer now: back off and try again; nothing is lost, nothing dead-lettered
│   └── WritesRefused   it answers and takes no writes, as with a full disk: the same, and a person must make room
├── StoreAddressError   nothing can be at this address: the service must not start
├── StoreVersionError   the data has a form that this program does not take: the service must not start
└── Unsaveable          this database can never keep these documents: too large, or a number that it does not know
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol

import msgspec

Scalar = str | int | float | bool | None
Fields = Mapping[str, Scalar | Sequence[str]]
What = Literal["body", "brief"]
"""What a row carries: the document and its outbox, or its summary."""
Range = tuple[Scalar, Scalar]
"""From and to, both included; None is open."""


class StoreError(Exception):
    """Something is wrong with the store."""


class StoreUnavailable(StoreError):
    """The store does not answer now."""


class WritesRefused(StoreUnavailable):
    """The store takes no writes now: its disk is full, or may not be written."""


class StoreAddressError(StoreError):
    """The address, or an option in it, is invalid."""


class StoreVersionError(StoreError):
    """A newer program wrote the data, or an older one whose data may not be migrated now."""


class Unsaveable(StoreError):
    """The database can never keep some documents; `why`, by id. The others of the call may have been saved or not."""

    def __init__(self, collection: str, why: Mapping[str, str]) -> None:
        self.why = dict(why)
        super().__init__("; ".join(f"{collection} {id_}: {one}" for id_, one in why.items()))


@dataclass(frozen=True)
class Index:
    """Documents can be found by these fields, in this order.

    `many`: the first field holds several strings; the fields behind it are narrowing ones, by which the documents of
    one string are ordered for paging.
    """

    fields: tuple[str, ...]
    many: bool = False

    @property
    def name(self) -> str:
        return "_".join(self.fields)

    @property
    def first(self) -> str:
        return self.fields[0]


@dataclass(frozen=True)
class Collection:
    """Aggregates of one kind, each one document. `narrowing`: fields that narrow what `versions` finds, without an index."""

    name: str
    indexes: tuple[Index, ...] = ()
    narrowing: tuple[str, ...] = ()

    def check_versions(self, many: str, *ranges: Mapping[str, Range] | None) -> None:
        """Raises `ValueError` where `versions` cannot be asked for by this field, or narrowed by one of the ranges."""
        if not any(index.many and index.first == many for index in self.indexes):
            raise ValueError(f"{self.name} declares no many field {many}")
        for name in (name for one in ranges for name in one or ()):
            if name not in self.narrowing:
                raise ValueError(f"{self.name} declares no narrowing field {name}")


@dataclass(frozen=True)
class Journal:
    """Rows that are only ever inserted, by (`owner`, `number`); an erasure blanks those `about` the referral."""

    name: str


class Row(msgspec.Struct, frozen=True, gc=False):
    """A document as the store keeps it: `body` is JSON; `fields` are for finding it; `brief` is a summary, JSON too.

    `outbox`, JSON that comes with the body, lies apart, so that it can be emptied alone. A Struct: a frozen dataclass
    takes eight times as long to make.
    """

    id: str
    version: int
    body: bytes = b""
    fields: Fields = {}
    brief: bytes = b""
    outbox: bytes = b""


OLDEST_FORM: Final = 2
"""The form of documents in a store that does not say which they have: it stood in a run's folder before stores did."""


@dataclass(frozen=True)
class Form:
    """The form in which this program keeps documents, and how a document of an older form comes to it.

    `migrate`: pure; returns a document of the new form as it is. None: the program refuses an older form.
    """

    number: int = OLDEST_FORM
    migrate: Callable[[str, int, Row], Row] | None = None

    def check(self, place: str, found: int) -> None:
        """Raises `StoreVersionError` where this program cannot take documents of that form."""
        if found > self.number:
            raise StoreVersionError(
                f"{place} holds documents of form {found}, this program knows {self.number}: run the newer program, or"
                " go back to the copy that was made before it came"
            )
        if found < self.number and self.migrate is None:
            raise StoreVersionError(
                f"{place} holds documents of form {found}, this program keeps {self.number}: make a copy, then start it"
                " once with LAHETE_MIGRATE=true"
            )


FIRST_FORM: Final = Form()


@dataclass(frozen=True, slots=True)
class Written:
    """A row of a journal."""

    owner: str
    number: int
    body: bytes
    about: str = ""


class Outcome(msgspec.Struct, array_like=True, frozen=True):
    """The outcome of one event under one attempt."""

    source: str
    id: str
    attempt: int
    digest: str
    outcome: str


class InboxEntry(NamedTuple):
    """An outcome of one aggregate that its document has no room for."""

    aggregate: str
    outcome: Outcome


class Store(Protocol):
    """One service's documents. Every method raises `StoreUnavailable` where the database does not answer."""

    async def open(
        self, collections: Iterable[Collection], journals: Iterable[Journal] = (), form: Form = FIRST_FORM
    ) -> None:
        """Makes what is missing, indexes too, and brings documents to the form, forward only. Raises `StoreVersionError`."""

    async def close(self) -> None:
        """Closes the database; everything saved stays."""

    async def load(self, collection: str, ids: Sequence[str], *, what: What = "body") -> dict[str, Row]:
        """The existing documents, by id, as the primary has them, each with `what` alone."""

    async def save(self, collection: str, rows: Sequence[Row]) -> set[str]:
        """Replaces each document whole where it has version `row.version - 1` (0: where it does not exist).

        One lost race does not stop the others. Returns the ids that lost theirs. Raises `Unsaveable`.
        """

    async def clear(self, collection: str, rows: Sequence[Row]) -> None:
        """Replaces each document whole where it still has version `row.version`; a miss is fine, nothing is created."""

    async def empty(self, collection: str, versions: Mapping[str, int]) -> None:
        """Removes outbox and `outbox_since` of each document that still has its version; a miss is fine."""

    async def find(
        self,
        collection: str,
        *,
        equal: Mapping[str, Scalar | Sequence[str]] | None = None,
        at_most: tuple[str, Scalar] | None = None,
        at_least: tuple[str, Scalar] | None = None,
        order: str | None = None,
        descending: bool = False,
        limit: int = 100,
        offset: int = 0,
        after: tuple[Scalar, str] | None = None,
        what: What = "body",
    ) -> list[Row]:
        """Documents by declared fields, in `order`, then by id; `descending` is exactly the other way round.

        A `many` field equals each of its strings; for several values it must have any of them. `after`: only documents
        behind the one with this value of `order` and this id. The rows carry `what` alone.
        """

    async def count(
        self,
        collection: str,
        equal: Mapping[str, Scalar],
        *,
        at_most: tuple[str, Scalar] | None = None,
        at_least: tuple[str, Scalar] | None = None,
        most: int | None = None,
    ) -> int:
        """How many documents have these values in declared fields; `most`: the store counts no further."""

    async def remove(self, collection: str, versions: Mapping[str, int]) -> int:
        """Removes each document that still has its version, and no outbox; returns how many.

        The inbox keeps their outcomes.
        """

    async def tally(
        self,
        collection: str,
        field: str,
        order: str,
        *,
        equal: Mapping[str, Scalar] | None = None,
        at_least: Scalar = None,
        most: int,
    ) -> dict[str | None, int]:
        """How many documents have each value of `field`, None where they have none: of the `most` last by `order`.

        Only of those with these values in declared fields, and whose `order` is at least that, if it is not None.
        """

    async def versions(
        self,
        collection: str,
        many: str,
        values: Sequence[str],
        *,
        within: Mapping[str, Range] | None = None,
        outside: Mapping[str, Range] | None = None,
        limit: int = 100,
    ) -> dict[str, int]:
        """The versions, by id, of documents whose field `many` has any of the values, in no order.

        Only documents whose narrowing fields all lie in their ranges in `within`, and not all in those in `outside`: a
        missing field lies in no range. A thousand cost about a millisecond: a caller who keeps decoded documents by id
        and version loads only those that have changed.
        """

    async def recall(self, keys: Iterable[tuple[str, str, str]]) -> list[InboxEntry]:
        """The inbox's outcomes of each (aggregate, source, id), of every attempt."""

    async def remember(self, entries: Sequence[InboxEntry]) -> None:
        """Inserts into the inbox; an existing entry stays as it is."""

    async def forget(self, aggregates: Sequence[str]) -> None:
        """Blanks the digests that the inbox holds of these aggregates; the outcomes stay."""

    async def scrub(self) -> None:
        """Removes what was replaced or erased before from the database's files, as far as the database can do that."""

    async def append(self, journal: str, rows: Sequence[Written]) -> None:
        """Inserts; an existing row stays as it is."""

    async def read(self, journal: str, owner: str, *, after: int, limit: int) -> list[Written]:
        """Rows of one owner in order of number."""

    async def about(self, journal: str, owner: str, about: str, *, limit: int) -> list[Written]:
        """Rows of one owner about one thing, in order of number."""

    async def owners(self, journal: str, about: str) -> list[str]:
        """All owners of a row about one thing, in order."""

    async def blank(self, journal: str, owner: str, about: str, up_to: int, body: bytes) -> None:
        """Puts `body` in place of each row of one owner about one thing, up to a number."""

    async def cut(self, journal: str, owners: Sequence[str]) -> None:
        """Removes all rows of these owners."""
