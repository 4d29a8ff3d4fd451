"""The `lahete` command without a platform: how it is used, how it fails, what it prints."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from cli.main import app, main
from cli.services import OF_NAME
from cli.terminal import printable
from demo.verdict import LOST, TOO_MUCH, TRUE
from deploy.embedded_broker.control import REPOSITORY
from deploy.local.state import anchored_clock, claim, open_folder, supervisor_of
from shared.contracts import topics
from shared.contracts.extracts import EXTRACTS
from shared.contracts.registry import CLASSES
from shared.contracts.topics import READ_BY, SERVICES
from shared.kafka.lag import READS
from shared.process.migrations import FORM

COURSE = {
    "id": "helsinki:abc",
    "name": {"fi": "Kuoro kaikille"},
    "keywords": [{"@id": "https://api.hel.fi/linkedevents/v1/keyword/yso:p1808/"}],
    "location": {
        "id": "tprek:15417",
        "name": {"fi": "Sellon kirjasto"},
        "divisions": [{"type": "muni", "ocd_id": "ocd-division/country:fi/kunta:espoo", "name": {"fi": "Espoo"}}],
    },
    "in_language": [{"@id": "https://api.hel.fi/linkedevents/v1/language/fi/"}],
    "offers": [{"is_free": True}],
    "event_status": "EventScheduled",
    "type_id": "Course",
    "start_time": "2020-09-10T14:30:00Z",
    "end_time": "2020-09-10T16:00:00Z",
    "maximum_attendee_capacity": 20,
    "last_modified_time": "2020-08-20T06:00:00Z",
}


def verbs(of: Any = None, *before: str) -> Iterator[list[str]]:
    """Every verb of the program, as it is typed."""
    group: Any = of or get_command(app)
    for name, one in group.commands.items():
        yield from verbs(one, *before, name) if hasattr(one, "commands") else ([*before, name],)


VERBS = list(verbs())


def ended(arguments: list[str]) -> int:
    """The exit code of the whole command, faults and all."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_has_help(verb: list[str]) -> None:
    result = CliRunner().invoke(app, [*verb, "--help"])
    assert result.exit_code == 0
    assert "Usage: " in result.stdout


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_stands_in_the_contracts(verb: list[str]) -> None:
    _, _, text = (REPOSITORY / "docs/contracts.md").read_text(encoding="utf-8").partition("## Command line")
    said = {word for span in re.findall(r"`([^`]+)`", text) for word in re.findall(r"[a-z]+(?:-[a-z]+)*", span)}
    assert set(verb) <= said


def test_the_demos_help_says_what_each_exit_code_means() -> None:
    told = " ".join(CliRunner().invoke(app, ["demo", "--help"]).stdout.split())
    for meaning in (f"Exit code {TRUE}: all adds up", f"{LOST}: an event is lost", f"{TOO_MUCH}: nothing is lost"):
        assert meaning in told
    assert "2: wrong use" in told


def test_the_version_is_the_packages() -> None:
    written = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    assert CliRunner().invoke(app, ["--version"]).stdout == f"lahete {written}\n"


@pytest.mark.parametrize(
    "wrong",
    [
        *(
            ["nonsense"],
            ["run", "--port-base", "0"],
            ["run", "--port-base", "65535"],
            ["run", "--engine", "oracle"],
            ["run", "--instances", "referral=2"],
        ),
        *(
            ["restart"],
            ["emit"],
            ["emit", "missing.jsonl"],
            ["emit", "."],
            ["trace"],
            ["find"],
            ["dead-letters", "redrive"],
            ["dead-letters", "discard"],
        ),
        *(["topics", "add", "ops:anna"], ["topics", "add", "/region/91"], ["import", "linked-events", __file__]),
        ["dead-letters", "redrive", "some-id", "--reason", "rejected"],
        ["run", "--engine", "env", "--sample"],
        *(["senders", none] for none in ("region/06", "/region", "/region/..", "/../lag", "/region/06?usual=loud")),
        ["lag", "--dir", ".", "--url", "http://127.0.0.1:8100"],
        ["restart", "referral", "--url", "http://127.0.0.1:8100"],
    ],
    ids=" ".join,
)
def test_wrong_use_ends_with_2(wrong: list[str]) -> None:
    assert ended(wrong) == 2


@pytest.mark.parametrize(
    "verb",
    [
        ["status"],
        ["restart", "referral"],
        ["lag"],
        ["trace", "x"],
        ["find", "x"],
        ["overdue"],
        ["readers"],
        ["flow"],
        ["senders"],
        ["emit", __file__],
        ["dead-letters", "list"],
        ["key", "list"],
    ],
    ids=" ".join,
)
def test_where_nothing_runs_one_line_says_so(
    verb: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended([*verb, "--dir", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("lahete: ")
    assert printed.err.count("\n") == 1


def test_stopping_what_does_not_run_is_done_already(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["stop", "--dir", str(tmp_path)])
    assert (result.exit_code, result.stdout) == (0, f"nothing runs in {tmp_path}\n")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert ended(["key", "add", "ops:anna", "--dir", str(file / "d")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"keys": 1}', '"x"', "[{}]", "\x00"], ids=repr)
@pytest.mark.parametrize(
    ("file", "verb"),
    [
        ("key-hashes.json", ["key", "list"]),
        ("key-hashes.json", ["key", "add", "ops:anna"]),
        ("key-hashes.json", ["key", "revoke", "ops:anna"]),
        ("topics.json", ["topics", "list"]),
        ("topics.json", ["topics", "add", "/region/06"]),
        ("topics.json", ["acls"]),
        ("keys.json", ["key", "add", "ops:anna"]),
        ("key-changes.json", ["key", "add", "ops:anna"]),
    ],
    ids=str,
)
def test_a_file_of_the_folder_that_holds_something_else_is_named_and_stays_as_it_is(
    file: str, verb: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert CliRunner().invoke(app, ["key", "add", "ops:eero", "--dir", str(tmp_path)]).exit_code == 0
    (tmp_path / file).write_text(text)
    assert ended([*verb, "--dir", str(tmp_path)]) == 1
    complained = capsys.readouterr().err
    assert complained.startswith(f"lahete: {tmp_path / file} ")
    assert complained.count("\n") == 1
    assert (tmp_path / file).read_text() == text


@pytest.mark.parametrize("version", ["1", str(FORM + 1)], ids=["older", "newer"])
def test_a_folder_of_another_version_is_refused_with_what_to_do(
    version: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of form 1 no step leads on."""
    (tmp_path / "version").write_text(f"{version}\n")
    assert ended(["key", "add", "ops:anna", "--dir", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert f"holds state of form '{version}', this program takes 2 to {FORM}; run the program that wrote it" in said
    assert ("go back to the copy" in said) is (version != "1")
    assert len(said.splitlines()) == 1


def test_a_folder_has_one_holder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = open_folder(tmp_path)
    with claim(folder):
        assert supervisor_of(folder) is not None
        assert ended(["run", "--dir", str(tmp_path)]) == 1
        assert "another run, process" in capsys.readouterr().err
    assert supervisor_of(folder) is None


def test_a_bad_setting_stops_the_start_with_a_line_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAHETE_ENV", "nowhere")
    assert ended(["run", "--dir", str(tmp_path)]) == 1
    assert "LAHETE_ENV is 'nowhere'" in capsys.readouterr().err


def test_the_clock_keeps_its_anchor_as_long_as_its_setting(tmp_path: Path) -> None:
    folder = open_folder(tmp_path)
    first = anchored_clock(folder, "2026-09-01T08:00:00+03:00*100")
    assert first["start"] == "2026-09-01T05:00:00+00:00"
    assert first["speed"] == 100
    assert anchored_clock(folder, "2026-09-01T08:00:00+03:00*100") == first
    assert anchored_clock(folder, "2026-09-01T08:00:00+03:00*200")["anchor"] > first["anchor"]
    assert anchored_clock(folder, "")["speed"] == 1


def test_granted_topics_are_kept_and_listed(tmp_path: Path) -> None:
    at = ["--dir", str(tmp_path / "d")]
    for source in ("/region/06", "/opisto/1.2.3", "/region/06"):
        assert CliRunner().invoke(app, ["topics", "add", source, *at]).exit_code == 0
    listed = json.loads(CliRunner().invoke(app, ["topics", "list", "--json", *at]).stdout)
    own = {"intake.region.06": 1, "intake.opisto.1.2.3": 1}
    assert listed == topics.platform_topics() | own
    assert json.loads((tmp_path / "d" / "topics.json").read_text()) == ["/opisto/1.2.3", "/region/06"]


def test_contracts_are_printed_and_written(tmp_path: Path) -> None:
    printed = json.loads(CliRunner().invoke(app, ["contracts"]).stdout)
    assert printed["asyncapi"]["asyncapi"] == "3.0.0"
    assert printed["schemas"].keys() == CLASSES.keys() | EXTRACTS.keys()
    assert CliRunner().invoke(app, ["contracts", "--out", str(tmp_path / "c")]).exit_code == 0
    assert json.loads((tmp_path / "c" / "asyncapi.json").read_text()) == printed["asyncapi"]


def test_linked_events_become_lines_and_refusals(tmp_path: Path) -> None:
    page = tmp_path / "page.json"
    page.write_text(json.dumps({"data": [COURSE, COURSE | {"id": "helsinki:off", "event_status": "EventCancelled"}]}))
    arguments = ["import", "linked-events", str(page), "--opisto", "1.2.3", "--dir", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    (line,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert (line["source"], line["data"]["activity_id"]) == ("/opisto/1.2.3", "helsinki:abc")
    assert result.stderr.startswith('refused "helsinki:off": event_status: ')
    assert result.stderr.count("\n") == 1


def test_an_import_that_takes_nothing_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.json"
    page.write_text('{"data": [{"id": "x:1"}]}')
    assert ended(["import", "linked-events", str(page), "--opisto", "1.2.3", "--dir", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert [line.split(":")[0] for line in printed.err.splitlines()] == ['refused "x', "lahete"]


def test_what_comes_from_outside_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[31m\r\n") == "a\\x1b[31m\\r\\n"
    assert printable(["full", "closed"]) == "full closed"
    assert printable(None) == ""


def test_the_lag_counts_what_the_services_read() -> None:
    """As each service's own table says: a topic missed here would be lost at a stop."""
    assert tuple(OF_NAME) == SERVICES
    for name, service in OF_NAME.items():
        settings: Any = service.settings()
        assert service.build(settings).table.topics == READ_BY[name]
    assert READS["catalogue"]("intake.region.06")
    assert not READS["monitor"]("redrive.monitor")
