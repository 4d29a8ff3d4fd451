"""Who sends what where, as AsyncAPI 3.0: partners' operations and the services', told apart by their tags."""

from collections.abc import Iterable, Iterator
from typing import Final

from shared.contracts import topics
from shared.contracts.envelope import MAX_EVENT_BYTES
from shared.contracts.event_class import EventClass
from shared.contracts.messages import BINDING, dead_letter_headers, event_headers, message, unread_messages
from shared.contracts.partner_kinds import EXAMPLE_OF, IDS, IN_WORDS, PARTNER_KINDS
from shared.contracts.registry import CLASSES
from shared.contracts.schemas import Document
from shared.reference import MUNICIPALITIES, REGIONS


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
            f"are dropped. At most {MAX_EVENT_BYTES} bytes an event. Partners read no topic: what concerns them "
            "reaches them over HTTP. An operation's tag says whose point of view it takes.",
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": kafka_server()},
        "channels": _channels(),
        "operations": dict(_operations()),
        "components": {
            "messages": {event_class.name: message(event_class) for event_class in CLASSES.values()}
            | unread_messages(),
            "securitySchemes": KAFKA_LOGIN,
            "schemas": {"CloudEventHeaders": event_headers(), "DeadLetterHeaders": dead_letter_headers()},
        },
    }


KAFKA_LOGIN: Final[Document] = {
    "login": {
        "type": "scramSha512",
        "description": "A login of one's own, which ops make: SASL with SCRAM-SHA-512. A partner's may write to its own "
        "topic and do nothing else.",
    }
}


def kafka_server() -> Document:
    """Kafka, as deploy/ sets it up and its clients reach it."""
    return {
        "host": "{host}",
        "protocol": "kafka-secure",
        "description": "Kafka, by TLS (SASL_SSL). Inside docker-compose.yml's own network it is SASL_PLAINTEXT, with the same "
        "logins.",
        "variables": {
            "host": {
                "description": "The bootstrap server's host and port, as ops name them.",
                "default": "kafka.lahete.example:9093",
            }
        },
        "security": [{"$ref": "#/components/securitySchemes/login"}],
    }


def messages_on(topic: str) -> list[str]:
    """The classes that senders write to a topic; for a partner's own topic, `intake.<kind>`."""
    return [event_class.name for event_class in CLASSES.values() if _is_written_to(event_class, topic)]


def _is_written_to(event_class: EventClass, topic: str) -> bool:
    if event_class.public:
        return topic == topics.INTAKE_HTTP or topic in {f"intake.{sender}" for sender in event_class.senders}
    if event_class.on:
        return topic in event_class.on
    return any(topic == topics.events_of(sender.removeprefix("service/")) for sender in event_class.senders)


def _channels() -> Document:
    return {
        **{own_intake(kind): own_channel(kind) for kind in PARTNER_KINDS},
        **{_id(topic): _channel(topic, partitions) for topic, partitions in topics.platform_topics().items()},
    }


def _id(topic: str) -> str:
    """`referral.events` as a key of AsyncAPI, which knows no dots: `referralEvents`."""
    first, *rest = topic.replace("-", ".").split(".")
    return first + "".join(part.capitalize() for part in rest)


def own_intake(kind: str) -> str:
    return _id(f"intake.{kind}")


def _channel(topic: str, partitions: int) -> Document:
    return {
        "address": topic,
        "description": _description(topic),
        "messages": refs(_messages_of(topic)),
        "bindings": {"kafka": {"topic": topic, "partitions": partitions, "bindingVersion": BINDING}},
    }


def _messages_of(topic: str) -> list[str]:
    if topic == topics.DEAD_LETTERS:
        return ["DeadLetter"]
    return ["Redriven"] if topic.startswith("redrive.") else messages_on(topic)


def _description(topic: str) -> str:
    known = {
        topics.INTAKE_HTTP: "Events that came over HTTP. Only our own doors write here; they have proven the sender.",
        topics.DEAD_LETTERS: "Records that a service could not take: the original key, value and headers, and why.",
        topics.AUDIT: "Who looked, revealed, redrove, changed a key; allowed or denied. Key: what was looked at.",
    }
    name, _, rest = topic.partition(".")
    by_service = (
        f"What {name} decided; only {name} writes here." if rest == "events" else f"Dead letters sent again to {rest}."
    )
    return known.get(topic, by_service)


def own_channel(kind: str) -> Document:
    return {
        "address": f"intake.{kind}.{{{kind}}}",
        "description": f"One topic for each {kind} that was granted it. Only that {kind} may write there, so the topic "
        "proves the sender: `source` must be the same.",
        "parameters": {kind: _parameter(kind)},
        "messages": refs(messages_on(f"intake.{kind}")),
        "bindings": {"kafka": {"partitions": 1, "bindingVersion": BINDING}},
    }


def in_words(kind: str) -> str:
    """The kind of partner as a sentence begins with it: `A region`."""
    return IN_WORDS[kind][0].upper() + IN_WORDS[kind][1:]


def _parameter(kind: str) -> Document:
    if kind == "region":
        codes = sorted(code for code, region in REGIONS.items() if region.may_refer)
        return {"description": "The code of a region that may refer.", "enum": codes}
    if kind == "municipality":
        return {"description": "The code of a municipality.", "enum": sorted(MUNICIPALITIES)}
    said = IDS[kind]
    return {"description": f"{said[0].upper()}{said[1:]}.", "examples": [EXAMPLE_OF[kind].rpartition("/")[2]]}


def refs(names: Iterable[str]) -> Document:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _operations() -> Iterator[tuple[str, Document]]:
    for kind in PARTNER_KINDS:
        yield f"{kind}Sends", operation("send", own_intake(kind), kind, f"{in_words(kind)} writes to its own topic.")
        text = "Every service reads the topics of this kind of partner by pattern, and takes what concerns it."
        yield f"servicesReceiveFrom{kind.capitalize()}", operation("receive", own_intake(kind), "services", text)
    http = _id(topics.INTAKE_HTTP)
    yield "doorsSend", operation("send", http, "services", "HTTP intake, the participant's form, the monitor for ops.")
    yield "servicesReceiveFromDoors", operation("receive", http, "services", "Every service takes what concerns it.")
    for service in topics.SERVICES:
        yield from _operations_of(service)
    for topic, verb in ((topics.DEAD_LETTERS, "DeadLetters"), (topics.AUDIT, "Audit")):
        yield f"servicesSend{verb}", operation("send", _id(topic), "services", "Every service writes here.")
        yield f"monitorReceives{verb}", operation("receive", _id(topic), "monitor", "The monitor keeps all of them.")


def _operations_of(service: str) -> Iterator[tuple[str, Document]]:
    events, redrive = _id(topics.events_of(service)), _id(topics.redrive_to(service))
    name = service.capitalize()
    yield f"{service}Sends", operation("send", events, service, f"What {service} decided.")
    text = f"The other services, and {service} itself, take what concerns them."
    yield f"servicesReceiveFrom{name}", operation("receive", events, "services", text)
    yield (
        f"monitorRedrivesTo{name}",
        operation("send", redrive, "monitor", f"A dead letter again, to {service} alone."),
    )
    text = f"{name} tries a dead letter again."
    yield f"{service}ReceivesRedriven", operation("receive", redrive, service, text)


def operation(action: str, channel: str, who: str, summary: str) -> Document:
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
