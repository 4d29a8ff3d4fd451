"""What /v1/events says of an event is what its sender was told, for every class and every way by which one ends.

The four services and their real stores in one process; what one writes to Kafka is handed to those who read it.
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import uuid4

import httpx
import msgspec
import pytest
from aiokafka import ConsumerRecord
from structlog.testing import capture_logs

from services.monitor.owners import Owners
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.envelope import Event, attributes_of, kafka_headers
from shared.contracts.from_services import DeadlinePassed
from shared.contracts.registry import CLASSES
from shared.engine.batch import Processor
from shared.engine.lag import READS
from shared.engine.publish import Record
from shared.http.outcomes import Asked
from tests.unit.doors import OPISTO, REGION, Door, door, key

SERVICES: Final = ("referral", "catalogue", "feedback", "monitor")
NOW: Final = datetime.now(UTC)
PUBLIC: Final = [one.name for one in CLASSES.values() if one.public]
OF_A_REFERRAL: Final = [name for name in PUBLIC if name not in {"ActivityPublished", "ActivityCancelled"}]
Headers = list[tuple[str, bytes | None]]


class Here(Owners):
    """Asks the owners in this process."""

    def __init__(self, doors: Mapping[str, Door]) -> None:
        super().__init__(dict.fromkeys(doors, "http://door"), "key of service:monitor")
        self._doors = doors

    async def _ask(self, client: httpx.AsyncClient, owner: str, events: Sequence[Asked]) -> list[str | None]:
        return await super()._ask(self._doors[owner].client, owner, events)


class Sent(NamedTuple):
    """One event of a partner."""

    id: str
    source: str
    name: str
    referral: str
    data: dict[str, Any]

    @property
    def subject(self) -> str:
        return self.referral if self.name in OF_A_REFERRAL else self.data["activity_id"]

    @property
    def headers(self) -> Headers:
        said = {"id": self.id, "source": self.source, "type": CLASSES[self.name].type, "time": NOW.isoformat()}
        return [("ce_specversion", b"1.0"), *((f"ce_{name}", value.encode()) for name, value in said.items())]


class Country:
    """What is sent comes to all who read it, and so does what they write, until nobody writes any more."""

    def __init__(self, doors: Mapping[str, Door]) -> None:
        self.doors = doors
        self.told: list[Mapping[str, Any]] = []
        self.letters: list[Record] = []
        self.failing: Mapping[str, frozenset[str]] = {}
        self._offset = 0
        doors["monitor"].app.state.owners = Here(doors)

    async def send(self, *sent: Sent, by: str = "") -> None:
        for one in sent:
            await self.write(one, json.dumps(one.data).encode(), one.headers, by=by)

    async def write(self, sent: Sent, value: bytes | None, headers: Headers, *, by: str = "") -> None:
        """To the topic of its sender, or of who sends in its name."""
        topic = "intake" + (by or sent.source).replace("/", ".")
        await self.flow([Record(topic, sent.subject.encode(), value, headers)])

    async def flow(self, records: Sequence[Record]) -> None:
        while records:
            for service, one in self.doors.items():
                await self._take(one, [record for record in records if READS[service](record.topic)])
            records = [record for one in self.doors.values() for record in one.written]
            for record in records:
                self._note(record)
            for one in self.doors.values():
                one.written.clear()

    def _note(self, record: Record) -> None:
        if record.topic == topics.DEAD_LETTERS:
            self.letters.append(record)
        if dict(record.headers).get("ce_type", b"") == CLASSES["EventRefused"].type.encode():
            self.told.append(json.loads(record.value or b""))

    async def _take(self, one: Door, records: Sequence[Record]) -> None:
        came = []
        for record in records:
            self._offset += 1
            head = (record.topic, 0, self._offset, 1_790_000_000_000, 0)
            came.append(ConsumerRecord(*head, record.key, record.value, None, 0, 0, tuple(record.headers)))
        wire: Any = one
        table, failing = one.wired.table, self.failing.get(one.wired.table.service, frozenset())
        engine = Processor(table, one.store, wire, Clock(), ring=1, due_early=timedelta(days=30), failing=failing)
        await engine.clear(await engine.process(engine.receive(came)))

    async def redrive(self) -> None:
        """Sends every dead letter of now again, as the monitor does."""
        letters, self.letters = self.letters, []
        services = [(dict(one.headers)["dl_service"] or b"").decode() for one in letters]
        await self.flow(
            [
                msgspec.structs.replace(one, topic=topics.redrive_to(to))
                for one, to in zip(letters, services, strict=True)
            ]
        )

    async def silence(self, sent: Sent) -> None:
        """What waits in the aggregate of an event has waited too long."""
        service = CLASSES[sent.name].owner
        collection = {"referral": "referrals", "feedback": "feedback"}[service]
        due_at = NOW + timedelta(days=31)
        passed = DeadlinePassed(
            service=service,  # type: ignore[arg-type]
            collection=collection,
            aggregate=sent.referral,
            what="early",
            due_at=due_at,
            nth=1,
        )
        event = Event(str(uuid4()), f"/service/{service}", NOW, passed)
        body = passed.model_dump_json(exclude_none=True).encode()
        headers = kafka_headers(attributes_of(event))
        await self.flow([Record(topics.events_of(service), passed.subject.encode(), body, headers)])

    async def asks(self, path: str, who: str = "ops:anna") -> httpx.Response:
        return await self.doors["monitor"].client.get(path, headers=key(who))

    async def fate(self, id_: str, source: str = "", *, who: str = "ops:anna") -> str:
        query = f"?source={source}" if source else ""
        answer = await self.asks(f"/v1/events/{id_}{query}", who)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["state"])

    async def traced(self, sent: Sent) -> str | None:
        answer = await self.asks(f"/v1/traces/{sent.id}")
        return next(str(one["outcome"]) for one in answer.json()["events"] if one["id"] == sent.id)

    def refused(self, sent: Sent) -> bool:
        return any((one["sender"], one["event_id"]) == (sent.source, sent.id) for one in self.told)

    async def is_true(self, sent: Sent, fate: str) -> None:
        """Its sender, ops and the trace are told the same, and EventRefused fits to it."""
        said = [
            await self.fate(sent.id, who=sent.source),
            await self.fate(sent.id, sent.source),
            await self.traced(sent),
        ]
        assert [*said, self.refused(sent)] == [fate] * 3 + [fate == "dead_lettered"], sent.name


@asynccontextmanager
async def country(folder: Path) -> AsyncIterator[Country]:
    async with AsyncExitStack() as stack:
        stack.enter_context(capture_logs())  # a failing handler's trace takes seconds to print
        yield Country({service: await stack.enter_async_context(door(service, folder)) for service in SERVICES})


def an_event(name: str, referral: str, source: str = "", **changes: Any) -> Sent:
    about = {"referral_id": referral, "activity_id": f"choir-{referral[:8]}"}
    ahead = [(NOW + timedelta(days=9, hours=hours)).isoformat() for hours in (0, 1)]
    data: dict[str, dict[str, Any]] = {
        "ReferralIssued": {
            "referral_id": referral,
            "unit_ref": "unit-17",
            "municipality": "837",
            "age_band": "65-74",
            "languages": ["fi"],
            "needs": {"friends": 9},
            "consent": {"recorded_on": "2026-09-01", "scopes": ["referral", "feedback"]},
        },
        "ActivityChosen": {**about, "organiser": OPISTO},
        "ReferralWithdrawn": {"referral_id": referral, "reason": "client_wish"},
        "EnrolmentConfirmed": about,
        "EnrolmentCancelled": {**about, "reason": "other"},
        "ActivityAttended": {**about, "session_id": "1"},
        "ActivityMissed": {**about, "session_id": "1"},
        "ActivityPublished": {
            "activity_id": about["activity_id"],
            "title": {"fi": "Kuoro"},
            "themes": ["singing"],
            "municipality": "837",
            "format": "in_person",
            "languages": ["fi"],
            "age": {},
            "capacity": 5,
            "price_cents": 0,
            "enrolment": {"confirm": False},
            "sessions": [{"session_id": "1", "starts_at": ahead[0], "ends_at": ahead[1]}],
        },
        "ActivityCancelled": {"activity_id": about["activity_id"], "reason": "premises"},
        "FeedbackSubmitted": {
            "about": {"kind": "referral", "id": referral},
            "respondent": "region",
            "phase": "before",
            "instrument": "experience_v1",
            "answers": {"satisfaction": 3},
        },
    }
    own = REGION if "region" in CLASSES[name].senders else OPISTO
    return Sent(f"{name}-{uuid4().hex[:8]}", source or own, name, referral, {**data[name], **changes})


def each(names: Sequence[str] = PUBLIC) -> Iterator[Sent]:
    """One of each class, each about a referral and an activity of its own."""
    return (an_event(name, str(uuid4())) for name in names)


async def stands(one: Country, sent: Sent) -> None:
    """What the event needs, but for itself."""
    needed = ("ActivityPublished", "ReferralIssued", "ActivityChosen")
    await one.send(*(an_event(name, sent.referral) for name in needed if name != sent.name))


async def erased(one: Country, referral: str) -> None:
    await one.send(an_event("ReferralWithdrawn", referral, reason="consent_withdrawn"))


@pytest.mark.asyncio
async def test_what_takes_effect_is_applied(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        for sent in each():
            await stands(one, sent)
            await one.send(sent)
            await one.is_true(sent, "applied")


@pytest.mark.asyncio
async def test_what_breaks_the_contract_or_cannot_be_read_is_dead_lettered(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        for sent in each():
            await one.write(sent, b"{}", sent.headers)
            await one.is_true(sent, "dead_lettered")
        for value in (None, b"", b"{no json", b"\xff"):
            for sent in each():
                await one.write(sent, value, sent.headers)
                await one.is_true(sent, "dead_lettered")


@pytest.mark.asyncio
async def test_what_is_forged_is_dead_lettered_under_who_sent_it_and_unknown_of_the_named_one(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        for sent in each():
            by = "/region/07"
            await one.send(sent, by=by)
            assert await one.fate(sent.id, sent.source) == "unknown"
            await one.is_true(sent._replace(source=by), "dead_lettered")


@pytest.mark.asyncio
async def test_what_a_handler_fails_at_is_dead_lettered_whichever_service_it_is_of(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        for sent in each():
            await stands(one, sent)
            one.failing = {service: frozenset({sent.name}) for service in SERVICES}
            await one.send(sent)
            one.failing = {}
            await one.is_true(sent, "dead_lettered")


@pytest.mark.asyncio
async def test_what_another_service_than_its_owner_fails_at_is_dead_lettered_until_it_is_redriven(
    tmp_path: Path,
) -> None:
    async with country(tmp_path) as one:
        sent = an_event("ReferralIssued", str(uuid4()))
        one.failing = {"catalogue": frozenset({"ReferralIssued"})}
        await one.send(sent)
        await one.is_true(sent, "dead_lettered")
        one.failing = {}
        await one.redrive()
        assert await one.fate(sent.id, REGION) == await one.traced(sent) == "applied"


@pytest.mark.asyncio
async def test_what_waits_is_waiting_and_in_the_end_dead_lettered(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        for sent in each([name for name in OF_A_REFERRAL if name != "ReferralIssued"]):
            await one.send(sent)
            await one.is_true(sent, "waiting")
            await one.silence(sent)
            await one.is_true(sent, "dead_lettered")


@pytest.mark.asyncio
async def test_of_what_comes_after_an_erasure_the_fate_is_what_was_told(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        for sent in each(OF_A_REFERRAL):
            await stands(one, sent)
            await one.send(an_event("ReferralIssued", sent.referral))
            await erased(one, sent.referral)
            await one.send(sent)
            await one.is_true(sent, "dead_lettered" if sent.name == "ReferralIssued" else "applied")


@pytest.mark.asyncio
async def test_an_issue_that_meets_an_erasure_is_dead_lettered_whenever_it_came(tmp_path: Path) -> None:
    referrals = [str(uuid4()) for _ in range(3)]
    own = [an_event("ReferralIssued", referral) for referral in referrals]
    others = [an_event("ReferralIssued", referral, "/region/07", unit_ref="marja") for referral in referrals]
    async with country(tmp_path) as one:
        await erased(one, referrals[0])
        await one.send(own[0], others[0], own[1], others[1])
        await erased(one, referrals[1])
        await one.send(others[1]._replace(id="late"))
        await one.send(own[2])
        await erased(one, referrals[2])
        await one.send(others[2])
        for sent in (own[0], *others):
            await one.is_true(sent, "dead_lettered")
        await one.is_true(others[1]._replace(id="late"), "dead_lettered")
        for sent in own[1:]:
            await one.is_true(sent, "applied")
        assert {record.value for record in one.letters} == {None}
        assert all("marja" not in str(record.headers) for record in one.letters)
        why = {refused["event_id"]: refused["errors"] for refused in one.told}
        assert "the consent" in why[own[0].id][0]
        assert all("consent" not in why[sent.id][0] for sent in others)
        shown = (await one.asks("/v1/dead-letters")).json()["dead_letters"]
        assert {letter["event_id"] for letter in shown} == {own[0].id, "late", *(sent.id for sent in others)}
        assert {letter["state"] for letter in shown} == {"discarded"}


@pytest.mark.asyncio
async def test_what_is_redriven_with_the_cause_mended_is_applied(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        for sent in each():
            await stands(one, sent)
            one.failing = {service: frozenset({sent.name}) for service in SERVICES}
            await one.send(sent)
            one.failing = {}
            await one.redrive()
            assert await one.fate(sent.id, sent.source) == await one.traced(sent) == "applied", sent.name


@pytest.mark.asyncio
async def test_what_is_sent_again_under_its_id_with_the_fault_mended_is_applied(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        for sent in each():
            await stands(one, sent)
            mistyped = [
                (name, b"fi.kulttuurilahete.Mistyped.v1" if name == "ce_type" else value)
                for name, value in sent.headers
            ]
            await one.write(sent, b"{}", mistyped)
            await one.write(sent, b"{}", [*sent.headers, ("ce_subject", b"another")])
            await one.is_true(sent, "dead_lettered")
            await one.send(sent)
            assert await one.fate(sent.id, sent.source) == await one.traced(sent) == "applied", sent.name
            await one.write(sent, b"{}", [*sent.headers, ("ce_subject", b"another")])
            assert await one.fate(sent.id, sent.source) == "applied", "what was refused later took nothing back"


@pytest.mark.asyncio
async def test_of_one_id_with_two_contents_the_first_counts(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        sent = an_event("ActivityPublished", str(uuid4()))
        await one.send(sent, sent._replace(data={**sent.data, "capacity": 6}))
        assert (await one.fate(sent.id, sent.source), one.refused(sent)) == ("applied", True)


@pytest.mark.asyncio
async def test_what_is_refused_at_the_door_is_unknown(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        sent = an_event("ReferralIssued", str(uuid4()), municipality="000")
        event = {name.removeprefix("ce_"): (value or b"").decode() for name, value in sent.headers} | {
            "data": sent.data
        }
        assert (await one.doors["referral"].send(event)).status_code == 422
        await one.flow(one.doors["referral"].written)
        assert await one.fate(sent.id, who=REGION) == "unknown"


# --- what a partner says of itself


@pytest.mark.asyncio
async def test_what_a_partner_says_of_itself_is_told_to_it_like_any_other(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        monitor = one.doors["monitor"]
        answer = await monitor.client.put("/v1/partners/region/06", json={"name": "Pirha"}, headers=key(REGION))
        assert answer.status_code == 202, answer.text
        (accepted,) = answer.json()["accepted"]
        assert await one.fate(accepted["id"], who=REGION) == "unknown"
        written = monitor.written[:]
        monitor.written.clear()
        await one.flow([*written, *written])
        for who, source in ((REGION, ""), (REGION, accepted["source"]), ("ops:anna", accepted["source"])):
            assert await one.fate(accepted["id"], source, who=who) == "applied"
        told = (await one.asks(f"/v1/events/{accepted['id']}", REGION)).json()
        assert (told["type"], told["repeated"]) == (CLASSES["PartnerRegistered"].type, 1)
        assert told["recorded_at"]
        another = await one.asks(f"/v1/events/{accepted['id']}?source={accepted['source']}", "/region/07")
        assert another.status_code == 404
        assert await one.fate(accepted["id"], who="/region/07") == "unknown"
