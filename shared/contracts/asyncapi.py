"""Who sends what where, as AsyncAPI 3.0: partners' operations and the services', told apart by their tags."""

from collections.abc import Iterable, Iterator
from inspect import cleandoc
from typing import Final

from shared.contracts import topics
from shared.contracts.envelope import MAX_EVENT_BYTES, classification
from shared.contracts.errors import REASONS
from shared.contracts.registry import CLASSES, EventClass
from shared.contracts.schemas import Document, schema_path
from shared.reference import REGIONS

BINDING: Final = "0.5.0"

# Our own doors write these to intake.http, beside what partners send: PUT /v1/partners, form-links, ops at the monitor.
_AT_OUR_DOORS: Final = frozenset({"FormLinkIssued", "PartnerRegistered", "RedriveRequested", "DiscardRequested"})
_AUDITED: Final = frozenset({"AccessRecorded"})
_PARTNERS: Final = ("region", "opisto")


def asyncapi() -> Document:
    """Who sends what where, as AsyncAPI 3.0: partners' operations and the services', told apart by their tags."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:kulttuurilahete:events",
        "info": {
            "title": "Kulttuurilähete",
            "version": "1.0.0",
            "description": "Events between wellbeing services counties (regions) and adult education centres (opistos). "
            "CloudEvents 1.0 over Kafka: binary mode is written, binary and structured mode are read. Unknown fields "
            f"are dropped. At most {MAX_EVENT_BYTES} bytes an event. Partners read no topic: what they are to be told "
            "reaches them over HTTP. An operation's tag says from whose point of view it is told.",
        },
        "defaultContentType": "application/json",
        "channels": _channels(),
        "operations": dict(_operations()),
        "components": {
            "messages": {event_class.name: _message(event_class) for event_class in CLASSES.values()}
            | _unread_messages(),
            "schemas": {"CloudEventHeaders": _event_headers(), "DeadLetterHeaders": _dead_letter_headers()},
        },
    }


def messages_on(topic: str) -> list[str]:
    """The classes that are written to a topic; for a partner's own topic, `intake.region` or `intake.opisto`."""
    return [event_class.name for event_class in CLASSES.values() if _is_written_to(event_class, topic)]


def _is_written_to(event_class: EventClass, topic: str) -> bool:
    if event_class.name in _AUDITED:
        return topic == topics.AUDIT
    if event_class.public and topic.startswith("intake."):
        return topic == topics.INTAKE_HTTP or topic.removeprefix("intake.") in event_class.senders
    if event_class.public or event_class.name in _AT_OUR_DOORS:
        return topic == topics.INTAKE_HTTP
    return any(topic == topics.events_of(sender.removeprefix("service/")) for sender in event_class.senders)


def _channels() -> Document:
    return {
        **{_own_intake(kind): _own_channel(kind) for kind in _PARTNERS},
        **{_id(topic): _channel(topic, partitions) for topic, partitions in topics.platform_topics().items()},
    }


def _id(topic: str) -> str:
    """`referral.events` as a key of AsyncAPI, which knows no dots: `referralEvents`."""
    first, *rest = topic.replace("-", ".").split(".")
    return first + "".join(part.capitalize() for part in rest)


def _own_intake(kind: str) -> str:
    return _id(f"intake.{kind}")


def _channel(topic: str, partitions: int) -> Document:
    return {
        "address": topic,
        "description": _description(topic),
        "messages": _refs(_messages_of(topic)),
        "bindings": {"kafka": {"topic": topic, "partitions": partitions, "bindingVersion": BINDING}},
    }


def _messages_of(topic: str) -> list[str]:
    if topic == topics.DEAD_LETTERS:
        return ["DeadLetter"]
    return ["Redriven"] if topic.startswith("redrive.") else messages_on(topic)


def _description(topic: str) -> str:
    known = {
        topics.INTAKE_HTTP: "What came over HTTP. Our own doors alone write here; the door has proven the sender.",
        topics.DEAD_LETTERS: "What could not be taken: the original key, value and headers, and why.",
        topics.AUDIT: "Who looked, revealed, redrove, changed a key; allowed or denied. Key: what was looked at.",
    }
    name, _, rest = topic.partition(".")
    by_service = (
        f"What {name} decided; it alone writes here." if rest == "events" else f"Dead letters sent again to {rest}."
    )
    return known.get(topic, by_service)


def _own_channel(kind: str) -> Document:
    return {
        "address": f"intake.{kind}.{{{kind}}}",
        "description": f"One topic for each {kind} that was granted it. Only that {kind} may write there, so the topic "
        "proves the sender: `source` must be the same.",
        "parameters": {kind: _parameter(kind)},
        "messages": _refs(messages_on(f"intake.{kind}")),
        "bindings": {"kafka": {"partitions": 1, "bindingVersion": BINDING}},
    }


def _parameter(kind: str) -> Document:
    if kind == "region":
        codes = sorted(code for code, region in REGIONS.items() if region.may_refer)
        return {"description": "The code of a region that may refer.", "enum": codes}
    return {
        "description": "The opisto's id, its OPH OID where it has one: 1 to 60 of [a-z0-9.-].",
        "examples": ["1.2.246.562.10.00000000001"],
    }


def _refs(names: Iterable[str]) -> Document:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _operations() -> Iterator[tuple[str, Document]]:
    for kind in _PARTNERS:
        yield f"{kind}Sends", _operation("send", _own_intake(kind), kind, f"A {kind} writes to its own topic.")
        text = f"Every service reads all {kind}s' topics by pattern, and takes what concerns it."
        yield f"servicesReceiveFrom{kind.capitalize()}s", _operation("receive", _own_intake(kind), "services", text)
    http = _id(topics.INTAKE_HTTP)
    yield "doorsSend", _operation("send", http, "services", "HTTP intake, the participant's form, the monitor for ops.")
    yield "servicesReceiveFromDoors", _operation("receive", http, "services", "Every service takes what concerns it.")
    for service in topics.SERVICES:
        yield from _operations_of(service)
    for topic, verb in ((topics.DEAD_LETTERS, "DeadLetters"), (topics.AUDIT, "Audit")):
        yield f"servicesSend{verb}", _operation("send", _id(topic), "services", "Every service writes here.")
        yield f"monitorReceives{verb}", _operation("receive", _id(topic), "monitor", "The monitor keeps them.")


def _operations_of(service: str) -> Iterator[tuple[str, Document]]:
    events, redrive = _id(topics.events_of(service)), _id(topics.redrive_to(service))
    name = service.capitalize()
    yield f"{service}Sends", _operation("send", events, service, f"What {service} decided.")
    text = f"The other services, and {service} itself, take what concerns them."
    yield f"servicesReceiveFrom{name}", _operation("receive", events, "services", text)
    yield (
        f"monitorRedrivesTo{name}",
        _operation("send", redrive, "monitor", f"A dead letter again, to {service} alone."),
    )
    text = f"{name} tries a dead letter again."
    yield f"{service}ReceivesRedriven", _operation("receive", redrive, service, text)


def _operation(action: str, channel: str, who: str, summary: str) -> Document:
    operation: Document = {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "tags": [{"name": who}],
    }
    if action == "receive" and who in topics.SERVICES:
        group = {"type": "string", "const": who}
        operation["bindings"] = {"kafka": {"groupId": group, "bindingVersion": BINDING}}
    return operation


def _message(event_class: EventClass) -> Document:
    return {
        "name": event_class.type,
        "title": event_class.name,
        "description": cleandoc(event_class.model.__doc__ or ""),
        "contentType": "application/json",
        "headers": _headers_of(event_class),
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": schema_path(event_class.name)},
        },
        "tags": [
            {"name": f"owner:{event_class.owner}"},
            {"name": "from outside" if event_class.public else "internal"},
        ],
        "bindings": _key(
            "The event's subject: the referral's id where there is one, else activity_id, else the source."
        ),
    }


def _headers_of(event_class: EventClass) -> Document:
    said = classification(event_class.model.model_construct())
    narrowed = {
        "ce_type": {"type": "string", "const": event_class.type},
        "ce_source": {"type": "string", "pattern": _source_pattern(event_class.senders)},
        "ce_dataclassification": {"type": "string", "const": said},
    }
    return {"type": "object", "allOf": [{"$ref": "#/components/schemas/CloudEventHeaders"}], "properties": narrowed}


def _source_pattern(senders: Iterable[str]) -> str:
    partners = {"region": "region/[0-9]{2}", "opisto": "opisto/[a-z0-9.-]{1,60}"}
    return f"^/(?:{'|'.join(partners.get(sender, sender) for sender in sorted(senders))})$"


def _event_headers() -> Document:
    return {
        "type": "object",
        "description": "CloudEvents 1.0 attributes as the Kafka binding's binary mode writes them: UTF-8 text.",
        "properties": {
            "content-type": _header("The value's media type.", const="application/json"),
            "ce_specversion": _header("CloudEvents' version.", const="1.0"),
            "ce_id": _header("The sender's; unique in its source.", pattern="^[A-Za-z0-9._:-]{1,64}$"),
            "ce_source": _header("The sender.", pattern="^/[a-z]+/[a-z0-9.-]{1,60}$"),
            "ce_type": _header("Class and major version.", pattern=r"^fi\.kulttuurilahete\.[A-Za-z]+\.v[0-9]+$"),
            "ce_time": _header("When the sender recorded the fact, RFC 3339 with an offset.", format="date-time"),
            "ce_subject": _header("The aggregate it is about; the Kafka key too."),
            "ce_correlationid": _header("The referral's id, where there is one.", pattern="^[A-Za-z0-9._:-]{1,64}$"),
            "ce_causationid": _header("The id of the event that this one follows from."),
            "ce_traceparent": _header("W3C Trace Context."),
            "ce_dataclassification": _header(
                "Where a referral is concerned: confidential.", enum=["confidential", "public"]
            ),
            "ce_synthetic": _header("true marks a test referral or activity.", enum=["true", "false"]),
        },
        "required": ["ce_id", "ce_source", "ce_specversion", "ce_time", "ce_type"],
    }


def _dead_letter_headers() -> Document:
    properties = {
        "dl_id": _header("Stable for the same record and service."),
        "dl_reason": _header("Why, by class.", enum=[*REASONS]),
        "dl_error": _header("Why, in one line."),
        "dl_service": _header("Who could not take it.", enum=[*topics.SERVICES]),
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


def _unread_messages() -> dict[str, Document]:
    """Records whose value is whatever came: nothing can be promised of it."""
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
