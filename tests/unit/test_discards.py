"""Many dead letters are laid aside for one reason, as a redrive chooses them, and taken back by that reason."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio

from services.monitor import discards_api
from tests.unit.ops_room import OpsRoom, letter, ops_room

pytestmark = pytest.mark.asyncio
WHERE = "/v1/discards"
WHY = {"why": "sent anew", "reason": "rejected"}
ABOUT = "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"


@pytest_asyncio.fixture
async def monitor(tmp_path: Path) -> AsyncIterator[OpsRoom]:
    async with ops_room(tmp_path) as one:
        await one.reads(*(letter(f"d{nth}", dl_offset=str(nth)) for nth in range(5)))
        await one.letter("other", dl_reason="invalid")
        yield one


async def in_state(monitor: OpsRoom, state: str) -> list[str]:
    found = await monitor.get("/v1/dead-letters", state=state)
    return sorted(one["dl_id"] for one in found["dead_letters"])


async def test_the_open_letters_of_a_filter_are_laid_aside_and_taken_back_by_their_reason(monitor: OpsRoom) -> None:
    await monitor.post("/v1/dead-letters/d4/discard", {"why": "of old"})
    done = await monitor.post(WHERE, WHY)
    assert (done.status_code, done.json()) == (202, {"chosen": 4, "discarded": 4})
    assert await in_state(monitor, "open") == ["other"]
    found = await monitor.get("/v1/dead-letters/d0")
    assert (found["why"], found["by"]) == ("sent anew", "ops:anna")
    back = await monitor.post(f"{WHERE}/undo", WHY)
    assert (back.status_code, back.json()) == (202, {"reopened": 4})
    assert await in_state(monitor, "discarded") == ["d4"], "another reason's"


async def test_no_more_than_so_many_go_at_once_the_oldest_first(
    monitor: OpsRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discards_api, "AT_ONCE", 2)
    first, second = [(await monitor.post(WHERE, WHY)).json() for _ in range(2)]
    assert (first, second) == ({"chosen": 5, "discarded": 2}, {"chosen": 3, "discarded": 2})
    assert len(await in_state(monitor, "open")) == 2
    reopened = [(await monitor.post(f"{WHERE}/undo", WHY)).json()["reopened"] for _ in range(2)]
    assert reopened == [2, 2]
    assert await in_state(monitor, "discarded") == []


async def test_by_their_ids_too_and_only_those_that_are_open(monitor: OpsRoom) -> None:
    named = {"why": "sent anew", "dl_ids": ["d1", "d2", "none", "d1"]}
    await monitor.post("/v1/dead-letters/d2/discard", {"why": "of old"})
    assert (await monitor.post(WHERE, named)).json() == {"chosen": 1, "discarded": 1}
    assert (await monitor.post(f"{WHERE}/undo", named)).json() == {"reopened": 1}
    assert await in_state(monitor, "discarded") == ["d2"]


async def test_whose_referrals_are_laid_aside_is_kept_before_it_is_done(monitor: OpsRoom) -> None:
    await monitor.letter("about", dl_reason="invalid", value=msgspec.json.encode({"referral_id": ABOUT}))
    await monitor.post(WHERE, {"why": "sent anew", "reason": "invalid"})
    kept = [msgspec.json.decode(one.value or b"") for one in monitor.audit]
    deeds = [(one["who"], one.get("referral_id"), one["allowed"]) for one in kept if one["action"] == "discard"]
    assert deeds == [("ops:anna", ABOUT, True)]


async def test_no_more_go_at_once_than_name_what_the_audit_can_keep(
    monitor: OpsRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discards_api, "_MOST_NAMED", 2)
    named = [[str(UUID(int=4 * nth + one, version=4)) for one in range(2)] for nth in range(3)]
    for nth, some in enumerate(named):
        await monitor.letter(f"n{nth}", dl_reason="conflict", dl_offset=str(nth), value=msgspec.json.encode(some))
    done = [(await monitor.post(WHERE, {"why": "sent anew", "reason": "conflict"})).json() for _ in named]
    assert done == [{"chosen": left, "discarded": 1} for left in (3, 2, 1)]
    kept = [msgspec.json.decode(one.value or b"") for one in monitor.audit]
    assert [one["referral_id"] for one in kept if one["action"] == "discard"] == [one for some in named for one in some]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"reason": "rejected"}, 400),
        ({"why": "", "reason": "rejected"}, 422),
        ({"why": "131052-308T", "reason": "rejected"}, 422),
        ({"why": "sent anew"}, 422),
        ({"why": "sent anew", "reason": "forged_sender"}, 409),
    ],
    ids=["no reason", "an empty reason", "a code of a person", "no filter", "nothing chosen"],
)
@pytest.mark.parametrize("path", [WHERE, f"{WHERE}/undo"])
async def test_what_cannot_be_done_is_said_and_nothing_changes(
    path: str, said: dict[str, Any], status: int, monitor: OpsRoom
) -> None:
    answer = await monitor.post(path, said)
    assert answer.status_code == status, answer.text
    assert "131052" not in answer.text
    assert len(await in_state(monitor, "open")) == 6


@pytest.mark.parametrize("path", [WHERE, f"{WHERE}/undo"])
async def test_a_reader_lays_nothing_aside(path: str, monitor: OpsRoom) -> None:
    assert (await monitor.post(path, WHY, who="reader:eero")).status_code == 403
    assert len(await in_state(monitor, "open")) == 6


async def test_what_an_erasure_discarded_is_never_taken_back(monitor: OpsRoom) -> None:
    await monitor.letter("packed", value=b"\xff\xfe\x00" * 9, dl_reason="undecodable")
    assert (await monitor.post(f"{WHERE}/undo", {"why": "sent anew", "reason": "undecodable"})).status_code == 409
    assert await in_state(monitor, "discarded") == ["packed"]
