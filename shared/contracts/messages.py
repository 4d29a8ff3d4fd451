"""The messages of the AsyncAPI documents: an event's headers on Kafka, an event as HTTP carries it, a feed's entry."""

from collections.abc import Iterable
from inspect import cleandoc
from typing import Final

from shared.contracts import topics
from shared.contracts.envelope import classification
from shared.contracts.errors import REASONS
from shared.contracts.event_class import EventClass
from shared.contracts.extracts import TO_ISSUER, TO_ORGANISER
from shared.contracts.partner_kinds import PARTNER_KINDS
from shared.contracts.registry import CLASSES, schema_id
from shared.contracts.schemas import Document, schema_path

BINDING: Final = "0.5.0"
"""The version of Kafka's bindings."""
_JSON_SCHEMA: Final = "application/schema+json;version=draft-2020-12"
_REFERRAL: Final = "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"
_STRUCTURED: Final = "application/cloudevents+json"


def message(event_class: EventClass) -> Document:
    return {
        "name": event_class.type,
        "title": event_class.name,
        "description": _description(event_class),
        "contentType": "application/json",
        "headers": _headers_of(event_class),
        "payload": {"schemaFormat": _JSON_SCHEMA, "schema": {"$ref": schema_path(event_class.name)}},
        "tags": [
            {"name": f"owner:{event_class.owner}"},
            {"name": "from outside" if event_class.public else "internal"},
        ],
        "bindings": _key(
            "The event's subject: the referral's id where there is one, else activity_id, else the source."
        ),
    }


def _description(event_class: EventClass) -> str:
    return f"{cleandoc(event_class.model.__doc__ or '')}\n\nMore: {event_class.documented}."


def _headers_of(event_class: EventClass) -> Document:
    said = classification(event_class.model.model_construct())
    narrowed = {
        "ce_type": {"type": "string", "const": event_class.type},
        "ce_source": {"type": "string", "pattern": _source_pattern(event_class.senders)},
        "ce_dataclassification": {"type": "string", "const": said},
    }
    return {"type": "object", "allOf": [{"$ref": "#/components/schemas/CloudEventHeaders"}], "properties": narrowed}


def _source_pattern(senders: Iterable[str]) -> str:
    coded = {"region": "[0-9]{2}", "municipality": "[0-9]{3}"}
    partners = {kind: f"{kind}/{coded.get(kind, '[a-z0-9.-]{1,60}')}" for kind in PARTNER_KINDS}
    return f"^/(?:{'|'.join(partners.get(sender, sender) for sender in sorted(senders))})$"


def event_headers() -> Document:
    return {
        "type": "object",
        "description": "CloudEvents 1.0 attributes as the Kafka binding's binary mode writes them: UTF-8 text.",
        "properties": {
            "content-type": _header("The value's media type.", const="application/json"),
            "ce_specversion": _header("CloudEvents' version.", const="1.0"),
            "ce_id": _header(
                "The sender's; unique in its source.", pattern="^[A-Za-z0-9._:-]{1,64}$", examples=["a1b2"]
            ),
            "ce_source": _header("The sender.", pattern="^/[a-z]+/[a-z0-9.-]{1,60}$", examples=["/region/06"]),
            "ce_type": _header(
                "Class and major version.",
                pattern=r"^fi\.kulttuurilahete\.[A-Za-z]+\.v[0-9]+$",
                examples=["fi.kulttuurilahete.ReferralWithdrawn.v1"],
            ),
            "ce_time": _header(
                "When the sender recorded the fact, RFC 3339 with an offset.",
                format="date-time",
                examples=["2026-09-01T11:00:00+03:00"],
            ),
            "ce_subject": _header("The aggregate it is about; the Kafka key too.", examples=[_REFERRAL]),
            "ce_correlationid": _header(
                "The referral's id, where there is one.", pattern="^[A-Za-z0-9._:-]{1,64}$", examples=[_REFERRAL]
            ),
            "ce_causationid": _header("The id of the event that this one follows from.", examples=["a1b1"]),
            "ce_editedfrom": _header(
                "The id of the event in whose place this one was sent, its content edited by two people of the ops team.",
                examples=["att-77"],
            ),
            "ce_traceparent": _header(
                "W3C Trace Context.", examples=["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]
            ),
            "ce_dataclassification": _header(
                "Where a referral is concerned: confidential.", title="Classification", enum=["confidential", "public"]
            ),
            "ce_synthetic": _header(
                "true marks a test referral or activity.", title="Synthetic", enum=["true", "false"]
            ),
        },
        "required": ["ce_id", "ce_source", "ce_specversion", "ce_time", "ce_type"],
    }


def dead_letter_headers() -> Document:
    properties = {
        "dl_id": _header("Stable for the same record and service."),
        "dl_reason": _header("Why, by class.", title="RefusalReason", enum=[*REASONS]),
        "dl_error": _header("Why, in one line."),
        "dl_service": _header("Who could not take it.", title="Service", enum=[*topics.SERVICES]),
        "dl_topic": _header("Where the original record stands."),
        "dl_partition": _header("Its partition.", pattern="^[0-9]+$"),
        "dl_offset": _header("Its offset.", pattern="^[0-9]+$"),
        "dl_time": _header("When it was refused.", format="date-time"),
        "dl_attempts": _header("How often it was tried.", pattern="^[0-9]+$"),
    }
    return {
        "type": "object",
        "description": "Added to the original record's headers.",
        "properties": properties,
        "required": sorted(properties),
    }


def _header(description: str, **rules: object) -> Document:
    return {"type": "string", "description": description, **rules}


def unread_messages() -> dict[str, Document]:
    """Records whose value is whatever came: the contract promises nothing of it."""
    return {
        name: {
            "name": name,
            "title": title,
            "description": "The original key, value and headers, byte for byte; with personal data, the masked text.",
            "contentType": "application/octet-stream",
            "headers": {"$ref": "#/components/schemas/DeadLetterHeaders"},
            "bindings": _key("The key of the original record."),
        }
        for name, title in (
            ("DeadLetter", "A record that could not be taken"),
            ("Redriven", "A dead letter sent again"),
        )
    }


def _key(description: str) -> Document:
    return {"kafka": {"key": {"type": "string", "description": description}, "bindingVersion": BINDING}}


# --- events over HTTP


def structured_message(event_class: EventClass) -> Document:
    """An event that a partner posts."""
    return _structured(event_class, _description(event_class), event_class.name, {})


def feed_messages() -> dict[str, Document]:
    """The entries of feeds, by the name of the extract that is their data."""
    return {
        extract.__name__: _structured(
            CLASSES[model.__name__],
            extract.__doc__,
            extract.__name__,
            {"dataschema": {"const": schema_id(extract.__name__)}},
        )
        for extracts in (TO_ISSUER, TO_ORGANISER)
        for model, extract in extracts.items()
    }


def _structured(event_class: EventClass, doc: str | None, data: str, attributes: Document) -> Document:
    own = {"type": {"const": event_class.type}, **attributes, "data": {"$ref": schema_path(data)}}
    base = {"$ref": "#/components/schemas/CloudEvent"}
    rules = {"type": "object", "allOf": [base], "properties": own, "required": ["data", *attributes]}
    return {
        "name": event_class.type,
        "title": data,
        "description": cleandoc(doc or ""),
        "contentType": _STRUCTURED,
        "payload": {"schemaFormat": _JSON_SCHEMA, "schema": rules},
    }


def structured_event() -> Document:
    """The envelope of an event in CloudEvents' structured mode."""
    headers = event_headers()["properties"]
    attributes = {name.removeprefix("ce_"): one for name, one in headers.items() if name != "content-type"}
    said = {
        "datacontenttype": {"type": "string", "description": "The media type of `data`.", "const": "application/json"},
        "dataschema": {
            "type": "string",
            "format": "uri",
            "description": "The schema of `data`, in a feed.",
            "examples": [schema_id("ReferralOpenedToIssuer")],
        },
        "synthetic": {
            "title": "SyntheticInJson",
            "description": "true marks a test referral or activity.",
            "enum": [True, False, "true", "false"],
        },
    }
    needed = ["specversion", "id", "source", "type", "time"]
    return {"type": "object", "properties": attributes | said, "required": needed}
