"""The schemas of events as HTTP carries them: the contracts' own, with the envelope, for the OpenAPI document."""

from typing import Any

from shared.contracts.event_class import EventClass
from shared.contracts.registry import CLASSES
from shared.contracts.schemas import json_schema

Document = dict[str, Any]

_OF_THE_ORGANISER = ("capacity", "waiting_list")
"""What an organiser says of an activity, and nobody else is told."""


def event_shapes() -> Document:
    """Every schema by its name. Raises `ValueError` where two classes call different things by one name."""
    public = [event_class for event_class in CLASSES.values() if event_class.public]
    found: Document = {}
    for event_class in (*public, CLASSES["PartnerRegistered"], CLASSES["ActivitiesProposed"]):
        for name, schema in _hoisted(event_class).items():
            if found.setdefault(name, schema) != schema:
                raise ValueError(f"{event_class.name}: another class has another {name}")
    del found["ActivitiesProposed"]
    return found | {
        "CloudEvent": _cloud_event(),
        "Event": {
            "oneOf": [_ref(_event_of(event_class)) for event_class in public],
            "discriminator": {
                "propertyName": "type",
                "mapping": {one.type: f"#/components/schemas/{_event_of(one)}" for one in public},
            },
        },
        "EventData": {"description": "An event's data.", "anyOf": [_ref(event_class.name) for event_class in public]},
        **{_event_of(event_class): _structured(event_class) for event_class in public},
        "PartnerSaid": _without(found.pop("PartnerRegistered"), "partner"),
        "ActivityShown": _shown(found["ActivityPublished"]),
    }


def _hoisted(event_class: EventClass) -> Document:
    """The class's schema and those of its parts, each to be referred to by its name."""
    schema = json_schema(event_class)
    parts = schema.pop("$defs", {})
    del schema["$schema"], schema["$id"]
    return {name: _pointing(one) for name, one in {event_class.name: schema, **parts}.items()}


def _pointing(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_pointing(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: one.replace("#/$defs/", "#/components/schemas/") if name == "$ref" else _pointing(one)
        for name, one in schema.items()
    }


def _event_of(event_class: EventClass) -> str:
    return f"{event_class.name}Event"


def _ref(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


def _structured(event_class: EventClass) -> Document:
    own = {"type": {"const": event_class.type}, "data": _ref(event_class.name)}
    return {"allOf": [_ref("CloudEvent"), {"type": "object", "properties": own, "required": ["data"]}]}


def _cloud_event() -> Document:
    text = {"type": "string"}
    properties = {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$", "examples": ["a1b2"]},
        "source": {"type": "string", "description": "The sender.", "examples": ["/region/06"]},
        "type": {"type": "string", "description": "The class.", "examples": [CLASSES["ReferralIssued"].type]},
        "time": {"type": "string", "format": "date-time", "examples": ["2026-09-01T08:00:00Z"]},
        "subject": {"type": "string", "description": "The referral's id where there is one, else the activity's."},
        "datacontenttype": {"const": "application/json"},
        "correlationid": text,
        "causationid": text,
        "traceparent": text,
        "dataclassification": {"enum": ["confidential", "public"]},
        "synthetic": {"description": "Marks a test.", "enum": [True, False, "true", "false"]},
        "data": {"type": "object"},
        "data_base64": {"type": "string", "contentEncoding": "base64"},
    }
    return {
        "title": "CloudEvent",
        "description": "CloudEvents 1.0 in structured mode.",
        "type": "object",
        "properties": properties,
        "required": ["specversion", "id", "source", "type", "time"],
    }


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
