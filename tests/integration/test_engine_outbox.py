"""docs/protocol.md's rules of the outbox, on every store: what follows goes out at least once, in order, and is cleared after."""

import time

import msgspec
import pytest

from shared.kafka.producer import BrokerUnavailable
from shared.store import Row
from tests.integration.engine_world import (
    COLLECTION,
    EngineWorld,
    choose,
    header,
    issue,
    read_document,
    referral,
    watched,
    withdraw,
)

pytestmark = pytest.mark.asyncio


async def test_a_repetition_publishes_what_a_dead_consumer_left_in_the_outbox(world: EngineWorld) -> None:
    records = [world.log.event(issue()), world.log.event(choose("a"))]
    await world.crash("saved", *records)
    assert world.wire.records == []
    version = await world.version()
    await world.take(*records)
    assert len(world.wire.follow_ups()) == 2
    assert await world.version() == version, "a repetition saves nothing"
    assert (await world.document()).outbox == []


async def test_a_conflict_publishes_the_outbox_of_the_document_it_touched(world: EngineWorld) -> None:
    await world.crash("saved", world.log.event(issue(), id="one"))
    await world.take(world.log.event(choose("a"), id="one"))
    assert len(world.wire.named("ReferralOpened")) == 1


async def test_what_follows_joins_the_outbox_behind_what_is_still_in_it(world: EngineWorld) -> None:
    await world.crash("saved", world.log.event(issue()), world.log.event(choose("a")))
    await world.crash("saved", world.log.event(choose("b")))
    await world.take(world.log.event(choose("c")))
    told = [header(record, "ce_causationid") for record in world.wire.records]
    assert told == ["e1", "e2", "e3", "e4"]
    assert [record.key for record in world.wire.records] == [referral(1).encode()] * 4


async def test_nothing_is_cleared_that_was_not_acknowledged(world: EngineWorld) -> None:
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


async def test_clearing_makes_no_new_version(world: EngineWorld) -> None:
    await world.take(world.log.event(issue()))
    assert await world.version() == 1
    assert (await world.document()).outbox == []


async def test_clearing_late_overwrites_nothing_newer(world: EngineWorld) -> None:
    batch = await world.main.process(world.main.receive([world.log.event(issue())]))
    await world.crash("saved", world.log.event(choose("a")))
    newer = await world.document()
    await world.main.clear(batch)
    assert await world.document() == newer
    assert len(newer.outbox) == 2
    assert await world.version() == 2


async def test_clearing_brings_nothing_into_being(world: EngineWorld) -> None:
    await world.main.store.clear(COLLECTION.name, [Row(referral(9), 1, b"{}")])
    assert await world.version(9) == 0


async def test_the_sweep_publishes_and_clears_what_a_dead_consumer_left(world: EngineWorld) -> None:
    for number in (1, 2, 3):
        await world.crash("saved", world.log.event(issue(number)))
    assert await world.main.sweep(time.time() - 60) == 0, "a consumer that lives needs time to publish by itself"
    assert world.wire.records == []
    assert await world.main.sweep(time.time() + 1) == 3
    assert len(world.wire.follow_ups()) == 3
    assert await world.main.sweep(time.time() + 1) == 0
    document = await world.document(2)
    assert (document.outbox, document.outbox_since) == ([], None)
    assert len(document.recent_outcomes) + document.spilled == 1


async def test_an_outbox_that_an_earlier_program_kept_in_the_body_goes_out_and_is_cleared(world: EngineWorld) -> None:
    await world.crash("saved", world.log.event(issue()))
    store = world.main.store
    (row,) = (await store.load(COLLECTION.name, [referral(1)])).values()
    earlier = msgspec.json.encode(read_document(row))
    assert b'"outbox"' in earlier
    await store.clear(COLLECTION.name, [Row(row.id, row.version, earlier, {"outbox_since": 1.0})])
    assert (await world.document()).outbox == read_document(row).outbox
    assert await world.main.sweep(time.time() + 1) == 1
    assert len(world.wire.follow_ups()) == 1
    document = await world.document()
    assert (document.outbox, document.outbox_since, await world.version()) == ([], None, 1)


async def test_a_sweep_beside_a_living_consumer_takes_nothing_from_it(world: EngineWorld) -> None:
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


async def test_rows_of_a_journal_are_written_once_and_blanked_to_where_the_blank_stood_however_often_let_out(
    world: EngineWorld,
) -> None:
    record = world.log.event(withdraw("moved"))
    await world.crash("saved", record)
    assert await world.main.store.read("diary", "06", after=0, limit=9) == []
    await world.take(record)
    await world.take(record)
    rows = await world.main.store.read("diary", "06", after=0, limit=9)
    assert [row.body for row in rows] == [b'"blank"', b'"last word"']


async def test_what_follows_from_a_synthetic_referral_is_synthetic_for_good(world: EngineWorld) -> None:
    await world.take(world.log.event(issue(), synthetic=True))
    await world.take(world.log.event(choose("a")))
    assert [header(record, "ce_synthetic") for record in world.wire.records] == ["true", "true"]


REFERRALS = "/service/referral"


async def test_no_event_makes_a_test_of_a_real_referral_nor_a_real_one_of_a_test(world: EngineWorld) -> None:
    """Whoever may send an event about it could take it out of every report, and keep it from every real place."""
    await world.take(world.log.event(choose("early"), synthetic=True))
    await world.take(world.log.event(issue()), world.log.event(choose("a"), synthetic=True))
    await world.take(world.log.event(choose("refused"), synthetic=True))
    assert {
        header(record, "ce_synthetic") for record in world.wire.records if header(record, "ce_source") == REFERRALS
    } == {""}
    assert not (await world.document()).synthetic
    await world.take(world.log.event(issue(2), synthetic=True), world.log.event(choose("a", 2)))
    assert (await world.document(2)).synthetic
