"""What `lahete status` and `lahete trace` show of what the services answer."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app, main
from deploy.local.keys import OPS
from deploy.local.state import Run, anchored_clock, claim, open_folder, write_run
from shared.private import write_private

BREAKER = "the circuit breaker is open: handlers failed at 20 of the last 40 aggregates (ActivityChosen 20); 3 events were dead-lettered"
REFERRAL = "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"
LETTER = {"dl_id": "d1", "reason": "rejected", "error": "no consent for it"}

NOTHING: dict[str, Any] = {
    "referral_id": REFERRAL,
    "standing": None,
    **{name: [] for name in ("events", "dead_letters", "deliveries", "looks", "more", "silent")},
}
_AWAITED = {
    "what": "confirmation",
    "concerns": "/opisto/tampere",
    "since": "2026-09-01T08:00:00Z",
    "due_at": "2026-09-08T08:00:00Z",
    "late": True,
    "reminders": 1,
}
_TYPE = "fi.kulttuurilahete."


def event(id_: str, name: str, *, machinery: bool = False, delay: float | None = None, **codes: str) -> dict[str, Any]:
    said = {"time": "2026-09-01T08:00:00Z", "source": "/service/catalogue", "type": f"{_TYPE}{name}.v1", "id": id_}
    return said | {"outcome": None, "delay_seconds": delay, "codes": codes, "machinery": machinery}


def delivery(name: str, to: str | None, about: str | None, *, machinery: bool = False) -> dict[str, Any]:
    said = {"type": f"{_TYPE}Notification{name}.v1", "recorded_at": "2026-09-01T08:00:01Z", "causationid": "q"}
    return said | {"to": to, "about": about, "machinery": machinery}


WHOLE = NOTHING | {
    "standing": {"status": "requested", "closed": False, "awaited": _AWAITED},
    "events": [
        event("p-1", "PlaceReserved", delay=0.25, reason="\x1b[2Jfull"),
        event("m-1", "MatchingEnded", machinery=True),
    ],
    "deliveries": [
        delivery("Queued", None, "p-1", machinery=True),
        delivery("Delivered", "/region/06", "p-1"),
        delivery("Failed", "/opisto/x", "p-1"),
        delivery("Delivered", "/region/07", None),
    ],
    "looks": [
        {
            "recorded_at": "2026-09-02T08:00:00Z",
            "who": "ops:anna",
            "action": "trace",
            "ground": "operations",
            "allowed": True,
        },
        {
            "recorded_at": "2026-09-01T08:00:00Z",
            "who": "/region/07",
            "action": "read",
            "ground": "none",
            "allowed": False,
        },
    ],
    "more": [{"source": "/opisto/x", "name": None}],
    "silent": ["feedback"],
}
SAID = [
    (
        "it stands at requested, not closed; confirmation is awaited from /opisto/tampere since 2026-09-01T08:00:00Z, "
        "until 2026-09-08T08:00:00Z, late; reminders: 1"
    ),
    "NotificationDelivered.v1 2026-09-01T08:00:01Z to /region/07 because of q",
    "looked: 2026-09-02T08:00:00Z ops:anna trace (operations)",
    "looked: 2026-09-01T08:00:00Z /region/07 read (denied)",
    "/opisto/x said more than is shown: the first and the last stand here",
    "feedback does not answer what became of its events",
    "steps between services are folded away: MatchingEnded.v1 1, NotificationQueued.v1 1; --all shows them",
]


@contextmanager
def answering(answers: dict[str, tuple[int, Any]]) -> Iterator[str]:
    """A service that answers each path as it is told; its URL."""

    class AnswerHandler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, document = answers.get(self.path, (404, {"detail": f"nothing is known by {self.path}"}))
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), AnswerHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@contextmanager
def run_of(folder: Path, **urls: str) -> Iterator[tuple[str, str]]:
    """A folder in which those services run, as far as others can see; what names it to a verb."""
    one = open_folder(folder)
    write_private(one.keys, json.dumps({OPS: "key"}))
    with claim(one):
        pids = dict.fromkeys(("supervisor", *urls), os.getpid())
        write_run(one, Run("127.0.0.1:1", "sqlite", urls, pids, anchored_clock(one, "")))
        yield "--dir", str(folder)


def test_status_shows_why_a_service_is_not_ready(tmp_path: Path) -> None:
    stopped = {"/health/ready": (503, {"ready": False, "missing": [BREAKER]})}
    fine = {"/health/ready": (200, {"ready": True, "missing": []})}
    with (
        answering(stopped) as referral,
        answering(fine) as notify,
        run_of(tmp_path, referral=referral, notify=notify, feedback="http://127.0.0.1:1") as at,
    ):
        shown = CliRunner().invoke(app, ["status", *at])
        document = json.loads(CliRunner().invoke(app, ["status", "--json", *at]).stdout)
    assert shown.exit_code == 1
    said = [line for line in shown.stdout.splitlines() if " is not ready: " in line]
    assert said == [f"referral is not ready: {BREAKER}", "feedback is not ready: it does not answer"]
    missing = {one["name"]: (one["ready"], one["missing"]) for one in document["processes"]}
    assert missing["referral"] == (False, [BREAKER])
    assert missing["notify"] == (True, [])
    assert missing["supervisor"] == (None, [])


@pytest.mark.parametrize(
    ("state", "attempts", "line"),
    [
        ("open", 1, "dead letter d1 is open, tried once: rejected: no consent for it"),
        ("resolved", 2, "dead letter d1 is resolved, tried 2 times: rejected: no consent for it"),
    ],
)
def test_a_trace_shows_a_dead_letter_as_it_stands(state: str, attempts: int, line: str, tmp_path: Path) -> None:
    trace = NOTHING | {"dead_letters": [LETTER | {"state": state, "attempts": attempts}]}
    with answering({"/v1/traces/e-77": (200, trace)}) as monitor, run_of(tmp_path, monitor=monitor) as at:
        shown = CliRunner().invoke(app, ["trace", "e-77", *at])
    assert shown.exit_code == 0
    assert line in shown.stdout.splitlines()


def test_lag_and_status_from_afar_say_how_each_service_keeps_up(tmp_path: Path) -> None:
    behind = {
        "service": "referral",
        "topic": "intake.http",
        "partition": 0,
        "lag": 3,
        "seconds": 70.0,
        "state": "stall",
    }
    read = {**behind, "partition": 1, "lag": 0, "seconds": 0.0, "state": "ok"}
    lag = {"groups": [behind, read], "services": [{"service": "referral", "state": "stall"}]}
    answers: dict[str, tuple[int, Any]] = {"/v1/lag": (200, lag), "/health/ready": (200, {"missing": []})}
    key = tmp_path / "key"
    key.write_text("key")
    with answering(answers) as url:
        asked = [CliRunner().invoke(app, [verb, "--url", url, "--key-file", str(key)]) for verb in ("lag", "status")]
    shown = [one.stdout.splitlines()[-1].split() for one in asked]
    assert shown == [["referral", "intake.http", "0", "3", "70.0", "stall"], ["referral", "3", "stall"]]


@pytest.mark.parametrize(
    "verb",
    [["status"], ["lag"], ["trace", "e-77"], ["dead-letters", "list"], ["dead-letters", "show", "d1"]],
    ids=" ".join,
)
def test_who_names_a_door_where_the_monitor_is_meant_is_told(
    verb: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key").write_text("key")
    with answering({"/health/ready": (200, {"ready": True, "missing": []})}) as door, pytest.raises(SystemExit) as end:
        main([*verb, "--url", door, "--key-file", str(tmp_path / "key")])
    assert end.value.code == 1
    told = f"lahete: what answers at {door} is not the monitor: --url or LAHETE_URL names the monitor's address here\n"
    assert capsys.readouterr().err == told


def test_what_the_monitor_does_not_know_is_its_own_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "key").write_text("key")
    with answering({"/v1/lag": (200, {"groups": []})}) as monitor, pytest.raises(SystemExit):
        main(["trace", "e-77", "--url", monitor, "--key-file", str(tmp_path / "key")])
    assert capsys.readouterr().err == "lahete: nothing is known by /v1/traces/e-77\n"


@pytest.mark.parametrize("verb", [["status"], ["lag"], ["trace", "e-77"], ["dead-letters", "list"]], ids=" ".join)
@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"status": "fine"}, "the answer has no '"),
        ({"groups": [{}], "dead_letters": [{}], "events": [{}], "referral_id": None}, "the answer has no '"),
        ([], "without an object: it is not the monitor"),
        ("fine", "without an object"),
    ],
)
def test_what_answers_in_json_and_is_no_monitor_is_one_line(
    document: Any, said: str, verb: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key").write_text("key")
    paths = ("/health/ready", "/v1/lag", "/v1/traces/e-77", "/v1/dead-letters")
    with answering(dict.fromkeys(paths, (200, document))) as other, pytest.raises(SystemExit) as end:
        main([*verb, "--url", other, "--key-file", str(tmp_path / "key")])
    complained = capsys.readouterr().err
    assert (end.value.code, complained.count("\n")) == (1, 1)
    assert said in complained


@pytest.mark.parametrize("verb", [["trace"], ["dead-letters", "show"], ["dead-letters", "undo-discard"]], ids=" ".join)
@pytest.mark.parametrize("none", ["", ".", ".."])
def test_an_id_that_can_be_none_is_wrong_use(verb: list[str], none: str, tmp_path: Path) -> None:
    with answering({}) as monitor, run_of(tmp_path, monitor=monitor) as at:
        refused = CliRunner().invoke(app, [*verb, none, *at])
    assert refused.exit_code == 2
    assert f"{none!r} is no id" in refused.output


def test_only_a_service_is_restarted(tmp_path: Path) -> None:
    with run_of(tmp_path, referral="http://127.0.0.1:1") as at:
        refused = CliRunner().invoke(app, ["restart", "supervisor", *at])
    assert refused.exit_code == 2


def test_a_trace_shows_delays_who_was_told_what_is_awaited_and_who_looked_with_machinery_folded(tmp_path: Path) -> None:
    with answering({"/v1/traces/p-1": (200, WHOLE)}) as monitor, run_of(tmp_path, monitor=monitor) as at:
        folded, whole = (CliRunner().invoke(app, ["trace", "p-1", *at, *more]) for more in ((), ("--all",)))
        document = json.loads(CliRunner().invoke(app, ["trace", "p-1", *at, "--json"]).stdout)
    rows = [line.split("\t") for line in folded.stdout.splitlines() if "\t" in line]
    told = "/region/06 /opisto/x, in vain"
    first = ["2026-09-01T08:00:00Z", "+0.250 s", "/service/catalogue", "PlaceReserved.v1", "p-1", "", told]
    assert rows[1:] == [[*first, "reason=\\x1b[2Jfull"]], "nothing from outside steers the terminal"
    assert [line for line in folded.stdout.splitlines() if "\t" not in line] == SAID
    assert "MatchingEnded.v1\tm-1" in whole.stdout
    assert "folded" not in whole.stdout
    assert document == WHOLE


def test_what_is_held_is_found_with_where_it_leads(tmp_path: Path) -> None:
    found = {
        "referrals": [{"referral_id": REFERRAL, "by": "code", "where": f"/v1/traces/{REFERRAL}"}],
        "events": [event("e-1", "ReferralIssued") | {"outcome": "applied", "where": "/v1/events/e-1?source=x"}],
        "dead_letters": [{"dl_id": "d1", "service": "referral", "state": "open", "reason": "invalid", "where": "/d"}],
        "activities": [
            {
                "organiser": "/opisto/tampere",
                "activity_id": "choir",
                "events": 2,
                "last_at": "2026-09-01T08:00:00Z",
                "cancelled": False,
                "placed": 3,
                "where": "/v1/traces/choir",
            }
        ],
        "silent": ["referral"],
    }
    address = "/v1/found?q=dkgd+m5f8+qk4v"
    here: dict[str, tuple[int, Any]] = {"/v1/lag": (200, {"groups": []})}
    with answering({address: (200, found), **here}) as monitor, run_of(tmp_path, monitor=monitor) as at:
        shown = CliRunner().invoke(app, ["find", "dkgd", "m5f8", "qk4v", *at])
        missed = CliRunner().invoke(app, ["find", "x", *at], standalone_mode=False)
    assert [line.split("\t") for line in shown.stdout.splitlines()[1:]] == [
        ["referral", REFERRAL, "", "by its code", f"/v1/traces/{REFERRAL}"],
        ["ReferralIssued.v1", "e-1", "/service/catalogue", "applied", "/v1/events/e-1?source=x"],
        ["dead letter", "d1", "referral", "open: invalid", "/d"],
        [
            "activity",
            "choir",
            "/opisto/tampere",
            "published; 3 hold a place; 2 events, the last 2026-09-01T08:00:00Z",
            "/v1/traces/choir",
        ],
    ]
    assert "referral does not answer" in shown.stderr
    assert "nothing is known by" in str(missed.exception)


def test_what_is_late_is_shown_with_whom_it_waits_for_and_counted_in_people(tmp_path: Path) -> None:
    referral: dict[str, Any] = {
        "late_id": REFERRAL,
        "referral_id": REFERRAL,
        "event": None,
        "status": "proposed",
        "activity": None,
        "what": "choice",
        "concerns": "/region/06",
        "since": "2026-09-01T08:00:00Z",
        "due_at": "2026-09-15T08:00:00Z",
        "reminders": 1,
        "session_at": None,
        "care": {"owner": "ops:anna", "note": "Called.", "by": "ops:anna", "time": "2026-09-16T08:00:00Z"},
    }
    waiting = {
        "source": "/opisto/tampere",
        "id": "att-1",
        "type": "fi.kulttuurilahete.ActivityAttended.v1",
        "service": "referral",
        "waits_for": "its referral",
        "leaves_at": "2026-10-01T08:00:00Z",
    }
    event = {**referral, "event": waiting, "what": "event", "concerns": "/opisto/tampere", "reminders": 0, "care": None}
    place = {
        **referral,
        "what": "place_without_referral",
        "concerns": "/service/catalogue",
        "reminders": 0,
        "activity": {"organiser": "/opisto/tampere", "activity_id": "choir"},
    }
    counted = {"referrals": 2, "events": 1, "more": False, "session_within_a_week": 0}
    found = {"counted": counted, "overdue": [referral, event, place], "next": "2.0~x"}
    here: dict[str, tuple[int, Any]] = {"/v1/lag": (200, {"groups": []})}
    with (
        answering({"/v1/overdue?what=choice": (200, found), **here}) as monitor,
        run_of(tmp_path, monitor=monitor) as at,
    ):
        shown = CliRunner().invoke(app, ["overdue", "--what", "choice", *at])
    rows = [line.split("\t") for line in shown.stdout.splitlines()[1:]]
    assert rows[0] == ["2026-09-15T08:00:00Z", "choice", "/region/06", "1", REFERRAL, "", "ops:anna", "Called."]
    assert rows[1][1:5] == ["ActivityAttended.v1", "/opisto/tampere", "0", "att-1 waits for its referral"]
    assert rows[2][1] == "place_without_referral"
    assert rows[2][4] == f"{REFERRAL} at /opisto/tampere choir"
    assert rows[3] == ["2 referrals, 0 with a session within a week; 1 events"]
    assert "the oldest 3" in shown.stderr


def test_who_has_not_read_its_feed_is_shown(tmp_path: Path) -> None:
    never = {
        "partner": "/opisto/tampere",
        "laid": 3,
        "read": 0,
        "behind": 3,
        "laid_at": "2026-09-02T08:00:00Z",
        "looked_at": None,
        "unread_since": "2026-09-01T08:00:00Z",
    }
    here: dict[str, tuple[int, Any]] = {"/v1/lag": (200, {"groups": []})}
    found = {"readers": [never], "next": None}
    with answering({"/v1/readers?limit=500": (200, found), **here}) as monitor, run_of(tmp_path, monitor=monitor) as at:
        shown = CliRunner().invoke(app, ["readers", *at])
    assert shown.stdout.splitlines()[1].split("\t") == ["/opisto/tampere", "3", "2026-09-01T08:00:00Z", "", "3", "0"]


def test_who_is_silent_is_shown_and_of_one_sender_what_came(tmp_path: Path) -> None:
    silent = {
        "sender": "/region/06",
        "usual": "silent",
        "last_at": "2026-09-01T08:00:00Z",
        "today": 0,
        "week": 3,
        "repeated": 2,
    }
    sender = {**silent, "refused": 1, "ahead_seconds": 0.0, "chance": 0.0}
    sent = {"day": "2026-09-01", "type": "ReferralIssued", "events": 3, "repeated": 2, "refused": 1, "hours": [0] * 24}
    answers: dict[str, tuple[int, Any]] = {
        "/v1/lag": (200, {"groups": []}),
        "/v1/senders": (200, {"senders": [sender]}),
        "/v1/senders/region/06": (200, {"sender": "/region/06", "sent": [sent]}),
    }
    with answering(answers) as monitor, run_of(tmp_path, monitor=monitor) as at:
        everybody = CliRunner().invoke(app, ["senders", *at])
        one = CliRunner().invoke(app, ["senders", "/region/06", *at])
    assert everybody.stdout.splitlines()[1].split("\t") == [
        *("/region/06", "silent", "2026-09-01T08:00:00Z", "0", "3", "2", "1", "0.0")
    ]
    assert one.stdout.splitlines()[1].split("\t") == ["2026-09-01", "ReferralIssued", "3", "2", "1"]


def test_what_a_sender_did_wrong_is_shown_and_a_text_about_it_to_copy(tmp_path: Path) -> None:
    municipality = {
        "type": "ReferralIssued",
        "reason": "invalid",
        "pointer": "/data/municipality",
        "error": "no municipality has the code …",
        "count": 12,
        "first": "2026-09-01T08:00:00Z",
        "last": "2026-09-02T08:00:00Z",
    }
    said = {"violations": [municipality], "others": {"faults": 2, "count": 5}, "texts": {"sv": "Ett\n\nTv\u202eå\n"}}
    answers: dict[str, tuple[int, Any]] = {
        "/v1/lag": (200, {"groups": []}),
        "/v1/senders/region/06/violations": (200, said),
    }
    with answering(answers) as monitor, run_of(tmp_path, monitor=monitor) as at:
        listed = CliRunner().invoke(app, ["senders", "/region/06", "--violations", *at])
        text = CliRunner().invoke(app, ["senders", "/region/06", "--text", "sv", *at])
        of_whom = CliRunner().invoke(app, ["senders", "--violations", *at])
    assert listed.stdout.splitlines()[1].split("\t")[:4] == ["12", "ReferralIssued", "invalid", "/data/municipality"]
    assert "5 dead letters of 2 further faults" in listed.stderr
    assert text.stdout == "Ett\n\nTv\\u202eå\n"
    assert (of_whom.exit_code, "name the sender" in of_whom.stderr) == (2, True)


def test_a_sender_is_told_in_its_feed_what_it_did_wrong_once_somebody_has_agreed(tmp_path: Path) -> None:
    path = "/v1/senders/region/06/violations"
    told = {"sender": "/region/06", "violations": 1, "again_at": "2026-09-20T21:00:00Z"}
    answers: dict[str, tuple[int, Any]] = {
        "/v1/lag": (200, {"groups": []}),
        path: (200, {"sender": "/region/06", "violations": [{}]}),
        f"{path}/report": (202, told),
    }
    with answering(answers) as monitor, run_of(tmp_path, monitor=monitor) as at:
        unasked = CliRunner().invoke(app, ["senders", "/region/06", "--tell", *at])
        agreed = CliRunner().invoke(app, ["senders", "/region/06", "--tell", "--yes", *at])
    assert (unasked.exit_code, "say --yes" in unasked.stderr) == (2, True)
    assert agreed.stdout == "/region/06 is told of 1 violations, again from 2026-09-20T21:00:00Z on\n"
