"""`/v1/found` tells what a text as typed is and where it leads; who looks is kept, and who guesses is bounded."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unicodedata import category

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.typed import read_typed
from tests.unit.monitor_here import CODE, LETTER, OPENED, REFERRAL, TracingMonitor, monitor_in

OPISTO = "/opisto/tampere"


@pytest_asyncio.fixture
async def monitor(tmp_path: Path) -> AsyncIterator[TracingMonitor]:
    async with monitor_in(tmp_path) as one:
        await one.event("ReferralOpened", OPENED)
        yield one


async def published(monitor: TracingMonitor, id_: str, activity: str = "kuoro-2026s", source: str = OPISTO) -> None:
    name = "ActivityCancelled" if id_.startswith("cancelled") else "ActivityPublished"
    said = {"ce_id": id_, "ce_source": source, "ce_type": f"fi.kulttuurilahete.{name}.v1"}
    await monitor.sees(f"intake{source.replace('/', '.')}", activity, said)


async def found(monitor: TracingMonitor, q: str) -> dict[str, Any]:
    answer = await monitor.get("/v1/found", q=q)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def in_groups(by: str) -> str:
    return by.join((CODE[:4], CODE[4:8], CODE[8:]))


CODES = [
    CODE,
    CODE.lower(),
    f"  {in_groups(' ')}\n",
    in_groups(" - ").lower(),
    in_groups("\N{EN DASH}"),
    in_groups("\N{NO-BREAK SPACE}"),
    f"\N{RIGHT-TO-LEFT OVERRIDE}{CODE}\N{ZERO WIDTH SPACE}",
]


@pytest.mark.asyncio
@pytest.mark.parametrize("typed", CODES)
async def test_a_code_as_a_person_types_it_leads_to_its_referral(typed: str, monitor: TracingMonitor) -> None:
    assert (await found(monitor, typed))["referrals"] == [
        {"referral_id": REFERRAL, "by": "code", "where": f"/v1/traces/{REFERRAL}"}
    ]
    [look] = monitor.looks()
    assert (look["referral_id"], look["who"], look["allowed"]) == (REFERRAL, "ops:anna", True)
    assert CODE not in str(monitor.written), "the audit keeps no code"


@pytest.mark.asyncio
@pytest.mark.parametrize("typed", [REFERRAL, f" {REFERRAL.upper()} ", REFERRAL.replace("-", " "), f"{{{REFERRAL}}}"])
async def test_an_id_in_any_spelling_leads_to_its_referral(typed: str, monitor: TracingMonitor) -> None:
    told = await found(monitor, typed)
    assert [(one["by"], one["referral_id"]) for one in told["referrals"]] == [("id", REFERRAL)]
    assert told["events"] == told["dead_letters"] == told["activities"] == []


@pytest.mark.asyncio
async def test_an_event_is_found_with_its_outcome_and_its_referral(monitor: TracingMonitor) -> None:
    unheard = {"ce_id": "e-77", "ce_source": "/region/06", "ce_type": "fi.kulttuurilahete.Unheard.v1"}
    await monitor.sees("intake.region.06", REFERRAL, unheard)
    await monitor.letter(REFERRAL)
    told = await found(monitor, "e-77")
    [event] = told["events"]
    assert (event["outcome"], event["referral_id"]) == ("dead_lettered", REFERRAL)
    assert [(one["by"], one["referral_id"]) for one in told["referrals"]] == [("event", REFERRAL)]
    assert (await monitor.get(event["where"])).json()["state"] == "dead_lettered"


@pytest.mark.asyncio
async def test_a_dead_letter_is_found_as_it_stands_and_that_is_a_look_at_its_referral(monitor: TracingMonitor) -> None:
    await monitor.letter(REFERRAL)
    told = await found(monitor, LETTER.upper().replace("-", ""))
    [letter] = told["dead_letters"]
    assert (letter["dl_id"], letter["state"], letter["reason"]) == (LETTER, "open", "unknown_type")
    assert [one["by"] for one in told["referrals"]] == ["dead_letter"]
    assert [look["referral_id"] for look in monitor.looks()] == [REFERRAL]
    assert (await monitor.get(letter["where"])).json()["original"]["key"] == REFERRAL


@pytest.mark.asyncio
async def test_an_activity_is_found_at_each_organiser_and_leads_to_the_events_of_one(monitor: TracingMonitor) -> None:
    for id_, source in (("a-1", OPISTO), ("cancelled-1", OPISTO), ("a-2", "/opisto/turku"), ("a-3", "/region/06")):
        await published(monitor, id_, source=source)
    shown = {one["organiser"]: one for one in (await found(monitor, "kuoro-2026s"))["activities"]}
    assert {whose: (one["events"], one["cancelled"]) for whose, one in shown.items()} == {
        OPISTO: (2, True),
        "/opisto/turku": (1, False),
    }
    trace = (await monitor.get(shown[OPISTO]["where"])).json()
    assert {one["id"] for one in trace["events"]} == {"a-1", "cancelled-1"}
    for typed in (f"{OPISTO} kuoro-2026s", f"{OPISTO}/kuoro-2026s"):
        assert [one["organiser"] for one in (await found(monitor, typed))["activities"]] == [OPISTO]
    assert [look.get("referral_id") for look in monitor.looks()] == [None] * 4, "it concerns no referral"


@pytest.mark.asyncio
async def test_a_word_that_means_several_things_finds_all_of_them(monitor: TracingMonitor) -> None:
    await published(monitor, "both", activity="both")
    told = await found(monitor, "both")
    assert (len(told["events"]), len(told["activities"])) == (1, 1)


HOSTILE = [
    "<script>alert(1)</script>",
    "\N{RIGHT-TO-LEFT OVERRIDE}evil",
    "' OR 1=1 --",
    '{"$gt": ""}',
    "../../v1/lag",
    "\x00",
    "\N{VIOLIN}" * 60,
    "a b",
    "=cmd|' /C calc'!A0",
    "/opisto/tampere x",
    "/service/referral " + OPENED + "x",
]


@pytest.mark.asyncio
@pytest.mark.parametrize("typed", HOSTILE, ids=lambda typed: ascii(typed)[:20])
async def test_what_nothing_is_known_by_is_404_with_what_to_ask_by(typed: str, monitor: TracingMonitor) -> None:
    answer = await monitor.get("/v1/found", q=typed)
    assert answer.status_code == 404
    assert "ask by a referral's id or its code" in answer.json()["detail"]
    assert len(answer.json()["detail"].splitlines()) == 1
    assert monitor.looks() == []


@pytest.mark.asyncio
@pytest.mark.parametrize("typed", ["", "  ", "x" * 201, "\N{VIOLIN}" * 5_000])
async def test_what_can_be_no_word_of_the_platforms_is_refused(typed: str, monitor: TracingMonitor) -> None:
    answer = await monitor.get("/v1/found", q=typed)
    assert answer.status_code == 422
    assert "1 to 200 characters" in answer.json()["detail"]


@pytest.mark.asyncio
async def test_who_guesses_codes_is_kept_without_them_and_bounded(monitor: TracingMonitor) -> None:
    unknown = "Z0000000000Z"
    code = next(
        f"Z0000000000{end}" for end in "0123456789ABCDEFGHJKMNPQRSTVWXYZ" if read_typed(unknown[:-1] + end).code
    )
    statuses = [(await monitor.get("/v1/found", q=code)).status_code for _ in range(4)]
    assert statuses == [404, 404, 404, 429]
    assert (await monitor.asked(code)).status_code == 429, "one bound for traces too"
    assert [(look["what"], look["allowed"]) for look in monitor.looks()] == [("a code that no referral has", False)] * 3
    assert (await monitor.get("/v1/found", q=CODE)).status_code == 200


@pytest.mark.asyncio
async def test_words_in_vain_are_bounded_like_codes(monitor: TracingMonitor) -> None:
    assert [(await monitor.get("/v1/found", q=f"x{n}")).status_code for n in range(4)] == [404, 404, 404, 429]


@pytest.mark.asyncio
@pytest.mark.parametrize(("typed", "what", "about"), [(REFERRAL, REFERRAL, REFERRAL), (CODE, "another word", None)])
async def test_a_partner_finds_nothing_and_that_is_kept(
    typed: str, what: str, about: str | None, monitor: TracingMonitor
) -> None:
    answer = await monitor.get("/v1/found", "key of 06", q=typed)
    assert answer.status_code == 403
    [look] = monitor.looks()
    assert (look["allowed"], look.get("referral_id")) == (False, about)
    assert what in look["what"]


@pytest.mark.asyncio
async def test_an_erased_code_leads_nowhere(monitor: TracingMonitor) -> None:
    await monitor.event("ReferralErased", "erased-1")
    assert (await monitor.get("/v1/found", q=CODE)).status_code == 404
    assert (await found(monitor, REFERRAL))["referrals"][0]["by"] == "id"


@given(st.text(max_size=250))
def test_any_text_is_read_without_a_fault_and_shows_no_mark_that_nobody_sees(text: str) -> None:
    typed = read_typed(text)
    assert all(category(one) != "Cf" and (category(one) != "Pd" or one == "-") for one in typed.text)
    assert typed.text in typed.ids or typed.sender
