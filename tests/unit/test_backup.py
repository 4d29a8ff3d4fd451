"""`lahete backup` and `lahete restore`, where nothing runs; tests/integration/test_kept.py has a platform."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app, main
from deploy.local.state import Folder, claim, open_folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = open_folder(tmp_path / "lahete")
    for name in ("referral.sqlite", "key-hashes.json", "topics.json"):
        (folder.path / name).write_text(name)
    (folder.path / "kafka" / "log").mkdir(parents=True)
    (folder.path / "kafka" / "log" / "meta.properties").write_text("a cluster")
    return folder


def verb(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    return result.exit_code, result.stdout, result.stderr


def refused(*arguments: object) -> str:
    with pytest.raises(SystemExit) as ended:
        main([str(one) for one in arguments])
    assert ended.value.code == 1
    return ""


def contents(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_what_is_restored_is_what_was_backed_up(folder: Folder, tmp_path: Path) -> None:
    kept = contents(folder.path)
    assert verb("backup", tmp_path / "backups" / "monday", "--dir", folder.path)[0] == 0
    code, said, _ = verb("restore", tmp_path / "backups" / "monday", "--dir", tmp_path / "again")
    assert code == 0
    assert "send again" in said
    assert contents(tmp_path / "again") == kept
    assert contents(tmp_path / "backups" / "monday") == kept
    open_to_others = [path for path in (tmp_path / "again").rglob("*") if path.is_dir() and path.stat().st_mode & 0o077]
    assert (tmp_path / "again").stat().st_mode & 0o077 == 0, open_to_others


def test_while_a_platform_runs_in_it_nothing_is_copied(
    folder: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with claim(folder):
        refused("backup", tmp_path / "monday", "--dir", folder.path)
        refused("restore", folder.path, "--dir", tmp_path / "again")
    first, second = capsys.readouterr().err.splitlines()
    assert "end it with `lahete stop`" in first
    assert "a platform runs in" in second
    assert [path.name for path in tmp_path.iterdir()] == ["lahete"]


def test_nothing_is_restored_over_what_is_there(
    folder: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verb("backup", tmp_path / "monday", "--dir", folder.path)
    (folder.path / "referral.sqlite").write_text("newer")
    refused("restore", tmp_path / "monday", "--dir", folder.path)
    assert "holds something already; name a place where nothing is" in capsys.readouterr().err
    assert (folder.path / "referral.sqlite").read_text() == "newer"


def test_what_the_latest_run_had_left_is_said_with_the_backup(folder: Folder, tmp_path: Path) -> None:
    folder.stopped.write_text(
        json.dumps({"supervisor": 1, "left": ["referral has 2 events of intake.http still to read"]})
    )
    code, _, complained = verb("backup", tmp_path / "monday", "--dir", folder.path)
    assert code == 0
    assert "left: referral has 2 events of intake.http still to read; where Kafka's log was in memory" in complained
    folder.run.write_text("{}")
    _, _, complained = verb("backup", tmp_path / "tuesday", "--dir", folder.path)
    assert "was killed" in complained


@pytest.mark.parametrize(("version", "says"), [("", "holds no state of a platform"), ("9", "holds state of form '9'")])
def test_a_folder_that_is_none_of_ours_is_neither_backed_up_nor_restored(
    version: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    if version:
        (other / "version").write_text(version)
    refused("backup", tmp_path / "monday", "--dir", other)
    refused("restore", other, "--dir", tmp_path / "again")
    assert capsys.readouterr().err.count(says) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
