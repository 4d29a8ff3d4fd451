"""The console's first page: feeds that nobody reads, and a part that cannot be asked while the others are."""

from pathlib import Path

import pytest

from shared.store import StoreUnavailable
from tests.unit.console_door import READER, console, lay, signed_in
from tests.unit.doors import OPISTO

pytestmark = pytest.mark.asyncio


async def test_a_feed_that_is_unread_for_a_week_needs_a_person_and_stands_first_among_readers(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"], READER) as client:
        assert "Feeds unread" not in (await client.get("/")).text
        await lay(one)
        assert "<span>Feeds unread for a week</span><strong>1</strong>" in (await client.get("/")).text
        readers = (await client.get("/readers")).text
        assert 0 < readers.index(f"<bdi>{OPISTO}</bdi>") < readers.index("Satakunta")
        assert "<strong>15\u00a0d" in readers


async def test_where_the_senders_cannot_be_asked_the_page_says_so_and_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise StoreUnavailable("the counts are away")

    async with console(tmp_path) as one, signed_in(one.doors["monitor"], READER) as client:
        await lay(one)
        monkeypatch.setattr("services.monitor.sender_watch.SenderWatch.senders", away)
        shown = (await client.get("/")).text
        assert "A part of this is not known now." in shown
        assert "Senders who are silent" not in shown
        assert "Feeds unread for a week" in shown
        assert "Referrals that are late" in shown
