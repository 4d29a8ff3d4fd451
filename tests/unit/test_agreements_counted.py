"""A statement is what one finds who counts the events again by hand, in whatever order and however often they came.

The real tables of referral, catalogue and partners go through the real engine's batch (`network.py`).
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.partners import handlers as partners
from services.partners.agreements import reading
from services.partners.agreements.account import uses_of
from services.partners.agreements.shown import in_use, statement
from shared.contracts.agreement_events import UseCounted
from shared.contracts.envelope import Event
from shared.contracts.instants import in_finland
from tests.unit.agreement_words import KEY, both, changed, day, ended, made
from tests.unit.facts import (
    OPISTO,
    REGION,
    STRANGER,
    a_referral,
    at,
    called_off,
    chosen,
    confirmed,
    issued,
    off_the_list,
    published,
    recorded,
    withdrawn,
)
from tests.unit.network import Network

NAMES = ("one", "two", "three")
ACTIVITIES = ("a", "b")
SESSIONS = {"s0": 8, "s1": 20, "s2": 33}
THEMES = {"a": ["singing"], "b": ["crafts"]}
MONTHS = ("2026-08", "2026-09", "2026-10", "2026-11")
AFTER_IT_ALL = 60

quick = settings(
    derandomize=True,
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
days = st.integers(0, 40)
seeds = st.integers(0, 2**16)


# --- worlds


@st.composite
def words(draw: st.DrawFn) -> list[Event[Any]]:
    """What the two say: one agreement that both agree on, perhaps changed or ended, perhaps a second one."""
    terms: dict[str, Any] = draw(
        st.sampled_from([{}, {"activities": ["a"]}, {"themes": ["crafts"]}, {"unit_ref": "unit-1"}])
    )
    unit = draw(st.sampled_from(["places", "sessions"]))
    terms = {**terms, "quota": {"of": unit, "amount": 3}, "lasts": (0, draw(st.sampled_from([25, 60])))}
    events = both(draw(days), **terms)
    if draw(st.booleans()):
        sides = [REGION, OPISTO] if draw(st.booleans()) else [OPISTO]
        events += [changed(41, side, 18, **{**terms, "price_cents": 900}) for side in sides]
    if draw(st.booleans()):
        events.append(ended(10, OPISTO, draw(st.integers(10, 40))))
    if draw(st.booleans()):
        events += both(draw(days), "second", quota={"of": unit, "amount": 9})
    if draw(st.booleans()):
        events.append(made(draw(days), REGION, "nobody-agreed"))
    return events


def activity(name: str, **more: Any) -> Event[Any]:
    return published(-10, name, meetings=SESSIONS.items(), themes=THEMES[name], **more)


@st.composite
def plain_worlds(draw: st.DrawFn) -> list[Event[Any]]:
    """Each client chooses one activity with room, and keeps the place; records are corrected as often as anybody likes."""
    events = [activity(name) for name in ACTIVITIES] + draw(words())
    for name in NAMES[: draw(st.integers(1, 3))]:
        referral, where = a_referral(name), draw(st.sampled_from(ACTIVITIES))
        paid = draw(st.sampled_from([["agreement"], ["agreement"], ["kaikukortti"]]))
        events.append(issued(0, referral, funding=paid, unit_ref=draw(st.sampled_from(["unit-1", "unit-2"]))))
        events.append(chosen(1, where, referral))
        recordings = st.tuples(days, st.sampled_from([*SESSIONS]), st.booleans())
        for when, session, came in draw(st.lists(recordings, max_size=5)):
            events.append(recorded(when + 2, session, where, came=came, referral=referral))
    return _each_once(events)


@st.composite
def worlds(draw: st.DrawFn) -> list[Event[Any]]:
    """Clients choose again, are enrolled, taken off and withdrawn; activities are called off and replaced."""
    needs = draw(st.booleans())
    events = [activity(name, confirm=needs) for name in ACTIVITIES] + draw(words())
    events += [published(-10, "c", meetings=SESSIONS.items(), organiser=STRANGER)]
    if draw(st.booleans()):
        events.append(called_off(draw(days), "a", draw(st.sampled_from(["b", None]))))
    where = st.tuples(days, st.sampled_from(ACTIVITIES))
    for name in NAMES[: draw(st.integers(1, 2))]:
        referral = a_referral(name)
        for nth, day_of in enumerate(sorted(draw(st.lists(days, min_size=1, max_size=2, unique=True)))):
            paid = draw(st.sampled_from([["agreement"], ["agreement"], []])) if nth else ["agreement"]
            events.append(issued(day_of, referral, funding=paid, unit_ref=f"unit-{nth + 1}"))
        events += [chosen(*one, referral) for one in draw(st.lists(where, min_size=1, max_size=2))]
        events += [chosen(one, "c", referral, organiser=STRANGER) for one in draw(st.lists(days, max_size=1))]
        for make in (confirmed, off_the_list):
            events += [make(*one, referral) for one in draw(st.lists(where, max_size=1))]
        records = st.tuples(days, st.sampled_from([*SESSIONS]), st.sampled_from(ACTIVITIES), st.booleans())
        for when, session, at_, came in draw(st.lists(records, max_size=4)):
            events.append(recorded(when, session, at_, came=came, referral=referral))
        events += [withdrawn(one, referral=referral) for one in draw(st.lists(days, max_size=1))]
    return _each_once(events)


def _each_once(events: Iterable[Event[Any]]) -> list[Event[Any]]:
    return list({(event.data.subject, event.source, event.id): event for event in events}.values())


def in_order(world: Iterable[Event[Any]]) -> Network:
    network = Network(at(-100), besides=[partners.table()])
    network.in_order(world)
    return network


def shuffled(world: Iterable[Event[Any]], seed: int) -> Network:
    """All at once, any first, some of it twice, and a ring that remembers one outcome."""
    network = Network(at(AFTER_IT_ALL), seed=seed, recent_outcomes=1, besides=[partners.table()])
    mixed = list(world)
    network.random.shuffle(mixed)
    for event in mixed:
        network.send(event)
    network.drain(repeat=0.2)
    return network


# --- what the service says


def agreements(network: Network) -> list[Any]:
    rows = network.store("partners").rows[reading.AGREEMENTS].values()
    return [one for row in rows if (one := reading.agreement_in(row).state)]


def says(network: Network) -> dict[str, Any]:
    """Of each agreement how it stands, what is used, and each month's statement."""
    store: Any = network.store("partners")
    said = {}
    for one in agreements(network):
        uses = uses_of(one, asyncio.run(reading.surroundings(store, one)))
        said[one.id] = [in_use(one, uses), *(statement(one, uses, month) for month in MONTHS)]
    return said


# --- the recount by hand


class HeldThen(NamedTuple):
    """What held on a day, found by looking at all words again for that day."""

    terms: Any
    first: Any


def agreed_on(words: list[Event[Any]], name: str, of_day: date) -> HeldThen | None:
    """Replays the words of one agreement, and looks which content of both holds on a day."""
    stands: list[tuple[date, Any, date]] = []
    first = None
    said: dict[str, Any] = {}
    for word in sorted((one for one in words if one.data.agreement_id == name), key=lambda one: one.order):
        if word.name == "AgreementEnded":
            stands = [(begins, data, min(last, word.data.last_day)) for begins, data, last in stands]
            said = {}
            continue
        content = word.data.model_dump(exclude={"from_day"})
        begins = getattr(word.data, "from_day", word.data.period.starts_on)
        other = said.get(REGION if word.source == OPISTO else OPISTO)
        if other == (begins, content):
            stands.append((begins, word.data, word.data.period.ends_on))
            first, said = first or word.order, {}
        else:
            said[word.source] = (begins, content)
    held = [one for one in stands if one[0] <= of_day]
    if not held or not held[-1][1].period.starts_on <= of_day <= held[-1][2]:
        return None
    return HeldThen(held[-1][1], first)


def recount(world: list[Event[Any]], uses: Iterable[tuple[str, str, date, int, int]]) -> Counter[tuple[Any, ...]]:
    """(agreement, month, activity, price) -> places, sessions; each use for the agreement that was agreed first."""
    words = [event for event in world if event.name.startswith("Agreement")]
    names = {word.data.agreement_id for word in words}
    counts: Counter[tuple[Any, ...]] = Counter()
    for unit, activity_id, of_day, places, sessions in uses:
        fit = [
            (held.first, name, held.terms)
            for name in names
            if (held := agreed_on(words, name, of_day)) and is_for(held.terms, unit, activity_id)
        ]
        if fit:
            _, name, terms = min(fit, key=lambda one: one[:2])
            at_ = (name, of_day.isoformat()[:7], activity_id, terms.price_cents)
            counts[(*at_, "places")] += places
            counts[(*at_, "sessions")] += sessions
    return +counts


def is_for(terms: Any, unit: str, activity_id: str) -> bool:
    if terms.unit_ref not in {None, unit}:
        return False
    if terms.activities:
        return activity_id in terms.activities
    return not terms.themes or bool(set(terms.themes) & set(THEMES.get(activity_id, [])))


def by_hand(world: list[Event[Any]]) -> Iterator[tuple[str, str, date, int, int]]:
    """Of a plain world: one place a referral from the choice on, and each session whose latest record says attended."""
    of = {event.data.referral_id: event.data for event in world if event.name == "ReferralIssued"}
    for event in world:
        if event.name == "ActivityChosen" and "agreement" in of[event.data.referral_id].funding:
            yield of[event.data.referral_id].unit_ref, event.data.activity_id, in_finland(event.time), 1, 0
    latest: dict[tuple[str, str, str], Event[Any]] = {}
    for event in sorted(world, key=lambda one: one.order):
        if event.name in {"ActivityAttended", "ActivityMissed"}:
            latest[event.data.referral_id, event.data.activity_id, event.data.session_id] = event
    for (referral, activity_id, session), event in latest.items():
        if event.name == "ActivityAttended" and "agreement" in of[referral].funding:
            yield of[referral].unit_ref, activity_id, in_finland(at(SESSIONS[session])), 0, 1


def of_the_log(network: Network) -> Iterator[tuple[str, str, date, int, int]]:
    """All that the referral service said was used, each word once."""
    said = {}
    for record in network.published:
        headers = dict(record.headers)
        if (headers["ce_type"] or b"").endswith(b".UseCounted.v1"):
            said[headers["ce_id"]] = UseCounted.model_validate_json(record.value or b"")
    for one in said.values():
        if one.organiser == OPISTO:
            for change in one.days:
                yield one.unit_ref, one.activity_id, change.day, change.places, change.sessions


def stated(network: Network) -> Counter[tuple[Any, ...]]:
    """The lines of all statements."""
    counts: Counter[tuple[Any, ...]] = Counter()
    for _, *months in says(network).values():
        for one in months:
            for line in one["lines"]:
                at_ = (one["agreement_id"], one["month"], line["activity_id"], line["price_cents"])
                counts[(*at_, "places")] += line["places"]
                counts[(*at_, "sessions")] += line["sessions"]
                assert line["counted"] == line[line["of"]]
                assert line["cents"] == line["counted"] * (line["price_cents"] or 0)
            assert one["cents"] == sum(line["cents"] for line in one["lines"])
    return +counts


# --- the tests


@quick
@given(plain_worlds(), seeds)
def test_a_statement_is_what_one_counts_by_hand_in_the_events_that_partners_sent(
    world: list[Event[Any]], seed: int
) -> None:
    assert stated(shuffled(world, seed)) == recount(world, by_hand(world))


@quick
@given(worlds(), seeds)
def test_a_statement_is_what_one_counts_in_the_log_and_the_same_in_any_order(
    world: list[Event[Any]], seed: int
) -> None:
    expected, network = in_order(world), shuffled(world, seed)
    assert says(network) == says(expected)
    for one in (expected, network):
        assert stated(one) == recount(world, of_the_log(one))


@settings(quick, max_examples=8)
@given(worlds(), seeds)
def test_all_of_it_replayed_counts_nothing_twice(world: list[Event[Any]], seed: int) -> None:
    network = shuffled(world, seed)
    before = says(network)
    network.replay()
    network.drain()
    assert says(network) == before


@settings(quick, max_examples=10)
@given(worlds(), seeds)
def test_no_count_is_below_zero_and_nothing_stands_of_any_referral(world: list[Event[Any]], seed: int) -> None:
    network = shuffled(world, seed)
    for rows in network.store("partners").rows.values():
        assert not any(a_referral(name).encode() in row.body for row in rows.values() for name in NAMES)
    for one, *months in says(network).values():
        assert all(month["places"] >= 0 and month["sessions"] >= 0 for month in one["months"])
        assert sum(month["counted"] for month in months) >= one["used"]


def line(network: Network, month: str = "2026-09") -> tuple[int, int]:
    """Places and sessions of the agreement's month."""
    of_month = {one["month"]: one for one in says(network)[KEY][1:]}[month]
    return sum(one["places"] for one in of_month["lines"]), sum(one["sessions"] for one in of_month["lines"])


def begins(**more: Any) -> list[Event[Any]]:
    """One client, paid for by the agreement, with a place and two sessions attended."""
    return [
        *both(0, **more),
        activity("a"),
        issued(0, funding=["agreement"]),
        chosen(1),
        recorded(9, "s0"),
        recorded(21, "s1"),
    ]


def test_a_correction_a_withdrawal_and_an_end_change_what_is_counted() -> None:
    assert line(in_order(begins())) == (1, 2)
    assert line(in_order([*begins(), recorded(22, "s0", came=False)])) == (1, 1)
    assert line(in_order([*begins()[:-2], withdrawn(5)])) == (0, 0)
    assert line(in_order([*begins(), withdrawn(22)])) == (1, 2)
    assert line(in_order([*begins(), withdrawn(15)])) == (1, 1)
    assert line(in_order([*begins(), ended(10, REGION, 12)])) == (1, 1)
    assert line(in_order([*begins(), issued(30, funding=[])])) == (0, 0)


def test_a_place_that_nobody_used_counts_until_it_is_given_up_before_the_end() -> None:
    kept = [*both(0), activity("a"), issued(0, funding=["agreement"]), chosen(1)]
    network = in_order(kept)
    assert line(network) == (1, 0)
    network.let_time_pass(100)
    assert network.view(a_referral()).closed
    assert line(network) == (1, 0)
    assert line(in_order([*kept, off_the_list(5)])) == (0, 0)
    assert line(in_order([*kept, chosen(5, "c", organiser=STRANGER), published(-9, "c", organiser=STRANGER)])) == (0, 0)


def test_a_place_that_moved_to_another_activity_counts_once_in_the_month_in_which_it_was_given() -> None:
    network = in_order([*begins(), activity("b"), called_off(31, "a", "b"), recorded(34, "s2", "b")])
    assert line(network) == (1, 2)
    assert line(network, "2026-10") == (0, 1)
    september = {one["month"]: one for one in says(network)[KEY][1:]}["2026-09"]
    assert [(one["activity_id"], one["places"], one["sessions"]) for one in september["lines"]] == [
        ("a", 0, 2),
        ("b", 1, 0),
    ]


def test_what_was_used_before_the_consent_was_withdrawn_counts_and_nothing_after_it() -> None:
    network = in_order([*begins(), withdrawn(22, "consent_withdrawn")])
    assert network.referral(a_referral()).erased
    assert network.referral(a_referral()).used == {}
    assert line(network) == (1, 2)
    late = recorded(22.5, "s0", came=False)
    network.clock.set(late.time + timedelta(days=1))
    network.send(late)
    network.drain()
    assert line(network) == (1, 2)


def test_a_record_beyond_the_quota_is_stated_counted_and_said_to_be_beyond_it() -> None:
    network = in_order(begins(quota={"of": "sessions", "amount": 1}))
    september = {one["month"]: one for one in says(network)[KEY][1:]}["2026-09"]
    assert (september["counted"], september["cents"], september["used"], september["beyond"]) == (2, 2500, 2, 1)
    told = [
        msgspec.json.decode(record.value or b"")["what"]
        for record in network.published
        if (dict(record.headers)["ce_type"] or b"").endswith(b".AgreementUseTold.v1")
    ]
    assert set(told) == {"quota_nearly_used", "quota_passed"}


def test_use_that_came_before_the_agreement_counts_and_is_told_of() -> None:
    world = begins(quota={"of": "sessions", "amount": 2})
    network = Network(at(AFTER_IT_ALL), besides=[partners.table()])
    for event in [*world[2:], *world[:2]]:
        network.send(event)
        network.drain()
    assert line(network) == (1, 2)
    assert [one.noticed.keys() for one in agreements(network)] == [{"quota_nearly_used"}]


def test_the_first_day_of_the_period_is_finlands() -> None:
    assert in_finland(at(0)) == day(0)
    late_in_the_evening = [activity("a"), issued(0, funding=["agreement"]), chosen(-10.42), *both(0)]
    assert in_finland(late_in_the_evening[2].time) == date(2026, 8, 22)
