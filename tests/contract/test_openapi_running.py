"""Schemathesis reads the document and asks the services, over HTTP, whatever it says that they may be asked.

Each answer is one that the document has: its status, media type, headers and shape. Half of what is asked names what there is.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import cache, partial
from typing import Any, Final, NamedTuple, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cli.openapi import document
from tests.contract.every_service import EveryService
from tests.unit.doors import OPISTO, REGION, key

CHECKS: Final = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
HOLDER_OF: Final = {
    "region": REGION,
    "opisto": OPISTO,
    "ops": "ops:anna",
    "reader": "reader:eero",
    "service": "service:monitor",
}
OPERATIONS: Final = [f"{method.upper()} {path}" for path, methods in document()["paths"].items() for method in methods]


class AskedServices(NamedTuple):
    """The services, where each is asked, and what there is, by the names of what stands in a path."""

    services: EveryService
    addresses: Mapping[str, str]
    there: Mapping[str, str]


@cache
def read_by_schemathesis() -> dict[str, Any]:
    """What may be asked, by method and path."""
    every = schemathesis.openapi.from_dict(document()).get_all_operations()
    return {f"{one.method.upper()} {one.path}": one for found in every if (one := cast("Any", found).ok())}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AskedServices]:
    with closing(EveryService(tmp_path_factory.mktemp("five"))) as services:
        known = services.known
        _, kind, organiser = OPISTO.split("/")
        there = {
            "referral_id": known["held"],
            "asked": known["held"],
            "code": known["code"],
            "event_id": known["event"],
            "dl_id": known["redriven"],
            "token": known["shown"],
            "kind": kind,
            "organiser": organiser,
            "id": organiser,
            "activity_id": known["activity"],
        }
        yield AskedServices(services, services.listen(), there)


@pytest.mark.parametrize("name", OPERATIONS)
def test_whatever_the_document_says_may_be_asked_is_answered_as_it_says(running: AskedServices, name: str) -> None:
    operation = read_by_schemathesis()[name]
    written = operation.definition.raw
    in_path = {one["name"] for one in written["parameters"] if one["in"] == "path"}
    there = {one: value for one, value in running.there.items() if one in in_path}
    kinds = [kind for one in written["security"] for kind in one["key"]]
    headers = key(HOLDER_OF[kinds[0]]) if kinds else {}

    @settings(max_examples=12, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy() | operation.as_strategy(path_parameters=there))
    def asked(case: Any) -> None:
        address = running.addresses[written["tags"][0]]
        answer = running.services.call(partial(case.call, base_url=address, headers=headers))
        case.validate_response(answer, checks=CHECKS)

    asked()
