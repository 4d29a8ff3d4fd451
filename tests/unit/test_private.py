"""Files and folders for their owner alone, whatever the umask."""

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.embedded_broker.control import start_broker
from deploy.java import servers
from deploy.local.key_changes import keep, one_editor
from deploy.local.state import FolderError, Run, claim, grant, open_folder, write_run
from shared.private import is_private, make_private_folder, open_private, tighten, write_private
from shared.store.interface import Collection, Row, StoreUnavailable
from shared.store.sqlite import SqliteStore

UMASKS = pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277])


@contextmanager
def masked(umask: int) -> Iterator[None]:
    before = os.umask(umask)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def modes(folder: Path) -> dict[str, int]:
    """Of the folder and of all that is in it."""
    return {str(path.relative_to(folder)): mode(path) for path in (folder, *folder.rglob("*"))}


def all_are_private(folder: Path) -> bool:
    return all(is_private(path) for path in (folder, *folder.rglob("*")))


@UMASKS
def test_what_is_made_is_its_owners_alone(tmp_path: Path, umask: int) -> None:
    with masked(umask):
        make_private_folder(tmp_path / "a")
        write_private(tmp_path / "a" / "written", "x")
        open_private(tmp_path / "a" / "opened", "ab").close()
    assert modes(tmp_path / "a") == {".": 0o700, "written": 0o600, "opened": 0o600}


def test_a_looser_file_is_closed_when_it_is_opened(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    log.chmod(0o644)
    with open_private(log, "a") as opened:
        opened.write("after\n")
    assert (mode(log), log.read_text()) == (0o600, "before\nafter\n")


def test_what_others_could_do_is_taken_from_them_and_what_the_owner_could_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "of a run"
    (folder / "deep" / "er").mkdir(parents=True)
    for name, was in (("file", 0o664), ("deep/program", 0o755), ("deep/er/read-only", 0o444)):
        (folder / name).touch()
        (folder / name).chmod(was)
    for place in (folder, folder / "deep", folder / "deep" / "er"):
        place.chmod(0o777)
    tighten(folder)
    assert modes(folder) == {
        ".": 0o700,
        "file": 0o600,
        "deep": 0o700,
        "deep/program": 0o700,
        "deep/er": 0o700,
        "deep/er/read-only": 0o400,
    }


def test_a_link_leads_nobody_to_close_what_stands_elsewhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "below").mkdir(parents=True)
    (elsewhere / "file").touch()
    for path in (elsewhere, elsewhere / "below", elsewhere / "file"):
        path.chmod(0o755)
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "folder").symlink_to(elsewhere)
    (tmp_path / "ours" / "file").symlink_to(elsewhere / "file")
    (tmp_path / "ours" / "nowhere").symlink_to(tmp_path / "nowhere")
    tighten(tmp_path / "ours")
    assert set(modes(elsewhere).values()) == {0o755}


# --- the folder of a run


@UMASKS
def test_what_a_run_and_the_verbs_keep_is_their_owners_alone(tmp_path: Path, umask: int) -> None:
    with masked(umask):
        folder = open_folder(tmp_path / "lahete")
        with claim(folder), one_editor(folder):
            keep(folder, "/region/06", "added")
            grant(folder, "/region/06")
            write_run(folder, Run("127.0.0.1:1", "", {}, {}, {}))
        with start_broker(folder.path, {"intake.http": 1}):
            found = modes(folder.path)
            assert {"broker.json", "broker.log", "lock", "keys.lock", "logs", "version", "run.json"} <= found.keys()
            assert all_are_private(folder.path), found


def test_a_folder_of_ours_that_is_open_to_others_is_closed(tmp_path: Path) -> None:
    open_folder(tmp_path / "lahete").path.chmod(0o755)
    assert mode(open_folder(tmp_path / "lahete").path) == 0o700


def test_a_folder_that_is_open_and_holds_other_things_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "letter").touch()
    home.chmod(0o755)
    with pytest.raises(FolderError, match=r"home is open to others and holds other things than a run's; name one with"):
        open_folder(home)
    assert mode(home) == 0o755
    assert [path.name for path in home.iterdir()] == ["letter"]


@UMASKS
def test_a_server_in_java_is_started_with_a_folder_and_a_log_of_its_owners_alone(
    tmp_path: Path, umask: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that writes as it likes, in Java's place: its umask is what counts."""
    writes = "import os; open('data', 'w').close(); os.mkdir('topic')"
    monkeypatch.setattr(servers, "_java", lambda *_: [sys.executable, "-c", writes])
    with masked(umask):
        server = servers.MongoServer(tmp_path / "mongodb")
        server.start()
        with pytest.raises(servers.ServerFailed):
            server.wait_until_ready()
        server.stop()
    assert {"data", "topic", "mongodb.log", "ports.json"} <= modes(tmp_path / "mongodb").keys()
    assert all_are_private(tmp_path / "mongodb")


# --- SQLite


@UMASKS
def test_a_file_of_sqlite_and_what_stands_beside_it_are_their_owners_alone(tmp_path: Path, umask: int) -> None:
    with masked(umask):
        asyncio.run(_kept(tmp_path / "referral.sqlite"))


def test_one_that_was_open_to_others_is_closed_with_what_a_killed_process_left_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "referral.sqlite"
    subprocess.run([sys.executable, "-c", _KILLED, str(file)], check=False)
    beside = [file, file.with_name("referral.sqlite-wal"), file.with_name("referral.sqlite-shm")]
    for one in beside:
        one.chmod(0o666)
    asyncio.run(_kept(file))


_KILLED = """
import os, sqlite3, sys
one = sqlite3.connect(sys.argv[1])
one.execute("PRAGMA journal_mode = WAL")
one.execute("CREATE TABLE x (y)")
os._exit(1)
"""


async def _kept(file: Path) -> None:
    store = SqliteStore(file)
    await store.open([Collection("things")])
    await store.save("things", [Row("1", 1, b"{}")])
    found = {path.name: mode(path) for path in file.parent.iterdir()}
    assert found == {f"referral.sqlite{beside}": 0o600 for beside in ("", "-wal", "-shm")}
    await store.close()


def test_a_file_that_cannot_be_made_is_a_store_that_is_away(tmp_path: Path) -> None:
    async def opened() -> None:
        store = SqliteStore(tmp_path / "nowhere" / "referral.sqlite")
        try:
            await store.open([])
        finally:
            await store.close()

    with pytest.raises(StoreUnavailable, match=r"referral\.sqlite: "):
        asyncio.run(opened())
