"""Any order and any repetition of a group's facts ends the same, and groups and clients never share more places than there are.

As tests/unit/test_any_order.py: through the real handlers, once in order of time, once shuffled and repeated.
"""

import json
from collections.abc import Iterable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.catalogue.model import Activity
from services.catalogue.settle import places_left
from services.referral.groups.fold import GroupView, fold
from shared.contracts.envelope import Event
from tests.unit.facts import OPISTO, REGION, STRANGER, a_referral, at, called_off, chosen, issued, published, withdrawn
from tests.unit.group_facts import (
    a_group,
    group_cancelled,
    group_chose,
    group_confirmed,
    group_issued,
    group_met,
    group_withdrawn,
)
from tests.unit.network import DURATIONS, Network

AFTER_IT_ALL = 60
ACTIVITIES = ("a", "b", "c")
SESSIONS = ("s0", "s1", "s2")

quick = settings(
    derandomize=True,
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
seeds = st.integers(0, 2**16)
days = st.integers(0, 45)
activities = st.sampled_from(ACTIVITIES)
organisers = st.sampled_from([OPISTO, OPISTO, OPISTO, STRANGER])
sizes = st.sampled_from([4, 4, 9])


# --- worlds


@st.composite
def _versions(draw: st.DrawFn, activity: str) -> list[Event]:
    """An activity with room for everybody, of which later versions move sessions and change the confirmation."""
    later = draw(st.lists(st.integers(-1, 30), max_size=2, unique=True))
    at_unit = draw(st.sampled_from([None, None, True]))
    events = []
    for day in [-5, *sorted(later)]:
        meetings = {one: draw(st.integers(6, 35)) for one in draw(st.sets(st.sampled_from(SESSIONS), min_size=1))}
        confirm = draw(st.booleans())
        events.append(
            published(day, activity, meetings=meetings.items(), confirm=confirm, capacity=50, at_unit=at_unit)
        )
    return events


@st.composite
def _facts(draw: st.DrawFn) -> list[Event]:
    """What happens to one group, and what a stranger says of it."""
    premises = st.sampled_from(["organiser", "organiser", "unit"])
    events = [
        group_issued(day, size=draw(sizes), premises=draw(premises))
        for day in [0, *draw(st.lists(st.integers(1, 20), max_size=1))]
    ]
    events += [group_chose(*one) for one in draw(st.lists(st.tuples(days, activities), max_size=3))]
    for make in (group_confirmed, group_cancelled):
        events += [
            make(*one, organiser=draw(organisers)) for one in draw(st.lists(st.tuples(days, activities), max_size=2))
        ]
    meetings = st.tuples(days, st.sampled_from(SESSIONS), activities)
    events += [
        group_met(*one, participants=draw(st.integers(0, 12)), organiser=draw(organisers))
        for one in draw(st.lists(meetings, max_size=4))
    ]
    return events + [group_withdrawn(day) for day in draw(st.lists(days, max_size=1))]


@st.composite
def worlds(draw: st.DrawFn) -> list[Event]:
    """One group, up to three activities, of which some are called off."""
    events = draw(_facts())
    for activity in draw(st.sets(activities, min_size=1)):
        events += draw(_versions(activity))
    for day, activity in draw(st.lists(st.tuples(days, activities), max_size=2)):
        events.append(called_off(day, activity))
    return _each_once(events)


def _each_once(events: Iterable[Event]) -> list[Event]:
    return list({(event.data.subject, event.source, event.id): event for event in events}.values())


# --- how it is sent, and where it ends


def in_order(events: Iterable[Event]) -> Network:
    """Every fact when it happened."""
    network = Network(at(-100))
    network.in_order(events)
    network.clock.set(at(AFTER_IT_ALL))
    return network


def shuffled(events: Iterable[Event], seed: int, **how: Any) -> Network:
    """All facts at once, after all has happened: any first, some of them twice."""
    network = Network(at(AFTER_IT_ALL), seed=seed, **how)
    mixed = list(events)
    network.random.shuffle(mixed)
    for event in mixed:
        network.send(event)
    network.drain(repeat=0.2)
    return network


def view_of(network: Network) -> GroupView:
    return fold(network.group(a_group()), DURATIONS)


def where_it_stands(network: Network) -> dict[str, Any]:
    """What must not depend on the arrival. Proposals may."""
    group, view = network.group(a_group()), view_of(network)
    return {
        "status": "matching" if view.matching else view.status,
        "ended": view.ended,
        "choice": view.chosen and (view.chosen.activity, view.chosen.confirmed),
        "held": {one.key: one.heads for one in group.held},
        "places": {
            key: (claim.state, claim.places, claim.whole)
            for key, activity in network.activities().items()
            for claim in activity.claims.values()
            if claim.state in {"reserved", "waitlisted"}
        },
        "words": last_words(network),
    }


def last_words(network: Network) -> dict[str, Any]:
    """The latest word of each kind that each partner reads and that still holds."""
    words: dict[str, Any] = {}
    names = ("GroupPlaced", "GroupWaitlisted", "GroupRefused", "GroupReleased", "GroupEnded", "GroupReopened")
    for record in network.published:
        name = (dict(record.headers)["ce_type"] or b"").decode().removeprefix("fi.kulttuurilahete.").removesuffix(".v1")
        if name in names:
            said = {**json.loads(record.value or b"{}"), "class": name}
            words[f"{said['recipient']} {said.get('activity_id', 'the end')}"] = said
    # A partner that heard of a place and of its release knows as much as one who never heard of it, or of a refusal.
    over = {"GroupReleased", "GroupReopened", "GroupRefused"}
    return {about: said for about, said in words.items() if said["class"] not in over}


@quick
@given(worlds(), seeds)
def test_any_order_and_any_repetition_end_as_in_order_of_time(world: list[Event], seed: int) -> None:
    expected = where_it_stands(in_order(world))
    assert where_it_stands(shuffled(world, seed)) == expected


@settings(quick, max_examples=40)
@given(worlds(), seeds, st.sampled_from([0, 1]))
def test_order_kept_by_kafka_and_a_ring_of_nothing_change_nothing(
    world: list[Event], seed: int, recent_outcomes: int
) -> None:
    expected = where_it_stands(in_order(world))
    assert where_it_stands(shuffled(world, seed, in_lanes=True, recent_outcomes=recent_outcomes)) == expected


@settings(quick, max_examples=40)
@given(worlds(), seeds)
def test_everything_once_more_changes_nothing_and_tells_nobody_twice(world: list[Event], seed: int) -> None:
    network = shuffled(world, seed)
    before, said = where_it_stands(network), len(network.published)
    network.replay()
    assert (where_it_stands(network), len(network.published)) == (before, said)


@settings(quick, max_examples=40)
@given(worlds(), seeds)
def test_what_the_statements_say_in_the_end_is_what_was_recorded(world: list[Event], seed: int) -> None:
    network = shuffled(world, seed)
    network.let_time_pass(8)
    group = network.group(a_group())
    said: dict[str, tuple[int, int]] = {}
    for statement in network.told(a_group(), "GroupSessionsStated"):
        assert statement["recipient"] == REGION
        for one in statement["sessions"]:
            session = f"{one['organiser']} {one['activity_id']} {one['session_id']}"
            said[session] = (one["participants"], one["staff"])
    assert said == {one.key: one.heads for one in group.held}
    assert group.statement_due is None


# --- groups and clients in one activity


@st.composite
def crowded(draw: st.DrawFn) -> list[Event]:
    """Clients and groups that ask for one activity and give it up, while its capacity changes."""
    events = [
        published(day, capacity=draw(st.integers(0, 12)), waiting=draw(st.integers(0, 9)), at_unit=None)
        for day in [-5, *sorted(draw(st.sets(st.integers(5, 40), max_size=3)))]
    ]
    for name in range(draw(st.integers(1, 4))):
        client = a_referral(name)
        events += [issued(0, client), chosen(draw(days), referral=client)]
        events += [withdrawn(day, referral=client) for day in draw(st.lists(days, max_size=1))]
    for name in range(draw(st.integers(1, 4))):
        group = a_group(name)
        events += [group_issued(0, group, size=draw(st.integers(2, 8))), group_chose(draw(days), group=group)]
        events += [group_withdrawn(day, group) for day in draw(st.lists(days, max_size=1))]
        events += [group_cancelled(day, group=group) for day in draw(st.lists(days, max_size=1))]
        events += [group_issued(day, group, size=9) for day in draw(st.lists(days, max_size=1))]
    return _each_once(events)


def _held(activity: Activity) -> dict[str, int]:
    return {whose: claim.places for whose, claim in activity.claims.items() if claim.state == "reserved"}


def assert_never_beyond(network: Network, seen: dict[str, Activity]) -> None:
    """Whoever got places since the last look got them within the capacity; lowering it takes nothing away."""
    for key, activity in network.activities().items():
        before = _held(seen[key]) if key in seen else {}
        got = {whose for whose, places in _held(activity).items() if places > before.get(whose, 0)}
        if got:
            assert places_left(activity) >= 0, (got, _held(activity), activity.published.get("capacity"))
        seen[key] = activity


@settings(quick, max_examples=150)
@given(crowded(), seeds, st.booleans())
def test_groups_and_clients_never_hold_more_places_than_there_are(world: list[Event], seed: int, in_time: bool) -> None:
    network = Network(at(-100 if in_time else AFTER_IT_ALL), seed=seed)
    seen: dict[str, Activity] = {}
    network.after_each = lambda: assert_never_beyond(network, seen)
    if in_time:
        network.in_order(world)
    else:
        network.random.shuffle(world)
        for event in world:
            network.send(event)
        network.drain(repeat=0.2)
    assert_nothing_is_lost(network, world)


def assert_nothing_is_lost(network: Network, world: list[Event]) -> None:
    """Whoever still asks holds places, waits, or was refused; nobody waits for whom there is room."""
    (activity,) = network.activities().values()
    left = places_left(activity)
    for whose, claim in activity.claims.items():
        assert (claim.state == "none") == (claim.want != "place"), whose
        assert not (claim.state == "waitlisted" and claim.places <= left), (whose, left)
    asked = {event.data.subject for event in world if event.name == "GroupActivityChosen"}
    assert {f"group {one}" for one in asked} <= activity.claims.keys()
