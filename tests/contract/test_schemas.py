"""The documents under docs/contracts: as the models are, as they were, and whole."""

import copy
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from cli.openapi import document as openapi
from shared.contracts.compatibility import incompatibilities
from shared.contracts.documents import all_schemas, stale, write
from shared.contracts.registry import CLASSES
from shared.contracts.schemas import json_schema, schema_path

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "docs" / "contracts"

SCHEMAS = all_schemas()
every_schema = pytest.mark.parametrize("name", SCHEMAS)

Change = Callable[[dict[str, Any]], object]


# --- kept


def test_the_kept_documents_are_what_the_models_generate() -> None:
    assert stale(KEPT, openapi()) == [], "write them again: lahete contracts --out docs/contracts"


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first = {path: path.read_bytes() for path in write(tmp_path, openapi())}
    assert {path: path.read_bytes() for path in write(tmp_path, openapi())} == first
    assert stale(tmp_path, openapi()) == []
    assert all(text.endswith(b"}\n") and b"\r" not in text for text in first.values())


def test_a_missing_a_changed_and_a_forgotten_document_are_each_named(tmp_path: Path) -> None:
    write(tmp_path, openapi())
    (tmp_path / "asyncapi.json").write_text("{}\n")
    (tmp_path / "schemas" / "ReferralIssued.v1.json").unlink()
    (tmp_path / "schemas" / "Forgotten.v1.json").write_text("{}\n")
    assert stale(tmp_path, openapi()) == [
        "asyncapi.json: differs from the models",
        "schemas/Forgotten.v1.json: no class has it",
        "schemas/ReferralIssued.v1.json: is missing",
    ]


# --- JSON Schema


@every_schema
def test_a_schema_is_valid_and_says_what_it_is(name: str) -> None:
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:kulttuurilahete:{name}:v1"
    assert schema["title"] == name
    assert schema["description"]


def test_a_schema_refuses_what_only_a_check_in_the_model_would_find() -> None:
    issued = Draft202012Validator(json_schema(CLASSES["ReferralIssued"]))
    feedback = Draft202012Validator(json_schema(CLASSES["FeedbackSubmitted"]))
    published = Draft202012Validator(json_schema(CLASSES["ActivityPublished"]))
    assert {"/consent/scopes", "/municipality", "/themes", "/themes/0"} <= _refused(
        issued,
        {
            "municipality": "Oulu",
            "themes": ["golf", "golf"],
            "consent": {"recorded_on": "2026-09-01", "scopes": ["feedback"]},
        },
    )
    assert {"/answers", "/answers/q1"} <= _refused(feedback, {"instrument": "who5", "answers": {"q1": 6}})
    assert "/title" in _refused(published, {"title": {"se": "Lávlun"}})


def _refused(validator: Draft202012Validator, data: object) -> set[str]:
    # What may be null is one of two; what is wrong with the other one stands in the error's context.
    errors = [one for error in validator.iter_errors(data) for one in (error, *error.context)]
    return {"".join(f"/{part}" for part in error.absolute_path) for error in errors}


# --- as they were


def _at_head(name: str) -> dict[str, Any]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("no git, or no history here: compatibility with what was published is NOT checked")
    path = f"docs/contracts/{schema_path(name)}"
    shown = subprocess.run([git, "show", f"HEAD:{path}"], cwd=ROOT, capture_output=True, check=False)
    if shown.returncode != 0:
        pytest.skip(f"HEAD has no {path}: compatibility of {name} is NOT checked")
    before: dict[str, Any] = json.loads(shown.stdout)
    return before


@every_schema
def test_no_class_breaks_what_was_committed(name: str) -> None:
    broken = incompatibilities(_at_head(name), SCHEMAS[name])
    assert broken == [], f"{name} needs a new major version, with an upcaster from the old"


@every_schema
def test_a_schema_is_compatible_with_itself(name: str) -> None:
    schema = SCHEMAS[name]
    assert incompatibilities(schema, copy.deepcopy(schema)) == []


# --- compatibility


def _schema() -> dict[str, Any]:
    return {
        "$defs": {"Part": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}},
        "type": "object",
        "properties": {
            "count": {"type": "integer", "minimum": 1, "maximum": 10},
            "code": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
            "kind": {"type": "string", "enum": ["a", "b"]},
            "one": {"type": "string", "const": "referral"},
            "day": {"type": "string", "format": "date"},
            "list": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3},
            "map": {"type": "object", "additionalProperties": {"type": "integer"}, "propertyNames": {"enum": ["a"]}},
            "maybe": {"anyOf": [{"type": "integer", "maximum": 5}, {"type": "null"}], "default": None},
            "part": {"$ref": "#/$defs/Part"},
            "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}},
        },
        "required": ["count", "code"],
    }


def _put(pointer: str, value: object) -> Change:
    def change(schema: dict[str, Any]) -> None:
        *way, last = pointer.split("/")
        target: Any = schema
        for part in way:
            target = target[int(part)] if isinstance(target, list) else target[part]
        target[last] = value

    return change


def _drop(pointer: str) -> Change:
    def change(schema: dict[str, Any]) -> None:
        *way, last = pointer.split("/")
        target: Any = schema
        for part in way:
            target = target[part]
        del target[last]

    return change


def _require_new(schema: dict[str, Any]) -> None:
    schema["properties"]["fresh"] = {"type": "string"}
    schema["required"].append("fresh")


BREAKS: dict[str, tuple[Change, str]] = {
    "a new required field": (_require_new, "/properties/fresh: is new and required"),
    "a field that became required": (_put("required", ["count", "code", "kind"]), "/properties/kind: became required"),
    "a field that became optional": (_put("required", ["code"]), "/properties/count: became optional"),
    "a removed optional field": (_drop("properties/kind"), "/properties/kind: was removed"),
    "another type": (_put("properties/count/type", "string"), "/properties/count/type: no longer takes integer"),
    "a wider type": (_put("properties/count/type", ["integer", "null"]), "/properties/count/type: may now be null"),
    "no type": (_drop("properties/code/type"), "/properties/code/type: was string, is nothing"),
    "an enumeration with less": (_put("properties/kind/enum", ["a"]), "/properties/kind/enum: no longer takes"),
    "an enumeration with more": (_put("properties/kind/enum", ["a", "b", "c"]), "/properties/kind/enum: may now be"),
    "an enumeration that is gone": (_drop("properties/kind/enum"), "/properties/kind/enum: any value is allowed now"),
    "an enumeration that is new": (_put("properties/code/enum", ["a"]), "/properties/code/enum: any value was allowed"),
    "another constant": (_put("properties/one/const", "course"), "/properties/one/const: no longer takes"),
    "another pattern": (
        _put("properties/code/pattern", "^[a-z]$"),
        "/properties/code/pattern: was ^[a-z]+$, is ^[a-z]$",
    ),
    "another format": (_put("properties/day/format", "date-time"), "/properties/day/format: was date"),
    "a raised minimum": (_put("properties/count/minimum", 2), "/properties/count/minimum: was raised from 1 to 2"),
    "a lowered maximum": (_put("properties/count/maximum", 9), "/properties/count/maximum: was lowered from 10 to 9"),
    "a shorter text": (_put("properties/code/maxLength", 4), "/properties/code/maxLength: was lowered"),
    "a first shortest text": (
        _put("properties/code/minLength", 1),
        "/properties/code/minLength: was raised from nothing",
    ),
    "more items needed": (_put("properties/list/minItems", 2), "/properties/list/minItems: was raised from 1 to 2"),
    "fewer items allowed": (_put("properties/list/maxItems", 2), "/properties/list/maxItems: was lowered from 3 to 2"),
    "no repetitions": (_put("properties/list/uniqueItems", True), "/properties/list/uniqueItems: repetitions"),
    "other items": (_put("properties/list/items/type", "integer"), "/properties/list/items/type: no longer takes"),
    "other values of a map": (
        _put("properties/map/additionalProperties/type", "string"),
        "/properties/map/additionalProperties/type: no longer takes",
    ),
    "fewer names of a map": (_put("properties/map/propertyNames/enum", []), "/properties/map/propertyNames/enum: no"),
    "unknown fields refused": (_put("additionalProperties", False), "/additionalProperties: was True, is False"),
    "null no longer taken": (
        _put("properties/maybe/anyOf", [{"type": "integer"}]),
        "/properties/maybe: no longer takes",
    ),
    "a new alternative": (
        _put("properties/maybe/anyOf", [{"type": "integer"}, {"type": "null"}, {"type": "string"}]),
        "/properties/maybe: may now be string",
    ),
    "a narrower alternative": (
        _put("properties/maybe/anyOf/0/maximum", 4),
        "/properties/maybe/anyOf/0/maximum: was lowered from 5 to 4",
    ),
    "a field that may now be null": (
        _put("properties/kind", {"anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}]}),
        "/properties/kind: may now be null",
    ),
    "another default": (_put("properties/maybe/default", 1), "/properties/maybe/default: was nothing, is 1"),
    "a change inside a definition": (
        _put("$defs/Part/properties/x/type", "string"),
        "/$defs/Part/properties/x/type: no",
    ),
    "a field removed from a definition": (_put("$defs/Part/properties", {}), "/$defs/Part/properties/x: was removed"),
    "a condition": (_put("allOf", [{"required": ["kind"]}]), "/allOf: was nothing"),
}

KEEPS: dict[str, Change] = {
    "an added optional field": _put("properties/fresh", {"type": "string", "default": "x"}),
    "an added optional field of a definition": _put("$defs/Part/properties/y", {"type": "string"}),
    "another description": _put("properties/count/description", "how many"),
    "another title": _put("title", "Another"),
    "a lowered minimum": _put("properties/count/minimum", 0),
    "a raised maximum": _put("properties/count/maximum", 11),
    "a limit that is gone": _drop("properties/code/maxLength"),
    "a shortest text of nothing": _put("properties/code/minLength", 0),
    "another order of an enumeration": _put("properties/kind/enum", ["b", "a"]),
    "another order of what is required": _put("required", ["code", "count"]),
    "another order of alternatives": _put(
        "properties/maybe/anyOf", [{"type": "null"}, {"type": "integer", "maximum": 5}]
    ),
    "a definition written out": _put("properties/part", _schema()["$defs"]["Part"]),
}


@pytest.mark.parametrize("name", BREAKS)
def test_what_breaks_is_refused_and_pointed_at(name: str) -> None:
    change, line = BREAKS[name]
    new = _schema()
    change(new)
    found = incompatibilities(_schema(), new)
    assert any(one.startswith(line) for one in found), found


@pytest.mark.parametrize("name", KEEPS)
def test_what_breaks_nobody_is_taken(name: str) -> None:
    new = _schema()
    KEEPS[name](new)
    assert incompatibilities(_schema(), new) == []


def test_a_recursive_definition_comes_to_an_end() -> None:
    tree = {"$defs": {"T": {"properties": {"next": {"$ref": "#/$defs/T"}}}}, "$ref": "#/$defs/T"}
    assert incompatibilities(tree, copy.deepcopy(tree)) == []


_limit = st.none() | st.integers(0, 4)


@st.composite
def _texts_and_numbers(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["integer", "string"]))
    low, high = ("minimum", "maximum") if kind == "integer" else ("minLength", "maxLength")
    rules = {"type": kind, low: draw(_limit), high: draw(_limit)}
    return {name: rule for name, rule in rules.items() if rule is not None}


@st.composite
def _objects(draw: st.DrawFn) -> dict[str, Any]:
    properties = draw(st.dictionaries(st.sampled_from("abc"), _texts_and_numbers(), min_size=1))
    required = draw(st.lists(st.sampled_from(sorted(properties)), unique=True))
    return {"type": "object", "properties": properties, "required": required}


@given(old=_objects(), new=_objects(), data=st.data())
def test_what_is_called_compatible_takes_all_that_the_old_took(
    old: dict[str, Any], new: dict[str, Any], data: st.DataObject
) -> None:
    values = st.integers(-1, 6) | st.text("x", max_size=6)
    sent = data.draw(st.dictionaries(st.sampled_from(sorted(old["properties"])), values))
    if Draft202012Validator(old).is_valid(sent) and not Draft202012Validator(new).is_valid(sent):
        assert incompatibilities(old, new)
