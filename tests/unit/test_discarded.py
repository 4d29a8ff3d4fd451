"""A dead letter is laid aside with a reason, and stands open again when that is taken back."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.unit.ops_room import OpsRoom, ops_room

pytestmark = pytest.mark.asyncio
LETTER = "/v1/dead-letters/d1"


@pytest_asyncio.fixture
async def monitor(tmp_path: Path) -> AsyncIterator[OpsRoom]:
    async with ops_room(tmp_path) as one:
        await one.letter("d1")
        yield one


async def state(monitor: OpsRoom) -> tuple[str, str | None, str | None]:
    found = await monitor.get(LETTER)
    return found["state"], found["by"], found["why"]


async def test_a_discard_has_a_reason_and_can_be_undone_as_often_as_one_likes(monitor: OpsRoom) -> None:
    for why in ("sent anew", "sent anew"):
        assert (await monitor.post(f"{LETTER}/discard", {"why": why})).status_code == 202
        assert await state(monitor) == ("discarded", "ops:anna", why)
        assert (await monitor.post(f"{LETTER}/undo-discard")).status_code == 202
        assert await state(monitor) == ("open", "ops:anna", None)
    assert (await monitor.post(f"{LETTER}/redrive")).status_code == 202


@pytest.mark.parametrize(
    ("said", "status"),
    [(None, 400), ({}, 400), ({"why": ""}, 422), ({"why": "x" * 301}, 422), ({"why": "131052-308T"}, 422)],
    ids=str,
)
async def test_a_discard_without_a_reason_that_can_be_kept_is_none(
    said: dict[str, str] | None, status: int, monitor: OpsRoom
) -> None:
    answer = await monitor.post(f"{LETTER}/discard", said)
    assert answer.status_code == status
    assert "131052" not in answer.text
    assert (await state(monitor))[0] == "open"


async def test_only_what_is_discarded_is_taken_back(monitor: OpsRoom) -> None:
    assert (await monitor.post(f"{LETTER}/undo-discard")).status_code == 409
    await monitor.post(f"{LETTER}/redrive")
    assert (await monitor.post(f"{LETTER}/undo-discard")).status_code == 409
    assert (await monitor.post("/v1/dead-letters/none/undo-discard")).status_code == 404
    assert (await monitor.post(f"{LETTER}/undo-discard", who="reader:eero")).status_code == 403


async def test_what_an_erasure_discarded_stays_discarded(monitor: OpsRoom) -> None:
    await monitor.letter("packed", value=b"\xff\xfe\x00" * 9, dl_reason="undecodable")
    assert (await monitor.get("/v1/dead-letters/packed"))["state"] == "discarded"
    answer = await monitor.post("/v1/dead-letters/packed/undo-discard")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:kulttuurilahete:problem:nothing-kept")
