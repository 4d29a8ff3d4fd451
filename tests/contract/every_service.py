"""Every service's door in this process, with something in each to be asked for: what is written reaches who reads it."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import uuid4

import httpx
from structlog.testing import capture_logs

from shared.contracts import topics
from shared.contracts.asyncapi import messages_on
from shared.contracts.envelope import Event
from shared.contracts.referral_events import AwaitedNow, StandingChanged
from shared.contracts.registry import class_of
from shared.http.counted import Counted
from shared.http.server import Server, bind, server
from shared.kafka.producer import BrokerUnavailable, Record
from shared.store.sqlite import SqliteStore
from tests.contract.asks import EDIT
from tests.unit.country import Country, Headers, an_event, erased
from tests.unit.doors import OPISTO, REGION, Door, key, opened

T = TypeVar("T")
UNBOUND: Final = dict.fromkeys(("requests_a_minute", "events_a_minute", "denied_a_minute"), 1_000_000)


class KafkaDoor(Door):
    """A door that may lose Kafka, and before which what is written is taken to who reads it."""

    is_cut_off = False

    async def publish(self, records: Sequence[Record], *, within: float = 30.0) -> None:
        if self.is_cut_off:
            raise BrokerUnavailable("Kafka has not acknowledged")
        for record in records:
            assert stands_where_it_must(record), f"{dict(record.headers)['ce_type']!r} on {record.topic}"
        await super().publish(records, within=within)


def stands_where_it_must(record: Record) -> bool:
    """Whether the AsyncAPI document has the record's class on that topic."""
    if record.topic == topics.DEAD_LETTERS or record.topic.startswith("redrive."):
        return True
    type_ = dict(record.headers)["ce_type"] or b""
    return class_of(type_.decode()).name in messages_on(record.topic)


class EveryService:
    """All of them on one loop; `known` has the ids of what there is."""

    def __init__(self, folder: Path) -> None:
        self.known: dict[str, str] = {}
        self.doors: dict[str, KafkaDoor] = {}
        self.broken: dict[str, SqliteStore] = {}
        """Of each service a store that can read nothing."""
        self._stack = AsyncExitStack()
        self._stack.enter_context(capture_logs())
        self.runner = asyncio.Runner()
        self.runner.run(self._open(folder))

    async def _open(self, folder: Path) -> None:
        for service in topics.SERVICES:
            one = KafkaDoor(service, folder, **UNBOUND, **({"edits": True} if service == "monitor" else {}))
            self.doors[service] = await self._stack.enter_async_context(opened(one))
            self.broken[service] = await self._broken(one, folder / f"broken-{service}.sqlite")
        self.country = Country(self.doors)
        await self._fill()

    async def _broken(self, one: KafkaDoor, path: Path) -> SqliteStore:
        store = SqliteStore(path)
        await store.open(one.wired.table.collections, one.wired.table.journals)
        self._stack.push_async_callback(store.close)
        with closing(sqlite3.connect(path)) as beside:
            tables = beside.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (name,) in tables:
                beside.execute(f'DROP TABLE IF EXISTS "{name}"')
        return store

    def close(self) -> None:
        self.runner.run(self._stack.aclose())
        self.runner.close()

    def ask(self, service: str, request: httpx.Request) -> httpx.Response:
        """Asks one service, while what is written flows on to the others."""
        return self.runner.run(self._ask(service, request))

    async def _ask(self, service: str, request: httpx.Request) -> httpx.Response:
        return await self._flowing(self.doors[service].client.send(request))

    async def _flowing(self, work: Awaitable[T]) -> T:
        asking = asyncio.ensure_future(work)
        while not asking.done():
            await asyncio.wait([asking], timeout=0.01)
            await self._flow()
        return await asking

    # --- over HTTP

    def listen(self) -> Mapping[str, str]:
        """Each service's address; they answer while `call` runs."""
        return {service: self.runner.run(self._listen(service)) for service in self.doors}

    async def _listen(self, service: str) -> str:
        one, listening = self.doors[service], bind("127.0.0.1", 0)
        serving = server(Counted(one.app, service), one.wired.settings.bounds())
        task = asyncio.ensure_future(serving.serve(sockets=[listening]))
        self._stack.push_async_callback(self._end, serving, task)
        host, port = listening.getsockname()
        return f"http://{host}:{port}"

    async def _end(self, serving: Server, task: asyncio.Task[None]) -> None:
        serving.should_exit = True
        await task

    def call(self, work: Callable[[], T]) -> T:
        """What asks one of the addresses, and waits."""
        return self.runner.run(self._flowing(asyncio.to_thread(work)))

    async def _flow(self) -> None:
        records = [record for one in self.doors.values() for record in one.written]
        for one in self.doors.values():
            one.written.clear()
        await self.country.flow(records)

    # --- what there is

    async def _fill(self) -> None:
        held, unasked, gone = (str(uuid4()) for _ in range(3))
        for referral in (held, gone):
            names = ("ActivityPublished", "ReferralIssued", "ActivityChosen")
            await self.country.send(*(an_event(name, referral) for name in names))
        consent = {"recorded_on": "2026-09-01", "scopes": ["referral"]}
        await self.country.send(an_event("ReferralIssued", unasked, consent=consent))
        await erased(self.country, gone)
        await self.country.send(an_event("VoucherGrantRecorded", held))
        attended = an_event("ActivityAttended", held)
        await self.country.send(
            attended, *(an_event("ReferralIssued", str(uuid4()), municipality="000") for _ in "123")
        )
        self.known["of_unit"] = group = str(uuid4())
        for name in ("GroupReferralIssued", "GroupActivityChosen"):
            await self.country.send(an_event(name, group, REGION, activity_id=f"choir-{held[:8]}"))
        made = [an_event("AgreementMade", held, source) for source in (REGION, OPISTO)]
        await self.country.send(*made)
        self.known["agreement"] = f"/v1/agreements{made[0].subject}"
        records = ("ImprovementAgreed", "PracticeRecorded", "PlanGoalRecorded", "TrainingHeld")
        await self.country.send(*(an_event(name, held) for name in records))
        self.known |= {"held": held, "unasked": unasked, "erased": gone, "event": attended.id}
        self.known["activity"] = f"choir-{held[:8]}"
        self.known["code"] = (await self._json("referral", f"/v1/referrals/{held}", REGION))["referral_code"]
        letters = (await self._json("monitor", "/v1/dead-letters", "ops:anna"))["dead_letters"]
        self.known["redriven"], self.known["discarded"], discarded = (letter["dl_id"] for letter in letters)
        self.known["taken_back"] = await self._discarded(discarded)
        self.known["late"] = await self._late()
        groups = (await self._json("monitor", "/v1/dead-letter-groups", "ops:anna"))["groups"]
        self.known["group"] = groups[0]["group"]
        self.known["redrive"] = await self._stopped_redrive()
        self.known["unkept"] = await self._unkept()
        self.known["editable"] = await self._editable("editable")
        for name in ("confirmed", "refused"):
            self.known[name] = await self._editable(name)
            self.known[f"edit of {name}"] = await self._proposed(name)
        self.known["shown"], self.known["used"] = [await self._link() for _ in "12"]

    async def _late(self) -> str:
        """A referral of which the referral service said that nobody chose for it in time."""
        referral, since = str(uuid4()), datetime.now(UTC) - timedelta(days=20)
        awaits = AwaitedNow(what="choice", concerns=REGION, since=since, due_at=since + timedelta(days=14), passed=1)
        said = StandingChanged(referral_id=referral, number=1, status="proposed", closed=False, awaits=awaits)
        word = Event(str(uuid4()), "/service/referral", since, said, correlation=referral)
        await self.doors["monitor"].given(word, topic=topics.events_of("referral"))
        return referral

    async def _discarded(self, dl_id: str) -> str:
        """The letter is laid aside."""
        client = self.doors["monitor"].client
        path, said = f"/v1/dead-letters/{dl_id}/discard", {"why": "it was sent anew"}
        assert (
            await self._ask("monitor", client.build_request("POST", path, json=said, headers=key("ops:anna")))
        ).is_success
        await self._flow()
        return dl_id

    async def _unkept(self) -> str:
        """A letter of bytes that no erasure could search: nothing of it is kept."""
        headers = {"dl_id": "unkept", "dl_reason": "undecodable", "dl_service": "referral"}
        pairs: Headers = [(name, value.encode()) for name, value in headers.items()]
        await self.country.flow([Record(topics.DEAD_LETTERS, b"k", b"\xff\xfe" * 9, pairs)])
        return "unkept"

    async def _editable(self, dl_id: str) -> str:
        """A letter whose event names a class that nobody knows."""
        headers = {
            "dl_id": dl_id,
            "dl_reason": "unknown_type",
            "dl_service": "referral",
            "dl_topic": "intake.region.06",
        }
        pairs: Headers = [(name, value.encode()) for name, value in headers.items()]
        await self.country.flow([Record(topics.DEAD_LETTERS, b"k", b"{}", pairs)])
        return dl_id

    async def _proposed(self, dl_id: str) -> str:
        """An edit of the letter is proposed."""
        client = self.doors["monitor"].client
        said = client.build_request("POST", f"/v1/dead-letters/{dl_id}/edit", json=EDIT, headers=key("ops:anna"))
        edit = (await self._ask("monitor", said)).json()["edit_id"]
        await self._flow()
        return str(edit)

    async def _stopped_redrive(self) -> str:
        """A redrive that stands still: what it sent is refused again."""
        client = self.doors["monitor"].client
        asked = client.build_request(
            "POST", "/v1/redrives", json={"why": "x", "reason": "invalid"}, headers=key("ops:anna")
        )
        redrive = (await self._ask("monitor", asked)).json()["redrive_id"]
        await self._flow()
        assert (await self._json("monitor", f"/v1/redrives/{redrive}", "ops:anna"))["state"] == "stopped"
        return str(redrive)

    async def _json(self, service: str, path: str, who: str) -> Any:
        answer = await self._ask(service, self.doors[service].client.build_request("GET", path, headers=key(who)))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def _link(self) -> str:
        path = f"/v1/referrals/{self.known['held']}/form-links"
        client = self.doors["feedback"].client
        asked = client.build_request("POST", path, json={"phase": "before"}, headers=key(OPISTO))
        url = (await self._ask("feedback", asked)).json()["url"]
        return str(url).rpartition("/")[2]
