"""Changed keys on `audit.events`: a supervisor with its broker and no service, verbs beside it, and what stands on the log."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from typer.testing import CliRunner

from cli.main import app
from deploy.backends import Backend
from deploy.local.keys import holders, make_keys, read_keys
from deploy.local.state import Folder, FolderError, open_folder
from deploy.local.supervisor import Supervisor
from shared.contracts.topics import AUDIT
from shared.http.keys import Keyring, hash_of
from shared.kafka.cluster import Cluster
from tests.backends import address_of, java


@pytest.fixture(params=[Backend.EMBEDDED, Backend.JAVA])
def engine(request: pytest.FixtureRequest) -> Backend:
    asked: Backend = request.param
    if asked is Backend.JAVA:
        address_of(java())
    return asked


async def audited(kafka: Cluster) -> list[Any]:
    """Every record of `audit.events`."""
    # By its setting: a reset to the end, which is the default, could overtake a seek to the beginning.
    consumer = AIOKafkaConsumer(**kafka.options(), auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        partition = TopicPartition(AUDIT, 0)
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        found: list[Any] = []
        while len(found) < end:
            found += (await consumer.getmany(partition, timeout_ms=500)).get(partition, [])
        return found
    finally:
        await consumer.stop()


def key(*arguments: str, folder: Folder) -> str:
    result = CliRunner().invoke(app, ["key", *arguments, "--dir", str(folder.path)])
    assert result.exit_code == 0, result.output
    assert not result.stderr
    return result.stdout.strip()


def changes(records: list[Any]) -> list[tuple[str, str]]:
    told = [json.loads(record.value) for record in records]
    return [(one["what"], one["change"]) for one in told if one["action"] == "key"]


def test_changed_keys_are_told_by_the_next_start_and_by_the_verb_where_all_runs(
    engine: Backend, tmp_path: Path
) -> None:
    folder = open_folder(tmp_path / "lahete")
    secret = key("add", "ops:anna", folder=folder)
    assert folder.key_changes.exists()
    with Supervisor(folder.path, engine=engine, services=(), say=lambda _: None) as supervisor:
        kafka = supervisor.cluster
        assert changes(asyncio.run(audited(kafka))) == [("ops:anna", "added")]
        assert not folder.key_changes.exists()
        key("revoke", "ops:anna", folder=folder)
        records = asyncio.run(audited(kafka))
    assert changes(records) == [("ops:anna", "added"), ("ops:anna", "revoked")]
    assert not folder.key_changes.exists()
    for record in records:
        whole = repr((record.key, record.value, record.headers))
        assert secret not in whole
        assert hash_of(secret) not in whole


def test_a_change_that_was_told_before_a_crash_is_told_again_under_the_same_id(engine: Backend, tmp_path: Path) -> None:
    folder = open_folder(tmp_path / "lahete")
    key("add", "/region/06", folder=folder)
    pending = folder.key_changes.read_bytes()
    with Supervisor(folder.path, engine=engine, services=(), say=lambda _: None) as supervisor:
        folder.key_changes.write_bytes(pending)
        key("add", "/region/08", folder=folder)
        records = asyncio.run(audited(supervisor.cluster))
    ids = [dict(record.headers)["ce_id"] for record in records]
    assert changes(records) == [("/region/06", "added"), ("/region/06", "added"), ("/region/08", "added")]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize("verb", ["add", "revoke"])
def test_without_kafka_the_change_is_made_and_waits_to_be_told(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = open_folder(tmp_path / "lahete")
    key("add", "ops:anna", folder=folder)

    class Gone:
        kafka = "127.0.0.1:1"

    monkeypatch.setattr("cli.key.read_run", lambda _: Gone)
    result = CliRunner().invoke(app, ["key", verb, "ops:anna", "--dir", str(folder.path)])
    assert result.exit_code == 0
    assert "at the next start" in result.stderr
    waiting = [one["change"] for one in json.loads(folder.key_changes.read_text())]
    assert waiting == ["added", {"add": "added", "revoke": "revoked"}[verb]]


# --- over restarts


def supervised(folder: Folder) -> list[str]:
    """What a start says, and a whole run behind it."""
    said: list[str] = []
    with Supervisor(folder.path, services=(), say=said.append):
        pass
    return said


def test_a_run_in_production_makes_no_key_for_anybody_and_says_how_ops_gets_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAHETE_ENV", "production")
    folder = open_folder(tmp_path / "lahete")
    assert f"nobody of ops has a key: `lahete key add ops:<name> --dir {folder.path}` makes one" in supervised(folder)
    assert holders(folder) == {"service:monitor": 1}
    added = key("add", "ops:anna", folder=folder)
    assert not any("nobody of ops" in line for line in supervised(folder))
    assert Keyring(folder.hashes).holder(added) == "ops:anna"
    assert not folder.keys.exists()
    assert not [path for path in folder.path.rglob("*") if path.is_file() and added in path.read_text()]


def test_who_was_revoked_has_no_key_after_a_restart_of_a_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAHETE_ENV", raising=False)
    folder = open_folder(tmp_path / "lahete")
    assert f"demo: {folder.keys} holds a key for every sender, in plain text" in supervised(folder)
    before = read_keys(folder)
    key("revoke", "/region/06", folder=folder)
    key("revoke", "ops:first", folder=folder)
    supervised(folder)
    keyring = Keyring(folder.hashes)
    assert read_keys(folder).keys() == before.keys() - {"/region/06", "ops:first"}
    assert keyring.holder(before["/region/06"]) is keyring.holder(before["ops:first"]) is None
    assert keyring.holder(before["/region/08"]) == "/region/08"


def test_production_does_not_start_in_the_folder_of_a_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = open_folder(tmp_path / "lahete")
    make_keys(folder)
    monkeypatch.setenv("LAHETE_ENV", "production")
    with pytest.raises(FolderError, match="production starts in a folder of its own"):
        supervised(folder)
