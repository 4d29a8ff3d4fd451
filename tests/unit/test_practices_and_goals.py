"""Good practices and goals of plans: the owner's latest word holds, whole, listed and searched by every partner."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.feedback import reports
from shared.contracts.envelope import Event
from shared.contracts.partner_kinds import EXAMPLE_OF
from shared.contracts.record_events import MEASURES, PlanGoalRecorded, PracticeRecorded
from tests.unit.country import Country, country
from tests.unit.doors import OPISTO, REGION, Door, door, key
from tests.unit.record_facts import GOAL, PRACTICE, START, PlayedRecords, asked, record, recorded

SERVICES = ("referral", "partners", "monitor")
READERS = (REGION, OPISTO, "ops:anna", "reader:eero")


async def listed(one: Country, what: str = "practices", **query: str) -> list[tuple[str, str]]:
    """Whose, and which."""
    answer = await asked(one, f"/v1/{what}", **query)
    return [(each["owner"], each[f"{what[:-1]}_id"]) for each in answer[what]]


@pytest.mark.asyncio
async def test_every_partner_reads_a_practice_whole(tmp_path: Path) -> None:
    async with country(tmp_path, SERVICES) as one:
        await record(one, "PracticeRecorded", PRACTICE, OPISTO)
        for who in READERS:
            (shown,) = (await asked(one, "/v1/practices", who))["practices"]
            assert shown.pop("owner") == OPISTO
            shown.pop("recorded_at")
            (figure,) = shown["figures"]
            assert {name: value for name, value in figure.items() if value} == PRACTICE["figures"][0]
            assert shown | {"figures": PRACTICE["figures"]} == PRACTICE


@pytest.mark.asyncio
async def test_practices_are_found_by_words_theme_and_municipality(tmp_path: Path) -> None:
    async with country(tmp_path, SERVICES) as one:
        await record(one, "PracticeRecorded", PRACTICE, OPISTO)
        everywhere = PRACTICE | {"practice_id": "walk", "name": {"sv": "ÅTERKOMMANDE Promenad"}, "themes": ["nature"]}
        await record(one, "PracticeRecorded", everywhere | {"municipalities": []})
        choir, walk = (OPISTO, "choir"), (REGION, "walk")
        assert await listed(one) == [choir, walk]
        assert await listed(one, q="promenad  återkommande") == [walk]
        assert await listed(one, q="yksin kuoro") == [choir]
        assert await listed(one, q="promenad kuoro") == []
        assert await listed(one, theme="singing") == [choir]
        assert await listed(one, theme="singing", q="promenad") == []
        assert await listed(one, municipality="837") == [choir, walk]
        assert await listed(one, municipality="091") == [walk]


@pytest.mark.asyncio
async def test_a_list_of_practices_goes_on_where_it_ended_with_a_theme_too(tmp_path: Path) -> None:
    async with country(tmp_path, SERVICES) as one:
        ids = [f"p{number}" for number in range(5)]
        for id_ in ids:
            await record(one, "PracticeRecorded", PRACTICE | {"practice_id": id_}, OPISTO)
        for theme in ({}, {"theme": "singing"}):
            seen: list[str] = []
            after: dict[str, str] = {}
            while True:
                answer = await asked(one, "/v1/practices", limit="2", **theme, **after)
                seen += [each["practice_id"] for each in answer["practices"]]
                if answer["next"] is None:
                    break
                after = {"after": answer["next"]}
            assert seen == ids


@pytest.mark.asyncio
async def test_what_its_owner_withdraws_is_listed_no_more_and_nobody_else_changes_it(tmp_path: Path) -> None:
    async with door("partners", tmp_path) as one:
        choir, goal = _word(PracticeRecorded, PRACTICE), _word(PlanGoalRecorded, GOAL)
        gone = _word(PracticeRecorded, PRACTICE | {"withdrawn": True})
        await one.given(recorded(choir, OPISTO), recorded(goal), recorded(gone, REGION, 1))
        assert await _ids(one, "practices") == ["choir"]
        await one.given(
            recorded(gone, OPISTO, 2), recorded(_word(PlanGoalRecorded, GOAL | {"withdrawn": True}), hours=2)
        )
        assert await _ids(one, "practices") == await _ids(one, "goals") == []


@pytest.mark.asyncio
async def test_a_tests_practice_and_goal_are_in_no_list(tmp_path: Path) -> None:
    async with door("partners", tmp_path) as one:
        for model, data in ((PracticeRecorded, PRACTICE), (PlanGoalRecorded, GOAL)):
            real = recorded(_word(model, data))
            await one.given(Event(real.id, real.source, real.time, real.data, synthetic=True))
        for what in ("practices", "goals"):
            answer = await one.client.get(f"/v1/{what}", headers=key(REGION))
            assert answer.json() == {what: [], "next": None}


@pytest.mark.asyncio
async def test_goals_are_found_by_owner_measure_and_day(tmp_path: Path) -> None:
    async with country(tmp_path, SERVICES) as one:
        town = EXAMPLE_OF["municipality"]
        await record(one, "PlanGoalRecorded", GOAL)
        await record(
            one,
            "PlanGoalRecorded",
            GOAL | {"goal_id": "g2", "figure": {"measure": "issued"}, "ends": "2027-06-30"},
            town,
        )
        ours, theirs = (REGION, "hyte-4"), (town, "g2")
        assert await listed(one, "goals") == [theirs, ours]
        assert await listed(one, "goals", owner=REGION) == [ours]
        assert await listed(one, "goals", owner=REGION, measure="issued") == []
        assert await listed(one, "goals", measure="issued") == [theirs]
        assert await listed(one, "goals", on="2027-06-30") == [theirs, ours]
        assert await listed(one, "goals", on="2027-07-01") == [ours]
        answer = await one.doors["partners"].client.get("/v1/goals?on=2027-02-30", headers=key(REGION))
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "/on")


@pytest.mark.parametrize("figure", [{"municipality": "091"}, {"municipality": "000"}], ids=["another's", "nobody's"])
@pytest.mark.asyncio
async def test_a_goal_is_of_its_owners_own_clients(figure: dict[str, str], tmp_path: Path) -> None:
    async with country(tmp_path, SERVICES) as one:
        said = GOAL | {"figure": {"measure": "issued", **figure}}
        for who in (REGION, EXAMPLE_OF["municipality"]):
            await record(one, "PlanGoalRecorded", said, who)
        assert await listed(one, "goals") == []
        assert len(one.letters) == 2


def test_every_measure_is_a_figure_that_the_platform_has() -> None:
    answers: dict[str, Any] = {
        "loop": reports.loop([], reports.ReportFilters()),
        "outcomes": reports.outcomes([], reports.ReportFilters()),
    }
    for measure, (report, *path) in MEASURES.items():
        found = answers[report]
        for name in path[:-1] if report == "outcomes" else path:
            found = found[name]
        assert found is not None, measure


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://www.example.fi/x", "it begins with https://"),
        ("https://localhost/x", "a host such as"),
        ("https://me:secret@www.example.fi/x", "a login, a query or a fragment"),
        ("https://www.example.fi/x?name=Maija", "a login, a query or a fragment"),
        ("https://www.example.fi/x#maija", "a login, a query or a fragment"),
        ("https://www.example.fi/a b", "no public address"),
        ("javascript:alert(1)", "no public address"),
    ],
    ids=["http", "no host", "a login", "a query", "a fragment", "a blank", "a script"],
)
@pytest.mark.asyncio
async def test_where_it_is_described_is_a_public_address_without_secrets(
    address: str, why: str, tmp_path: Path
) -> None:
    async with door("partners", tmp_path) as one:
        for name, data in (("PracticeRecorded", PRACTICE), ("PlanGoalRecorded", GOAL)):
            event = {"specversion": "1.0", "id": "a", "source": REGION, "time": "2025-09-01T08:00:00Z"}
            type_ = f"fi.kulttuurilahete.{name}.v1"
            answer = await one.send({**event, "type": type_, "data": data | {"described_at": address}})
            assert answer.status_code == 422
            assert answer.json()["errors"][0]["path"] == "/data/described_at"
            assert why in answer.text


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"figure": {"measure": "happiness"}}, "/data/figure/measure"),
        ({"figure": {"measure": "issued", "age_band": "0-99"}}, "/data/figure/age_band"),
        ({"starts": "2030-01-01"}, "/data"),
        ({"ends": "2099-12-31"}, "/data/ends"),
        ({"target": 1e12}, "/data/target"),
    ],
    ids=["no figure", "no age band", "ends first", "far away", "too much"],
)
@pytest.mark.asyncio
async def test_a_goal_that_nothing_can_follow_is_refused_with_its_place(
    change: dict[str, Any], path: str, tmp_path: Path
) -> None:
    async with door("partners", tmp_path) as one:
        event = {"specversion": "1.0", "id": "a", "source": REGION, "time": "2025-09-01T08:00:00Z"}
        answer = await one.send({**event, "type": "fi.kulttuurilahete.PlanGoalRecorded.v1", "data": GOAL | change})
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, path)


@pytest.mark.asyncio
async def test_an_opisto_has_no_plan(tmp_path: Path) -> None:
    async with door("partners", tmp_path) as one:
        event = {"specversion": "1.0", "id": "a", "source": OPISTO, "time": "2025-09-01T08:00:00Z"}
        answer = await one.send({**event, "type": "fi.kulttuurilahete.PlanGoalRecorded.v1", "data": GOAL}, OPISTO)
        assert answer.status_code == 403


@settings(deadline=None)
@given(st.permutations(range(4)), st.lists(st.integers(0, 3)), st.lists(st.integers(0, 2), min_size=4, max_size=4))
def test_in_any_order_and_repeated_the_latest_word_about_each_holds(
    order: list[int], repeated: list[int], hours: list[int]
) -> None:
    for model, data, text in ((PracticeRecorded, PRACTICE, "what"), (PlanGoalRecorded, GOAL, "goal")):
        words = [
            Event(
                f"e{nth}",
                REGION,
                START + timedelta(hours=hours[nth]),
                model.model_validate_json(json.dumps(data | {text: {"fi": f"{nth}"}})),
            )
            for nth in range(4)
        ]
        latest = max(words, key=lambda one: (one.time, one.id))
        state = PlayedRecords([words[nth] for nth in [*order, *repeated]]).state
        assert (state.time, getattr(state, text)) == (latest.time, getattr(latest.data, text))


def _word(
    model: type[PracticeRecorded | PlanGoalRecorded], data: dict[str, Any]
) -> PracticeRecorded | PlanGoalRecorded:
    return model.model_validate_json(json.dumps(data))


async def _ids(one: Door, what: str) -> list[str]:
    answer = await one.client.get(f"/v1/{what}", headers=key(REGION))
    return [each[f"{what[:-1]}_id"] for each in answer.json()[what]]
