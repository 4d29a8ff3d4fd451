"""docs/protocol.md's rules of races, outages and the circuit breaker, on every store."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

import pytest

from shared.contracts import original
from shared.contracts.envelope import Event, Raw, decode
from shared.contracts.region_events import ReferralIssued
from shared.engine import batch as engine
from shared.engine import receive as receiving
from shared.engine.batch import Processor
from shared.engine.circuit_breaker import CircuitOpen
from shared.store import Row, StoreUnavailable
from tests.integration.engine_world import (
    REGION,
    TALLIES,
    EngineWorld,
    Tally,
    attend,
    choose,
    header,
    issue,
    watched,
)

pytestmark = pytest.mark.asyncio


# --- races


async def test_a_lost_race_is_decided_anew_on_what_the_winner_left(world: EngineWorld) -> None:
    slow = await world.processor()

    async def another_opens_it() -> None:
        await world.take(world.log.event(issue()))

    watched(slow).before["save"] = another_opens_it
    await world.take(world.log.event(choose("a"), id="chosen"), world.log.event(issue(2)), by=slow)
    assert await world.applied() == ["e3", "chosen"], "it waited in the first decision and not in the second"
    assert await world.applied(2) == ["e2"]
    assert (await world.document()).early == []


async def test_of_two_hundred_first_events_at_two_processors_none_is_lost(world: EngineWorld) -> None:
    one, two = await world.processor(), await world.processor()
    records = [world.log.event(attend(str(number))) for number in range(200)]

    async def each(processor: Processor, start: int) -> None:
        for at in range(start, 200, 20):
            await world.take(*records[at : at + 10], by=processor)

    await asyncio.gather(each(one, 0), each(two, 10))
    assert sorted(await world.applied()) == sorted(f"e{number}" for number in range(1, 201))


async def test_a_race_that_nobody_won_is_an_error_and_no_loop(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
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


async def test_a_document_that_grows_too_large_fails_alone(world: EngineWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MAX_DOCUMENT_BYTES", 20_000)
    world.context.padding = 30_000
    await world.take(world.log.event(issue()), world.log.event(issue(2)))
    await world.take(world.log.event(choose("huge")), world.log.event(choose("a", 2)))
    assert world.wire.reasons() == ["handler_failed"]
    assert "20000 bytes" in world.wire.letters()[0]["dl_error"]
    assert await world.applied() == ["e1"]
    assert await world.applied(2) == ["e2", "e4"]
    await world.take(world.log.event(choose("a")))
    assert await world.applied() == ["e1", "e5"]


async def test_a_document_that_the_store_can_never_keep_fails_alone(world: EngineWorld) -> None:
    """A number that neither SQLite nor BSON can hold would fail the whole save, now and on every repetition."""
    heavy = replace(TALLIES, fields=lambda state: {"weight": 2**70 if state.padding else 1})
    handlers = {name: replace(handler, kind=heavy) for name, handler in world.table.handlers.items()}
    world.table = replace(world.table, kinds=(heavy,), handlers=handlers)
    world.context.padding = 1
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
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "MAX_DOCUMENT_BYTES", 20_000)
    world.context.padding = 17_000
    await world.take(world.log.event(issue()), world.log.event(choose("huge")))
    await world.take(*(world.log.event(choose("a")) for _ in range(10)))
    assert world.wire.reasons() == ["handler_failed"] * 10


# --- outages and the circuit breaker


@pytest.mark.parametrize("moment", ["before load", "before recall", "before save", "after save", "before remember"])
async def test_while_the_store_does_not_answer_nothing_is_dead_lettered_and_nothing_lost(
    world: EngineWorld, moment: str
) -> None:
    """After the save too: an answer that got lost leaves unknown whether it was saved."""
    processor = await world.processor(recent_outcomes=0)
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


async def test_a_store_that_does_not_answer_a_look_up_is_no_failure_of_the_handler(world: EngineWorld) -> None:
    answers = [StoreUnavailable("no answer"), None]

    async def look_up(*_: object) -> object:
        if error := answers.pop(0):
            raise error
        return world.context

    looking = replace(world.table.handlers[ReferralIssued], look_up=look_up)
    world.table = replace(world.table, handlers={ReferralIssued: looking})
    processor = await world.processor()
    record = world.log.event(issue())
    with pytest.raises(StoreUnavailable):
        await world.take(record, by=processor)
    assert await world.version() == 0
    await world.take(record, by=processor)
    assert await world.applied() == ["e1"]
    assert world.wire.letters() == []


async def test_the_breaker_opens_when_handlers_fail_in_numbers_and_nothing_of_the_batch_is_kept(
    world: EngineWorld,
) -> None:
    await world.take(*(world.log.event(issue(number)) for number in range(40)))
    before = len(world.wire.records)
    senders = ("/region/06", "/region/08", "/region/11", "/region/17")
    records = [world.log.event(choose("broken", number), source=senders[number % 4]) for number in range(40)]
    fresh = await world.processor()
    with pytest.raises(CircuitOpen):
        await world.take(*records, by=fresh)
    assert fresh.breaker.why
    assert len(world.wire.records) == before
    assert {await world.version(number) for number in range(40)} == {1}
    world.context.broken.clear()
    await world.take(*records, by=await world.processor())
    assert world.wire.letters() == []
    assert [len(await world.applied(number)) for number in range(40)] == [2] * 40


class ReadsBadly:
    """Reading as it is, but that a fault of the program's meets what has a certain id."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = {"poisoned"}
        monkeypatch.setattr(receiving, "decode", self)

    def __call__(self, raw: Raw, **how: Any) -> Event:
        if raw.attributes["id"] in self.at:
            raise RecursionError("too deep for us")
        return decode(raw, **how)


async def test_a_record_at_which_reading_itself_fails_is_laid_aside_and_sent_again_once_that_is_mended(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = ReadsBadly(monkeypatch)
    records = world.log.event(issue(), id="poisoned"), world.log.event(issue(2), id="sound")
    await world.take(*records)
    assert (await world.applied(2), world.wire.reasons()) == (["sound"], ["handler_failed"])
    (letter,) = world.wire.letters()
    assert letter["dl_error"] == "reading it failed: RecursionError: too deep for us"
    assert letter.record.value == records[0].value
    assert world.main.breaker.laid_aside == 1
    assert len(world.wire.named("EventRefused")) == 1
    reading.at.clear()
    await world.take(world.log.redriven(letter))
    assert await world.applied() == ["poisoned"]


async def test_a_dead_letter_at_which_reading_fails_is_not_dead_lettered_without_end(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    ReadsBadly(monkeypatch)
    await world.take(
        world.log.event(issue(), id="poisoned", topic="dead-letters"), world.log.event(issue(2), id="sound")
    )
    assert (await world.applied(2), world.wire.letters()) == (["sound"], [])


async def test_of_a_record_that_cannot_even_be_searched_no_byte_is_kept(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    ReadsBadly(monkeypatch)

    def fails(_: bytes) -> bool:
        raise RecursionError

    monkeypatch.setattr(original, "bytes_hide_a_code", fails)
    await world.take(world.log.event(issue(), id="poisoned"))
    (letter,) = world.wire.letters()
    assert (letter.record.key, letter.record.value) == (None, None)
    assert not [name for name, _ in letter.record.headers if not name.startswith("dl_")]


async def test_where_reading_fails_whoever_sends_the_breaker_opens_and_nothing_is_laid_aside(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = ReadsBadly(monkeypatch)
    reading.at = {f"e{number}" for number in range(1, 61)}
    regions = ("06", "08", "11", "17")
    records = [
        world.log.event(issue(number), source=f"/region/{region}", topic=f"intake.region.{region}")
        for number in range(10)
        for region in regions
    ]
    fresh = await world.processor()
    with pytest.raises(CircuitOpen, match="a record 20"):
        await world.take(*records, by=fresh)
    one_senders = [world.log.event(issue(number), topic="intake.region.06") for number in range(20)]
    await world.take(*one_senders)
    assert world.wire.reasons() == ["handler_failed"] * 20


async def test_refusals_by_the_domain_never_open_the_breaker(world: EngineWorld) -> None:
    await world.take(world.log.event(issue()), *(world.log.event(choose("refused")) for _ in range(40)))
    assert world.main.breaker.why is None
    assert len(world.wire.letters()) == 40


async def test_an_outage_while_one_event_fails_does_not_open_the_breaker(world: EngineWorld) -> None:
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


async def test_what_one_sender_set_off_is_laid_aside_in_order_and_the_others_go_on(world: EngineWorld) -> None:
    await world.take(*(world.log.event(issue(number)) for number in range(61)))
    poisoned = [world.log.event(choose("broken", number)) for number in range(60)]
    await world.take(*poisoned, world.log.event(choose("a", 60), source="/region/08"))
    assert world.main.breaker.why is None
    assert world.main.breaker.laid_aside == 60
    assert world.wire.reasons() == ["handler_failed"] * 60
    assert len(await world.applied(60)) == 2


async def test_what_follows_names_the_partner_whose_event_began_the_chain(world: EngineWorld) -> None:
    await world.take(world.log.event(issue(), origin="/region/08"))
    (opened,) = world.wire.named("ReferralOpened")
    assert header(opened, "ce_origin") == REGION, "not whom the partner named"
    assert header(opened, "ce_source") == "/service/referral"


@pytest.mark.parametrize("poison", ["deadlines", "fields", "brief"])
async def test_a_state_that_cannot_be_found_by_is_laid_aside_alone_and_a_restart_gets_past_it(
    world: EngineWorld, poison: str
) -> None:
    """A course that ended in 9999 made every batch with one of its clients in it come again, for ever."""

    def poisoned(state: Tally) -> NoReturn:
        raise OverflowError("date value out of range")

    def of(sound: Callable[[Tally], Any]) -> Callable[[Tally], Any]:
        return lambda state: poisoned(state) if any(one.endswith(" sick") for one in state.applied) else sound(state)

    (kind,) = world.table.kinds
    changed: dict[str, Any] = {poison: of(getattr(kind, poison))}
    sick = replace(kind, **changed)
    handlers = {name: replace(handler, kind=sick) for name, handler in world.table.handlers.items()}
    world.table = replace(world.table, kinds=(sick,), handlers=handlers)
    processor = await world.processor()
    await world.take(world.log.event(issue(1)), world.log.event(issue(2)), by=processor)
    records = [
        world.log.event(choose("a", 1)),
        world.log.event(choose("b", 1), id="sick"),
        world.log.event(choose("a", 2)),
    ]
    for _ in range(2):
        await world.take(*records, by=await world.processor())
    assert [(letter["dl_reason"], header(letter.record, "ce_id")) for letter in world.wire.letters()][:2] == [
        ("handler_failed", "e3"),
        ("handler_failed", "sick"),
    ]
    assert len(await world.applied(2)) == 2
    assert len(await world.applied(1)) == 1
