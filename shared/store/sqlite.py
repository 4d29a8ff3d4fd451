"""The embedded store: one SQLite file a service, WAL, never on the event loop.

A save is on the disk before it returns. The writes after it (journals, the inbox, clearing) are not forced there:
SQLite writes its log in order, so whatever a power cut takes of the log, the outbox that was saved before still holds.

Two connections, each on a thread of its own: one writes, one reads, so that a question over HTTP does not wait for a
batch. SQLite's exceptions about the disk or a lock become `StoreUnavailable`.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

import msgspec

from shared.private import make_private_file, tighten_file
from shared.store.interface import (
    FIRST_FORM,
    OLDEST_FORM,
    Collection,
    Form,
    InboxEntry,
    Index,
    Journal,
    Outcome,
    Range,
    Row,
    Scalar,
    StoreUnavailable,
    StoreVersionError,
    Unsaveable,
    What,
    WritesRefused,
    Written,
)

VERSION: Final = 3
"""1: side tables of (value, id). 2: with the version and the narrowing fields besides. 3: outboxes beside the bodies."""
_PAGE_CACHE_KIB: Final = 16 * 1024  # with 8 MiB a million documents took the store a third longer each
_PAGES_A_CHECKPOINT: Final = 4_000  # 16 MiB of log: a document is saved and cleared, and written into the file once
_LOCKED_AT_MOST_S: Final = 10
_SCRUBBED_WITHIN_MS: Final = 100  # a batch waits meanwhile; what remains is scrubbed after the next one
_CHUNK: Final = 500  # placeholders a statement; SQLite takes more, a plan for each length does not pay

_OF_THE_DISK: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_IOERR_FSYNC,
        sqlite3.SQLITE_IOERR_SHMSIZE,
    }
)
"""What SQLite says of a disk that takes no writes."""

_VERSIONS: Final = msgspec.json.Decoder(dict[str, int])

P = ParamSpec("P")
T = TypeVar("T")


class SqliteStore:
    """The store of one service in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = _Connection(path, "store-writer")
        self._reader = _Connection(path, "store-reader")
        self._collections: dict[str, Collection] = {}

    async def open(
        self, collections: Iterable[Collection], journals: Iterable[Journal] = (), form: Form = FIRST_FORM
    ) -> None:
        self._collections = {collection.name: collection for collection in collections}
        await self._writer.run(_migrate, self._path, tuple(self._collections.values()), tuple(journals), form)
        # A crash may have come between an erasure and the emptying of the log. A log in use is emptied later.
        await self._writer.run(_scrub)

    async def close(self) -> None:
        await self._reader.close()
        await self._writer.close()

    async def load(self, collection: str, ids: Sequence[str], *, what: What = "body") -> dict[str, Row]:
        return await self._writer.run(_load, self._collections[collection].name, ids, what)

    async def save(self, collection: str, rows: Sequence[Row]) -> set[str]:
        return await self._writer.run(_save, self._collections[collection], rows)

    async def clear(self, collection: str, rows: Sequence[Row]) -> None:
        await self._writer.run(_clear, self._collections[collection], rows)

    async def empty(self, collection: str, versions: Mapping[str, int]) -> None:
        await self._writer.run(_empty, self._collections[collection].name, versions)

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
        query = _Query(self._collections[collection], what)
        query.equals(equal or {})
        query.compares("<=", at_most)
        query.compares(">=", at_least)
        return await self._reader.run(query.run, order, limit, offset, after, descending=descending)

    async def count(
        self,
        collection: str,
        equal: Mapping[str, Scalar],
        *,
        at_most: tuple[str, Scalar] | None = None,
        at_least: tuple[str, Scalar] | None = None,
        most: int | None = None,
    ) -> int:
        query = _Query(self._collections[collection], "brief")
        query.equals(equal)
        query.compares("<=", at_most)
        query.compares(">=", at_least)
        return await self._reader.run(query.count, most)

    async def remove(self, collection: str, versions: Mapping[str, int]) -> int:
        return await self._writer.run(_remove, self._collections[collection], versions)

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
        query = _Query(self._collections[collection], "brief")
        query.equals(equal or {})
        query.compares(">=", None if at_least is None else (order, at_least))
        return await self._reader.run(query.tally, field, order, most)

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
        declared = self._collections[collection]
        declared.check_versions(many, within, outside)
        conditions = [f"value IN ({','.join('?' * len(values))})"]
        asked: list[Scalar] = [*values]
        for ranges, wanted in ((within, "TRUE"), (outside, "NOT TRUE")):
            if ranges is not None:
                bounds, bound = _bounds(ranges)
                conditions.append(f"({bounds}) IS {wanted}")
                asked += bound
        statement = f"SELECT id, version FROM {_side(declared, many)} WHERE {' AND '.join(conditions)} LIMIT ?"
        return await self._reader.run(_versions, statement, [*asked, limit])

    async def recall(self, keys: Iterable[tuple[str, str, str]]) -> list[InboxEntry]:
        return await self._writer.run(_recall, list(keys))

    async def remember(self, entries: Sequence[InboxEntry]) -> None:
        await self._writer.run(_remember, entries)

    async def forget(self, aggregates: Sequence[str]) -> None:
        await self._writer.run(_forget, aggregates)

    async def scrub(self) -> None:
        if not await self._writer.run(_scrub):
            raise StoreUnavailable(
                f"{self._path}: another process reads it, so erased data stays in its log until that ends"
            )

    async def append(self, journal: str, rows: Sequence[Written]) -> None:
        await self._writer.run(_append, journal, rows)

    async def read(self, journal: str, owner: str, *, after: int, limit: int) -> list[Written]:
        where = "owner = ? AND number > ?"
        return await self._reader.run(_read, journal, where, (owner, after), limit)

    async def about(self, journal: str, owner: str, about: str, *, limit: int) -> list[Written]:
        return await self._reader.run(_read, journal, "owner = ? AND about = ?", (owner, about), limit)

    async def owners(self, journal: str, about: str) -> list[str]:
        return await self._reader.run(_owners, journal, about)

    async def blank(self, journal: str, owner: str, about: str, up_to: int, body: bytes) -> None:
        await self._writer.run(_blank, journal, owner, about, up_to, body)

    async def cut(self, journal: str, owners: Sequence[str]) -> None:
        await self._writer.run(_cut, journal, owners)


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
            fault = WritesRefused if getattr(error, "sqlite_errorcode", None) in _OF_THE_DISK else StoreUnavailable
            raise fault(f"{self._path}: {error}") from error
        except OSError as error:
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
    # SQLite makes the log and the index beside the file with the file's mode.
    make_private_file(path)
    for beside in (path.with_name(path.name + end) for end in ("-wal", "-shm")):
        tighten_file(beside)
    connection = sqlite3.connect(path, timeout=_LOCKED_AT_MOST_S, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    # SQLite overwrites deleted and replaced data, so that an erasure leaves nothing on free pages.
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_PAGES_A_CHECKPOINT}")

    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA cache_size = -{_PAGE_CACHE_KIB}")
    return connection


def _scrub(connection: sqlite3.Connection) -> bool:
    """Writes the log into the file and empties it; freed pages are overwritten already. False while the log is read."""
    connection.execute(f"PRAGMA busy_timeout = {_SCRUBBED_WITHIN_MS}")
    try:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {_LOCKED_AT_MOST_S * 1_000}")
    return not busy


def version_of(path: Path) -> int:
    """The version of the tables in a file that nobody has open. 0: the file is new. Raises `StoreUnavailable`."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise StoreUnavailable(f"{path}: {error}") from error
    return int(version)


def _migrate(
    connection: sqlite3.Connection,
    path: Path,
    collections: Sequence[Collection],
    journals: Sequence[Journal],
    form: Form,
) -> None:
    # The columns, their contents and all documents in one transaction: a process killed in the middle changed nothing.
    connection.execute("BEGIN IMMEDIATE")
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
    _bring_forward(connection, path, collections, form, is_new=not version)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _bring_forward(
    connection: sqlite3.Connection, path: Path, collections: Sequence[Collection], form: Form, *, is_new: bool
) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID")
    kept = connection.execute("SELECT value FROM meta WHERE name = 'form'").fetchone()
    found = kept[0] if kept else form.number if is_new else OLDEST_FORM
    form.check(str(path), found)
    if form.migrate and found < form.number:
        for collection in collections:
            _migrate_documents(connection, collection, partial(form.migrate, collection.name, found))
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('form', ?)", [form.number])


def _migrate_documents(connection: sqlite3.Connection, collection: Collection, migrate: Callable[[Row], Row]) -> None:
    page = f"SELECT id, version, body, outbox FROM {collection.name} WHERE id > ? ORDER BY id LIMIT {_CHUNK}"
    last = ""
    while found := connection.execute(page, [last]).fetchall():
        rows = [migrate(_row("body", *one)) for one in found]
        _clear(connection, collection, rows)
        for row in rows:
            _list_anew(connection, collection, row)
        last = rows[-1].id


def _list_anew(connection: sqlite3.Connection, collection: Collection, row: Row) -> None:
    for index in _many(collection):
        connection.execute(f"DELETE FROM {_side(collection, index.first)} WHERE id = ?", [row.id])
    _list_many(connection, collection, row, is_new=True)


def _make_collection(connection: sqlite3.Connection, collection: Collection) -> None:
    name = collection.name
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {name} (id TEXT PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT NULL,"
        " brief BLOB NOT NULL)"
    )
    _add_missing(connection, name, ["outbox", *_columns(collection)])
    for index in collection.indexes:
        if index.many:
            _make_side(connection, collection, index)
        else:
            first = index.fields[0]
            connection.execute(
                f"CREATE INDEX IF NOT EXISTS {name}_{index.name} ON {name} ({', '.join(index.fields)})"
                f" WHERE {first} IS NOT NULL"
            )


def _make_side(connection: sqlite3.Connection, collection: Collection, index: Index) -> None:
    side = _side(collection, index.first)
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {side} (value TEXT, id TEXT, PRIMARY KEY (value, id)) WITHOUT ROWID"
    )
    connection.execute(f"CREATE INDEX IF NOT EXISTS {side}_id ON {side} (id)")
    if added := ", ".join(_add_missing(connection, side, _beside(collection))):
        main = collection.name
        connection.execute(f"UPDATE {side} SET ({added}) = (SELECT {added} FROM {main} WHERE {main}.id = {side}.id)")
    if order := index.fields[1:]:
        connection.execute(f"CREATE INDEX IF NOT EXISTS {side}_order ON {side} (value, {', '.join(order)}, id)")


def _add_missing(connection: sqlite3.Connection, table: str, columns: Sequence[str]) -> list[str]:
    there = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
    missing = [column for column in columns if column not in there]
    for column in missing:
        connection.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
    return missing


def _side(collection: Collection, many: str) -> str:
    """The table that lists documents by a many field."""
    return f"{collection.name}__{many}"


def _beside(collection: Collection) -> tuple[str, ...]:
    """The columns of the document that a side table repeats, so that a query for versions never reads the bodies."""
    return "version", *collection.narrowing


def _columns(collection: Collection) -> list[str]:
    indexed = [field for index in collection.indexes if not index.many for field in index.fields]
    return list(dict.fromkeys([*indexed, *collection.narrowing, "outbox_since"]))


def _many(collection: Collection) -> list[Index]:
    return [index for index in collection.indexes if index.many]


def _chunks(items: Sequence[T]) -> Iterable[Sequence[T]]:
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))


_WHAT: Final[Mapping[What, tuple[str, ...]]] = {"body": ("body", "outbox"), "brief": ("brief",)}


def _row(what: What, id_: str, version: int, asked: bytes, outbox: bytes | None = None) -> Row:
    return Row(id_, version, brief=asked) if what == "brief" else Row(id_, version, asked, outbox=outbox or b"")


def _load(connection: sqlite3.Connection, name: str, ids: Sequence[str], what: What) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for chunk in _chunks(ids):
        marks = ",".join("?" * len(chunk))
        statement = f"SELECT id, version, {', '.join(_WHAT[what])} FROM {name} WHERE id IN ({marks})"
        rows.update({row[0]: _row(what, *row) for row in connection.execute(statement, chunk)})
    return rows


def _save(connection: sqlite3.Connection, collection: Collection, rows: Sequence[Row]) -> set[str]:
    connection.execute("PRAGMA synchronous = FULL")
    lost = _write_all(connection, collection, rows)
    if lost is None:
        lost = _write_each(connection, collection, rows)
    if _many(collection):
        for row in rows:
            if row.id not in lost:
                _list_many(connection, collection, row, is_new=row.version == 1)
    return lost


def _write_all(connection: sqlite3.Connection, collection: Collection, rows: Sequence[Row]) -> set[str] | None:
    """Writes in two statements, which takes half the time; None, and nothing is written, where a row lost its race."""
    columns = _columns(collection)
    new = [_inserted(columns, row) for row in rows if row.version == 1]
    old = [_replaced(columns, row, row.version - 1) for row in rows if row.version > 1]
    try:
        changed = connection.executemany(_insert(collection, columns), new).rowcount if new else 0
        changed += connection.executemany(_replace(collection, columns), old).rowcount if old else 0
    except (OverflowError, UnicodeEncodeError):
        changed = 0
    if changed == len(rows):
        return set()
    connection.rollback()
    return None


def _write_each(connection: sqlite3.Connection, collection: Collection, rows: Sequence[Row]) -> set[str]:
    columns = _columns(collection)
    insert, replace = _insert(collection, columns), _replace(collection, columns)
    lost: set[str] = set()
    for row in rows:
        try:
            if row.version == 1:
                changed = connection.execute(insert, _inserted(columns, row)).rowcount
            else:
                changed = connection.execute(replace, _replaced(columns, row, row.version - 1)).rowcount
        except (OverflowError, UnicodeEncodeError) as error:
            raise Unsaveable(collection.name, {row.id: str(error)}) from error
        if not changed:
            lost.add(row.id)
    return lost


def _insert(collection: Collection, columns: Sequence[str]) -> str:
    named = "".join(f", {column}" for column in columns)
    return (
        f"INSERT INTO {collection.name} (id, version, body, outbox, brief{named})"
        f" VALUES (?, ?, ?, ?, ?{', ?' * len(columns)})"
        " ON CONFLICT (id) DO NOTHING"
    )


def _inserted(columns: Sequence[str], row: Row) -> Sequence[object]:
    return row.id, row.version, row.body, row.outbox or None, row.brief, *map(row.fields.get, columns)


def _replace(collection: Collection, columns: Sequence[str]) -> str:
    settings = "".join(f", {column} = ?" for column in columns)
    return (
        f"UPDATE {collection.name} SET version = ?, body = ?, outbox = ?, brief = ?{settings}"
        " WHERE id = ? AND version = ?"
    )


def _replaced(columns: Sequence[str], row: Row, guard: int) -> Sequence[object]:
    return row.version, row.body, row.outbox or None, row.brief, *map(row.fields.get, columns), row.id, guard


def _list_many(connection: sqlite3.Connection, collection: Collection, row: Row, *, is_new: bool) -> None:
    beside = [row.version, *(row.fields.get(column) for column in collection.narrowing)]
    columns = ", ".join(_beside(collection))
    renewed = ", ".join(f"{column} = excluded.{column}" for column in _beside(collection))
    for index in _many(collection):
        side = _side(collection, index.first)
        wanted = row.fields.get(index.first) or ()
        values = {wanted} if isinstance(wanted, str) else set(wanted)  # type: ignore[arg-type]
        connection.executemany(
            f"INSERT INTO {side} (value, id, {columns}) VALUES (?, ?{', ?' * len(beside)})"
            f" ON CONFLICT (value, id) DO UPDATE SET {renewed}",
            [(value, row.id, *beside) for value in values],
        )
        if not is_new:
            # A value that was not renewed is no longer in the document.
            connection.execute(f"DELETE FROM {side} WHERE id = ? AND version IS NOT ?", [row.id, row.version])


def _clear(connection: sqlite3.Connection, collection: Collection, rows: Sequence[Row]) -> None:
    columns = _columns(collection)
    connection.executemany(_replace(collection, columns), [_replaced(columns, row, row.version) for row in rows])


def _empty(connection: sqlite3.Connection, name: str, versions: Mapping[str, int]) -> None:
    # One statement, for the reason of `_versions`: it runs beside the event loop, which reads the next batch meanwhile.
    connection.execute(
        f"UPDATE {name} SET outbox = NULL, outbox_since = NULL FROM json_each(?) AS sent"
        f" WHERE {name}.id = sent.key AND {name}.version = sent.value",
        [msgspec.json.encode(versions).decode()],
    )


def _remove(connection: sqlite3.Connection, collection: Collection, versions: Mapping[str, int]) -> int:
    # In one transaction, so that no document changes between being found and being removed.
    connection.execute("BEGIN IMMEDIATE")
    name = collection.name
    found = connection.execute(
        f"SELECT json_group_array({name}.id) FROM json_each(?) AS wanted JOIN {name} ON {name}.id = wanted.key"
        f" WHERE {name}.version = wanted.value AND {name}.outbox IS NULL",
        [msgspec.json.encode(versions).decode()],
    ).fetchone()
    for table in (*(_side(collection, index.first) for index in _many(collection)), name):
        removed = connection.execute(f"DELETE FROM {table} WHERE id IN (SELECT value FROM json_each(?))", found)
    return removed.rowcount


class _Query:
    """A SELECT over declared fields. Names come from the code alone and are checked against the declaration."""

    def __init__(self, collection: Collection, what: What) -> None:
        self._collection = collection
        self._what = what
        self._many: dict[str, list[Scalar]] = {}
        self._bounds: list[tuple[str, str, Scalar]] = []

    def equals(self, equal: Mapping[str, Scalar | Sequence[str]]) -> None:
        for name, value in equal.items():
            values: list[Scalar] = list(value) if isinstance(value, list | tuple) else [value]  # type: ignore[list-item]
            if any(index.first == name for index in _many(self._collection)):
                self._many[name] = values
            else:
                assert len(values) == 1, f"{name} holds one value"
                self._bounds.append((self._declared(name), "=", values[0]))

    def compares(self, sign: str, bound: tuple[str, Scalar] | None) -> None:
        if bound is not None:
            self._bounds.append((self._declared(bound[0]), sign, bound[1]))

    def run(
        self,
        connection: sqlite3.Connection,
        order: str | None,
        limit: int,
        offset: int,
        after: tuple[Scalar, str] | None,
        *,
        descending: bool,
    ) -> list[Row]:
        name = self._collection.name
        way = "DESC" if descending else "ASC"
        by = [self._column(column) for column in ((order, "id") if order else ("id",))]
        sort = ", ".join(f"{column} {way}" for column in by)
        tables, where, values = self._from_main()
        if after is not None:
            where += f" AND ({', '.join(by)}) {'<' if descending else '>'} (?, ?)"
            values += after
        asked = [f"{name}.{column}" for column in ("id", "version", *_WHAT[self._what])]
        statement = f"SELECT {', '.join(asked)} FROM {tables} WHERE {where} ORDER BY {sort} LIMIT ? OFFSET ?"
        return [_row(self._what, *row) for row in connection.execute(statement, [*values, limit, offset])]

    def count(self, connection: sqlite3.Connection, most: int | None) -> int:
        tables, where, values = self._from_main()
        bound = -1 if most is None else most  # to SQLite a negative limit is none
        statement = f"SELECT count(*) FROM (SELECT 1 FROM {tables} WHERE {where} LIMIT ?)"
        (found,) = connection.execute(statement, [*values, bound]).fetchone()
        return int(found)

    def tally(self, connection: sqlite3.Connection, field: str, order: str, most: int) -> dict[str | None, int]:
        tables, where, values = self._from_main()
        last = (
            f"SELECT {self._column(field)} AS kind FROM {tables} WHERE {where} AND {self._column(order)} IS NOT NULL"
            f" ORDER BY {self._column(order)} DESC LIMIT ?"
        )
        statement = f"SELECT kind, count(*) FROM ({last}) GROUP BY kind"
        return dict(connection.execute(statement, [*values, most]).fetchall())

    def _from_main(self) -> tuple[str, str, list[Scalar]]:
        tables = name = self._collection.name
        where: list[str] = []
        for many, values in self._many.items():
            side = _side(self._collection, many)
            if len(values) == 1:
                tables += f" JOIN {side} ON {side}.id = {name}.id"
                where.append(f"{side}.value = ?")
            else:
                # Several values may name the same document; it comes once.
                where.append(f"{name}.id IN (SELECT id FROM {side} WHERE value IN ({','.join('?' * len(values))}))")
        where += [f"{self._column(column)} {sign} ?" for column, sign, _ in self._bounds]
        listed = [value for values in self._many.values() for value in values]
        return tables, " AND ".join(where) or "1", [*listed, *(bound for _, _, bound in self._bounds)]

    def _column(self, name: str) -> str:
        """Where to read a field: in the side table, whose index has this order, if that leads to one string's rows."""
        many = next((index for index in _many(self._collection) if name in (*index.fields[1:], "id")), None)
        if many and len(self._many) == 1 and len(self._many.get(many.first, ())) == 1:
            return f"{_side(self._collection, many.first)}.{name}"
        return f"{self._collection.name}.{self._declared(name)}"

    def _declared(self, name: str) -> str:
        if name != "id" and name not in _columns(self._collection):
            raise ValueError(f"{self._collection.name} declares no index with {name}")
        return name


def _bounds(ranges: Mapping[str, Range]) -> tuple[str, list[Scalar]]:
    """True where all narrowing fields lie in their ranges, as SQL and its values."""
    conditions: list[str] = ["TRUE"]
    values: list[Scalar] = []
    for name, range_ in ranges.items():
        for sign, bound in zip((">=", "<="), range_, strict=True):
            if bound is not None:
                conditions.append(f"{name} {sign} ?")
                values.append(bound)
    return " AND ".join(conditions), values


def _versions(connection: sqlite3.Connection, statement: str, values: Sequence[Scalar]) -> dict[str, int]:
    # One row with all of them: sqlite3 releases the interpreter at each row and waits to get it back, which beside a
    # busy event loop costs a thousand rows 50 to 200 ms.
    (answer,) = connection.execute(f"SELECT json_group_object(id, version) FROM ({statement})", values).fetchone()
    return _VERSIONS.decode(answer)


def _recall(connection: sqlite3.Connection, keys: Sequence[tuple[str, str, str]]) -> list[InboxEntry]:
    found: list[InboxEntry] = []
    for key in keys:
        rows = connection.execute(
            "SELECT aggregate, source, id, attempt, digest, outcome FROM inbox"
            " WHERE aggregate = ? AND source = ? AND id = ?",
            key,
        )
        found.extend(InboxEntry(aggregate, Outcome(*rest)) for aggregate, *rest in rows)
    return found


def _remember(connection: sqlite3.Connection, entries: Sequence[InboxEntry]) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO inbox VALUES (?, ?, ?, ?, ?, ?)",
        [(aggregate, *msgspec.structs.astuple(outcome)) for aggregate, outcome in entries],
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


def _owners(connection: sqlite3.Connection, journal: str, about: str) -> list[str]:
    rows = connection.execute(f"SELECT DISTINCT owner FROM {journal} WHERE about = ? ORDER BY owner", (about,))
    return [owner for (owner,) in rows]


def _blank(connection: sqlite3.Connection, journal: str, owner: str, about: str, up_to: int, body: bytes) -> None:
    where = "owner = ? AND about = ? AND number <= ?"
    connection.execute(f"UPDATE {journal} SET body = ? WHERE {where}", [body, owner, about, up_to])


def _cut(connection: sqlite3.Connection, journal: str, owners: Sequence[str]) -> None:
    wanted = msgspec.json.encode(list(owners)).decode()
    connection.execute(f"DELETE FROM {journal} WHERE owner IN (SELECT value FROM json_each(?))", [wanted])
