"""The demo's own reckoning: what balances, what does not, and that its play is the same for the same seed."""

from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from demo.ledger import Ledger, balance
from demo.organisers import organisers
from demo.people import people
from demo.programme import programme
from shared.contracts.opisto_events import ActivityPublished
from shared.contracts.region_events import ReferralIssued
from shared.reference import REGIONS

START = datetime(2026, 9, 1, tzinfo=UTC)


def _became(id_: str, state: str, repeated: int = 0) -> dict[str, Any]:
    return {"source": "/region/06", "id": id_, "state": state, "repeated": repeated}


def _letter(id_: str | None) -> dict[str, Any]:
    return {"sender": "/region/06" if id_ else None, "event_id": id_}


def _ledger(**accepted: int) -> Ledger:
    ledger = Ledger()
    for id_, times in accepted.items():
        ledger.accepted["/region/06", id_] = times
    return ledger


def test_it_balances_when_every_send_is_found_again() -> None:
    ledger = _ledger(a=3, b=1, c=2, d=1)
    ledger.refused["422"] = 2
    ledger.nameless = 1
    # c: one content applied, the other a conflict.
    became = [
        _became("a", "applied", 2),
        _became("b", "waiting"),
        _became("c", "applied", 1),
        _became("d", "dead_lettered"),
    ]
    found = balance(ledger, became, [_letter("c"), _letter("d"), _letter(None)])
    assert (found.applied, found.repeated, found.refused, found.dead_lettered, found.waiting) == (2, 2, 2, 3, 1)
    assert found.sent == 10
    assert found.balances


@pytest.mark.parametrize(
    ("became", "letters"),
    [
        ([], []),
        ([_became("a", "in_flight")], []),
        ([_became("a", "unknown", -1)], []),
        ([_became("a", "applied", 1)], []),
        ([_became("a", "applied")], [_letter("stranger")]),
        ([_became("a", "applied")], [_letter(None)]),
        ([_became("a", "dead_lettered")], []),
    ],
)
def test_it_does_not_balance_when_anything_is_lost_or_too_many(became: list[Any], letters: list[Any]) -> None:
    assert not balance(_ledger(a=1), became, letters).balances


def test_what_nobody_answered_may_have_landed_or_not() -> None:
    for seen_again in (0, 1):
        ledger = _ledger(a=1)
        ledger.unanswered["/region/06", "a"] = 1
        assert balance(ledger, [_became("a", "applied", seen_again)], []).balances
    assert not balance(_ledger(a=1), [_became("a", "applied", 1)], []).balances


def test_every_region_that_may_refer_refers_and_the_contract_takes_it() -> None:
    plans = people(Random(1), 300, 5.0)
    assert {plan.source for plan in plans} == {f"/region/{code}" for code, one in REGIONS.items() if one.may_refer}
    for plan in plans:
        ReferralIssued.model_validate({"referral_id": plan.referral_id, **plan.data}, strict=False)
    assert people(Random(1), 300, 5.0) == plans


@pytest.mark.parametrize("count", [1, 33, 300, 1_000])
def test_of_whatever_is_drawn_at_most_3_in_100_are_planned_to_be_unrecorded(count: int) -> None:
    for seed in range(5):
        unrecorded = sum(not plan.recorded for plan in people(Random(seed), count, 5.0))
        assert unrecorded == count * 3 // 100


def test_every_opisto_has_a_programme_that_the_contract_takes() -> None:
    opistos = organisers(200, 60)
    found = programme(opistos, Random(1), START, 3)
    assert len(found) == 3 * len(opistos) + sum(bool(one.data.get("at_unit")) for one in found)
    assert {one.data["activity_id"] for one in found if one.data.get("at_unit")} == {"yksikossa-1"}
    for activity in found:
        ActivityPublished.model_validate(activity.data, strict=False)
    assert programme(opistos, Random(1), START, 3) == found
