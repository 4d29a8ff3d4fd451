"""What the demo says at its end: every term of the loop, what it was worth, on one screen."""

from dataclasses import replace
from typing import Any

import pytest

from cli.demo_summary import document, last_screen, show, verdict
from demo.ledger import Balance
from demo.look import Snapshot
from demo.simulation import DemoResult, Made
from demo.size import DAYS, Size
from demo.terms import MEANING, OPEN, STEPS, terms
from demo.verdict import LOST, TOO_MUCH, TRUE, Course
from services.feedback.reports import LOST as LOST_IN_REPORT
from services.feedback.reports import OPEN as OPEN_IN_REPORT

BALANCE = Balance(sent=5_000, applied=4_800, repeated=100, refused=17, dead_lettered=33, waiting=50, faults=())
COURSE = Course(
    day=DAYS, seconds=640, slowest="", unread=(), reachable=900, unrecorded=30, letters={"conflict": 33}, refused=17
)
LOOP = {
    "issued": 1_000,
    "proposed": 940,
    "placed": 640,
    "attended": 600,
    "completed": 590,
    "discontinued": 1,
    "closed": 900,
    "withdrawn": 50,
    "lost": {
        "matching": {"no_activity_found": 70},
        "choice": {"not_chosen": 25},
        "place": {"full": 130, "closed": 5, "cancelled": 3, "unknown": 2},
        "attendance": {"never_attended": 40, "not_recorded": 20},
        "erased": {"lapsed": 15},
    },
    "open": {"matching": 20, "choice": 10, "place": 5, "attendance": 15},
}


def _told(course: Course = COURSE, balance: Balance = BALANCE, **loop: Any) -> DemoResult:
    return DemoResult(
        course=course,
        balance=balance,
        seen=Snapshot(loop=LOOP | loop, dead=dict(course.letters)),  # type: ignore[arg-type]
        faults=(Made("one id, two contents", 33, "dead letter conflict"),),
        imports_refused=(),
        refused_at_the_door={"422": 17},
        trace={},
        back_after=4.2,
    )


def test_the_terms_add_up_to_what_was_issued_and_each_says_what_it_means() -> None:
    assert sum(term.count for term in terms(LOOP)) == 1_000
    assert all(term.meaning for term in terms(LOOP))


def test_every_word_of_the_loop_report_has_a_meaning() -> None:
    """A report that gains a word would have a term that nobody reads."""
    assert {why for whys in LOST_IN_REPORT.values() for why in whys} | {"completed", "withdrawn"} == set(MEANING)
    assert set(OPEN_IN_REPORT) == set(OPEN)


def test_no_word_for_how_far_they_came_is_also_one_for_where_they_stand() -> None:
    """`closed` is in the loop report who was told the end, and who chose when enrolment was over."""
    assert set(MEANING) & set(STEPS.values()) == {"completed"}
    screen = last_screen(_told(), Size(), 90)
    assert [line for line in screen if "closed" in line] == ["    5 closed            chose when enrolment was over"]
    assert [line for line in screen if "waiting" in line] == [
        "  + 50 waiting = 5000; sent 5000",
        "  repeated: no effect; dead-lettered: kept with its reason; waiting: for another",
    ]
    assert " 1000 in all: each of 1000 referrals, once; of 900 the region was told the end" in screen
    assert "Of them 940 were offered activities, 640 had a place, 600 came to a session" in screen


def test_a_reader_can_add_up_the_terms_as_they_are_printed() -> None:
    lines = last_screen(_told(), Size(), 90)
    at = next(number for number, line in enumerate(lines) if "in all" in line)
    assert sum(int(line.split()[0]) for line in lines[1:at]) == int(lines[at].split()[0]) == 1_000


@pytest.mark.parametrize(
    "course",
    [
        COURSE,
        replace(COURSE, day=3.0, slowest="catalogue", reachable=9_000, unrecorded=1, unread=("x" * 200,)),
        replace(COURSE, running=tuple(f"{name} (1) still runs" for name in "abcdefgh")),
    ],
)
def test_the_end_of_the_summary_fits_a_screen_of_80_by_24(course: Course) -> None:
    lines = last_screen(_told(course, lost=LOOP["lost"] | {"erased": {"lapsed": 15}}), Size(), 123)  # type: ignore[operator]
    assert all(len(line) <= 80 for line in lines)
    # The shell's prompt takes a line; the empty one before the first may leave the screen.
    assert len(lines) - 1 <= 23


def test_a_run_in_which_all_adds_up_and_the_loop_is_true_ends_with_0() -> None:
    assert verdict(_told()).code == TRUE
    assert last_screen(_told(), Size(), 90)[-1] == "All adds up, and the loop is true. 90 s in all."


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (_told(placed=0), "hardly anybody was placed: 0 of 900"),
        (_told(course=replace(COURSE, day=12.0, slowest="notify")), "came to day 12.0 of 30 in 640 s, notify lagged"),
        (_told(course=replace(COURSE, unrecorded=19)), "not recorded: 20"),
        (_told(course=replace(COURSE, unread=("notify has 3 events still to read",))), "notify has 3 events"),
    ],
)
def test_a_machine_that_cannot_carry_it_is_told_so_and_what_to_try(result: DemoResult, why: str) -> None:
    screen = "\n".join(last_screen(result, Size(), 90))
    assert verdict(result).code == TOO_MUCH
    assert why in screen
    assert "Nothing is lost" in screen
    assert "--referrals 333, --seconds 192" in screen


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (_told(balance=replace(BALANCE, faults=("a is in_flight",))), "a is in_flight"),
        (_told(balance=replace(BALANCE, applied=4_799)), "4999 events are accounted for, 5000 were sent"),
        (_told(issued=1_001), "1001 referrals were issued, the loop's terms add up to 1000"),
        (_told(course=replace(COURSE, running=("notify (7) still runs",))), "notify (7) still runs"),
        (_told(course=replace(COURSE, refused=16)), "refused at the door: 17, meant were 16"),
        (_told(placed=0, issued=1_001), "1001 referrals were issued"),
    ],
)
def test_what_is_lost_ends_with_1_on_any_machine(result: DemoResult, why: str) -> None:
    assert verdict(result).code == LOST
    assert why in "\n".join(last_screen(result, Size(), 90))
    assert "It does NOT add up" in last_screen(result, Size(), 90)[-1]


def test_events_that_are_still_to_be_read_are_not_lost() -> None:
    """On a machine that was too slow they are in flight: that they never come can't be known."""
    course = replace(COURSE, unread=("notify has 3 events still to read",))
    assert verdict(_told(course, replace(BALANCE, faults=("a is in_flight",)))).code == TOO_MUCH


def test_a_dead_letter_that_no_fault_on_purpose_explains_does_not_add_up() -> None:
    result = _told()
    odd = replace(result, seen=replace(result.seen, dead=result.seen.dead | {"rejected": 2}))  # type: ignore[arg-type]
    assert verdict(odd).lines == ("dead letters rejected: 2 more than meant",)
    # What nobody answered was sent again, and may have landed twice.
    assert verdict(replace(odd, course=replace(COURSE, twice=2))).code == TRUE


@pytest.mark.parametrize("type_", ["fi.kulttuurilahete.ReferralIssued.v1", "ReferralIssued", "", None])
def test_a_trace_is_shown_whatever_class_stands_in_it(type_: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    event = {"time": None, "source": "/region/06", "type": type_, "outcome": "applied", "codes": None}
    folded = event | {"source": "/service/catalogue", "machinery": True}
    show(replace(_told(), trace={"referral_id": "r-1", "events": [event | {"machinery": False}, folded]}), Size(), 90)
    shown = capsys.readouterr().out
    assert "/region/06" in shown
    assert "/service/catalogue" not in shown


def test_the_same_stands_in_the_json() -> None:
    found = document(_told(placed=0), 90)
    assert found["exit_code"] == TOO_MUCH
    assert sum(found["terms"].values()) == found["loop"]["issued"] == 1_000
