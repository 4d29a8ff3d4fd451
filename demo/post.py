"""How the demo's partners send: over HTTP in batches, two of them to Kafka topics of their own; all of it in the ledger.

A partner sends again until a door answers: waiting for that slows the demo's clock, and the demo itself ends when its
time is over.
"""

import asyncio
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import cycle
from random import Random
from typing import Any, Final
from uuid import UUID

import httpx

from demo.ledger import Ledger
from shared.contracts import topics
from shared.contracts.envelope import kafka_headers
from shared.contracts.topics import DOORS
from shared.kafka.producer import Publisher, Record

# httpcore searches for it at every request; where it is not installed, that is a sixth of the demo's work.
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]

BATCH: Final = 200
STRUCTURED: Final = "application/cloudevents"
_PAUSE: Final = 0.25
_ACKNOWLEDGED_WITHIN: Final = 3_600.0
"""An idempotent producer sends again by itself; the demo ends before this is over."""
_CONNECTIONS: Final = 8
"""httpcore looks at each of them at each request."""
_AGAIN: Final = frozenset({429, 503})
_WRONG: Final = frozenset({400, 403, 422})


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
        self.heard: Counter[str] = Counter()
        """By class: what partners have read in their feeds."""
        self._urls = urls
        self._keys = keys
        self._publisher = publisher
        self._own_topics = frozenset(own_topics)
        self._rng = rng
        self._waiting: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self._sending: set[str] = set()
        self._http = httpx.AsyncClient(timeout=20, limits=httpx.Limits(max_connections=_CONNECTIONS), trust_env=False)

    async def close(self) -> None:
        """Closes the connections; events that were not flushed are not sent."""
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
        """Puts an event into its sender's next batch."""
        self._waiting[event["source"]].append(event)

    def ready(self) -> Iterator[Awaitable[None]]:
        """A sending for each sender with events and no sending under way; the senders go side by side."""
        for source in [source for source in self._waiting if source not in self._sending]:
            self._sending.add(source)
            yield self._send(source, self._disturbed(self._waiting.pop(source)))

    @property
    def is_empty(self) -> bool:
        """Whether no event waits to be sent."""
        return not self._waiting

    def _disturbed(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        repeated = [event for event in events if self._rng.random() < 0.02]
        if self._rng.random() < 0.1:
            self._rng.shuffle(events)
        return [*events, *repeated]

    async def _send(self, source: str, events: list[dict[str, Any]]) -> None:
        try:
            for start in range(0, len(events), BATCH):
                await self._send_batch(source, events[start : start + BATCH])
        finally:
            self._sending.discard(source)

    async def _send_batch(self, source: str, batch: Sequence[dict[str, Any]]) -> None:
        if source in self._own_topics:
            await self._to_kafka(batch)
        else:
            await self._over_http(source, batch)

    # --- Kafka

    async def _to_kafka(self, events: Sequence[dict[str, Any]]) -> None:
        await self._publisher.publish([_record(event) for event in events], within=_ACKNOWLEDGED_WITHIN)
        self._accepted(events)

    async def raw_to_kafka(self, source: str, key: bytes | None, value: bytes, headers: Mapping[str, str]) -> None:
        """Sends a faulty record to the sender's own topic, whatever its source. Without an id it counts as nameless."""
        record = Record(topics.intake_of(source), key, value, [(name, text.encode()) for name, text in headers.items()])
        await self._publisher.publish([record], within=_ACKNOWLEDGED_WITHIN)
        if "ce_id" in headers:
            self.ledger.accepted[source, headers["ce_id"]] += 1
        else:
            self.ledger.nameless += 1

    # --- HTTP

    async def _over_http(self, source: str, events: Sequence[dict[str, Any]]) -> None:
        content = json.dumps(events, ensure_ascii=False).encode()
        response = await self._until_answered(source, content, f"{STRUCTURED}-batch+json", events)
        if response.status_code == 202:
            self._accepted(events)
        elif len(events) == 1:
            self.ledger.refused[_why(response)] += 1
        else:
            # A door refuses a batch whole: so the demo sends its members alone, and each gets an answer.
            for event in events:
                await self._over_http(source, [event])

    async def alone(self, key_of: str, event: dict[str, Any]) -> None:
        """One event over HTTP with the key of `key_of`, whoever it says it is from."""
        content = json.dumps(event, ensure_ascii=False).encode()
        response = await self._until_answered(key_of, content, f"{STRUCTURED}+json", [event])
        if response.status_code == 202:
            self._accepted([event])
        else:
            self.ledger.refused[_why(response)] += 1

    async def _until_answered(
        self, key_of: str, content: bytes, form: str, events: Sequence[dict[str, Any]]
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._keys[key_of]}", "Content-Type": form}
        doors = cycle(self._rng.sample(DOORS, len(DOORS)))
        while True:
            with suppress(httpx.TransportError):
                url = f"{self._urls[next(doors)]}/v1/events"
                response = await self._http.post(url, content=content, headers=headers)
                if response.status_code not in _AGAIN:
                    return response
            self._unanswered(events)
            await asyncio.sleep(_PAUSE)

    async def ask(self, service: str, path: str, who: str, **options: Any) -> httpx.Response | None:
        """A question with somebody's key; None where the service does not answer now."""
        headers = {"Authorization": f"Bearer {self._keys[who]}"}
        method = options.pop("method", "GET")
        try:
            return await self._http.request(method, self._urls[service] + path, headers=headers, **options)
        except httpx.TransportError:
            return None

    async def insist(self, service: str, path: str, who: str, **options: Any) -> httpx.Response:
        """Asks a question until a service answers it. Raises `RuntimeError` where the question itself is wrong."""
        while True:
            response = await self.ask(service, path, who, **options)
            if response is not None and response.is_success:
                return response
            if response is not None and response.status_code in _WRONG:
                raise RuntimeError(f"{service} answers {response.status_code} to {path}: {response.text[:200]}")
            await asyncio.sleep(_PAUSE)

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
