"""Trainings, and the referrals that their units issued before and after: each counted once, those of erased clients never."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.partners.roles.model import KnownReferral
from shared.contracts.envelope import Event
from shared.contracts.record_events import TrainingHeld
from shared.contracts.referral_events import ReferralErased, ReferralOpened
from shared.contracts.region_events import Consent, ReferralIssued
from tests.unit.country import country
from tests.unit.doors import OPISTO, REGION, Door, door, key
from tests.unit.record_facts import START, TRAINING, PlayedRecords, asked, record, recorded, trained

OTHER_REGION = "/region/07"
HELD = datetime(2025, 9, 1, tzinfo=UTC)
"""The day of `trained`."""


def id_of(number: int) -> str:
    return str(UUID(int=number, version=4))


def issued(number: int, day: float, unit: str = "unit-17", source: str = REGION, id_: str = "") -> Event[Any]:
    data = ReferralIssued(
        referral_id=id_of(number),
        unit_ref=unit,
        municipality="837",
        age_band="65-74",
        languages=("fi",),
        needs={"friends": 8},
        consent=Consent(recorded_on=date(2025, 8, 30), scopes=("referral",)),
    )
    return Event(id_ or f"issued-{number}-{source[-2:]}-{day}", source, HELD + timedelta(days=day), data)


def opened(number: int, source: str = REGION) -> Event[Any]:
    code = source.rpartition("/")[2]
    data = ReferralOpened(
        referral_id=id_of(number), issuer=source, region=code, referral_code="DKGDM5F8QK4V", deadlines=()
    )
    return Event(f"opened-{number}", "/service/referral", HELD, data)


def erased(number: int) -> Event[Any]:
    data = ReferralErased(referral_id=id_of(number), issuer=REGION, region="08")
    return Event(f"erased-{number}", "/service/referral", HELD, data)


async def given_to(one: Door, *events: Event) -> None:
    await one.given(*(each for each in events if each.source != "/service/referral"))
    await one.given(*(each for each in events if each.source == "/service/referral"), topic="referral.events")


async def around(one: Door, who: str = OPISTO) -> Any:
    answer = await one.client.get("/v1/trainings/opisto/tampere/t-1", headers=key(who))
    assert answer.status_code == 200, answer.text
    return answer.json()["around"]


async def counted(one: Door) -> tuple[int | None, int | None]:
    both = await around(one)
    return both["before"]["referrals"], both["after"]["referrals"]


def some(numbers: Sequence[int], day: float, **said: Any) -> list[Event[Any]]:
    return [issue(number) for number in numbers for issue in (lambda one: issued(one, day, **said), opened)]


@pytest.mark.asyncio
async def test_the_referrals_of_its_units_are_counted_ninety_days_before_and_after(tmp_path: Path) -> None:
    async with door("partners", tmp_path) as one:
        await given_to(one, trained(0, (REGION, "unit-17"), (REGION, "unit-18"), (OTHER_REGION, "unit-17")))
        await given_to(one, *some(range(4), -5), *some(range(4, 6), -9, unit="unit-18"), *some(range(6, 12), 20))
        await given_to(one, *some(range(12, 20), -5, unit="unit-19"))
        assert await counted(one) == (6, 6)
        await given_to(one, issued(30, -3, source=OTHER_REGION), opened(30, OTHER_REGION))
        assert await counted(one) == (7, 6)
        both = await around(one)
        assert (both["before"]["from"], both["before"]["to"]) == ("2025-06-03", "2025-08-31")
        assert (both["after"]["from"], both["after"]["to"]) == ("2025-09-02", "2025-11-30")


@pytest.mark.parametrize(
    ("at", "place"),
    [
        ("2025-06-02T23:59:59+03:00", None),
        ("2025-06-03T00:00:00+03:00", "before"),
        ("2025-08-31T23:59:59+03:00", "before"),
        ("2025-09-01T00:00:00+03:00", None),
        ("2025-09-01T23:59:59+03:00", None),
        ("2025-09-02T00:00:00+03:00", "after"),
        ("2025-11-30T23:59:59+02:00", "after"),
        ("2025-12-01T00:00:00+02:00", None),
    ],
)
@pytest.mark.asyncio
async def test_days_are_as_they_are_in_finland(at: str, place: str | None, tmp_path: Path) -> None:
    day = (datetime.fromisoformat(at) - HELD) / timedelta(days=1)
    async with door("partners", tmp_path) as one:
        await given_to(one, trained(), *some(range(6), day))
        before, after = await counted(one)
        assert {"before": before, "after": after} == {"before": None, "after": None} | ({place: 6} if place else {})


@pytest.mark.asyncio
async def test_fewer_than_five_are_not_shown_and_the_answer_says_why(tmp_path: Path) -> None:
    async with door("partners", tmp_path) as one:
        await given_to(one, trained(), *some(range(4), -5), *some(range(10, 15), 5))
        both = await around(one)
        assert (both["before"]["referrals"], both["before"]["why"]) == (None, "fewer_than_five")
        assert (both["after"]["referrals"], both["after"]["why"]) == (5, None)


@pytest.mark.asyncio
async def test_an_erased_referral_leaves_every_count_and_nothing_of_it_stays(tmp_path: Path) -> None:
    async with door("partners", tmp_path) as one:
        await given_to(one, trained(), *some(range(6), -5))
        await given_to(one, erased(0))
        assert (await counted(one))[0] == 5
        await given_to(one, erased(1))
        assert (await counted(one))[0] is None
        row = (await one.store.load("known_referrals", [id_of(0)]))[id_of(0)]
        assert b"unit-17" not in row.body
        await given_to(one, issued(0, -5, id_="again"), *some(range(20, 21), -5))
        assert (await counted(one))[0] == 5


@pytest.mark.asyncio
async def test_a_referral_that_the_platform_did_not_open_for_its_sender_does_not_count(tmp_path: Path) -> None:
    async with door("partners", tmp_path) as one:
        await given_to(one, trained(), *(issued(number, -5) for number in range(9)))
        await given_to(one, *(opened(number, OTHER_REGION) for number in range(9)))
        assert await counted(one) == (None, None)


@pytest.mark.asyncio
async def test_a_tests_referrals_leave_nothing(tmp_path: Path) -> None:
    async with door("partners", tmp_path) as one:
        tests = [Event(each.id, each.source, each.time, each.data, synthetic=True) for each in some(range(9), -5)]
        await given_to(one, trained(), *tests)
        assert await counted(one) == (None, None)
        assert await one.store.count("known_referrals", {}) == 0


@pytest.mark.asyncio
async def test_the_figures_are_for_who_held_it_its_units_organisations_and_ops(tmp_path: Path) -> None:
    async with door("partners", tmp_path) as one:
        await given_to(one, trained(), *some(range(6), -5))
        for who in (OPISTO, REGION, "ops:anna", "reader:eero"):
            assert (await around(one, who))["before"]["referrals"] == 6
        assert await around(one, OTHER_REGION) is None


@pytest.mark.asyncio
async def test_trainings_are_listed_and_one_that_nobody_recorded_is_404(tmp_path: Path) -> None:
    async with country(tmp_path, ("referral", "partners", "monitor")) as one:
        await record(one, "TrainingHeld", TRAINING, OPISTO)
        await record(one, "TrainingHeld", TRAINING | {"training_id": "t-2"}, REGION)
        listed = (await asked(one, "/v1/trainings", REGION))["trainings"]
        assert [(each["organiser"], each["training_id"]) for each in listed] == [(OPISTO, "t-1"), (REGION, "t-2")]
        assert {name: listed[0][name] for name in TRAINING} == TRAINING
        own = (await asked(one, "/v1/trainings", REGION, organiser=REGION))["trainings"]
        assert [each["training_id"] for each in own] == ["t-2"]
        client = one.doors["partners"].client
        for path in ("opisto/tampere/t-2", "opisto/nobody/t-1", "x/y/z"):
            answer = await client.get(f"/v1/trainings/{path}", headers=key(REGION))
            assert answer.status_code == 404


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"held_on": "2025-09-03"}, "/data/held_on"),
        ({"held_on": "2009-01-01"}, "/data/held_on"),
        ({"units": []}, "/data/units"),
        ({"units": [{"partner": OPISTO, "unit_ref": "u"}]}, "/data/units/0/partner"),
        ({"units": [{"partner": REGION, "unit_ref": "010190"}]}, "/data/units/0/unit_ref"),
        ({"units": [{"partner": REGION, "unit_ref": f"u{one}"} for one in range(51)]}, "/data/units"),
        ({"came": -1}, "/data/came"),
        ({"audience": ["everybody"]}, "/data/audience/0"),
    ],
    ids=["not held yet", "long ago", "no unit", "refers nobody", "a birthday", "51 units", "fewer than none", "who"],
)
@pytest.mark.asyncio
async def test_what_was_no_training_is_refused_with_its_place(
    change: dict[str, Any], path: str, tmp_path: Path
) -> None:
    event = {"specversion": "1.0", "id": "a", "source": REGION, "time": "2025-09-01T08:00:00Z"}
    async with door("partners", tmp_path) as one:
        answer = await one.send({**event, "type": "fi.kulttuurilahete.TrainingHeld.v1", "data": TRAINING | change})
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, path)


@settings(deadline=None)
@given(st.data())
def test_a_referral_is_counted_alike_in_any_order_and_repeated(data: st.DataObject) -> None:
    units, days = st.sampled_from(["unit-1", "unit-2"]), st.integers(-99, 99)
    facts = [
        issued(1, data.draw(days), data.draw(units), source, f"{source}-{nth}")
        for source in (REGION, OTHER_REGION, "/region/08")
        for nth in range(3)
    ]
    facts.append(opened(1, data.draw(st.sampled_from([REGION, OTHER_REGION]))))
    ended = PlayedRecords(facts)
    shuffled = PlayedRecords([*data.draw(st.permutations(facts)), *data.draw(st.lists(st.sampled_from(facts)))])
    assert isinstance(shuffled.state, KnownReferral)
    assert shuffled.state.counted is not None
    assert shuffled.state == ended.state
    own = [one for one in facts if one.source == ended.state.region]
    latest = max(own, key=lambda one: (one.time, one.rank))
    assert ended.state.counted == (f"{latest.source} {latest.data.unit_ref}", min(one.time for one in own))


def test_of_many_who_issue_one_id_only_some_are_remembered_until_it_is_known_whose_it_is() -> None:
    sources = [*(f"/municipality/{number:03}" for number in range(39)), "/region/08"]
    played = PlayedRecords([issued(1, -1, source=source) for source in sources])
    assert (len(played.state.issues), len(played.waiting)) == (32, 8)
    played.take(opened(1, "/region/08"))
    assert (list(played.state.issues), played.waiting) == (["/region/08"], [])


@given(st.permutations(range(4)), st.lists(st.integers(0, 3)), st.lists(st.integers(0, 2), min_size=4, max_size=4))
def test_in_any_order_and_repeated_the_latest_word_about_a_training_holds(
    order: list[int], repeated: list[int], hours: list[int]
) -> None:
    words = [recorded(trained(0, came=nth).data, OPISTO, hours[nth], f"e{nth}") for nth in range(4)]
    latest = max(words, key=lambda one: (one.time, one.id))
    state = PlayedRecords([words[nth] for nth in [*order, *repeated]]).state
    assert isinstance(latest.data, TrainingHeld)
    assert (state.time, state.came) == (latest.time, latest.data.came)
    assert state.time >= START
