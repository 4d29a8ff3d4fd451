"""What the monitor counts beside its events: after any kill and any repetition the same as a recount of the log."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import msgspec
import pytest
from aiokafka import ConsumerRecord
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.monitor import readers_watch
from services.monitor.handlers import table
from services.monitor.projections import counts, readers
from services.monitor.projections.counts import MOST_CELLS, DayCounts, counted
from services.monitor.projections.observed import UNKNOWN, Observed, observed_of
from services.monitor.projections.observing import observe
from services.monitor.projections.readers import Reader, read_on
from services.notify.reading import ToldReads
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.dead_letter import DeadLetter
from shared.contracts.dead_letter import record_of as letter_of
from shared.contracts.envelope import Event, attributes_of, kafka_headers
from shared.contracts.notify_events import Notification, NotificationQueued
from shared.contracts.original import Original
from shared.contracts.registry import CLASSES
from shared.kafka.producer import BrokerUnavailable
from shared.store.sqlite import SqliteStore
from tests.unit.country import country
from tests.unit.doors import OPISTO, REGION, Door, door, key
from tests.unit.facts import chosen, issued, recorded

CLOCK: Final = Clock()
DAY: Final = datetime(2026, 9, 20, 10, tzinfo=UTC)
CLASS: Final = CLASSES["PlaceReserved"].type
EVENTS: Final = (issued(), chosen(1), recorded(2), issued(synthetic=True))


def _record(topic: str, partition: int, offset: int, which: int, hours: int = 0) -> ConsumerRecord:
    event = EVENTS[which]
    at = int((DAY + timedelta(hours=hours)).timestamp() * 1000)
    value = event.data.model_dump_json(exclude_none=True).encode()
    headers = tuple(kafka_headers(attributes_of(event)))
    return ConsumerRecord(topic, partition, offset, at, 1, b"key", value, None, 0, 0, headers)


def _log(which: Sequence[int]) -> list[ConsumerRecord]:
    """Events on the partitions of two topics, over three days."""
    places = [("intake.http", 0), ("intake.http", 1), ("intake.region.06", 0)]
    made: Counter[tuple[str, int]] = Counter()
    records = []
    for nth, event in enumerate(which):
        topic, partition = places[(nth + event) % 3]
        records.append(_record(topic, partition, made[topic, partition], event, hours=nth * 5 % 72))
        made[topic, partition] += 1
    return records


def _recounted(records: Sequence[ConsumerRecord]) -> Counter[str]:
    """By day, sender and class, straight from the log."""
    found: Counter[str] = Counter()
    for record in records:
        headers = dict(record.headers)
        if "ce_synthetic" not in headers:
            sender = topics.sender_of(record.topic) or headers["ce_source"].decode()
            day = datetime.fromtimestamp(record.timestamp / 1000, counts.HELSINKI)
            found[f"{day:%Y-%m-%d} {sender} {headers['ce_type'].decode().split('.')[2]}"] += 1
    return found


async def _kept(store: SqliteStore) -> Counter[str]:
    rows = await store.find("counts", order="day", limit=1_000)
    found: Counter[str] = Counter()
    for row in rows:
        state = msgspec.json.decode(row.body, type=DayCounts)
        for cell, kept in state.cells.items():
            found[f"{state.day} {cell}"] += kept.total
    return found


async def _open(folder: Path) -> SqliteStore:
    store = SqliteStore(folder / "monitor.sqlite")
    await store.open(table().collections)
    return store


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    which=st.lists(st.integers(0, 3), min_size=1, max_size=40),
    ends=st.lists(st.integers(1, 40), max_size=6),
    again=st.lists(st.integers(0, 40), max_size=6),
)
def test_after_kills_the_counts_are_those_of_a_recount_of_the_log(
    which: list[int], ends: list[int], again: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = _log(which)

    async def play() -> tuple[Counter[str], Counter[str]]:
        store = await _open(tmp_path_factory.mktemp("counts"))
        read = 0
        for end, back in zip([*sorted(ends), len(log)], [*again, 0], strict=False):
            # A batch begins at what was committed, which is never beyond what was read before.
            await observe(store, log[min(back, read) : end], CLOCK)
            read = max(read, end)
        await observe(store, log, CLOCK)
        kept = await _kept(store)
        await store.close()
        return kept, _recounted(log)

    kept, recounted = asyncio.run(play())
    assert kept == recounted


@pytest.mark.asyncio
async def test_two_instances_that_count_at_once_lose_nothing(tmp_path: Path) -> None:
    store = await _open(tmp_path)
    log = [_record("intake.http", partition, offset, 0) for partition in range(4) for offset in range(20)]
    delivered = [_told("NotificationDelivered", offset, number=offset + 1) for offset in range(20)]
    await asyncio.gather(
        *(observe(store, [*log[20 * part : 20 * part + 20], *delivered[part::4]], CLOCK) for part in range(4))
    )
    assert (await _kept(store))[f"2026-09-20 {REGION} ReferralIssued"] == 80
    (row,) = (await store.load("readers", [OPISTO])).values()
    assert msgspec.json.decode(row.body, type=Reader).laid == 20
    await store.close()


@pytest.mark.asyncio
async def test_a_record_that_our_code_fails_at_stops_no_other(tmp_path: Path) -> None:
    store = await _open(tmp_path)
    broken = _told("NotificationDelivered", 0, recipient=5, number="x")
    unreadable = ConsumerRecord("notify.events", 0, 1, 0, 1, b"", b"\xff{", None, 0, 0, broken.headers)
    with capture_logs() as logged:
        await observe(store, [broken, unreadable, _told("NotificationDelivered", 2, number=1)], CLOCK)
    assert [line["record"] for line in logged] == ["notify.events/0/1"]
    assert (await store.load("readers", [OPISTO])).keys() == {OPISTO}
    assert (await _kept(store)).total() == 3
    await store.close()


def _told(name: str, offset: int, **data: Any) -> ConsumerRecord:
    headers = (
        ("ce_specversion", b"1.0"),
        ("ce_type", f"fi.kulttuurilahete.{name}.v1".encode()),
        ("ce_source", b"/service/notify"),
    )
    body = msgspec.json.encode({"recipient": OPISTO, **data})
    at = int(DAY.timestamp() * 1000) + offset
    return ConsumerRecord("notify.events", 0, offset, at, 1, b"", body, None, 0, 0, headers)


# --- what is counted as whose


def _seen(record: ConsumerRecord) -> Observed:
    return observed_of(record, CLOCK, DAY.timestamp())


def test_what_is_counted_is_who_sent_it_as_the_topic_proves_it() -> None:
    own = _record("intake.region.01", 0, 0, 0)
    assert (_seen(own).sender, _seen(own).name) == ("/region/01", "ReferralIssued")
    assert _seen(_record("intake.http", 0, 0, 2)).sender == OPISTO
    nobody = ConsumerRecord("intake.http", 0, 0, 0, 1, None, None, None, 0, 0, ())
    assert (_seen(nobody).sender, _seen(nobody).name) == (UNKNOWN, UNKNOWN)


def test_a_dead_letter_counts_under_its_sender_class_and_the_service_that_refused_it() -> None:
    came = _record("intake.region.06", 3, 7, 1)
    original = Original(came.topic, 3, 7, came.timestamp, came.key, came.value, list(came.headers))
    dead = letter_of(DeadLetter("d1", "referral", "rejected", "no", original, 1), DAY)
    record = ConsumerRecord(topics.DEAD_LETTERS, 0, 0, came.timestamp, 1, dead[0], dead[1], None, 0, 0, tuple(dead[2]))
    state = counted(None, [_seen(record)])
    assert [*state.cells] == [f"{REGION} ActivityChosen referral"]


def test_a_sender_whose_clock_is_ahead_is_seen_and_how_long_after_its_time_an_event_comes() -> None:
    after, before = (_seen(_record("intake.http", 0, nth, 0, hours=-480 * nth)) for nth in range(2))
    (cell,) = counted(None, [after]).cells.values()
    assert (cell.ahead, cell.delays) == (0.0, (DAY - issued().time).total_seconds())
    (cell,) = counted(None, [before]).cells.values()
    assert (cell.ahead, cell.delays) == ((issued().time - (DAY - timedelta(hours=480))).total_seconds(), 0.0)


def test_strangers_cannot_make_a_document_grow_without_end() -> None:
    flood = [Observed("intake.http", 0, nth, DAY, f"/x/{nth}", UNKNOWN) for nth in range(MOST_CELLS + 50)]
    state = counted(None, flood)
    assert len(state.cells) == MOST_CELLS + 1
    assert state.cells[f"{UNKNOWN} {UNKNOWN}"].total == 50


# --- readers


WORDS: Final = [
    Observed(
        "notify.events", 0, nth, DAY + timedelta(hours=nth), "/service/notify", name, data=msgspec.json.encode(data)
    )
    for nth, (name, data) in enumerate(
        [
            ("NotificationDelivered", {"recipient": OPISTO, "number": 1}),
            ("NotificationDelivered", {"recipient": OPISTO, "number": 2}),
            ("FeedRead", {"recipient": OPISTO, "up_to": 0}),
            ("FeedRead", {"recipient": OPISTO, "up_to": 2}),
        ]
    )
]


def test_a_feed_is_unread_since_its_first_entry_until_all_of_it_is_read() -> None:
    reader = read_on(None, WORDS[:3])
    assert (reader.laid, reader.read, reader.unread_since) == (2, 0, DAY.timestamp())
    reader = read_on(reader, WORDS[3:])
    assert (reader.read, reader.unread_since) == (2, None)


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12))
def test_how_far_a_feed_is_read_hangs_on_no_order(words: list[Observed]) -> None:
    reader = read_on(None, words)
    data = [one.read() for one in words]
    assert reader.laid == max((one.get("number", 0) for one in data), default=0)
    assert reader.read == max((one.get("up_to", 0) for one in data), default=0)
    assert (reader.unread_since is None) == (reader.read >= reader.laid)


def test_who_reads_and_who_never_looks_is_told_by_notify() -> None:
    assert readers.id_of(WORDS[0]) == OPISTO
    assert readers.id_of(WORDS[0]._replace(sender=REGION)) is None


@pytest.mark.asyncio
async def test_ops_sees_who_reads_its_feed_and_who_never_looks(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        monitor = one.doors["monitor"]
        words = [
            _told("NotificationDelivered", 0, number=1),
            _told("NotificationDelivered", 1, recipient=REGION, number=1),
            _told("NotificationDelivered", 2, recipient=REGION, number=2),
            _told("FeedRead", 3, recipient=REGION, up_to=1),
        ]
        await observe(monitor.store, words, CLOCK)
        answer = (await one.asks("/v1/readers?limit=1", "reader:eero")).json()
        (never,) = answer["readers"]
        assert (never["partner"], never["behind"], never["looked_at"]) == (OPISTO, 1, None)
        (region,) = (await one.asks(f"/v1/readers?after={answer['next']}")).json()["readers"]
        assert (region["partner"], region["behind"], region["read"]) == (REGION, 1, 1)
        assert region["looked_at"] is not None
        await readers_watch.look(monitor.store, DAY.timestamp() + 3_600)
        assert REGISTRY.get_sample_value("lahete_feed_unread_seconds", {"service": "monitor"}) == 3_600
        assert (await one.asks("/v1/readers", REGION)).status_code == 403


@pytest.mark.asyncio
async def test_notify_says_how_far_a_partner_has_read_at_each_step_on_and_else_once_an_hour(tmp_path: Path) -> None:
    now = [0.0]
    async with door("notify", tmp_path) as notify:
        notify.app.state.told_reads = ToldReads(lambda: now[0])
        notified = [
            Notification(
                id=f"e{nth}",
                source=REGION,
                type=CLASS,
                time="2026-09-01T08:00:00Z",
                subject=OPISTO,
                data="{}",
                extract="PlaceReservedToOrganiser",
            )
            for nth in range(2)
        ]
        queued = [NotificationQueued(recipient=OPISTO, notification=one) for one in notified]
        events = [Event(f"q{nth}", "/service/notify", DAY, one) for nth, one in enumerate(queued)]
        await notify.given(*events, topic=topics.events_of("notify"))
        assert [one["number"] for one in _said(notify, "NotificationDelivered")] == [1, 2]
        for after in ("0", "0", "2"):
            await notify.client.get(f"/v1/feed?after={after}", headers=key(OPISTO))
        assert [one["up_to"] for one in _said(notify, "FeedRead")] == [0, 2]
        now[0] = 3_600.0
        await notify.client.get("/v1/feed?after=2", headers=key(OPISTO))
        assert [one["up_to"] for one in _said(notify, "FeedRead")] == [0, 2, 2]
        assert (await notify.client.get("/v1/feed?after=9", headers=key(OPISTO))).status_code == 422
        assert len(_said(notify, "FeedRead")) == 3


@pytest.mark.asyncio
async def test_a_partner_reads_its_feed_though_kafka_takes_no_word_of_it(tmp_path: Path) -> None:
    async with door("notify", tmp_path) as notify:

        async def away(*_: object, **__: object) -> None:
            raise BrokerUnavailable("Kafka has not acknowledged")

        notify.app.state.publisher = SimpleNamespace(publish=away)
        with capture_logs() as logged:
            assert (await notify.client.get("/v1/feed", headers=key(OPISTO))).status_code == 200
        assert [line["event"] for line in logged] == ["feed_read_not_told"]


def _said(one: Door, name: str) -> list[dict[str, Any]]:
    named = [record for record in one.written if dict(record.headers)["ce_type"] == CLASSES[name].type.encode()]
    return [msgspec.json.decode(record.value or b"") for record in named]
