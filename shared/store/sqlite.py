"""The embedded engine: one SQLite file a service, WAL, never on the event loop.

A save is on the disk before it returns. What follows from it (journals, the inbox, clearing) is not forced there: the log
is written in order, so whatever a power cut takes of it, the outbox that was saved before still holds.

Two connections, each on a thread of its own: one writes, one reads, so that a question over HTTP does not wait for a
batch. Everything that SQLite raises about the disk or a lock becomes `StoreUnavailable`.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

from shared.store.interface import (
    Collection,
    Index,
    Journal,
    Remembered,
    Row,
    Scalar,
    StoreUnavailable,
    StoreVersionError,
    Written,
)

VERSION: Final = 1
_PAGE_CACHE_KIB: Final = 8 * 1024
_CHUNK: Final = 500  # placeholders a statement; SQLite takes more, a plan for each length does not pay

P = ParamSpec("P")
T = TypeVar("T")


class SqliteStore:
    """The store of one service in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = _Connection(path, "store-writer")
        self._reader = _Connection(path, "store-reader")
        self._collections: dict[str, Collection] = {}

    async def open(self, collections: Iterable[Collection], journals: Iterable[Journal] = ()) -> None:
        self._collections = {collection.name: collection for collection in collections}
        await self._writer.run(_migrate, self._path, tuple(self._collections.values()), tuple(journals))

    async def close(self) -> None:
        await self._reader.close()
        await self._writer.close()

    async def load(self, collection: str, ids: Sequence[str]) -> dict[str, Row]:
        return await self._writer.run(_load, self._collections[collection].name, ids)

    async def save(self, collection: str, rows: Sequence[Row]) -> set[str]:
        return await self._writer.run(_save, self._collections[collection], rows)

    async def clear(self, collection: str, rows: Sequence[Row]) -> None:
        await self._writer.run(_clear, self._collections[collection], rows)

    async def find(
        self,
        collection: str,
        *,
        equal: Mapping[str, Scalar | Sequence[str]] | None = None,
        at_most: tuple[str, Scalar] | None = None,
        at_least: tuple[str, Scalar] | None = None,
        within: Mapping[str, tuple[Scalar, Scalar]] | None = None,
        order: str | None = None,
        descending: bool = False,
        limit: int = 100,
        offset: int = 0,
        brief: bool = False,
    ) -> list[Row]:
        query = _Query(self._collections[collection])
        query.equals(equal or {})
        query.compares("<=", at_most)
        query.compares(">=", at_least)
        for name, (low, high) in (within or {}).items():
            query.compares(">=", None if low is None else (name, low))
            query.compares("<=", None if high is None else (name, high))
        return await self._reader.run(query.run, order, limit, offset, descending=descending, brief=brief)

    async def recall(self, keys: Iterable[tuple[str, str, str]]) -> list[Remembered]:
        return await self._writer.run(_recall, list(keys))

    async def remember(self, outcomes: Sequence[Remembered]) -> None:
        await self._writer.run(_remember, outcomes)

    async def forget(self, aggregates: Sequence[str]) -> None:
        await self._writer.run(_forget, aggregates)

    async def append(self, journal: str, rows: Sequence[Written]) -> None:
        await self._writer.run(_append, journal, rows)

    async def read(self, journal: str, owner: str, *, after: int, limit: int) -> list[Written]:
        where = "owner = ? AND number > ?"
        return await self._reader.run(_read, journal, where, (owner, after), limit)

    async def about(self, journal: str, about: str, *, limit: int) -> list[Written]:
        return await self._reader.run(_read, journal, "about = ?", (about,), limit)

    async def blank(self, journal: str, owner: str, about: str, body: bytes) -> None:
        await self._writer.run(_blank, journal, owner, about, body)


class _Connection:
    """One connection, used on one thread only; opened there at first use."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    async def run(self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: self._work(work, *args, **kwargs))

    def _work(self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            if self._connection is None:
                self._connection = _connect(self._path)
            self._connection.execute("PRAGMA synchronous = NORMAL")
            with self._connection:
                return work(self._connection, *args, **kwargs)
        except sqlite3.OperationalError as error:
            raise StoreUnavailable(f"{self._path}: {error}") from error

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._close)
        self._threads.shutdown()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=10, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA cache_size = -{_PAGE_CACHE_KIB}")
    return connection


def _migrate(
    connection: sqlite3.Connection, path: Path, collections: Sequence[Collection], journals: Sequence[Journal]
) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise StoreVersionError(
            f"{path} has version {version}, this program knows {VERSION}: run the newer program, or another folder"
        )
    connection.execute(
        "CREATE TABLE IF NOT EXISTS inbox (aggregate TEXT, source TEXT, id TEXT, attempt INTEGER, digest TEXT,"
        " outcome TEXT, PRIMARY KEY (aggregate, source, id, attempt)) WITHOUT ROWID"
    )
    for collection in collections:
        _make_collection(connection, collection)
    for journal in journals:
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {journal.name} (owner TEXT, number INTEGER, about TEXT, body BLOB,"
            " PRIMARY KEY (owner, number)) WITHOUT ROWID"
        )
        connection.execute(f"CREATE INDEX IF NOT EXISTS {journal.name}_about ON {journal.name} (about)")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _make_collection(connection: sqlite3.Connection, collection: Collection) -> None:
    name = collection.name
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {name} (id TEXT PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT NULL,"
        " brief BLOB NOT NULL)"
    )
    there = {row[1] for row in connection.execute(f"PRAGMA table_info({name})")}
    for column in _columns(collection):
        if column not in there:
            connection.execute(f"ALTER TABLE {name} ADD COLUMN {column}")
    for index in collection.indexes:
        if index.many:
            side = f"{name}__{index.name}"
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {side} (value TEXT, id TEXT, PRIMARY KEY (value, id)) WITHOUT ROWID"
            )
            connection.execute(f"CREATE INDEX IF NOT EXISTS {side}_id ON {side} (id)")
        else:
            first = index.fields[0]
            connection.execute(
                f"CREATE INDEX IF NOT EXISTS {name}_{index.name} ON {name} ({', '.join(index.fields)})"
                f" WHERE {first} IS NOT NULL"
            )


def _columns(collection: Collection) -> list[str]:
    indexed = [field for index in collection.indexes if not index.many for field in index.fields]
    return list(dict.fromkeys([*indexed, *collection.narrowing]))


def _many(collection: Collection) -> list[Index]:
    return [index for index in collection.indexes if index.many]


def _chunks(items: Sequence[T]) -> Iterable[Sequence[T]]:
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))


def _load(connection: sqlite3.Connection, name: str, ids: Sequence[str]) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for chunk in _chunks(ids):
        marks = ",".join("?" * len(chunk))
        for row in connection.execute(f"SELECT id, version, body FROM {name} WHERE id IN ({marks})", chunk):
            rows[row[0]] = Row(*row)
    return rows


def _save(connection: sqlite3.Connection, collection: Collection, rows: Sequence[Row]) -> set[str]:
    columns = _columns(collection)
    named = "".join(f", {column}" for column in columns)
    insert = (
        f"INSERT INTO {collection.name} (id, version, body, brief{named}) VALUES (?, ?, ?, ?{', ?' * len(columns)})"
        " ON CONFLICT (id) DO NOTHING"
    )
    lost: set[str] = set()
    connection.execute("PRAGMA synchronous = FULL")
    for row in rows:
        if row.version == 1:
            values = [row.id, row.version, row.body, row.brief, *(row.fields.get(column) for column in columns)]
            changed = connection.execute(insert, values).rowcount
        else:
            changed = _replace(connection, collection, columns, row, row.version - 1)
        if not changed:
            lost.add(row.id)
        else:
            _list_many(connection, collection, row, is_new=row.version == 1)
    return lost


def _replace(
    connection: sqlite3.Connection, collection: Collection, columns: Sequence[str], row: Row, guard: int
) -> int:
    settings = "".join(f", {column} = ?" for column in columns)
    return connection.execute(
        f"UPDATE {collection.name} SET version = ?, body = ?, brief = ?{settings} WHERE id = ? AND version = ?",
        [row.version, row.body, row.brief, *(row.fields.get(column) for column in columns), row.id, guard],
    ).rowcount


def _list_many(connection: sqlite3.Connection, collection: Collection, row: Row, *, is_new: bool) -> None:
    for index in _many(collection):
        side = f"{collection.name}__{index.name}"
        wanted = row.fields.get(index.name) or ()
        values = {wanted} if isinstance(wanted, str) else set(wanted)  # type: ignore[arg-type]
        there = (
            set()
            if is_new
            else {value for (value,) in connection.execute(f"SELECT value FROM {side} WHERE id = ?", [row.id])}
        )
        connection.executemany(
            f"DELETE FROM {side} WHERE value = ? AND id = ?", [(value, row.id) for value in there - values]
        )
        connection.executemany(f"INSERT INTO {side} VALUES (?, ?)", [(value, row.id) for value in values - there])


def _clear(connection: sqlite3.Connection, collection: Collection, rows: Sequence[Row]) -> None:
    columns = _columns(collection)
    for row in rows:
        _replace(connection, collection, columns, row, row.version)


class _Query:
    """A SELECT over declared fields. Names come from the code alone and are checked against the declaration."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._tables = collection.name
        self._where: list[str] = []
        self._values: list[Scalar] = []

    def equals(self, equal: Mapping[str, Scalar | Sequence[str]]) -> None:
        for name, value in equal.items():
            values: list[Scalar] = list(value) if isinstance(value, list | tuple) else [value]  # type: ignore[list-item]
            if any(index.name == name for index in _many(self._collection)):
                self._has_any(f"{self._collection.name}__{name}", len(values))
            else:
                assert len(values) == 1, f"{name} holds one value"
                self._where.append(f"{self._declared(name)} = ?")
            self._values += values

    def _has_any(self, side: str, count: int) -> None:
        name = self._collection.name
        if count == 1:
            self._tables += f" JOIN {side} ON {side}.id = {name}.id"
            self._where.append(f"{side}.value = ?")
        else:
            # Several may name the same document; it comes once.
            marks = ",".join("?" * count)
            self._where.append(f"{name}.id IN (SELECT id FROM {side} WHERE value IN ({marks}))")

    def compares(self, sign: str, bound: tuple[str, Scalar] | None) -> None:
        if bound is not None:
            self._where.append(f"{self._declared(bound[0])} {sign} ?")
            self._values.append(bound[1])

    def run(
        self,
        connection: sqlite3.Connection,
        order: str | None,
        limit: int,
        offset: int,
        *,
        descending: bool,
        brief: bool,
    ) -> list[Row]:
        name = self._collection.name
        sort = f"{self._declared(order)} {'DESC' if descending else 'ASC'}, " if order else ""
        statement = (
            f"SELECT {name}.id, version, {'brief' if brief else 'body'} FROM {self._tables} WHERE {' AND '.join(self._where) or '1'}"
            f" ORDER BY {sort}{name}.id LIMIT ? OFFSET ?"
        )
        rows = connection.execute(statement, [*self._values, limit, offset])
        return [Row(id_, version, b"", brief=what) if brief else Row(id_, version, what) for id_, version, what in rows]

    def _declared(self, name: str) -> str:
        if name != "id" and name not in _columns(self._collection):
            raise ValueError(f"{self._collection.name} declares no index with {name}")
        return f"{self._collection.name}.{name}"


def _recall(connection: sqlite3.Connection, keys: Sequence[tuple[str, str, str]]) -> list[Remembered]:
    found: list[Remembered] = []
    for key in keys:
        rows = connection.execute(
            "SELECT aggregate, source, id, attempt, digest, outcome FROM inbox"
            " WHERE aggregate = ? AND source = ? AND id = ?",
            key,
        )
        found.extend(Remembered(*row) for row in rows)
    return found


def _remember(connection: sqlite3.Connection, outcomes: Sequence[Remembered]) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO inbox VALUES (?, ?, ?, ?, ?, ?)",
        [(kept.aggregate, kept.source, kept.id, kept.attempt, kept.digest, kept.outcome) for kept in outcomes],
    )


def _forget(connection: sqlite3.Connection, aggregates: Sequence[str]) -> None:
    connection.executemany(
        "UPDATE inbox SET digest = '' WHERE aggregate = ?", [(aggregate,) for aggregate in aggregates]
    )


def _append(connection: sqlite3.Connection, journal: str, rows: Sequence[Written]) -> None:
    connection.executemany(
        f"INSERT OR IGNORE INTO {journal} (owner, number, about, body) VALUES (?, ?, ?, ?)",
        [(row.owner, row.number, row.about, row.body) for row in rows],
    )


def _read(
    connection: sqlite3.Connection, journal: str, where: str, values: Sequence[Scalar], limit: int
) -> list[Written]:
    rows = connection.execute(
        f"SELECT owner, number, body, about FROM {journal} WHERE {where} ORDER BY owner, number LIMIT ?",
        [*values, limit],
    )
    return [Written(*row) for row in rows]


def _blank(connection: sqlite3.Connection, journal: str, owner: str, about: str, body: bytes) -> None:
    connection.execute(f"UPDATE {journal} SET body = ? WHERE owner = ? AND about = ?", [body, owner, about])
