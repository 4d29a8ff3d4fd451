"""Roles as partners meet them: both sides read in their feeds what concerns both, each sees its own lists, ops see all."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
import pytest_asyncio

from shared.contracts.envelope import structured
from tests.unit.country import NOW, Country, an_event, country
from tests.unit.doors import OPISTO, REGION, Door, key
from tests.unit.network import TickingClock
from tests.unit.partners_room import first_passed, on_the_wire
from tests.unit.role_facts import TOWN, UNIT, day, ended, named, registered, seat

pytestmark = pytest.mark.asyncio
SERVICES: Final = ("referral", "catalogue", "notify", "partners", "monitor")
TODAY: Final = NOW.date()
TURKU: Final = "/opisto/turku"


@pytest_asyncio.fixture
async def five(tmp_path: Path) -> AsyncIterator[Country]:
    async with country(tmp_path, SERVICES) as one:
        yield one


async def _names(one: Country, owner: str, **said: Any) -> None:
    """A partner says who it is, and names its role, by the partners service's doors."""
    partners = one.doors["partners"]
    answer = await partners.client.put(f"/v1/partners{owner}", json={"name": owner}, headers=key(owner))
    assert answer.status_code == 202, answer.text
    event = {**structured(named(0, owner, begins_on=TODAY, **said)), "time": NOW.isoformat()}
    assert (await partners.send(event, owner)).status_code == 202
    records, partners.written[:] = [*partners.written], []
    await one.flow(records)


async def _until(one: Country, time: datetime) -> None:
    partners = one.doors["partners"]
    while passed := await first_passed(partners.wired.table, partners.store, time):
        for door_ in one.doors.values():
            door_.app.state.clock = TickingClock(passed[0].time)
        await one.flow([on_the_wire(event) for event in passed])


async def _read(one: Country, who: str, name: str) -> list[Mapping[str, Any]]:
    answer = await one.doors["notify"].client.get("/v1/feed?limit=500", headers=key(who))
    return [event for event in answer.json()["events"] if f".{name}." in event["type"]]


async def test_both_sides_read_that_their_pair_is_silent_after_the_last_thing_they_did_together(five: Country) -> None:
    await _names(five, OPISTO)
    await _names(five, REGION)
    referral = str(uuid4())
    await five.send(*(an_event(name, referral) for name in ("ActivityPublished", "ReferralIssued", "ActivityChosen")))
    pair = (await _asked(five.doors["partners"], "/v1/pairs", OPISTO))["pairs"][0]
    assert (pair["standing"], pair["active_on"]) == ("whole", TODAY.isoformat())

    await _until(five, NOW + timedelta(days=89))
    assert [await _read(five, who, "PairSilent") for who in (REGION, OPISTO)] == [[], []]
    await _until(five, NOW + timedelta(days=200))
    about = {"region": REGION, "unit_ref": UNIT, "organiser": OPISTO, "active_on": TODAY.isoformat()}
    for who in (REGION, OPISTO):
        [told] = await _read(five, who, "PairSilent")
        assert told["data"].items() >= about.items()
        assert told["dataschema"] == "urn:kulttuurilahete:PairSilentToPartner:v1"


async def test_the_owner_alone_reads_that_its_role_ends_soon(five: Country) -> None:
    await _names(five, REGION)
    await _names(five, OPISTO, ends_on=TODAY + timedelta(days=100))
    await _until(five, NOW + timedelta(days=75))
    [told] = await _read(five, OPISTO, "RoleEndsSoon")
    assert told["data"] == {
        "role_id": "contact",
        "kind": "pair",
        "title": "teacher",
        "ends_on": (TODAY + timedelta(days=100)).isoformat(),
        "counterpart": REGION,
    }
    assert await _read(five, REGION, "RoleEndsSoon") == []


async def test_a_role_that_cannot_be_is_refused_and_its_sender_reads_why(five: Country) -> None:
    await _names(five, OPISTO, counterpart="/opisto/turku")
    [told] = await _read(five, OPISTO, "EventRefused")
    assert "a pair is of a region and an organiser" in told["data"]["errors"][0]


# --- the lists


@pytest_asyncio.fixture
async def partners(tmp_path: Path) -> AsyncIterator[Door]:
    """Its door, with a whole pair, one that lacks its region, one that lacks its organiser, a seat and two contacts."""
    async with country(tmp_path, ("partners", "monitor")) as one:
        for event in (
            *(registered(0, partner) for partner in (REGION, OPISTO, TOWN, TURKU, "/region/07")),
            named(1, REGION, ends_on=day(9_000)),
            named(1, OPISTO, title="culture_coordinator"),
            named(1, OPISTO, "alone", counterpart="/region/07"),
            named(1, REGION, "turku", counterpart=TURKU, unit_ref="unit-18"),
            named(1, REGION, "card", kind="kaikukortti_contact"),
            named(1, REGION, "former", kind="kaikukortti_contact"),
            ended(2, REGION, "former"),
            seat(1, OPISTO),
        ):
            await one.flow([on_the_wire(event)])
        yield one.doors["partners"]


async def test_a_pair_shows_the_roles_of_both_sides(partners: Door) -> None:
    [pair] = (await _asked(partners, f"/v1/pairs?region={REGION}&organiser={OPISTO}"))["pairs"]
    assert pair == {
        "region": REGION,
        "unit_ref": UNIT,
        "organiser": OPISTO,
        "standing": "whole",
        "region_roles": [{"role_id": "contact", "title": "teacher", "ends_on": day(9_000).isoformat()}],
        "organiser_roles": [{"role_id": "contact", "title": "culture_coordinator", "ends_on": None}],
        "whole_on": datetime.now(UTC).date().isoformat(),
        "active_on": None,
        "told_silent": False,
    }


@pytest.mark.parametrize(
    ("who", "path", "shown"),
    [
        ("ops:anna", "", ["/region/06 /opisto/tampere", "/region/06 /opisto/turku", "/region/07 /opisto/tampere"]),
        ("reader:eero", "?lacking=true", ["/region/06 /opisto/turku", "/region/07 /opisto/tampere"]),
        (OPISTO, "?lacking=true", ["/region/07 /opisto/tampere"]),
        (REGION, "?lacking=true", ["/region/06 /opisto/turku"]),
        (REGION, "?lacking=false", ["/region/06 /opisto/tampere"]),
        ("/region/07", "", ["/region/07 /opisto/tampere"]),
        ("/region/07", "?region=/region/06", []),
    ],
)
async def test_a_partner_sees_the_pairs_that_are_its_own_and_which_lack_a_side(
    partners: Door, who: str, path: str, shown: list[str]
) -> None:
    pairs = (await _asked(partners, f"/v1/pairs{path}", who))["pairs"]
    assert [f"{pair['region']} {pair['organiser']}" for pair in pairs] == shown


@pytest.mark.parametrize(
    ("who", "path", "shown"),
    [
        ("ops:anna", "", ["alone", "contact", "seat", "card", "contact", "former", "turku"]),
        (OPISTO, "", ["alone", "contact", "seat", "contact"]),
        (REGION, f"?owner={OPISTO}", ["contact"]),
        (REGION, "?kind=kaikukortti_contact&state=current", ["card"]),
        (REGION, "?state=ended", ["former"]),
        ("/region/07", "", ["alone"]),
    ],
)
async def test_a_partner_sees_its_own_roles_and_those_that_name_it(
    partners: Door, who: str, path: str, shown: list[str]
) -> None:
    assert [role["role_id"] for role in (await _asked(partners, f"/v1/roles{path}", who))["roles"]] == shown


async def test_a_seat_shows_how_it_stands(partners: Door) -> None:
    seats = (await _asked(partners, "/v1/seats?standing=claimed", OPISTO))["seats"]
    side = {"role_id": "seat", "title": "teacher", "ends_on": None}
    assert seats == [
        {"host": TOWN, "organiser": OPISTO, "standing": "claimed", "host_roles": [], "organiser_roles": [side]}
    ]
    assert (await _asked(partners, "/v1/seats", REGION))["seats"] == []


@pytest.mark.parametrize(("path", "named_as"), [("/v1/roles", "roles"), ("/v1/pairs", "pairs")])
async def test_a_list_goes_on_where_a_page_ended(partners: Door, path: str, named_as: str) -> None:
    whole = (await _asked(partners, path))[named_as]
    pages, after = [], ""
    for _ in whole:
        page = await _asked(partners, f"{path}?limit=1{after}")
        pages += page[named_as]
        after = f"&after={page['next']}"
    assert pages == whole
    assert await _asked(partners, f"{path}?limit=1{after}") == {named_as: [], "next": None}


async def _asked(one: Door, path: str, who: str = "ops:anna") -> dict[str, Any]:
    answer = await one.client.get(path, headers=key(who))
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said
