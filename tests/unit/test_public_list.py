"""The public list of activities: what it shows, in which order, and that what it costs is a matter of what it shows."""

import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from services.catalogue import decide, listing
from services.catalogue.handlers import ACTIVITIES
from services.catalogue.model import Activity, Brief, Cancelled
from shared.engine.model import Document
from shared.reference import DIMENSIONS, THEMES
from shared.store import Row
from tests.unit.doors import Door, door
from tests.unit.facts import START, TAMPERE, published, taken

pytestmark = pytest.mark.asyncio

HELSINKI, FAR = "091", "049"


class Still:
    """A clock that stands at the tests' beginning."""

    def now(self) -> Any:
        return START


@pytest_asyncio.fixture
async def catalogue(tmp_path: Path) -> AsyncIterator[Door]:
    async with door("catalogue", tmp_path) as one:
        one.app.state.clock = Still()
        yield one


def an_activity(name: str, **fields: Any) -> Activity:
    state = taken(decide.published(None, published(activity=name, **fields), START, decide.MatchContext())).state
    assert state is not None
    return state


def any_activity(rng: Random, number: int) -> Activity:
    return an_activity(
        f"a{number}",
        title={"fi": f"{rng.choice(['Kamarikuoro', 'Laulu', 'Öljyväri'])} {number}"},
        municipality=rng.choice([TAMPERE, HELSINKI]),
        serves=rng.choice([[], [TAMPERE, FAR]]),
        format=rng.choice(["in_person", "remote", "hybrid"]),
        languages=rng.choice([["fi"], ["sv-FI", "fi"], ["en"]]),
        price_cents=rng.choice([0, 500]),
        themes=rng.sample(sorted(THEMES), 2),
        needs_supported={rng.choice(DIMENSIONS): 5},
        **dict(
            zip(("opens", "closes"), rng.choice([(None, None), (-3, 5), (None, 5), (3, 9), (None, -1)]), strict=True)
        ),
        synthetic=rng.random() < 0.2,
    )


async def keep(catalogue: Door, states: Iterable[Activity]) -> None:
    rows = [
        Row(
            state.key,
            1,
            msgspec.json.encode(Document(state=state)),
            ACTIVITIES.fields(state),
            ACTIVITIES.brief(state),
        )
        for state in states
    ]
    assert await catalogue.store.save("activities", rows) == set()


async def shown(catalogue: Door, **asked: Any) -> dict[str, Any]:
    answer = await catalogue.client.get("/v1/activities", params=asked)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def everything(catalogue: Door, **asked: Any) -> list[str]:
    """To the end, by way of `next`."""
    found: list[str] = []
    after: Mapping[str, str] = {}
    while True:
        some = await shown(catalogue, **asked, **after)
        found += [f"{one['organiser']} {one['activity_id']}" for one in some["activities"]]
        if some["next"] is None:
            return found
        after = {"after": some["next"]}


def plainly(states: Iterable[Activity], passes: Any) -> list[str]:
    now = START.timestamp()
    briefs = [decide.brief_of(state) for state in states]
    public = [one for one in briefs if one.opens <= now <= one.closes and not one.synthetic and not one.cancelled]
    return [one.key for one in sorted(public, key=lambda one: (one.closes, one.key)) if passes(one)]


def anything(_: Brief) -> bool:
    return True


def is_for(municipality: str, brief: Brief) -> bool:
    return brief.format == "remote" or municipality in brief.serves


FILTERS: list[tuple[dict[str, str], Any]] = [
    ({}, anything),
    ({"municipality": TAMPERE}, lambda brief: is_for(TAMPERE, brief)),
    ({"municipality": FAR}, lambda brief: is_for(FAR, brief)),
    ({"theme": sorted(THEMES)[0]}, lambda brief: sorted(THEMES)[0] in brief.themes),
    ({"need": DIMENSIONS[2]}, lambda brief: brief.needs[2] > 0),
    ({"format": "hybrid"}, lambda brief: brief.format == "hybrid"),
    ({"language": "SV"}, lambda brief: "sv" in brief.languages),
    ({"free": "true"}, lambda brief: brief.price_cents == 0),
    ({"free": "false"}, anything),
    ({"q": "KUORO 1"}, lambda brief: "kuoro" in brief.titles.lower() and "1" in brief.titles.lower()),
    ({"q": "öljy", "municipality": HELSINKI}, lambda brief: "öljy" in brief.titles.lower() and is_for(HELSINKI, brief)),
]


@pytest.mark.parametrize(("asked", "passes"), FILTERS, ids=[str(asked) for asked, _ in FILTERS])
async def test_the_list_is_that_of_a_plain_look_at_everything(
    catalogue: Door, asked: dict[str, str], passes: Any
) -> None:
    rng = Random(7)
    states = [any_activity(rng, number) for number in range(400)]
    await keep(catalogue, states)
    expected = plainly(states, passes)
    assert expected
    assert await everything(catalogue, **asked, per_page="7") == expected


async def test_pages_lie_behind_one_another(catalogue: Door) -> None:
    rng = Random(8)
    states = [any_activity(rng, number) for number in range(300)]
    await keep(catalogue, states)
    expected = plainly(states, anything)
    pages = [await shown(catalogue, page=page, per_page=10) for page in (1, 2, 3)]
    assert [one["activity_id"] for page in pages for one in page["activities"]] == [
        key.rpartition(" ")[2] for key in expected[:30]
    ]
    beyond = await shown(catalogue, after=pages[2]["next"], per_page=1)
    assert beyond["activities"][0]["activity_id"] == expected[30].rpartition(" ")[2]


async def test_what_was_cancelled_or_is_over_or_closed_is_not_listed(catalogue: Door) -> None:
    whole = an_activity("whole")
    called_off = msgspec.structs.replace(an_activity("off"), cancelled=Cancelled(START, "x"))
    over = msgspec.structs.replace(an_activity("over"), ended=True)
    await keep(catalogue, [whole, called_off, over, an_activity("closed", closes=-1), an_activity("soon", opens=2)])
    assert await everything(catalogue) == [whole.key]


@pytest.mark.parametrize("asked", [{}, {"municipality": TAMPERE}, {"per_page": "100"}, {"page": "3"}], ids=str)
async def test_an_answer_costs_the_same_however_many_activities_there_are(
    catalogue: Door, asked: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = 0
    find, load = catalogue.store.find, catalogue.store.load

    async def counted_find(*args: Any, **kwargs: Any) -> list[Row]:
        nonlocal rows
        rows += len(found := await find(*args, **kwargs))
        return found

    async def counted_load(*args: Any, **kwargs: Any) -> dict[str, Row]:
        nonlocal rows
        rows += len(found := await load(*args, **kwargs))
        return found

    monkeypatch.setattr(catalogue.store, "find", counted_find)
    monkeypatch.setattr(catalogue.store, "load", counted_load)
    cost: list[int] = []
    for thousand in range(3):
        await keep(catalogue, [an_activity(f"{thousand}-{number}", closes=5) for number in range(1_000)])
        rows = 0
        await shown(catalogue, **asked)
        cost.append(rows)
    assert cost[0] == cost[1] == cost[2] <= 400


async def test_where_little_fits_no_more_than_a_thousand_are_looked_at_and_the_reader_goes_on_from_there(
    catalogue: Door,
) -> None:
    await keep(catalogue, [an_activity(f"{number:05}", closes=5) for number in range(2_500)])
    await keep(catalogue, [an_activity("99999", closes=5, title={"fi": "Harvinainen"})])
    first = await shown(catalogue, q="harvinainen")
    assert first["activities"] == []
    assert first["next"].endswith(f"{listing.MAX_LOOKED_AT - 1:05}")
    assert len(await everything(catalogue, q="harvinainen")) == 1


async def test_the_store_walks_its_index_and_sorts_nothing(catalogue: Door, tmp_path: Path) -> None:
    asked: list[str] = []
    await keep(catalogue, [an_activity("a")])

    def trace(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(asked.append)

    await catalogue.store._reader.run(trace)
    await shown(catalogue, municipality=TAMPERE)
    statements = [one for one in asked if "ORDER BY" in one]
    assert statements
    with sqlite3.connect(tmp_path / "catalogue.sqlite") as connection:
        for statement in statements:
            plan = " / ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}"))
            assert "activities__area_order (value=? AND (listed,id)>(?,?))" in plan, plan
            assert "TEMP B-TREE" not in plan
            assert "SCAN" not in plan
    connection.close()


@pytest.mark.parametrize("after", ["", "x", "1~a", "nan~a", "1e5~a", "9" * 400 + ".0~a", "1.0~" + "a" * 300])
async def test_what_is_no_cursor_is_refused(catalogue: Door, after: str) -> None:
    answer = await catalogue.client.get("/v1/activities", params={"after": after})
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "/after")


async def test_a_cursor_of_the_past_brings_nothing_back_that_has_closed(catalogue: Door) -> None:
    await keep(catalogue, [an_activity("open", closes=5), an_activity("closed", closes=-1)])
    past = f"{(START - timedelta(days=9)).timestamp()!r}~"
    assert [one["activity_id"] for one in (await shown(catalogue, after=past))["activities"]] == ["open"]
