"""Examples for a JSON Schema: those of the fields, put together to one of each part and one of the whole."""

from typing import Any

Schema = dict[str, Any]


def with_examples(schema: Schema) -> Schema:
    """The schema, with `examples` of the class and of each property, its parts' too. Raises `LookupError` where none is known."""
    parts = (schema, *schema.get("$defs", {}).values())
    for part in parts:
        part["properties"] = {
            name: _lifted(one, _example(one, schema, name)) for name, one in part.get("properties", {}).items()
        }
    return schema | {"examples": [_example(schema, schema, schema["title"])]}


def _lifted(one: Schema, example: Any) -> Schema:
    """The property with its example beside its description, not once more inside an alternative."""
    branches = [{rule: said for rule, said in branch.items() if rule != "examples"} for branch in one.get("anyOf", ())]
    return one | ({"anyOf": branches} if branches else {}) | {"examples": [example]}


def _example(schema: Schema, root: Schema, name: str) -> Any:
    """One value, by the first rule that gives one."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return _example(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, name)
    if "enum" in schema or "const" in schema:
        return schema["enum"][0] if "enum" in schema else schema["const"]
    if "anyOf" in schema and "type" not in schema:
        return _example(schema["anyOf"][0], root, name)
    return _of_a_kind(schema, root, name)


def _of_a_kind(schema: Schema, root: Schema, name: str) -> Any:
    if schema["type"] == "object" and "properties" in schema:
        return {member: _example(one, root, member) for member, one in schema["properties"].items()}
    if schema["type"] == "array":
        return [_example(schema["items"], root, name)]
    if schema["type"] == "boolean":
        return schema.get("default", True)
    raise LookupError(f"{root['title']}: {name} has no example; its field's type needs one: Field(examples=[...])")
