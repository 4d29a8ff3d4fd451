"""`lahete key` and the files it edits; what a first run makes."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from deploy.demo.register import load_opistos
from deploy.embedded.key_changes import pending_changes, record_of
from deploy.embedded.keys import MONITOR, add_key, check_holder, make_keys, read_keys, revoke_keys
from deploy.embedded.state import Folder, open_folder
from shared.contracts.envelope import check_class, decode, read_kafka
from shared.contracts.from_services import AccessRecorded
from shared.http.keys import Keyring, hash_of


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return open_folder(tmp_path / "lahete")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_first_run_makes_keys_for_the_regions_the_opistos_and_the_first_people(folder: Folder) -> None:
    make_keys(folder)
    keys = json.loads(folder.keys.read_text())
    opistos, _ = load_opistos()
    regions = [holder for holder in keys if holder.startswith("/region/")]
    assert len(regions) == 22
    assert "/region/91" not in keys
    assert {f"/opisto/{opisto.id}" for opisto in opistos} < keys.keys()
    assert len(keys) == 22 + len(opistos) + len(["ops:first", "reader:first"])
    assert len(set(keys.values())) == len(keys)
    assert mode(folder.keys) == mode(folder.hashes) == mode(folder.service_key) == 0o600


def test_the_services_know_every_key_and_no_plain_text_of_it(folder: Folder) -> None:
    make_keys(folder)
    keyring, hashes = Keyring(folder.hashes), folder.hashes.read_text()
    for holder, key in read_keys(folder).items():
        assert keyring.holder(key) == holder
        assert key not in hashes
    assert keyring.holder(folder.service_key.read_text()) == MONITOR
    assert MONITOR not in read_keys(folder)


def test_a_later_run_keeps_the_keys(folder: Folder) -> None:
    make_keys(folder)
    added = add_key(folder, "ops:anna")
    files = (folder.keys, folder.hashes, folder.service_key)
    before = [file.read_text() for file in files]
    make_keys(folder)
    assert [file.read_text() for file in files] == before
    assert Keyring(folder.hashes).holder(added) == "ops:anna"


def test_keys_that_were_copied_to_a_new_folder_go_on(folder: Folder, tmp_path: Path) -> None:
    make_keys(folder)
    other = open_folder(tmp_path / "other")
    other.keys.write_bytes(folder.keys.read_bytes())
    make_keys(other)
    assert Keyring(other.hashes).holder(read_keys(folder)["/region/06"]) == "/region/06"


def test_lost_hashes_are_made_again_from_the_keys(folder: Folder) -> None:
    make_keys(folder)
    folder.hashes.unlink()
    make_keys(folder)
    key = read_keys(folder)["/region/06"]
    assert Keyring(folder.hashes).holder(key) == "/region/06"
    assert Keyring(folder.hashes).holder(folder.service_key.read_text()) == MONITOR


def test_a_new_key_leaves_the_old_one_until_both_are_revoked(folder: Folder) -> None:
    old, new = add_key(folder, "/opisto/1.2.3"), add_key(folder, "/opisto/1.2.3")
    keyring = Keyring(folder.hashes)
    assert keyring.holder(old) == keyring.holder(new) == "/opisto/1.2.3"
    assert read_keys(folder) == {"/opisto/1.2.3": new}
    assert revoke_keys(folder, "/opisto/1.2.3") == 2
    assert keyring.holder(old) is keyring.holder(new) is None
    assert read_keys(folder) == {}


def test_what_changed_waits_to_be_told_without_the_key_or_its_hash(folder: Folder) -> None:
    key = add_key(folder, "/region/06")
    add_key(folder, "ops:anna")
    revoke_keys(folder, "/region/06")
    revoke_keys(folder, "/region/08")  # has none: nothing changes
    pending = pending_changes(folder)
    assert [(one.holder, one.change) for one in pending] == [
        ("/region/06", "added"),
        ("ops:anna", "added"),
        ("/region/06", "revoked"),
    ]
    assert all(one.who.startswith("shell:") for one in pending)
    kept = folder.key_changes.read_text()
    assert key not in kept
    assert hash_of(key) not in kept
    assert mode(folder.key_changes) == 0o600


def test_a_change_is_told_as_an_access_whose_id_stays_the_same(folder: Folder) -> None:
    add_key(folder, "/region/06")
    (change,) = pending_changes(folder)
    record = record_of(change)
    assert record == record_of(change)
    assert (record.topic, record.key) == ("audit.events", b"/region/06")
    event = decode(read_kafka(record.value, record.headers), now=change.time)
    check_class(event)
    assert event.data == AccessRecorded(
        who=change.who, action="key", what="/region/06", ground="command line", allowed=True, change="added"
    )


@pytest.mark.parametrize("holder", ["/region/06", "/opisto/1.2.246.562.10.1", "ops:anna", "reader:a.b-c_1"])
def test_who_may_hold_a_key(holder: str) -> None:
    check_holder(holder)


@pytest.mark.parametrize(
    "holder",
    [
        *("/region/91", "/region/99", "/region/6", "/opisto/", "/opisto/Ä", "/service/monitor", "service:monitor"),
        *("ops:", "ops:Anna", "ops:a b", "admin:a", "", "06", "/region/06\n", "/opisto/" + "a" * 61),
    ],
)
def test_who_may_not(holder: str) -> None:
    with pytest.raises(ValueError, match="cannot hold a key"):
        check_holder(holder)


def test_add_prints_the_key_once_and_list_never(tmp_path: Path) -> None:
    at = ["--dir", str(tmp_path / "d")]
    added = CliRunner().invoke(app, ["key", "add", "ops:anna", *at])
    assert added.exit_code == 0
    key = added.stdout.strip()
    assert read_keys(Folder(tmp_path / "d")) == {"ops:anna": key}
    listed = CliRunner().invoke(app, ["key", "list", "--json", *at])
    assert json.loads(listed.stdout) == [{"holder": "ops:anna", "keys": 1}]
    plain = CliRunner().invoke(app, ["key", "list", *at])
    assert plain.stdout == "holder\tkeys\nops:anna\t1\n"
    assert CliRunner().invoke(app, ["key", "revoke", "ops:anna", *at]).exit_code == 0
    assert json.loads(CliRunner().invoke(app, ["key", "list", "--json", *at]).stdout) == []


def test_a_holder_that_cannot_be_is_wrong_use(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["key", "add", "/region/91", "--dir", str(tmp_path / "d")])
    assert result.exit_code == 2
    assert "cannot hold a key" in result.output
    assert not (tmp_path / "d").exists() or not (tmp_path / "d" / "keys.json").exists()
