"""Sending lines of events: gathered by source, told apart when refused, sent again when it cannot be now."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from cli.ask import client
from cli.emitting import MOST_AT_ONCE, Line, Refused, Sender, gathered, numbered, read_line
from cli.failure import VerbError
from cli.main import app, main
from deploy.embedded_broker.control import REPOSITORY
from deploy.local.state import Run, anchored_clock, claim, open_folder, write_run
from shared.private import write_private
from tests.unit.door_double import DoorDouble, listening
from tests.unit.test_cli_verbs import COURSE

KEYS = {"/region/06": "key-06", "/region/08": "key-08"}


@pytest.fixture
def door() -> Iterator[DoorDouble]:
    with listening() as double:
        yield double


@pytest.fixture
def to_door(door: DoorDouble) -> Iterator[httpx.Client]:
    with client(door.url, None) as connected:
        yield connected


def events(*described: tuple[str, str], bad: Sequence[str] = ()) -> list[bytes]:
    return [json.dumps({"id": id_, "source": source, "bad": id_ in bad}).encode() for id_, source in described]


def ignore(_: Refused) -> None:
    """What is refused is looked at in the end."""


def test_consecutive_lines_of_a_source_go_together_in_their_order(door: DoorDouble, to_door: httpx.Client) -> None:
    lines = events(("1", "/region/06"), ("2", "/region/06"), ("3", "/region/08"), ("4", "/region/06"))
    told = Sender(to_door, KEYS.get, ignore).send(lines)
    assert (told.accepted, told.refused) == (4, [])
    assert door.asked == [("key-06", ["1", "2"]), ("key-08", ["3"]), ("key-06", ["4"])]


def test_no_batch_is_larger_than_a_hundred(door: DoorDouble, to_door: httpx.Client) -> None:
    told = Sender(to_door, KEYS.get, ignore).send(events(*((str(n), "/region/06") for n in range(250))))
    assert told.accepted == 250
    assert [len(ids) for _, ids in door.asked] == [100, 100, 50]
    assert [id_ for _, ids in door.asked for id_ in ids] == [str(n) for n in range(250)]


def test_a_refused_line_is_told_alone_and_does_not_stop_the_rest(door: DoorDouble, to_door: httpx.Client) -> None:
    told_at_once: list[Refused] = []
    lines = events(("1", "/region/06"), ("2", "/region/06"), ("3", "/region/06"), ("4", "/region/08"), bad=["2"])
    told = Sender(to_door, KEYS.get, told_at_once.append).send(lines)
    assert told.accepted == 3
    assert told.refused == told_at_once == [Refused(2, "/data: 2 is bad")]
    assert [ids for _, ids in door.asked] == [["1", "2", "3"], ["1"], ["2"], ["3"], ["4"]]


def test_a_source_without_a_key_and_what_is_no_event_are_refused_here(door: DoorDouble, to_door: httpx.Client) -> None:
    lines = [*events(("1", "/region/07")), b"{", b"[1]", b'{"id": "x"}', b"\xff\xfe", *events(("2", "/region/06"))]
    told = Sender(to_door, KEYS.get, ignore).send(lines)
    assert told.accepted == 1
    assert [refused.line for refused in told.refused] == [1, 2, 3, 4, 5]
    assert told.refused[0].reason == "no key of '/region/07': --key-file names its file"
    assert "a source is needed" in told.refused[2].reason
    assert door.asked == [("key-06", ["2"])]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_door_that_cannot_now_is_asked_again(door: DoorDouble, to_door: httpx.Client, status: int) -> None:
    door.answers = [(status, {}, {"detail": "later"}), (status, {}, {"detail": "later"})]
    told = Sender(to_door, KEYS.get, ignore).send(events(("1", "/region/06"), ("2", "/region/06")))
    assert (told.accepted, told.refused) == (2, [])
    assert [ids for _, ids in door.asked] == [["1", "2"]] * 3


def test_a_wait_that_would_be_too_long_ends_it_with_the_line_that_was_reached(
    door: DoorDouble, to_door: httpx.Client
) -> None:
    door.answers = [(202, {}, {}), (503, {"Retry-After": "31"}, {"detail": "the platform is stopping"})]
    with pytest.raises(
        VerbError, match=r"^line 2 and what follows: not sent: \S+: the platform is stopping \(1 accepted, 0"
    ):
        Sender(to_door, KEYS.get, ignore).send(events(("1", "/region/06"), ("2", "/region/08")))


def test_a_door_where_nobody_answers_ends_it(free_port: Callable[[], int]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with (
        client(url, None) as nowhere,
        pytest.raises(VerbError, match=f"line 1 and what follows: not sent: {url}: no answer"),
    ):
        Sender(nowhere, KEYS.get, ignore, retry_seconds=0.3).send(events(("1", "/region/06")))


@pytest.mark.parametrize("status", [301, 404, 405])
def test_what_answers_and_is_no_door_ends_it_at_the_first_line(
    status: int, door: DoorDouble, to_door: httpx.Client
) -> None:
    door.answers = [(status, {"Location": "https://door.example/v1/events"}, {})]
    with pytest.raises(VerbError, match=f"^line 1 and what follows: not sent: {door.url}: {status}: this is no door"):
        Sender(to_door, KEYS.get, ignore).send(events(("1", "/region/06"), ("2", "/region/06")))
    assert len(door.asked) == 1


@pytest.fixture
def free_port() -> Callable[[], int]:
    def find() -> int:
        server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
        server.server_close()
        return int(server.server_address[1])

    return find


def test_empty_lines_are_counted_and_left_out() -> None:
    assert list(numbered([b"\xef\xbb\xbf{}\n", b"\r\n", b"  \n", b"[]\r\n"])) == [(1, b"{}"), (4, b"[]")]


def test_a_line_is_sent_byte_for_byte() -> None:
    text = b'{"source": "/region/06",  "id":1e3, "id": 2}'
    assert read_line(7, text) == Line(7, "/region/06", text)


def test_a_refusal_between_lines_keeps_its_place() -> None:
    one, two, three = Line(1, "a", b"1"), Refused(2, "no"), Line(3, "a", b"3")
    assert list(gathered([one, two, three])) == [[one], two, [three]]


def test_lines_in_bytes_also_bound_a_batch() -> None:
    long = [Line(number, "a", b"x" * 1024 * 1024) for number in range(9)]
    assert [len(batch) for batch in gathered(long) if isinstance(batch, list)] == [4, 4, 1]
    assert MOST_AT_ONCE == 100


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_door_elsewhere_is_sent_to_by_its_address_with_the_key_of_a_file(
    by: str, door: DoorDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, key = tmp_path / "events.jsonl", tmp_path / "key"
    file.write_bytes(b"\n".join(events(("1", "/opisto/1.2.3"), ("2", "/opisto/1.2.3"))))
    key.write_text("key-opisto\n")
    monkeypatch.chdir(tmp_path)  # no run is here
    named = ["--url", door.url, "--key-file", str(key)]
    if by == "environment":
        named = []
        monkeypatch.setenv("LAHETE_URL", door.url)
        monkeypatch.setenv("LAHETE_KEY_FILE", str(key))
    sent = CliRunner().invoke(app, ["emit", str(file), "--json", *named])
    assert json.loads(sent.stdout) == {"accepted": 2, "refused": []}
    assert door.asked == [("key-opisto", ["1", "2"])]
    assert CliRunner().invoke(app, ["emit", str(file), "--dir", str(tmp_path)]).exit_code == 1, "a folder goes first"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ftp://door.example", "'ftp://door.example' is no address of a service, such as https://monitor.example"),
        ("door.example", "'door.example' is no address"),
        ("https://me:secret@door.example", "an address with a login or a secret in it: the key's place is --key-file"),
        ("https://door.example/?q=1", "is no address"),
    ],
)
def test_an_address_that_is_none_is_refused_and_shows_no_secret(
    address: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "events.jsonl").write_bytes(b"")
    with pytest.raises(SystemExit):
        main(["emit", str(tmp_path / "events.jsonl"), "--url", address])
    printed = capsys.readouterr().err
    assert said in printed
    assert "secret@" not in printed
    assert printed.count("\n") == 1


def test_what_is_imported_can_be_piped_into_emit(door: DoorDouble, tmp_path: Path) -> None:
    """Both read standard input where the file is -, as their help says."""
    folder = open_folder(tmp_path)
    write_private(folder.keys, json.dumps({"/opisto/1.2.3": "key-opisto"}))
    at = f"--dir {tmp_path}"
    lahete = f"{sys.executable} -m cli.main"
    pipe = f"{lahete} import linked-events - --opisto 1.2.3 {at} | {lahete} emit - {at} --json"
    with claim(folder):
        write_run(folder, Run("", "", {"referral": door.url}, {"supervisor": os.getpid()}, anchored_clock(folder, "")))
        ended = subprocess.run(
            ["sh", "-c", pipe], cwd=REPOSITORY, input=json.dumps([COURSE]), capture_output=True, text=True, check=False
        )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout) == {"accepted": 1, "refused": []}
    assert [key for key, _ in door.asked] == ["key-opisto"]
