"""Who may do what on Kafka: each sender writes its own topic and nothing else, each service what it needs.

`lahete acls` prints arguments of Kafka's own `kafka-acls` command; operators that make access lists from their own
resources take the same list.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from shared.contracts import topics
from shared.contracts.topics import READ_BY

Kind = Literal["topic", "group"]
Operation = Literal["Read", "Write", "Describe", "Create", "Alter", "AlterConfigs", "DescribeConfigs"]

SETUP: Final = "setup"
"""The login of `lahete setup`, which makes the topics."""
OPS: Final = "ops"
"""The login of a person's `lahete`."""

_DOORS: Final = (*topics.DOORS, "monitor")
"""The services that take events over HTTP and write them to `intake.http`."""


@dataclass(frozen=True)
class Acl:
    """One permission. A name that ends in `*` stands for every name that begins so, `*` for all."""

    principal: str
    operation: Operation
    kind: Kind
    name: str


def user_of(source: str) -> str:
    """The Kafka login of a sender: `/region/06` is region-06."""
    return source.removeprefix("/").replace("/", "-", 1)


def of_senders(granted: Iterable[str]) -> list[Acl]:
    """A sender with a topic of its own writes there, and nowhere else."""
    return [Acl(user_of(source), "Write", "topic", topics.intake_of(source)) for source in granted]


def of_services() -> list[Acl]:
    """Each service's permissions, by the topics it subscribes to and those it writes."""
    return [acl for service in topics.SERVICES for acl in _of_service(service)]


def _of_service(service: str) -> Iterator[Acl]:
    yield Acl(service, "Read", "group", service)
    for topic in READ_BY[service]:
        yield Acl(service, "Read", "topic", topic)
    for topic in written_by(service):
        yield Acl(service, "Write", "topic", topic)
    if service == "monitor":
        # The monitor says how far the others are behind, and since when: it reads that from the records they must read.
        for other in topics.SERVICES:
            yield Acl(service, "Describe", "group", other)
            yield Acl(service, "Read", "topic", topics.redrive_to(other))


def of_staff() -> list[Acl]:
    """The permissions of `lahete setup` and of a person's command line: neither reads or sends an event."""
    topic_work: tuple[Operation, ...] = ("Alter", "AlterConfigs", "Create", "Describe", "DescribeConfigs")
    return [
        *(Acl(login, operation, "topic", "*") for login in (SETUP, OPS) for operation in topic_work),
        *(Acl(OPS, "Describe", "group", service) for service in topics.SERVICES),
        *(Acl(login, "Write", "topic", topics.AUDIT) for login in (SETUP, OPS)),  # whose key was made or withdrawn
    ]


def commands(acls: Iterable[Acl]) -> list[list[str]]:
    """The arguments of `kafka-acls --bootstrap-server …`, a list for each call."""
    calls: dict[tuple[str, Operation, str], list[str]] = {}
    for acl in acls:
        # kafka-acls takes the literal name * for every name.
        pattern = "prefixed" if acl.name.endswith("*") and acl.name != "*" else "literal"
        call = calls.setdefault((acl.principal, acl.operation, pattern), [])
        call += [f"--{acl.kind}", acl.name if pattern == "literal" else acl.name.removesuffix("*")]
    return [
        [
            *("--add", "--allow-principal", f"User:{principal}", "--operation", operation),
            *("--resource-pattern-type", pattern, *resources),
        ]
        for (principal, operation, pattern), resources in calls.items()
    ]


def written_by(service: str) -> list[str]:
    """The topics a service writes: docs/architecture.md, “Topics”."""
    written = [topics.events_of(service), topics.AUDIT, topics.DEAD_LETTERS]
    if service in _DOORS:
        written.append(topics.INTAKE_HTTP)
    if service == "monitor":
        written += [topics.redrive_to(other) for other in topics.SERVICES]
    return written
