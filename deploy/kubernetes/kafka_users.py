"""Who may do what in Kafka, as Strimzi's KafkaUsers: the services by `deploy/kafka/acls.py`, the one-shot, the scaler.

`python -m deploy.kubernetes.kafka_users > deploy/kubernetes/overlays/production/kafka-users.yaml`; a test holds the file
and the code together.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from deploy.kafka.acls import SETUP, Acl, of_services, of_staff
from shared.contracts import topics

SCALER: Final = "kafka-scaler"
_HEAD: Final = """\
# Made by `python -m deploy.kubernetes.kafka_users` from the access lists in the code; a test compares. Strimzi makes a
# Secret of the same name for each, with its password. A partner that writes to Kafka itself gets a user of its own:
# deploy/kubernetes/README.md.
"""


@dataclass(frozen=True, order=True)
class Right:
    """What one user may do to one resource. A name that ends in `*` stands for every name that begins so."""

    kind: str
    name: str
    operations: tuple[str, ...]


def users() -> dict[str, list[Right]]:
    """Every user's rights."""
    groups = [Right("group", service, ("Describe",)) for service in topics.SERVICES]
    return {
        **{service: _rights(of_services(), service) for service in topics.SERVICES},
        SETUP: _rights(of_staff(), SETUP),
        SCALER: [*groups, Right("topic", "*", ("Describe",))],
    }


def _rights(acls: Iterable[Acl], login: str) -> list[Right]:
    may: dict[tuple[str, str], set[str]] = {}
    for acl in acls:
        if acl.principal == login:
            may.setdefault((acl.kind, acl.name), set()).add(acl.operation)
    return sorted(Right(kind, name, tuple(sorted(operations))) for (kind, name), operations in may.items())


def as_yaml(of: Mapping[str, Iterable[Right]]) -> str:
    """The file."""
    return _HEAD + "---\n".join(_user(name, rights) for name, rights in of.items())


def _user(name: str, rights: Iterable[Right]) -> str:
    lines = "".join(f"      - {_acl(right)}\n" for right in rights)
    return f"""\
apiVersion: kafka.strimzi.io/v1
kind: KafkaUser
metadata:
  name: {name}
  labels:
    strimzi.io/cluster: lahete
spec:
  authentication:
    type: scram-sha-512
  authorization:
    type: simple
    acls:
{lines}"""


def _acl(right: Right) -> str:
    whole = right.name == "*"
    pattern = "literal" if whole or not right.name.endswith("*") else "prefix"
    name = '"*"' if whole else right.name.removesuffix("*")
    resource = f"{{type: {right.kind}, name: {name}, patternType: {pattern}}}"
    return f"{{resource: {resource}, operations: [{', '.join(right.operations)}]}}"


if __name__ == "__main__":
    print(as_yaml(users()), end="")
