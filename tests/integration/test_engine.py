"""docs/protocol.md, rule by rule, on every store and a wire in memory: what is remembered, and what is recognised by it.

Each test fails where its rule is left out; test_engine_*.py hold the other rules.
"""

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.contracts.identity import dead_letter_id
from shared.kafka.producer import BrokerUnavailable
from tests.integration.engine_world import (
    COLLECTION,
    NOW,
    REGION,
    TERM,
    EngineWorld,
    attend,
    choose,
    header,
    issue,
    referral,
    silence,
    watched,
)

pytestmark = pytest.mark.asyncio
LATER = timedelta(hours=1)


# --- what is remembered


async def test_a_repetition_has_no_second_effect_and_its_follow_ups_keep_their_ids(world: EngineWorld) -> None:
    records = [world.log.event(issue()), world.log.event(choose("a:b"))]
    await world.take(*records)
    told = world.wire.follow_ups()
    for _ in range(3):
        await world.take(*records)
    assert await world.applied() == ["e1", "e2"]
    assert world.wire.follow_ups() == told
    assert len(told) == 3


async def test_a_repetition_within_one_batch_is_recognised_too(world: EngineWorld) -> None:
    record = world.log.event(issue())
    await world.take(record, record, record)
    assert await world.applied() == ["e1"]


async def test_a_repetition_is_recognised_long_after_it_left_the_ring(world: EngineWorld) -> None:
    first = world.log.event(issue())
    await world.take(first)
    others = [world.log.event(attend(str(number))) for number in range(70)]
    for start in range(0, 70, 7):
        await world.take(*others[start : start + 7])
    document = await world.document()
    assert len(document.recent_outcomes) == world.recent_outcomes
    assert document.spilled == 71 - world.recent_outcomes
    version = await world.version()
    await world.take(first, *others)
    assert len(await world.applied()) == 71
    assert await world.version() == version


async def test_the_same_id_of_another_sender_is_another_event(world: EngineWorld) -> None:
    await world.take(world.log.event(issue(), id="same"))
    other = world.log.event(attend("1"), id="same")
    await world.take(other)
    assert await world.applied() == ["same", "same"]
    assert world.wire.letters() == []


async def test_the_ring_is_saved_untrimmed_so_that_an_outcome_is_always_in_one_of_the_two(world: EngineWorld) -> None:
    """A crash right after the save: the inbox holds nothing yet, so the document must hold all."""
    records = [world.log.event(issue()), world.log.event(attend("1"))]
    await world.crash("saved", *records)
    assert [seen.id for seen in (await world.document()).recent_outcomes] == ["e1", "e2"]
    await world.take(*records)
    assert await world.applied() == ["e1", "e2"]


async def test_the_inbox_is_asked_after_the_load(world: EngineWorld) -> None:
    """Between the two, who saved moves its overflow and clears: the outcome must be found in one or the other."""
    record, other = world.log.event(issue()), world.log.event(attend("1"))
    await world.take(other)
    first, second = await world.processor(recent_outcomes=0), await world.processor(recent_outcomes=0)

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


async def test_the_inbox_is_not_asked_for_a_document_that_never_spilled(world: EngineWorld) -> None:
    await world.take(world.log.event(issue()))
    assert "recall" not in watched(world.main).asked


async def test_only_what_a_saved_document_holds_reaches_the_inbox(world: EngineWorld) -> None:
    """A decision that lost its race must leave nothing behind: here it was a refusal, and in the end it is none."""
    await world.take(world.log.event(issue()))
    record = world.log.event(choose("refused"), id="chosen")
    slow = await world.processor(recent_outcomes=0)

    async def another_wins() -> None:
        await world.take(world.log.event(attend("1")))
        world.context.refused.clear()

    watched(slow).before["save"] = another_wins
    await world.take(record, by=slow)
    kept = await world.main.store.recall([(f"{COLLECTION.name}/{referral(1)}", REGION, "chosen")])
    assert [(one.attempt, one.outcome) for _, one in kept] == [(0, "applied")]
    assert "chosen" in await world.applied()
    assert world.wire.letters() == []


async def test_a_crash_before_the_save_leaves_nothing(world: EngineWorld) -> None:
    record = world.log.event(issue())
    for step in ("received", "loaded", "recalled"):
        await world.crash(step, record)
    assert await world.version() == 0
    assert world.wire.records == []
    assert await world.main.store.recall([(f"{COLLECTION.name}/{referral(1)}", REGION, "e1")]) == []


# --- conflicts


async def test_the_same_id_with_another_content_is_a_conflict_and_has_no_effect(world: EngineWorld) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("a"), id="chosen"))
    other = world.log.event(choose("b"), id="chosen")
    await world.take(other)
    [letter] = world.wire.letters()
    assert letter["dl_reason"] == "conflict"
    assert letter["dl_id"] == dead_letter_id("referral", "intake.http", 0, other.offset, other.timestamp)
    assert letter.record.value == other.value
    assert await world.applied() == ["e1", "chosen"]
    assert len(world.wire.named("EventRefused")) == 1


async def test_a_conflict_stays_one_after_the_first_left_the_ring(world: EngineWorld) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("a"), id="chosen"))
    await world.take(*(world.log.event(attend(str(number))) for number in range(70)))
    await world.take(world.log.event(choose("b"), id="chosen"))
    assert world.wire.reasons() == ["conflict"]


async def test_an_honest_retry_with_another_time_is_no_conflict(world: EngineWorld) -> None:
    await world.take(world.log.event(issue(), id="one"), world.log.event(issue(), id="one", time=NOW - LATER))
    assert world.wire.letters() == []


async def test_a_conflict_is_one_with_what_was_refused_and_with_what_waits(world: EngineWorld) -> None:
    await world.take(world.log.event(choose("a"), id="waits"), world.log.event(choose("b"), id="waits"))
    await world.take(world.log.event(issue()), world.log.event(choose("refused"), id="no"))
    await world.take(world.log.event(choose("b"), id="no"))
    assert world.wire.reasons() == ["conflict", "rejected", "conflict"]
    assert await world.applied() == ["e3", "waits"]


async def test_a_conflict_is_forgotten_when_the_save_is_lost(world: EngineWorld) -> None:
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


async def test_a_conflict_is_a_conflict_under_every_attempt(world: EngineWorld) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("a"), id="chosen"))
    await world.take(world.log.event(choose("b"), id="chosen"))
    await world.take(world.log.redriven(world.wire.letters()[0]))
    await world.take(world.log.redriven(world.wire.letters()[1]))
    letters = world.wire.letters()
    assert [letter["dl_attempts"] for letter in letters] == ["1", "2", "3"]
    assert {letter["dl_id"] for letter in letters} == {letters[0]["dl_id"]}
    assert await world.applied() == ["e1", "chosen"]
    assert world.wire.named("DeadLetterSettled") == []


async def test_a_reader_that_does_not_own_the_class_ignores_a_conflict_of_it(world: EngineWorld) -> None:
    world.table = replace(world.table, service="feedback")
    reader = await world.processor()
    await world.take(world.log.event(issue()), world.log.event(choose("a"), id="chosen"), by=reader)
    await world.take(world.log.event(choose("b"), id="chosen"), by=reader)
    assert await world.applied() == ["e1", "chosen"]
    assert world.wire.letters() == []


# --- deadlines


async def test_a_deadline_counts_only_while_it_stands(world: EngineWorld) -> None:
    await world.take(world.log.event(issue()))
    await world.take(
        world.log.event(silence(NOW), id="gone", topic="referral.events"),
        world.log.event(silence(NOW + TERM), id="stands", topic="referral.events", time=NOW),
    )
    assert await world.applied() == ["e1", "stands"]


async def test_the_engine_derives_every_id_of_what_it_says_itself(world: EngineWorld) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("refused")))
    [letter] = world.wire.letters()
    [refused] = world.wire.named("EventRefused")
    assert header(refused, "ce_id") == letter.told_as
