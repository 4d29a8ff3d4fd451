"""What belongs to SQLite alone: its files, its indexes, a full disk."""

import asyncio
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from shared.store import (
    Collection,
    Index,
    StoreUnavailable,
    StoreVersionError,
    WritesRefused,
)
from shared.store.sqlite import SqliteStore
from tests.contract.shelf import DIARY, THINGS, bodies, found, row

pytestmark = pytest.mark.asyncio
REPOSITORY = Path(__file__).parents[2]


async def test_sqlite_refuses_a_file_of_a_newer_program(tmp_path: Path) -> None:
    path = tmp_path / "service.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    store = SqliteStore(path)
    with pytest.raises(StoreVersionError, match=r"service\.sqlite has version 99, this program knows 3"):
        await store.open([THINGS])
    await store.close()


async def test_sqlite_takes_a_new_index_on_an_old_file_and_keeps_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "service.sqlite"
    old = SqliteStore(path)
    await old.open([Collection("things", (Index(("at",)),))])
    await old.save("things", [row("a", 1, b"1", {"at": 1.0, "kind": "k", "tags": ["x"]})])
    await old.close()
    new = SqliteStore(path)
    await new.open([THINGS], [DIARY])
    assert await bodies(new, "a") == {"a": (1, b"1")}
    await new.save("things", [row("a", 2, b"2", {"at": 1.0, "kind": "k", "tags": ["x"]})])
    assert await found(new, equal={"kind": "k", "tags": "x"}) == ["a"]
    await new.close()


async def test_sqlite_opens_a_file_of_version_1_and_finds_what_it_lists(tmp_path: Path) -> None:
    """There, a side table held value and id alone."""
    path = tmp_path / "service.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("""
            CREATE TABLE things (id TEXT PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT NULL, brief BLOB NOT NULL,
                at, kind, price);
            CREATE TABLE things__tags (value TEXT, id TEXT, PRIMARY KEY (value, id)) WITHOUT ROWID;
            CREATE INDEX things__tags_id ON things__tags (id);
            INSERT INTO things VALUES ('a', 7, x'31', x'32', 1.0, 'k', 10), ('b', 1, x'31', x'32', 1.0, 'k', 90);
            INSERT INTO things__tags VALUES ('x', 'a'), ('y', 'a'), ('x', 'b');
            PRAGMA user_version = 1;
        """)
    for _ in range(2):
        store = SqliteStore(path)
        await store.open([THINGS])
        assert await store.versions("things", "tags", ["x", "y"], within={"price": (5, 20)}) == {"a": 7}
        assert await found(store, equal={"tags": "x"}) == ["a", "b"]
        await store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)


async def test_sqlite_says_that_it_is_unavailable_where_its_file_cannot_be_opened(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "no folder" / "service.sqlite")
    with pytest.raises(StoreUnavailable, match="no folder"):
        await store.open([THINGS])
    await store.close()


@pytest.mark.parametrize(
    ("question", "index"),
    [
        ("SELECT id FROM things WHERE things.at <= 1 ORDER BY things.at ASC, things.id", "things_at"),
        ("SELECT id FROM things WHERE things.kind = 'k' AND things.at >= 1", "things_kind_at"),
        (
            "SELECT things.id FROM things JOIN things__tags ON things__tags.id = things.id WHERE things__tags.value = 'x'",
            "PRIMARY KEY (value=?)",
        ),
        ("SELECT body FROM diary WHERE owner = 'o' AND number > 1 ORDER BY owner, number", "PRIMARY KEY (owner=?"),
        ("SELECT body FROM diary WHERE about = 'r'", "diary_about"),
        ("UPDATE inbox SET digest = '' WHERE aggregate = 'a'", "PRIMARY KEY (aggregate=?"),
        ("SELECT digest FROM inbox WHERE aggregate = 'a' AND source = 's' AND id = 'i'", "PRIMARY KEY (aggregate=?"),
    ],
)
async def test_sqlite_answers_by_an_index(tmp_path: Path, question: str, index: str) -> None:
    path = tmp_path / "service.sqlite"
    store = SqliteStore(path)
    await store.open([THINGS], [DIARY])
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        plan = " ".join(line[3] for line in connection.execute(f"EXPLAIN QUERY PLAN {question}"))
    assert index in plan
    assert "SCAN" not in plan


async def test_sqlite_asks_what_find_promises(tmp_path: Path) -> None:
    """The plans above are of statements written by hand; these are those that `find` really sends."""
    path = tmp_path / "service.sqlite"
    store = SqliteStore(path)
    await store.open([THINGS], [DIARY])
    sent: list[str] = []
    await store._reader.run(lambda connection: connection.set_trace_callback(sent.append))
    await found(store, at_most=("at", 1.0), order="at")
    await found(store, equal={"kind": "k"}, at_least=("at", 1.0))
    await found(store, equal={"tags": "x", "areas": "y"})
    await found(store, equal={"tags": ["x", "y"]})
    await store.count("things", {}, at_most=("at", 1.0), most=10)
    await store.versions("things", "tags", ["x", "y"], within={"price": (1, 2)}, outside={"price": (3, 4)})
    questions = [statement for statement in sent if statement.startswith("SELECT")]
    await store.close()
    assert len(questions) == 6
    assert "body" not in questions[-1]
    with closing(sqlite3.connect(path)) as connection:
        for question in questions:
            plan = " ".join(line[3] for line in connection.execute(f"EXPLAIN QUERY PLAN {question}"))
            assert "SCAN things" not in plan, f"{question}: {plan}"


async def test_sqlite_removes_by_an_index(tmp_path: Path) -> None:
    path = tmp_path / "service.sqlite"
    store = SqliteStore(path)
    await store.open([THINGS], [DIARY])
    sent: list[str] = []
    await store._writer.run(lambda connection: connection.set_trace_callback(sent.append))
    await store.remove("things", {"t1": 1, "t2": 1})
    await store.close()
    statements = [statement for statement in sent if statement.startswith(("SELECT", "DELETE"))]
    assert len(statements) == 4
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            plan = " ".join(line[3] for line in connection.execute(f"EXPLAIN QUERY PLAN {statement}"))
            assert "SCAN things" not in plan, f"{statement}: {plan}"
            assert "TEMP B-TREE" not in plan, f"{statement}: {plan}"


async def test_sqlite_that_finds_the_disk_full_is_unavailable_keeps_nothing_and_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    store = SqliteStore(tmp_path / "service.sqlite")
    await store.open([THINGS], [DIARY])
    await store.save("things", [row("a")])
    room = await store._writer.run(lambda connection: connection.execute("PRAGMA max_page_count").fetchone()[0])
    await store._writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchone())
    large = [row("b"), row("c", body=b"x" * 100_000)]
    with pytest.raises(WritesRefused, match="full"):
        await store.save("things", large)
    assert await bodies(store, "a", "b", "c") == {"a": (1, b"{}")}
    await store._writer.run(lambda connection: connection.execute(f"PRAGMA max_page_count = {room}").fetchone())
    assert await store.save("things", large) == set()
    assert (await bodies(store, "b", "c")).keys() == {"b", "c"}
    await store.close()


READS_IT = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(c.execute('SELECT count(*) FROM things').fetchone()[0]); c.close()"


async def test_who_reads_the_file_beside_the_service_takes_nothing_away_from_it(tmp_path: Path) -> None:
    """A process that closes a file loses its locks on it: the reader would be the last, and remove the log that is written."""
    path = tmp_path / "service.sqlite"
    store = SqliteStore(path)
    await store.open([THINGS])
    await store.save("things", [row("a", 1, b"1", {"at": 1.0, "kind": "k", "tags": ["x"]})])
    assert await found(store, equal={"kind": "k"}) == ["a"], "its second connection is open too"
    log = path.with_name("service.sqlite-wal").stat().st_ino
    reader = await asyncio.create_subprocess_exec(
        sys.executable, "-c", READS_IT, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert (await reader.communicate())[0] == b"1\n"
    assert path.with_name("service.sqlite-wal").stat().st_ino == log
    await store.close()


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from shared.store import Form
from shared.store.sqlite import SqliteStore
from tests.contract.shelf import THINGS, row

def killed_at_700(collection, found, one):
    if one.id == "0700":
        os.kill(os.getpid(), signal.SIGKILL)
    return row(one.id, one.version, b"new", {"kind": "new"})

asyncio.run(SqliteStore(Path(sys.argv[1])).open([THINGS], (), Form(3, killed_at_700)))
"""


async def test_a_file_whose_migration_is_killed_is_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "service.sqlite"
    store = SqliteStore(path)
    await store.open([THINGS])
    await store.save("things", [row(f"{number:04}", 1, b"old", {"kind": "old"}) for number in range(1_200)])
    await store.close()
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, str(path), cwd=REPOSITORY)
    assert await killed.wait() == -signal.SIGKILL
    store = SqliteStore(path)
    await store.open([THINGS])
    assert await store.count("things", {"kind": "old"}) == 1_200
    assert await store.count("things", {"kind": "new"}) == 0
    await store.close()
