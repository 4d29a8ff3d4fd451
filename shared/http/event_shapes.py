"""The schemas of events as HTTP carries them: the contracts' own, with the envelope, for the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

from shared.contracts.event_class import EventClass
from shared.contracts.extracts import EXTRACTS, TO_ISSUER, TO_ORGANISER
from shared.contracts.messages import structured_event
from shared.contracts.partner_kinds import EXAMPLE_OF
from shared.contracts.registry import CLASSES, schema_id
from shared.contracts.schemas import extract_schema, json_schema

Document = dict[str, Any]

_OF_THE_ORGANISER = ("capacity", "waiting_list", "kaikukortti_places")
"""The properties of an activity that the public list hides."""
_ENVELOPE = {"specversion": "1.0", "id": "a1b2", "time": "2026-09-01T11:00:00+03:00"}


def event_shapes() -> Document:
    """Every schema by its name. Raises `ValueError` where two classes use one name for different things."""
    sent = {one.name: one for one in CLASSES.values() if one.public}
    read = {extract.__name__: CLASSES[model.__name__] for model, extract in (*TO_ISSUER.items(), *TO_ORGANISER.items())}
    found = _hoisted(
        *map(json_schema, (*sent.values(), CLASSES["PartnerRegistered"])), *map(extract_schema, EXTRACTS.values())
    )
    of_sent = {f"{name}Event": _event(one, found[name]) for name, one in sent.items()}
    of_read = {f"{name}Event": _event(one, found[name], dataschema=schema_id(name)) for name, one in read.items()}
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


def _event(event_class: EventClass, data: Document, **constant: str) -> Document:
    """An event of this class with this data, and further constant attributes."""
    own = {"type": event_class.type, **constant}
    properties = {name: {"const": value} for name, value in own.items()} | {"data": _ref(data["title"])}
    sender = next((kind for kind in EXAMPLE_OF if kind in event_class.senders), min(event_class.senders))
    example = _ENVELOPE | {"source": EXAMPLE_OF.get(sender, f"/{sender}")} | own | {"data": data["examples"][0]}
    return {
        "allOf": [_ref("CloudEvent"), {"type": "object", "properties": properties, "required": ["data", *constant]}],
        "examples": [example],
    }


def _cloud_event() -> Document:
    envelope = structured_event()
    data = {
        "data": {
            "type": "object",
            "description": "What the event says, as the schema of its class has it.",
            "examples": [{"referral_id": "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11", "reason": "client_wish"}],
        },
        "data_base64": {
            "type": "string",
            "contentEncoding": "base64",
            "description": "The JSON of `data` in base64, in its place.",
            "examples": [
                "eyJyZWZlcnJhbF9pZCI6ICI3YjBkOWE1Mi01YzFlLTRjNTctOWEwZS0zZjFmNmEyZDhjMTEiLCAicmVhc29uIjogImNsaWVudF93aXNoIn0="
            ],
        },
    }
    named = {"title": "CloudEvent", "description": "CloudEvents 1.0 in structured mode."}
    return {**envelope, **named, "properties": {**envelope["properties"], **data}}


def _shown(published: Document) -> Document:
    """An activity as anybody may see it."""
    shown = _without(published, *_OF_THE_ORGANISER)
    own: Document = {
        "organiser": {"type": "string", "description": "Who runs the activity.", "examples": ["/opisto/tampere"]},
        "availability": {
            "title": "Availability",
            "enum": ["places", "waiting_list", "full"],
            "description": "Whether a place is free now, else whether one can wait for one.",
            "examples": ["places"],
        },
        "cancelled": {"type": "boolean", "description": "Whether it will not be held.", "examples": [False]},
        "needs": {
            "type": "object",
            "additionalProperties": {"type": "integer", "minimum": 1, "maximum": 10},
            "description": "What it is matched by, by dimension of 3X10D: 1 to 10, the greater the more it helps.",
            "examples": [{"friends": 8, "self_esteem": 5}],
        },
        "needs_from": {
            "title": "NeedsFrom",
            "enum": ["organiser", "derived"],
            "description": "Whose word `needs` is: the organiser's own, or derived from texts, themes and setting.",
            "examples": ["organiser"],
        },
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
