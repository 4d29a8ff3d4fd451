"""docs/protocol.md's rules of erasure, on every store."""

import pytest

from tests.integration.engine_world import (
    COLLECTION,
    OPISTO,
    REGION,
    Crash,
    EngineWorld,
    attend,
    choose,
    issue,
    referral,
    watched,
    withdraw,
)

pytestmark = pytest.mark.asyncio


async def test_erasure_leaves_a_marker_at_which_later_events_do_nothing(world: EngineWorld) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("a")))
    await world.take(world.log.event(withdraw("consent_withdrawn")))
    told = len(world.wire.records)
    await world.take(world.log.event(choose("b")), world.log.event(issue(municipality="091"), id="again"))
    document = await world.document()
    assert document.erased
    assert await world.applied() == []
    assert len(world.wire.records) == told


async def test_erasure_of_what_was_never_there_leaves_a_marker_too(world: EngineWorld) -> None:
    await world.take(world.log.event(withdraw("consent_withdrawn")))
    await world.take(world.log.event(issue()), world.log.event(choose("a")))
    assert (await world.document()).erased
    assert await world.applied() == []


async def test_a_late_save_does_not_bring_the_erased_back(world: EngineWorld) -> None:
    """A processor decided when nothing was there yet; before it saves, the referral is erased."""
    slow = await world.processor()

    async def consent_is_withdrawn() -> None:
        await world.take(world.log.event(withdraw("consent_withdrawn")))

    watched(slow).before["save"] = consent_is_withdrawn
    await world.take(world.log.event(issue()), by=slow)
    assert (await world.document()).erased
    assert await world.applied() == []
    assert world.wire.named("ReferralOpened") == []


async def test_erasure_drops_what_waits_and_remembers_it(world: EngineWorld) -> None:
    waiting = world.log.event(choose("a"))
    await world.take(waiting)
    await world.take(world.log.event(withdraw("consent_withdrawn")))
    document = await world.document()
    assert document.early == []
    assert await world.main.store.find(COLLECTION.name, at_least=("due_at", 0.0)) == []
    version = await world.version()
    await world.take(waiting)
    assert await world.version() == version


async def test_what_was_not_out_before_the_erasure_goes_out_still(world: EngineWorld) -> None:
    await world.crash("saved", world.log.event(issue()))
    await world.take(world.log.event(withdraw("consent_withdrawn")))
    assert len(world.wire.named("ReferralOpened")) == 1
    assert (await world.document()).outbox == []


async def test_what_is_erased_keeps_no_digest_and_sees_repetitions_all_the_same(world: EngineWorld) -> None:
    """A digest of a few answers could be found by trying them all. Nothing is left that another content differs from."""
    records = [world.log.event(issue()), world.log.event(withdraw("consent_withdrawn"))]
    await world.take(*records)
    assert {seen.digest for seen in (await world.document()).recent_outcomes} <= {""}
    version = await world.version()
    await world.take(*records, world.log.event(issue(municipality="091"), id="e1"))
    assert await world.version() == version
    assert world.wire.letters() == []


@pytest.mark.parametrize("crash_at", ["saved", "published", None])
async def test_what_went_on_to_the_inbox_loses_its_digest_by_erasure_too(
    world: EngineWorld, crash_at: str | None
) -> None:
    """Also where the process ends on the way. What comes again, changed or not, is a repetition, never a conflict."""
    records = [world.log.event(issue()), *(world.log.event(attend(str(number))) for number in range(70))]
    for record in records:
        await world.take(record)
    keys = [(f"{COLLECTION.name}/{referral(1)}", source, f"e{n}") for n in range(1, 73) for source in (REGION, OPISTO)]
    assert {len(kept.outcome.digest) > 0 for kept in await world.main.store.recall(keys)} == {True}
    withdrawn = world.log.event(withdraw("consent_withdrawn"))
    if crash_at:
        await world.crash(crash_at, withdrawn)
    await world.take(withdrawn)
    kept = await world.main.store.recall(keys)
    assert len(kept) >= 71 - world.recent_outcomes
    assert {one.outcome.digest for one in kept} == {""}
    version = await world.version()
    await world.take(*records, world.log.event(issue(municipality="091"), id="e1"))
    assert await world.version() == version
    assert world.wire.letters() == []


async def test_what_was_on_its_way_to_the_inbox_when_it_was_erased_loses_its_digest(world: EngineWorld) -> None:
    """The overflow is in the inbox, and the process ended before the document said so."""
    hasty = await world.processor("published", recent_outcomes=0)
    with pytest.raises(Crash):
        await world.take(world.log.event(issue()), by=hasty)
    await world.take(world.log.event(withdraw("consent_withdrawn")), by=await world.processor(recent_outcomes=0))
    kept = await world.main.store.recall([(f"{COLLECTION.name}/{referral(1)}", REGION, "e1")])
    assert [one.outcome.digest for one in kept] == [""]


async def test_a_dead_letter_redriven_to_what_was_erased_is_settled(world: EngineWorld) -> None:
    await world.take(world.log.event(issue()), world.log.event(choose("broken")))
    await world.take(world.log.event(withdraw("consent_withdrawn")))
    await world.take(world.log.redriven(world.wire.letters()[0]))
    assert len(world.wire.named("DeadLetterSettled")) == 1
