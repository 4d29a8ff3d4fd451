"""What is late, as ops sees it: from what the referral service says of itself, through five real services' doors."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from services.monitor import overdue_watch, standings
from services.monitor.standings import ReferralStanding
from shared.contracts import topics
from shared.contracts.catalogue_events import PlaceAnswer, PlaceReleased, PlaceReserved
from shared.contracts.envelope import Event
from shared.contracts.monitor_events import OverdueTended
from shared.contracts.referral_events import AwaitedNow, StandingChanged
from shared.engine.model import Decision
from shared.kafka.producer import Record
from tests.unit.country import NOW, Country, Headers, an_event, country, erased
from tests.unit.doors import OPISTO, REGION, key
from tests.unit.facts import a_referral, at
from tests.unit.network import TickingClock

LATE = "/v1/overdue"


async def _proposed(one: Country) -> str:
    referral = str(uuid4())
    await one.send(an_event("ActivityPublished", referral), an_event("ReferralIssued", referral))
    return referral


def _days_later(one: Country, days: float) -> None:
    """The monitor's clock; the others stand still, as one does that has stopped."""
    state = one.doors["monitor"].app.state
    state.clock = TickingClock(state.clock.now() + timedelta(days=days))


async def _listed(one: Country, query: str = "", who: str = "reader:eero") -> Any:
    answer = await one.asks(LATE + query, who)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _tend(one: Country, referral: str, said: Any, who: str = "ops:anna") -> int:
    monitor = one.doors["monitor"]
    answer = await monitor.client.put(f"{LATE}/{referral}", json=said, headers=key(who))
    await one.flow(monitor.written.copy())
    return answer.status_code


@pytest.mark.asyncio
async def test_a_referral_nobody_chose_for_is_late_until_somebody_does(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        referral = await _proposed(one)
        assert (await _listed(one))["overdue"] == []
        _days_later(one, 14.01)
        (late,) = (await _listed(one))["overdue"]
        assert (late["referral_id"], late["status"], late["what"], late["concerns"]) == (
            referral,
            "proposed",
            "choice",
            REGION,
        )
        assert (late["reminders"], late["care"]) == (0, None)
        assert (await _listed(one, "?what=confirmation"))["counted"]["referrals"] == 0
        assert (await _listed(one, f"?concerns={REGION}&what=choice"))["counted"]["referrals"] == 1
        await one.send(an_event("ActivityChosen", referral))
        assert (await _listed(one))["overdue"] == []
        _days_later(one, 30)  # the activity's session was on the ninth day
        (late,) = (await _listed(one))["overdue"]
        assert (late["what"], late["concerns"]) == ("attendance", OPISTO)


@pytest.mark.asyncio
async def test_people_are_counted_and_who_has_a_session_soon(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        unconfirmed = str(uuid4())
        for referral, confirm in ((unconfirmed, True), (str(uuid4()), False)):
            await one.send(
                an_event("ActivityPublished", referral, enrolment={"confirm": confirm}),
                an_event("ReferralIssued", referral),
                an_event("ActivityChosen", referral),
            )
        _days_later(one, 7.5)
        found = await _listed(one)
        assert found["counted"] == {"referrals": 1, "events": 0, "more": False, "session_within_a_week": 1}
        assert [late["referral_id"] for late in found["overdue"]] == [unconfirmed]
        assert found["overdue"][0]["session_at"]
        _days_later(one, 12)
        assert [late["session_at"] for late in (await _listed(one))["overdue"]] == [None], "it is no next one any more"


def _exported(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"lahete_overdue_{name}", {"service": "monitor", **labels})


async def _watched(one: Country) -> tuple[float | None, ...]:
    """Those that are tended, those that are not, of these those before a session, seconds since the oldest is late."""
    monitor = one.doors["monitor"]
    await overdue_watch.look(monitor.store, monitor.app.state.clock.now())
    counts = [_exported("referrals", tended=tended) for tended in ("yes", "no")]
    return (*counts, _exported("before_session"), _exported("untended_seconds"))


@pytest.mark.asyncio
async def test_what_is_late_is_exported_until_somebody_looks_after_it(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        referral = await _proposed(one)
        assert await _watched(one) == (0, 0, 0, 0)
        _days_later(one, 16)
        tended, untended, before_session, seconds = await _watched(one)
        assert (tended, untended, before_session) == (0, 1, 0)
        assert seconds == pytest.approx(2 * 86_400, abs=3_600)
        await _tend(one, referral, {"note": "Called on Monday."})
        assert (await _watched(one))[:2] == (0, 1), "a note is nobody"
        await _tend(one, referral, {"owner": "ops:anna"})
        assert await _watched(one) == (1, 0, 0, 0)
        await one.send(an_event("ActivityChosen", referral))
        assert await _watched(one) == (0, 0, 0, 0)


@pytest.mark.asyncio
async def test_what_is_late_before_a_session_is_exported(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        referral = str(uuid4())
        await one.send(
            an_event("ActivityPublished", referral, enrolment={"confirm": True}),
            an_event("ReferralIssued", referral),
            an_event("ActivityChosen", referral),
        )
        _days_later(one, 7.5)
        assert (await _watched(one))[:3] == (0, 1, 1)
        await one.send(an_event("EnrolmentConfirmed", referral))
        assert (await _watched(one))[:3] == (0, 0, 0)


@pytest.mark.asyncio
async def test_an_owner_and_a_note_stay_until_the_step_is_there(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        referral = await _proposed(one)
        assert await _tend(one, referral, {"owner": "ops:anna"}) == 404
        _days_later(one, 15)
        assert await _tend(one, referral, {"owner": "ops:anna", "note": "Called on Monday."}) == 202
        (late,) = (await _listed(one))["overdue"]
        care = late["care"]
        assert (care["owner"], care["note"], care["by"]) == ("ops:anna", "Called on Monday.", "ops:anna")
        assert await _tend(one, referral.upper(), {}) == 202
        assert (await _listed(one))["overdue"][0]["care"]["owner"] is None
        await _tend(one, referral, {"owner": "ops:anna"})
        await one.send(an_event("ActivityChosen", referral))
        _days_later(one, 30)
        assert (await _listed(one))["overdue"][0]["care"] is None


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("who", "said", "status"),
    [
        ("reader:eero", {"owner": "ops:anna"}, 403),
        (REGION, {"owner": "ops:anna"}, 403),
        ("ops:anna", {"owner": "Anna from the office"}, 422),
        ("ops:anna", {"note": "x" * 201}, 422),
        ("ops:anna", {"note": "of the client 131052-308T"}, 422),
        ("ops:anna", {"note": 5}, 400),
        ("ops:anna", [], 400),
    ],
    ids=str,
)
async def test_only_ops_may_note_and_nothing_of_the_client(who: str, said: Any, status: int, tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        referral = await _proposed(one)
        _days_later(one, 15)
        assert await _tend(one, referral, said, who) == status
        assert (await _listed(one))["overdue"][0]["care"] is None


@pytest.mark.asyncio
async def test_an_erased_referral_is_on_no_list(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        referral = await _proposed(one)
        _days_later(one, 15)
        await _tend(one, referral, {"note": "Called on Monday."})
        await erased(one, referral)
        assert (await _listed(one))["counted"]["referrals"] == 0
        (row,) = (await one.doors["monitor"].store.load("standings", [referral])).values()
        assert b"Monday" not in row.body


@pytest.mark.asyncio
async def test_a_tests_referral_is_on_no_list_and_in_no_figure(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        referral = str(uuid4())
        issued = an_event("ReferralIssued", referral)
        body = msgspec.json.encode(issued.data)
        await one.write(issued, body, [*issued.headers, ("ce_synthetic", b"true")])
        _days_later(one, 40)
        assert (await _listed(one))["counted"]["referrals"] == 0


@pytest.mark.asyncio
async def test_the_list_goes_on_where_it_stopped_the_oldest_first(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        referrals = [await _proposed(one) for _ in range(5)]
        _days_later(one, 15)
        found, after = [], ""
        for _ in range(3):
            page = await _listed(one, f"?limit=2{after}")
            assert page["counted"]["referrals"] == 5
            found += [late["referral_id"] for late in page["overdue"]]
            after = f"&after={page['next']}"
        assert (found, page["next"]) == (referrals, None)


@pytest.mark.asyncio
@pytest.mark.parametrize("query", ["after=5", "after=%27", "what=nothing", "limit=501", "of=x", "concerns=tampere"])
async def test_an_impossible_question_is_told_what_is_possible(query: str, tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        answer = await one.asks(f"{LATE}?{query}")
        assert answer.status_code == 422
        assert query.split("=")[0] in answer.json()["detail"]


# --- a place without referral, an attendance without place


async def _late(one: Country) -> list[tuple[str, str, str, str]]:
    """Of each that is late: which, what, from whom, at which activity."""
    found = (await _listed(one))["overdue"]
    return [
        (each["referral_id"], each["what"], each["concerns"], (each["activity"] or {}).get("activity_id", ""))
        for each in found
    ]


async def _enrolled(one: Country) -> str:
    referral = await _proposed(one)
    await one.send(an_event("ActivityChosen", referral))
    return referral


@pytest.mark.asyncio
async def test_a_place_that_is_held_though_its_referral_is_over_is_late_after_an_hour_until_it_is_freed(
    tmp_path: Path,
) -> None:
    async with country(tmp_path) as one:
        referral = await _enrolled(one)
        one.failing = {"catalogue": frozenset({"PlaceGivenUp"})}
        await one.send(an_event("ReferralWithdrawn", referral))
        assert await _late(one) == []
        _days_later(one, 0.05)
        late = (referral, "place_without_referral", "/service/catalogue", f"choir-{referral[:8]}")
        assert await _late(one) == [late]
        assert (await _listed(one, "?what=place_without_referral"))["counted"]["referrals"] == 1
        assert await _tend(one, referral, {"owner": "ops:anna"}) == 202
        one.failing = {}
        await one.redrive()
        assert await _late(one) == []
        assert await _tend(one, referral, {"owner": "ops:anna"}) == 404


@pytest.mark.asyncio
async def test_a_place_is_late_whose_referral_is_known_to_nobody(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        monitor, referral = one.doors["monitor"], str(uuid4())
        for synthetic, whose in ((False, referral), (True, str(uuid4()))):
            await monitor.given(_answer(whose, 1, synthetic=synthetic), topic="catalogue.events")
        _days_later(one, 0.05)
        assert await _late(one) == [(referral, "place_without_referral", "/service/catalogue", "choir")]
        await monitor.given(_answer(referral, 2, free=True), topic="catalogue.events")
        await monitor.given(_answer(referral, 1), topic="catalogue.events")  # late, and it counts no more
        assert await _late(one) == []


def _answer(referral: str, answer: int, *, free: bool = False, synthetic: bool = False) -> Event[PlaceAnswer]:
    about = {"referral_id": referral, "organiser": OPISTO, "activity_id": "choir", "number": 1}
    said: dict[str, Any] = {**about, "answer": answer, "request": "chosen-1"}
    given: dict[str, Any] = {"given_at": at(1), "promoted": False, "confirm": False, "sessions": ()}
    data = PlaceReleased(**said, reason="moved") if free else PlaceReserved(**said, **given)
    return Event(str(uuid4()), "/service/catalogue", at(1), data, synthetic=synthetic)


@pytest.mark.asyncio
@pytest.mark.parametrize("mends", ["ActivityMissed", "ActivityChosen"])
async def test_an_attendance_without_place_is_late_after_a_day_until_it_is_corrected_or_has_its_place(
    mends: str, tmp_path: Path
) -> None:
    another, stray = "/opisto/turku", {"activity_id": "pottery"}
    async with country(tmp_path) as one:
        referral = await _proposed(one)
        await one.send(
            an_event("ActivityPublished", referral, another, **stray),
            an_event("ActivityChosen", referral, activity_id="was-full", organiser=another),
            an_event("ActivityChosen", referral),
            an_event("ActivityAttended", referral, another, **stray),
        )
        assert await _late(one) == []
        _days_later(one, 1.01)
        assert await _late(one) == [(referral, "attendance_without_place", another, "pottery")]
        assert await _tend(one, referral, {"note": "Turku looks it up."}) == 202
        assert (await _listed(one))["overdue"][0]["care"]["note"] == "Turku looks it up."
        source = another if mends == "ActivityMissed" else ""
        mended = an_event(mends, referral, source, **stray, **({} if source else {"organiser": another}))
        await one.write(mended, msgspec.json.encode(mended.data), _a_second_later(mended.headers))
        assert await _late(one) == []


def _a_second_later(headers: Headers) -> Headers:
    later = (NOW + timedelta(seconds=1)).isoformat().encode()
    return [(name, later if name == "ce_time" else value) for name, value in headers]


# --- events that wait


@pytest.mark.asyncio
async def test_an_attendance_under_a_mistyped_id_is_found_after_a_day_and_leaves_when_its_referral_comes(
    tmp_path: Path,
) -> None:
    async with country(tmp_path) as one:
        mistyped = str(uuid4())
        await one.send(attended := an_event("ActivityAttended", mistyped))
        assert (await _listed(one))["overdue"] == []
        _days_later(one, 1.01)
        (late,) = (await _listed(one))["overdue"]
        assert (late["event"]["id"], late["concerns"], late["what"]) == (attended.id, OPISTO, "event")
        assert (late["referral_id"], late["event"]["type"]) == (mistyped, "fi.kulttuurilahete.ActivityAttended.v1")
        assert "its referral" in late["event"]["waits_for"]
        assert (await _listed(one, "?what=event"))["counted"] == (await _listed(one))["counted"]
        assert (await _listed(one))["counted"] == {
            "referrals": 0,
            "events": 1,
            "more": False,
            "session_within_a_week": 0,
        }
        assert await _watched(one) == (0, 0, 0, 0), "an event is no referral"
        assert await _tend(one, late["late_id"], {"owner": "ops:anna", "note": "The opisto looks it up."}) == 202
        assert (await _listed(one))["overdue"][0]["care"]["owner"] == "ops:anna"
        await one.send(
            an_event("ActivityPublished", mistyped),
            an_event("ReferralIssued", mistyped),
            an_event("ActivityChosen", mistyped),
        )
        assert (await _listed(one))["counted"]["events"] == 0


@pytest.mark.asyncio
async def test_an_event_that_has_waited_too_long_is_a_dead_letter_and_no_longer_late(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        await one.send(chosen := an_event("ActivityChosen", str(uuid4())))
        _days_later(one, 32)
        assert (await _listed(one))["counted"]["events"] == 1
        await one.silence(chosen)
        assert (await _listed(one))["counted"]["events"] == 0
        await one.redrive()
        _days_later(one, 40)
        assert (await _listed(one))["counted"]["events"] == 1, "redriven, it waits anew"


@pytest.mark.asyncio
async def test_what_waits_for_an_event_of_the_same_batch_is_never_told(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        referral = str(uuid4())
        sent = [an_event("ActivityChosen", referral), an_event("ReferralIssued", referral)]
        topic = topics.intake_of(REGION)
        await one.flow(
            [Record(topic, referral.encode(), msgspec.json.encode(each.data), each.headers) for each in sent]
        )
        assert await one.fate(sent[0].id, REGION) == "applied"
        waited = standings.waiting_id(REGION, sent[0].id, referral)
        assert await one.doors["monitor"].store.load("standings", [waited]) == {}


# --- what the words do, in whatever order they come


def _word(number: int, what: Any, days: int) -> Event[StandingChanged]:
    awaits = what and AwaitedNow(what=what, concerns=REGION, since=at(days), due_at=at(days + 14), passed=0)
    data = StandingChanged(
        referral_id=a_referral(), number=number, status="proposed", closed=not what, awaits=awaits or None
    )
    return Event(f"word-{number}", "/service/referral", at(days), data)


def _care(days: float, owner: str) -> Event[OverdueTended]:
    data = OverdueTended(late_id=a_referral(), by=owner, owner=owner)
    return Event(f"care-{days}", "/service/monitor", at(days), data)


_DECIDES: dict[type, Any] = {
    StandingChanged: standings.told,
    OverdueTended: standings.tended,
    PlaceReserved: standings.place_answered,
    PlaceReleased: standings.place_answered,
}


def _after_all(events: Sequence[Event[Any]]) -> ReferralStanding:
    state: ReferralStanding | None = None
    for event in events:
        decide = _DECIDES[type(event.data)]
        decided: Decision[ReferralStanding] = decide(state, event, event.time, None)
        state = decided.state
    assert state is not None
    return state


WORDS = [_word(1, "match", 0), _word(2, "choice", 3), _word(3, "choice", 3), _word(4, None, 9)]


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12))
def test_the_greatest_number_holds_in_any_order_and_however_often(words: list[Event[StandingChanged]]) -> None:
    last = max(words, key=lambda word: word.data.number)
    assert _after_all(words) == _after_all([last])


@given(st.permutations([*WORDS, *(_answer(a_referral(), nth, free=nth % 2 == 0) for nth in range(1, 6))]))
def test_of_a_place_the_activitys_greatest_answer_holds_in_any_order(events: list[Event[Any]]) -> None:
    standing = _after_all(events)
    assert (late := standings.late_first(standing)) is not None
    assert (late.what, late.at) == ("place_without_referral", f"{OPISTO} choir"), "its fifth answer was a place"
    freed = _after_all([*events, _answer(a_referral(), 6, free=True)])
    assert standings.late_first(freed) is None


@given(st.permutations([_care(4, "ops:anna"), _care(5, "ops:berit"), _care(6, "ops:carl")]))
def test_of_two_who_say_that_they_look_after_it_the_later_one_does(cares: list[Event[OverdueTended]]) -> None:
    standing = _after_all([*cares, *cares])
    assert standing.care is not None
    assert standing.care.owner == "ops:carl"


def test_care_goes_on_while_the_same_step_is_awaited() -> None:
    cared = [*WORDS[:2], _care(4, "ops:anna")]
    assert _after_all([*cared, WORDS[2]]).care is not None
    assert _after_all([*cared, WORDS[3]]).care is None
