"""Four services and their real stores in one process: what one writes to Kafka is handed to those who read it."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import uuid4

import httpx
import msgspec
from structlog.testing import capture_logs

from services.monitor.owners import Owners
from shared.contracts import topics
from shared.contracts.data import AboutGroup, AboutReferral
from shared.contracts.envelope import Event, attributes_of, kafka_headers
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.registry import CLASSES
from shared.contracts.schemas import json_schema
from shared.engine.batch import Processor
from shared.kafka.lag import READS
from shared.kafka.producer import Record
from tests.unit.consumed import consumed
from tests.unit.doors import OPISTO, REGION, Door, door, key

SERVICES: Final = tuple(one for one in topics.SERVICES if one != "notify")
NOW: Final = datetime.now(UTC)
PUBLIC: Final = [one.name for one in CLASSES.values() if one.public]
OF_A_GROUP: Final = [name for name in PUBLIC if issubclass(CLASSES[name].model, AboutGroup)]
OF_A_REFERRAL: Final = [
    name for name in PUBLIC if name == "FeedbackSubmitted" or issubclass(CLASSES[name].model, AboutReferral)
]
_AT: Final = 1_790_000_000_000
Headers = list[tuple[str, bytes | None]]


class Here(Owners):
    """Asks the owners in this process."""

    def __init__(self, doors: Mapping[str, Door]) -> None:
        super().__init__(dict.fromkeys(doors, "http://door"), "key of service:monitor", doors["monitor"].app.state.tls)
        self._doors = doors

    async def _ask(self, client: httpx.AsyncClient, owner: str, what: str, question: object) -> Any:
        return await super()._ask(self._doors[owner].client, owner, what, question)


class Sent(NamedTuple):
    """One event of a partner."""

    id: str
    source: str
    name: str
    referral: str
    data: dict[str, Any]
    minutes_ago: int = 0

    @property
    def subject(self) -> str:
        """`referral` is the id of the group where it is about one."""
        said: Any = CLASSES[self.name].model.model_construct(**self.data)
        return self.referral if self.name in {*OF_A_REFERRAL, *OF_A_GROUP} else str(said.subject)

    @property
    def headers(self) -> Headers:
        time = (NOW - timedelta(minutes=self.minutes_ago)).isoformat()
        said = {"id": self.id, "source": self.source, "type": CLASSES[self.name].type, "time": time}
        return [("ce_specversion", b"1.0"), *((f"ce_{name}", value.encode()) for name, value in said.items())]


class Country:
    """What is sent comes to all who read it, and so does what they write, until nobody writes any more."""

    def __init__(self, doors: Mapping[str, Door]) -> None:
        self.doors = doors
        self.told: list[Mapping[str, Any]] = []
        self.letters: list[Record] = []
        self.failing: Mapping[str, frozenset[str]] = {}
        self._offset = 0
        self.came_at = _AT
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
        came = [consumed(record, self._offset + nth, self.came_at) for nth, record in enumerate(records, 1)]
        self._offset += len(came)
        wire: Any = one
        table, failing = one.wired.table, self.failing.get(one.wired.table.service, frozenset())
        engine = Processor(
            table,
            one.store,
            wire,
            one.app.state.clock,
            recent_outcomes=1,
            due_early=timedelta(days=30),
            failing=failing,
        )
        await engine.clear(await engine.process(engine.receive(came)))
        if observe := table.observe:
            await observe(one.store, came, one.app.state.clock)

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
        collection = CLASSES[sent.name].outcome
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
async def country(folder: Path, services: Sequence[str] = SERVICES) -> AsyncIterator[Country]:
    async with AsyncExitStack() as stack:
        stack.enter_context(capture_logs())  # a failing handler's trace takes seconds to print
        yield Country({service: await stack.enter_async_context(door(service, folder)) for service in services})


def an_event(name: str, referral: str, source: str = "", **changes: Any) -> Sent:
    about = {"referral_id": referral, "activity_id": f"choir-{referral[:8]}"}
    of_group = {"group_id": referral, "activity_id": about["activity_id"]}
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
        "ReferrersAllowed": {"region": "06", "referrers": [{"who": "library", "routes": ["library", "self"]}]},
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
        "GroupReferralIssued": {
            "group_id": referral,
            "unit_ref": "unit-17",
            "kind": "housing_unit",
            "size": 3,
            "municipality": "837",
            "languages": ["fi"],
            "age": {},
            "needs": {"friends": 9},
            "premises": "organiser",
        },
        "GroupActivityChosen": {**of_group, "organiser": OPISTO},
        "GroupReferralWithdrawn": {"group_id": referral, "reason": "other"},
        "GroupPlacesConfirmed": of_group,
        "GroupPlacesCancelled": {**of_group, "reason": "other"},
        "GroupSessionHeld": {**of_group, "session_id": "1", "participants": 3, "staff": 1},
        "ImprovementDone": {"agreed_by": REGION, "improvement_id": "2026-7"},
        "VoucherGrantRecorded": {"year": 2026, "grant_cents": 1_500_000},
        "FeedbackSubmitted": {
            "about": {"kind": "referral", "id": referral},
            "respondent": "region",
            "phase": "before",
            "instrument": "experience_v1",
            "answers": {"satisfaction": 3},
        },
    }
    contact = {"kind": "kaikukortti_contact", "title": "customer_service", "begins_on": "2026-09-01"}
    data["RoleNamed"] = {"role_id": f"contact-{referral[:8]}", **contact}
    data["RoleEnded"] = {"role_id": f"contact-{referral[:8]}"}
    agreement = {"agreement_id": f"art-{referral[:8]}", "referrer": REGION, "organiser": OPISTO}
    terms = {
        **agreement,
        "period": {"starts_on": NOW.date().isoformat(), "ends_on": (NOW + timedelta(days=90)).date().isoformat()},
        "quota": {"of": "sessions", "amount": 5},
        "price_cents": 1250,
    }
    data["AgreementMade"] = terms
    data["AgreementChanged"] = {**terms, "from_day": (NOW + timedelta(days=30)).date().isoformat()}
    data["AgreementEnded"] = {**agreement, "last_day": (NOW + timedelta(days=2)).date().isoformat()}
    own = REGION if "region" in CLASSES[name].senders else OPISTO
    by_id = "group_id" if name in OF_A_GROUP else "referral_id"
    said = data.get(name) or {**json_schema(CLASSES[name])["examples"][0], by_id: referral}
    return Sent(f"{name}-{uuid4().hex[:8]}", source or own, name, referral, {**said, **changes})


def each(names: Sequence[str] = PUBLIC) -> Iterator[Sent]:
    """One of each class, each about a referral and an activity of its own."""
    return (an_event(name, str(uuid4())) for name in names)


async def stands(one: Country, sent: Sent) -> None:
    """What the event needs, but for itself."""
    of_group = ["ActivityPublished", "GroupReferralIssued", "GroupActivityChosen"]
    of_its_own = {
        **dict.fromkeys(OF_A_GROUP, of_group),
        "RoleEnded": ["RoleNamed"],
        "ImprovementDone": ["ImprovementAgreed"],
    }
    of_its_own |= {"AgreementChanged": ["AgreementMade"], "AgreementEnded": ["AgreementMade"]}
    needed = of_its_own.get(sent.name, ["ActivityPublished", "ReferralIssued", "ActivityChosen"])
    await one.send(*(an_event(name, sent.referral) for name in needed if name != sent.name))


async def erased(one: Country, referral: str) -> None:
    await one.send(an_event("ReferralWithdrawn", referral, reason="consent_withdrawn"))
