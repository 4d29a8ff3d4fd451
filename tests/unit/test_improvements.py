"""What partners agree to do better: all whom it names hear of it, are reminded, and say that it is done."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.partners.handlers import table
from services.partners.improvements.model import Improvement, deadlines
from shared.contracts.envelope import Event
from shared.contracts.every_service_events import DeadlinePassed
from shared.engine.model import Due
from tests.unit.country import country
from tests.unit.doors import OPISTO, REGION, door
from tests.unit.record_facts import PlayedRecords, agreed, asked, done, record

ANOTHER, STRANGER = "/opisto/ylojarvi", "/opisto/stranger"
DUE = date(2026, 12, 1)


def passed(due: Due) -> Event[Any]:
    data = DeadlinePassed(
        service="partners",
        collection="improvements",
        aggregate=f"{REGION} i-1",
        what=due.what,
        due_at=due.due_at,
        nth=due.nth,
    )
    return Event(f"due-{due.due_at}", "/service/partners", due.due_at, data)


def passing(played: PlayedRecords, due: Due) -> list[tuple[str, str]]:
    """Whom a passed deadline tells what."""
    decided = table().deadlines["improvements"].decide(played.state, passed(due), due.due_at, None)
    played.state = decided.state  # type: ignore[union-attr]
    return [(one.data.recipient, one.data.news) for one in decided.follow]  # type: ignore[union-attr]


def test_who_recorded_it_and_whose_roles_do_it_hear_of_it_whole() -> None:
    told = PlayedRecords([agreed(partners=[OPISTO, ANOTHER])]).told
    assert [(one.recipient, one.news) for one in told] == [(one, "agreed") for one in sorted([REGION, OPISTO, ANOTHER])]
    assert all((one.agreed_by, one.improvement_id, one.due) == (REGION, "i-1", DUE) for one in told)
    assert told[0].about == {"fi": "Puhelin"}
    assert [one.partner for one in told[0].roles] == [OPISTO, ANOTHER]


def test_the_same_said_again_later_tells_nobody_anything_new() -> None:
    assert len(PlayedRecords([agreed(0), agreed(5)]).told) == 2


def test_whom_a_later_version_leaves_out_hears_of_that() -> None:
    played = PlayedRecords([agreed(0, partners=[OPISTO]), agreed(5, partners=[ANOTHER])])
    assert [one.partner for one in played.last_words()[OPISTO].roles] == [ANOTHER]
    assert played.state.parties == [REGION, ANOTHER]


@pytest.mark.parametrize("source", [REGION, OPISTO])
def test_each_party_may_say_that_it_is_done_and_all_hear_so(source: str) -> None:
    played = PlayedRecords([agreed(0), done(1, source)])
    assert {partner: one.news for partner, one in played.last_words().items()} == {REGION: "done", OPISTO: "done"}
    assert deadlines(played.state) == ()


def test_a_stranger_waits_whether_there_is_such_an_improvement_or_not() -> None:
    there, nowhere = PlayedRecords([agreed(0), done(1, STRANGER)]), PlayedRecords([done(1, STRANGER)])
    assert there.waiting == nowhere.waiting == [done(1, STRANGER)]
    assert not there.state.is_done


def test_a_later_version_opens_it_again() -> None:
    played = PlayedRecords([agreed(0), done(1), agreed(2)])
    assert not played.state.is_done
    assert played.last_words()[OPISTO].news == "agreed"


def test_it_is_reminded_of_once_before_its_day_and_once_when_the_day_is_over() -> None:
    played = PlayedRecords([agreed(0)])
    soon, over = deadlines(played.state)
    assert soon == Due("improvement", datetime(2026, 11, 17, tzinfo=UTC), 1)
    assert over == Due("improvement", datetime(2026, 12, 2, tzinfo=UTC), 2)
    assert passing(played, soon) == [(REGION, "due_soon"), (OPISTO, "due_soon")]
    assert list(deadlines(played.state)) == [over]
    assert passing(played, soon) == []
    assert passing(played, over) == [(REGION, "overdue"), (OPISTO, "overdue")]
    assert list(deadlines(played.state)) == []
    assert passing(played, over) == []


def test_what_is_agreed_within_two_weeks_of_its_day_is_not_reminded_of_before() -> None:
    played = PlayedRecords([agreed(0, due=date(2025, 9, 10))])
    assert [one.nth for one in deadlines(played.state)] == [2]


def test_another_day_is_reminded_of_anew_and_the_day_before_it_no_more() -> None:
    played = PlayedRecords([agreed(0)])
    soon, over = deadlines(played.state)
    passing(played, soon)
    played.take(agreed(5, due=date(2027, 3, 1)))
    assert passing(played, over) == []
    assert [one.due_at for one in deadlines(played.state)] == [
        datetime(2027, 2, 15, tzinfo=UTC),
        datetime(2027, 3, 2, tzinfo=UTC),
    ]


def test_what_is_done_is_not_reminded_of_though_its_deadline_was_on_the_way() -> None:
    played = PlayedRecords([agreed(0)])
    (soon, _) = deadlines(played.state)
    played.take(done(1))
    assert passing(played, soon) == []


def test_all_versions_together_name_forty_partners_at_most() -> None:
    versions = [agreed(nth, partners=[f"/opisto/o{nth}-{one}" for one in range(10)]) for nth in range(5)]
    played = PlayedRecords(versions)
    assert len(played.state.named) == 31
    assert ["name 41 partners, 40 are allowed" in why for why in played.rejected] == [True, True]


@settings(deadline=None)
@given(st.data())
def test_in_any_order_and_repeated_it_ends_alike(data: st.DataObject) -> None:
    hours = st.integers(0, 9)
    facts = [
        agreed(
            10 * nth + data.draw(hours),
            partners=data.draw(st.sets(st.sampled_from([OPISTO, ANOTHER]), min_size=1).map(sorted)),
            due=DUE + timedelta(days=data.draw(hours)),
        )
        for nth in range(3)
    ]
    facts += [done(data.draw(st.integers(0, 30)), one) for one in (REGION, OPISTO, ANOTHER, STRANGER)]
    ended = PlayedRecords(facts)
    shuffled = PlayedRecords([*data.draw(st.permutations(facts)), *data.draw(st.lists(st.sampled_from(facts)))])
    assert shuffled.state == ended.state
    assert shuffled.last_words() == ended.last_words()
    assert {one.id for one in shuffled.waiting} == {one.id for one in ended.waiting}


@pytest.mark.asyncio
async def test_each_partner_lists_what_concerns_it_and_nobody_else_does(tmp_path: Path) -> None:
    said = {"roles": [{"partner": OPISTO, "role": "teacher"}], "about": {"fi": "Puhelin"}}
    async with country(tmp_path, ("referral", "partners", "monitor")) as one:
        await record(one, "ImprovementAgreed", {**said, "improvement_id": "a", "due": "2020-01-01"})
        await record(one, "ImprovementAgreed", {**said, "improvement_id": "b", "due": "2030-01-01"})
        await record(one, "ImprovementDone", {"agreed_by": REGION, "improvement_id": "b"}, OPISTO)
        for who in (REGION, OPISTO, "ops:anna", "reader:eero"):
            listed = (await asked(one, "/v1/improvements", who))["improvements"]
            assert [(each["improvement_id"], each["state"]) for each in listed] == [("a", "overdue"), ("b", "done")]
        assert (await asked(one, "/v1/improvements", "/region/07"))["improvements"] == []
        done_alone = (await asked(one, "/v1/improvements", state="done"))["improvements"]
        assert [each["improvement_id"] for each in done_alone] == ["b"]
        first = await asked(one, "/v1/improvements", limit="1")
        assert [each["improvement_id"] for each in first["improvements"]] == ["a"]
        further = await asked(one, "/v1/improvements", limit="1", after=first["next"])
        assert [each["improvement_id"] for each in further["improvements"]] == ["b"]


@pytest.mark.asyncio
async def test_each_party_finds_it_in_its_feed(tmp_path: Path) -> None:
    said = {"improvement_id": "a", "roles": [{"partner": OPISTO, "role": "teacher"}], "due": "2030-01-01"}
    async with country(tmp_path, ("referral", "partners", "notify", "monitor")) as one:
        await record(one, "ImprovementAgreed", {**said, "about": {"fi": "Puhelin"}})
        for who in (REGION, OPISTO):
            (entry,) = (await asked(one, "/v1/feed", who, "notify"))["events"]
            assert entry["type"] == "fi.kulttuurilahete.ImprovementTold.v1"
            assert entry["data"] == {**said, "news": "agreed", "agreed_by": REGION, "about": {"fi": "Puhelin"}}


@pytest.mark.asyncio
async def test_a_tests_improvement_is_told_to_who_recorded_it_alone_and_listed_to_nobody(tmp_path: Path) -> None:
    async with door("partners", tmp_path) as one:
        test = agreed(0, partners=[OPISTO])
        await one.given(Event(test.id, test.source, test.time, test.data, synthetic=True))
        said = [dict(record.headers) for record in one.written]
        assert [(each["ce_subject"], each["ce_synthetic"]) for each in said] == [(REGION.encode(), b"true")]
        answer = await one.client.get("/v1/improvements", headers={"authorization": f"Bearer key of {REGION}"})
        assert answer.json()["improvements"] == []


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"roles": []}, "/data/roles"),
        ({"roles": [{"partner": "/region/99", "role": "teacher"}]}, "/data/roles/0/partner"),
        ({"roles": [{"partner": OPISTO, "role": "Maija Meikäläinen"}]}, "/data/roles/0/role"),
        ({"roles": [{"partner": f"/opisto/o{one}", "role": "teacher"} for one in range(11)]}, "/data/roles"),
        ({"about": {"fi": "x" * 1_001}}, "/data/about/fi"),
        ({"due": "2039-01-01"}, "/data/due"),
    ],
    ids=["nobody", "no such region", "a person", "eleven", "long", "far away"],
)
@pytest.mark.asyncio
async def test_what_cannot_be_agreed_is_refused_with_its_place(
    change: dict[str, Any], path: str, tmp_path: Path
) -> None:
    data = agreed(0).data.model_dump(mode="json") | change
    event = {"specversion": "1.0", "id": "a", "source": REGION, "type": "fi.kulttuurilahete.ImprovementAgreed.v1"}
    async with door("partners", tmp_path) as one:
        answer = await one.send({**event, "time": "2025-09-01T08:00:00Z", "data": data})
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, path)


def test_a_document_with_all_that_is_allowed_stays_small() -> None:
    about = {"fi": "😀" * 1_000, "sv": "x" * 1_000, "en": "\x01" * 1_000}
    partners = [f"/opisto/{'x' * 50}{one:02}" for one in range(10)]
    version = agreed(0, partners=partners)
    whole = Event(version.id, REGION, version.time, version.data.model_copy(update={"about": about}))
    more = [agreed(nth, partners=[f"/opisto/{'y' * 50}{nth}-{one}" for one in range(9)]) for nth in (1, 2)]
    state = PlayedRecords([*more, Event("last", REGION, version.time + timedelta(days=9), whole.data)]).state
    assert isinstance(state, Improvement)
    assert len(msgspec.json.encode(state)) < 32 * 1024
