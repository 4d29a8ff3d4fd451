"""docs/protocol.md's rules of what is refused, by the domain or by itself, and of what is sent again, on every store."""

import pytest

from shared.contracts.identity import dead_letter_id
from tests.integration.engine_world import (
    EngineWorld,
    attend,
    choose,
    header,
    issue,
    referral,
)

pytestmark = pytest.mark.asyncio


# --- refusals


@pytest.mark.parametrize(("activity", "reason"), [("refused", "rejected"), ("broken", "handler_failed")])
async def test_a_refusal_is_remembered_and_told_once(world: EngineWorld, activity: str, reason: str) -> None:
    record = world.log.event(choose(activity), id="chosen")
    await world.take(world.log.event(issue()), record)
    world.context.broken.clear()
    world.context.refused.clear()
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
    assert refused.key == referral(1).encode()
    assert len(await world.applied()) == 1, "a person redrives it; a repetition changes nothing"


@pytest.mark.parametrize("step", ["saved", "published", "cleared"])
async def test_a_refusal_is_told_under_the_same_ids_after_a_crash(world: EngineWorld, step: str) -> None:
    records = [world.log.event(issue()), world.log.event(choose("refused")), world.log.event(choose("broken"))]
    await world.crash(step, *records)
    await world.take(*records)
    assert {letter["dl_id"] for letter in world.wire.letters()} == {
        dead_letter_id("referral", "intake.http", 0, record.offset, record.timestamp) for record in records[1:]
    }
    assert len({header(record, "ce_id") for record in world.wire.named("EventRefused")}) == 2


async def test_a_failure_undoes_its_own_event_alone(world: EngineWorld) -> None:
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


async def test_what_follows_and_breaks_its_contract_is_the_handlers_failure(world: EngineWorld) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("too-large")), world.log.event(choose("a")))
    assert world.wire.reasons() == ["handler_failed"]
    assert "65536 are allowed" in world.wire.letters()[0]["dl_error"]
    assert await world.applied() == ["e1", "e3"]


async def test_classes_switched_to_fail_do_so_until_they_are_switched_back(world: EngineWorld) -> None:
    failing = await world.processor(failing=["ActivityChosen"])
    await world.take(world.log.event(issue()), world.log.event(choose("a")), by=failing)
    assert world.wire.reasons() == ["handler_failed"]
    await world.take(world.log.redriven(world.wire.letters()[0]))
    assert await world.applied() == ["e1", "e2"]


# --- records that fail by themselves


async def test_what_fails_by_itself_has_the_same_dead_letter_each_time_it_is_read(world: EngineWorld) -> None:
    record = world.log.raw("intake.http", b"key", b"no event")
    await world.crash("published", record)
    await world.take(record)
    await world.take(record)
    letters = world.wire.letters()
    assert [letter["dl_reason"] for letter in letters] == ["undecodable"] * 3
    assert {letter["dl_id"] for letter in letters} == {
        dead_letter_id("referral", "intake.http", 0, record.offset, record.timestamp)
    }


async def test_a_bad_record_blocks_neither_its_neighbours_nor_its_key(world: EngineWorld) -> None:
    key = referral(1).encode()
    await world.take(world.log.event(issue()), world.log.raw("intake.http", key, b"\xff"), world.log.event(choose("a")))
    assert await world.applied() == ["e1", "e2"]
    assert world.wire.reasons() == ["undecodable"]


async def test_the_sender_of_what_failed_by_itself_is_told_once_by_id(world: EngineWorld) -> None:
    event = world.log.event(issue(), topic="intake.region.06")
    broken = world.log.raw("intake.region.06", event.key, b'{"referral_id": 1}', event.headers)
    await world.take(broken)
    await world.take(broken)
    refused = world.wire.named("EventRefused")
    assert len({header(record, "ce_id") for record in refused}) == 1
    assert {record.key for record in refused} == {referral(1).encode()}


# --- redrive


async def test_a_redriven_event_that_is_mended_is_applied_and_settled(world: EngineWorld) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("broken")))
    [letter] = world.wire.letters()
    world.context.broken.clear()
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
    world: EngineWorld, activity: str
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
    assert len({header(record, "ce_id") for record in world.wire.named("EventRefused")}) == 1, "nothing of it is new"


async def test_a_redriven_event_that_fails_for_another_reason_is_told_once_more(world: EngineWorld) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("broken")))
    world.context.broken.clear()
    world.context.refused.add("broken")
    await world.take(world.log.redriven(world.wire.letters()[-1]))
    assert world.wire.reasons() == ["handler_failed", "rejected"]
    assert len({letter["dl_id"] for letter in world.wire.letters()}) == 1
    assert len({header(record, "ce_id") for record in world.wire.named("EventRefused")}) == 2


async def test_a_failed_attempt_can_be_redriven_after_its_repetition(world: EngineWorld) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("broken")))
    again = world.log.redriven(world.wire.letters()[0])
    await world.take(again)
    await world.take(again)
    world.context.broken.clear()
    await world.take(world.log.redriven(world.wire.letters()[1]))
    assert await world.applied() == ["e1", "e2"]
    assert len(world.wire.named("DeadLetterSettled")) == 1


async def test_the_original_read_again_after_a_failed_redrive_is_a_repetition(world: EngineWorld) -> None:
    """The document may hold the later attempt alone; the inbox has the first one's outcome then."""
    record = world.log.event(choose("broken"))
    await world.take(world.log.event(issue()), record)
    await world.take(world.log.redriven(world.wire.letters()[0]))
    world.context.broken.clear()
    await world.take(record)
    assert len(world.wire.letters()) == 2
    assert await world.applied() == ["e2"]


async def test_a_redriven_event_that_was_applied_meanwhile_is_a_repetition_but_settled(world: EngineWorld) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("broken")))
    [letter] = world.wire.letters()
    world.context.broken.clear()
    await world.take(world.log.redriven(letter))
    await world.take(*(world.log.event(attend(str(number))) for number in range(70)))
    next_attempt = [(name, b"2" if name == "dl_attempts" else value) for name, value in letter.record.headers]
    record = world.log.raw("redrive.referral", letter.record.key, letter.record.value, next_attempt)
    await world.take(record)
    await world.take(record)
    assert (await world.applied()).count("e2") == 1
    assert len({header(one, "ce_id") for one in world.wire.named("DeadLetterSettled")}) == 2


async def test_what_still_cannot_be_read_keeps_its_dead_letter_when_redriven(world: EngineWorld) -> None:
    await world.take(world.log.raw("intake.http", b"key", b"no event"))
    await world.take(world.log.redriven(world.wire.letters()[0]))
    first, second = world.wire.letters()
    assert (first["dl_id"], first["dl_topic"], first["dl_offset"]) == (
        second["dl_id"],
        second["dl_topic"],
        second["dl_offset"],
    )
    assert (second["dl_attempts"], second["dl_service"]) == ("2", "referral")


async def test_the_sender_of_a_redriven_record_is_checked_against_its_first_topic(world: EngineWorld) -> None:
    await world.take(world.log.event(issue(), source="/region/02", topic="intake.region.06"))
    await world.take(world.log.redriven(world.wire.letters()[0]))
    assert world.wire.reasons() == ["forged_sender", "forged_sender"]
    assert await world.version() == 0


async def test_attempt_and_dead_letter_are_trusted_on_the_redrive_topic_alone(world: EngineWorld) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("broken")))
    again = world.log.redriven(world.wire.letters()[0])
    world.context.broken.clear()
    await world.take(world.log.raw("intake.http", again.key, again.value, again.headers))
    assert await world.applied() == ["e1"]
    assert world.wire.named("DeadLetterSettled") == []
