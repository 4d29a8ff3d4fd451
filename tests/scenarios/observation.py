"""Observes a platform from outside, for the oracle: every record on Kafka, and the doors' answers.

Knows Kafka, HTTP and the two files that `lahete run` writes (docs/contracts.md, “Command line”), nothing of the inside. Reads
without a group of its own and commits nothing.
"""

import asyncio
import json
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Self

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from prometheus_client.parser import text_string_to_metric_families

from shared.contracts.topics import SERVICES, sender_of
from tests.feeds import faults_of
from tests.over_http import NO_TLS

Named = tuple[str, str]
"""(source, id): how an event is known."""

Headers = Iterable[tuple[str, bytes | None]]

OPS: Final = "ops:first"
_PREFIX: Final = "fi.kulttuurilahete."
_HONEST_RETRIES_DIFFER_IN: Final = frozenset({"ce_time", "ce_traceparent", "dl_time"})
_QUIET_LOOKS: Final = 2
_AT_ONCE: Final = 500
_QUESTIONS_AT_ONCE: Final = 8

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecordPlace:
    """A platform's addresses. Read again from its folder: a service may be elsewhere after a restart."""

    kafka: str
    urls: Mapping[str, str]
    keys: Mapping[str, str]

    @classmethod
    def of(cls, folder: Path) -> Self:
        """The platform that runs in a folder."""
        run = json.loads((folder / "run.json").read_text())
        return cls(run["kafka"], run["urls"], json.loads((folder / "keys.json").read_text()))


@dataclass(frozen=True, slots=True)
class ObservedRecord:
    """One record on Kafka, its bytes as digests: a long run has more of them than memory holds."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    attributes: Mapping[str, str]
    """Of the CloudEvent, as far as they can be read."""
    letter: Mapping[str, str]
    """The `dl_` headers of a dead letter, without the prefix."""
    data: bytes
    """Digest of the value."""
    content: bytes
    """Digest of key, value and headers without what honest retries differ in: `time` and tracing (docs/protocol.md)."""
    original: bytes
    """Digest of key, value and headers, each byte of them, without `dl_` headers."""

    @classmethod
    def read(
        cls,
        topic: str,
        partition: int,
        offset: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        timestamp: int = 0,
    ) -> Self:
        """A record as a consumer gives it."""
        kept = [(name, content) for name, content in headers]
        letter = {name[3:]: _text(content) for name, content in kept if name.startswith("dl_")}
        own = [(name, content) for name, content in kept if not name.startswith("dl_")]
        attributes = {name[3:]: _text(content) for name, content in own if name.startswith("ce_")}
        return cls(
            topic=topic,
            partition=partition,
            offset=offset,
            timestamp=timestamp,
            key=key,
            attributes=attributes or _structured(value),
            letter=letter,
            data=_digest(value),
            content=_digest(key, value, *sorted(one for one in kept if one[0] not in _HONEST_RETRIES_DIFFER_IN)),
            original=_digest(key, value, *own),
        )

    @property
    def named(self) -> Named | None:
        """None where it says no id. Its sender is whom the topic that it first stood on proves, else whom it names."""
        proven = sender_of(self.letter.get("topic", self.topic))
        id_ = self.attributes.get("id", "")
        return (proven or self.attributes.get("source", ""), id_) if id_ else None

    @property
    def name(self) -> str:
        """Its class: `ReferralIssued`."""
        return self.attributes.get("type", "").removeprefix(_PREFIX).partition(".")[0]

    @property
    def at(self) -> str:
        """The record's place, for a person."""
        return f"{self.topic}[{self.partition}]@{self.offset}"


def _text(content: bytes | None) -> str:
    return (content or b"").decode(errors="replace")


def _structured(value: bytes | None) -> Mapping[str, str]:
    try:
        document = json.loads(value or b"")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(document, dict) or "specversion" not in document:
        return {}
    return {name: content for name, content in document.items() if isinstance(content, str)}


def _digest(*parts: object) -> bytes:
    return blake2b(repr(parts).encode(), digest_size=12).digest()


@dataclass(frozen=True)
class Observation:
    """Everything that the oracle sees once the platform is quiet."""

    records: Sequence[ObservedRecord] = ()
    """Of every topic, in order of offset within a partition."""
    fell_out: Mapping[str, int] = field(default_factory=dict)
    """Partitions that do not begin at 0: the oracle cannot judge the records that fell out."""
    became: Mapping[Named, tuple[str, int]] = field(default_factory=dict)
    """By event: its outcome and its repetitions, by the monitor."""
    unquiet: Sequence[str] = ()
    """The work left: lag and outboxes, a line each."""
    histories: Mapping[str, Sequence[Named]] = field(default_factory=dict)
    """By referral that the oracle asked for: the events in its history."""
    feeds: Mapping[str, Sequence[Named]] = field(default_factory=dict)
    """By sender of these events: the entries of its feed."""

    @cached_property
    def intake(self) -> Sequence[ObservedRecord]:
        """The records that came from outside."""
        return [one for one in self.records if one.topic.startswith("intake.")]

    @cached_property
    def decided(self) -> Sequence[ObservedRecord]:
        """The records of the services."""
        own = {f"{service}.events" for service in SERVICES}
        return [one for one in self.records if one.topic in own]

    @cached_property
    def dead(self) -> Sequence[ObservedRecord]:
        """The dead letters."""
        return [one for one in self.records if one.topic == "dead-letters"]


async def look(place: RecordPlace, named: Iterable[Named], referrals: Iterable[str]) -> Observation:
    """Everything, with what became of these events and the histories of these referrals.

    Asking for a history is an event itself (the audit keeps it), so the work left is asked last.
    """
    async with httpx.AsyncClient(timeout=30, verify=NO_TLS) as http:
        became = await _became(http, place, list(named))
        histories = await _histories(http, place, list(referrals))
        feeds = await _feeds(http, place, {source for source, _ in became})
    unquiet = await until_quiet(place, 60)
    records, fell_out = await read_all(place.kafka)
    return Observation(records, fell_out, became, unquiet, histories, feeds)


# --- Kafka


async def read_all(kafka: str, topics: Sequence[str] = ()) -> tuple[list[ObservedRecord], dict[str, int]]:
    """Every record there is, or of these topics, and the partitions that have lost their beginning."""
    async with AIOKafkaConsumer(
        bootstrap_servers=kafka,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
        fetch_max_wait_ms=20,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    ) as consumer:
        at = [one for one in await partitions(kafka) if not topics or one.topic in topics]
        beginnings = await consumer.beginning_offsets(at)
        ends = {one: end for one, end in (await consumer.end_offsets(at)).items() if end > beginnings[one]}
        records: list[ObservedRecord] = []
        if ends:
            consumer.assign(list(ends))
            await consumer.seek_to_beginning(*ends)
        for one, end in ends.items():
            records += await _read_partition(consumer, one, end)
    records.sort(key=lambda one: (one.topic, one.partition, one.offset))
    return records, {f"{one.topic}[{one.partition}]": begin for one, begin in beginnings.items() if begin}


async def _read_partition(consumer: Any, one: TopicPartition, end: int) -> list[ObservedRecord]:
    """One partition after the other: a record that the client cannot read costs it its records of the others."""
    records: list[ObservedRecord] = []
    while (position := await consumer.position(one)) < end:
        try:
            for batch in (await consumer.getmany(one, timeout_ms=500)).values():
                records += [_record(record) for record in batch if record.offset < end]
        except Exception as error:  # noqa: BLE001 - whatever it is, something stands there that it cannot read
            log.debug("%s[%s]@%s cannot be read: %r", one.topic, one.partition, position, error)
            records.append(ObservedRecord.read(one.topic, one.partition, position, None, None, ()))
            consumer.seek(one, position + 1)
    return records


async def partitions(kafka: str) -> list[TopicPartition]:
    """Every partition of the platform's topics."""
    # Not by a consumer: one that does not subscribe knows no topic's partitions until its first refresh.
    client = AIOKafkaClient(bootstrap_servers=kafka)
    await client.bootstrap()
    try:
        cluster = await client.fetch_all_metadata()
    finally:
        await client.close()
    return [
        TopicPartition(topic, number)
        for topic in sorted(cluster.topics())
        if not topic.startswith("_")
        for number in cluster.partitions_for_topic(topic) or ()
    ]


def _record(record: Any) -> ObservedRecord:
    return ObservedRecord.read(
        record.topic, record.partition, record.offset, record.key, record.value, record.headers, record.timestamp
    )


# --- HTTP


def _as(place: RecordPlace, who: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {place.keys[who]}"}


async def until_quiet(place: RecordPlace, seconds: float) -> list[str]:
    """The work left: none once all lag and outboxes are at an end in two looks, else the rest after the time."""
    deadline = time.monotonic() + seconds
    clear = 0
    async with httpx.AsyncClient(timeout=30, verify=NO_TLS) as http:
        while True:
            left = await _still_to_do(http, place)
            clear = 0 if left else clear + 1
            if clear == _QUIET_LOOKS or time.monotonic() > deadline:
                return left
            await asyncio.sleep(0.5)


async def _still_to_do(http: httpx.AsyncClient, place: RecordPlace) -> list[str]:
    try:
        response = await http.get(f"{place.urls['monitor']}/v1/lag", headers=_as(place, OPS))
        response.raise_for_status()
        groups = response.json()["groups"]
        left = [
            f"{one['service']} has {one['lag']} events of {one['topic']}[{one['partition']}] still to read"
            for one in groups
            if one["lag"]
        ]
        left += [
            f"{name} is not in the monitor's lag" for name in SERVICES if name not in {g["service"] for g in groups}
        ]
        for name, url in place.urls.items():
            left += [
                f"{name}: the oldest outbox is {age:.1f} s old" for age in await _outbox_seconds(http, url) if age > 0
            ]
    except httpx.HTTPError as error:
        return [f"cannot be asked what is still to do: {error!r}"]
    return left


async def _outbox_seconds(http: httpx.AsyncClient, url: str) -> list[float]:
    metrics = (await http.get(f"{url}/metrics")).raise_for_status().text
    return [
        sample.value
        for family in text_string_to_metric_families(metrics)
        if family.name == "lahete_oldest_outbox_seconds"
        for sample in family.samples
    ]


async def _became(http: httpx.AsyncClient, place: RecordPlace, named: Sequence[Named]) -> dict[Named, tuple[str, int]]:
    became: dict[Named, tuple[str, int]] = {}
    for start in range(0, len(named), _AT_ONCE):
        events = [{"source": source, "id": id_} for source, id_ in named[start : start + _AT_ONCE]]
        url = f"{place.urls['monitor']}/v1/events/outcomes"
        response = await http.post(url, json={"events": events}, headers=_as(place, OPS))
        for one in response.raise_for_status().json()["events"]:
            became[one["source"], one["id"]] = one["state"], one["repeated"]
    return became


async def _histories(http: httpx.AsyncClient, place: RecordPlace, referrals: Sequence[str]) -> dict[str, list[Named]]:
    at_once = asyncio.Semaphore(_QUESTIONS_AT_ONCE)

    async def history(referral: str) -> list[Named]:
        async with at_once:
            response = await http.get(f"{place.urls['referral']}/v1/referrals/{referral}", headers=_as(place, OPS))
        if response.status_code == httpx.codes.NOT_FOUND:
            return []
        return [(one["source"], one["id"]) for one in response.raise_for_status().json()["history"]]

    return dict(zip(referrals, await asyncio.gather(*map(history, referrals)), strict=True))


async def _feeds(http: httpx.AsyncClient, place: RecordPlace, senders: Iterable[str]) -> dict[str, list[Named]]:
    asked = sorted(place.keys.keys() & set(senders))
    return dict(zip(asked, await asyncio.gather(*(_feed(http, place, who) for who in asked)), strict=True))


async def _feed(http: httpx.AsyncClient, place: RecordPlace, who: str) -> list[Named]:
    told: list[Named] = []
    cursor = ""
    while True:
        query = {"limit": str(_AT_ONCE), **({"after": cursor} if cursor else {})}
        response = await http.get(f"{place.urls['notify']}/v1/feed", params=query, headers=_as(place, who))
        page = response.raise_for_status().json()
        assert [fault for one in page["events"] for fault in faults_of(one)] == [], f"{who}'s feed breaks its schemas"
        told += [(one["source"], one["id"]) for one in page["events"]]
        if not page["events"] or page["next"] == cursor:
            return told
        cursor = page["next"]
