"""docs/protocol.md's rules of what comes too early, on every store."""

from datetime import timedelta

import pytest

from shared.contracts.errors import Invalid
from shared.engine import deciding as engine
from tests.integration.engine_world import (
    COLLECTION,
    NOW,
    TERM,
    EngineWorld,
    attend,
    choose,
    header,
    issue,
    referral,
    silence,
)

pytestmark = pytest.mark.asyncio
LATER = timedelta(hours=1)


async def test_what_comes_early_is_applied_in_order_of_time_once_its_turn_comes(world: EngineWorld) -> None:
    await world.take(world.log.event(choose("c"), time=NOW - LATER))
    earliest = world.log.event(choose("a"), time=NOW - 3 * LATER)
    await world.take(earliest, world.log.event(choose("b"), time=NOW - 2 * LATER))
    assert await world.applied() == []
    assert world.wire.follow_ups() == {}
    assert {id_ for _, _, id_ in world.wire.said_to_wait()} == {"e1", "e2", "e3"}
    await world.take(world.log.event(issue()))
    assert await world.applied() == ["e4", "e2", "e3", "e1"]
    assert world.wire.said_to_wait() == set()
    followed = world.wire.follow_ups()
    told = [header(one, "ce_causationid") for one in world.wire.records if header(one, "ce_id") in followed]
    assert told == ["e4", "e2", "e3", "e1"], "an early event stays its own cause"
    assert (await world.document()).early == []


async def test_an_early_event_is_kept_byte_for_byte(world: EngineWorld) -> None:
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
async def test_an_early_event_is_kept_once_and_applied_once(world: EngineWorld, step: str) -> None:
    early, opening = world.log.event(choose("a")), world.log.event(issue())
    await world.crash(step, early)
    await world.take(early, early)
    assert len((await world.document()).early) == 1
    await world.crash(step, opening)
    await world.take(early, opening, early)
    await world.take(early, opening)
    assert await world.applied() == ["e2", "e1"]
    assert len(world.wire.follow_ups()) == 2


async def test_an_early_event_that_is_refused_in_its_turn_is_a_dead_letter(world: EngineWorld) -> None:
    record = world.log.event(choose("refused"))
    await world.take(record)
    await world.take(world.log.event(choose("broken")), world.log.event(issue()))
    assert world.wire.reasons() == ["rejected", "handler_failed"]
    assert world.wire.letters()[0]["dl_offset"] == str(record.offset)
    await world.take(record)
    assert len(world.wire.letters()) == 2


async def test_an_early_event_is_validated_again_when_its_turn_comes(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stricter(*_: object) -> None:
        raise Invalid("/data/activity_id: this program wants another")

    await world.take(world.log.event(choose("a")))
    monkeypatch.setattr(engine, "read_again", stricter)
    await world.take(world.log.event(issue()))
    assert world.wire.reasons() == ["invalid"]
    assert await world.applied() == ["e2"]
    assert (await world.document()).early == []


async def test_what_an_event_waits_for_is_asked_for_once_while_it_waits(world: EngineWorld) -> None:
    world.context.unheard_of = {"a"}
    await world.take(world.log.event(issue()), world.log.event(choose("a")), world.log.event(choose("a")))
    await world.take(world.log.event(attend("s1")))
    assert [one.what for one in (await world.document()).early] == ["a", "a"]
    assert len(world.wire.follow_ups()) == 2, "ReferralOpened, and what is asked for"
    world.context.unheard_of = set()
    await world.take(world.log.event(attend("s2")))
    assert await world.applied() == ["e1", "e4", "e5", "e2", "e3"]


async def test_more_than_64_early_events_are_rejected(world: EngineWorld) -> None:
    await world.take(*(world.log.event(choose("a")) for _ in range(66)))
    assert len((await world.document()).early) == 64
    assert world.wire.reasons() == ["rejected", "rejected"]


async def test_early_events_of_too_many_bytes_are_rejected(world: EngineWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = world.log.event(choose("a")), world.log.event(choose("a" * 60))
    assert first.value is not None
    headers = sum(len(name) + len(value) for name, value in first.headers)
    monkeypatch.setattr("shared.engine.unit_of_work.MAX_EARLY_BYTES", len(first.value) + headers + 30)
    await world.take(first, second)
    assert [early.id for early in (await world.document()).early] == ["e1"]
    assert world.wire.reasons() == ["rejected"]


async def test_what_waits_too_long_leaves_as_a_dead_letter(world: EngineWorld) -> None:
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


async def test_the_deadline_of_what_waits_is_found_by_its_time(world: EngineWorld) -> None:
    await world.take(world.log.event(choose("a")))
    due = (NOW + timedelta(days=30)).timestamp()
    store = world.main.store
    assert [row.id for row in await store.find(COLLECTION.name, at_most=("due_at", due))] == [referral(1)]
    assert await store.find(COLLECTION.name, at_most=("due_at", due - 1)) == []
    await world.take(world.log.event(issue()))
    assert len(await store.find(COLLECTION.name, at_most=("due_at", (NOW + TERM).timestamp()))) == 1


async def test_a_redriven_event_that_waits_is_settled_once_it_is_applied_and_not_before(world: EngineWorld) -> None:
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


async def test_a_redrive_of_what_waits_already_is_settled_in_its_turn(world: EngineWorld) -> None:
    """A dead letter of a record nobody could read then, sent again by its sender meanwhile, then redriven."""
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
