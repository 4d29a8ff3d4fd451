"""What the document says an address answers is what it answers: each status, media type and shape is seen, and no other.

Every operation is asked as it is meant, and then with one thing wrong at a time: no key, another's key, too often, a body that is
none, a parameter that is none, a service that is cut off. What only one address has stands in a list of its own.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any, Final, NamedTuple

import httpx
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from cli.openapi import document
from deploy.embedded_broker.control import start_broker
from shared.contracts import topics
from shared.http.rates import Rate
from shared.kafka.cluster import Cluster
from tests.contract.asks import Address, Ask, meant, of_its_own, with_one_thing_wrong
from tests.contract.every_service import EveryService

WRITTEN: Final = document()
COMPONENTS: Final = WRITTEN["components"]


def documented() -> dict[Address, dict[str, Any]]:
    return {
        (method.upper(), path): said for path, methods in WRITTEN["paths"].items() for method, said in methods.items()
    }


DOCUMENTED: Final = documented()


class Seen(NamedTuple):
    """What each address answered: statuses with media types, and whatever in an answer is not as the document has it."""

    answers: defaultdict[Address, set[tuple[str, str]]]
    astray: defaultdict[Address, list[str]]


def closed(schema: Any) -> Any:
    """The schema, in which an object has no member that is not named, so that nothing is told that is not documented."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {name: one if name == "allOf" else closed(one) for name, one in schema.items()}
    is_object = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    return inside | {"additionalProperties": False} if is_object and "additionalProperties" not in schema else inside


SCHEMAS: Final = {name: closed(schema) for name, schema in COMPONENTS["schemas"].items()}


def response_in(said: Mapping[str, Any], status: str) -> dict[str, Any]:
    response = said["responses"].get(status, {})
    if "$ref" in response:
        response = COMPONENTS["responses"][response["$ref"].rpartition("/")[2]]
    return dict(response)


def faults_of(answer: httpx.Response, said: Mapping[str, Any]) -> Iterator[str]:
    response, kind = response_in(said, str(answer.status_code)), kind_of(answer)
    content = response.get("content", {}).get(kind)
    if content is None:
        yield f"{answer.status_code} {kind} is not documented: {answer.text[:300]}"
        return
    lacking = [name for name, one in response.get("headers", {}).items() if one["required"]]
    if kind == "application/problem+json":
        yield from (f"{answer.status_code} has no {name}" for name in lacking if name not in answer.headers)
    if kind.endswith("json") and said["operationId"] != "openapi":
        schema = {**closed(content["schema"]), "components": {"schemas": SCHEMAS}}
        for error in Draft202012Validator(schema).iter_errors(answer.json()):
            yield f"{answer.status_code} {error.json_path}: {error.message[:300]}"


def kind_of(answer: httpx.Response) -> str:
    return answer.headers["content-type"].partition(";")[0]


class Asker:
    """Asks all of them, and keeps what is seen."""

    def __init__(self, services: EveryService) -> None:
        self.services = services
        self.seen = Seen(defaultdict(set), defaultdict(list))

    def ask(self, service: str, address: Address, ask: Ask) -> None:
        answer = self.services.ask(service, ask.request(address[0]))
        self.seen.answers[address].add((str(answer.status_code), kind_of(answer)))
        self.seen.astray[address] += faults_of(answer, DOCUMENTED[address])

    def ask_all(self) -> None:
        for which in (self.ask_in_vain, self.ask):
            for address, asks in meant(self.services.known).items():
                for service in DOCUMENTED[address]["tags"]:
                    for ask in asks:
                        which(service, address, ask)
        for address, asks in of_its_own(self.services.known).items():
            for ask in asks:
                self.ask(DOCUMENTED[address]["tags"][0], address, ask)

    def ask_in_vain(self, service: str, address: Address, ask: Ask) -> None:
        for wrong in with_one_thing_wrong(ask, DOCUMENTED[address]):
            self.ask(service, address, wrong)
        for state in (self.cut_off, self.without_store):
            with state(service):
                self.ask(service, address, ask)
        if ask.who:
            with self.tired(service, ask.who):
                self.ask(service, address, ask)

    @contextmanager
    def tired(self, service: str, who: str) -> Iterator[None]:
        """Who asks has had all of its requests."""
        requests = Rate("requests", 1)
        requests.take(who)
        with self.changed(service, rates=replace(self._state(service).rates, requests=requests)):
            yield

    @contextmanager
    def cut_off(self, service: str) -> Iterator[None]:
        """Kafka acknowledges nothing, and the service is not ready."""
        one = self.services.doors[service]
        one.is_cut_off = True
        with self.changed(service, not_ready=lambda: ["Kafka"], cluster=Cluster("127.0.0.1:9")):
            yield
        one.is_cut_off = False

    @contextmanager
    def without_store(self, service: str) -> Iterator[None]:
        with self.changed(service, store=self.services.broken[service]):
            yield

    @contextmanager
    def changed(self, service: str, **changes: Any) -> Iterator[None]:
        state = self._state(service)
        before = {name: getattr(state, name) for name in changes}
        for name, value in changes.items():
            setattr(state, name, value)
        yield
        for name, value in before.items():
            setattr(state, name, value)

    def _state(self, service: str) -> Any:
        return self.services.doors[service].app.state


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    with (
        start_broker(tmp_path_factory.mktemp("broker"), topics.platform_topics()) as broker,
        closing(EveryService(tmp_path_factory.mktemp("five"))) as services,
    ):
        asker = Asker(services)
        with asker.changed("monitor", cluster=Cluster(broker.kafka)):
            asker.ask_all()
    return asker.seen


@pytest.mark.parametrize("address", DOCUMENTED, ids=" ".join)
def test_an_address_answers_each_status_that_is_documented_and_no_other(seen: Seen, address: Address) -> None:
    said = DOCUMENTED[address]
    statuses = [status for status in said["responses"] if status != "default"]
    there = {(status, kind) for status in statuses for kind in response_in(said, status)["content"]}
    assert seen.astray[address] == []
    assert sorted(seen.answers[address]) == sorted(there)


def test_every_address_is_asked() -> None:
    assert meant(defaultdict(str)).keys() == DOCUMENTED.keys()
