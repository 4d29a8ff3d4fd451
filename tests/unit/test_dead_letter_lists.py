"""Dead letters in lists: what can be told of many at once, without a look into one."""

from pathlib import Path

import pytest

from tests.unit.ops_room import ops_room

pytestmark = pytest.mark.asyncio
REFERRAL = "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"


async def test_a_list_shows_no_referral_inside_an_error_and_the_letter_does(tmp_path: Path) -> None:
    why = f"/subject: the record's key is 'x'; for ReferralIssued it is '{REFERRAL}'"
    async with ops_room(tmp_path) as monitor:
        await monitor.letter("d1", dl_error=why)
        [listed] = (await monitor.get("/v1/dead-letters"))["dead_letters"]
        assert listed["error"] == "/subject: the record's key is …; for ReferralIssued it is …"
        assert (await monitor.get("/v1/dead-letters/d1"))["error"] == why
