"""The schemas of events as HTTP carries them: the contracts' own, with the envelope, for the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

from shared.contracts.event_class import EventClass
from shared.contracts.feed_events import EXTRACTS, TO_OPISTO, TO_REGION
from shared.contracts.messages import structured_event
from shared.contracts.registry import CLASSES, schema_id
from shared.contracts.schemas import extract_schema, json_schema

Document = dict[str, Any]

_OF_THE_ORGANISER = ("capacity", "waiting_list")
"""The properties of an activity that the public list hides."""


def event_shapes() -> Document:
    """Every schema by its name. Raises `ValueError` where two classes use one name for different things."""
    sent = {one.name: one for one in CLASSES.values() if one.public}
    read = {extract.__name__: CLASSES[model.__name__] for model, extract in (*TO_REGION.items(), *TO_OPISTO.items())}
    of_sent = {f"{name}Event": _event(one, name) for name, one in sent.items()}
    of_read = {f"{name}Event": _event(one, name, dataschema=schema_id(name)) for name, one in read.items()}
    found = _hoisted(
        *map(json_schema, (*sent.values(), CLASSES["PartnerRegistered"])), *map(extract_schema, EXTRACTS.values())
    )
    return found | {
        "CloudEvent": _cloud_event(),
        "Event": _one_of("type", {one.type: f"{name}Event" for name, one in sent.items()}),
        "EventData": {"description": "An event's data.", "anyOf": [_ref(name) for name in sent]},
        "FeedEvent": _one_of("dataschema", {schema_id(name): f"{name}Event" for name in read}),
        **of_sent,
        **of_read,
        "PartnerSaid": _without(found.pop("PartnerRegistered"), "partner"),
        "ActivityShown": _shown(found["ActivityPublished"]),
    }


def _hoisted(*schemas: Document) -> Document:
    """The schemas and those of their parts, each to be referred to by its name."""
    found: Document = {}
    for schema in schemas:
        beside = {name: one for name, one in schema.items() if name not in {"$defs", "$schema", "$id"}}
        for name, one in {schema["title"]: beside, **schema.get("$defs", {})}.items():
            if found.setdefault(name, _pointing(one)) != _pointing(one):
                raise ValueError(f"{schema['title']}: another class has another {name}")
    return found


def _one_of(told_by: str, names: Mapping[str, str]) -> Document:
    """The schema that the value of one property names."""
    mapping = {value: f"#/components/schemas/{name}" for value, name in names.items()}
    discriminator = {"propertyName": told_by, "mapping": mapping}
    return {"oneOf": [_ref(name) for name in names.values()], "discriminator": discriminator}


def _pointing(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_pointing(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: one.replace("#/$defs/", "#/components/schemas/") if name == "$ref" else _pointing(one)
        for name, one in schema.items()
    }


def _ref(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


def _event(event_class: EventClass, data: str, **constant: str) -> Document:
    """An event of this class with this data, and further constant attributes."""
    own = {name: {"const": value} for name, value in {"type": event_class.type, **constant}.items()}
    required = ["data", *constant]
    return {
        "allOf": [
            _ref("CloudEvent"),
            {"type": "object", "properties": {**own, "data": _ref(data)}, "required": required},
        ]
    }


def _cloud_event() -> Document:
    envelope = structured_event()
    data = {"data": {"type": "object"}, "data_base64": {"type": "string", "contentEncoding": "base64"}}
    named = {"title": "CloudEvent", "description": "CloudEvents 1.0 in structured mode."}
    return {**envelope, **named, "properties": {**envelope["properties"], **data}}


def _shown(published: Document) -> Document:
    """An activity as anybody may see it."""
    shown = _without(published, *_OF_THE_ORGANISER)
    own: Document = {
        "organiser": {"type": "string", "examples": ["/opisto/tampere"]},
        "availability": {"title": "Availability", "enum": ["places", "waiting_list", "full"], "examples": ["places"]},
        "cancelled": {"type": "boolean", "examples": [False]},
    }
    return {
        **shown,
        "title": "ActivityShown",
        "description": "An activity as anybody may see it: no counts, only whether there is room.",
        "properties": {**shown["properties"], **own},
        "required": [*shown["required"], *own],
        "examples": [shown["examples"][0] | {name: one["examples"][0] for name, one in own.items()}],
    }


def _without(schema: Document, *names: str) -> Document:
    return {
        **schema,
        "properties": {name: one for name, one in schema["properties"].items() if name not in names},
        "required": [name for name in schema["required"] if name not in names],
        "examples": [{name: said for name, said in one.items() if name not in names} for one in schema["examples"]],
    }
