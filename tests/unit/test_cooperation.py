"""What partners say of what they do together: parties alone answer, once each in a figure, and few are never shown."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from services.feedback import cooperation_report
from services.feedback.handlers import table
from services.feedback.instruments import TO_PARTNERS
from services.feedback.model import CooperationFigures
from services.feedback.question import LANGUAGES
from shared.contracts.envelope import Event
from shared.contracts.participant_events import INSTRUMENTS, OF_PARTNERS, FeedbackSubmitted
from tests.unit.country import Sent, an_event, country
from tests.unit.doors import OPISTO, REGION, door, key
from tests.unit.record_facts import TRAINING, PlayedRecords, asked, record, recorded, trained

PAIR = f"{REGION} unit-17 {OPISTO}"
AGREEMENT = f"{REGION}{OPISTO}/2026-7"
T1 = f"{OPISTO} t-1"
IDS = {"pair": PAIR, "agreement": AGREEMENT, "training": T1, "group": "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"}
STRANGER = "/opisto/stranger"
HANDLERS = table().handlers


def said(kind: str = "pair", source: str = REGION, **changes: Any) -> dict[str, Any]:
    return {
        "about": {"kind": kind, "id": IDS[kind]},
        "respondent": source.split("/")[1],
        "phase": "after",
        "instrument": "cooperation_v1",
        "answers": {"contact": 4},
    } | changes


def answered(kind: str = "pair", source: str = REGION, hours: float = 1, **changes: Any) -> Event[Any]:
    data = FeedbackSubmitted.model_validate(said(kind, source, **changes))
    return recorded(data, source, hours, f"{source}-{data.instrument}-{hours}")


def played(events: Iterable[Event]) -> PlayedRecords:
    return PlayedRecords(events, HANDLERS)


@pytest.mark.parametrize("kind", ["pair", "agreement", "training"])
def test_each_party_answers_and_its_latest_answers_hold(kind: str) -> None:
    first, last = answered(kind), answered(kind, hours=3, answers={"contact": 2, "roles": 5})
    state = played([trained(0)] * (kind == "training") + [last, first, answered(kind, OPISTO)]).state
    assert [(one.source, one.answers) for one in state.cooperation.answers] == [
        (OPISTO, {"contact": 4}),
        (REGION, {"contact": 2, "roles": 5}),
    ]


@pytest.mark.parametrize("kind", ["pair", "agreement"])
def test_who_is_no_party_to_a_pair_or_an_agreement_is_told_so(kind: str) -> None:
    (why,) = played([answered(kind, STRANGER)]).rejected
    assert why == f"{STRANGER} is no party to the {kind} {IDS[kind]}; {REGION} and {OPISTO} answer"


def test_a_stranger_to_a_training_waits_whether_there_is_such_a_training_or_not() -> None:
    assert played([trained(0), answered("training", STRANGER)]).waiting == [answered("training", STRANGER)]
    assert played([answered("training", STRANGER)]).waiting == [answered("training", STRANGER)]


def test_answers_of_a_training_that_is_recorded_later_wait_for_it() -> None:
    end = played([answered("training"), trained(9)])
    assert end.waiting == []
    assert [one.source for one in end.state.cooperation.answers] == [REGION]


@pytest.mark.asyncio
async def test_of_a_group_its_unit_and_the_organiser_that_holds_its_places_answer(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        group = str(uuid4())
        for name in ("ActivityPublished", "GroupReferralIssued", "GroupActivityChosen"):
            await one.send(an_event(name, group))
        about = {"kind": "group", "id": group}
        for who, fate in ((REGION, "applied"), (OPISTO, "applied"), ("/region/07", "waiting")):
            data = said("group", who, about=about)
            sent = Sent(f"said-{who[1:3]}{who[-2:]}", who, "FeedbackSubmitted", f"group {group}", data)
            await one.send(sent)
            assert await one.fate(sent.id, who=who) == fate
        report = await asked(one, "/v1/reports/cooperation", OPISTO, "feedback")
        assert report["yours"]["group"]["cooperation_v1"]["contact"] == {"n": 1, "mean": 4}


@settings(deadline=None)
@given(st.data())
def test_in_any_order_and_repeated_answers_end_alike(data: st.DataObject) -> None:
    hours = st.integers(0, 3)
    facts = [trained(nth, (one, "unit-17")) for nth, one in enumerate((REGION, "/region/07"))]
    for nth, source in enumerate([REGION, REGION, OPISTO, "/region/07", STRANGER]):
        instrument = data.draw(st.sampled_from(OF_PARTNERS))
        item = next(iter(INSTRUMENTS[instrument]))
        one = answered("training", source, data.draw(hours), instrument=instrument, answers={item: nth + 1})
        facts.append(Event(f"e{nth}", source, one.time, one.data))
    ended = played(facts)
    shuffled = played([*data.draw(st.permutations(facts)), *data.draw(st.lists(st.sampled_from(facts)))])
    assert shuffled.state == ended.state
    assert [one.source for one in shuffled.waiting] == [STRANGER]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"about": {"kind": "pair", "id": "tampere"}}, "names no pair"),
        ({"about": {"kind": "pair", "id": T1}}, "names no pair"),
        ({"about": {"kind": "pair", "id": f"{REGION} 010190 {OPISTO}"}}, "names no pair"),
        ({"about": {"kind": "training", "id": "t-1"}}, "names no training"),
        ({"about": {"kind": "agreement", "id": PAIR}}, "names no agreement"),
        ({"about": {"kind": "group", "id": "g-1"}}, "names no group"),
        ({"about": {"kind": "referral", "id": "r-1"}}, "names no referral"),
        ({"about": {"kind": "referral", "id": IDS["group"]}}, "of a referral answer experience_v1"),
        ({"phase": "before"}, "in the phase after"),
        ({"respondent": "participant", "channel": "paper"}, "partners answer"),
        ({"instrument": "who5", "answers": {f"q{one}": 3 for one in range(1, 6)}}, "is the participant's"),
        ({"answers": {"contact": 6}}, "takes 1 to 5"),
        ({"answers": {"niceness": 3}}, "it has roles, contact, agreed"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_nobody_can_answer_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        FeedbackSubmitted.model_validate(said(**changes))


def answers_of(sources: Iterable[str], value: int, parties: tuple[str, ...] = ()) -> list[CooperationFigures]:
    return [
        CooperationFigures("pair", (source, *parties), ((source, "cooperation_v1", {"contact": value}),))
        for source in sources
    ]


def contact(report: dict[str, Any], part: str) -> Any:
    return report[part]["pair"]["cooperation_v1"]["contact"]


def test_a_partner_counts_once_however_often_it_answered() -> None:
    others = answers_of([f"/opisto/o{one}" for one in range(4)], 5)
    report = cooperation_report.cooperation([*others, *answers_of([REGION] * 50, 1)], None)
    assert contact(report, "everybody") == {"n": 5, "mean": 4.2}
    assert (report["with_you"], report["yours"]) == (None, None)


def test_of_fewer_than_five_others_nothing_is_shown_and_of_ones_own_all() -> None:
    figures = [*answers_of([f"/opisto/o{one}" for one in range(3)], 5, (REGION,)), *answers_of([REGION], 2)]
    report = cooperation_report.cooperation(figures, REGION)
    assert contact(report, "everybody") == contact(report, "with_you") == {"n": "<5", "suppressed": True}
    assert contact(report, "yours") == {"n": 1, "mean": 2}
    assert report["yours"]["training"]["cooperation_v1"]["contact"] == {"n": 0}


def test_what_would_show_beside_everybodys_figure_what_a_few_said_is_hidden() -> None:
    with_us = answers_of([f"/opisto/o{one}" for one in range(6)], 5, (REGION,))
    few, many = (answers_of([f"/library/l{one}" for one in range(size)], 1) for size in (4, 5))
    assert contact(cooperation_report.cooperation([*with_us, *few], REGION), "with_you") == {"suppressed": True}
    assert contact(cooperation_report.cooperation([*with_us, *many], REGION), "with_you") == {"n": 6, "mean": 5}
    assert contact(cooperation_report.cooperation(with_us, REGION), "with_you") == {"n": 6, "mean": 5}


@pytest.mark.asyncio
async def test_what_partners_say_comes_into_the_report_and_each_sees_its_own(tmp_path: Path) -> None:
    async with country(tmp_path, ("referral", "feedback", "partners", "monitor")) as one:
        await record(one, "TrainingHeld", TRAINING, OPISTO)
        for kind in ("pair", "agreement", "training"):
            for who in (REGION, OPISTO):
                sent = Sent(f"{kind}-{who[1:3]}", who, "FeedbackSubmitted", f"{kind} {IDS[kind]}", said(kind, who))
                await one.send(sent)
                assert await one.fate(sent.id, who=who) == "applied"
        report = await asked(one, "/v1/reports/cooperation", REGION, "feedback")
        assert report["partner"] == REGION
        for kind in ("pair", "agreement", "training"):
            assert report["yours"][kind]["cooperation_v1"]["contact"] == {"n": 1, "mean": 4}
            assert report["everybody"][kind]["cooperation_v1"]["contact"] == {"n": "<5", "suppressed": True}
        for who in ("ops:anna", "reader:eero"):
            seen = await asked(one, "/v1/reports/cooperation", who, "feedback")
            assert (seen["partner"], seen["with_you"], seen["yours"]) == (None, None, None)


@pytest.mark.asyncio
async def test_a_tests_answers_are_in_no_figure(tmp_path: Path) -> None:
    async with door("feedback", tmp_path) as one:
        real = answered()
        await one.given(Event(real.id, real.source, real.time, real.data, synthetic=True))
        report = (await one.client.get("/v1/reports/cooperation", headers=key(REGION))).json()
        assert contact(report, "yours") == {"n": 0}


@pytest.mark.asyncio
async def test_partners_read_what_they_are_asked_in_three_languages(tmp_path: Path) -> None:
    async with door("feedback", tmp_path) as one:
        for who in (REGION, OPISTO, "reader:eero"):
            answer = await one.client.get("/v1/instruments", headers=key(who))
            shown = {each["instrument"]: each["items"] for each in answer.json()["instruments"]}
            assert {*shown} == {*OF_PARTNERS}
        for name, items in shown.items():
            assert {each["item"]: (each["lowest"], each["highest"]) for each in items} == INSTRUMENTS[name]
            for each in items:
                for text in ("heading", "question", "lowest_means", "highest_means"):
                    assert {*each[text]} == {*LANGUAGES}
                    assert len({*each[text].values()}) == len(LANGUAGES)


def test_every_item_that_partners_answer_has_its_words() -> None:
    assert {name: [*TO_PARTNERS[name]] for name in OF_PARTNERS} == {name: [*INSTRUMENTS[name]] for name in OF_PARTNERS}
