"""Verbs whose pipes are closed, full or broken off: a line that says so, no traceback, and the exit codes of the contract."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import main
from deploy.embedded_broker.control import REPOSITORY
from tests.unit.door_double import listening

LAHETE = f"{sys.executable} -m cli.main"
EVENT = '{"id": "1", "source": "/region/06"}\n'


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """A verb as a shell starts it, from the repository, whose packages it finds there."""
    return subprocess.run(["bash", "-c", command], cwd=REPOSITORY, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("settings > /dev/full", "No space left on device"),
        ("topics apply", "Kafka at 127.0.0.1:1 does not answer; LAHETE_KAFKA says where it is"),
    ],
)
def test_a_fault_is_one_line_and_exit_code_1(command: str, line: str) -> None:
    ended = shell(f"LAHETE_KAFKA=127.0.0.1:1 {LAHETE} {command}")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("lahete: ")
    assert line in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("closed", "verb"),
    [
        ("stdout", ["settings"]),
        ("stdin", ["emit", "-", "--url", "http://127.0.0.1:1"]),
        ("stdin", ["import", "linked-events", "-", "--opisto", "1.2.3"]),
    ],
    ids=str,
)
def test_a_closed_stream_that_the_verb_needs_is_named(
    closed: str, verb: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python has None in place of a stream that whoever started it has closed."""
    monkeypatch.setattr(sys, closed, None)
    with pytest.raises(SystemExit) as end:
        main(verb)
    assert end.value.code == 1
    streams = {"stdout": "standard output", "stdin": "standard input"}
    assert capsys.readouterr().err.startswith(f"lahete: {streams[closed]} is closed")


def test_logins_without_an_administrator_names_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["logins"])
    assert end.value.code == 1
    assert capsys.readouterr().err.startswith("lahete: no administrator's login is named: LAHETE_KAFKA_SECURITY, ")


def test_a_key_that_could_not_be_shown_is_said_to_be_nobodys(tmp_path: Path) -> None:
    ended = shell(f"{LAHETE} key add ops:anna --dir {tmp_path}/keys > /dev/full")
    assert ended.returncode == 1
    assert ended.stderr.startswith("lahete: a key of ops:anna is made and could not be shown, so nobody has it: ")


def test_a_reader_that_has_enough_is_no_fault() -> None:
    ended = shell(f"{LAHETE} contracts | head -c 1")
    assert (ended.stdout, ended.stderr) == ("{", "")


def test_who_breaks_off_what_is_sent_is_told_how_far_it_came(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("key-06")
    with listening() as door:
        sends = subprocess.Popen(
            [*LAHETE.split(), "emit", "-", "--url", door.url, "--key-file", str(key)],
            cwd=REPOSITORY,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert sends.stdin is not None
        # A refusal is printed once the line behind it has been read: from then on the verb waits for more.
        sends.stdin.write(EVENT + "{\n" + EVENT)
        sends.stdin.flush()
        assert sends.stderr is not None
        assert sends.stderr.readline().startswith("line 2: no JSON")
        sends.send_signal(signal.SIGINT)
        printed, complained = sends.communicate()
    assert (sends.returncode, printed) == (130, "")
    assert complained == "broken off, 1 accepted, 1 refused; send all of it again: what was taken is recognised\n"
