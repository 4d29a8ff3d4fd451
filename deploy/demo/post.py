"""How the demo's partners send: over HTTP in batches, two of them to Kafka topics of their own; all of it in the ledger."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Any, Final
from uuid import UUID

import httpx

from deploy.demo.ledger import Ledger
from shared.contracts import topics
from shared.contracts.envelope import kafka_headers
from shared.engine.publish import Publisher, Record

BATCH: Final = 200
DOORS: Final = ("referral", "catalogue", "feedback")
_TRIES: Final = 60
_PAUSE: Final = 0.25


class Post:
    """Sends events of many senders and writes down what the doors said."""

    def __init__(
        self,
        urls: Mapping[str, str],
        keys: Mapping[str, str],
        publisher: Publisher,
        own_topics: Sequence[str],
        rng: Random,
    ) -> None:
        self.ledger = Ledger()
        self._urls = urls
        self._keys = keys
        self._publisher = publisher
        self._own_topics = frozenset(own_topics)
        self._rng = rng
        self._waiting: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self._http = httpx.AsyncClient(timeout=20, limits=httpx.Limits(max_connections=12))
        self._flushing = asyncio.Lock()

    async def close(self) -> None:
        """Lets go of the connections; what was not flushed is not sent."""
        await self._http.aclose()

    def event(self, source: str, name: str, data: Mapping[str, Any], time: datetime, subject: str) -> dict[str, Any]:
        """A structured CloudEvent with a fresh id."""
        return {
            "specversion": "1.0",
            "id": str(UUID(int=self._rng.getrandbits(128), version=4)),
            "source": source,
            "type": f"fi.kulttuurilahete.{name}.v1",
            "subject": subject,
            "time": time.isoformat(),
            "datacontenttype": "application/json",
            "data": dict(data),
        }

    def put(self, event: dict[str, Any]) -> None:
        """Lays an event ready for its sender's next batch."""
        self._waiting[event["source"]].append(event)

    async def flush(self) -> None:
        """Sends every sender's batch; some of it repeated, some out of order, as senders do."""
        async with self._flushing:
            ready, self._waiting = self._waiting, defaultdict(list)
            await asyncio.gather(*(self._send(source, self._disturbed(events)) for source, events in ready.items()))

    def _disturbed(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        repeated = [event for event in events if self._rng.random() < 0.02]
        if self._rng.random() < 0.1:
            self._rng.shuffle(events)
        return [*events, *repeated]

    async def _send(self, source: str, events: list[dict[str, Any]]) -> None:
        for start in range(0, len(events), BATCH):
            batch = events[start : start + BATCH]
            if source in self._own_topics:
                await self._to_kafka(batch)
            else:
                await self._over_http(source, batch)

    # --- Kafka

    async def _to_kafka(self, events: Sequence[dict[str, Any]]) -> None:
        await self._publisher.publish([_record(event) for event in events])
        self._accepted(events)

    async def raw_to_kafka(self, source: str, key: bytes | None, value: bytes, headers: Mapping[str, str]) -> None:
        """A record as it should not be, to the sender's own topic. One without id is counted as nameless."""
        record = Record(topics.intake_of(source), key, value, [(name, text.encode()) for name, text in headers.items()])
        await self._publisher.publish([record])
        if "ce_id" in headers:
            self.ledger.accepted[headers["ce_source"], headers["ce_id"]] += 1
        else:
            self.ledger.nameless += 1

    # --- HTTP

    async def _over_http(self, source: str, events: Sequence[dict[str, Any]]) -> None:
        response = await self._until_answered(source, events)
        if response.status_code == 202:
            self._accepted(events)
        elif len(events) == 1:
            self.ledger.refused[_why(response)] += 1
        else:
            # A batch is refused whole: its members are sent alone, so that each is answered.
            for event in events:
                await self._over_http(source, [event])

    async def _until_answered(self, source: str, events: Sequence[dict[str, Any]]) -> httpx.Response:
        headers = {
            "Authorization": f"Bearer {self._keys[source]}",
            "Content-Type": "application/cloudevents-batch+json",
        }
        body = json.dumps(events, ensure_ascii=False).encode()
        for attempt in range(_TRIES):
            door = DOORS[(hash(source) + attempt) % len(DOORS)]
            try:
                response = await self._http.post(f"{self._urls[door]}/v1/events", content=body, headers=headers)
            except httpx.TransportError:
                self._unanswered(events)
            else:
                if response.status_code not in {429, 503}:
                    return response
                self._unanswered(events)
            await asyncio.sleep(_PAUSE)
        raise RuntimeError(f"no door has answered {source} in {_TRIES} tries")

    async def alone(self, key_of: str, event: dict[str, Any]) -> None:
        """One event over HTTP with the key of `key_of`, whoever it says it is from."""
        headers = {"Authorization": f"Bearer {self._keys[key_of]}", "Content-Type": "application/cloudevents+json"}
        for attempt in range(_TRIES):
            try:
                door = DOORS[attempt % len(DOORS)]
                response = await self._http.post(f"{self._urls[door]}/v1/events", json=event, headers=headers)
            except httpx.TransportError:
                self._unanswered([event])
                await asyncio.sleep(_PAUSE)
                continue
            if response.status_code == 202:
                self._accepted([event])
            else:
                self.ledger.refused[_why(response)] += 1
            return

    async def ask(self, service: str, path: str, who: str, **options: Any) -> httpx.Response | None:
        """A question with somebody's key; None where the service does not answer now."""
        headers = {"Authorization": f"Bearer {self._keys[who]}"}
        method = options.pop("method", "GET")
        try:
            return await self._http.request(method, self._urls[service] + path, headers=headers, **options)
        except httpx.TransportError:
            return None

    # --- the ledger

    def _accepted(self, events: Sequence[dict[str, Any]]) -> None:
        for event in events:
            self.ledger.accepted[event["source"], event["id"]] += 1

    def _unanswered(self, events: Sequence[dict[str, Any]]) -> None:
        for event in events:
            self.ledger.unanswered[event["source"], event["id"]] += 1


def _record(event: Mapping[str, Any]) -> Record:
    attributes = {name: value for name, value in event.items() if name not in {"data", "datacontenttype"}}
    value = json.dumps(event["data"], ensure_ascii=False).encode()
    return Record(topics.intake_of(event["source"]), event["subject"].encode(), value, kafka_headers(attributes))


def _why(response: httpx.Response) -> str:
    try:
        problem = response.json()
        path = next((error["path"] for error in problem.get("errors", ())), "")
        return f"{response.status_code} {problem['title']}{' at ' + path if path else ''}"
    except (json.JSONDecodeError, KeyError):
        return str(response.status_code)
