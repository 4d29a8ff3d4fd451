"""The audit as ops read it: every look and refusal, the newest first, that it was read too; and the console's page of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.registry import CLASSES
from shared.kafka.producer import Record
from tests.unit.console_door import OPS, READER, REFERRAL, console, signed_in
from tests.unit.country import Country, an_event
from tests.unit.doors import REGION

pytestmark = pytest.mark.asyncio


async def looked(one: Country) -> None:
    """A reader looks at a referral, tries to see dead letters, and a region to see a trace."""
    await one.asks(f"/v1/traces/{REFERRAL}", READER)
    await one.asks("/v1/dead-letters", READER)
    await one.asks(f"/v1/traces/{REFERRAL}", REGION)
    await one.flow(one.doors["monitor"].written.copy())


async def listed(one: Country, query: str = "") -> list[dict[str, Any]]:
    answer = await one.asks(f"/v1/audit{query}")
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.json()["entries"]
    return entries


async def test_looks_and_refusals_are_listed_with_who_and_whose_referral(tmp_path: Path) -> None:
    async with console(tmp_path) as one:
        await looked(one)
        said = {(entry["who"], entry["action"], entry["allowed"], entry["referral_id"]) for entry in await listed(one)}
        assert said == {
            (READER, "trace", True, REFERRAL),
            (READER, "dead_letters", False, None),
            (REGION, "trace", False, REFERRAL),
        }
        refused = await listed(one, "?allowed=false")
        assert {entry["who"] for entry in refused} == {READER, REGION}
        assert [entry["action"] for entry in await listed(one, f"?allowed=false&who={READER}")] == ["dead_letters"]
        assert await listed(one, "?who=ops:nobody") == []


async def test_the_audit_goes_on_by_a_cursor_to_its_end(tmp_path: Path) -> None:
    async with console(tmp_path) as one:
        for _ in range(3):
            await looked(one)
        seen, after = list[tuple[str, ...]](), ""
        while True:
            answer = (await one.asks(f"/v1/audit?limit=2{after}")).json()
            seen += [(entry["who"], entry["action"], entry["recorded_at"]) for entry in answer["entries"]]
            if answer["next"] is None:
                break
            after = f"&after={answer['next'].replace(' ', '%20')}"
        assert len(seen) == 9


async def test_that_somebody_read_the_audit_is_kept_and_a_reader_may_not(tmp_path: Path) -> None:
    async with console(tmp_path) as one:
        await listed(one)
        assert (await one.asks("/v1/audit", READER)).status_code == 403
        await one.flow(one.doors["monitor"].written.copy())
        assert [(entry["who"], entry["allowed"]) for entry in await listed(one) if entry["action"] == "audit"] in (
            [(OPS, True), (READER, False)],
            [(READER, False), (OPS, True)],
        )


async def test_a_partner_writes_no_line_of_the_audit(tmp_path: Path) -> None:
    async with console(tmp_path) as one:
        said = {"who": OPS, "action": "trace", "ground": "operations", "allowed": True, "what": REFERRAL}
        headers = [
            *an_event("ReferralIssued", REFERRAL).headers[:3],
            ("ce_type", CLASSES["AccessRecorded"].type.encode()),
        ]
        record = Record(f"intake{REGION.replace('/', '.')}", REFERRAL.encode(), json.dumps(said).encode(), headers)
        await one.flow([record])
        assert [entry for entry in await listed(one) if entry["who"] == OPS] == []


async def test_the_page_shows_it_to_ops(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        await looked(one)
        page = (await client.get("/audit", params={"allowed": "false"})).text
        assert "read the list of dead letters" in page
        assert "Satakunta wellbeing services county" in page
        assert page.count("refused</span>") == 2
