"""A schema tells its reader all he needs: each property says what it means, in which unit, and shows how it looks."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import BaseModel

from cli.openapi import document
from shared.contracts.asyncapi import asyncapi
from shared.contracts.asyncapi_partners import asyncapi_partners
from shared.contracts.documents import all_schemas
from shared.contracts.envelope import authorise, decode, read_structured
from shared.contracts.examples import with_examples
from shared.contracts.extracts import EXTRACTS
from shared.contracts.registry import CLASSES

SCHEMAS = all_schemas()
MODELS: dict[str, type[BaseModel]] = {name: one.model for name, one in CLASSES.items()} | dict(EXTRACTS)
OPENAPI = document()["components"]["schemas"]
every_schema = pytest.mark.parametrize("name", SCHEMAS)

COUNTS = (
    "how many",
    "cents",
    "years",
    "count of",
    "from 1",
    "from 0",
    "which step",
    "days",
    "place on",
    "number of",
    "seconds",
    "status",
)
SCALES = (" to 1;", " to 10", "degrees", "points", "the instrument's scale")
DIRECTIONS = ("the greater the better", "the greater the more", "above 0 is better", "positive to the")
"""What the greater end of a scale means."""


def _properties(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for part in (schema, *schema.get("$defs", {}).values()):
        for name, one in part["properties"].items():
            yield f"{part['title']}.{name}", one


def _inside(schema: dict[str, Any], where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The properties of an object and of those that stand in it; a rule that only narrows some has no type of its own."""
    own = schema.get("properties", {}) if schema.get("type") == "object" else {}
    for name, one in own.items():
        yield f"{where}.{name}", one
        yield from _inside(one, f"{where}.{name}")
    for inner in (schema.get("items"), schema.get("additionalProperties"), *schema.get("anyOf", ())):
        if isinstance(inner, dict):
            yield from _inside(inner, where)


OPENAPI_PROPERTIES = dict(found for name, schema in OPENAPI.items() for found in _inside(schema, name))


def _enumerations(node: object) -> Iterator[tuple[str | None, list[str]]]:
    if isinstance(node, dict):
        if "enum" in node:
            yield node.get("title"), node["enum"]
        for member in node.values():
            yield from _enumerations(member)
    elif isinstance(node, list):
        for member in node:
            yield from _enumerations(member)


def _kinds(schema: dict[str, Any]) -> set[str]:
    """The types of a property; of a table, those of its values."""
    branches = [schema, *schema.get("anyOf", ())]
    members = [
        branch["additionalProperties"] for branch in branches if isinstance(branch.get("additionalProperties"), dict)
    ]
    return {branch["type"] for branch in branches if "type" in branch}.union(*map(_kinds, members))


@every_schema
def test_every_property_says_what_it_means_and_has_an_example(name: str) -> None:
    for where, one in _properties(SCHEMAS[name]):
        assert one.get("description", "").endswith("."), f"{where}: a sentence under the field is its description"
        assert one["examples"], where


def _is_one(example: object, schema: dict[str, Any]) -> bool:
    return bool(Draft202012Validator({**schema, "components": {"schemas": OPENAPI}}).is_valid(example))


def _says_what_its_number_means(where: str, one: dict[str, Any]) -> None:
    said = one["description"].lower()
    if not _kinds(one) & {"integer", "number"} or any(unit in said for unit in COUNTS):
        return
    assert any(unit in said for unit in SCALES), f"{where} has no unit: {said}"
    assert any(end in said for end in DIRECTIONS), f"{where} does not say which end of its scale is which: {said}"


@pytest.mark.parametrize("where", OPENAPI_PROPERTIES)
def test_every_property_that_http_carries_says_what_it_means_and_has_an_example_that_fits(where: str) -> None:
    one = OPENAPI_PROPERTIES[where]
    assert one.get("description", "").endswith("."), where
    assert one["examples"], where
    assert [example for example in one["examples"] if not _is_one(example, one)] == [], where
    _says_what_its_number_means(where, one)


@pytest.mark.parametrize("name", [name for name in OPENAPI if name.endswith("Event") and "allOf" in OPENAPI[name]])
def test_the_example_of_an_event_is_one_that_http_carries(name: str) -> None:
    (example,) = OPENAPI[name]["examples"]
    assert _is_one(example, OPENAPI[name])


@pytest.mark.parametrize("name", [name for name, one in CLASSES.items() if one.public])
def test_the_example_of_an_event_that_partners_send_is_one_that_the_intake_takes(name: str) -> None:
    (example,) = OPENAPI[f"{name}Event"]["examples"]
    event = decode(read_structured(json.dumps(example).encode()), now=datetime(2026, 9, 2, tzinfo=UTC))
    assert type(event.data) is MODELS[name]
    authorise(event, example["source"])


@every_schema
def test_every_number_says_what_it_counts_or_which_end_of_its_scale_is_which(name: str) -> None:
    for where, one in _properties(SCHEMAS[name]):
        _says_what_its_number_means(where, one)


@every_schema
def test_every_time_says_that_it_is_in_utc_or_has_an_offset(name: str) -> None:
    for where, one in _properties(SCHEMAS[name]):
        if any(branch.get("format") == "date-time" for branch in (one, *one.get("anyOf", ()))):
            assert (name in CLASSES and CLASSES[name].public) or "UTC" in one["description"], (
                f"{where}: {one['description']}"
            )


def test_every_enumeration_has_a_title_of_its_own() -> None:
    found: dict[str | None, set[tuple[str, ...]]] = {}
    for schema in (*SCHEMAS.values(), asyncapi()["components"], asyncapi_partners()["components"]):
        for title, values in _enumerations(schema):
            found.setdefault(title, set()).add(tuple(values))
    assert None not in found, f"an enumeration without a title: {found[None]}"
    assert {title: sets for title, sets in found.items() if len(sets) > 1} == {}


@every_schema
def test_the_example_of_a_class_is_one_that_the_platform_takes(name: str) -> None:
    (example,) = SCHEMAS[name]["examples"]
    assert Draft202012Validator(SCHEMAS[name]).is_valid(example)
    taken = MODELS[name].model_validate_json(json.dumps(example))
    assert taken.model_fields_set == set(MODELS[name].model_fields)


def test_a_field_without_an_example_is_named_when_its_schema_is_made() -> None:
    schema = {"title": "Made", "type": "object", "properties": {"code": {"type": "string"}}}
    with pytest.raises(LookupError, match="Made: code has no example"):
        with_examples(schema)
