"""A dry run: each service says what would become of its dead letters now, and nothing is changed by the question."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest
import pytest_asyncio
from prometheus_client import REGISTRY

from shared.http.rehearsal import MOST_REHEARSED
from tests.unit.country import Country, Sent, an_event, country, erased
from tests.unit.doors import OPISTO, key

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def one(tmp_path: Path) -> AsyncIterator[Country]:
    async with country(tmp_path) as four:
        yield four


async def asked(one: Country, **chosen: Any) -> dict[str, Any]:
    client = one.doors["monitor"].client
    answer = await client.post("/v1/redrives/dry-run", json=chosen, headers=key("ops:anna"))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def forecast(one: Country, *sent: Sent) -> list[tuple[str, str]]:
    """What would become of the dead letters of these events, and why."""
    letters = (await one.asks("/v1/dead-letters?state=open&limit=500")).json()["dead_letters"]
    of = {letter["event_id"]: letter["dl_id"] for letter in letters}
    found = await asked(one, dl_ids=[of[event.id] for event in sent])
    would = {said["dl_id"]: (said["would"], said["why"]) for said in found["letters"]}
    return [would[of[event.id]] for event in sent]


async def everything(one: Country) -> Mapping[str, Any]:
    """All that the stores hold, and all that was written."""
    kept = {}
    for service, door in one.doors.items():
        for collection in door.wired.table.collections:
            rows = await door.store.find(collection.name, limit=1_000)
            kept[service, collection.name] = [(row.id, row.version, row.body) for row in rows]
    return {
        "kept": kept,
        "written": [record for door in one.doors.values() for record in door.written if record.topic != "audit.events"],
    }


async def test_what_is_mended_would_be_applied_and_what_is_not_would_be_refused_again(one: Country) -> None:
    wishes = [an_event("ReferralIssued", str(uuid4())) for _ in range(3)]
    one.failing = {"referral": frozenset({"ReferralIssued"})}
    await one.send(*wishes)
    mended = await forecast(one, *wishes)
    assert mended == [("applied", "")] * 3
    one.doors["referral"].app.state.settings = one.doors["referral"].wired.settings.model_copy(
        update={"fault_fail_on": "ReferralIssued"}
    )
    assert {would for would, _ in await forecast(one, *wishes)} == {"handler_failed"}


async def test_letters_of_one_referral_are_decided_one_after_another(one: Country) -> None:
    referral = str(uuid4())
    wishes = [an_event("ReferralIssued", referral), an_event("ReferralWithdrawn", referral)]
    one.failing = {"referral": frozenset({"ReferralIssued", "ReferralWithdrawn"})}
    await one.send(*wishes)
    assert await forecast(one, *wishes) == [("applied", ""), ("applied", "")]
    [(would, why)] = await forecast(one, wishes[1])
    assert (would, why) == ("waits", "ReferralIssued"), "alone it has nothing to withdraw"


async def test_what_is_wrong_in_itself_stays_so_and_shows_no_value(one: Country) -> None:
    wrong = an_event("ReferralIssued", str(uuid4()), municipality="000")
    await one.send(wrong)
    [(would, why)] = await forecast(one, wrong)
    assert would == "refused"
    assert why.startswith("invalid: ")
    assert "000" not in why


async def test_what_was_sent_again_meanwhile_would_be_a_repetition(one: Country) -> None:
    wish = an_event("ActivityPublished", str(uuid4()), OPISTO)
    one.failing = {"catalogue": frozenset({"ActivityPublished"})}
    await one.send(wish)
    letter, one.letters = one.letters[0], []
    one.failing = {}
    settled = msgspec.structs.replace(letter, topic="redrive.catalogue")
    all_of_them = one.doors
    one.doors = {"catalogue": all_of_them["catalogue"]}  # the monitor has not heard of it yet
    await one.flow([settled])
    one.doors = all_of_them
    assert await forecast(one, wish) == [("repeated", "")]


async def test_of_an_erased_referral_nothing_is_left_to_send(one: Country) -> None:
    wish = an_event("ReferralIssued", str(uuid4()), municipality="000")
    await one.send(wish, an_event("ReferralIssued", wish.referral))
    letters = (await one.asks("/v1/dead-letters")).json()["dead_letters"]
    await erased(one, wish.referral)
    client = one.doors["monitor"].client
    said = {"dl_ids": [letters[0]["dl_id"]]}
    assert (await client.post("/v1/redrives/dry-run", json=said, headers=key("ops:anna"))).status_code == 409


async def test_a_dry_run_changes_nothing(one: Country) -> None:
    wishes = [an_event("ReferralIssued", str(uuid4())) for _ in range(30)]
    one.failing = {"referral": frozenset({"ReferralIssued"})}
    await one.send(*wishes, an_event("ReferralIssued", str(uuid4()), municipality="000"))
    before, counted = (
        await everything(one),
        REGISTRY.get_sample_value("lahete_dead_letters_total", {"service": "referral", "reason": "invalid"}),
    )
    found = await asked(one, service="referral")
    assert found["would"] == {"applied": 30, "refused": 1}
    assert await everything(one) == before
    assert (
        REGISTRY.get_sample_value("lahete_dead_letters_total", {"service": "referral", "reason": "invalid"}) == counted
    )


async def test_that_many_would_fail_opens_no_circuit_breaker_and_all_are_answered(one: Country) -> None:
    wishes = [
        an_event("ReferralIssued", str(uuid4()), f"/region/{nth:02}") for nth in (2, 6, 7, 8, 9) for _ in range(8)
    ]
    one.failing = {"referral": frozenset({"ReferralIssued"})}
    for wish in wishes:
        await one.send(wish)  # each by itself, since an engine has a breaker of its own
    referral = one.doors["referral"]
    referral.app.state.settings = referral.wired.settings.model_copy(update={"fault_fail_on": "ReferralIssued"})
    found = await asked(one, service="referral", most=500)
    assert found["would"] == {"handler_failed": 40}


async def test_where_a_service_is_down_its_letters_are_unknown_and_the_rest_is_answered(one: Country) -> None:
    here, there = an_event("ReferralIssued", str(uuid4())), an_event("ActivityPublished", str(uuid4()), OPISTO)
    one.failing = {"referral": frozenset({"ReferralIssued"}), "catalogue": frozenset({"ActivityPublished"})}
    await one.send(here, there)
    nobody = httpx.AsyncHTTPTransport(uds="/nobody/listens.sock")
    catalogue = one.doors["catalogue"]
    answering, catalogue.client = catalogue.client, httpx.AsyncClient(transport=nobody)
    found = await forecast(one, here, there)
    assert [would for would, _ in found] == ["applied", "unknown"]
    await catalogue.client.aclose()
    catalogue.client = answering


async def test_more_are_chosen_than_are_tried_and_both_are_said(one: Country) -> None:
    one.failing = {"referral": frozenset({"ReferralIssued"})}
    await one.send(*(an_event("ReferralIssued", str(uuid4())) for _ in range(5)))
    found = await asked(one, reason="handler_failed", most=2)
    assert (found["chosen"], found["tried"], len(found["letters"])) == (5, 2, 2)
    only_counted = await asked(one, reason="handler_failed", most=0)
    assert (only_counted["chosen"], only_counted["tried"]) == (5, 0)


@pytest.mark.parametrize(
    ("letters", "status"),
    [
        ([{"key": None, "value": "not base64!", "headers": []}], 400),
        ([{"key": None, "value": None, "headers": []}] * (MOST_REHEARSED + 1), 413),
        ([{"key": None, "value": None, "headers": []}], 200),
    ],
)
async def test_a_service_is_asked_about_a_bounded_number_of_whole_letters(
    letters: list[Any], status: int, one: Country
) -> None:
    client = one.doors["referral"].client
    answer = await client.post("/v1/rehearsals", json={"letters": letters}, headers=key("service:monitor"))
    assert answer.status_code == status, answer.text
