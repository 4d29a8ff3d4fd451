"""A trace of all services together: to whom each thing was told, who looked, what is awaited; after an erasure too."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from services.monitor.model import Traced
from shared.contracts.notify_events import NotificationDelivered
from shared.contracts.topics import SERVICES
from shared.engine.model import Document
from shared.kafka.producer import Record
from tests.unit.country import Country, an_event, country, erased
from tests.unit.doors import OPISTO, REGION, key

pytestmark = pytest.mark.asyncio
_TRACED = msgspec.json.Decoder(Document[Traced])


async def trace(one: Country, referral: str) -> dict[str, Any]:
    answer = await one.asks(f"/v1/traces/{referral}", "reader:eero")
    assert answer.status_code == 200, answer.text
    looks, one.doors["monitor"].written[:] = one.doors["monitor"].written[:], []
    await one.flow(looks)
    told: dict[str, Any] = answer.json()
    return told


def told_to(shown: Mapping[str, Any]) -> set[tuple[str, str]]:
    """The class of each event that was told, and to whom."""
    classes = {event["id"]: event["type"].split(".")[2] for event in shown["events"]}
    return {(classes[one["about"]], one["to"]) for one in shown["deliveries"] if not one["machinery"]}


async def placed(one: Country, referral: str) -> int:
    activity = an_event("ActivityPublished", referral).subject
    [found] = (await one.asks(f"/v1/found?q={activity}")).json()["activities"]
    return int(found["placed"])


async def chosen(one: Country, referral: str) -> None:
    await one.send(*(an_event(name, referral) for name in ("ActivityPublished", "ReferralIssued", "ActivityChosen")))


async def test_a_trace_says_to_whom_each_thing_was_told_and_what_is_awaited_from_whom(tmp_path: Path) -> None:
    async with country(tmp_path, SERVICES) as one:
        referral = str(uuid4())
        await one.send(an_event("ActivityPublished", referral), an_event("ReferralIssued", referral))
        first = await trace(one, referral)
        awaited = first["standing"]["awaited"]
        assert (awaited["what"], awaited["concerns"], awaited["late"], awaited["reminders"]) == (
            "choice",
            REGION,
            False,
            0,
        )
        await one.send(an_event("ActivityChosen", referral))
        now = await trace(one, referral)
        assert ("PlaceReserved", OPISTO) in told_to(now)
        assert ("PlaceReserved", REGION) in told_to(now)
        assert ("ReferralOpened", OPISTO) not in told_to(now)
        assert now["standing"]["awaited"]["what"] == "attendance"
        assert await placed(one, referral) == 1


async def test_machinery_is_marked_and_what_it_led_to_is_not(tmp_path: Path) -> None:
    async with country(tmp_path, SERVICES) as one:
        referral = str(uuid4())
        await chosen(one, referral)
        shown = await trace(one, referral)
        kinds = {(row["type"].split(".")[2], row["machinery"]) for row in [*shown["events"], *shown["deliveries"]]}
        assert {name for name, folded in kinds if folded} == {"NotificationQueued", "MatchingEnded", "BondActive"}
        assert {("PlaceReserved", False), ("NotificationDelivered", False)} <= kinds
        assert all(row["delay_seconds"] == 0 for row in shown["deliveries"] if row["about"])


async def test_a_trace_shows_who_looked_and_who_was_refused(tmp_path: Path) -> None:
    async with country(tmp_path, SERVICES) as one:
        referral = str(uuid4())
        await chosen(one, referral)
        await one.asks(f"/v1/traces/{referral}", "/region/07")
        await trace(one, referral)
        looks = (await trace(one, referral))["looks"]
        assert {(look["who"], look["action"], look["ground"], look["allowed"]) for look in looks} == {
            ("reader:eero", "trace", "operations", True),
            ("/region/07", "trace", "none", False),
        }


async def kept(one: Country, referral: str) -> Sequence[Traced]:
    rows = await one.doors["monitor"].store.find("events", equal={"correlation": referral}, limit=500)
    return [state for row in rows if (state := _TRACED.decode(row.body).state)]


async def test_an_erasure_takes_which_opisto_was_told_whenever_that_comes_and_where_it_stands(tmp_path: Path) -> None:
    async with country(tmp_path, SERVICES) as one:
        referral = str(uuid4())
        await chosen(one, referral)
        assert any(state.codes.get("recipient") == OPISTO for state in await kept(one, referral))
        await erased(one, referral)
        late = NotificationDelivered(
            recipient=OPISTO, referral_id=referral, channel="feed", event_id="x", event_source="/service/catalogue"
        )
        said = {"id": "late", "source": "/service/notify", "type": "fi.kulttuurilahete.NotificationDelivered.v1"}
        headers = [(f"ce_{name}", value.encode()) for name, value in said.items()]
        await one.flow([Record("notify.events", referral.encode(), late.model_dump_json().encode(), list(headers))])
        left = await kept(one, referral)
        assert "late" in {state.id for state in left}
        assert not [state for state in left if OPISTO in state.codes.values()]
        shown = await trace(one, referral)
        assert {one["to"] for one in shown["deliveries"]} <= {None, REGION}
        assert shown["standing"] == {"status": None, "closed": False, "awaited": None}
        assert await placed(one, referral) == 0


async def test_a_place_that_is_free_again_is_counted_no_more(tmp_path: Path) -> None:
    async with country(tmp_path, SERVICES) as one:
        referral = str(uuid4())
        await chosen(one, referral)
        await one.send(an_event("ReferralWithdrawn", referral))
        assert await placed(one, referral) == 0


async def test_whatever_leads_to_a_referral_is_an_access_that_its_region_reads(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        referral = str(uuid4())
        await one.send(an_event("ReferralIssued", referral))
        broken = an_event("ReferralIssued", referral, municipality="000")
        await one.send(broken)
        [letter] = (await one.asks(f"/v1/found?q={broken.id}")).json()["referrals"]
        assert letter["referral_id"] == referral
        [letter] = (await one.asks("/v1/dead-letters")).json()["dead_letters"]
        assert referral not in letter["error"]
        await one.asks(f"/v1/dead-letters/{letter['dl_id']}")
        await one.asks(f"/v1/found?q={letter['dl_id']}")
        await one.asks(f"/v1/traces/{broken.id}")
        looks, one.doors["monitor"].written[:] = one.doors["monitor"].written[:], []
        await one.flow(looks)
        answer = await one.doors["referral"].client.get(f"/v1/referrals/{referral}/accesses", headers=key(REGION))
        told = [(look["who"], look["action"], look["service"]) for look in answer.json()["accesses"]]
        actions = ("trace", "dead_letters", "dead_letter", "trace", "trace")
        assert sorted(told) == sorted(("ops:anna", action, "monitor") for action in actions)
