"""A partner's feed over HTTP: read again from any cursor that it has given."""

from pathlib import Path

import pytest

from shared.contracts import every_service_events
from shared.contracts.envelope import Event
from shared.http.problem_types import BEYOND_THE_END
from tests.unit.doors import REGION, door, key
from tests.unit.facts import at

pytestmark = pytest.mark.asyncio


async def test_a_cursor_beyond_the_feeds_end_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """So it is after a restore: what comes next would be given the numbers that this partner believes to have read."""
    refusals = [
        every_service_events.EventRefused(
            sender=REGION, service="referral", event_id=f"e{number}", event_type="x", reason="invalid", errors=("no",)
        )
        for number in range(3)
    ]
    async with door("notify", tmp_path) as one:
        assert (await one.client.get("/v1/feed?after=0", headers=key(REGION))).json() == {"events": [], "next": "0"}
        events = [Event(f"r{number}", "/service/referral", at(0), data) for number, data in enumerate(refusals)]
        await one.given(*events, topic="referral.events")
        read = (await one.client.get("/v1/feed?after=1", headers=key(REGION))).json()
        assert (len(read["events"]), read["next"]) == (2, "3")
        assert (await one.client.get("/v1/feed?after=3", headers=key(REGION))).json() == {"events": [], "next": "3"}
        beyond = await one.client.get("/v1/feed?after=4", headers=key(REGION))
    assert (beyond.status_code, beyond.json()["type"]) == (422, BEYOND_THE_END.uri)
    assert (
        "your feed ends at 3: where it was restored from a backup, read it again from after=0"
        in beyond.json()["detail"]
    )
