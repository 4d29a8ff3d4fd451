"""The console's first page: feeds that nobody reads, and a part that cannot be asked while the others are."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from aiokafka.errors import KafkaTimeoutError

from services.monitor.checks import Checked, checks_of
from shared.clock import real_now
from shared.contracts import topics
from shared.contracts.topics import SERVICES
from shared.store import StoreUnavailable
from tests.unit.console_door import OPS, READER, console, lay, signed_in
from tests.unit.country import country
from tests.unit.doors import OPISTO, key

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


async def test_where_nothing_can_be_asked_the_page_does_not_say_that_nothing_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("the store is away")

    async with country(tmp_path) as one, signed_in(one.doors["monitor"], READER) as client:
        for what in ("checks_api.checked", "lag_api.lags", "overdue_api._late", "readers_api._in_order"):
            monkeypatch.setattr(f"services.monitor.{what}", away)
        shown = (await client.get("/")).text
        assert "Nothing waits for a person." not in shown
        renewed = re.search(r'<div id="not-known" data-part>(.*?)\n</div>\n', shown, re.DOTALL)
        assert renewed, "what is not known is renewed with the page"
        assert "A part of this is not known now." in renewed[1]


async def test_a_reader_is_shown_that_ops_alone_take_over_what_is_late(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"], READER) as client:
        shown = (await client.get("/overdue")).text
        assert shown.count('<span class="off">Take over <small>for ops alone</small></span>') == 2
        assert 'href="/overdue/' not in shown


async def test_where_kafka_does_not_say_how_far_it_is_read_the_page_invents_no_figure(tmp_path: Path) -> None:
    async def frozen(*_: object) -> None:
        raise KafkaTimeoutError

    async def well(_: object) -> list[Checked]:
        return [Checked(check, "ok") for check in checks_of(dict.fromkeys(SERVICES, "http://door"))]

    async with console(tmp_path) as one, signed_in(one.doors["monitor"], READER) as client:
        # Undone before the console's own lag is: else that would stay for all tests of this process.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("services.monitor.checks_api.checked", well)
            patch.setattr("services.monitor.lag_api.lags", frozen)
            shown = (await client.get("/")).text
        assert shown.count('class="amount" data-label="Events behind">–</td>') == len(SERVICES) > 0


async def test_a_group_needs_a_person_again_once_it_is_parked_no_more(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"]) as client:
        monitor = one.doors["monitor"]
        one.doors = {"monitor": monitor}  # the others' clocks are as before
        groups = (await monitor.client.get("/v1/dead-letter-groups", headers=key(OPS))).json()["groups"]
        assert "<span>Dead letters</span>" in (await client.get("/")).text
        for days, needs in ((3, False), (-3, True)):
            said = {"parked_until": (real_now() + timedelta(days=days)).isoformat()}
            monitor.written.clear()
            for group in groups:
                address = f"/v1/dead-letter-groups/{group['group']}"
                assert (await monitor.client.put(address, json=said, headers=key(OPS))).status_code == 202
            await one.flow([record for record in monitor.written if record.topic != topics.AUDIT])
            assert ("<span>Dead letters</span>" in (await client.get("/")).text) is needs, days


async def test_the_page_counts_who_is_late_and_looks_at_no_referral(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"], READER) as client:
        one.doors["monitor"].written.clear()
        assert "<span>Referrals that are late</span><strong>2</strong>" in (await client.get("/")).text
        assert one.doors["monitor"].written == []
