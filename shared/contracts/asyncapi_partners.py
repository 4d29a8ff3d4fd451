"""The AsyncAPI document for partners alone: what each kind of them sends, by Kafka or HTTP, and what it reads in its feed.

Told from the partner's side: it sends what `asyncapi.json` says that the services receive.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from shared.contracts.asyncapi import (
    KAFKA_LOGIN,
    in_words,
    kafka_server,
    messages_on,
    operation,
    own_channel,
    own_intake,
    refs,
)
from shared.contracts.envelope import MAX_EVENT_BYTES
from shared.contracts.extracts import EXTRACTS, read_as
from shared.contracts.messages import event_headers, feed_messages, message, structured_event, structured_message
from shared.contracts.partner_kinds import PARTNER_KINDS
from shared.contracts.registry import CLASSES, public_names
from shared.contracts.schemas import Document

_HTTP: Final = "0.3.0"

_QUERY: Final = {
    "type": "object",
    "properties": {
        "after": {
            "type": "string",
            "description": "Where to go on: the `next` of the answer before.",
            "examples": ["17"],
        },
        "limit": {
            "type": "integer",
            "description": "How many events at most.",
            "minimum": 1,
            "maximum": 500,
            "default": 100,
            "examples": [100],
        },
    },
}


def asyncapi_partners() -> Document:
    """What a partner sends and reads, and where, as AsyncAPI 3.0."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:kulttuurilahete:partners",
        "info": {
            "title": "Kulttuurilähete for partners",
            "version": "1.0.0",
            "description": "What the system of a wellbeing services county (region), of an adult education centre (opisto), or of a "
            "municipality, an association or a library sends, to its own topic on Kafka or over HTTP, and what it reads in its feed. CloudEvents 1.0. At most "
            f"{MAX_EVENT_BYTES} bytes of data an event. openapi.json describes the addresses whole.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": kafka_server(),
            "door": _http_server("referral", "Takes events. The catalogue's and feedback's doors take the same."),
            "notify": _http_server("notify", "Answers each partner's feed."),
        },
        "channels": _channels(),
        "operations": dict(_operations()),
        "components": {
            "messages": {name: message(CLASSES[name]) for name in public_names()}
            | {_posted(name): structured_message(CLASSES[name]) for name in public_names()}
            | feed_messages(),
            "securitySchemes": KAFKA_LOGIN
            | {
                "key": {"type": "http", "scheme": "bearer", "description": "The partner's own key, which ops hand out."}
            },
            "schemas": {"CloudEventHeaders": event_headers(), "CloudEvent": structured_event()},
        },
    }


def _posted(name: str) -> str:
    return f"{name}Posted"


def _http_server(service: str, description: str) -> Document:
    host = {"description": f"The host that ops give {service}.", "default": f"{service}.lahete.example"}
    return {
        "host": "{host}",
        "protocol": "https",
        "description": description,
        "variables": {"host": host},
        "security": [{"$ref": "#/components/securitySchemes/key"}],
    }


def _channels() -> Document:
    return {
        **{own_intake(kind): own_channel(kind) | _on("kafka") for kind in PARTNER_KINDS},
        "events": {
            "address": "/v1/events",
            "description": "One event, or a batch of up to 500. 202 means that Kafka has acknowledged all of it.",
            "messages": refs(map(_posted, public_names())),
            **_on("door"),
        },
        "feed": {
            "address": "/v1/feed",
            "description": "All events for the key's partner, in order: `{events, next}`, where `next` is the "
            "`after` to go on with.",
            "messages": refs(EXTRACTS),
            **_on("notify"),
        },
    }


def _on(server: str) -> Document:
    return {"servers": [{"$ref": f"#/servers/{server}"}]}


def _operations() -> Iterator[tuple[str, Document]]:
    for kind in PARTNER_KINDS:
        yield f"{kind}Sends", operation("send", own_intake(kind), kind, f"{in_words(kind)} writes to its own topic.")
        posted = map(_posted, messages_on(f"intake.{kind}"))
        yield f"{kind}Posts", _over_http("send", "events", kind, f"{in_words(kind)} posts events.", posted)
        extracts = (extract.__name__ for _, extract in read_as(kind))
        yield f"{kind}Reads", _over_http("receive", "feed", kind, f"{in_words(kind)} reads its feed.", extracts)


def _over_http(action: str, channel: str, kind: str, summary: str, names: Iterable[str]) -> Document:
    asks: Document = {"method": "POST"} if action == "send" else {"method": "GET", "query": _QUERY}
    return operation(action, channel, kind, summary) | {
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names],
        "bindings": {"http": asks | {"bindingVersion": _HTTP}},
    }
