"""What leaves a store, and when, on every engine there is: documents whose term has passed and that nobody uses."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.monitor.handlers import EVENTS
from services.monitor.model import Sighting, Traced
from services.monitor.retention import of_referrals_in_use
from services.monitor.standings import STANDINGS, ReferralStanding
from shared import log_events
from shared.contracts.registry import CLASSES
from shared.engine.model import Document
from shared.engine.unit_of_work import UnitOfWork
from shared.process.keeping import AT_ONCE, InUse, Keeping, Retention
from shared.store import Row, Store, StoreUnavailable
from tests.backends import STORES, drop_store, open_store

pytestmark = pytest.mark.asyncio

NOW = datetime(2027, 5, 1, 12, tzinfo=UTC)
TERM = timedelta(days=180)
OPISTO, REFERRAL_SERVICE = "/opisto/tampere", "/service/referral"


@pytest_asyncio.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store = open_store(request.param, tmp_path)
    await store.open([EVENTS.stored, STANDINGS.stored])
    yield store
    await store.close()
    drop_store(request.param, tmp_path)


def an_event(
    id_: str, age: timedelta, referral: str = "", name: str = "ActivityPublished", source: str = OPISTO
) -> Traced:
    at = NOW - age
    first = Sighting("t", 0, round(at.timestamp()), at)
    return Traced(source, id_, CLASSES[name].type, "", referral, correlation=referral, first=first, last_at=at, seen=1)


def said(name: str, age: timedelta, referral: str) -> Traced:
    """A word of the referral's service about a referral."""
    return an_event(f"{name} {referral} {age}", age, referral, name, REFERRAL_SERVICE)


def days(number: float) -> timedelta:
    return timedelta(days=number)


async def put(store: Store, traced: Sequence[Traced]) -> None:
    units = [UnitOfWork("monitor", EVENTS, f"{one.source} {one.id}", 0, Document(one)) for one in traced]
    assert await store.save("events", [unit.row(0.0) for unit in units]) == set()


def keeping(store: Store, **others: Any) -> Keeping:
    retention = Retention(EVENTS.collection, "at", TERM, InUse(EVENTS, others.pop("in_use", of_referrals_in_use)))
    return Keeping("monitor", store, retention, lambda: NOW, pause=0, **others)


class Watched:
    """A store that fails at its first removals, and says when one is done."""

    def __init__(self, store: Store, *faults: Exception) -> None:
        self.removed = asyncio.Event()
        self._store = store
        self._faults = list(faults)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def remove(self, collection: str, versions: Mapping[str, int]) -> int:
        if self._faults:
            raise self._faults.pop()
        gone = await self._store.remove(collection, versions)
        self.removed.set()
        return gone


@asynccontextmanager
async def running(
    store: Any, until: Callable[[], datetime | None] = lambda: NOW, **others: float
) -> AsyncIterator[None]:
    task = asyncio.create_task(
        Keeping("monitor", store, Retention(EVENTS.collection, "at", TERM), until, **others).run()
    )
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def left(store: Store) -> set[str]:
    return {row.id.partition(" ")[2] for row in await store.find("events", limit=5_000)}


def removed() -> float:
    return REGISTRY.get_sample_value("lahete_removed_total", {"service": "monitor", "collection": "events"}) or 0.0


async def test_what_has_reached_its_term_is_removed_and_nothing_younger_is(store: Store) -> None:
    second = timedelta(seconds=1)
    await put(store, [an_event("old", TERM), an_event("young", TERM - second), an_event("new", days(0))])
    await keeping(store).sweep(NOW)
    assert await left(store) == {"young", "new"}
    await keeping(store).sweep(NOW + second)
    assert await left(store) == {"new"}


async def test_more_than_one_step_holds_is_removed_in_one_sweep_counted_and_logged(store: Store) -> None:
    many = 2 * AT_ONCE + 7
    await put(store, [an_event(f"e{number}", days(200)) for number in range(many)])
    before = removed()
    with capture_logs() as lines:
        await keeping(store).sweep(NOW)
    assert await left(store) == set()
    assert removed() - before == many
    assert [(one["event"], one["collection"], one["removed"]) for one in lines] == [
        (log_events.TERM_PASSED, "events", many)
    ]


async def test_an_open_referrals_events_stay_however_old_and_those_behind_them_are_removed(store: Store) -> None:
    open_ = [said("ReferralOpened", days(900), "open")]
    open_ += [an_event(f"a{number}", days(800), "open", "ActivityAttended") for number in range(AT_ONCE)]
    await put(store, [*open_, an_event("old", days(200))])
    await keeping(store).sweep(NOW)
    assert await left(store) == {one.id for one in open_}


async def test_a_referrals_events_stay_together_until_the_term_after_it_closed(store: Store) -> None:
    closed = said("ReferralClosed", days(10), "r")
    await put(store, [said("ReferralOpened", days(400), "r"), closed, an_event("a", days(300), "r")])
    one = keeping(store)
    await one.sweep(NOW)
    await one.sweep(NOW + TERM - days(11))
    assert len(await left(store)) == 3
    await one.sweep(NOW + TERM - days(10))
    assert await left(store) == set()


async def test_one_that_was_reopened_is_open_and_one_that_was_erased_is_not(store: Store) -> None:
    again = [
        said("ReferralOpened", days(900), "again"),
        said("ReferralClosed", days(800), "again"),
        said("ReferralReopened", days(700), "again"),
    ]
    await put(store, [*again, said("ReferralOpened", days(900), "gone"), said("ReferralErased", days(800), "gone")])
    await keeping(store).sweep(NOW)
    assert await left(store) == {one.id for one in again}


async def test_where_the_referral_told_where_it_stands_that_word_holds(store: Store) -> None:
    told = {"open": (False, days(300)), "closed": (True, days(200)), "lately": (True, days(100))}
    standings = [ReferralStanding(id_, 1, closed=closed, told_at=NOW - age) for id_, (closed, age) in told.items()]
    units = [UnitOfWork("monitor", STANDINGS, one.referral_id, 0, Document(one)) for one in standings]
    assert await store.save("standings", [unit.row(0.0) for unit in units]) == set()
    await put(store, [an_event(f"of {id_}", days(300), id_, "ActivityAttended") for id_ in told])
    await keeping(store).sweep(NOW)
    assert await left(store) == {"of open", "of lately"}


async def test_a_referral_that_was_never_opened_holds_nothing(store: Store) -> None:
    """An attendance under a mistyped id, and an opening that the referral's service did not say."""
    await put(
        store,
        [
            an_event("typo", days(200), "mistyped", "ActivityAttended"),
            an_event("forged", days(200), "mistyped", "ReferralOpened"),
        ],
    )
    await keeping(store).sweep(NOW)
    assert await left(store) == set()


async def test_a_referral_with_very_many_events_is_known_to_be_open(store: Store) -> None:
    """Of each look at it the audit keeps an event of the same sender."""
    looks = [said("AccessRecorded", days(300) + timedelta(seconds=number), "r") for number in range(1_200)]
    opened = an_event("zzz", days(301), "r", "ReferralOpened", REFERRAL_SERVICE)
    await put(store, [*looks, opened])
    await keeping(store).sweep(NOW)
    assert len(await left(store)) == 1_201


async def test_one_that_is_ended_in_the_middle_is_gone_on_with(store: Store) -> None:
    await put(store, [an_event(f"e{number}", days(200)) for number in range(3 * AT_ONCE)] + [an_event("new", days(0))])
    watched = Watched(store)
    async with running(watched, pause=60):
        await watched.removed.wait()
    assert len(await left(store)) == 2 * AT_ONCE + 1
    await keeping(store).sweep(NOW)
    assert await left(store) == {"new"}


async def test_two_instances_at_once_remove_each_document_once(store: Store) -> None:
    many = 3 * AT_ONCE
    await put(store, [an_event(f"e{number}", days(200)) for number in range(many)])
    before = removed()
    await asyncio.gather(keeping(store).sweep(NOW), keeping(store).sweep(NOW))
    assert await left(store) == set()
    assert removed() - before == many


async def test_what_comes_again_between_the_look_and_the_removal_stays(store: Store) -> None:
    old, others = an_event("old", days(200)), an_event("other", days(200))
    await put(store, [old, others])

    async def seen_again(_: Store, states: Sequence[Traced], __: datetime) -> list[bool]:
        again = UnitOfWork("monitor", EVENTS, f"{old.source} {old.id}", 1, Document(an_event("old", days(0))))
        assert await store.save("events", [again.row(0.0)]) == set()
        return [False] * len(states)

    await keeping(store, in_use=seen_again).sweep(NOW)
    assert await left(store) == {"old"}


async def test_nothing_is_removed_while_it_is_not_known_how_far_the_service_has_read(store: Store) -> None:
    await put(store, [an_event("old", days(200))])
    answers, asked = [NOW, None, None], asyncio.Event()

    def until() -> datetime | None:
        known = answers.pop()
        asked.set()
        return known

    watched = Watched(store)
    async with running(watched, until=until, every=0.01):
        await asked.wait()
        assert await left(store) == {"old"}
        await watched.removed.wait()
    assert answers == []
    assert await left(store) == set()


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        (StoreUnavailable("away"), log_events.REMOVAL_POSTPONED),
        (ValueError("it is no event"), log_events.REMOVAL_FAILED),
    ],
    ids=["away", "fault"],
)
async def test_neither_an_outage_nor_a_fault_ends_it(store: Store, fault: Exception, key: str) -> None:
    await put(store, [an_event("old", days(200))])
    watched = Watched(store, fault, fault)
    with capture_logs() as lines:
        async with running(watched, every=0):
            await watched.removed.wait()
    assert [one["event"] for one in lines[:2]] == [key, key]
    assert await left(store) == set()


async def test_a_document_without_the_field_is_not_removed(store: Store) -> None:
    await store.save("events", [Row("x undated", 1, b"{}", {})])
    await keeping(store).sweep(NOW)
    assert await left(store) == {"undated"}
