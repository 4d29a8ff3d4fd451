"""`lahete key` and the files it edits; what a first run makes."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.ask import key_of, own_key
from cli.failure import VerbError
from cli.main import app
from deploy.local.key_changes import pending_changes, record_of
from deploy.local.keys import (
    MONITOR,
    add_key,
    check_holder,
    check_nothing_is_plain,
    holders,
    know_monitors_key,
    make_keys,
    make_monitors_key,
    read_keys,
    revoke_keys,
)
from deploy.local.state import Folder, FolderError, open_folder
from shared.contracts.envelope import check_class, decode, read_kafka
from shared.contracts.every_service_events import AccessRecorded
from shared.http.keys import Keyring, hash_of
from shared.http.problems import ProblemError


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return open_folder(tmp_path / "lahete")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_demo_and_test_make_keys_for_the_regions_the_opistos_and_the_first_people(folder: Folder) -> None:
    opistos = ["/opisto/1.2.3", "/opisto/1.2.4"]
    make_keys(folder, opistos)
    make_monitors_key(folder)
    keys = json.loads(folder.keys.read_text())
    regions = [holder for holder in keys if holder.startswith("/region/")]
    assert len(regions) == 22
    assert "/region/91" not in keys
    assert set(opistos) < keys.keys()
    assert len(keys) == 22 + len(opistos) + len(["ops:first", "reader:first"])
    assert len(set(keys.values())) == len(keys)
    assert mode(folder.keys) == mode(folder.hashes) == mode(folder.service_key) == 0o600


def test_the_services_know_every_key_and_no_plain_text_of_it(folder: Folder) -> None:
    make_keys(folder)
    make_monitors_key(folder)
    keyring, hashes = Keyring(folder.hashes), folder.hashes.read_text()
    for holder, key in read_keys(folder).items():
        assert keyring.holder(key) == holder
        assert key not in hashes
    assert keyring.holder(folder.service_key.read_text()) == MONITOR
    assert MONITOR not in read_keys(folder)


def test_a_later_run_keeps_the_keys(folder: Folder) -> None:
    make_keys(folder)
    make_monitors_key(folder)
    added = add_key(folder, "ops:anna")
    files = (folder.keys, folder.hashes, folder.service_key)
    before = [file.read_text() for file in files]
    make_keys(folder)
    make_monitors_key(folder)
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
    make_monitors_key(folder)
    folder.hashes.unlink()
    make_keys(folder)
    make_monitors_key(folder)
    key = read_keys(folder)["/region/06"]
    assert Keyring(folder.hashes).holder(key) == "/region/06"
    assert Keyring(folder.hashes).holder(folder.service_key.read_text()) == MONITOR


def test_a_new_key_leaves_the_old_one_until_both_are_revoked(folder: Folder) -> None:
    old, new = add_key(folder, "/opisto/1.2.3"), add_key(folder, "/opisto/1.2.3")
    keyring = Keyring(folder.hashes)
    assert keyring.holder(old) == keyring.holder(new) == "/opisto/1.2.3"
    assert revoke_keys(folder, "/opisto/1.2.3") == 2
    assert keyring.holder(old) is keyring.holder(new) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"keys": 1}', b"\xff\x00", b'{"keys": {"a": ["b"]}}'])
def test_a_file_of_hashes_that_cannot_be_read_lets_nobody_in_and_says_so(folder: Folder, content: bytes) -> None:
    key = add_key(folder, "/region/06")
    whole = folder.hashes.read_bytes()
    keyring = Keyring(folder.hashes)
    assert keyring.holder(key) == "/region/06"
    folder.hashes.write_bytes(content)
    with pytest.raises(ProblemError, match="cannot read its keys now") as refused:
        keyring.holder(key)
    assert refused.value.status == 503
    assert (keyring.fault() or "").startswith(f"{folder.hashes.name} holds no hashes of keys")
    folder.hashes.write_bytes(whole)
    assert keyring.fault() is None
    assert keyring.holder(key) == "/region/06"


def test_a_key_that_was_added_stands_nowhere_in_plain_text(folder: Folder) -> None:
    keys = [add_key(folder, holder) for holder in ("ops:anna", "/region/06", MONITOR)]
    assert not folder.keys.exists()
    kept = "".join(path.read_text() for path in folder.path.rglob("*") if path.is_file())
    assert not [key for key in keys if key in kept]


def test_in_demo_and_test_the_newest_of_each_holder_is_kept_to_be_tried(folder: Folder) -> None:
    make_keys(folder)
    old, new = add_key(folder, "/region/06"), add_key(folder, "/region/06")
    assert read_keys(folder)["/region/06"] == new != old
    assert revoke_keys(folder, "/region/06") == 3
    assert "/region/06" not in read_keys(folder)


def test_production_makes_a_key_for_nobody_but_the_monitor(folder: Folder) -> None:
    check_nothing_is_plain(folder)
    make_monitors_key(folder)
    assert holders(folder) == {MONITOR: 1}
    assert not folder.keys.exists()


def test_production_does_not_start_where_plain_keys_are_kept(folder: Folder) -> None:
    make_keys(folder)
    with pytest.raises(FolderError, match=r"keys\.json holds keys in plain text, which is for demo and test: "):
        check_nothing_is_plain(folder)


@pytest.mark.parametrize("added_again", [False, True])
def test_who_was_revoked_stays_revoked_over_restarts_until_a_key_is_added(folder: Folder, *, added_again: bool) -> None:
    make_keys(folder)
    keyring, before = Keyring(folder.hashes), folder.keys.read_bytes()
    old = read_keys(folder)["/region/06"]
    revoke_keys(folder, "/region/06")
    key = add_key(folder, "/region/06") if added_again else ""
    folder.keys.write_bytes(before)  # a copy of before comes back
    make_keys(folder)
    assert keyring.holder(old) is None
    assert holders(folder).get("/region/06", 0) == (1 if added_again else 0)
    assert keyring.holder(key) == ("/region/06" if added_again else None)


def test_who_was_revoked_in_production_is_given_no_key_by_a_demo_in_the_same_folder(folder: Folder) -> None:
    add_key(folder, "/region/06")
    revoke_keys(folder, "/region/06")
    make_keys(folder)
    assert "/region/06" not in read_keys(folder)
    assert "/region/06" not in holders(folder)


def test_the_monitors_key_is_one_and_another_takes_its_place(folder: Folder) -> None:
    make_monitors_key(folder)
    keyring, first = Keyring(folder.hashes), folder.service_key.read_text()
    second = add_key(folder, MONITOR)
    assert (keyring.holder(first), keyring.holder(second)) == (None, MONITOR)
    make_monitors_key(folder)  # what its file holds is no key any more
    third = folder.service_key.read_text()
    assert (keyring.holder(second), keyring.holder(third)) == (None, MONITOR)
    know_monitors_key(folder, "made elsewhere")
    assert (keyring.holder(third), keyring.holder("made elsewhere")) == (None, MONITOR)
    with pytest.raises(
        ValueError, match="the platform's own; `lahete key add service:monitor` puts another in its place"
    ):
        revoke_keys(folder, MONITOR)


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


@pytest.mark.parametrize(
    "holder", ["/region/06", "/opisto/1.2.246.562.10.1", "ops:anna", "reader:a.b-c_1", "service:monitor"]
)
def test_who_may_hold_a_key(holder: str) -> None:
    check_holder(holder)


@pytest.mark.parametrize(
    "holder",
    [
        *("/region/91", "/region/99", "/region/6", "/opisto/", "/opisto/Ä", "/service/monitor", "service:notify"),
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
    assert Keyring(Folder(tmp_path / "d").hashes).holder(key) == "ops:anna"
    listed = CliRunner().invoke(app, ["key", "list", "--json", *at])
    assert json.loads(listed.stdout) == [{"holder": "ops:anna", "keys": 1}]
    plain = CliRunner().invoke(app, ["key", "list", *at])
    assert plain.stdout == "holder\tkeys\nops:anna\t1\n"
    assert CliRunner().invoke(app, ["key", "revoke", "ops:anna", *at]).exit_code == 0
    assert json.loads(CliRunner().invoke(app, ["key", "list", "--json", *at]).stdout) == []
    assert CliRunner().invoke(app, ["key", "revoke", MONITOR, *at]).exit_code == 2


# --- with which key a verb asks and sends


def test_a_verb_uses_the_key_of_the_file_that_is_named_before_those_of_a_demo(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_keys(folder)
    monkeypatch.delenv("LAHETE_KEY_FILE", raising=False)
    assert own_key() == ""
    assert key_of(folder, own_key(), "/region/06") == read_keys(folder)["/region/06"]
    mine = tmp_path / "mine"
    mine.write_text("lahete_mine\n")
    monkeypatch.setenv("LAHETE_KEY_FILE", str(mine))
    assert own_key() == key_of(folder, own_key(), "/region/06") == "lahete_mine"
    other = tmp_path / "other"
    other.write_text("lahete_other")
    assert own_key(other) == "lahete_other", "what the command names goes before what the environment does"


@pytest.mark.parametrize("content", [None, b"", b"\xff"])
def test_a_file_that_holds_no_key_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    file = tmp_path / "mine"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("LAHETE_KEY_FILE", str(file))
    with pytest.raises(VerbError, match=r"^LAHETE_KEY_FILE: .*mine (cannot be read: |is empty)"):
        own_key()


@pytest.mark.parametrize("content", ["Authorization: Bearer lahete_mine", "lahete_mine\nlahete_other"])
def test_a_file_that_holds_more_than_a_key_is_refused_and_not_shown(tmp_path: Path, content: str) -> None:
    file = tmp_path / "mine"
    file.write_text(content)
    with pytest.raises(VerbError, match=r"^--key-file: .*mine holds more than a key") as refused:
        own_key(file)
    assert "lahete_mine" not in str(refused.value)


def test_init_makes_the_monitors_key_and_its_hash_once(tmp_path: Path) -> None:
    at = ["--dir", str(tmp_path / "keys"), "--json"]
    made = json.loads(CliRunner().invoke(app, ["key", "init", *at]).stdout)
    key, hashes = Path(made["service-key"]), Path(made["key-hashes"])
    assert Keyring(hashes).holder(key.read_text()) == MONITOR
    assert mode(key) == mode(hashes) == 0o600
    before = key.read_text(), hashes.read_text()
    assert CliRunner().invoke(app, ["key", "init", *at]).exit_code == 0
    assert (key.read_text(), hashes.read_text()) == before


def test_a_holder_that_cannot_be_is_wrong_use(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["key", "add", "/region/91", "--dir", str(tmp_path / "d")])
    assert result.exit_code == 2
    assert "cannot hold a key" in result.output
    assert not (tmp_path / "d").exists() or not (tmp_path / "d" / "keys.json").exists()
