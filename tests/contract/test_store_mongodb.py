"""What belongs to MongoDB alone, by either driver: its databases, its logins, an outage."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pymongo
import pytest
import pytest_asyncio
from pymongo.errors import AutoReconnect, BulkWriteError, OperationFailure, PyMongoError, WriteError
from pymongo.uri_parser import parse_uri

from shared.store import (
    Collection,
    Index,
    StoreAddressError,
    StoreUnavailable,
    StoreVersionError,
    Unsaveable,
    WritesRefused,
)
from shared.store.mongo import Driver, MongoStore
from tests.backends import address_of, database_of, drop_store, mongodb
from tests.contract.shelf import DIARY, THINGS, bodies, found, outcome, page, row
from tests.proxy import Proxy

pytestmark = pytest.mark.asyncio

Server = pymongo.MongoClient[dict[str, object]]
Maker = Callable[..., MongoStore]


@pytest_asyncio.fixture(params=["motor", "pymongo"])
async def mongo(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Maker]:
    """Makes stores of one database, not opened yet."""
    made: list[MongoStore] = []

    def one_more(address: str = "", user: str = "", password: str = "") -> MongoStore:
        driver: Driver = request.param
        where = address or address_of(mongodb())
        made.append(MongoStore(where, database_of(tmp_path), user=user, password=password, driver=driver))
        return made[-1]

    yield one_more
    for store in made:
        await store.close()
    drop_store("mongodb", tmp_path)


@pytest.fixture
def server() -> Iterator[Server]:
    with pymongo.MongoClient[dict[str, object]](address_of(mongodb())) as client:
        yield client


def checks_documents(server: Server) -> bool:
    """The stand-in in Java does not, and tells no revision of its source either."""
    return "gitVersion" in server.admin.command("buildInfo")


async def test_mongodb_refuses_a_database_of_a_newer_program(mongo: Maker, server: Server, tmp_path: Path) -> None:
    database = server[database_of(tmp_path)]
    database["meta"].insert_one({"_id": "schema", "version": 99})
    with pytest.raises(StoreVersionError, match=rf"database {database.name} has version 99, this program knows 2"):
        await mongo().open([THINGS])
    assert database.list_collection_names() == ["meta"], "nothing is touched"
    assert database["meta"].find_one() == {"_id": "schema", "version": 99}


async def test_mongodb_is_migrated_as_often_as_one_likes(mongo: Maker, server: Server, tmp_path: Path) -> None:
    """At once too, since every instance of a service does it at its start; the stand-in breaks where two make one thing."""
    database = server[database_of(tmp_path)]

    def seen() -> object:
        options = {str(one["name"]): one["options"] for one in database.list_collections()}
        return options, {name: database[name].index_information() for name in options}, database["meta"].find_one()

    first = [mongo() for _ in range(4)]
    if checks_documents(server):
        await asyncio.gather(*(store.open([THINGS], [DIARY]) for store in first))
    else:
        await first[0].open([THINGS], [DIARY])
    once = seen()
    await mongo().open([THINGS], [DIARY])
    assert seen() == once
    assert database["meta"].find_one({"_id": "schema"}) == {"_id": "schema", "version": 2}


async def test_mongodb_takes_a_new_index_on_an_old_database_and_keeps_what_is_there(mongo: Maker) -> None:
    old, new = mongo(), mongo()
    await old.open([Collection("things", (Index(("at",)),))])
    await old.save("things", [row("a", 1, b"1", {"at": 1.0, "kind": "k", "tags": ["x"]})])
    await new.open([THINGS], [DIARY])
    assert await bodies(new, "a") == {"a": (1, b"1")}
    await new.save("things", [row("a", 2, b"2", {"at": 1.0, "kind": "k", "tags": ["x"]})])
    assert await found(new, equal={"kind": "k", "tags": "x"}) == ["a"]


async def test_mongodb_has_an_index_for_every_question(mongo: Maker, server: Server, tmp_path: Path) -> None:
    await mongo().open([THINGS], [DIARY])
    database = server[database_of(tmp_path)]

    def keys(name: str) -> set[tuple[str, ...]]:
        indexes = database[name].index_information().values()
        return {tuple(field for field, _ in index["key"]) for index in indexes} - {("_id", "version")}

    assert keys("things") == {
        ("_id",),
        ("at", "_id"),
        ("kind", "at", "_id"),
        ("tags", "_id"),
        ("areas", "price", "_id"),
    }
    assert keys("diary") == {("_id",), ("about", "_id")}
    assert keys("inbox") == {("_id",), ("_id.event",)}


async def test_a_person_can_read_what_mongodb_keeps(mongo: Maker, server: Server, tmp_path: Path) -> None:
    store = mongo()
    await store.open([THINGS])
    await store.save("things", [row("a", 1, b'{"n":1}', {"at": 1.0, "tags": ["x"], "kind": None, "other": 1}, b"{}")])
    kept = {"_id": "a", "version": 1, "body": '{"n":1}', "brief": "{}", "at": 1.0, "tags": ["x"]}
    assert server[database_of(tmp_path)]["things"].find_one() == kept


async def test_mongodb_checks_what_anyone_writes(mongo: Maker, server: Server, tmp_path: Path) -> None:
    if not checks_documents(server):
        pytest.skip("the stand-in for MongoDB has no validators; LAHETE_TEST_MONGODB names no other server")
    await mongo().open([THINGS], [DIARY])
    database = server[database_of(tmp_path)]
    for name, document in (("things", {"_id": "a", "version": 0, "body": "{}"}), ("diary", {}), ("inbox", {})):
        with pytest.raises(WriteError):
            database[name].insert_one(document)


async def test_a_document_too_large_for_mongodb_is_named_before_anything_is_sent(mongo: Maker) -> None:
    store = mongo()
    await store.open([THINGS])
    body = b'"' + b"x" * 16 * 1024 * 1024 + b'"'
    with pytest.raises(Unsaveable, match="things b: it would have 16777"):
        await store.save("things", [row("a"), row("b", 1, body)])
    assert await store.load("things", ["a", "b"]) == {}


async def test_what_was_lost_with_its_database_is_not_half_brought_back(
    mongo: Maker, server: Server, tmp_path: Path
) -> None:
    store = mongo()
    await store.open([THINGS])
    await store.save("things", [row("a"), row("b")])
    server[database_of(tmp_path)]["things"].delete_one({"_id": "a"})
    assert await store.save("things", [row("a", 2, b"2"), row("b", 2, b"2")]) == {"a"}
    assert await bodies(store, "a", "b") == {"b": (2, b"2")}


async def test_mongodb_is_unavailable_within_seconds_where_nothing_listens(mongo: Maker, tmp_path: Path) -> None:
    store = mongo("mongodb://127.0.0.1:1/?appName=a@b", "referral", "do-not-tell")
    start = time.monotonic()
    with pytest.raises(StoreUnavailable) as refused:
        await store.open([THINGS])
    assert time.monotonic() - start < 6
    assert str(refused.value).startswith(f"MongoDB at 127.0.0.1:1, database {database_of(tmp_path)}: 127.0.0.1:1: ")
    assert "\n" not in str(refused.value)
    assert "do-not-tell" not in str(refused.value)


@pytest.mark.parametrize(
    "address", ["mongodb://me:do-not-tell@127.0.0.1:27017:x/", "me:do-not-tell@127.0.0.1", "mongodb://"]
)
async def test_an_address_that_is_none_is_said_without_what_it_holds(mongo: Maker, address: str) -> None:
    with pytest.raises(StoreAddressError, match="cannot be used") as refused:
        await mongo(address).open([THINGS])
    assert "do-not-tell" not in str(refused.value)


async def test_a_login_that_is_refused_is_said_without_the_password(mongo: Maker) -> None:
    """The stand-in knows no users: it refuses each."""
    with pytest.raises(StoreUnavailable, match=r"refuses the user referral|no such command: 'saslStart'") as refused:
        await mongo(user="referral", password="do-not-tell").open([THINGS])
    assert "do-not-tell" not in str(refused.value)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (OperationFailure("no space left", 14031), WritesRefused),
        (OperationFailure("user writes are blocked", 371), WritesRefused),
        (OperationFailure("interrupted", 11601), StoreUnavailable),
        (BulkWriteError({"writeConcernErrors": [], "writeErrors": [{"code": 14031, "errmsg": "full"}]}), WritesRefused),
        (BulkWriteError({"writeConcernErrors": [{"code": 64, "errmsg": "wait"}]}), StoreUnavailable),
        (AutoReconnect("gone"), StoreUnavailable),
    ],
)
async def test_a_server_that_takes_no_writes_is_told_from_one_that_does_not_answer(
    error: PyMongoError, fault: type[StoreUnavailable]
) -> None:
    with pytest.raises(StoreUnavailable) as told, MongoStore("mongodb://127.0.0.1:1/", "lahete_referral")._telling():
        raise error
    assert type(told.value) is fault


async def test_after_an_outage_mongodb_is_used_again(mongo: Maker) -> None:
    [(host, port)] = parse_uri(address_of(mongodb()))["nodelist"][:1]
    if "@" in address_of(mongodb()):
        pytest.skip("LAHETE_TEST_MONGODB asks for a login, which this test's proxy does not carry")
    with Proxy(f"{host}:{port or 27017}") as proxy:
        store = mongo(f"mongodb://{proxy.address}/?directConnection=true")
        await store.open([THINGS], [DIARY])
        await store.save("things", [row("a", 1, b"1")])
        proxy.cut()
        asked: list[Callable[[], Awaitable[object]]] = [
            lambda: store.load("things", ["a"]),
            lambda: store.save("things", [row("a", 2, b"2")]),
            lambda: store.clear("things", [row("a", 1, b"2")]),
            lambda: store.empty("things", {"a": 1}),
            lambda: store.find("things", limit=1),
            lambda: store.versions("things", "tags", ["x"]),
            lambda: store.recall([("a", "s", "i")]),
            lambda: store.remember([outcome()]),
            lambda: store.append("diary", [page(1)]),
            lambda: store.read("diary", "06", after=0, limit=1),
            lambda: store.about("diary", "01", "r1", limit=1),
            lambda: store.blank("diary", "06", "r1", 1, b"blank"),
        ]
        answers = await asyncio.gather(*(ask() for ask in asked), return_exceptions=True)
        assert {type(one) for one in answers} == {StoreUnavailable}
        proxy.mend()
        assert await bodies(store, "a") == {"a": (1, b"1")}
