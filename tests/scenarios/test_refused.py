"""Records that must not come in: unreadable, unknown, forged and contradictory ones, and personal identity codes."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from uuid import UUID

import httpx
from aiokafka import AIOKafkaConsumer

from shared.contracts.topics import SERVICES
from tests.integration.road import OPISTO, REGION, event, issued, kafka_headers_of, published
from tests.over_http import ask
from tests.scenarios.journeys import ON_KAFKA, JourneyStep
from tests.scenarios.observation import Headers, partitions
from tests.scenarios.oracle import Expected
from tests.scenarios.platform import Platform, step
from tests.scenarios.send import Senders
from tests.scenarios.table import scenario

TOPIC: Final = "intake.region.08"
MOST_LOGGED: Final = 16 * 1024
STRANGER: Final = "/region/05"
SIGNS: Final = "+-YXWVUABCDEF"

# Every scenario has referrals of its own, so that they can share a platform.


def referral(platform: Platform, number: int, scene: int) -> str:
    """The id of a referral: always the same for a seed."""
    return str(UUID(int=Random(f"{platform.seed} {scene} {number}").getrandbits(128), version=4))


@dataclass(frozen=True)
class FaultyRecord:
    """A faulty record. `named`: (source, id) where they can be read."""

    reason: str
    value: bytes | None
    key: bytes | None
    headers: Headers
    named: tuple[str, str] | None = None


async def put(platform: Platform, sender: Senders, raw: FaultyRecord) -> None:
    """Declares a record and writes it to Kafka."""
    if raw.named:
        refusals = frozenset({raw.reason})
        platform.declared.expect(Expected(*raw.named, fate="dead_lettered", refusals=refusals))
    await sender.write(TOPIC, raw.value, raw.key, raw.headers)
    if raw.named:
        platform.declared.accepted(*raw.named)
    else:
        platform.declared.nameless()


def with_value(wish: Mapping[str, Any], reason: str, value: bytes | None, *, key: bool = True) -> FaultyRecord:
    """An honest event but for its value, or its key."""
    subject = str(wish["subject"]).encode() if key else None
    return FaultyRecord(reason, value, subject, kafka_headers_of(wish), (str(wish["source"]), str(wish["id"])))


# --- 11


def unreadable(platform: Platform) -> Iterator[FaultyRecord]:
    """One of each kind."""
    wishes = [issued(referral(platform, number, 11), source=ON_KAFKA) for number in range(7)]
    whole = json.dumps(wishes[0]["data"]).encode()
    yield with_value(wishes[0], "undecodable", b"{no json \xff\x00")
    yield with_value(wishes[1], "invalid", json.dumps({**wishes[1]["data"], "municipality": "999"}).encode())
    yield with_value(wishes[2], "invalid", json.dumps({**wishes[2]["data"], "more": "x" * 1_000_000}).encode())
    yield with_value(wishes[3], "invalid", json.dumps(wishes[3]["data"]).encode(), key=False)
    yield with_value(wishes[4], "undecodable", b'{"more":' + b"[" * 10_000 + b"]" * 10_000 + b"}")
    yield with_value(wishes[5], "undecodable", whole[:-1] + b', "more": NaN}')
    yield FaultyRecord("undecodable", whole, b"key", [("ce_source", b"/region/\xff\xfe"), ("x", b"\xff")])
    yield FaultyRecord("undecodable", whole, b"key", [("ce_type", None), ("x", None)])
    yield FaultyRecord("undecodable", b"", b"key", [])
    yield FaultyRecord("undecodable", None, b"key", [("x", b"")])
    yield FaultyRecord("undecodable", b"\x80" * 100, None, [])


@scenario(11)
def test_what_cannot_be_read_is_laid_aside_as_it_came(platform: Platform) -> None:
    """Eleven records that break something each are written to a region's own topic, and an honest one behind them.

    The oracle compares each dead letter's bytes and headers with the original's. The honest record takes effect, so the
    partitions move on; each other is refused once by the metrics, no batch was read again, and the log is short.
    """
    raws = list(unreadable(platform))
    honest = issued(referral(platform, 99, 11), source=ON_KAFKA)
    before = {reason: refusals(platform, reason) for reason in ("undecodable", "invalid")}
    retries, logged = batch_retries(platform), log_bytes(platform)

    async def play(sender: Senders) -> None:
        for raw in raws:
            await put(platform, sender, raw)
        await sender.send(step(honest, effects={"ReferralOpened": 1}, history_of=honest["subject"]))

    platform.play(play)
    platform.judge()
    for reason, count in before.items():
        assert refusals(platform, reason) - count == sum(raw.reason == reason for raw in raws)
    assert batch_retries(platform) == retries
    assert log_bytes(platform) - logged < MOST_LOGGED


def refusals(platform: Platform, reason: str) -> float:
    return sum(platform.metric(name, "lahete_events_total", outcome=reason) for name in SERVICES if name != "monitor")


def batch_retries(platform: Platform) -> float:
    return sum(platform.metric(name, "lahete_batch_retries_total") for name in SERVICES)


def log_bytes(platform: Platform) -> int:
    return sum(file.stat().st_size for file in platform.folder.glob("logs/*.log"))


# --- 12


@scenario(12)
def test_a_type_that_nobody_knows_is_laid_aside_as_that(platform: Platform) -> None:
    """ReferralDreamt.v1 and ReferralIssued.v2 are written to Kafka, and refused at a door.

    Each is dead-lettered as `unknown_type`, by the oracle; at the door the sender is told.
    """
    unknown = [issued(referral(platform, number, 12), source=ON_KAFKA) for number in range(2)]
    unknown[0]["type"] = "fi.kulttuurilahete.ReferralDreamt.v1"
    unknown[1]["type"] = "fi.kulttuurilahete.ReferralIssued.v2"
    at_the_door = [{**one, "id": f"{one['id']}-door", "source": REGION} for one in unknown]

    async def play(sender: Senders) -> None:
        for one in unknown:
            await sender.send(step(one, fate="dead_lettered", refusals=frozenset({"unknown_type"})))
        for one in at_the_door:
            await sender.send(step(one, refused=True))

    platform.play(play)
    platform.judge()


# --- 24


@scenario(24)
def test_another_content_under_a_known_id_is_a_conflict(platform: Platform) -> None:
    """A referral is issued; then the same id comes with another content, three times, of one content twice.

    Only the first has an effect. Each of the others is dead-lettered with its own bytes, and the first content stands
    on the log beside them: ops can see both.
    """
    first = issued(referral(platform, 0, 24), unit_ref="unit-first")
    others = [{**first, "data": {**first["data"], "unit_ref": unit}} for unit in ("unit-2", "unit-3", "unit-3")]
    expected = step(first, effects={"ReferralOpened": 1}, refusals=frozenset({"conflict"}), history_of=first["subject"])

    async def play(sender: Senders) -> None:
        await sender.send(expected)
        for other in others:
            await sender.send(JourneyStep(other, REGION, expected.expected))

    platform.play(play)
    observation = platform.judge()
    letters = [one for one in platform.dead_letters(reason="conflict") if one["event_id"] == first["id"]]
    shown = [platform.ask("monitor", f"/v1/dead-letters/{one['dl_id']}").json()["original"]["value"] for one in letters]
    assert sorted(json.loads(value)["unit_ref"] for value in shown) == ["unit-2", "unit-3", "unit-3"]
    sent = [record.data for record in observation.intake if record.named == (REGION, first["id"])]
    assert len(sent) == 1 + len(others)
    assert len(set(sent)) == 3


# --- 29


def forged_on_kafka(platform: Platform) -> Iterator[dict[str, Any]]:
    """Events whose source the topic does not prove, or that a region may not send."""
    yield issued(referral(platform, 0, 29), source=REGION)
    yield {**published("course-of-a-region"), "source": ON_KAFKA}
    yield {**published("course-in-a-regions-topic")}
    yield issued(referral(platform, 1, 29), source="/service/referral")


def forged_at_the_door(platform: Platform) -> Iterator[tuple[dict[str, Any], str]]:
    """An event, and with whose key."""
    yield issued(referral(platform, 2, 29), source=STRANGER), REGION
    yield issued(referral(platform, 3, 29), source=OPISTO), OPISTO
    yield issued(referral(platform, 4, 29)), "ops:first"
    yield issued(referral(platform, 5, 29), source="ops:first"), "ops:first"
    yield issued(referral(platform, 6, 29)), "reader:first"
    yield published("course-by-a-region"), REGION
    yield event("/service/referral", "ReferralOpened", {"referral_id": referral(platform, 7, 29)}), REGION


@scenario(29)
def test_who_writes_in_anothers_name_has_no_effect(platform: Platform) -> None:
    """Events come in another's name, into another's topic, with a role's key, of a class that is not the sender's.

    On Kafka each is `forged_sender`; at a door each is refused, and the oracle finds none of it on the log. Nobody else
    is told of any of it.
    """
    on_kafka = [step(one, by=ON_KAFKA, fate="dead_lettered", refusals=FORGED) for one in forged_on_kafka(platform)]
    at_the_door = list(forged_at_the_door(platform))

    async def play(sender: Senders) -> None:
        for one in on_kafka:
            await sender.send(one)
        for wish, by in at_the_door:
            await sender.send(step(wish, by=by, refused=True))

    platform.play(play)
    observation = platform.judge()
    ids = {one.event["id"] for one in on_kafka} | {wish["id"] for wish, _ in at_the_door}
    assert [one.at for one in observation.decided if one.attributes.get("causationid") in ids] == []
    without = ask("POST", f"{platform.place.urls['referral']}/v1/events", json={}, timeout=20)
    assert without.status_code == httpx.codes.UNAUTHORIZED


FORGED: Final = frozenset({"forged_sender"})


# --- 30


def codes() -> Sequence[str]:
    """One with each century sign, of nobody; and one whose check character is wrong."""
    return [*(f"010594{sign}9021" for sign in SIGNS), "010594-902X"]


def coded_on_kafka(platform: Platform) -> Iterator[FaultyRecord]:
    """Each code in a value, then one in each other place that bytes can have."""
    for number, code in enumerate(codes()):
        wish = issued(referral(platform, number, 30), source=ON_KAFKA, unit_ref=f"u {code}")
        yield with_value(wish, "personal_data", json.dumps(wish["data"]).encode())
    code = codes()[2]
    wish = issued(referral(platform, 50, 30), source=ON_KAFKA)
    yield with_value(wish, "personal_data", json.dumps({**wish["data"], "more": [[{"deep": [code]}]]}).encode())
    wish = issued(referral(platform, 51, 30), source=ON_KAFKA)
    yield with_value(wish, "personal_data", json.dumps({**wish["data"], code: 1}).encode())
    wish = issued(referral(platform, 52, 30), source=ON_KAFKA)
    hidden = json.dumps({**wish["data"], "link": "https://example.org/?who=010594%59" + "9021"}).encode()
    yield with_value(wish, "personal_data", hidden)
    wish = issued(referral(platform, 53, 30), source=ON_KAFKA)
    escaped = json.dumps({**wish["data"], "more": code}).encode().replace(b"9021", b"\\u00390\\u00321")
    yield with_value(wish, "personal_data", escaped)
    wish = issued(referral(platform, 54, 30), source=ON_KAFKA)
    named = (ON_KAFKA, str(wish["id"]))
    whole = json.dumps(wish["data"]).encode()
    yield FaultyRecord("personal_data", whole, code.encode(), kafka_headers_of(wish), named)
    wish = issued(referral(platform, 55, 30), source=ON_KAFKA)
    headers = [*kafka_headers_of(wish), ("x-note", code.encode())]
    whole = json.dumps(wish["data"]).encode()
    yield FaultyRecord("personal_data", whole, str(wish["subject"]).encode(), headers, (ON_KAFKA, str(wish["id"])))


def coded_at_the_door(platform: Platform) -> Iterator[dict[str, Any]]:
    """Each code in a value, one in a nested list, one in an attribute."""
    for number, code in enumerate(codes()):
        yield issued(referral(platform, 100 + number, 30), unit_ref=code)
    yield issued(referral(platform, 150, 30), more=[[{"deep": [codes()[0]]}]])
    yield {**issued(referral(platform, 151, 30)), "traceparent": codes()[1]}


@scenario(30)
def test_a_personal_identity_code_stays_with_whoever_sent_it(platform: Platform) -> None:
    """Codes with each century sign and with a wrong check character come over Kafka and HTTP, in every place there is.

    Kafka: dead-lettered as `personal_data`; HTTP: refused. Then every record of every topic but the intake of the sender
    on Kafka, every file of the stores and logs, every metric and every list of dead letters is searched for each code.
    """
    on_kafka = list(coded_on_kafka(platform))

    async def play(sender: Senders) -> None:
        for raw in on_kafka:
            await put(platform, sender, raw)
        for wish in coded_at_the_door(platform):
            await sender.send(step(wish, refused=True))

    platform.play(play)
    for service in SERVICES:
        for place in (f"/v1/referrals/{codes()[0]}", f"/v1/nothing?who={codes()[1].replace('9', '%39')}"):
            assert platform.ask(service, place).status_code >= httpx.codes.BAD_REQUEST
    platform.judge()
    found = [where for where, text in everything(platform) for code in codes() if code.encode() in text]
    assert found == []
    written = b"\n".join(text for _, text in asyncio.run(on_the_log(platform, own=True)))
    assert [code for code in codes() if code.encode() not in written] == [], "what is searched for was there"


def everything(platform: Platform) -> list[tuple[str, bytes]]:
    """Every text of the platform, and where."""
    patterns = ("logs/*.log", "*.sqlite*", "mongodb/data*")
    files = [file for pattern in patterns for file in platform.folder.glob(pattern)]
    assert any(file.suffix == ".log" for file in files)
    return [
        *asyncio.run(on_the_log(platform, own=False)),
        *((file.name, file.read_bytes()) for file in files),
        *((f"metrics of {name}", platform.ask(name, "/metrics").content) for name in platform.place.urls),
        ("dead letters", platform.ask("monitor", "/v1/dead-letters?limit=500").content),
    ]


async def on_the_log(platform: Platform, *, own: bool) -> list[tuple[str, bytes]]:
    """Every byte on Kafka: of the sender's `own` topic, or of all the others."""
    found: list[tuple[str, bytes]] = []
    everywhere = await partitions(platform.place.kafka)
    at = [one for one in everywhere if (one.topic == TOPIC) is own]
    # By the consumer's setting: a reset to the end, the default, could overtake a seek to the beginning.
    options = {"auto_offset_reset": "earliest", "enable_auto_commit": False}
    async with AIOKafkaConsumer(bootstrap_servers=platform.place.kafka, **options) as consumer:
        consumer.assign(at)
        ends = await consumer.end_offsets(at)
        while any([await consumer.position(one) < end for one, end in ends.items()]):
            for one, batch in (await consumer.getmany(timeout_ms=500)).items():
                found += [(one.topic, _bytes_of(record)) for record in batch]
    return found


def _bytes_of(record: Any) -> bytes:
    headers = [part for name, value in record.headers for part in (name.encode(), value or b"")]
    return b"\n".join([record.key or b"", record.value or b"", *headers])
