"""What an erasure takes away leaves SQLite's file and its log too: pages that are free are overwritten, the log is emptied."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from shared.store import Row, StoreUnavailable, sqlite
from shared.store.sqlite import SqliteStore
from tests.contract.shelf import DIARY, THINGS, page

SECRET = b"unit-77"
pytestmark = pytest.mark.asyncio


async def opened(folder: Path) -> SqliteStore:
    store = SqliteStore(folder / "service.sqlite")
    await store.open([THINGS], [DIARY])
    return store


def holding(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if SECRET in file.read_bytes())


def long(text: bytes) -> bytes:
    return b'{"said": "' + text * 3_000 + b'"}'


async def test_what_was_replaced_blanked_or_let_out_is_in_no_file_after_a_scrub(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    for id_, body in (("short", b'{"said": "unit-77"}'), ("long", long(SECRET))):
        await store.save("things", [Row(id_, 1, body, {"tags": ["unit-77"]}, SECRET, long(SECRET))])
    await store.append("diary", [page(1, SECRET), page(2, long(SECRET))])
    assert holding(tmp_path) == ["service.sqlite-wal"]
    await store.scrub()
    assert holding(tmp_path) == ["service.sqlite"]
    await store.save("things", [Row(id_, 2, b"{}", {}, b"") for id_ in ("short", "long")])
    await store.blank("diary", "06", "r1", 2, b"{}")
    assert holding(tmp_path), "the file and its log still hold it"
    await store.scrub()
    assert holding(tmp_path) == []
    assert (tmp_path / "service.sqlite-wal").stat().st_size == 0
    await store.close()


async def test_after_a_crash_the_next_start_empties_the_log(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    await store.save("things", [Row("a", 1, long(SECRET), {}, b"")])
    await store.save("things", [Row("a", 2, b"{}", {}, b"")])
    assert holding(tmp_path) == ["service.sqlite-wal"]
    again = tmp_path / "again"
    shutil.copytree(tmp_path, again)
    await store.close()
    store = await opened(again)
    assert holding(again) == []
    await store.close()


async def test_a_log_that_another_reads_is_not_said_to_be_empty(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    await store.save("things", [Row("a", 1, b"{}", {}, b"")])
    with closing(sqlite3.connect(tmp_path / "service.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM things").fetchall()
        await store.save("things", [Row("a", 2, b"{}", {}, b"")])
        with pytest.raises(StoreUnavailable, match="another process reads it"):
            await store.scrub()
    await store.scrub()
    await store.close()


async def test_a_scrub_that_fails_leaves_a_write_the_time_that_it_has_to_wait_for_a_lock(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    await store.close()
    with closing(sqlite3.connect(tmp_path / "service.sqlite", timeout=10, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            sqlite._scrub(connection)
        assert connection.execute("PRAGMA busy_timeout").fetchone() == (10_000,)
