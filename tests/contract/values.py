"""Values that a JSON Schema of ours allows, for property tests: by the rules that our schemas use, and no others."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from shared.contracts.partner_kinds import REFERRERS

Schema = dict[str, Any]
_KNOWN = {
    "^[0-9]{2}$": ["06", "08"],
    "^[0-9]{3}$": ["837", "091"],
    f"^/(?:{'|'.join(REFERRERS)})/[a-z0-9.-]{{1,60}}$": ["/region/06", "/region/08", "/library/metso"],
}
"""Codes, of which the schema has the shape alone."""


def values(schema: Schema, root: Schema | None = None) -> st.SearchStrategy[Any]:
    """JSON that the schema allows. Raises `LookupError` where it has a type that no schema of ours had."""
    root = root or schema
    if "$ref" in schema:
        return values(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema["enum"] if "enum" in schema else [schema["const"]])
    if "anyOf" in schema and "type" not in schema:
        return st.one_of([values(one, root) for one in schema["anyOf"]])
    return _of_a_type(schema, root)


def _of_a_type(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    match schema["type"]:
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema.get("minimum"), schema.get("maximum"))
        case "string":
            return _texts(schema)
        case "array":
            items, unique = values(schema["items"], root), schema.get("uniqueItems", False)
            return st.lists(
                items, min_size=schema.get("minItems", 0), max_size=min(3, schema.get("maxItems", 3)), unique=unique
            )
        case "object":
            return _objects(schema, root)
    raise LookupError(f"no values are drawn for the JSON type {schema['type']!r}; add it beside the others")


def _texts(schema: Schema) -> st.SearchStrategy[str]:
    if schema.get("format") == "date-time":
        return st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)).map(datetime.isoformat)
    pattern: str = schema.get("pattern", "")
    if pattern in _KNOWN:
        return st.sampled_from(_KNOWN[pattern])
    if pattern:
        return st.from_regex(pattern, fullmatch=True)
    return st.text('abcåäö "\\€', min_size=schema.get("minLength", 0), max_size=min(20, schema.get("maxLength", 20)))


def _objects(schema: Schema, root: Schema) -> st.SearchStrategy[dict[str, Any]]:
    if "properties" not in schema:
        names = values(schema.get("propertyNames", {"type": "string"}) | {"type": "string"}, root)
        return st.dictionaries(
            names, values(schema["additionalProperties"], root), min_size=schema.get("minProperties", 0), max_size=3
        )
    members = {name: values(one, root) for name, one in schema["properties"].items()}
    needed = {name: one for name, one in members.items() if name in schema.get("required", ())}
    return st.fixed_dictionaries(needed, optional={name: one for name, one in members.items() if name not in needed})
