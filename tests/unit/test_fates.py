"""What /v1/events says of an event is what its sender was told, for every class and every way by which one ends."""

from pathlib import Path
from uuid import uuid4

import pytest

from shared.contracts.registry import CLASSES
from tests.unit.country import OF_A_REFERRAL, SERVICES, Country, Sent, an_event, country, each, erased, stands
from tests.unit.doors import REGION, key


@pytest.mark.asyncio
async def test_what_takes_effect_is_applied(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        for sent in each():
            await stands(one, sent)
            await one.send(sent)
            await one.is_true(sent, "applied")


@pytest.mark.asyncio
async def test_what_breaks_the_contract_or_cannot_be_read_is_dead_lettered(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        for sent in each():
            await one.write(sent, b"{}", sent.headers)
            await one.is_true(sent, "dead_lettered")
        for value in (None, b"", b"{no json", b"\xff"):
            for sent in each():
                await one.write(sent, value, sent.headers)
                await one.is_true(sent, "dead_lettered")


@pytest.mark.asyncio
async def test_what_is_forged_is_dead_lettered_under_who_sent_it_and_unknown_of_the_named_one(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        for sent in each():
            by = "/region/07"
            await one.send(sent, by=by)
            assert await one.fate(sent.id, sent.source) == "unknown"
            await one.is_true(sent._replace(source=by), "dead_lettered")


async def fails(one: Country, sent: Sent) -> None:
    """Whatever service has a handler for it, the handler fails."""
    await stands(one, sent)
    one.failing = {service: frozenset({sent.name}) for service in SERVICES}
    await one.send(sent)
    one.failing = {}


@pytest.mark.asyncio
async def test_what_a_handler_fails_at_is_dead_lettered_whichever_service_it_is_of(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        for sent in each():
            await fails(one, sent)
            await one.is_true(sent, "dead_lettered")


@pytest.mark.asyncio
async def test_what_another_service_than_its_owner_fails_at_is_dead_lettered_until_it_is_redriven(
    tmp_path: Path,
) -> None:
    async with country(tmp_path) as one:
        sent = an_event("ReferralIssued", str(uuid4()))
        one.failing = {"catalogue": frozenset({"ReferralIssued"})}
        await one.send(sent)
        await one.is_true(sent, "dead_lettered")
        one.failing = {}
        await one.redrive()
        assert await one.fate(sent.id, REGION) == await one.traced(sent) == "applied"


@pytest.mark.asyncio
async def test_what_waits_is_waiting_and_in_the_end_dead_lettered(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        for sent in each([name for name in OF_A_REFERRAL if name != "ReferralIssued"]):
            await one.send(sent)
            await one.is_true(sent, "waiting")
            await one.silence(sent)
            await one.is_true(sent, "dead_lettered")


@pytest.mark.asyncio
async def test_of_what_comes_after_an_erasure_the_fate_is_what_was_told(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        for sent in each(OF_A_REFERRAL):
            await stands(one, sent)
            await one.send(an_event("ReferralIssued", sent.referral))
            await erased(one, sent.referral)
            await one.send(sent)
            await one.is_true(sent, "dead_lettered" if sent.name == "ReferralIssued" else "applied")


@pytest.mark.asyncio
async def test_an_issue_that_meets_an_erasure_is_dead_lettered_whenever_it_came(tmp_path: Path) -> None:
    referrals = [str(uuid4()) for _ in range(3)]
    own = [an_event("ReferralIssued", referral) for referral in referrals]
    others = [an_event("ReferralIssued", referral, "/region/07", unit_ref="marja") for referral in referrals]
    async with country(tmp_path) as one:
        await erased(one, referrals[0])
        await one.send(own[0], others[0], own[1], others[1])
        await erased(one, referrals[1])
        await one.send(others[1]._replace(id="late"))
        await one.send(own[2])
        await erased(one, referrals[2])
        await one.send(others[2])
        for sent in (own[0], *others):
            await one.is_true(sent, "dead_lettered")
        await one.is_true(others[1]._replace(id="late"), "dead_lettered")
        for sent in own[1:]:
            await one.is_true(sent, "applied")
        assert {record.value for record in one.letters} == {None}
        assert all("marja" not in str(record.headers) for record in one.letters)
        why = {refused["event_id"]: refused["errors"] for refused in one.told}
        assert "the consent" in why[own[0].id][0]
        assert all("consent" not in why[sent.id][0] for sent in others)
        shown = (await one.asks("/v1/dead-letters")).json()["dead_letters"]
        assert {letter["event_id"] for letter in shown} == {own[0].id, "late", *(sent.id for sent in others)}
        assert {letter["state"] for letter in shown} == {"discarded"}


@pytest.mark.asyncio
async def test_what_is_redriven_with_the_cause_mended_is_applied(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        for sent in each():
            await fails(one, sent)
            await one.redrive()
            assert await one.fate(sent.id, sent.source) == await one.traced(sent) == "applied", sent.name


@pytest.mark.asyncio
async def test_what_is_sent_again_under_its_id_with_the_fault_mended_is_applied(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        for sent in each():
            await stands(one, sent)
            mistyped = [
                (name, b"fi.kulttuurilahete.Mistyped.v1" if name == "ce_type" else value)
                for name, value in sent.headers
            ]
            await one.write(sent, b"{}", [*mistyped, ("ce_subject", b"another")])
            await one.is_true(sent, "dead_lettered")
            await one.send(sent)
            assert await one.fate(sent.id, sent.source) == await one.traced(sent) == "applied", sent.name
            await one.write(sent, b"{}", [*sent.headers, ("ce_subject", b"another")])
            assert await one.fate(sent.id, sent.source) == "applied", "what was refused later took nothing back"
            if sent.name in OF_A_REFERRAL:
                shown = (await one.asks(f"/v1/traces/{sent.referral}")).json()["events"]
                of_it = [(event["type"], event["outcome"]) for event in shown if event["id"] == sent.id]
                assert of_it == [(CLASSES[sent.name].type, "applied")]


@pytest.mark.asyncio
async def test_of_one_id_with_two_contents_the_first_counts(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        sent = an_event("ActivityPublished", str(uuid4()))
        await one.send(sent, sent._replace(data={**sent.data, "capacity": 6}))
        assert (await one.fate(sent.id, sent.source), one.refused(sent)) == ("applied", True)


@pytest.mark.asyncio
async def test_what_is_refused_at_the_door_is_unknown(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        sent = an_event("ReferralIssued", str(uuid4()), municipality="000")
        event = {name.removeprefix("ce_"): (value or b"").decode() for name, value in sent.headers} | {
            "data": sent.data
        }
        assert (await one.doors["referral"].send(event)).status_code == 422
        await one.flow(one.doors["referral"].written)
        assert await one.fate(sent.id, who=REGION) == "unknown"


# --- what a partner says of itself


@pytest.mark.asyncio
async def test_what_a_partner_says_of_itself_is_told_to_it_like_any_other(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        partners = one.doors["partners"]
        answer = await partners.client.put("/v1/partners/region/06", json={"name": "Pirha"}, headers=key(REGION))
        assert answer.status_code == 202, answer.text
        (accepted,) = answer.json()["accepted"]
        assert await one.fate(accepted["id"], who=REGION) == "unknown"
        written = partners.written[:]
        partners.written.clear()
        await one.flow([*written, *written])
        for who, source in ((REGION, ""), (REGION, accepted["source"]), ("ops:anna", accepted["source"])):
            assert await one.fate(accepted["id"], source, who=who) == "applied"
        told = (await one.asks(f"/v1/events/{accepted['id']}", REGION)).json()
        assert (told["type"], told["repeated"]) == (CLASSES["PartnerRegistered"].type, 1)
        assert told["recorded_at"]
        another = await one.asks(f"/v1/events/{accepted['id']}?source={accepted['source']}", "/region/07")
        assert another.status_code == 404
        assert await one.fate(accepted["id"], who="/region/07") == "unknown"
