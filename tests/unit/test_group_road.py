"""The road of a unit's group: issued, matched, chosen, placed, told to both sides, held, stated, completed."""

from typing import Any

import pytest

from services.referral.groups.fold import fold
from services.referral.needs import RELATION
from shared.contracts.envelope import Event, type_of
from shared.kafka.producer import Record
from tests.unit.facts import OPISTO, REGION, STRANGER, at, called_off, chosen, confirmed, published
from tests.unit.facts import issued as person_issued
from tests.unit.facts import key as key_of
from tests.unit.group_facts import (
    SIZE,
    a_group,
    group_cancelled,
    group_chose,
    group_confirmed,
    group_issued,
    group_met,
    group_withdrawn,
)
from tests.unit.network import DURATIONS, Network


def after(*events: Event[Any]) -> Network:
    network = Network(at(-100))
    network.in_order(events)
    return network


def status(network: Network, group: str | None = None) -> str:
    return fold(network.group(group or a_group()), DURATIONS).status


def told(network: Network, name: str, to: str = REGION, group: str | None = None) -> list[dict[str, Any]]:
    return [one for one in network.told(group or a_group(), name) if one["recipient"] == to]


def test_a_group_goes_the_whole_road_and_both_sides_are_told() -> None:
    network = after(published(), group_issued(0))
    assert [one["activity_id"] for one in told(network, "GroupMatched")[0]["proposals"]] == ["a"]
    network.in_order([group_chose(1)])
    assert status(network) == "placed"
    for partner in (REGION, OPISTO):
        (placed,) = told(network, "GroupPlaced", partner)
        assert (placed["size"], placed["kind"], placed["languages"]) == (SIZE, "housing_unit", ["fi"])
        assert [one["session_id"] for one in placed["sessions"]] == ["s1", "s2"]
    network.in_order([group_met(20.1, "s1", participants=5), group_met(30.1, "s2", participants=4, staff=2)])
    (ended,) = told(network, "GroupEnded")
    counts = {name: ended[name] for name in ("outcome", "held", "not_recorded", "participants", "staff")}
    assert counts == {"outcome": "completed", "held": 2, "not_recorded": 0, "participants": 9, "staff": 3}
    assert status(network) == "completed"


def test_the_unit_gets_one_statement_a_week_and_none_where_nothing_is_new() -> None:
    sessions = [("s1", 8), ("s2", 9), ("s3", 16)]
    network = after(published(meetings=sessions), group_issued(0), group_chose(1))
    network.in_order([group_met(8.1, "s1"), group_met(9.1, "s2", participants=SIZE + 2)])
    assert told(network, "GroupSessionsStated") == []
    network.let_time_pass(7)
    (statement,) = told(network, "GroupSessionsStated")
    heads = {one["session_id"]: (one["participants"], one["above_size"]) for one in statement["sessions"]}
    assert heads == {"s1": (5, False), "s2": (SIZE + 2, True)}
    network.let_time_pass(14)
    assert len(told(network, "GroupSessionsStated")) == 1
    network.in_order([group_met(31, "s1", participants=3), group_met(32, "s3")])
    network.let_time_pass(7)
    news = {one["session_id"]: one["participants"] for one in told(network, "GroupSessionsStated")[1]["sessions"]}
    assert news == {"s1": 3, "s3": 5}


def test_an_organiser_that_confirms_is_asked_and_the_unit_hears_of_its_word() -> None:
    network = after(published(confirm=True), group_issued(0), group_chose(1))
    assert status(network) == "requested"
    (asked,) = told(network, "GroupPlaced", OPISTO)
    assert (asked["confirm"], asked["confirmed"]) == (True, False)
    network.in_order([group_confirmed(2)])
    assert status(network) == "placed"
    assert [one["confirmed"] for one in told(network, "GroupPlaced")] == [False, True]


def test_silence_of_the_organiser_reminds_it_and_then_gives_the_places_up() -> None:
    network = after(published(confirm=True), group_issued(0), group_chose(1))
    network.let_time_pass(8)
    assert [one["what"] for one in told(network, "GroupReminded", OPISTO)] == ["confirmation"]
    network.let_time_pass(8)
    assert network.activities()[key_of("a")].claims[f"group {a_group()}"].state == "none"
    assert len(told(network, "GroupReleased", OPISTO)) == len(told(network, "GroupReleased")) == 1
    assert status(network) == "unmatched"


def test_a_group_larger_than_the_activity_is_refused_clearly_until_the_activity_grows() -> None:
    network = after(published(capacity=SIZE - 1, waiting=50), group_issued(0), group_chose(1))
    assert [one["reason"] for one in told(network, "GroupRefused")] == ["too_large"]
    assert told(network, "GroupPlaced", OPISTO) == told(network, "GroupRefused", OPISTO) == []
    network.in_order([published(2, capacity=SIZE)])
    assert status(network) == "placed"


def test_a_group_waits_until_its_whole_size_fits_and_no_place_stays_empty_for_it() -> None:
    first, second = a_group("first"), a_group("second")
    person = person_issued(0, "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11")
    network = after(published(capacity=8, waiting=20), group_issued(0, first), group_issued(0.1, second), person)
    network.in_order([group_chose(1, group=first), group_chose(2, group=second)])
    network.in_order([chosen(3, referral=person.data.referral_id)])
    assert status(network, second) == "waitlisted"
    assert network.view(person.data.referral_id).status == "placed"
    assert told(network, "GroupWaitlisted", OPISTO, second)[0]["position"] == 1
    network.in_order([group_withdrawn(4, first)])
    assert status(network, second) == "placed"
    assert len(told(network, "GroupReleased", OPISTO, first)) == 1


def test_a_whole_activity_at_the_unit_is_one_group_s_and_no_client_s() -> None:
    first, second = a_group("first"), a_group("second")
    person = person_issued(0, "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11")
    network = after(
        published(capacity=30, at_unit=True),
        group_issued(0, first, premises="unit"),
        group_issued(0.1, second, premises="unit"),
        person,
        group_chose(1, group=first),
        group_chose(2, group=second),
        chosen(3, referral=person.data.referral_id),
    )
    assert status(network, first) == "placed"
    assert told(network, "GroupRefused", group=second)[0]["reason"] == "full"
    assert network.told(person.data.referral_id, "NoActivityFound")[0]["nearest_misses"] == {"premises": 1}
    assert network.told(person.data.referral_id, "PlaceRefused")[0]["reason"] == "unknown"


def test_a_group_that_asks_for_other_premises_than_the_activity_has_hears_that() -> None:
    network = after(published(), group_issued(0, premises="unit"), group_chose(1))
    assert told(network, "GroupRefused")[0]["reason"] == "premises"


def test_an_organiser_that_cancels_gives_the_group_back_to_matching_without_that_activity() -> None:
    network = after(published(), published(-9, "b"), group_issued(0), group_chose(1), group_cancelled(2))
    assert status(network) == "proposed"
    assert [one["activity_id"] for one in told(network, "GroupMatched")[-1]["proposals"]] == ["b"]
    assert len(told(network, "GroupReleased")) == 1


def test_an_activity_that_is_called_off_names_what_replaces_it_and_moves_no_group() -> None:
    network = after(published(), published(-9, "b"), group_issued(0), group_chose(1), called_off(2, "a", "b"))
    assert told(network, "GroupReleased")[0]["cancelled"]["replaced_by"] == "b"
    assert status(network) == "proposed"


def test_a_group_that_met_before_it_was_cancelled_is_discontinued() -> None:
    network = after(published(), group_issued(0), group_chose(1), group_met(20.1), group_cancelled(21))
    assert told(network, "GroupEnded")[0]["outcome"] == "discontinued"
    network.in_order([published(21.5, "b", meetings=[("s1", 40)]), group_chose(22, "b")])
    assert len(told(network, "GroupReopened")) == 1
    assert status(network) == "placed"


def test_sessions_of_which_nobody_says_anything_end_as_not_held() -> None:
    network = after(published(), group_issued(0), group_chose(1))
    network.let_time_pass(46)
    assert told(network, "GroupEnded")[-1] | {"recipient": "", "group_id": ""} == {
        "recipient": "",
        "group_id": "",
        "outcome": "not_held",
        "held": 0,
        "not_recorded": 2,
        "participants": 0,
        "staff": 0,
    }
    network.in_order([group_met(49, "s1")])
    assert told(network, "GroupEnded")[-1]["outcome"] == "completed"


def test_silence_of_the_unit_lapses_and_a_late_choice_goes_on() -> None:
    network = after(published(meetings=[("s1", 80)]), group_issued(0))
    network.let_time_pass(30)
    assert [one["nth"] for one in told(network, "GroupReminded")] == [1, 2]
    assert told(network, "GroupEnded")[-1]["outcome"] == "not_chosen"
    network.in_order([group_chose(40)])
    assert status(network) == "placed"
    assert len(told(network, "GroupReopened")) == 1


def test_a_group_that_grows_asks_anew_and_keeps_nothing_that_does_not_fit() -> None:
    network = after(published(capacity=8), group_issued(0), group_chose(1), group_issued(2, size=8))
    assert [one["size"] for one in told(network, "GroupPlaced", OPISTO)] == [SIZE, 8]
    network.in_order([group_issued(3, size=9)])
    assert told(network, "GroupRefused")[0]["reason"] == "too_large"
    assert len(told(network, "GroupReleased", OPISTO)) == 1


def test_what_a_stranger_or_another_issuer_says_waits_as_for_an_unknown_group() -> None:
    network = after(published(), group_issued(0), group_issued(1, source="/association/martat"))
    network.in_order([group_confirmed(2), group_met(20.1, organiser=STRANGER), group_withdrawn(3, source="/region/01")])
    assert status(network) == "proposed"
    assert len(network.waiting_early()) == 4


def test_a_client_s_events_wait_at_a_group_s_id_as_at_an_unknown_one() -> None:
    network = after(published(), group_issued(0), chosen(1, referral=a_group()), confirmed(2, referral=a_group()))
    assert network.waiting_early() == ["ReferralIssued", RELATION]
    assert status(network) == "proposed"


@pytest.mark.parametrize(
    ("first", "second"),
    [(group_issued(0), person_issued(1, a_group())), (person_issued(0, a_group()), group_issued(1))],
)
def test_of_a_client_and_a_group_with_one_id_the_first_has_it(first: Event[Any], second: Event[Any]) -> None:
    network, refused = Network(at(-100)), list[Record]()
    network.on_refused = refused.append
    network.in_order([published(), first, second])
    (letter,) = (dict(one.headers) for one in refused)
    assert (letter["ce_type"], letter["dl_reason"]) == (type_of(second.data).encode(), b"rejected")
    assert b"draw another" in (letter["dl_error"] or b"")
    assert (network.groups() == {a_group()}) == (first.name == "GroupReferralIssued")
