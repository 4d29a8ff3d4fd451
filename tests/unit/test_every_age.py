"""Every age from 0 on goes the whole road: referred, matched by the limits of age, placed, there, asked, closed; and later."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, get_args
from uuid import uuid4

import httpx
import msgspec
import pytest
import pytest_asyncio

from services.catalogue.matching import age_limits
from services.feedback.addressees import RESPONDENTS, addressee_of
from shared.contracts import topics
from shared.contracts.envelope import Event, attributes_of, kafka_headers
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.fields import AgeBand
from shared.contracts.identity import deadline_id
from shared.contracts.region_events import CONSENT_AT
from shared.engine.model import Document
from shared.kafka.producer import Record
from tests.unit.country import Country, Sent, an_event, country
from tests.unit.doors import REGION, key
from tests.unit.facts import consent_at

BANDS: Final[tuple[str, ...]] = get_args(get_args(AgeBand)[0])
SERVICES: Final = ("referral", "catalogue", "feedback", "notify", "monitor")
each_band = pytest.mark.parametrize("band", BANDS)

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def here(tmp_path: Path) -> AsyncIterator[Country]:
    async with country(tmp_path, SERVICES) as one:
        yield one


def referral_of(band: str, *scopes: str) -> Sent:
    return an_event("ReferralIssued", str(uuid4()), age_band=band, consent=consent_at(band, *scopes))


def activity_for(low: int, high: int, referral: str) -> Sent:
    """An activity for these ages, of its own name."""
    limits = {"min": low, "max": min(high, 130)}
    return an_event("ActivityPublished", referral, activity_id=f"for-{low}-{high}", age=limits)


async def standing(one: Country, referral: str) -> dict[str, Any]:
    answer = await one.doors["referral"].client.get(f"/v1/referrals/{referral}", headers=key(REGION))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def feed(one: Country, name: str) -> list[dict[str, Any]]:
    answer = await one.doors["notify"].client.get("/v1/feed?after=0", headers=key(REGION))
    return [entry["data"] for entry in answer.json()["events"] if entry["type"].split(".")[2] == name]


async def proposed(one: Country, referral: str) -> list[str]:
    answer = await one.doors["catalogue"].client.get(f"/v1/referrals/{referral}/proposals", headers=key(REGION))
    return [proposal["activity_id"] for proposal in answer.json()["proposals"]]


async def answer_by_form(one: Country, referral: str, phase: str, fields: dict[str, str]) -> httpx.Response:
    door = one.doors["feedback"]
    link = f"/v1/referrals/{referral}/form-links"
    asked = door.client.post(link, json={"phase": phase}, headers=key(REGION))
    path = "/f/" + (await _while_it_flows(one, asked)).json()["url"].rpartition("/")[2]
    assert (await door.client.get(path)).status_code == 200
    return await _while_it_flows(one, door.client.post(path, data=fields))


async def _while_it_flows(one: Country, asking: Any) -> httpx.Response:
    """What a door writes comes to its readers only when the country flows."""
    response: httpx.Response = await asking
    records = list(one.doors["feedback"].written)
    one.doors["feedback"].written.clear()
    await one.flow(records)
    return response


@each_band
async def test_a_client_of_every_age_comes_from_the_referral_to_a_closed_loop(here: Country, band: str) -> None:
    issued = referral_of(band, "feedback")
    referral, (low, high) = issued.referral, age_limits(band)
    fits, too_old = activity_for(low, high, referral), activity_for(high + 1, high + 9, referral)
    others = [activity_for(0, low - 1, referral)] if low else []
    await here.send(fits, *others, *([too_old] if high < 120 else []), issued)
    assert await proposed(here, referral) == [fits.data["activity_id"]]
    about = {"activity_id": fits.data["activity_id"]}
    await here.send(an_event("ActivityChosen", referral, **about))
    assert (await standing(here, referral))["status"] == "placed"
    answers = {"dimensions_v1-friends": "4"}
    assert (await answer_by_form(here, referral, "before", answers)).status_code == 200
    await here.send(an_event("ActivityAttended", referral, **about))
    assert (await standing(here, referral))["status"] == "completed"
    likely = RESPONDENTS[addressee_of(band)][0]
    assert [asked["respondents"][0] for asked in await feed(here, "FeedbackRequested")] == [likely, likely]
    answers = {"dimensions_v1-friends": "7", "experience_v1-satisfaction": "5"}
    assert (await answer_by_form(here, referral, "after", answers)).status_code == 200
    closed = await standing(here, referral)
    assert (closed["status"], closed["outcome"]) == ("completed", "completed")
    assert closed["closed_at"] is not None
    assert (await feed(here, "ReferralClosed"))[0]["sessions"]["attended"] == 1
    assert here.letters == []


@each_band
async def test_some_months_later_two_questions_are_asked_and_answered(here: Country, band: str) -> None:
    issued = referral_of(band, "feedback", "follow_up")
    referral = issued.referral
    await here.send(
        an_event("ActivityPublished", referral),
        issued,
        *(an_event(one, referral) for one in ("ActivityChosen", "ActivityAttended")),
    )
    await answer_by_form(here, referral, "after", {"dimensions_v1-friends": "7"})
    for nth, phase in enumerate(("after_3_months", "after_6_months"), start=1):
        await _months_pass(here, referral, nth)
        asked = (await feed(here, "FeedbackRequested"))[-1]
        assert (asked["phase"], asked["instruments"]) == (phase, ["afterwards_v1"])
        fields = {"afterwards_v1-still_taking_part": "1", "afterwards_v1-life_satisfaction": "8"}
        assert (await answer_by_form(here, referral, phase, fields)).status_code == 200
    assert (await standing(here, referral))["closed_at"] is not None
    assert here.letters == []


async def _months_pass(one: Country, referral: str, nth: int) -> None:
    """As the sweeper does, once the deadline is there."""
    table, store = one.doors["feedback"].wired.table, one.doors["feedback"].store
    [kind] = table.kinds
    rows = await store.load("feedback", [referral])
    document: Any = msgspec.json.decode(rows[referral].body, type=Document[kind.state])  # type: ignore[name-defined]
    due = min(kind.deadlines(document.state), key=lambda it: it.due_at)
    assert due.nth == nth
    data = DeadlinePassed(
        service="feedback",
        collection="feedback",
        aggregate=referral,
        what=due.what,
        due_at=due.due_at,
        nth=nth,
        referral_id=referral,
    )
    id_ = deadline_id("feedback", f"feedback/{referral}", due.what, due.due_at, nth)
    event = Event(
        id_, "/service/feedback", datetime.now(due.due_at.tzinfo) - timedelta(seconds=1), data, correlation=referral
    )
    body = data.model_dump_json(exclude_none=True).encode()
    await one.flow([Record(topics.events_of("feedback"), referral.encode(), body, kafka_headers(attributes_of(event)))])


@pytest.mark.parametrize(
    ("band", "giver"),
    [
        (band, giver)
        for band in BANDS
        for giver in ("client", "guardian", "both")
        if giver not in CONSENT_AT.get(band, ("client",))
    ],
)
async def test_a_consent_that_another_had_to_give_is_refused_at_the_door(here: Country, band: str, giver: str) -> None:
    sent = referral_of(band)
    data = {**sent.data, "consent": {**sent.data["consent"], "given_by": giver}}
    body = {"specversion": "1.0", "id": sent.id, "source": REGION, "time": "2026-09-01T08:00:00Z", "data": data}
    answer = await here.doors["referral"].send({**body, "type": "fi.kulttuurilahete.ReferralIssued.v1"})
    assert answer.status_code == 422
    [fault] = answer.json()["errors"]
    assert fault["path"] == "/data/consent"
    assert f"given_by is {giver}" in fault["message"]
    assert " or ".join(CONSENT_AT.get(band, ("client",))) in fault["message"]


async def test_of_a_small_child_nobody_but_a_carer_answers(here: Country) -> None:
    issued = referral_of("0-6", "feedback")
    await here.send(an_event("ActivityPublished", issued.referral), issued, an_event("ActivityChosen", issued.referral))
    fields = {"dimensions_v1-friends": "4", "respondent": "participant"}
    answer = await answer_by_form(here, issued.referral, "before", fields)
    assert answer.status_code == 200
    rows = await here.doors["feedback"].store.load("feedback", [issued.referral])
    kept = msgspec.json.decode(rows[issued.referral].body)["state"]["answers"]
    assert [one["respondent"] for one in kept] == ["carer"]


async def test_who_may_consent_at_each_age() -> None:
    """Written out, so that the table is held against something else than itself."""
    said = {band: CONSENT_AT.get(band, ("client",)) for band in BANDS}
    below_18 = {"0-6": ("guardian",), "7-12": ("guardian",), "13-15": ("guardian", "both"), "16-17": ("both",)}
    assert said == below_18 | dict.fromkeys(("18-29", "30-64", "65-74", "75-84", "85-"), ("client",))
