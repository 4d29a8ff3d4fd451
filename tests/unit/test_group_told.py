"""What partners read of a group in their feeds, where it stands over HTTP for whom, and its trace."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from shared.contracts.extracts import EXTRACTS
from tests.unit.country import Country, Sent, an_event, country
from tests.unit.doors import OPISTO, REGION, key
from tests.unit.facts import at, published
from tests.unit.group_facts import a_group, group_chose, group_issued, group_met
from tests.unit.network import Network


def read_by(network: Network, partner: str) -> list[dict[str, Any]]:
    """What stands of the group in a partner's feed."""
    return [one for one in network.feeds("").get(partner, []) if one["data"].get("group_id") == a_group()]


def test_both_sides_read_each_word_once_and_no_more_than_is_theirs() -> None:
    network = Network(at(-100), telling=True)
    network.in_order([published(), group_issued(0), group_chose(1), group_met(20.1)])
    network.let_time_pass(60)
    said = {who: [one["type"].split(".")[-2] for one in read_by(network, who)] for who in (REGION, OPISTO)}
    assert said == {
        REGION: ["GroupMatched", "GroupPlaced", "GroupSessionsStated", "GroupEnded"],
        OPISTO: ["GroupPlaced", "GroupReminded"],
    }
    for entry in (*read_by(network, REGION), *read_by(network, OPISTO)):
        name = entry["dataschema"].split(":")[2]
        assert EXTRACTS[name].model_validate_json(msgspec.json.encode(entry["data"]))
        assert "recipient" not in entry["data"]


@pytest.mark.asyncio
async def test_an_issuer_ops_and_the_organiser_look_and_nobody_else(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        group = str(uuid4())
        await one.send(*the_road(group))
        asked = {who: await look(one, group, who) for who in (REGION, "ops:anna", OPISTO, "/region/07", "reader:eero")}
        assert {who: status for who, (status, _) in asked.items()} == {
            REGION: 200,
            "ops:anna": 200,
            OPISTO: 200,
            "/region/07": 404,
            "reader:eero": 404,
        }
        whole, part = asked[REGION][1], asked[OPISTO][1]
        assert (whole["status"], whole["size"], whole["held"]) == ("completed", 3, 1)
        assert [(s["session_id"], s["state"], s["participants"]) for s in whole["sessions"]] == [("1", "held", 3)]
        classes = [fact["type"] for fact in whole["history"]]
        assert sorted(classes) == ["GroupActivityChosen", "GroupReferralIssued", "GroupSessionHeld"]
        assert [fact["type"] for fact in part["history"]] == ["GroupSessionHeld"]
        assert asked["ops:anna"][1] == whole


def the_road(group: str) -> list[Sent]:
    names = ("ActivityPublished", "GroupReferralIssued", "GroupActivityChosen", "GroupSessionHeld")
    return [an_event(name, group) for name in names]


async def look(one: Country, group: str, who: str) -> tuple[int, dict[str, Any]]:
    answer = await one.doors["referral"].client.get(f"/v1/groups/{group.upper()}", headers=key(who))
    return answer.status_code, answer.json()


@pytest.mark.asyncio
async def test_an_organiser_sees_a_group_only_once_it_has_places_there(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        group = str(uuid4())
        published_, issued, chosen, _ = the_road(group)
        await one.send(published_, issued)
        assert (await look(one, group, OPISTO))[0] == 404
        await one.send(chosen)
        status, seen = await look(one, group, OPISTO)
        assert (status, seen["place"]["state"], seen["history"]) == (200, "placed", [])
        assert (await look(one, str(uuid4()), REGION))[0] == (await look(one, "nothing", REGION))[0] == 404


@pytest.mark.asyncio
async def test_the_trace_of_a_group_has_what_was_sent_and_what_was_told(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        group = str(uuid4())
        await one.send(*the_road(group))
        trace = (await one.asks(f"/v1/traces/{group}")).json()
        classes = {event["type"].split(".")[-2] for event in trace["events"]}
        assert classes >= {
            "GroupReferralIssued",
            "GroupMatchRequested",
            "GroupActivitiesFound",
            "GroupMatched",
            "GroupPlacesAnswered",
            "GroupPlaced",
            "GroupEnded",
        }
        assert trace["standing"] is None


@pytest.mark.asyncio
async def test_a_group_s_issue_that_is_wrong_is_told_with_the_field(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        group = str(uuid4())
        await one.send(
            an_event("GroupReferralIssued", group, size=1),
            an_event("GroupReferralIssued", group, age={"min": 80, "max": 70}),
            an_event("GroupSessionHeld", group, participants=-1),
        )
        said = [refusal["errors"][0] for refusal in one.told]
        assert ["size" in said[0], "min 80 is above max 70" in said[1], "participants" in said[2]] == [True] * 3
