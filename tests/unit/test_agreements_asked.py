"""Agreements over HTTP and in both parties' feeds, through the real services and their stores in one process."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from shared.contracts.instants import in_finland
from shared.contracts.topics import SERVICES
from tests.unit.country import NOW, Country, an_event, country, erased
from tests.unit.doors import OPISTO, REGION, key

NOBODY = "/region/07"
REFERRAL = str(uuid4())
PATH = f"/v1/agreements{REGION}{OPISTO}/art-{REFERRAL[:8]}"
SESSION_ON = in_finland(NOW + timedelta(days=9))
MONTH = SESSION_ON.isoformat()[:7]


@pytest_asyncio.fixture
async def agreed(tmp_path: Path) -> AsyncIterator[Country]:
    """An agreement that both made, and a referral that it pays for, with a place and one session attended."""
    async with country(tmp_path, SERVICES) as one:
        await one.send(*(an_event("AgreementMade", REFERRAL, source) for source in (REGION, OPISTO)))
        await one.send(
            an_event("ActivityPublished", REFERRAL),
            an_event("ReferralIssued", REFERRAL, funding=["agreement"]),
            an_event("ActivityChosen", REFERRAL),
            an_event("ActivityAttended", REFERRAL),
        )
        yield one


async def ask(one: Country, path: str, who: str = REGION, **query: str) -> Any:
    return await one.doors["partners"].client.get(path, headers=key(who), params=query)


async def feed(one: Country, who: str, name: str) -> list[dict[str, Any]]:
    """What stands of one class in a feed."""
    answer = await one.doors["notify"].client.get("/v1/feed", headers=key(who), params={"after": "0"})
    return [entry["data"] for entry in answer.json()["events"] if entry["type"].split(".")[-2] == name]


@pytest.mark.asyncio
async def test_both_read_in_their_feeds_how_it_stands(agreed: Country) -> None:
    for who in (REGION, OPISTO):
        told = await feed(agreed, who, "AgreementTold")
        assert [one["status"] for one in told] == ["proposed", "standing"]
        assert told[0]["proposed"][0]["by"] == REGION
        assert told[1]["agreed"]["price_cents"] == 1250
        assert "recipient" not in told[1]
    assert await feed(agreed, NOBODY, "AgreementTold") == []


@pytest.mark.asyncio
async def test_each_party_lists_its_own_and_ops_all(agreed: Country) -> None:
    await agreed.send(an_event("AgreementMade", str(uuid4()), NOBODY, referrer=NOBODY))
    for who, there in ((REGION, 1), (OPISTO, 2), (NOBODY, 1), ("ops:anna", 2), ("reader:eero", 2)):
        assert len((await ask(agreed, "/v1/agreements", who)).json()["agreements"]) == there, who
    standing = (await ask(agreed, "/v1/agreements", OPISTO, status="standing")).json()["agreements"]
    assert [one["referrer"] for one in standing] == [REGION]


@pytest.mark.asyncio
async def test_a_list_goes_on_where_it_ended(agreed: Country) -> None:
    await agreed.send(an_event("AgreementMade", str(uuid4())))
    first = (await ask(agreed, "/v1/agreements", limit="1")).json()
    second = (await ask(agreed, "/v1/agreements", limit="1", after=first["next"])).json()
    third = (await ask(agreed, "/v1/agreements", limit="1", after=second["next"])).json()
    assert len({one["agreement_id"] for page in (first, second) for one in page["agreements"]}) == 2
    assert third == {"agreements": [], "next": None}


@pytest.mark.asyncio
async def test_a_statement_has_what_was_used_and_no_referral(agreed: Country) -> None:
    answer = await ask(agreed, f"{PATH}/statement", OPISTO, month=MONTH)
    said = answer.json()
    sessions = [line["sessions"] for line in said["lines"]]
    assert (sessions, said["counted"], said["cents"], said["used"], said["beyond"]) == ([1], 1, 1250, 1, 0)
    assert REFERRAL not in answer.text
    shown = (await ask(agreed, PATH, OPISTO)).json()
    assert (shown["status"], shown["used"]) == ("standing", 1)
    assert sum(month["places"] for month in shown["months"]) == 1
    assert sum(month["sessions"] for month in shown["months"]) == 1


@pytest.mark.asyncio
async def test_the_rows_say_the_same_to_a_spreadsheet(agreed: Country) -> None:
    answer = await ask(agreed, f"{PATH}/statement.csv", month=MONTH)
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == f'attachment; filename="statement-{MONTH}.csv"'
    assert answer.content.startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert (row["month"], row["sessions"], row["cents"], row["of"]) == (MONTH, "1", "1250", "sessions")
    said = (await ask(agreed, f"{PATH}/statement", month=MONTH)).json()
    assert {name: str(value) for name, value in said["lines"][0].items()}.items() <= row.items()


@pytest.mark.asyncio
async def test_a_correction_and_an_erasure_are_seen_at_once(agreed: Country) -> None:
    again = an_event("ActivityMissed", REFERRAL)
    await agreed.send(again._replace(id="zz-later"))
    assert (await ask(agreed, f"{PATH}/statement", month=MONTH)).json()["counted"] == 0
    await agreed.send(an_event("ActivityAttended", REFERRAL)._replace(id="zzz-latest"))
    assert (await ask(agreed, f"{PATH}/statement", month=MONTH)).json()["counted"] == 1
    await erased(agreed, REFERRAL)
    assert (await ask(agreed, f"{PATH}/statement", month=MONTH)).json()["counted"] == 1
    for collection in ("agreements", "agreement_months", "activity_themes"):
        rows = await agreed.doors["partners"].store.find(collection)
        assert rows
        assert not any(REFERRAL.encode() in row.body for row in rows)


@pytest.mark.asyncio
async def test_to_anybody_else_there_is_no_such_agreement(agreed: Country) -> None:
    for path in (PATH, f"{PATH}/statement", f"{PATH}/statement.csv"):
        query = {} if path == PATH else {"month": MONTH}
        refused = await ask(agreed, path, NOBODY, **query)
        unknown = await ask(agreed, path.replace("art-", "no-"), **query)
        assert (refused.status_code, unknown.status_code) == (404, 404)
        for who in (OPISTO, "ops:anna", "reader:eero"):
            assert (await ask(agreed, path, who, **query)).status_code == 200


@pytest.mark.asyncio
async def test_a_statement_is_of_a_month_that_is_one(agreed: Country) -> None:
    for query in ({}, {"month": "2026-13"}, {"month": "lokakuu"}):
        answer = await ask(agreed, f"{PATH}/statement", **query)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["path"] == "/month"


@pytest.mark.asyncio
async def test_a_strangers_word_is_refused_and_he_is_told(agreed: Country) -> None:
    stranger = an_event("AgreementMade", REFERRAL, NOBODY)
    await agreed.send(stranger)
    assert agreed.refused(stranger)
    assert (await ask(agreed, PATH)).json()["status"] == "standing"


@pytest.mark.asyncio
async def test_a_tests_agreement_and_a_tests_use_count_nowhere(agreed: Country) -> None:
    """A synthetic agreement that comes first takes no use from a real one, and shows none."""
    before = (await ask(agreed, f"{PATH}/statement", month=MONTH)).json()
    test = str(uuid4())
    for sent in [
        an_event("AgreementMade", test),
        an_event("AgreementMade", test, OPISTO),
        an_event("ActivityPublished", test),
        an_event("ReferralIssued", test, funding=["agreement"]),
        an_event("ActivityChosen", test),
        an_event("ActivityAttended", test),
    ]:
        earlier = (NOW - timedelta(days=1)).isoformat().encode()
        marked = [(name, earlier if name == "ce_time" else value) for name, value in sent.headers]
        await agreed.write(sent, json.dumps(sent.data).encode(), [*marked, ("ce_synthetic", b"true")])
    assert (await ask(agreed, f"{PATH}/statement", month=MONTH)).json() == before
    tests = (await ask(agreed, f"/v1/agreements{REGION}{OPISTO}/art-{test[:8]}")).json()
    assert (tests["status"], tests["used"], tests["months"]) == ("standing", 0, [])
