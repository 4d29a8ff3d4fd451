"""Crashes between every two steps, zombies, sweeps, repetitions: the end is as if nothing of it had happened.

What should be is never computed here: it is what one processor makes of the same log when nobody disturbs it.
Hypothesis draws what happens; a failing example is printed and is the same on every run.
"""

import asyncio
import itertools
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts.data import Data
from shared.engine.batch import Processor
from shared.kafka.producer import BrokerUnavailable
from tests.integration.conftest import WORLDS
from tests.integration.engine_world import (
    NOW,
    STEPS,
    Crash,
    EngineWorld,
    MemoryLog,
    Tally,
    attend,
    choose,
    header,
    issue,
    referral,
    watched,
    withdraw,
)

AGGREGATES = (1, 2)


@dataclass(frozen=True)
class End:
    """All that can be seen in the end."""

    states: tuple[Tally | None, ...]
    erased: tuple[bool, ...]
    waiting: tuple[frozenset[str], ...]
    told: dict[str, bytes]
    letters: frozenset[tuple[str, str, str]]


async def end_of(world: EngineWorld) -> End:
    documents = [await world.document(number) for number in AGGREGATES]
    for document in documents:
        assert document.outbox == []
        assert document.outbox_since is None
        applied = Counter(document.state.applied if document.state else ())
        assert max(applied.values(), default=1) == 1, "exactly one effect per event"
    waiting = {
        (referral(number), one.source, one.id)
        for number, document in zip(AGGREGATES, documents, strict=True)
        for one in document.early
    }
    assert world.wire.said_to_wait() == waiting
    # A conflict is told from the batch alone: if a crash forgets it and the referral is erased then, it stays forgotten.
    erased = {referral(number) for number, one in zip(AGGREGATES, documents, strict=True) if one.erased}
    letters = [
        letter
        for letter in world.wire.letters()
        if letter["dl_reason"] != "conflict" or (letter.record.key or b"").decode() not in erased
    ]
    refused = {one.told_as for one in letters}
    about_letters = {header(record, "ce_id") for record in world.wire.named("EventRefused")} - refused
    return End(
        states=tuple(document.state for document in documents),
        erased=tuple(document.erased for document in documents),
        waiting=tuple(frozenset(early.id for early in document.early) for document in documents),
        told={id_: value for id_, value in world.wire.follow_ups().items() if id_ not in about_letters},
        letters=frozenset((one["dl_id"], one["dl_reason"], one["dl_attempts"]) for one in letters),
    )


async def undisturbed(folder: Path, log: MemoryLog, recent_outcomes: int) -> End:
    """What becomes of the log where nothing fails; in SQLite always, so that the stores are held to the same end."""
    async with EngineWorld(folder, recent_outcomes) as world:
        await world.take(*log.records)
        return await end_of(world)


# --- a crash at every step, and a second one at every step


def eventful() -> MemoryLog:
    """A log in which everything that can become of a record becomes of one."""
    log = MemoryLog()
    log.event(choose("a", 2))
    log.event(issue(1))
    log.event(choose("a:b", 1))
    log.event(choose("broken", 1), id="same")
    log.event(choose("refused", 1))
    log.event(choose("c", 1), id="same")
    log.raw("intake.http", b"key", b"no event")
    log.event(issue(2))
    log.event(choose("early", 1), time=NOW - timedelta(days=1))
    log.records.append(log.records[2])
    return log


@pytest.mark.asyncio
@pytest.mark.parametrize(("store", "recent_outcomes"), WORLDS)
@pytest.mark.parametrize(("first", "second"), list(itertools.product(STEPS, STEPS)))
async def test_a_crash_at_any_step_and_another_on_the_second_try_change_nothing(
    store: str, recent_outcomes: int, first: str, second: str
) -> None:
    log = eventful()
    with tempfile.TemporaryDirectory() as calm, tempfile.TemporaryDirectory() as wild:
        expected = await undisturbed(Path(calm), log, recent_outcomes)
        async with EngineWorld(Path(wild), recent_outcomes, store) as world:
            for step in (first, second):
                await world.crash(step, *log.records)
            await world.take(*log.records)
            await world.main.sweep(time.time() + 1)
            assert await end_of(world) == expected


# --- anything at all


Fact = tuple[str, int, str, int]
"""Class, aggregate, id, minutes ago."""

FACTS: st.SearchStrategy[Fact] = st.tuples(
    st.sampled_from(["issue", "a", "b", "a:b", "refused", "broken", "attend", "erase", "garbage", "redrive"]),
    st.sampled_from(AGGREGATES),
    st.sampled_from([f"x{number}" for number in range(6)] + [""]),
    st.integers(0, 5),
)
HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from(["consume", "consume", "crash", "zombie", "race", "rewind", "sweep", "down"]),
        st.integers(1, 5),
        st.sampled_from(STEPS),
        st.sampled_from(["load", "recall", "save", "clear", "remember"]),
    ),
    max_size=10,
)


def said(facts: Iterable[Fact]) -> MemoryLog:
    """The log that these facts make. Ids meet again, with the same content or another."""
    log = MemoryLog()
    for what, number, id_, ago in facts:
        if what == "garbage":
            log.raw("intake.http", b"key", b"no event")
        elif what == "redrive":
            _redrive_the_last(log)
        else:
            log.event(_data(what, number), id=id_ or None, time=NOW - timedelta(minutes=ago))
    return log


def _data(what: str, number: int) -> Data:
    known: dict[str, Data] = {
        "issue": issue(number),
        "attend": attend("1", number),
        "erase": withdraw("consent_withdrawn", number),
    }
    return known.get(what) or choose(what, number)


def _redrive_the_last(log: MemoryLog) -> None:
    # As if a person had seen it as a dead letter; whether it is one, another part of the draw decides.
    for record in reversed(log.records):
        if record.topic == "intake.http":
            added = {"dl_id": f"of-{record.offset}", "dl_topic": record.topic, "dl_partition": "0", "dl_attempts": "1"}
            added["dl_offset"] = str(record.offset)
            headers = [*record.headers, *((name, value.encode()) for name, value in added.items())]
            log.raw("redrive.referral", record.key, record.value, headers)
            return


class Consumption:
    """A group that reads the log: where it stands, and what may go wrong with those who read for it."""

    def __init__(self, world: EngineWorld, log: MemoryLog) -> None:
        self.world = world
        self.records = log.records
        self.committed = 0

    async def happens(self, what: str, count: int, step: str, moment: str) -> None:
        """One happening of the draw."""
        if what == "rewind":
            self.committed = max(0, self.committed - count)
        elif what == "sweep":
            await (await self.world.processor()).sweep(time.time() + 1)
        elif what == "down":
            await self._without_a_wire(count)
        else:
            await self._consume(what, count, step, moment)

    async def _consume(self, what: str, count: int, step: str, moment: str) -> None:
        processor = await self.world.processor(step if what == "crash" else None)
        batch = self.records[self.committed : self.committed + count]
        if what in {"zombie", "race"}:
            # A zombie sleeps while its successor reads on; in a race, the sweeper of another instance passes by.
            watched(processor).before[moment] = self._reads_on(count) if what == "zombie" else self._sweeps
            watched(processor).after[moment] = self._sweeps
        start = self.committed
        try:
            await self.world.take(*batch, by=processor)
        except Crash:
            return
        # A zombie's late commit puts the group back: those after it read again what its successor had read.
        self.committed = start + len(batch)

    def _reads_on(self, count: int) -> Callable[[], Awaitable[None]]:
        async def read_on() -> None:
            fresh = await self.world.processor()
            await self.world.take(*self.records[self.committed : self.committed + count + 2], by=fresh)

        return read_on

    async def _sweeps(self) -> None:
        await (await self.world.processor()).sweep(time.time() + 1)

    async def _without_a_wire(self, count: int) -> None:
        self.world.wire.down = True
        with suppress(BrokerUnavailable):
            await self.world.take(*self.records[self.committed : self.committed + count])
        self.world.wire.down = False

    async def finish(self) -> None:
        """All is read to the end, by one that nobody disturbs."""
        fresh = await self.world.processor()
        await self.world.take(*self.records[self.committed :], by=fresh)
        await fresh.sweep(time.time() + 1)


@pytest.mark.parametrize(("store", "recent_outcomes"), WORLDS)
@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(facts=st.lists(FACTS, min_size=1, max_size=12), happenings=HAPPENINGS)
def test_whatever_happens_the_end_is_the_same(
    store: str, recent_outcomes: int, facts: list[Fact], happenings: list[tuple[str, int, str, str]]
) -> None:
    asyncio.run(_whatever_happens(store, recent_outcomes, facts, happenings))


async def _whatever_happens(
    store: str, recent_outcomes: int, facts: list[Fact], happenings: list[tuple[str, int, str, str]]
) -> None:
    log = said(facts)
    with tempfile.TemporaryDirectory() as calm, tempfile.TemporaryDirectory() as wild:
        expected = await undisturbed(Path(calm), log, recent_outcomes)
        async with EngineWorld(Path(wild), recent_outcomes, store) as world:
            group = Consumption(world, log)
            for happening in happenings:
                await group.happens(*happening)
            await group.finish()
            found = await end_of(world)
            assert found == expected
            await replayed(world, await world.processor(), log, found)


async def replayed(world: EngineWorld, processor: Processor, log: MemoryLog, found: End) -> None:
    """The whole log once more: nothing new is said and nothing changes."""
    versions = [await world.version(number) for number in AGGREGATES]
    await world.take(*log.records, by=processor)
    assert await end_of(world) == found
    assert [await world.version(number) for number in AGGREGATES] == versions
