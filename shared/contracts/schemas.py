"""A JSON Schema for the data of each class, and of each extract that a feed has of one, made of its model.

A schema cannot say everything that the models check (which codes of municipalities exist, that `opens` is before
`closes`): the models refuse all that it refuses, except a null under a name that nobody knows.
"""

from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from shared.contracts.event_class import EventClass
from shared.contracts.examples import with_examples
from shared.contracts.extracts import Extract
from shared.contracts.registry import schema_id

Document = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NULL: Final = {"type": "null"}


class _Generator(GenerateJsonSchema):
    """Pydantic's, but for titles: “Referral Id” above `referral_id` says nothing, an enumeration's name does everywhere."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def dict_schema(self, schema: core_schema.DictSchema) -> Document:
        made = super().dict_schema(schema)
        if "propertyNames" in made and "title" in (keys := self.generate_inner(schema["keys_schema"])):
            made["propertyNames"]["title"] = keys["title"]
        return made


def json_schema(event_class: EventClass) -> Document:
    """The JSON Schema, draft 2020-12, of the class's data."""
    schema = event_class.model.model_json_schema(schema_generator=_Generator)
    schema = _with_null_for_absent(schema) if event_class.public else schema
    return _named(schema, f"Sent by {event_class.sent_by}.")


def extract_schema(extract: type[Extract]) -> Document:
    """The JSON Schema of what stands in a feed: what is not there is left out, never null."""
    schema = _without_null(extract.model_json_schema(schema_generator=_Generator))
    return _named(schema, "A partner reads it in its feed.")


def _named(schema: Document, direction: str) -> Document:
    for part in (schema, *schema.get("$defs", {}).values()):
        for one in part.get("properties", {}).values():
            one["description"] = " ".join(one.get("description", "").split())
    schema["description"] += f"\n\n{direction}"
    return {"$schema": DIALECT, "$id": schema_id(schema["title"])} | with_examples(schema)


def _with_null_for_absent(schema: Any) -> Any:
    """The schema of a model and of its parts, where every member that may be absent may be null as well."""
    if isinstance(schema, list):
        return [_with_null_for_absent(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {
        name: one if name in {"default", "examples", "if", "then"} else _with_null_for_absent(one)
        for name, one in schema.items()
    }
    if isinstance(properties := inside.get("properties"), dict) and "type" in inside:
        needed = inside.get("required", [])
        inside["properties"] = {name: one if name in needed else _or_null(one) for name, one in properties.items()}
    if isinstance(members := inside.get("additionalProperties"), dict):
        inside["additionalProperties"] = _or_null(members)
    return inside


def _or_null(schema: Document) -> Document:
    if schema.get("anyOf", [None])[-1] == _NULL:
        return schema
    beside: Document = {name: schema[name] for name in ("default", "description", "examples") if name in schema}
    return {"anyOf": [{name: one for name, one in schema.items() if name not in beside}, _NULL], **beside}


def _without_null(schema: Any) -> Any:
    """The schema of a model and of its parts, where no member is ever null."""
    if isinstance(schema, list):
        return [_without_null(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {name: _without_null(one) for name, one in schema.items()}
    if inside.get("anyOf", [None])[-1] != _NULL:
        return inside
    (branch,) = inside["anyOf"][:-1]
    return branch | {name: one for name, one in inside.items() if name not in {"anyOf", "default"}}


def schema_path(name: str) -> str:
    """Where the schema of a class or of an extract is kept, beside `asyncapi.json`."""
    return f"schemas/{name}.v1.json"
