"""What a region is told of the activities for its residents: what matters, once a week, at a cost of what changed."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalogue import decide, offers
from services.catalogue.decide import brief_of
from services.catalogue.model import Activity, RegionOffer
from services.catalogue.offers import MAX_CHANGES, MondayContext, change_noted, monday, next_monday
from shared.contracts.catalogue_events import OfferChanged, OfferNoted
from shared.contracts.envelope import MAX_EVENT_BYTES, Event, attributes_of, kafka_headers
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.topics import INTAKE_HTTP, events_of
from shared.engine.batch import Processor
from shared.engine.model import Decision, Document
from shared.kafka.lag import READS
from shared.kafka.producer import Record
from shared.reference import MUNICIPALITIES_OF
from tests.unit import facts
from tests.unit.consumed import consumed
from tests.unit.doors import Door, door, key
from tests.unit.facts import OPISTO, REGION, START, called_off
from tests.unit.network import TickingClock
from tests.unit.test_catalogue_decide import asks, gives_up

HOME, NEIGHBOUR, HELSINKI, MARIEHAMN = "609", "684", "091", "478"
TUESDAY = START
"""Of the week in which all begins."""
FIRST_MONDAY = datetime(2026, 9, 7, 5, tzinfo=UTC)


def published(days: float = -10, activity: str = "a", **fields: Any) -> Event[Any]:
    """An activity of the region's own."""
    return facts.published(days, activity, **{"municipality": HOME, **fields})


# --- one activity


def notes(*events: Event[Any]) -> list[tuple[str, int, str, str]]:
    """What the regions were told, in order: which region, the number, what it was and is."""
    state: Activity | None = None
    found: list[tuple[str, int, str, str]] = []
    for event in events:
        decision = _DECIDE[event.name](state, event, event.time, decide.MatchContext())
        assert isinstance(decision, Decision)
        state = decision.state
        told = [one.data for one in decision.follow if isinstance(one.data, OfferNoted)]
        found += [(one.region.removeprefix("/region/"), one.number, one.was, one.becomes) for one in told]
    return found


_DECIDE: dict[str, Any] = {
    "ActivityPublished": decide.published,
    "ActivityCancelled": decide.cancelled,
    "PlaceRequested": decide.place_requested,
    "PlaceGivenUp": decide.place_given_up,
}


def test_a_region_is_told_that_an_activity_is_new_full_free_again_and_cancelled() -> None:
    told = notes(published(capacity=1), asks("one", 1), gives_up("one", 2), asks("two", 3), called_off(4))
    assert told == [
        ("06", 1, "nothing", "open"),
        ("06", 2, "open", "full"),
        ("06", 3, "full", "open"),
        ("06", 4, "open", "full"),
        ("06", 5, "full", "cancelled"),
    ]


def test_what_does_not_matter_is_not_told() -> None:
    nights = [published(night, title={"fi": f"Yö {night}"}, price_cents=int(night)) for night in range(5)]
    assert len(notes(published(), *nights, asks("one", 5), gives_up("one", 6))) == 1


def test_a_turn_on_the_waiting_list_is_no_full_activity() -> None:
    assert [one[3] for one in notes(published(capacity=1, waiting=1), asks("one", 1))] == ["open"]
    assert [one[3] for one in notes(published(capacity=1, waiting=1), asks("one", 1), asks("two", 2))] == [
        "open",
        "full",
    ]


@pytest.mark.parametrize(
    ("fields", "regions"),
    [
        ({}, ["06"]),
        ({"municipality": HELSINKI}, ["90"]),
        ({"serves": [HELSINKI, HOME, NEIGHBOUR]}, ["06", "90"]),
        ({"municipality": MARIEHAMN}, []),
        ({"format": "remote"}, list(offers.ALL_REGIONS)),
    ],
    ids=["its own", "Helsinki", "two", "Åland", "remote"],
)
def test_it_is_told_to_the_regions_whose_residents_it_takes(fields: dict[str, Any], regions: list[str]) -> None:
    assert sorted(one[0] for one in notes(published(**fields))) == sorted(regions)


def test_a_region_that_is_served_later_hears_of_it_then_and_one_that_is_served_no_more_hears_nothing() -> None:
    told = notes(published(), published(1, serves=[HOME, HELSINKI]), published(2, serves=[HELSINKI]))
    assert told == [("06", 1, "nothing", "open"), ("90", 2, "nothing", "open")]


@pytest.mark.parametrize(
    "nothing",
    [
        published(capacity=0),
        published(closes=-11),
        published(meetings=[("s1", -20)]),
        published(synthetic=True),
        called_off(1),
    ],
    ids=["without places", "closed", "over", "a test", "cancelled before"],
)
def test_what_was_never_open_is_no_news(nothing: Event[Any]) -> None:
    first = [published(capacity=0)] if nothing.name == "ActivityCancelled" else []
    assert notes(*first, nothing) == []


def test_going_off_the_offer_in_time_is_no_news_and_coming_back_is() -> None:
    autumn = published(40, meetings=[("s3", 60)])
    assert notes(published(closes=3), published(4, closes=3), autumn) == [
        ("06", 1, "nothing", "open"),
        ("06", 2, "nothing", "open"),
    ]


# --- one region


def note(activity: str, number: int, was: str, becomes: str) -> Event[OfferNoted]:
    data = OfferNoted(
        region=REGION,
        organiser=OPISTO,
        activity_id=activity,
        number=number,
        was=was,  # type: ignore[arg-type]
        becomes=becomes,  # type: ignore[arg-type]
    )
    return Event(f"{activity}-{number}", "/service/catalogue", TUESDAY, data)


def after(*told: Event[OfferNoted], state: RegionOffer | None = None) -> RegionOffer:
    for one in told:
        state = change_noted(state, one, TUESDAY, None).state
    assert state is not None
    return state


def passed(due_at: datetime) -> Event[DeadlinePassed]:
    data = DeadlinePassed(
        service="catalogue", collection="offers", aggregate=REGION, what="offer", due_at=due_at, nth=1
    )
    return Event(f"monday-{due_at:%j}", "/service/catalogue", due_at, data)


def briefs_of(state: RegionOffer, **fields: Any) -> dict[str, Any]:
    found = {}
    for key_ in state.changes:
        decided = decide.published(None, published(activity=key_.split()[1], **fields), START, decide.MatchContext())
        assert isinstance(decided, Decision)
        assert decided.state
        found[key_] = brief_of(decided.state)
    return found


def on_monday(
    state: RegionOffer, nothing_in: Sequence[str] = (), **fields: Any
) -> tuple[RegionOffer, OfferChanged | None]:
    context = MondayContext(briefs_of(state, **fields), nothing_in)
    decision = monday(state, passed(state.due_at), state.due_at, context)
    assert decision.state
    said = [one.data for one in decision.follow]
    assert len(said) <= 1
    return decision.state, said[0] if said else None  # type: ignore[return-value]


def ids(said: OfferChanged | None) -> dict[str, list[str]]:
    assert said is not None
    lists = {name: getattr(said, name) for name in ("new", "full", "free_again", "cancelled")}
    return {name: [one.activity_id for one in found] for name, found in lists.items() if found}


CHANGES = [
    note("a", 1, "nothing", "open"),
    note("b", 1, "nothing", "open"),
    note("b", 2, "open", "full"),
    note("c", 7, "full", "open"),
    note("d", 3, "open", "cancelled"),
    note("e", 1, "nothing", "open"),
    note("e", 2, "open", "cancelled"),
    note("f", 4, "open", "full"),
    note("f", 5, "full", "open"),
    note("g", 4, "full", "open"),
    note("g", 5, "open", "full"),
    note("g", 6, "full", "cancelled"),
]


def test_on_monday_the_region_hears_what_changed_and_nothing_of_what_changed_back() -> None:
    _, said = on_monday(after(*CHANGES))
    assert ids(said) == {"new": ["a"], "full": ["b"], "free_again": ["c"], "cancelled": ["d", "g"]}
    assert said
    assert (said.recipient, said.subject, said.since, said.until) == (REGION, REGION, None, FIRST_MONDAY)
    assert said.new[0].title == {"fi": "Ryhmä a"}
    assert (said.counted.new, said.counted.full, said.counted.free_again, said.counted.cancelled) == (1, 1, 1, 2)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.permutations(CHANGES))
def test_in_any_order_the_same_is_kept_and_said(order: list[Event[OfferNoted]]) -> None:
    state = after(*order)
    assert state == after(*CHANGES)
    assert on_monday(state) == on_monday(after(*CHANGES))


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.permutations([note(f"a{number:02}", 1, "nothing", "open") for number in range(12)]), st.integers(1, 12))
def test_of_too_many_the_same_are_kept_in_any_order_and_all_are_counted(
    order: list[Event[OfferNoted]], most: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(offers, "MAX_CHANGES", most)
        state = after(*order)
        assert state == after(*sorted(order, key=lambda one: one.id))
    assert len(state.changes) + state.further == 12
    assert len(state.changes) == most


def test_a_change_that_comes_after_it_was_told_says_nothing() -> None:
    state, _ = on_monday(after(note("a", 1, "nothing", "open"), note("a", 2, "open", "full")))
    late = after(note("a", 1, "nothing", "open"), note("a", 2, "open", "full"), state=state)
    assert late.changes == {}
    assert on_monday(late)[1] is None


def test_a_deadline_that_comes_again_says_nothing() -> None:
    state, said = on_monday(after(*CHANGES))
    assert said
    again = monday(state, passed(FIRST_MONDAY), FIRST_MONDAY, MondayContext())
    assert (again.state, list(again.follow)) == (state, [])


def test_where_nothing_changed_nothing_is_said_but_for_the_municipalities_with_nothing() -> None:
    state, said = on_monday(after(note("a", 1, "nothing", "open")), [NEIGHBOUR])
    assert said
    assert said.nothing_in == (NEIGHBOUR,)
    state, said = on_monday(state, [NEIGHBOUR])
    assert said is None
    state, said = on_monday(state, [HOME, NEIGHBOUR])
    assert said
    assert (ids(said), said.nothing_in) == ({}, (HOME, NEIGHBOUR))
    # The region heard last a week ago, in the week that was silent nothing.
    assert said.since == FIRST_MONDAY
    assert said.until == FIRST_MONDAY + timedelta(days=14)


def test_a_flood_of_activities_fits_document_and_event_and_is_counted() -> None:
    long = "x" * 60
    flood = [note(f"{number:04}{long}", 1, "nothing", "open") for number in range(MAX_CHANGES + 200)]
    state = after(*flood)
    assert len(msgspec.json.encode(Document(state=state))) < 1_000_000
    heavy = {"title": dict.fromkeys(("fi", "sv", "en", "se"), "\u0001" * 400)}
    told, said = on_monday(state, [*MUNICIPALITIES_OF["06"]], **heavy)
    assert said
    assert (said.counted.new, said.further) == (MAX_CHANGES, 200)
    assert 1 <= len(said.new) <= offers.MAX_LISTED
    assert len(said.model_dump_json().encode()) < MAX_EVENT_BYTES
    assert len(msgspec.json.encode(Document(state=told))) < 1_000_000
    _, light = on_monday(state)
    assert light
    assert len(light.new) > offers.MAX_LISTED * 0.9


@pytest.mark.parametrize(
    ("after_", "monday_"),
    [
        ("2026-09-01T08:00:00+00:00", "2026-09-07T05:00:00+00:00"),
        ("2026-09-07T04:59:59+00:00", "2026-09-07T05:00:00+00:00"),
        ("2026-09-07T05:00:00+00:00", "2026-09-14T05:00:00+00:00"),
        ("2026-10-24T12:00:00+00:00", "2026-10-26T06:00:00+00:00"),
        ("2026-03-23T12:00:00+00:00", "2026-03-30T05:00:00+00:00"),
        ("2026-12-31T23:00:00+00:00", "2027-01-04T06:00:00+00:00"),
    ],
    ids=["tuesday", "before eight", "at eight", "winter time begins", "summer time begins", "new year"],
)
def test_monday_at_eight_is_finlands(after_: str, monday_: str) -> None:
    assert next_monday(datetime.fromisoformat(after_)) == datetime.fromisoformat(monday_)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)))
def test_the_next_monday_is_within_a_week_and_an_hour(after_: datetime) -> None:
    found = next_monday(after_)
    assert timedelta(0) < found - after_ <= timedelta(days=7, hours=1)
    assert date.weekday(found) == 0


# --- four weeks, with the real stores


class Weeks:
    """Catalogue and notify with their real stores, and a clock that the test moves."""

    def __init__(self, doors: Sequence[Door]) -> None:
        self.clock = TickingClock(TUESDAY)
        self.doors = doors
        self._offset = 0

    async def send(self, *events: Event[Any]) -> None:
        self.clock.set(max(one.time for one in events))
        await self._flow(INTAKE_HTTP, events)

    async def _flow(self, topic: str, events: Iterable[Event[Any]]) -> None:
        records = [
            Record(
                topic,
                one.data.subject.encode(),
                one.data.model_dump_json(exclude_none=True).encode(),
                kafka_headers(attributes_of(one)),
            )
            for one in events
        ]
        while records:
            for one in self.doors:
                await self._take(one, [record for record in records if READS[one.wired.table.service](record.topic)])
            records = [record for one in self.doors for record in one.written]
            for one in self.doors:
                one.written.clear()

    async def _take(self, one: Door, records: Sequence[Record]) -> None:
        came = [consumed(record, self._offset + nth) for nth, record in enumerate(records, 1)]
        self._offset += len(came)
        wire: Any = one
        due_early = timedelta(days=30)
        engine = Processor(one.wired.table, one.store, wire, self.clock, recent_outcomes=64, due_early=due_early)
        await engine.clear(await engine.process(engine.receive(came)))

    async def pass_until(self, when: datetime) -> None:
        """The deadlines of the regions' offers fire until then, in order; each twice, as after a restart."""
        while (due := await self._first_due()) and due[1] <= when:
            self.clock.set(due[1])
            data = passed(due[1]).data.model_copy(update={"aggregate": due[0]})
            event = Event(
                f"{due[0]}-{due[1]}".replace("/", "-").replace(" ", "-").replace("+", "-"),
                "/service/catalogue",
                due[1],
                data,
            )
            await self._flow(events_of("catalogue"), [event])
            await self._flow(events_of("catalogue"), [event])
        self.clock.set(when)

    async def _first_due(self) -> tuple[str, datetime] | None:
        rows = await self.doors[0].store.find("offers", at_least=("due_at", 0.0), order="due_at", limit=1)
        states = [msgspec.json.decode(row.body, type=Document[RegionOffer]).state for row in rows]
        return next(((state.region, state.due_at) for state in states if state), None)

    async def feed(self, region: str = REGION) -> list[dict[str, Any]]:
        answer = await self.doors[1].client.get("/v1/feed", headers=key(region))
        assert answer.status_code == 200, answer.text
        entries = [one for one in answer.json()["events"] if one["type"].endswith(".OfferChanged.v1")]
        assert all(one["dataschema"] == "urn:kulttuurilahete:OfferChangedToPartner:v1" for one in entries)
        return [one["data"] for one in entries]


@asynccontextmanager
async def weeks(folder: Path) -> AsyncIterator[Weeks]:
    async with AsyncExitStack() as stack:
        yield Weeks([await stack.enter_async_context(door(service, folder)) for service in ("catalogue", "notify")])


@pytest.mark.asyncio
async def test_four_weeks_of_a_region_as_its_feed_tells_them(tmp_path: Path) -> None:
    served = {"serves": [*MUNICIPALITIES_OF["06"]]}
    mondays = [FIRST_MONDAY + timedelta(weeks=week) for week in range(4)]
    async with weeks(tmp_path) as one:
        await one.send(published(0, "choir", capacity=1), published(0, "far", municipality=HELSINKI))
        await one.pass_until(mondays[0] + timedelta(hours=1))
        # The second week: full, and something for everybody.
        await one.send(asks("one", 7, activity_id="choir"), published(7, "everywhere", **served))
        await one.pass_until(mondays[1] + timedelta(hours=1))
        # The third: each night the same, so nothing.
        await one.send(*(published(14 + night, "everywhere", **served) for night in range(3)))
        await one.pass_until(mondays[2] + timedelta(hours=1))
        # The fourth: cancelled, and the municipalities are left with nothing.
        await one.send(called_off(22, "everywhere"))
        await one.pass_until(mondays[3] + timedelta(hours=1))
        first, second, fourth = await one.feed()
        others = await one.feed("/region/07")
    assert [one["activity_id"] for one in first["new"]] == ["choir"]
    assert HOME not in first["nothing_in"]
    assert len(first["nothing_in"]) == len(MUNICIPALITIES_OF["06"]) - 1
    assert ([one["activity_id"] for one in second["full"]], [one["activity_id"] for one in second["new"]]) == (
        ["choir"],
        ["everywhere"],
    )
    assert second["nothing_in"] == []
    assert (second["since"], second["until"]) == ("2026-09-07T05:00:00Z", "2026-09-14T05:00:00Z")
    assert [one["activity_id"] for one in fourth["cancelled"]] == ["everywhere"]
    assert fourth["since"] == "2026-09-14T05:00:00Z"
    assert len(fourth["nothing_in"]) == len(first["nothing_in"])
    assert others == []


@pytest.mark.asyncio
async def test_what_lies_still_costs_a_region_nothing(tmp_path: Path) -> None:
    async with weeks(tmp_path) as one:
        await one.send(*(published(0, f"a{number}") for number in range(30)))
        await one.pass_until(FIRST_MONDAY)
        rows = await one.doors[0].store.load("offers", [REGION])
        before = len(rows[REGION].body)
        await one.send(*(published(7, f"a{number}", price_cents=5) for number in range(30)))
        await one.pass_until(FIRST_MONDAY + timedelta(weeks=1))
        rows = await one.doors[0].store.load("offers", [REGION])
        state = msgspec.json.decode(rows[REGION].body, type=Document[RegionOffer]).state
    assert state
    assert (state.changes, state.told) == ({}, {})
    assert len(rows[REGION].body) < before


@pytest.mark.asyncio
async def test_an_organiser_finds_the_needs_that_were_derived_in_its_feed_once(tmp_path: Path) -> None:
    async with weeks(tmp_path) as one:
        await one.send(published(0, "choir"), published(1, "choir"))
        answer = await one.doors[1].client.get("/v1/feed", headers=key(OPISTO))
        shown = await one.doors[0].client.get("/v1/activities/opisto/tampere/choir")
        await one.send(published(2, "choir", needs_supported={"friends": 9}))
        confirmed = await one.doors[0].client.get("/v1/activities/opisto/tampere/choir")
    [entry] = answer.json()["events"]
    assert entry["type"] == "fi.kulttuurilahete.NeedsSuggested.v1"
    assert entry["dataschema"] == "urn:kulttuurilahete:NeedsSuggestedToPartner:v1"
    assert "recipient" not in entry["data"]
    assert {need["dimension"]: need["weight"] for need in entry["data"]["needs"]} == shown.json()["needs"]
    assert shown.json()["needs_from"] == "derived"
    assert (confirmed.json()["needs"], confirmed.json()["needs_from"]) == ({"friends": 9}, "organiser")
