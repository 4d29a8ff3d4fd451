"""PROTOCOL.md, rule by rule, on every store and a wire in memory. Each test fails where its rule is left out."""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.contracts.errors import Invalid
from shared.contracts.identity import dead_letter_id, derived_id
from shared.engine import batch as engine
from shared.engine.batch import Processor
from shared.engine.fuse import FuseOpen
from shared.engine.publish import BrokerUnavailable
from shared.store import Row, StoreUnavailable
from tests.integration.engine_world import (
    COLLECTION,
    NOW,
    OPISTO,
    REGION,
    TALLIES,
    TERM,
    Crash,
    World,
    attend,
    choose,
    header,
    issue,
    referral,
    silence,
    watched,
    withdraw,
)

pytestmark = pytest.mark.asyncio
LATER = timedelta(hours=1)


# --- what is remembered


async def test_a_repetition_has_no_second_effect_and_its_follow_ups_keep_their_ids(world: World) -> None:
    records = [world.log.event(issue()), world.log.event(choose("a:b"))]
    await world.take(*records)
    told = world.wire.follow_ups()
    for _ in range(3):
        await world.take(*records)
    assert await world.applied() == ["e1", "e2"]
    assert world.wire.follow_ups() == told
    assert len(told) == 3


async def test_a_repetition_within_one_batch_is_recognised_too(world: World) -> None:
    record = world.log.event(issue())
    await world.take(record, record, record)
    assert await world.applied() == ["e1"]


async def test_a_repetition_is_recognised_long_after_it_left_the_ring(world: World) -> None:
    first = world.log.event(issue())
    await world.take(first)
    others = [world.log.event(attend(str(number))) for number in range(70)]
    for start in range(0, 70, 7):
        await world.take(*others[start : start + 7])
    document = await world.document()
    assert len(document.ring) == world.ring
    assert document.spilled == 71 - world.ring
    version = await world.version()
    await world.take(first, *others)
    assert len(await world.applied()) == 71
    assert await world.version() == version


async def test_the_same_id_of_another_sender_is_another_event(world: World) -> None:
    await world.take(world.log.event(issue(), id="same"))
    other = world.log.event(attend("1"), id="same")
    await world.take(other)
    assert await world.applied() == ["same", "same"]
    assert world.wire.letters() == []


async def test_the_ring_is_saved_untrimmed_so_that_an_outcome_is_always_in_one_of_the_two(world: World) -> None:
    """A crash right after the save: the inbox holds nothing yet, so the document must hold all."""
    records = [world.log.event(issue()), world.log.event(attend("1"))]
    await world.crash("saved", *records)
    assert [seen.id for seen in (await world.document()).ring] == ["e1", "e2"]
    await world.take(*records)
    assert await world.applied() == ["e1", "e2"]


async def test_the_inbox_is_asked_after_the_load(world: World) -> None:
    """Between the two, who saved moves its overflow and clears: the outcome must be found in one or the other."""
    record, other = world.log.event(issue()), world.log.event(attend("1"))
    await world.take(other)
    first, second = await world.processor(ring=0), await world.processor(ring=0)

    async def save_only() -> None:
        world.wire.down = True
        with pytest.raises(BrokerUnavailable):
            await first.process(first.receive([record]))
        world.wire.down = False

    async def move_the_overflow() -> None:
        await first.sweep(time.time() + 1)

    await save_only()
    watched(second).after["load"] = move_the_overflow
    watched(second).after["recall"] = move_the_overflow
    await world.take(record, by=second)
    assert await world.applied() == ["e2", "e1"]


async def test_the_inbox_is_not_asked_for_a_document_that_never_spilled(world: World) -> None:
    await world.take(world.log.event(issue()))
    assert "recall" not in watched(world.main).asked


async def test_only_what_a_saved_document_holds_reaches_the_inbox(world: World) -> None:
    """A decision that lost its race must leave nothing behind: here it was a refusal, and in the end it is none."""
    await world.take(world.log.event(issue()))
    record = world.log.event(choose("refused"), id="chosen")
    slow = await world.processor(ring=0)

    async def another_wins() -> None:
        await world.take(world.log.event(attend("1")))
        world.given.refused.clear()

    watched(slow).before["save"] = another_wins
    await world.take(record, by=slow)
    kept = await world.main.store.recall([(f"{COLLECTION.name}/{referral(1)}", REGION, "chosen")])
    assert [(one.attempt, one.outcome) for one in kept] == [(0, "applied")]
    assert "chosen" in await world.applied()
    assert world.wire.letters() == []


async def test_a_crash_before_the_save_leaves_nothing(world: World) -> None:
    record = world.log.event(issue())
    for step in ("received", "loaded", "recalled"):
        await world.crash(step, record)
    assert await world.version() == 0
    assert world.wire.records == []
    assert await world.main.store.recall([(f"{COLLECTION.name}/{referral(1)}", REGION, "e1")]) == []


# --- the outbox


async def test_a_repetition_publishes_what_a_dead_consumer_left_in_the_outbox(world: World) -> None:
    records = [world.log.event(issue()), world.log.event(choose("a"))]
    await world.crash("saved", *records)
    assert world.wire.records == []
    version = await world.version()
    await world.take(*records)
    assert len(world.wire.follow_ups()) == 2
    assert await world.version() == version, "a repetition saves nothing"
    assert (await world.document()).outbox == []


async def test_a_conflict_publishes_the_outbox_of_the_document_it_touched(world: World) -> None:
    await world.crash("saved", world.log.event(issue(), id="one"))
    await world.take(world.log.event(choose("a"), id="one"))
    assert len(world.wire.named("ReferralOpened")) == 1


async def test_what_follows_joins_the_outbox_behind_what_is_still_in_it(world: World) -> None:
    await world.crash("saved", world.log.event(issue()), world.log.event(choose("a")))
    await world.crash("saved", world.log.event(choose("b")))
    await world.take(world.log.event(choose("c")))
    told = [header(record, "ce_causationid") for record in world.wire.records]
    assert told == ["e1", "e2", "e3", "e4"]
    assert [record.key for record in world.wire.records] == [referral(1).encode()] * 4


async def test_nothing_is_cleared_that_was_not_acknowledged(world: World) -> None:
    world.wire.down = True
    record = world.log.event(issue())
    for _ in range(3):
        with pytest.raises(BrokerUnavailable):
            await world.take(record)
    document = await world.document()
    assert len(document.outbox) == 1
    assert document.outbox_since is not None
    world.wire.down = False
    await world.take(record)
    assert len(world.wire.records) == 1
    assert (await world.document()).outbox_since is None


async def test_clearing_makes_no_new_version(world: World) -> None:
    await world.take(world.log.event(issue()))
    assert await world.version() == 1
    assert (await world.document()).outbox == []


async def test_clearing_late_overwrites_nothing_newer(world: World) -> None:
    batch = await world.main.process(world.main.receive([world.log.event(issue())]))
    await world.crash("saved", world.log.event(choose("a")))
    newer = await world.document()
    await world.main.clear(batch)
    assert await world.document() == newer
    assert len(newer.outbox) == 2
    assert await world.version() == 2


async def test_clearing_brings_nothing_into_being(world: World) -> None:
    await world.main.store.clear(COLLECTION.name, [Row(referral(9), 1, b"{}")])
    assert await world.version(9) == 0


async def test_the_sweep_publishes_and_clears_what_a_dead_consumer_left(world: World) -> None:
    for number in (1, 2, 3):
        await world.crash("saved", world.log.event(issue(number)))
    assert await world.main.sweep(time.time() - 60) == 0, "a consumer that lives needs time to publish by itself"
    assert world.wire.records == []
    assert await world.main.sweep(time.time() + 1) == 3
    assert len(world.wire.follow_ups()) == 3
    assert await world.main.sweep(time.time() + 1) == 0
    document = await world.document(2)
    assert (document.outbox, document.outbox_since) == ([], None)
    assert len(document.ring) + document.spilled == 1


async def test_a_sweep_beside_a_living_consumer_takes_nothing_from_it(world: World) -> None:
    """The sweeper has loaded; the consumer saves the next version; then the sweeper clears."""
    await world.crash("saved", world.log.event(issue()))
    sweeper = await world.processor()

    async def the_consumer_goes_on() -> None:
        await world.crash("saved", world.log.event(choose("a")))

    watched(sweeper).after["load"] = the_consumer_goes_on
    await sweeper.sweep(time.time() + 1)
    assert len((await world.document()).outbox) == 2
    await world.main.sweep(time.time() + 1)
    assert len(world.wire.follow_ups()) == 2


async def test_a_row_of_a_journal_is_written_once_however_often_it_is_let_out(world: World) -> None:
    record = world.log.event(withdraw("moved"))
    await world.crash("saved", record)
    assert await world.main.store.read("diary", "06", after=0, limit=9) == []
    await world.take(record)
    await world.take(record)
    assert [row.body for row in await world.main.store.read("diary", "06", after=0, limit=9)] == [b'"withdrawn"']


async def test_what_follows_from_a_synthetic_referral_is_synthetic_for_good(world: World) -> None:
    await world.take(world.log.event(issue(), synthetic=True))
    await world.take(world.log.event(choose("a")))
    assert [header(record, "ce_synthetic") for record in world.wire.records] == ["true", "true"]


# --- conflicts


async def test_the_same_id_with_another_content_is_a_conflict_and_has_no_effect(world: World) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("a"), id="chosen"))
    other = world.log.event(choose("b"), id="chosen")
    await world.take(other)
    [letter] = world.wire.letters()
    assert letter["dl_reason"] == "conflict"
    assert letter["dl_id"] == dead_letter_id("referral", "intake.http", 0, other.offset, other.timestamp)
    assert letter.record.value == other.value
    assert await world.applied() == ["e1", "chosen"]
    assert len(world.wire.named("EventRefused")) == 1


async def test_a_conflict_stays_one_after_the_first_left_the_ring(world: World) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("a"), id="chosen"))
    await world.take(*(world.log.event(attend(str(number))) for number in range(70)))
    await world.take(world.log.event(choose("b"), id="chosen"))
    assert world.wire.reasons() == ["conflict"]


async def test_an_honest_retry_with_another_time_is_no_conflict(world: World) -> None:
    await world.take(world.log.event(issue(), id="one"), world.log.event(issue(), id="one", time=NOW - LATER))
    assert world.wire.letters() == []


async def test_a_conflict_is_one_with_what_was_refused_and_with_what_waits(world: World) -> None:
    await world.take(world.log.event(choose("a"), id="waits"), world.log.event(choose("b"), id="waits"))
    await world.take(world.log.event(issue()), world.log.event(choose("refused"), id="no"))
    await world.take(world.log.event(choose("b"), id="no"))
    assert world.wire.reasons() == ["conflict", "rejected", "conflict"]
    assert await world.applied() == ["e3", "waits"]


async def test_a_conflict_is_forgotten_when_the_save_is_lost(world: World) -> None:
    """Two contents of one id in a batch; another processor takes the second meanwhile: the first is the conflict."""
    await world.take(world.log.event(issue()))
    first = world.log.event(choose("a"), id="chosen")
    second = world.log.event(choose("b"), id="chosen")
    slow = await world.processor()

    async def another_takes_the_second() -> None:
        await world.take(second)

    watched(slow).before["save"] = another_takes_the_second
    await world.take(first, second, by=slow)
    [letter] = world.wire.letters()
    assert letter["dl_offset"] == str(first.offset)


async def test_a_conflict_is_a_conflict_under_every_attempt(world: World) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("a"), id="chosen"))
    await world.take(world.log.event(choose("b"), id="chosen"))
    await world.take(world.log.redriven(world.wire.letters()[0]))
    await world.take(world.log.redriven(world.wire.letters()[1]))
    letters = world.wire.letters()
    assert [letter["dl_attempts"] for letter in letters] == ["1", "2", "3"]
    assert {letter["dl_id"] for letter in letters} == {letters[0]["dl_id"]}
    assert await world.applied() == ["e1", "chosen"]
    assert world.wire.named("DeadLetterSettled") == []


async def test_a_reader_that_does_not_own_the_class_ignores_a_conflict_of_it(world: World) -> None:
    world.table = replace(world.table, service="feedback")
    reader = await world.processor()
    await world.take(world.log.event(issue()), world.log.event(choose("a"), id="chosen"), by=reader)
    await world.take(world.log.event(choose("b"), id="chosen"), by=reader)
    assert await world.applied() == ["e1", "chosen"]
    assert world.wire.letters() == []


# --- refusals


@pytest.mark.parametrize(("activity", "reason"), [("refused", "rejected"), ("broken", "handler_failed")])
async def test_a_refusal_is_remembered_and_told_once(world: World, activity: str, reason: str) -> None:
    record = world.log.event(choose(activity), id="chosen")
    await world.take(world.log.event(issue()), record)
    world.given.broken.clear()
    world.given.refused.clear()
    for _ in range(3):
        await world.take(record)
    [letter] = world.wire.letters()
    assert letter["dl_reason"] == reason
    assert letter["dl_service"] == "referral"
    assert (letter["dl_topic"], letter["dl_partition"], letter["dl_offset"]) == ("intake.http", "0", str(record.offset))
    assert letter.record.key == record.key
    assert letter.record.value == record.value
    assert tuple(letter.record.headers)[: len(record.headers)] == tuple(record.headers)
    [refused] = world.wire.named("EventRefused")
    assert refused.key == REGION.encode()
    assert len(await world.applied()) == 1, "a person redrives it; a repetition changes nothing"


@pytest.mark.parametrize("step", ["saved", "published", "cleared"])
async def test_a_refusal_is_told_under_the_same_ids_after_a_crash(world: World, step: str) -> None:
    records = [world.log.event(issue()), world.log.event(choose("refused")), world.log.event(choose("broken"))]
    await world.crash(step, *records)
    await world.take(*records)
    assert {letter["dl_id"] for letter in world.wire.letters()} == {
        dead_letter_id("referral", "intake.http", 0, record.offset, record.timestamp) for record in records[1:]
    }
    assert len({header(record, "ce_id") for record in world.wire.named("EventRefused")}) == 2


async def test_a_failure_undoes_its_own_event_alone(world: World) -> None:
    await world.take(
        world.log.event(issue()),
        world.log.event(choose("a")),
        world.log.event(choose("broken")),
        world.log.event(choose("b")),
        world.log.event(issue(2)),
    )
    assert await world.applied() == ["e1", "e2", "e4"]
    assert await world.applied(2) == ["e5"]
    assert world.wire.reasons() == ["handler_failed"]


async def test_what_follows_and_breaks_its_contract_is_the_handlers_failure(world: World) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("too-large")), world.log.event(choose("a")))
    assert world.wire.reasons() == ["handler_failed"]
    assert "65536 are allowed" in world.wire.letters()[0]["dl_error"]
    assert await world.applied() == ["e1", "e3"]


async def test_classes_switched_to_fail_do_so_until_they_are_switched_back(world: World) -> None:
    failing = await world.processor(failing=["ActivityChosen"])
    await world.take(world.log.event(issue()), world.log.event(choose("a")), by=failing)
    assert world.wire.reasons() == ["handler_failed"]
    await world.take(world.log.redriven(world.wire.letters()[0]))
    assert await world.applied() == ["e1", "e2"]


# --- records that fail by themselves


async def test_what_fails_by_itself_has_the_same_dead_letter_each_time_it_is_read(world: World) -> None:
    record = world.log.raw("intake.http", b"key", b"no event")
    await world.crash("published", record)
    await world.take(record)
    await world.take(record)
    letters = world.wire.letters()
    assert [letter["dl_reason"] for letter in letters] == ["undecodable"] * 3
    assert {letter["dl_id"] for letter in letters} == {
        dead_letter_id("referral", "intake.http", 0, record.offset, record.timestamp)
    }


async def test_a_bad_record_blocks_neither_its_neighbours_nor_its_key(world: World) -> None:
    key = referral(1).encode()
    await world.take(world.log.event(issue()), world.log.raw("intake.http", key, b"\xff"), world.log.event(choose("a")))
    assert await world.applied() == ["e1", "e2"]
    assert world.wire.reasons() == ["undecodable"]


async def test_the_sender_of_what_failed_by_itself_is_told_once_by_id(world: World) -> None:
    event = world.log.event(issue(), topic="intake.region.06")
    broken = world.log.raw("intake.region.06", event.key, b'{"referral_id": 1}', event.headers)
    await world.take(broken)
    await world.take(broken)
    refused = world.wire.named("EventRefused")
    assert len({header(record, "ce_id") for record in refused}) == 1
    assert {record.key for record in refused} == {REGION.encode()}


# --- redrive


async def test_a_redriven_event_that_is_mended_is_applied_and_settled(world: World) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("broken")))
    [letter] = world.wire.letters()
    world.given.broken.clear()
    again = world.log.redriven(letter)
    await world.crash("saved", again)
    await world.take(again)
    await world.take(again)
    assert await world.applied() == ["e1", "e2"]
    assert len(world.wire.letters()) == 1
    settled = {header(record, "ce_id"): record.value for record in world.wire.named("DeadLetterSettled")}
    [said] = settled.values()
    assert said is not None
    assert letter["dl_id"].encode() in said
    assert b'"attempt":1,"outcome":"resolved"' in said


@pytest.mark.parametrize("activity", ["broken", "refused"])
async def test_a_redriven_event_that_still_fails_is_the_same_dead_letter_with_one_attempt_more(
    world: World, activity: str
) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose(activity)))
    for _ in range(3):
        again = world.log.redriven(world.wire.letters()[-1])
        await world.take(again)
        await world.take(again)
    letters = world.wire.letters()
    assert [letter["dl_attempts"] for letter in letters] == ["1", "2", "3", "4"]
    assert len({letter["dl_id"] for letter in letters}) == 1
    assert {tuple(name for name, _ in letter.record.headers) for letter in letters} == {
        tuple(name for name, _ in letters[0].record.headers)
    }, "the headers do not grow"
    assert {(letter["dl_topic"], letter["dl_offset"]) for letter in letters} == {("intake.http", "1")}
    assert world.wire.named("DeadLetterSettled") == [], "the repetition of a failed attempt resolves nothing"
    assert len({header(record, "ce_id") for record in world.wire.named("EventRefused")}) == 4


async def test_a_failed_attempt_can_be_redriven_after_its_repetition(world: World) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("broken")))
    again = world.log.redriven(world.wire.letters()[0])
    await world.take(again)
    await world.take(again)
    world.given.broken.clear()
    await world.take(world.log.redriven(world.wire.letters()[1]))
    assert await world.applied() == ["e1", "e2"]
    assert len(world.wire.named("DeadLetterSettled")) == 1


async def test_the_original_read_again_after_a_failed_redrive_is_a_repetition(world: World) -> None:
    """The ring may hold the later attempt alone; what became of the first is in the inbox then."""
    record = world.log.event(choose("broken"))
    await world.take(world.log.event(issue()), record)
    await world.take(world.log.redriven(world.wire.letters()[0]))
    world.given.broken.clear()
    await world.take(record)
    assert len(world.wire.letters()) == 2
    assert await world.applied() == ["e2"]


async def test_a_redriven_event_that_was_applied_meanwhile_is_a_repetition_but_settled(world: World) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("broken")))
    [letter] = world.wire.letters()
    world.given.broken.clear()
    await world.take(world.log.redriven(letter))
    await world.take(*(world.log.event(attend(str(number))) for number in range(70)))
    next_attempt = [(name, b"2" if name == "dl_attempts" else value) for name, value in letter.record.headers]
    record = world.log.raw("redrive.referral", letter.record.key, letter.record.value, next_attempt)
    await world.take(record)
    await world.take(record)
    assert (await world.applied()).count("e2") == 1
    assert len({header(one, "ce_id") for one in world.wire.named("DeadLetterSettled")}) == 2


async def test_what_still_cannot_be_read_keeps_its_dead_letter_when_redriven(world: World) -> None:
    await world.take(world.log.raw("intake.http", b"key", b"no event"))
    await world.take(world.log.redriven(world.wire.letters()[0]))
    first, second = world.wire.letters()
    assert (first["dl_id"], first["dl_topic"], first["dl_offset"]) == (
        second["dl_id"],
        second["dl_topic"],
        second["dl_offset"],
    )
    assert (second["dl_attempts"], second["dl_service"]) == ("2", "referral")


async def test_the_sender_of_a_redriven_record_is_checked_against_its_first_topic(world: World) -> None:
    await world.take(world.log.event(issue(), source="/region/02", topic="intake.region.06"))
    await world.take(world.log.redriven(world.wire.letters()[0]))
    assert world.wire.reasons() == ["forged_sender", "forged_sender"]
    assert await world.version() == 0


async def test_attempt_and_dead_letter_are_trusted_on_the_redrive_topic_alone(world: World) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("broken")))
    again = world.log.redriven(world.wire.letters()[0])
    world.given.broken.clear()
    await world.take(world.log.raw("intake.http", again.key, again.value, again.headers))
    assert await world.applied() == ["e1"]
    assert world.wire.named("DeadLetterSettled") == []


# --- events that come too early


async def test_what_comes_early_is_applied_in_order_of_time_once_its_turn_comes(world: World) -> None:
    await world.take(world.log.event(choose("c"), time=NOW - LATER))
    earliest = world.log.event(choose("a"), time=NOW - 3 * LATER)
    await world.take(earliest, world.log.event(choose("b"), time=NOW - 2 * LATER))
    assert await world.applied() == []
    assert world.wire.records == []
    await world.take(world.log.event(issue()))
    assert await world.applied() == ["e4", "e2", "e3", "e1"]
    told = [header(record, "ce_causationid") for record in world.wire.records]
    assert told == ["e4", "e2", "e3", "e1"], "an early event stays its own cause"
    assert (await world.document()).early == []


async def test_an_early_event_is_kept_byte_for_byte(world: World) -> None:
    record = world.log.event(choose("a"))
    await world.take(record)
    [early] = (await world.document()).early
    assert (early.original.key, early.original.value) == (record.key, record.value)
    assert early.original.headers == list(record.headers)
    assert (early.original.topic, early.original.offset, early.original.timestamp) == (
        record.topic,
        record.offset,
        record.timestamp,
    )


@pytest.mark.parametrize("step", ["saved", "published", "cleared"])
async def test_an_early_event_is_kept_once_and_applied_once(world: World, step: str) -> None:
    early, opening = world.log.event(choose("a")), world.log.event(issue())
    await world.crash(step, early)
    await world.take(early, early)
    assert len((await world.document()).early) == 1
    await world.crash(step, opening)
    await world.take(early, opening, early)
    await world.take(early, opening)
    assert await world.applied() == ["e2", "e1"]
    assert len(world.wire.follow_ups()) == 2


async def test_an_early_event_that_is_refused_in_its_turn_is_a_dead_letter(world: World) -> None:
    record = world.log.event(choose("refused"))
    await world.take(record)
    await world.take(world.log.event(choose("broken")), world.log.event(issue()))
    assert world.wire.reasons() == ["rejected", "handler_failed"]
    assert world.wire.letters()[0]["dl_offset"] == str(record.offset)
    await world.take(record)
    assert len(world.wire.letters()) == 2


async def test_an_early_event_is_validated_again_when_its_turn_comes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stricter(*_: object) -> None:
        raise Invalid("/data/activity_id: this program wants another")

    await world.take(world.log.event(choose("a")))
    monkeypatch.setattr(engine, "read_again", stricter)
    await world.take(world.log.event(issue()))
    assert world.wire.reasons() == ["invalid"]
    assert await world.applied() == ["e2"]
    assert (await world.document()).early == []


async def test_more_than_64_early_events_are_rejected(world: World) -> None:
    await world.take(*(world.log.event(choose("a")) for _ in range(66)))
    assert len((await world.document()).early) == 64
    assert world.wire.reasons() == ["rejected", "rejected"]


async def test_early_events_of_too_many_bytes_are_rejected(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = world.log.event(choose("a")), world.log.event(choose("a" * 60))
    assert first.value is not None
    monkeypatch.setattr("shared.engine.book.MAX_EARLY_BYTES", len(first.value) + 30)
    await world.take(first, second)
    assert [early.id for early in (await world.document()).early] == ["e1"]
    assert world.wire.reasons() == ["rejected"]


async def test_what_waits_too_long_leaves_as_a_dead_letter(world: World) -> None:
    due = NOW + timedelta(days=30)
    waiting = world.log.event(choose("a"))
    await world.take(waiting)
    world.clock.set(NOW + LATER)
    await world.take(world.log.event(choose("b")))
    await world.take(world.log.event(silence(due - LATER, what="early"), topic="referral.events"))
    assert len((await world.document()).early) == 2, "its time has not come"
    passed = world.log.event(silence(due, what="early"), topic="referral.events", id="up")
    world.clock.set(due)
    await world.crash("saved", passed)
    await world.take(passed)
    assert [early.id for early in (await world.document()).early] == ["e2"]
    assert world.wire.reasons() == ["rejected"]
    [letter] = world.wire.letters()
    assert (letter["dl_offset"], letter["dl_attempts"]) == (str(waiting.offset), "1")
    assert len(world.wire.named("EventRefused")) == 1
    await world.take(waiting)
    assert len(world.wire.letters()) == 1, "it is remembered"
    await world.take(world.log.event(issue()), world.log.redriven(letter))
    assert (await world.applied())[1:] == ["e2", "e1"]
    assert (await world.document()).early == []


async def test_the_deadline_of_what_waits_is_found_by_its_time(world: World) -> None:
    await world.take(world.log.event(choose("a")))
    due = (NOW + timedelta(days=30)).timestamp()
    store = world.main.store
    assert [row.id for row in await store.find(COLLECTION.name, at_most=("due_at", due))] == [referral(1)]
    assert await store.find(COLLECTION.name, at_most=("due_at", due - 1)) == []
    await world.take(world.log.event(issue()))
    assert len(await store.find(COLLECTION.name, at_most=("due_at", (NOW + TERM).timestamp()))) == 1


async def test_a_redriven_event_that_waits_is_settled_once_it_is_applied_and_not_before(world: World) -> None:
    waiting = world.log.event(choose("a"))
    await world.take(waiting)
    due = NOW + timedelta(days=30)
    await world.take(world.log.event(silence(due, what="early"), topic="referral.events"))
    again = world.log.redriven(world.wire.letters()[0])
    await world.take(again)
    await world.take(again)
    assert len((await world.document()).early) == 1
    assert world.wire.named("DeadLetterSettled") == []
    await world.take(world.log.event(issue()))
    assert await world.applied() == ["e3", "e1"]
    assert len(world.wire.named("DeadLetterSettled")) == 1


async def test_a_redrive_of_what_waits_already_is_settled_in_its_turn(world: World) -> None:
    """A dead letter of a record nobody could read then, sent anew by its sender meanwhile, then redriven."""
    record = world.log.event(choose("a"))
    await world.take(record)
    added = {"dl_id": "letter", "dl_topic": "intake.http", "dl_partition": "0", "dl_offset": "7", "dl_attempts": "1"}
    headers = [*record.headers, *((name, value.encode()) for name, value in added.items())]
    again = world.log.raw("redrive.referral", record.key, record.value, headers)
    await world.take(again)
    await world.take(again)
    assert len((await world.document()).early) == 1
    await world.take(world.log.event(issue()))
    assert len(world.wire.named("DeadLetterSettled")) == 1
    await world.take(record, again)
    assert await world.applied() == ["e2", "e1"]
    assert [one.key for one in world.wire.named("DeadLetterSettled")] == [b"letter"]


# --- erasure


async def test_erasure_leaves_a_marker_at_which_later_events_do_nothing(world: World) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("a")))
    await world.take(world.log.event(withdraw("consent_withdrawn")))
    told = len(world.wire.records)
    await world.take(world.log.event(choose("b")), world.log.event(issue(municipality="091"), id="again"))
    document = await world.document()
    assert document.erased
    assert await world.applied() == []
    assert len(world.wire.records) == told


async def test_erasure_of_what_was_never_there_leaves_a_marker_too(world: World) -> None:
    await world.take(world.log.event(withdraw("consent_withdrawn")))
    await world.take(world.log.event(issue()), world.log.event(choose("a")))
    assert (await world.document()).erased
    assert await world.applied() == []


async def test_a_late_save_does_not_bring_the_erased_back(world: World) -> None:
    """A processor decided when nothing was there yet; before it saves, the referral is erased."""
    slow = await world.processor()

    async def consent_is_withdrawn() -> None:
        await world.take(world.log.event(withdraw("consent_withdrawn")))

    watched(slow).before["save"] = consent_is_withdrawn
    await world.take(world.log.event(issue()), by=slow)
    assert (await world.document()).erased
    assert await world.applied() == []
    assert world.wire.named("ReferralOpened") == []


async def test_erasure_drops_what_waits_and_remembers_it(world: World) -> None:
    waiting = world.log.event(choose("a"))
    await world.take(waiting)
    await world.take(world.log.event(withdraw("consent_withdrawn")))
    document = await world.document()
    assert document.early == []
    assert await world.main.store.find(COLLECTION.name, at_least=("due_at", 0.0)) == []
    version = await world.version()
    await world.take(waiting)
    assert await world.version() == version


async def test_what_was_not_out_before_the_erasure_goes_out_still(world: World) -> None:
    await world.crash("saved", world.log.event(issue()))
    await world.take(world.log.event(withdraw("consent_withdrawn")))
    assert len(world.wire.named("ReferralOpened")) == 1
    assert (await world.document()).outbox == []


async def test_what_is_erased_keeps_no_digest_and_sees_repetitions_all_the_same(world: World) -> None:
    """A digest of a few answers could be found by trying them all. Nothing is left that another content differs from."""
    records = [world.log.event(issue()), world.log.event(withdraw("consent_withdrawn"))]
    await world.take(*records)
    assert {seen.digest for seen in (await world.document()).ring} <= {""}
    version = await world.version()
    await world.take(*records, world.log.event(issue(municipality="091"), id="e1"))
    assert await world.version() == version
    assert world.wire.letters() == []


@pytest.mark.parametrize("crash_at", ["saved", "published", None])
async def test_what_went_on_to_the_inbox_loses_its_digest_by_erasure_too(world: World, crash_at: str | None) -> None:
    """Also where the process ends on the way. What comes again, changed or not, is a repetition, never a conflict."""
    records = [world.log.event(issue()), *(world.log.event(attend(str(number))) for number in range(70))]
    for record in records:
        await world.take(record)
    keys = [(f"{COLLECTION.name}/{referral(1)}", source, f"e{n}") for n in range(1, 73) for source in (REGION, OPISTO)]
    assert {len(kept.digest) > 0 for kept in await world.main.store.recall(keys)} == {True}
    withdrawn = world.log.event(withdraw("consent_withdrawn"))
    if crash_at:
        await world.crash(crash_at, withdrawn)
    await world.take(withdrawn)
    kept = await world.main.store.recall(keys)
    assert len(kept) >= 71 - world.ring
    assert {one.digest for one in kept} == {""}
    version = await world.version()
    await world.take(*records, world.log.event(issue(municipality="091"), id="e1"))
    assert await world.version() == version
    assert world.wire.letters() == []


async def test_what_was_on_its_way_to_the_inbox_when_it_was_erased_loses_its_digest(world: World) -> None:
    """The overflow is in the inbox, and the process ended before the document said so."""
    hasty = await world.processor("published", ring=0)
    with pytest.raises(Crash):
        await world.take(world.log.event(issue()), by=hasty)
    await world.take(world.log.event(withdraw("consent_withdrawn")), by=await world.processor(ring=0))
    kept = await world.main.store.recall([(f"{COLLECTION.name}/{referral(1)}", REGION, "e1")])
    assert [one.digest for one in kept] == [""]


async def test_a_dead_letter_redriven_to_what_was_erased_is_settled(world: World) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("broken")))
    await world.take(world.log.event(withdraw("consent_withdrawn")))
    await world.take(world.log.redriven(world.wire.letters()[0]))
    assert len(world.wire.named("DeadLetterSettled")) == 1


# --- races


async def test_a_lost_race_is_decided_anew_on_what_the_winner_left(world: World) -> None:
    slow = await world.processor()

    async def another_opens_it() -> None:
        await world.take(world.log.event(issue()))

    watched(slow).before["save"] = another_opens_it
    await world.take(world.log.event(choose("a"), id="chosen"), world.log.event(issue(2)), by=slow)
    assert await world.applied() == ["e3", "chosen"], "it waited in the first decision and not in the second"
    assert await world.applied(2) == ["e2"]
    assert (await world.document()).early == []


async def test_of_two_hundred_first_events_at_two_processors_none_is_lost(world: World) -> None:
    one, two = await world.processor(), await world.processor()
    records = [world.log.event(attend(str(number))) for number in range(200)]

    async def each(processor: Processor, start: int) -> None:
        for at in range(start, 200, 20):
            await world.take(*records[at : at + 10], by=processor)

    await asyncio.gather(each(one, 0), each(two, 10))
    assert sorted(await world.applied()) == sorted(f"e{number}" for number in range(1, 201))


async def test_a_race_that_nobody_won_is_an_error_and_no_loop(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when another unique index refuses the document: the version after the reload is the same."""
    saves = 0

    async def refuse(collection: str, rows: list[Row]) -> set[str]:
        nonlocal saves
        saves += 1
        return {row.id for row in rows}

    monkeypatch.setattr(world.main.store, "save", refuse)
    with pytest.raises(StoreUnavailable, match="nobody won"):
        await world.take(world.log.event(issue()))
    assert saves == 2
    assert world.wire.records == []


async def test_a_document_that_grows_too_large_fails_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MAX_DOCUMENT_BYTES", 20_000)
    world.given.padding = 30_000
    await world.take(world.log.event(issue()), world.log.event(issue(2)))
    await world.take(world.log.event(choose("huge")), world.log.event(choose("a", 2)))
    assert world.wire.reasons() == ["handler_failed"]
    assert "20000 bytes" in world.wire.letters()[0]["dl_error"]
    assert await world.applied() == ["e1"]
    assert await world.applied(2) == ["e2", "e4"]
    await world.take(world.log.event(choose("a")))
    assert await world.applied() == ["e1", "e5"]


async def test_a_document_that_the_store_can_never_keep_fails_alone(world: World) -> None:
    """A number that neither SQLite nor BSON can hold would fail the whole save, now and on every repetition."""
    heavy = replace(TALLIES, fields=lambda state: {"weight": 2**70 if state.padding else 1})
    handlers = {name: replace(handler, kind=heavy) for name, handler in world.table.handlers.items()}
    world.table = replace(world.table, kinds=(heavy,), handlers=handlers)
    world.given.padding = 1
    processor = await world.processor()
    records = [world.log.event(data) for data in (issue(), issue(2), choose("huge"), choose("a", 2))]
    await world.take(*records[:2], by=processor)
    await world.take(*records[2:], by=processor)
    assert world.wire.reasons() == ["handler_failed"]
    assert await world.applied() == ["e1"]
    assert await world.applied(2) == ["e2", "e4"]
    await world.take(*records, by=processor)
    assert len(world.wire.letters()) == 1


async def test_a_document_at_its_bound_still_takes_the_dead_letters_of_what_it_refuses(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "MAX_DOCUMENT_BYTES", 20_000)
    world.given.padding = 17_000
    await world.take(world.log.event(issue()), world.log.event(choose("huge")))
    await world.take(*(world.log.event(choose("a")) for _ in range(10)))
    assert world.wire.reasons() == ["handler_failed"] * 10


# --- outages and the fuse


@pytest.mark.parametrize("moment", ["before load", "before recall", "before save", "after save", "before remember"])
async def test_while_the_store_does_not_answer_nothing_is_dead_lettered_and_nothing_lost(
    world: World, moment: str
) -> None:
    """After the save too: an answer that got lost leaves unknown whether it was saved."""
    processor = await world.processor(ring=0)
    await world.take(world.log.event(attend("1")), by=processor)
    records = [world.log.event(issue()), world.log.event(choose("a")), world.log.event(choose("refused"))]

    async def no_answer() -> None:
        raise StoreUnavailable("no answer")

    when, step = moment.split()
    getattr(watched(processor), when)[step] = no_answer
    with pytest.raises(StoreUnavailable):
        await world.take(*records, by=processor)
    assert world.wire.records == []
    await world.take(*records, by=processor)
    assert await world.applied() == ["e1", "e2", "e3"]
    assert world.wire.reasons() == ["rejected"]
    assert len(world.wire.follow_ups()) == 3


async def test_a_store_that_does_not_answer_a_look_up_is_no_failure_of_the_handler(world: World) -> None:
    answers = [StoreUnavailable("no answer"), None]

    async def look_up(*_: object) -> object:
        if error := answers.pop(0):
            raise error
        return world.given

    looking = replace(world.table.handlers["ReferralIssued"], look_up=look_up)
    world.table = replace(world.table, handlers={"ReferralIssued": looking})
    processor = await world.processor()
    record = world.log.event(issue())
    with pytest.raises(StoreUnavailable):
        await world.take(record, by=processor)
    assert await world.version() == 0
    await world.take(record, by=processor)
    assert await world.applied() == ["e1"]
    assert world.wire.letters() == []


async def test_the_fuse_opens_when_handlers_fail_in_numbers_and_nothing_of_the_batch_is_kept(world: World) -> None:
    await world.take(*(world.log.event(issue(number)) for number in range(20)))
    before = len(world.wire.records)
    records = [world.log.event(choose("broken", number)) for number in range(20)]
    fresh = await world.processor()
    with pytest.raises(FuseOpen):
        await world.take(*records, by=fresh)
    assert fresh.fuse.open
    assert len(world.wire.records) == before
    assert {await world.version(number) for number in range(20)} == {1}
    world.given.broken.clear()
    await world.take(*records, by=await world.processor())
    assert world.wire.letters() == []
    assert [len(await world.applied(number)) for number in range(20)] == [2] * 20


async def test_refusals_by_the_domain_never_open_the_fuse(world: World) -> None:
    await world.take(world.log.event(issue()), *(world.log.event(choose("refused")) for _ in range(40)))
    assert not world.main.fuse.open
    assert len(world.wire.letters()) == 40


async def test_an_outage_while_one_event_fails_does_not_open_the_fuse(world: World) -> None:
    await world.take(world.log.event(issue()))
    record = world.log.event(choose("broken"))

    async def no_answer() -> None:
        raise StoreUnavailable("no answer")

    for _ in range(40):
        watched(world.main).before["save"] = no_answer
        with pytest.raises(StoreUnavailable):
            await world.take(record)
    await world.take(record)
    assert world.wire.reasons() == ["handler_failed"]


# --- deadlines


async def test_a_deadline_counts_only_while_it_stands(world: World) -> None:
    await world.take(world.log.event(issue()))
    await world.take(
        world.log.event(silence(NOW), id="gone", topic="referral.events"),
        world.log.event(silence(NOW + TERM), id="stands", topic="referral.events", time=NOW),
    )
    assert await world.applied() == ["e1", "stands"]


async def test_the_engine_derives_every_id_of_what_it_says_itself(world: World) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("refused")))
    [letter] = world.wire.letters()
    [refused] = world.wire.named("EventRefused")
    assert header(refused, "ce_id") == derived_id("referral", "refused", letter["dl_id"], 1)
