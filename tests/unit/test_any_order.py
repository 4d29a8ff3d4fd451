"""The state is computed from the facts accepted so far, not from their arrival (docs/contracts.md, “The life of a referral”).

Random worlds go through the real handlers and the real engine's batch (`network.py`): once in order of time, each fact's
consequences drained before the next; once shuffled, with repetitions, messages of the services overtaking each other.
Both must end alike, but for what docs/contracts.md says is by nature of arrival. A failing world is printed by Hypothesis.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.catalogue.model import Activity, Claim
from services.catalogue.settle import places_left, settle, waiting_ends
from services.referral.absences import rows_missed
from services.referral.needs import RELATION
from services.referral.view import View
from shared.contracts.envelope import Event
from tests.unit.facts import (
    ANOTHER_REGION,
    LIBRARY,
    OPISTO,
    REGION,
    STRANGER,
    a_referral,
    allowed,
    answered,
    at,
    by_a_library,
    called_off,
    chosen,
    confirmed,
    issued,
    looked_up,
    off_the_list,
    published,
    recorded,
    withdrawn,
)
from tests.unit.facts import (
    key as key_of,
)
from tests.unit.network import Network

ACTIVITIES = ("a", "b", "c")
SESSIONS = ("s0", "s1", "s2", "s3")
AFTER_IT_ALL = 60
COUNTS = ("attended", "missed", "told_ahead", "not_recorded")
SILENCE = ("no_activity_found", "not_chosen")

quick = settings(
    derandomize=True,
    deadline=None,
    max_examples=120,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
seeds = st.integers(0, 2**16)
days = st.integers(0, 45)
activities = st.sampled_from(ACTIVITIES)
organisers = st.sampled_from([OPISTO, OPISTO, STRANGER])


RECORDS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{"came": True}, {"came": False}, {"came": False, "told_ahead": True}]
)


# --- worlds


@st.composite
def _versions(draw: st.DrawFn, activity: str, *, ample: bool = True, organiser: str = OPISTO) -> list[Event]:
    """An activity's versions: sessions move, fall out, come in; its confirmation changes.

    A version that closes what another opened comes only before any choice could be made by the other: else it would
    depend on the arrival, for what was given is not taken away by a version.
    """
    first = draw(st.integers(-10, -2))
    window = draw(st.sampled_from(["open", "open", "closed", "opened before any choice"]))
    later = draw(st.lists(st.integers(-1, 30), max_size=2, unique=True))
    events = []
    for number, day in enumerate([first, *sorted(later)]):
        meetings = {
            session: draw(st.integers(6, 35)) for session in draw(st.sets(st.sampled_from(SESSIONS), min_size=1))
        }
        closes = first - 1 if window == "closed" or (window != "open" and number == 0) else None
        when = -1.5 if window == "opened before any choice" and number == 1 else day
        places = (
            {"capacity": 50} if ample else {"capacity": draw(st.integers(0, 3)), "waiting": draw(st.integers(0, 3))}
        )
        events.append(
            published(
                when,
                activity,
                meetings=meetings.items(),
                closes=closes,
                confirm=draw(st.booleans()),
                organiser=organiser,
                **places,  # type: ignore[arg-type]
            )
        )
    return events


@st.composite
def _cancellations(draw: st.DrawFn) -> list[Event]:
    pairs = draw(st.lists(st.tuples(days, activities, st.sampled_from([None, *ACTIVITIES])), max_size=3))
    return [called_off(day, activity, other) for day, activity, other in pairs if activity != other]


@st.composite
def _facts(draw: st.DrawFn, referral: str) -> list[Event]:
    """What happens to one referral, and what those say of it who may be nobody to it."""
    days_and_activities = st.tuples(days, activities)
    events = [issued(draw(st.integers(0, 10)), referral, feedback=draw(st.booleans()))]
    chooses = [*[st.just(OPISTO)] * 2, organisers]
    events += [
        chosen(*one, referral, organiser=draw(draw(st.sampled_from(chooses))))
        for one in draw(st.lists(days_and_activities, max_size=3))
    ]
    for make in (confirmed, off_the_list):
        events += [
            make(*one, referral, organiser=draw(organisers)) for one in draw(st.lists(days_and_activities, max_size=2))
        ]
    attendance = st.tuples(days, st.sampled_from(SESSIONS), activities)
    events += [
        recorded(*record, **draw(RECORDS), referral=referral, organiser=draw(organisers))
        for record in draw(st.lists(attendance, max_size=5))
    ]
    events += [looked_up(day, referral, organiser=draw(organisers)) for day in draw(st.lists(days, max_size=3))]
    events += [withdrawn(day, referral=referral) for day in draw(st.lists(days, max_size=1))]
    return events


@st.composite
def worlds(draw: st.DrawFn) -> list[Event]:
    """One referral, two organisers, up to three activities of each with room for everybody."""
    events = draw(_cancellations()) + draw(_facts(a_referral()))
    for activity in draw(st.sets(activities, min_size=1)):
        events += draw(_versions(activity))
    for activity in draw(st.sets(activities, max_size=2)):
        events += draw(_versions(activity, organiser=STRANGER))
    if draw(st.booleans()):
        events.append(answered(draw(days)))
    return _each_once(events)


@st.composite
def crowded(draw: st.DrawFn) -> list[Event]:
    """Several referrals, one or two activities with hardly any room."""
    events = draw(_cancellations())
    for activity in ACTIVITIES[: draw(st.integers(1, 2))]:
        events += draw(_versions(activity, ample=False))
    for name in range(draw(st.integers(2, 5))):
        events += draw(_facts(a_referral(name)))
    return _each_once(events)


def _each_once(events: Iterable[Event]) -> list[Event]:
    """A sender gives an id once for each referral or activity: else it would be a conflict."""
    return list({(event.data.subject, event.source, event.id): event for event in events}.values())


# --- how it is sent, and where it ends


def in_order(events: Iterable[Event]) -> Network:
    """Every fact when it happened."""
    network = Network(at(-100))
    network.in_order(events)
    network.clock.set(at(AFTER_IT_ALL))
    return network


def shuffled(events: Iterable[Event], seed: int, *, known: Iterable[Event] = (), **how: Any) -> Network:
    """All facts at once, after all has happened: any first, some of them twice; what is `known` before them all."""
    network = Network(at(AFTER_IT_ALL), seed=seed, **how)
    for event in known:
        network.send(event)
    network.drain()
    mixed = list(events)
    network.random.shuffle(mixed)
    for event in mixed:
        network.send(event)
    network.drain(repeat=0.2)
    return network


def where_it_stands(network: Network, referral: str) -> dict[str, Any]:
    """What must not depend on the arrival. Proposals may, and so may whether it was their silence or that of matching."""
    view = network.view(referral)
    outcome = view.ended.outcome if view.ended else None
    return {
        "status": "matching" if view.status in {"issued", "proposed", "unmatched"} else view.status,
        "outcome": "silence" if outcome in SILENCE else outcome,
        "closed": view.closed,
        "choice": view.choice and _asked_for(view),
        "place": view.place,
        "sessions": sorted((session.session, session.state) for session in view.sessions),
        "counts": view.ended and [getattr(view.ended, name) for name in COUNTS],
        "missed in a row": [[session.name for session in row] for row in rows_missed(view.sessions)],
        "held": sorted(_held_by(network, referral)),
    }


def _asked_for(view: View) -> tuple[Any, ...]:
    assert view.choice is not None
    if view.status == "withdrawn":
        # Of one that is withdrawn no activity is asked any more: which of several choices of it was closed may stay unknown.
        return (view.choice.activity,)
    return view.choice.activity, view.choice.at, view.choice.request, view.choice.confirmed_at


def _held_by(network: Network, referral: str) -> Iterator[tuple[str, str]]:
    for key, activity in network.activities().items():
        claim = activity.claims.get(referral)
        if claim and claim.state in {"reserved", "waitlisted"}:
            yield key, claim.state


def assert_told_as_it_stands(network: Network, referral: str) -> None:
    """The latest word of each kind about the ending is what the state says."""
    view = network.view(referral)
    told = network.referral(referral).told
    assert told.closed == (view.ended if view.closed else None)
    ending = {"completed": "ReferralCompleted", "lapsed": "ReferralLapsed"}.get(view.status)
    for name in [ending, "ReferralClosed" if view.closed else None]:
        if name and view.ended:
            latest = network.told(referral, name)[-1]
            sessions = {name: getattr(view.ended, name) for name in COUNTS}
            assert (latest["outcome"], latest["sessions"]) == (view.ended.outcome, sessions)
    absences = set(network.referral(referral).absences)
    for row in rows_missed(view.sessions) if view.status != "withdrawn" else ():
        assert {session.name for session in row} <= absences
    held = {activity for activity, _ in _held_by(network, referral)}
    released = {f"{one['organiser']} {one['activity_id']}": one for one in network.told(referral, "PlaceReleased")}
    for activity, latest in released.items():
        assert activity in held or latest["reason"] == view.wants[activity].why or view.wants[activity].want == "place"


# --- one referral, room for everybody


@quick
@given(worlds(), seeds)
def test_any_order_and_any_repetition_end_as_in_order_of_time(world: list[Event], seed: int) -> None:
    expected = where_it_stands(in_order(world), a_referral())
    network = shuffled(world, seed)
    assert where_it_stands(network, a_referral()) == expected
    assert_told_as_it_stands(network, a_referral())


@quick
@given(seeds, st.booleans())
def test_what_was_chosen_twice_while_it_was_closed_and_then_enrolled_ends_the_same(seed: int, confirm: bool) -> None:
    version = published(-2, "b", meetings=[("s0", 6)], closes=-3, confirm=confirm)
    world = [issued(0), chosen(0, "b"), chosen(1, "b"), recorded(1, "s0", "b", came=False), version]
    assert where_it_stands(shuffled(world, seed), a_referral()) == where_it_stands(in_order(world), a_referral())


@settings(quick, max_examples=60)
@given(worlds(), seeds)
def test_what_a_library_issued_ends_as_what_a_region_issued(world: list[Event], seed: int) -> None:
    """Every service but one reads its issue later, when the referral service has taken it."""
    expected = where_it_stands(in_order(world), a_referral())
    network = shuffled(map(by_a_library, world), seed, known=[allowed(-20)], telling=True)
    assert where_it_stands(network, a_referral()) == expected
    assert_told_as_it_stands(network, a_referral())
    assert REGION not in network.feeds(a_referral())


@settings(quick, max_examples=40)
@given(worlds(), seeds)
def test_of_what_nobody_allowed_no_service_keeps_or_says_anything(world: list[Event], seed: int) -> None:
    of_organisers = [event for event in world if event.name.startswith("Activity") and event.source != REGION]
    refused = map(by_a_library, [event for event in world if event.name == "ReferralIssued"])
    network = shuffled(
        [*of_organisers, *refused], seed, telling=True, may_refuse=b"lets /library/metso refer by no route"
    )
    assert network.refused > 0
    assert network.match(a_referral()) is None
    assert network.feeds(a_referral()).keys() <= {LIBRARY}
    assert {entry["type"].split(".")[-2] for entry in network.feeds(a_referral())[LIBRARY]} == {"EventRefused"}


@settings(quick, max_examples=60)
@given(worlds(), seeds, st.sampled_from([0, 1]))
def test_order_kept_by_kafka_and_a_ring_of_nothing_change_nothing(
    world: list[Event], seed: int, recent_outcomes: int
) -> None:
    expected = where_it_stands(in_order(world), a_referral())
    assert (
        where_it_stands(shuffled(world, seed, in_lanes=True, recent_outcomes=recent_outcomes), a_referral()) == expected
    )


@settings(quick, max_examples=40)
@given(worlds(), seeds)
def test_all_of_it_replayed_says_nothing_new(world: list[Event], seed: int) -> None:
    network = shuffled(world, seed)
    said = {dict(record.headers)["ce_id"] for record in network.published}
    network.replay()
    network.drain()
    assert {dict(record.headers)["ce_id"] for record in network.published} == said


@settings(quick, max_examples=30)
@given(worlds(), seeds)
def test_after_all_silence_both_have_ended_alike(world: list[Event], seed: int) -> None:
    """Each deadline that is due fires, day by day, until nothing is awaited: then every referral is closed."""
    one, other = in_order(world), shuffled(world, seed)
    for network in (one, other):
        network.let_time_pass(130)
        assert network.view(a_referral()).closed
        assert not network.view(a_referral()).deadlines
        assert_told_as_it_stands(network, a_referral())
    assert where_it_stands(other, a_referral()) == where_it_stands(one, a_referral())


@settings(quick, max_examples=60)
@given(worlds(), seeds)
def test_a_closed_referral_holds_no_place(world: list[Event], seed: int) -> None:
    network = shuffled(world, seed)
    if network.view(a_referral()).closed:
        assert not list(_held_by(network, a_referral()))


@settings(quick, max_examples=60)
@given(worlds(), seeds, days)
def test_withdrawn_consent_leaves_nothing_behind_wherever_it_arrives(world: list[Event], seed: int, day: int) -> None:
    others = [event for event in world if event.name != "ReferralWithdrawn"]
    network = shuffled([*others, withdrawn(day, "consent_withdrawn")], seed)
    state, match = network.referral(a_referral()), network.match(a_referral())
    assert state.erased is not None
    assert (state.issued, state.facts, state.attendance, state.answers, state.orders) == (None, (), (), {}, {})
    assert match is not None
    assert (match.wish, match.proposals) == (None, ())
    for activity in network.activities().values():
        claim = activity.claims.get(a_referral())
        assert claim is None or (claim.want, claim.state, claim.request) == ("none", "none", "")
    assert "ReferralIssued" not in network.waiting_early()


@settings(quick, max_examples=60)
@given(worlds(), seeds, days)
def test_withdrawn_consent_leaves_the_last_words_alone_in_every_feed(world: list[Event], seed: int, day: int) -> None:
    """Whenever notify reads the withdrawal and what follows from it, each in the order of its sender."""
    others = [event for event in world if event.name != "ReferralWithdrawn"]
    network = shuffled([*others, withdrawn(day, "consent_withdrawn")], seed, in_lanes=True, telling=True)
    feeds = {owner: list(_still_said(entries)) for owner, entries in network.feeds(a_referral()).items()}
    outcome = network.told(a_referral(), "ReferralClosed")[-1]["outcome"]
    assert feeds[REGION][-1] == ("ReferralClosed", {"outcome": outcome})
    freed = {data["activity_id"] for data in network.told(a_referral(), "PlaceReleased")}
    assert {data["activity_id"] for _, data in feeds.get(OPISTO, [])} == freed
    assert [name for name, _ in feeds[REGION]].count("ReferralErased") == 1
    assert {name for name, _ in chain(*feeds.values())} <= {"ReferralErased", "ReferralClosed", "PlaceReleased"}
    assert {frozenset(data) for _, data in chain(*feeds.values())} <= {
        frozenset({"issuer", "log_kept_days", "audit"}),
        frozenset({"outcome"}),
        frozenset({"activity_id", "reason"}),
    }


def _still_said(entries: Iterable[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for entry in entries:
        if "erased" not in entry:
            said = entry["data"]
            assert said.pop("referral_id") == a_referral()
            yield entry["type"].split(".")[-2], said


# --- one who is nobody to it


@st.composite
def strangers(draw: st.DrawFn) -> list[Event]:
    """What an organiser says that the region never chose and that never looked the code up; its activities are real.

    And what another region says of it.
    """
    events = [event for activity in ACTIVITIES for event in draw(_versions(activity, organiser=STRANGER))]
    said = st.tuples(days, activities)
    for make in (confirmed, off_the_list):
        events += [make(*one, organiser=STRANGER) for one in draw(st.lists(said, min_size=1, max_size=3))]
    events += [chosen(*one, source=ANOTHER_REGION) for one in draw(st.lists(said, max_size=2))]
    reasons = st.tuples(days, st.sampled_from(["moved", "consent_withdrawn"]))
    events += [withdrawn(*one, source=ANOTHER_REGION) for one in draw(st.lists(reasons, max_size=2))]
    attendance = st.tuples(days, st.sampled_from(SESSIONS), activities)
    return events + [recorded(*one, organiser=STRANGER) for one in draw(st.lists(attendance, max_size=3))]


@quick
@given(worlds(), strangers(), seeds)
def test_a_stranger_changes_nothing_and_is_told_nothing(world: list[Event], said: list[Event], seed: int) -> None:
    without = [event for event in world if not _is_of(event, STRANGER)]
    expected = where_it_stands(in_order(without), a_referral())
    network = shuffled(_each_once([*without, *said]), seed, telling=True)
    assert where_it_stands(network, a_referral()) == expected
    feeds = network.feeds(a_referral())
    for nobody in (STRANGER, ANOTHER_REGION):
        assert nobody not in feeds
        assert nobody not in str(feeds)
    assert not any(key.startswith(STRANGER) for key, activity in network.activities().items() if activity.claims)
    for nobody, what in ((STRANGER, RELATION), (ANOTHER_REGION, "ReferralIssued")):
        kept_waiting = {event.id for event in said if event.source == nobody and not _is_taken_in(event)}
        assert network.waiting_early(nobody) == [what] * len(kept_waiting)


def _is_taken_in(event: Event) -> bool:
    """What is published; that consent is withdrawn, for what the same region may issue."""
    return event.name == "ActivityPublished" or getattr(event.data, "reason", "") == "consent_withdrawn"


def _is_of(event: Event, organiser: str) -> bool:
    return organiser in {event.source, getattr(event.data, "organiser", "")}


@settings(quick, max_examples=60)
@given(worlds(), seeds, days)
def test_of_two_regions_that_issue_the_same_one_has_it_everywhere(world: list[Event], seed: int, day: int) -> None:
    """The topics of two partners have no order between them: each service reads another one first."""
    network = shuffled([*world, issued(day, source=ANOTHER_REGION)], seed, telling=True)
    known, match = network.referral(a_referral()).issued, network.match(a_referral())
    assert known is not None
    assert match is not None
    assert match.wish is not None
    assert match.wish.issuer == known.source
    assert {REGION, ANOTHER_REGION} & network.feeds(a_referral()).keys() == {known.source}


@settings(quick, max_examples=60)
@given(worlds(), seeds, days)
def test_of_a_region_and_a_library_that_issue_the_same_one_has_it_everywhere(
    world: list[Event], seed: int, day: int
) -> None:
    network = shuffled([*world, by_a_library(issued(day))], seed, known=[allowed(-20)], telling=True)
    known, match = network.referral(a_referral()).issued, network.match(a_referral())
    assert known is not None
    assert match is not None
    assert match.wish is not None
    assert match.wish.issuer == known.source
    assert {REGION, LIBRARY} & network.feeds(a_referral()).keys() == {known.source}


@quick
@given(worlds(), seeds, days, days, activities)
def test_by_a_look_up_alone_nobody_is_taken_from_where_the_region_chose(
    world: list[Event], seed: int, looked: int, day: int, activity: str
) -> None:
    """While the choice stands: it was neither refused nor cancelled, and nobody let it lapse."""
    without = [event for event in world if not _is_of(event, STRANGER)]
    view = in_order(without).view(a_referral())
    desk = [
        looked_up(looked, organiser=STRANGER),
        published(-10, activity, organiser=STRANGER),
        confirmed(day, activity, organiser=STRANGER),
        recorded(day, "s1", activity, organiser=STRANGER),
    ]
    after = shuffled(_each_once([*without, *desk]), seed).view(a_referral())
    if view.choice and view.choice.at < at(day):
        assert after.choice is None or after.choice.activity != key_of(activity, STRANGER)


# --- many referrals, hardly any room


class Watch:
    """Looks at every activity after each message."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._before: dict[str, Activity] = {}

    def __call__(self) -> None:
        after = self._network.activities()
        for key, activity in after.items():
            if activity != self._before.get(key):
                before = self._before[key].claims if key in self._before else {}
                self._nobody_beyond_the_capacity(activity, before)
                self._nobody_loses_a_place(activity, before)
                self._the_waiting_list_is_in_order(activity)
                self._settling_again_changes_nothing(activity)
        self._before = after

    def _nobody_beyond_the_capacity(self, activity: Activity, before: dict[str, Claim]) -> None:
        new = [
            claim
            for id_, claim in activity.claims.items()
            if claim.state == "reserved" and (id_ not in before or before[id_].state != "reserved")
        ]
        beyond = [claim for claim in new if claim.enrolled or claim.moved]
        if len(beyond) < len(new):
            held = sum(claim.state == "reserved" for claim in activity.claims.values())
            assert held - len(beyond) <= activity.published["capacity"]

    def _nobody_loses_a_place(self, activity: Activity, before: dict[str, Claim]) -> None:
        for id_, claim in activity.claims.items():
            known = before.get(id_)
            still = known and known.state == "reserved" and known.request == claim.request and claim.want == "place"
            assert not still or claim.state == "reserved" or claim.reason == "cancelled"

    def _the_waiting_list_is_in_order(self, activity: Activity) -> None:
        waiting = [claim for claim in activity.claims.values() if claim.state == "waitlisted"]
        in_turn = sorted(waiting, key=lambda claim: (claim.requested_at or at(0), claim.request))
        assert [claim.position for claim in in_turn] == list(range(1, len(waiting) + 1))
        # Of what is cancelled nobody gets a place that falls free: place and queue move, or both are given up.
        assert not waiting or activity.cancelled or places_left(activity) <= 0

    def _settling_again_changes_nothing(self, activity: Activity) -> None:
        now = self._network.clock.now()
        assert settle(activity, now, now) == (activity, [])


def _wants_a_place(view: View, key: str) -> bool:
    return key in view.wants and view.wants[key].want == "place"


@settings(quick, max_examples=80)
@given(crowded(), seeds, st.booleans())
def test_scarce_places_are_never_given_twice_nor_held_for_nobody(world: list[Event], seed: int, lanes: bool) -> None:
    network = Network(at(AFTER_IT_ALL), seed=seed, in_lanes=lanes)
    network.after_each = Watch(network)
    for event in world:
        network.send(event)
    network.drain(repeat=0.1)
    for key, activity in network.activities().items():
        for referral, claim in activity.claims.items():
            if claim.state in {"reserved", "waitlisted"}:
                assert _wants_a_place(network.view(referral), key)
        ends = waiting_ends(activity)
        over = ends is not None and ends <= network.clock.now()
        assert not over or not any(claim.state == "waitlisted" for claim in activity.claims.values())
    for referral in {event.data.subject for event in world if event.name == "ReferralIssued"}:
        _holds_what_it_says(network, referral)
        assert_told_as_it_stands(network, referral)


def _holds_what_it_says(network: Network, referral: str) -> None:
    view = network.view(referral)
    held = dict(_held_by(network, referral))
    expected = {"placed": "reserved", "waitlisted": "waitlisted"}.get(view.place or "")
    if expected:
        assert view.choice is not None
        assert held == {view.choice.activity: expected}
    assert len(held) <= 1
    assert not view.closed or not held


@settings(quick, max_examples=25)
@given(crowded(), seeds)
def test_scarce_places_are_free_again_when_all_is_over(world: list[Event], seed: int) -> None:
    network = shuffled(world, seed)
    network.let_time_pass(130)
    for referral in {event.data.subject for event in world if event.name == "ReferralIssued"}:
        assert network.view(referral).closed
        assert not list(_held_by(network, referral))
        assert_told_as_it_stands(network, referral)
