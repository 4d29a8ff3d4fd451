"""Examples for a JSON Schema: those of the fields, put together to one of each part and one of the whole."""

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]


def with_examples(schema: Schema) -> Schema:
    """The schema, with `examples` of the class and of each property, its parts' too. Raises `LookupError` where none is known."""
    parts = schema.get("$defs", {})
    for part in (schema, *parts.values()):
        part["properties"] = properties_with_examples(part, parts)
    return schema | {"examples": [_example(schema, parts, schema["title"])]}


def properties_with_examples(schema: Schema, parts: Mapping[str, Schema]) -> Schema:
    """The schema's properties, each with an example; `parts` has what a `$ref` names. Raises `LookupError` where none is known."""
    return {
        name: _lifted(one, _example(one, parts, f"{schema['title']}: {name}"))
        for name, one in schema.get("properties", {}).items()
    }


def _lifted(one: Schema, example: Any) -> Schema:
    """The property with its example beside its description, not once more inside an alternative."""
    branches = [{rule: said for rule, said in branch.items() if rule != "examples"} for branch in one.get("anyOf", ())]
    return one | ({"anyOf": branches} if branches else {}) | {"examples": [example]}


def _example(schema: Schema, parts: Mapping[str, Schema], where: str) -> Any:
    """One value, by the first rule that gives one."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return _example(parts[schema["$ref"].rpartition("/")[2]], parts, where)
    if "enum" in schema or "const" in schema:
        return schema["enum"][0] if "enum" in schema else schema["const"]
    for alternatives in ("anyOf", "oneOf"):
        if alternatives in schema and "type" not in schema:
            return _example(schema[alternatives][0], parts, where)
    return _of_a_kind(schema, parts, where)


def _of_a_kind(schema: Schema, parts: Mapping[str, Schema], where: str) -> Any:
    if schema["type"] == "object" and "properties" in schema:
        return {name: _example(one, parts, f"{where}.{name}") for name, one in schema["properties"].items()}
    if schema["type"] == "array":
        return [_example(schema["items"], parts, where)]
    if schema["type"] == "boolean":
        return schema.get("default", True)
    raise LookupError(f"{where} has no example; its field's type needs one: examples=[...]")
