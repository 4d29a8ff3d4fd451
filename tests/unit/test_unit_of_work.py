"""One document in hand: what it knows, what follows from it under which id, and as what it is kept."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from aiokafka import ConsumerRecord
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from shared.contracts import every_service_events, referral_events
from shared.contracts.dead_letter import DeadLetter
from shared.contracts.identity import following_id
from shared.engine.model import Decision, Document, Follow, OutEvent, Rejected, Waits
from shared.engine.outbox import refusal
from shared.engine.receive import RoutedEvent, receive
from shared.engine.unit_of_work import APPLIED_BEFORE, CONFLICT, MAX_EARLY, REPETITION, UnitOfWork
from shared.store.interface import Outcome
from tests.integration.engine_world import (
    NOW,
    OPISTO,
    REGION,
    TALLIES,
    TERM,
    Given,
    MemoryLog,
    Tally,
    choose,
    issue,
    read_document,
    referral,
    table,
    withdraw,
)

TABLE = table(Given())
LEAVES = NOW + timedelta(days=30)


def unit(**parts: Any) -> UnitOfWork:
    return UnitOfWork("referral", TALLIES, referral(1), 3, Document(**parts))


def routed(record: ConsumerRecord[bytes, bytes] | None = None, attempt: int = 0) -> RoutedEvent:
    received = receive(record or MemoryLog().event(choose("a"), id="x"), TABLE, NOW)
    assert isinstance(received, RoutedEvent)
    return replace(received, attempt=attempt)


def seen(attempt: int = 0, outcome: str = "applied", *, of: RoutedEvent | None = None) -> Outcome:
    event = (of or routed()).event
    return Outcome(event.source, event.id, attempt, event.digest, outcome)


def wanted(activity: str, number: int = 1) -> referral_events.PlaceRequested:
    return referral_events.PlaceRequested(
        referral_id=referral(number), organiser=OPISTO, activity_id=activity, number=1, request="x", requested_at=NOW
    )


def published(of: UnitOfWork) -> list[OutEvent]:
    return [out for out in of.document.outbox if isinstance(out, OutEvent)]


# --- what is known


@pytest.mark.parametrize(
    ("remembered", "attempt", "known"),
    [
        ([], 0, None),
        ([(0, "applied")], 0, REPETITION),
        ([(0, "rejected")], 0, REPETITION),
        ([(0, "handler_failed")], 0, REPETITION),
        ([(0, "rejected")], 1, None),
        ([(0, "applied")], 1, APPLIED_BEFORE),
        ([(0, "rejected"), (1, "applied")], 2, APPLIED_BEFORE),
        ([(0, "rejected"), (1, "handler_failed")], 1, REPETITION),
        ([(1, "rejected")], 0, REPETITION),
    ],
)
def test_an_event_is_known_under_its_attempt_or_a_later_one_and_under_any_that_was_applied(
    remembered: list[tuple[int, str]], attempt: int, known: str | None
) -> None:
    in_document = unit(recent_outcomes=[seen(*one) for one in remembered])
    assert in_document.known_as(routed(attempt=attempt), {}) == known
    kept = in_document.document.recent_outcomes
    assert unit().known_as(routed(attempt=attempt), {(REGION, "x"): kept}) == known


@pytest.mark.parametrize("attempt", [0, 1, 2])
def test_another_content_under_the_same_id_is_a_conflict_under_every_attempt(attempt: int) -> None:
    other = routed(MemoryLog().event(choose("b"), id="x"), attempt)
    assert unit(recent_outcomes=[seen()]).known_as(other, {}) == CONFLICT
    assert unit(recent_outcomes=[seen(1, "rejected")]).known_as(other, {}) == CONFLICT


def test_the_same_id_of_another_source_or_another_event_is_not_known() -> None:
    others = [replace(seen(), source="/region/02"), replace(seen(), id="y")]
    assert unit(recent_outcomes=others).known_as(routed(), {}) is None


# --- what follows


def test_what_follows_has_an_id_from_its_cause_its_aggregate_and_its_natural_key() -> None:
    cause = routed().event
    one = unit()
    one.apply(Decision(Tally(), [Follow(wanted("a"), "a"), Follow(wanted("b"), "b")]), cause, NOW)
    aggregate = f"tallies/{referral(1)}"
    assert [out.attributes["id"] for out in published(one)] == [
        following_id("referral", aggregate, (REGION, "x"), "PlaceRequested", key) for key in ("a", "b")
    ]


def test_its_place_in_the_list_does_not_change_its_id() -> None:
    cause = routed().event
    one, other = unit(), unit()
    one.apply(Decision(Tally(), [Follow(wanted("a"), "a"), Follow(wanted("b"), "b")]), cause, NOW)
    other.apply(Decision(Tally(), [Follow(wanted("b"), "b")]), cause, NOW)
    assert published(one)[1].attributes["id"] == published(other)[0].attributes["id"]


@settings(derandomize=True)
@given(st.lists(st.tuples(*[st.text("ab/\x1f", max_size=3)] * 4), min_size=2, max_size=6, unique=True))
def test_other_causes_give_other_ids(causes: list[tuple[str, str, str, str]]) -> None:
    plain = [cause for cause in causes if not any("\x1f" in part for part in cause)]
    ids = {following_id("referral", one, (two, three), "PlaceRequested", four) for one, two, three, four in plain}
    assert len(ids) == len(plain)


def test_it_carries_cause_correlation_trace_and_synthetic_on() -> None:
    cause = replace(routed().event, traceparent="00-trace", synthetic=True)
    one = unit()
    one.apply(Decision(Tally(), [Follow(wanted("a"))]), cause, NOW)
    [out] = published(one)
    assert out.attributes["causationid"] == "x"
    assert out.attributes["correlationid"] == referral(1)
    assert out.attributes["traceparent"] == "00-trace"
    assert out.attributes["synthetic"] == "true"
    assert (out.topic, out.key) == ("referral.events", referral(1))


def test_what_says_nothing_but_to_look_anew_goes_out_once() -> None:
    one = unit()
    for cause in ("x", "y"):
        poke = [Follow(wanted("a", number), once=True) for number in (1, 2)]
        event = replace(routed().event, id=cause)
        one.apply(Decision(Tally(), [*poke, Follow(wanted(cause, 3))]), event, NOW)
    assert [out.key for out in published(one)] == [referral(number) for number in (1, 2, 3, 3)]
    one.document.outbox = []
    one.apply(Decision(Tally(), [Follow(wanted("a"), once=True)]), routed().event, NOW)
    assert [out.key for out in published(one)] == [referral(1)]


def test_it_joins_the_outbox_behind_what_is_still_in_it() -> None:
    one = unit()
    for activity in ("a", "b", "c"):
        one.apply(Decision(Tally(), [Follow(wanted(activity), activity)]), routed().event, NOW)
    assert [msgspec.json.decode(out.data)["activity_id"] for out in published(one)] == ["a", "b", "c"]


def test_a_decision_whose_follow_up_is_too_large_changes_nothing() -> None:
    one = unit()
    large = wanted("a").model_copy(update={"request": "x" * 70_000})
    with pytest.raises(ValueError, match="65536 are allowed"):
        one.apply(Decision(Tally(open=True), [Follow(wanted("b"), "b"), Follow(large, "a")]), routed().event, NOW)
    assert one.document == Document()


def test_the_partner_is_told_what_was_refused_and_never_what_it_said() -> None:
    record = MemoryLog().event(issue(), id="x")
    letter = DeadLetter("letter", "referral", "rejected", "no", routed(record).original, 1)
    [_, out] = refusal(letter, NOW)
    assert isinstance(out, OutEvent)
    data = every_service_events.EventRefused.model_validate_json(bytes(out.data))
    assert (data.sender, data.event_id, data.reason, data.errors) == (REGION, "x", "rejected", ("no",))
    assert b"unit-17" not in bytes(out.data)


# --- what waits


def test_what_waits_is_bounded_in_count() -> None:
    one, log = unit(), MemoryLog()
    answers = [one.keep_early(routed(log.event(choose("a"))), Waits("ReferralIssued"), LEAVES) for _ in range(66)]
    assert answers[:MAX_EARLY] == [None] * MAX_EARLY
    assert all(isinstance(answer, Rejected) for answer in answers[MAX_EARLY:])
    assert len(one.document.early) == MAX_EARLY


def test_what_one_sender_lets_wait_leaves_room_for_everybody_else() -> None:
    one, log = unit(), MemoryLog()
    for _ in range(70):
        one.keep_early(routed(log.event(choose("a"), source="/region/01")), Waits("ReferralIssued"), LEAVES)
    assert one.keep_early(routed(log.event(choose("a"))), Waits("ReferralIssued"), LEAVES) is None
    assert len(one.document.early) == MAX_EARLY + 1


def test_what_waits_survives_being_kept() -> None:
    record = MemoryLog().raw("intake.http", b"\xff\x00", b"\x00\xff", [("binary", b"\xfe"), ("none", None)])
    odd = replace(routed(), original=replace_original(routed(), record))
    one = unit()
    one.keep_early(odd, Waits("ReferralIssued"), LEAVES)
    [early] = read_document(one.row(1.0)).early
    assert early.original == odd.original


def replace_original(of: RoutedEvent, record: ConsumerRecord[bytes, bytes]) -> Any:
    parts = {"key": record.key, "value": record.value, "headers": list(record.headers)}
    return replace(of.original, **parts)


# --- as it is kept


@pytest.mark.parametrize("recent_outcomes", [0, 1, 64])
def test_the_recent_outcomes_are_trimmed_when_they_are_cleared_and_not_when_they_are_saved(
    recent_outcomes: int,
) -> None:
    one = unit(recent_outcomes=[seen(number) for number in range(70)], spilled=5)
    assert len(read_document(one.row(1.0)).recent_outcomes) == 70
    cleared = read_document(one.cleared_row(recent_outcomes))
    assert [kept.attempt for kept in cleared.recent_outcomes] == list(range(70 - recent_outcomes, 70))
    assert cleared.spilled == 75 - recent_outcomes
    assert [kept.outcome.attempt for kept in one.for_inbox(recent_outcomes)] == list(range(70 - recent_outcomes))


def test_a_save_makes_the_next_version_and_a_clearing_none() -> None:
    assert unit().row(1.0).version == 4
    assert unit().cleared_row(64).version == 3


def test_the_age_of_the_outbox_is_that_of_its_oldest_entry() -> None:
    one = unit()
    assert one.row(1.0).fields["outbox_since"] is None
    one.apply(Decision(Tally(), [Follow(wanted("a"))]), routed().event, NOW)
    assert one.row(1.0).fields["outbox_since"] == 1.0
    assert one.row(2.0).fields["outbox_since"] == 1.0
    assert one.cleared_row(64).fields["outbox_since"] is None


def test_it_is_due_at_the_first_of_its_deadlines_or_when_the_first_that_waits_leaves() -> None:
    one = unit(state=Tally(awaited=NOW + TERM))
    one.keep_early(routed(), Waits("ReferralIssued"), NOW + timedelta(days=1))
    assert one.row(1.0).fields["due_at"] == (NOW + timedelta(days=1)).timestamp()
    assert unit(state=Tally(awaited=NOW + TERM)).row(1.0).fields["due_at"] == (NOW + TERM).timestamp()
    assert unit(state=Tally()).row(1.0).fields["due_at"] is None


def test_what_is_erased_is_due_never_and_keeps_no_digest_nor_what_waited() -> None:
    one = unit(state=Tally(awaited=NOW + TERM), recent_outcomes=[seen()])
    one.keep_early(routed(MemoryLog().event(choose("b"))), Waits("ReferralIssued"), LEAVES)
    erasure = routed(MemoryLog().event(withdraw("consent_withdrawn"), id="w"))
    one.apply(Decision(Tally(awaited=NOW), erase=True), erasure.event, NOW)
    one.remember(erasure, "applied")
    kept = read_document(one.row(1.0))
    assert (kept.erased, kept.early, {outcome.digest for outcome in kept.recent_outcomes}) == (True, [], {""})
    assert [outcome.id for outcome in kept.recent_outcomes] == ["x", "e1", "w"]
    assert one.row(1.0).fields["due_at"] is None
