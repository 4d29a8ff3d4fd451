"""What matching finds by way of the store, its indexes and what is kept decoded: the same as a plain look at everything."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from services.catalogue import decide
from services.catalogue.briefs import Briefs
from services.catalogue.handlers import ACTIVITIES, MATCHES, table
from services.catalogue.matching import HardFilters, cosine
from services.catalogue.model import Activity, Brief, Match, Wish
from services.catalogue.needs import vector
from shared.contracts.envelope import Event
from shared.contracts.opisto_events import ActivityPublished
from shared.contracts.region_events import ReferralIssued
from shared.engine.model import Decision
from shared.reference import DIMENSIONS, MUNICIPALITIES, THEMES
from shared.store import Row
from shared.store.sqlite import SqliteStore
from tests.unit.facts import START, TAMPERE, a_referral, called_off, issued, published, taken

pytestmark = pytest.mark.asyncio

REMATCH = timedelta(days=1)
PLACES = (TAMPERE, "980", "091", "049")
"""Two municipalities in each of two regions."""
BANDS = ("7-12", "18-29", "65-74", "85-")
FEATURES = ("step_free", "quiet")


@pytest_asyncio.fixture
async def stores(tmp_path: Path) -> AsyncIterator[list[SqliteStore]]:
    """Two on one file, as two instances have them."""
    opened = [SqliteStore(tmp_path / "catalogue.sqlite") for _ in range(2)]
    for store in opened:
        await store.open([ACTIVITIES.collection, MATCHES.collection])
    yield opened
    for store in opened:
        await store.close()


def an_activity(rng: Random, name: str) -> Activity:
    lowest = rng.choice([0, 18, 60])
    event = published(
        activity=name,
        municipality=rng.choice(PLACES),
        serves=rng.choice([[], [], rng.sample(PLACES, 2)]),
        format=rng.choice(["in_person", "in_person", "remote", "hybrid"]),
        languages=rng.choice([["fi"], ["fi"], ["sv", "fi"], ["en"]]),
        age={"min": lowest, "max": rng.choice([lowest + 20, 120])},
        price_cents=rng.choice([0, 500, 9000]),
        accepts=rng.choice([[], ["agreement"]]),
        accessibility=rng.sample(FEATURES, rng.randint(0, 2)),
        themes=rng.sample(sorted(THEMES), 2),
        needs_supported={rng.choice(DIMENSIONS): rng.randint(1, 10) for _ in range(2)},
        capacity=rng.choice([0, 5, 5]),
        opens=rng.choice([None, -3, 3]),
        closes=rng.choice([None, None, 5]),
        companion=rng.random() < 0.3,
        synthetic=rng.random() < 0.1,
    )
    state = taken(decide.published(None, event, START, decide.MatchContext())).state
    assert state is not None
    return state


def a_referral_for(rng: Random, number: int) -> Event[Any]:
    return issued(
        referral=a_referral(number),
        municipality=rng.choice(PLACES),
        age_band=rng.choice(BANDS),
        languages=rng.choice([["fi"], ["sv"], ["en", "fi"], ["tlh"]]),
        needs={rng.choice(DIMENSIONS): rng.randint(1, 10) for _ in range(3)},
        themes=rng.sample(sorted(THEMES), 3),
        formats=rng.choice([[], [], ["in_person"], ["remote", "hybrid"]]),
        accessibility=rng.choice([[], [], ["quiet"]]),
        companion=rng.random() < 0.3,
        max_price_cents=rng.choice([None, 0, 500]),
        funding=rng.choice([[], ["agreement"]]),
        synthetic=rng.random() < 0.1,
    )


async def save(store: SqliteStore, name: str, version: int, state: Activity) -> None:
    row = Row(name, version, b"{}", ACTIVITIES.fields(state), ACTIVITIES.brief(state))
    assert await store.save("activities", [row]) == set()


def plainly_ranked(wish: Wish, briefs: list[Brief]) -> list[str]:
    def order(brief: Brief) -> tuple[Any, ...]:
        liked = len(set(wish.themes) & set(brief.themes))
        price = 0 if set(wish.funding) & set(brief.accepts) else brief.price_cents
        alone = wish.companion and not brief.companion
        return alone, -cosine(vector(wish.needs), brief.needs), -liked, price, brief.starts_at, brief.key

    return [brief.key for brief in sorted(filter(HardFilters(wish, START).fits, briefs), key=order)][:5]


def plainly_missed(wish: Wish, briefs: list[Brief]) -> dict[str, int]:
    region = MUNICIPALITIES[wish.municipality].region
    near = [
        brief
        for brief in briefs
        if brief.format == "remote"
        or wish.municipality in brief.serves
        or MUNICIPALITIES[brief.municipality].region == region
    ]
    missed = [HardFilters(wish, START).only_miss(brief) for brief in near]
    return dict(Counter(name for name in missed if name))


@pytest.mark.parametrize("seed", range(4))
async def test_proposals_and_near_misses_are_those_of_a_plain_scan(stores: list[SqliteStore], seed: int) -> None:
    """Another instance changes activities between the referrals, so that what is kept here is of an older version."""
    rng = Random(seed)
    mine, others = stores
    offered: dict[str, tuple[int, Activity]] = {}
    handler = table(REMATCH).handlers[ReferralIssued]
    assert handler.look_up is not None
    told: Counter[str] = Counter()
    for number in range(80):
        for name in {f"a{rng.randrange(150)}" for _ in range(60 if number == 0 else 6)}:
            version = offered[name][0] + 1 if name in offered else 1
            offered[name] = version, an_activity(rng, name)
            await save(others, offered[name][1].key, *offered[name])
        event = a_referral_for(rng, number)
        briefs = [decide.brief_of(state) for _, state in offered.values()]
        found = await handler.look_up(None, event, mine, START)
        match: Decision[Match] = handler.decide(None, event, START, found)  # type: ignore[assignment]
        state = match.state
        assert state is not None
        wish = decide.wish_of(event)
        told[state.status] += 1
        assert list(state.proposed) == plainly_ranked(wish, briefs)
        if state.status == "unmatched":
            assert match.follow[0].data.nearest_misses == plainly_missed(wish, briefs)  # type: ignore[attr-defined]
    assert min(told["proposed"], told["unmatched"]) > 5


async def test_a_version_that_says_again_what_was_said_concerns_nobody(stores: list[SqliteStore]) -> None:
    look_up = table(REMATCH).handlers[ActivityPublished].look_up
    assert look_up is not None
    first = published(capacity=5)
    state = taken(decide.published(None, first, START, decide.MatchContext())).state
    assert state is not None
    wish = decide.wish_of(issued(0))
    proposed = Match(a_referral("proposed"), wish, status="proposed", proposed=(state.key,))
    unmatched = Match(a_referral("unmatched"), wish, status="unmatched")
    rows = [
        Row(match.referral_id, 1, b"{}", dict(decide.match_fields(match)), decide.match_brief(match))
        for match in (proposed, unmatched)
    ]
    await stores[0].save("matches", rows)
    everybody = {proposed.referral_id, unmatched.referral_id}

    async def concerned(known: Activity | None, event: Event) -> set[str]:
        return set((await look_up(known, event, stores[0], START)).concerned)

    assert await concerned(None, first) == everybody
    assert await concerned(state, published(-9, capacity=5)) == set()
    assert await concerned(state, published(-9, capacity=6)) == everybody
    many = [*sorted(MUNICIPALITIES)[:40], TAMPERE]
    assert await concerned(state, published(-9, serves=many)) == everybody
    assert await concerned(state, called_off(-9)) == {proposed.referral_id}
    gone = taken(decide.cancelled(state, called_off(-9), START, decide.MatchContext())).state
    assert await concerned(gone, called_off(-8)) == set()


class Counting(SqliteStore):
    """Counts the summaries it hands out."""

    loaded = 0

    async def load(self, collection: str, ids: Any, **how: Any) -> dict[str, Row]:
        self.loaded += len(ids)
        return await super().load(collection, ids, **how)


async def test_only_what_changed_is_loaded_again(tmp_path: Path) -> None:
    store = Counting(tmp_path / "catalogue.sqlite")
    await store.open([ACTIVITIES.collection])
    rng, briefs = Random(1), Briefs()
    for number in range(10):
        await save(store, f"a{number}", 1, an_activity(rng, f"a{number}"))
    areas = (*PLACES, decide.EVERYWHERE)
    for expected in (10, 10):
        assert len(await briefs.find(store, areas)) == 10
        assert store.loaded == expected
    changed = an_activity(rng, "changed")
    await save(store, "a3", 2, changed)
    assert decide.brief_of(changed) in (await briefs.find(store, areas)).values()
    assert store.loaded == 11
    await store.close()


async def test_what_is_kept_is_bounded_and_too_small_a_bound_costs_time_alone(stores: list[SqliteStore]) -> None:
    rng, briefs = Random(2), Briefs(bound=8)
    states = {f"a{number}": an_activity(rng, f"a{number}") for number in range(30)}
    for name, state in states.items():
        await save(stores[0], name, 1, state)
    for _ in range(3):
        found = await briefs.find(stores[0], (*PLACES, decide.EVERYWHERE))
        assert {brief.activity_id for brief in found.values()} == set(states)
        assert len(briefs) <= 8


async def test_what_is_kept_of_one_store_says_nothing_of_another(stores: list[SqliteStore], tmp_path: Path) -> None:
    briefs, rng = Briefs(), Random(3)
    other = SqliteStore(tmp_path / "other.sqlite")
    await other.open([ACTIVITIES.collection])
    for store, name in ((stores[0], "one"), (other, "two")):
        await save(store, "same", 1, an_activity(rng, name))
    for store, name in ((stores[0], "one"), (other, "two"), (stores[0], "one")):
        [brief] = (await briefs.find(store, (*PLACES, decide.EVERYWHERE))).values()
        assert brief.activity_id == name
    await other.close()
