"""A run's folder of an older program: copied beside, brought forward, and the same after a kill at any place."""

import asyncio
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from deploy.local import state, upgrade
from deploy.local.copies import copy_folder
from deploy.local.state import Folder, FolderError, open_folder
from services.referral.handlers import table
from services.referral.model import Referral
from shared.engine.documents import decoder_of, read
from shared.engine.model import Document, OutEvent
from shared.process.migrations import FORM, form_of
from shared.store.sqlite import SqliteStore, version_of
from tests.unit.facts import START, a_referral
from tests.unit.network import CODE, DURATIONS

TABLE = table(DURATIONS)
REFERRALS = next(kind for kind in TABLE.kinds if kind.collection.name == "referrals")
ID = a_referral("kept")
OUT = OutEvent("referral.events", ID, {"id": "1"}, msgspec.Raw(b"{}"))
KEPT = Document(Referral(ID, CODE, first_issued_at=START), outbox=[OUT], outbox_since=5.0)


def of_before(path: Path) -> Folder:
    """A folder of a program whose SQLite files had version 2: an outbox lay in the body."""
    folder = open_folder(path)
    folder.keys.write_text("{}")
    folder.run.write_text("{}")
    folder.log("referral").write_text("it ran")
    with closing(sqlite3.connect(path / "referral.sqlite")) as connection:
        connection.executescript("""
            CREATE TABLE referrals (id TEXT PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT NULL, brief BLOB NOT NULL,
                outbox_since, due_at);
            PRAGMA user_version = 2;
        """)
        connection.execute("INSERT INTO referrals VALUES (?, 3, ?, x'', 5.0, NULL)", [ID, msgspec.json.encode(KEPT)])
        connection.commit()
    return folder


def contents(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


async def bring_forward(folder: Folder) -> Document[Referral]:
    store = SqliteStore(folder.path / "referral.sqlite")
    await store.open([REFERRALS.stored], (), form_of(TABLE, START, may_migrate=True))
    row = (await store.load("referrals", [ID]))[ID]
    await store.close()
    return read(row, decoder_of(REFERRALS))


def test_what_an_older_program_kept_goes_on_and_lies_beside_as_it_was(tmp_path: Path) -> None:
    folder, said = of_before(tmp_path / "lahete"), list[str]()
    before = contents(folder.path)
    assert upgrade.begin(folder, said.append)
    copy = tmp_path / "lahete.before-1"
    assert str(copy) in said[0]
    assert contents(copy) == {name: before[name] for name in ("version", "keys.json", "referral.sqlite")}
    assert copy.stat().st_mode & 0o077 == 0
    assert asyncio.run(bring_forward(folder)) == KEPT
    upgrade.end(folder)
    assert version_of(folder.path / "referral.sqlite") == 3
    assert not upgrade.begin(folder, said.append)
    assert len(said) == 1


def test_what_is_of_this_program_is_neither_copied_nor_touched(tmp_path: Path) -> None:
    folder = of_before(tmp_path / "lahete")
    asyncio.run(bring_forward(folder))
    before = contents(folder.path)
    assert not upgrade.begin(folder, pytest.fail)
    assert contents(folder.path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["lahete"]


def test_with_a_further_step_the_folder_is_of_the_newer_form_and_an_older_program_refuses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = open_folder(tmp_path / "lahete")
    with monkeypatch.context() as newer:
        newer.setattr(state, "FORM", FORM + 1)
        newer.setattr(upgrade, "FORM", FORM + 1)
        assert upgrade.begin(folder, lambda _: None)
    with pytest.raises(FolderError, match=rf"form '{FORM + 1}', this program takes 2 to {FORM}; .*go back to the copy"):
        open_folder(folder.path)
    assert open_folder(tmp_path / "lahete.before-1").version.read_text() == f"{FORM}\n", "that is the way back"


def test_one_that_was_killed_in_the_middle_goes_on_with_the_copy_that_is_there(tmp_path: Path) -> None:
    folder = of_before(tmp_path / "lahete")
    upgrade.begin(folder, lambda _: None)
    copied = contents(tmp_path / "lahete.before-1")
    asyncio.run(bring_forward(folder))  # and the run is killed before another service has done the same
    said: list[str] = []
    assert upgrade.begin(folder, said.append)
    assert "lahete.before-1" in said[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lahete", "lahete.before-1"]
    assert contents(tmp_path / "lahete.before-1") == copied
    upgrade.end(folder)
    assert not upgrade.begin(folder, said.append)


def test_a_copy_that_was_broken_off_is_made_anew_and_an_older_copy_is_kept(tmp_path: Path) -> None:
    folder = of_before(tmp_path / "lahete")
    (tmp_path / "lahete.before-1").mkdir()
    (tmp_path / ".lahete.before-2.part").mkdir()
    (tmp_path / ".lahete.before-2.part" / "half").touch()
    upgrade.begin(folder, lambda _: None)
    assert contents(tmp_path / "lahete.before-2").keys() == {"version", "keys.json", "referral.sqlite"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lahete", "lahete.before-1", "lahete.before-2"]


def test_what_cannot_be_copied_is_not_touched(tmp_path: Path) -> None:
    folder = of_before(tmp_path / "lahete")
    os.mkfifo(folder.path / "pipe")
    before = folder.version.read_text()
    with pytest.raises(FolderError, match=r"lahete cannot be copied to .*before-1: .*named pipe"):
        upgrade.begin(folder, lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == ["lahete"]
    assert (folder.version.read_text(), folder.upgrade.exists()) == (before, False)


def test_nothing_is_copied_over_what_is_there(tmp_path: Path) -> None:
    folder = of_before(tmp_path / "lahete")
    for place in (folder.path / "within", tmp_path):
        with pytest.raises(FolderError, match=r"name a place (outside|where nothing is)"):
            copy_folder(folder, place)
    assert [path.name for path in tmp_path.iterdir()] == ["lahete"]


def test_a_file_that_is_no_database_stops_it_in_one_line(tmp_path: Path) -> None:
    folder = open_folder(tmp_path / "lahete")
    (folder.path / "referral.sqlite").write_text("x" * 4_096)
    with pytest.raises(FolderError, match=r"referral\.sqlite: file is not a database"):
        upgrade.begin(folder, lambda _: None)
    assert json.dumps([path.name for path in tmp_path.iterdir()]) == '["lahete"]'
