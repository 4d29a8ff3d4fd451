"""The store for production: MongoDB, one database and one user a service. The only module that imports a driver.

A document is `{_id, version, body, outbox, brief, …}`: the body as JSON text, beside it the declared fields to find it by. Motor is
the driver, or PyMongo's own async client, by one setting; both answer to the same names (docs/decisions/0005). The store
reads from the primary with majority concern, and writes to a majority's journals before a call returns.

A driver's exception about a server becomes `StoreUnavailable`, with the host and never with a password.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from inspect import isawaitable
from typing import Any, Final, Literal, cast

import bson
import structlog
from bson.errors import BSONError
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient, DeleteOne, IndexModel, InsertOne, ReplaceOne, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, ConfigurationError, OperationFailure, PyMongoError

from shared import log_events
from shared.store.interface import (
    FIRST_FORM,
    OLDEST_FORM,
    Collection,
    Form,
    InboxEntry,
    Journal,
    Outcome,
    Range,
    Row,
    Scalar,
    StoreAddressError,
    StoreUnavailable,
    StoreVersionError,
    Unsaveable,
    What,
    WritesRefused,
    Written,
)

VERSION: Final = 2
"""2: outboxes beside the bodies."""
Driver = Literal["motor", "pymongo"]
Json = dict[str, Any]
_Database = AsyncDatabase[Json]

_OPTIONS: Final[Mapping[str, Any]] = {
    "w": "majority",
    "journal": True,
    "readConcernLevel": "majority",
    "readPreference": "primary",
    "wTimeoutMS": 10_000,
    # The service must notice an outage in seconds: the loop backs off by itself, and a caller of HTTP waits.
    "serverSelectionTimeoutMS": 3_000,
    "connectTimeoutMS": 3_000,
    "waitQueueTimeoutMS": 5_000,
    "socketTimeoutMS": 15_000,
}
_MAX_BSON: Final = 16 * 1024 * 1024
_IN_ONE_ANSWER: Final = 10_000  # documents; the drivers' default is 101 and another round trip for the rest
_A_PAGE: Final = 500  # documents that are migrated at once
_RESERVED: Final = frozenset({"_id", "id", "version", "body", "outbox", "brief"})

_DUPLICATE: Final = 11000
_EXISTS: Final = 48
_NO_SUCH_COMMAND: Final = 59
_REFUSED: Final = frozenset({13, 18, 8000})  # unauthorized, authentication failed, the same of a hosted one
_OF_THE_DISK: Final = frozenset({14031, 371})  # out of disk space; writes are blocked, as of a hosted one that is full
_OF_THE_DOCUMENT: Final = frozenset({121, 10334, 17280})  # its validator, its size, the length of a key

log = structlog.get_logger()


class MongoStore:
    """The store of one service in one database. The address may name several hosts and carry options of its own."""

    def __init__(
        self, address: str, database: str, *, user: str = "", password: str = "", driver: Driver = "motor"
    ) -> None:
        self._address = address
        self._name = database
        self._user = user
        self._password = password
        self._driver = driver
        self._client: AsyncMongoClient[Json] | None = None
        self._collections: dict[str, Collection] = {}

    async def open(
        self, collections: Iterable[Collection], journals: Iterable[Journal] = (), form: Form = FIRST_FORM
    ) -> None:
        self._collections = {collection.name: collection for collection in collections}
        try:
            # Opened again after an outage: one client finds its server by itself, a second would stay behind.
            self._client = self._client or _client(self._driver, self._address, self._options)
        except (ConfigurationError, ValueError) as error:
            # Without the error's text: it may quote the address, and the address may hold a password.
            what = type(error).__name__
            raise StoreAddressError(f"{self._place}: the address or an option in it cannot be used ({what})") from None
        with self._telling():
            await self._migrate(tuple(journals), form)

    async def close(self) -> None:
        client, self._client = self._client, None
        closing: object = client.close() if client is not None else None
        if isawaitable(closing):  # PyMongo's is awaited, Motor's is not
            await closing

    async def load(self, collection: str, ids: Sequence[str], *, what: What = "body") -> dict[str, Row]:
        documents = await self._read(collection, {"_id": {"$in": list(ids)}}, _WHAT[what])
        return {document["_id"]: _row(document) for document in documents}

    async def save(self, collection: str, rows: Sequence[Row]) -> set[str]:
        wanted = self._encoded(collection, rows)
        # A replace that finds no such version inserts instead, and the taken _id refuses that.
        details = await self._write(
            collection,
            [
                ReplaceOne({"_id": row.id, "version": row.version - 1}, document, upsert=True)
                for row, document in zip(rows, wanted, strict=True)
            ],
        )
        astray = [row for one in details["upserted"] if (row := rows[one["index"]]).version > 1]
        await self._take_back(collection, astray)
        refused = {rows[error["index"]].id: error for error in details["writeErrors"]}
        never = {id_: _short(error["errmsg"]) for id_, error in refused.items() if error["code"] in _OF_THE_DOCUMENT}
        if never:
            raise Unsaveable(collection, never)
        return set(refused) | {row.id for row in astray}

    async def clear(self, collection: str, rows: Sequence[Row]) -> None:
        wanted = self._encoded(collection, rows)
        await self._write(
            collection,
            [
                ReplaceOne({"_id": row.id, "version": row.version}, document)
                for row, document in zip(rows, wanted, strict=True)
            ],
        )

    async def empty(self, collection: str, versions: Mapping[str, int]) -> None:
        gone = {"$unset": {"outbox": "", "outbox_since": ""}}
        await self._write(
            collection, [UpdateOne({"_id": id_, "version": version}, gone) for id_, version in versions.items()]
        )

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
        query = _Query(self._collections[collection])
        query.equals(equal or {})
        query.compares("$lte", at_most)
        query.compares("$gte", at_least)
        sort = query.sort(order, descending=descending)
        if after is not None:
            query.continues(sort, after)
        documents = await self._read(collection, query.filter, _WHAT[what], sort, limit, offset)
        return [_row(document) for document in documents]

    async def count(
        self,
        collection: str,
        equal: Mapping[str, Scalar],
        *,
        at_most: tuple[str, Scalar] | None = None,
        at_least: tuple[str, Scalar] | None = None,
        most: int | None = None,
    ) -> int:
        query = _Query(self._collections[collection])
        query.equals(equal)
        query.compares("$lte", at_most)
        query.compares("$gte", at_least)
        bound: Json = {} if most is None else {"limit": most}
        with self._telling():
            return await self._database[collection].count_documents(query.filter, **bound)

    async def remove(self, collection: str, versions: Mapping[str, int]) -> int:
        out = {"outbox": {"$exists": False}}
        guarded = [DeleteOne({"_id": id_, "version": version, **out}) for id_, version in versions.items()]
        removed: int = (await self._write(collection, guarded))["nRemoved"]
        return removed

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
        query = _Query(self._collections[collection])
        query.equals(equal or {})
        query.compares("$gte", None if at_least is None else (order, at_least))
        steps = query.tally(field, order, most)
        with self._telling():
            cursor = self._database[collection].aggregate(steps)
            found: object = await cursor if isawaitable(cursor) else cursor  # PyMongo's is awaited, Motor's is not
            return {one["_id"]: one["count"] for one in await cast("Any", found).to_list(None)}

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
        self._collections[collection].check_versions(many, within, outside)
        query = {many: {"$in": list(values)}, **_ranges(within or {})}
        if outside is not None:
            query["$nor"] = [_ranges(outside)]
        documents = await self._read(collection, query, {"version": 1}, limit=limit)
        return {document["_id"]: document["version"] for document in documents}

    async def recall(self, keys: Iterable[tuple[str, str, str]]) -> list[InboxEntry]:
        asked = {_event(*key): key for key in keys}
        documents = await self._read("inbox", {"_id.event": {"$in": list(asked)}})
        found: list[InboxEntry] = []
        for one in documents:
            aggregate, source, id_ = asked[one["_id"]["event"]]
            kept = Outcome(source, id_, one["_id"]["attempt"], one["digest"], one["outcome"])
            found.append(InboxEntry(aggregate, kept))
        return found

    async def remember(self, entries: Sequence[InboxEntry]) -> None:
        await self._insert(
            "inbox",
            [
                {
                    "_id": {"event": _event(aggregate, kept.source, kept.id), "attempt": kept.attempt},
                    "digest": kept.digest,
                    "outcome": kept.outcome,
                }
                for aggregate, kept in entries
            ],
        )

    async def forget(self, aggregates: Sequence[str]) -> None:
        for aggregate in aggregates:
            with self._telling():
                await self._database["inbox"].update_many(
                    {"_id.event": _events_of(aggregate)}, {"$set": {"digest": ""}}
                )

    async def scrub(self) -> None:
        """MongoDB overwrites freed space by later writes; only commands to its server could hasten that."""

    async def append(self, journal: str, rows: Sequence[Written]) -> None:
        await self._insert(
            journal,
            [
                {"_id": {"owner": row.owner, "number": row.number}, "about": row.about, "body": row.body.decode()}
                for row in rows
            ],
        )

    async def read(self, journal: str, owner: str, *, after: int, limit: int) -> list[Written]:
        # A document as _id is compared field by field, so that the index on it answers in order.
        beyond, end = {"owner": owner, "number": after}, {"owner": owner, "number": MaxKey()}
        documents = await self._read(journal, {"_id": {"$gt": beyond, "$lt": end}}, None, [("_id", 1)], limit)
        return [_written(document) for document in documents]

    async def about(self, journal: str, owner: str, about: str, *, limit: int) -> list[Written]:
        documents = await self._read(journal, {"about": about, "_id.owner": owner}, None, [("_id", 1)], limit)
        return [_written(document) for document in documents]

    async def owners(self, journal: str, about: str) -> list[str]:
        with self._telling():
            return sorted(await self._database[journal].distinct("_id.owner", {"about": about}))

    async def blank(self, journal: str, owner: str, about: str, up_to: int, body: bytes) -> None:
        with self._telling():
            await self._database[journal].update_many(
                {"about": about, "_id.owner": owner, "_id.number": {"$lte": up_to}}, {"$set": {"body": body.decode()}}
            )

    async def cut(self, journal: str, owners: Sequence[str]) -> None:
        with self._telling():
            for owner in owners:
                first, end = {"owner": owner, "number": MinKey()}, {"owner": owner, "number": MaxKey()}
                await self._database[journal].delete_many({"_id": {"$gt": first, "$lt": end}})

    # --- calls to the driver

    @property
    def _database(self) -> _Database:
        if self._client is None:
            raise StoreUnavailable(f"{self._place} is not open")
        return self._client[self._name]

    async def _read(
        self,
        name: str,
        query: Json,
        what: Mapping[str, int] | None = None,
        sort: Sequence[tuple[str, int]] = (),
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Json]:
        if limit == 0:
            return []  # to MongoDB a limit of 0 is none
        with self._telling():
            cursor = self._database[name].find(query, what, batch_size=_IN_ONE_ANSWER, limit=limit or 0, skip=offset)
            return await (cursor.sort(list(sort)) if sort else cursor).to_list(None)

    async def _write(self, name: str, operations: Sequence[ReplaceOne[Any] | UpdateOne | DeleteOne]) -> Json:
        """One unordered bulk; its result, errors of single documents too."""
        if not operations:
            return {"writeErrors": [], "upserted": [], "nRemoved": 0}
        with self._telling():
            try:
                return (await self._database[name].bulk_write(operations, ordered=False)).bulk_api_result
            except BulkWriteError as error:
                known = {_DUPLICATE, *_OF_THE_DOCUMENT}
                if error.details["writeConcernErrors"] or _codes(error) - known:
                    raise
                return cast("Json", error.details)

    async def _insert(self, name: str, documents: Sequence[Json]) -> None:
        """Inserts; an existing document stays as it is."""
        if not documents:
            return
        with self._telling():
            try:
                await self._database[name].bulk_write([InsertOne(one) for one in documents], ordered=False)
            except BulkWriteError as error:
                if error.details["writeConcernErrors"] or _codes(error) != {_DUPLICATE}:
                    raise

    async def _take_back(self, name: str, rows: Sequence[Row]) -> None:
        """A replace found no document and inserted one: it was removed at this moment, or somebody emptied the database."""
        for row in rows:
            log.error(log_events.DOCUMENT_VANISHED, collection=name, id=row.id, version=row.version - 1)
            with self._telling():
                await self._database[name].delete_one({"_id": row.id, "version": row.version})

    def _encoded(self, name: str, rows: Sequence[Row]) -> list[RawBSONDocument]:
        """Encodes each by itself, before sending: one that no server can keep would fail the bulk with all others."""
        columns = _columns(self._collections[name])
        encoded: list[RawBSONDocument] = []
        never: dict[str, str] = {}
        for row in rows:
            try:
                encoded.append(_document(row, columns))
            except (BSONError, OverflowError, ValueError) as error:
                never[row.id] = _short(str(error))
        if never:
            raise Unsaveable(name, never)
        return encoded

    # --- the migration

    async def _migrate(self, journals: Sequence[Journal], form: Form) -> None:
        """Makes what is missing; a second run changes nothing. Forward only: nothing sets the version back."""
        meta = self._database["meta"]
        recorded = ((await meta.find_one({"_id": "schema"})) or {}).get("version", 0)
        if recorded > VERSION:
            raise StoreVersionError(
                f"{self._place} has version {recorded}, this program knows {VERSION}: run the newer program,"
                " or another database"
            )
        found = await self._form_found(form, is_new=not recorded)
        shapes = dict.fromkeys(self._collections, _AGGREGATE) | {one.name: _PAGE for one in journals}
        is_stand_in = not await self._make_collections(shapes | {"inbox": _OUTCOME})
        for collection in self._collections.values():
            # The guard of a replace: a stand-in searches all documents for it, and takes no index but a unique one.
            # MongoDB takes the index on _id.
            guard = [IndexModel([("_id", 1), ("version", 1)], name="guard", unique=True)] if is_stand_in else []
            await self._make_indexes(collection.name, [*_indexes(collection), *guard])
        for journal in journals:
            await self._make_indexes(journal.name, [IndexModel([("about", 1), ("_id", 1)], name="about")])
        await self._make_indexes("inbox", [IndexModel([("_id.event", 1)], name="event")])
        await self._bring_forward(form, found)
        await meta.update_one({"_id": "schema"}, {"$max": {"version": VERSION}}, upsert=True)

    async def _form_found(self, form: Form, *, is_new: bool) -> int:
        """The form of at least some of the documents."""
        kept = await self._database["meta"].find_one({"_id": "form"})
        at_most = int((kept or {}).get("number", form.number if is_new else OLDEST_FORM))
        found = int((kept or {}).get("before", at_most))
        for one in (at_most, found):
            form.check(self._place, one)
        return found

    async def _bring_forward(self, form: Form, found: int) -> None:
        """Migrates all documents, or all again after a break: `before` is there until the last of them is written."""
        meta, number = self._database["meta"], {"number": form.number}
        if form.migrate and found < form.number:
            await meta.update_one({"_id": "form"}, {"$set": {**number, "before": found}}, upsert=True)
            for name in self._collections:
                await self._migrate_documents(name, partial(form.migrate, name, found))
        await meta.update_one({"_id": "form"}, {"$set": number, "$unset": {"before": ""}}, upsert=True)

    async def _migrate_documents(self, name: str, migrate: Callable[[Row], Row]) -> None:
        last = ""
        while found := await self._read(name, {"_id": {"$gt": last}}, _WHAT["body"], [("_id", 1)], _A_PAGE):
            # Guarded by the version: a document that another instance saved meanwhile has the new form.
            await self.clear(name, [migrate(_row(document)) for document in found])
            last = found[-1]["_id"]

    async def _make_collections(self, shapes: Mapping[str, Json]) -> bool:
        """Makes each with its validator. False: the server knows no validators, which the log says."""
        for name in shapes.keys() - (await self._listed()).keys():
            await self._make(name, shapes[name])
        options = await self._listed()
        for name, shape in shapes.items():
            if options[name].get("validator") != shape:
                try:
                    await self._database.command("collMod", name, validator=shape)
                except OperationFailure as error:
                    if error.code != _NO_SUCH_COMMAND:
                        raise
                    log.warning(log_events.DOCUMENTS_UNCHECKED, database=self._name)
                    return False
        return True

    async def _make(self, name: str, shape: Json) -> None:
        try:
            await self._database.create_collection(name, check_exists=False, validator=shape)
        except OperationFailure as error:
            # Another instance of the service, which starts beside this one, may have made it at this moment.
            if error.code != _EXISTS:
                raise

    async def _listed(self) -> dict[str, Json]:
        """The options of each collection there is, by its name."""
        listed = await self._database.list_collections()
        return {one["name"]: one["options"] for one in await listed.to_list(None)}

    async def _make_indexes(self, name: str, indexes: Sequence[IndexModel]) -> None:
        if indexes:
            await self._database[name].create_indexes(indexes)

    # --- errors

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except BulkWriteError as error:
            # Not `from` the driver's error: it holds the documents, and the log has the traceback.
            errors = error.details["writeConcernErrors"] or error.details["writeErrors"]
            raise _fault(*(one.get("code") for one in errors))(
                f"{self._place}: {_short(errors[0]['errmsg'])}"
            ) from None
        except PyMongoError as error:
            code = error.code if isinstance(error, OperationFailure) else None
            raise _fault(code)(f"{self._place}: {self._why(error)}") from error

    @property
    def _place(self) -> str:
        hosts = self._address.partition("?")[0].rpartition("@")[2].rpartition("//")[2].partition("/")[0]
        return f"MongoDB at {hosts}, database {self._name}"

    def _why(self, error: PyMongoError) -> str:
        """One line."""
        if isinstance(error, OperationFailure):
            if error.code in _REFUSED:
                return f"it refuses the user {self._user or 'that the address names, if any'} (code {error.code})"
            return _short((error.details or {}).get("errmsg", ""))
        return _short(str(error))

    @property
    def _options(self) -> Json:
        # A service's user belongs to its database, and is known there alone.
        known = {"username": self._user, "password": self._password, "authSource": self._name} if self._user else {}
        return {**_OPTIONS, **known}


def _client(driver: Driver, address: str, options: Mapping[str, Any]) -> AsyncMongoClient[Json]:
    if driver == "pymongo":
        return AsyncMongoClient(address, **options)
    # Not at the top: once Motor is gone, these two lines are.
    from motor.motor_asyncio import AsyncIOMotorClient

    return cast("AsyncMongoClient[Json]", AsyncIOMotorClient(address, **options))


def _fault(*codes: int | None) -> type[StoreUnavailable]:
    return StoreUnavailable if _OF_THE_DISK.isdisjoint(codes) else WritesRefused


def _short(message: str) -> str:
    """The first line, without the drivers' account of all hosts and time limits."""
    line = re.split(r" \(configured timeouts|, Timeout:|, full error:|\n", message)[0]
    return line if len(line) <= 200 else f"{line[:200]}…"


def _codes(error: BulkWriteError) -> set[int]:
    return {one["code"] for one in error.details["writeErrors"]}


# --- documents


def _shape(**properties: Json) -> Json:
    """A validator: each of these fields is there, and of this type."""
    return {"$jsonSchema": {"bsonType": "object", "required": list(properties), "properties": properties}}


_TEXT: Final[Json] = {"bsonType": "string"}
_WHOLE: Final[Json] = {"bsonType": ["int", "long"]}
_AGGREGATE: Final = _shape(_id=_TEXT, version={**_WHOLE, "minimum": 1}, body=_TEXT)
_PAGE: Final = _shape(_id=_shape(owner=_TEXT, number=_WHOLE)["$jsonSchema"], about=_TEXT, body=_TEXT)
_OUTCOME: Final = _shape(_id=_shape(event=_TEXT, attempt=_WHOLE)["$jsonSchema"], digest=_TEXT, outcome=_TEXT)


def _document(row: Row, columns: Iterable[str]) -> RawBSONDocument:
    """Raises `ValueError` and the like where MongoDB cannot keep it."""
    fields = {name: value for name in columns if (value := row.fields.get(name)) is not None}
    beside = {name: text.decode() for name, text in (("outbox", row.outbox), ("brief", row.brief)) if text}
    document = {"_id": row.id, "version": row.version, "body": row.body.decode(), **beside, **fields}
    encoded = bson.encode(document)
    if len(encoded) > _MAX_BSON:
        raise ValueError(f"it would have {len(encoded)} bytes; MongoDB keeps {_MAX_BSON}")
    return RawBSONDocument(encoded)


_WHAT: Final[Mapping[What, Mapping[str, int]]] = {
    "body": {"version": 1, "body": 1, "outbox": 1},
    "brief": {"version": 1, "brief": 1},
}


def _row(document: Json) -> Row:
    body, brief, outbox = (document.get(name, "").encode() for name in ("body", "brief", "outbox"))
    return Row(document["_id"], document["version"], body, brief=brief, outbox=outbox)


def _written(document: Json) -> Written:
    known = document["_id"]
    return Written(known["owner"], known["number"], document["body"].encode(), document["about"])


def _event(aggregate: str, source: str, id_: str) -> str:
    """One string that no other three make."""
    return json.dumps([aggregate, source, id_], separators=(",", ":"))


def _events_of(aggregate: str) -> Json:
    """The beginning that `_event` gives every event of one aggregate, as a range of the index."""
    beginning = json.dumps([aggregate]).removesuffix("]")
    return {"$gte": f"{beginning},", "$lt": f"{beginning}{chr(ord(',') + 1)}"}


# --- declarations


def _columns(collection: Collection) -> list[str]:
    indexed = [field for index in collection.indexes for field in index.fields]
    columns = list(dict.fromkeys([*indexed, *collection.narrowing]))
    assert not _RESERVED & set(columns), f"{collection.name} declares a field that every document has"
    return columns


def _indexes(collection: Collection) -> list[IndexModel]:
    # The id at the end: documents come in order, ties too, without a sort.
    return [
        IndexModel([*((field, 1) for field in index.fields), ("_id", 1)], name=index.name)
        for index in collection.indexes
    ]


def _ranges(ranges: Mapping[str, Range]) -> Json:
    """A filter for documents whose narrowing fields all lie in their ranges."""
    found = {
        name: {sign: bound for sign, bound in zip(("$gte", "$lte"), range_, strict=True) if bound is not None}
        for name, range_ in ranges.items()
    }
    return {name: bounds for name, bounds in found.items() if bounds}


class _Query:
    """A filter over declared fields."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._many = {index.first for index in collection.indexes if index.many}
        self._declared = {*_columns(collection), "id"}
        self.filter: Json = {}

    def equals(self, equal: Mapping[str, Scalar | Sequence[str]]) -> None:
        for name, value in equal.items():
            values = list(value) if isinstance(value, list | tuple) else [value]
            assert name in self._many or len(values) == 1, f"{name} holds one value"
            field = self._field(name, may_be_many=True)
            self._clauses(field)["$in"] = [one for one in values if one is not None]

    def compares(self, sign: Literal["$lte", "$gte"], bound: tuple[str, Scalar] | None) -> None:
        if bound is None:
            return
        clauses = self._clauses(self._field(bound[0]))
        if bound[1] is None:
            clauses["$in"] = []  # no document compares with no value
        else:
            clauses[sign] = bound[1]

    def sort(self, order: str | None, *, descending: bool) -> list[tuple[str, int]]:
        sign = -1 if descending else 1
        return [*([(self._field(order), sign)] if order else []), ("_id", sign)]

    def continues(self, sort: Sequence[tuple[str, int]], after: tuple[Scalar, str]) -> None:
        """Only documents behind the one with this value of the sorted field, and this id."""
        (field, sign), (id_, _) = sort
        beyond = "$gt" if sign > 0 else "$lt"
        behind = [{field: {beyond: after[0]}}, {field: after[0], id_: {beyond: after[1]}}]
        # The bound besides, for the index: MongoDB would scan an alternative alone from its beginning.
        self.filter["$and"] = [{field: {f"{beyond}e": after[0]}}, {"$or": behind}]

    def tally(self, field: str, order: str, most: int) -> list[Json]:
        """The steps that count the values of a field among the last documents."""
        of, by = self._field(field), self._field(order)
        self.filter.setdefault(by, {}).setdefault("$ne", None)
        one = {"_id": f"${of}", "count": {"$sum": 1}}
        return [{"$match": self.filter}, {"$sort": {by: -1}}, {"$limit": most}, {"$group": one}]

    def _clauses(self, field: str) -> Json:
        clauses: Json = self.filter.setdefault(field, {})
        return clauses

    def _field(self, name: str, *, may_be_many: bool = False) -> str:
        if name not in self._declared or (name in self._many and not may_be_many):
            raise ValueError(f"{self._collection.name} declares no index with {name}")
        return "_id" if name == "id" else name
