"""The page of a referral: how it is found, and its timeline."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from services.monitor.console.timeline import TimelineFold, TimelineStep, class_name, timeline
from shared.reference import REGIONS
from tests.unit.console_door import FORM, READER, REFERRAL, console, signed_in, token_of
from tests.unit.country import Country
from tests.unit.doors import REGION, key

AT = "2026-09-01T08:00:00Z"


def of(name: str, id_: str = "a", at: str = AT, source: str = "/region/06") -> dict[str, Any]:
    machinery = name in {"MatchingEnded", "PlaceGivenUp"}
    type_ = f"fi.kulttuurilahete.{name}.v1"
    return {"type": type_, "id": id_, "recorded_at": at, "source": source, "machinery": machinery}


async def find(one: Country, client: httpx.AsyncClient, asked: str) -> httpx.Response:
    form = {"asked": asked, "form_token": token_of(one.doors["monitor"], client)}
    return await client.post("/referrals", data=form, headers=FORM)


@pytest.mark.asyncio
async def test_a_referral_is_found_by_what_a_person_holds_and_its_code_stands_in_no_address(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"], READER) as client:
        answer = await one.doors["referral"].client.get(f"/v1/referrals/{REFERRAL}", headers=key(REGION))
        code = answer.json()["referral_code"]
        by_code = await find(one, client, f" {code.lower()} ")
        by_id = await find(one, client, REFERRAL.upper())
        for led in (by_code, by_id):
            assert (led.status_code, led.headers["location"]) == (303, f"/referrals/{REFERRAL}")
        activity = await find(one, client, f"choir-{REFERRAL[:8]}")
        assert f'href="/referrals/choir-{REFERRAL[:8]}?source=/opisto/tampere"' in activity.text
        await one.flow(one.doors["monitor"].written.copy())
        page = await client.get(f"/referrals/{REFERRAL}")
        assert page.status_code == 200
        assert "Referral issued" in page.text
        assert REGIONS["06"].name_en in page.text
        assert "Awaited is <strong>feedback</strong>" in page.text
        assert "read the course" in page.text
        assert code not in page.text
        assert "/dead-letters/" not in page.text, "a reader is led nowhere he may not go"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ("", 200, "Write an id or a code"),
        ("<script>", 200, "Nothing is known by this"),
        ("../sign-out", 200, "Nothing is known by this"),
        ("x" * 9_000, 200, "Write an id or a code"),
    ],
)
async def test_what_can_be_no_id_is_answered_with_what_one_is(
    asked: str, status: int, said: str, tmp_path: Path
) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        answer = await find(one, client, asked)
        assert answer.status_code == status
        assert said in answer.text
        assert "<script>" not in answer.text
        assert (await client.get("/referrals/unknown")).status_code == 404


@pytest.mark.asyncio
async def test_a_form_of_no_session_finds_nothing(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        answer = await client.post("/referrals", data={"asked": REFERRAL, "form_token": "none"}, headers=FORM)
        assert answer.status_code == 403
        assert "nothing was done" in answer.text


def test_the_machinery_between_two_steps_is_one_fold() -> None:
    events = [of("ReferralIssued"), of("MatchingEnded"), of("PlaceGivenUp"), of("PlaceReserved"), of("MatchingEnded")]
    shown = timeline(events, [])
    assert [type(one) for one in shown] == [TimelineStep, TimelineFold, TimelineStep, TimelineFold]
    assert [len(one.events) for one in shown if isinstance(one, TimelineFold)] == [2, 1]


def test_a_step_says_how_long_nothing_happened_before_it_and_who_was_told_of_it() -> None:
    events = [of("ReferralIssued"), of("ActivityChosen", "b", "2026-09-03T08:00:00Z"), of("ReferralClosed", "c", "")]
    told = [{"about": "b", "to": to, "machinery": False} for to in ("/region/06", "/opisto/tampere")]
    queued = [{"about": "b", "to": None, "machinery": True}]
    steps = [one for one in timeline(events, [*told, *queued]) if isinstance(one, TimelineStep)]
    assert [(one.gap, [delivery["to"] for delivery in one.told]) for one in steps] == [
        (None, []),
        (172_800.0, ["/region/06", "/opisto/tampere"]),
        (None, []),
    ]


@pytest.mark.parametrize(
    ("type_", "name"),
    [("fi.kulttuurilahete.PlaceReserved.v1", "PlaceReserved"), ("org.other.Thing.v1", "org.other.Thing.v1"), ("", "")],
)
def test_a_class_goes_by_its_name_and_anothers_by_its_whole_type(type_: str, name: str) -> None:
    assert class_name(type_) == name
