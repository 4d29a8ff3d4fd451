"""The flows of a week: what is declared and silent, what is seen and undeclared."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest

from services.monitor.flow import Edge, edges
from services.monitor.projections.observed import UNKNOWN
from services.monitor.sending import SentInADay
from shared.contracts.registry import CLASSES
from tests.unit.console_door import signed_in
from tests.unit.country import an_event, country
from tests.unit.doors import OPISTO, REGION

DECLARED: Final = {(sender, one.name) for one in CLASSES.values() for sender in one.senders}


def _row(sender: str, name: str, events: int = 1, **said: Any) -> SentInADay:
    return SentInADay("2026-09-01", sender, name, [events] + [0] * 23, **said)


def _of(rows: list[SentInADay], sender: str, name: str) -> Edge:
    (found,) = [one for one in edges(rows, CLASSES) if (one.sender, one.name) == (sender, name)]
    return found


def test_without_an_event_all_that_is_declared_is_silent() -> None:
    found = edges([], CLASSES)
    from_the_start = {one for one in DECLARED if one[0] in {"region", "opisto"} or one[0].startswith("service/")}
    assert {(one.sender, one.name) for one in found} == from_the_start
    assert {one.state for one in found} == {"silent"}


def test_another_kind_of_partner_is_silent_by_a_class_once_one_of_it_has_sent_another() -> None:
    found = edges([_row("/library/metso", "ActivityPublished")], CLASSES)
    of_libraries = {one.name: one.state for one in found if one.sender == "library"}
    assert of_libraries == {
        name: "flows" if name == "ActivityPublished" else "silent" for kind, name in DECLARED if kind == "library"
    }
    assert not [one for one in found if one.sender in {"municipality", "association"}]


def test_senders_of_one_kind_are_one_edge_with_its_mean_delay() -> None:
    rows = [
        _row(REGION, "ReferralIssued", 3, delays=9.0, refused=1),
        _row("/region/07", "ReferralIssued", 1, delays=1.0),
    ]
    found = _of(rows, "region", "ReferralIssued")
    assert (found.to, found.state, found.events, found.refused, found.delay) == ("referral", "flows", 4, 1, 2.5)


@pytest.mark.parametrize(
    ("sender", "name"), [(OPISTO, "ReferralIssued"), (UNKNOWN, UNKNOWN), ("/service/notify", "ReferralOpened")]
)
def test_what_nobody_declares_stands_first(sender: str, name: str) -> None:
    first = edges([_row(sender, name)], CLASSES)[0]
    assert (first.name, first.state) == (name, "undeclared")


@pytest.mark.asyncio
async def test_what_came_in_the_week_flows_and_the_rest_is_silent(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        one.came_at = int(datetime.now(UTC).timestamp() * 1000)
        await one.send(an_event("ReferralIssued", str(uuid4())))
        found = (await one.asks("/v1/flow?state=flows", "reader:eero")).json()["edges"]
        assert {("region", "ReferralIssued"), ("service/referral", "ReferralOpened")} <= {
            (each["sender"], each["name"]) for each in found
        }
        silent = (await one.asks("/v1/flow?state=silent")).json()["edges"]
        assert ("opisto", "ActivityAttended") in {(each["sender"], each["name"]) for each in silent}
        assert (await one.asks("/v1/flow?state=undeclared")).json()["edges"] == []
        assert (await one.asks("/v1/flow", REGION)).status_code == 403


@pytest.mark.asyncio
async def test_the_console_shows_the_flows_of_one_state_or_all_of_them_with_what_is_undeclared_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sent(*_: object) -> list[SentInADay]:
        return [_row(REGION, "ReferralIssued"), _row(UNKNOWN, UNKNOWN)]

    monkeypatch.setattr("services.monitor.sender_watch.SenderWatch.rows", sent)
    async with country(tmp_path) as one, signed_in(one.doors["monitor"], "reader:eero") as client:
        everything = (await client.get("/flow")).text.partition("<tbody")[2]
        assert 0 < everything.index("not declared") < everything.index("nothing came") < everything.index(">flows<")
        assert "not proven" in everything
        flowing = (await client.get("/flow?state=flows")).text.partition("<tbody")[2]
        assert "Referral issued" in flowing
        assert "nothing came" not in flowing
        assert (await client.get("/flow?state=ebbs")).status_code == 422
