"""The OpenAPI document: valid, whole, and of exactly the addresses that the services answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import Route

from cli.openapi import document
from deploy.local.processes import PORT_OFFSETS
from shared.contracts import topics
from shared.http.everywhere import DOCUMENT, EVERYWHERE
from shared.http.openapi import openapi
from shared.http.operations import Operation
from tests.unit.doors import door

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    return document()


def operations(written: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in written["paths"].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def within(document: Any) -> Iterator[dict[str, Any]]:
    """Every object in it."""
    inside = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    if isinstance(document, dict):
        yield document
    for one in inside:
        yield from within(one)


def test_it_is_valid(written: dict[str, Any]) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(written).iter_errors()] == []


@pytest.mark.asyncio
@pytest.mark.parametrize("service", topics.SERVICES)
async def test_a_service_answers_the_addresses_that_the_document_gives_it_and_no_others(
    service: str, tmp_path: Path, written: dict[str, Any]
) -> None:
    async with door(service, tmp_path) as one:
        pages = [route for route in one.wired.pages if isinstance(route, Route)]
        assert service == "monitor" or not pages
        routes = [route for route in one.app.routes if isinstance(route, Route)]
        assert len(routes) == len(one.app.routes)
        assert not [route.path for route in pages if route.path.startswith("/v1/")]
        routes = [route for route in routes if route not in pages]
        answered = {(method, route.path) for route in routes for method in (route.methods or set()) - {"HEAD"}}
        assert answered == {(method, path) for method, path, said in operations(written) if service in said["tags"]}
        told = await one.client.get("/openapi.json")
        assert told.headers["content-type"] == "application/json"
        assert told.content == DOCUMENT.read_bytes()


def test_what_is_served_is_what_is_kept_for_others() -> None:
    kept = Path(__file__).parents[2] / "docs" / "contracts" / "openapi.json"
    assert DOCUMENT.read_bytes() == kept.read_bytes()


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does_and_every_parameter_what_it_is(
    written: dict[str, Any],
) -> None:
    found = [said for _, _, said in operations(written)]
    assert len({said["operationId"] for said in found}) == len(found)
    assert all(said["summary"] and said["tags"] for said in found)
    assert all(one["description"] for said in found for one in said["parameters"])
    for _, path, said in operations(written):
        in_path = {one["name"] for one in said["parameters"] if one["in"] == "path"}
        assert all(f"{{{name}}}" in path for name in in_path)
        assert len(in_path) == path.count("{")


def test_whatever_it_refers_to_is_there_and_whatever_is_there_is_referred_to(written: dict[str, Any]) -> None:
    pointed = {one["$ref"] for one in within(written) if "$ref" in one}
    pointed |= {name for one in within(written) for name in one.get("mapping", {}).values()}
    kinds = ("schemas", "responses")
    there = {f"#/components/{kind}/{name}" for kind in kinds for name in written["components"][kind]}
    assert pointed == there


def test_each_service_stands_at_its_own_port(written: dict[str, Any]) -> None:
    """`lahete run` and compose begin at 8100."""
    for _, path, said in operations(written):
        local = {one["url"] for one in said["servers"] if "127.0.0.1" in one["url"]}
        assert local == {f"http://127.0.0.1:{8100 + PORT_OFFSETS[service]}" for service in said["tags"]}, path


def test_two_services_that_answer_one_address_otherwise_have_no_document() -> None:
    one = EVERYWHERE[0]
    other = Operation(one.method, one.path, EVERYWHERE[1].endpoint, one.answers)
    with pytest.raises(ValueError, match="GET /health/live: b answers it otherwise than a"):
        openapi({"a": [one], "b": [other]})
