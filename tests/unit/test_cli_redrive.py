"""`lahete dead-letters redrive` and `lahete redrives`, asked of the services over HTTP."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from shared.http.keys import hash_of, write_hashes
from tests.contract.every_service import EveryService
from tests.unit.country import an_event
from tests.unit.doors import HOLDERS


class Ops:
    """A person at a terminal that is none: nobody can be asked."""

    def __init__(self, folder: Path) -> None:
        self.services = EveryService(folder)
        self._monitor = self.services.listen()["monitor"]
        self._key = folder / "key"
        self._key.write_text("anna")
        hashes = {hash_of("anna"): "ops:anna"} | {hash_of(f"key of {one}"): one for one in HOLDERS}
        write_hashes(folder / "keys.json", hashes)

    def types(self, *words: str) -> Result:
        typed = [*words, "--url", self._monitor, "--key-file", str(self._key)]
        return self.services.call(lambda: CliRunner().invoke(app, typed))

    def broken(self, count: int) -> list[str]:
        """Letters of a fault of the referral service, which is there no more."""
        wishes = [an_event("ReferralIssued", str(uuid4())) for _ in range(count)]
        country = self.services.country
        country.failing = {"referral": frozenset({"ReferralIssued"})}
        self.services.runner.run(country.send(*wishes))
        country.failing = {}
        listed = json.loads(
            self.types("dead-letters", "list", "--reason", "handler_failed", "--state", "open", "--json").stdout
        )
        return [one["dl_id"] for one in listed["dead_letters"]]


@pytest.fixture(scope="module")
def ops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    one = Ops(tmp_path_factory.mktemp("ops"))
    yield one
    one.services.close()


MENDED = ("--why", "mended", "--a-minute", "60000")


def test_what_is_mended_is_sent_again_and_ends_with_0(ops: Ops) -> None:
    ops.broken(3)
    done = ops.types("dead-letters", "redrive", "--reason", "handler_failed", *MENDED, "--yes", "--json")
    assert done.exit_code == 0, done.output
    end = json.loads(done.stdout)
    assert (end["state"], end["resolved"], end["unresolved"], end["by"]) == ("done", 3, [], "ops:anna")


def test_what_is_still_broken_ends_with_1_says_which_and_its_sender_hears_nothing_new(ops: Ops) -> None:
    told = list(ops.services.country.told)
    ended = ops.types("dead-letters", "redrive", "--reason", "invalid", *MENDED, "--yes", "--go-on")
    assert ended.exit_code == 1
    *letters, last = ended.stdout.splitlines()
    assert len(letters) == 2
    assert all(line.endswith(": refused invalid") for line in letters)
    assert "is done: of 2 chosen 2 sent, 0 resolved, 2 refused" in last
    new = [one for one in ops.services.country.told if one not in told]
    assert new == []


def test_the_first_error_stops_it_and_ends_with_1(ops: Ops) -> None:
    ended = ops.types("dead-letters", "redrive", "--reason", "invalid", *MENDED, "--yes")
    assert ended.exit_code == 1
    assert "is stopped (" in ended.stdout
    assert "of 2 chosen 1 sent" in ended.stdout


def test_a_dry_run_says_what_would_become_of_each_and_sends_none(ops: Ops) -> None:
    tried = ops.types("dead-letters", "redrive", "--dry-run", "--reason", "invalid")
    assert tried.exit_code == 0
    assert tried.stdout.splitlines()[0].split("\t") == ["dl_id", "would", "why"]
    assert tried.stdout.count("\trefused\tinvalid: ") == 2
    assert "2 are chosen; of 2 that were tried: 2 refused" in tried.stderr


def test_nothing_chosen_is_said_and_ends_with_1(ops: Ops) -> None:
    for more in ((), ("--dry-run",)):
        ended = ops.types("dead-letters", "redrive", "--reason", "conflict", *MENDED, *more)
        assert ended.exit_code == 1
        assert "no open dead letter is chosen by this" in str(ended.exception)


def test_many_are_not_sent_unless_somebody_says_so(ops: Ops) -> None:
    letters = ops.broken(2)
    ended = ops.types("dead-letters", "redrive", "--reason", "handler_failed", *MENDED)
    assert ended.exit_code == 2
    assert "2 dead letters are chosen" in " ".join(ended.stderr.split())
    assert "--yes" in ended.stderr
    assert ops.types("dead-letters", "redrive", letters[0], *MENDED).exit_code == 0, "one needs no second word"
    assert ops.types("dead-letters", "redrive", letters[1], *MENDED).exit_code == 0


def test_a_redrive_needs_a_reason(ops: Ops) -> None:
    assert ops.types("dead-letters", "redrive", "--reason", "invalid", "--yes").exit_code == 2


def test_redrives_are_listed_shown_and_steered(ops: Ops) -> None:
    begun = ops.types("dead-letters", "redrive", "--reason", "invalid", *MENDED, "--yes", "--no-wait", "--json")
    redrive = json.loads(begun.stdout)["redrive_id"]
    ops.services.call(lambda: None)
    listed = json.loads(ops.types("redrives", "list", "--json").stdout)["redrives"]
    assert listed[0]["redrive_id"] == redrive
    assert (listed[0]["state"], listed[0]["why"]) == ("stopped", "mended")
    shown = ops.types("redrives", "show", redrive)
    assert "is stopped" in shown.stdout
    assert "\trefused\tinvalid" in shown.stdout
    assert "pause it does nothing" in str(ops.types("redrives", "pause", redrive).exception)
    assert ops.types("redrives", "resume", redrive).stdout == f"{redrive}: resume\n"
    assert ops.types("redrives", "cancel", redrive).stdout == f"{redrive}: cancel\n"


def test_all_letters_are_written_as_rows_page_by_page_behind_one_line_of_names(
    ops: Ops, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = set(ops.broken(3))
    monkeypatch.setattr("cli.dead_letters._ROWS", 2)
    written = ops.types("dead-letters", "export", "--reason", "handler_failed", "--state", "open")
    assert written.exit_code == 0, written.output
    rows = list(csv.DictReader(io.StringIO(written.stdout)))
    assert letters <= {one["dl_id"] for one in rows}
    assert len(rows) == len({one["dl_id"] for one in rows})
    refused = ops.types("dead-letters", "export", "--state", "gone")
    assert (refused.exit_code, "state" in str(refused.exception)) == (1, True)


def test_what_is_noted_of_a_group_changes_what_is_named_and_leaves_the_rest(ops: Ops) -> None:
    ops.broken(1)
    group = json.loads(ops.types("dead-letters", "groups", "--json").stdout)["groups"][0]["group"]
    first = ("--note", "Monday's release", "--owner", "ops:anna", "--parked-until", "2030-01-01T00:00:00+02:00")
    assert ops.types("dead-letters", "note", group, *first).exit_code == 0
    ops.services.call(lambda: None)
    again = ops.types(
        "dead-letters", "note", group, "--link", "https://tickets.example/1", "--parked-until", "", "--json"
    )
    ops.services.call(lambda: None)
    said = {"note": "Monday's release", "owner": "ops:anna", "link": "https://tickets.example/1", "parked_until": None}
    assert json.loads(again.stdout) == {"group": group, **said}
    listed = json.loads(ops.types("dead-letters", "groups", "--json").stdout)["groups"]
    assert said.items() <= next(one for one in listed if one["group"] == group).items()
    assert ops.types("dead-letters", "note", group).exit_code == 2
    nobodys = ops.types("dead-letters", "note", "00000000-0000-4000-8000-000000000000", "--note", "x")
    assert (nobodys.exit_code, "no dead letter is of the group" in str(nobodys.exception)) == (1, True)
