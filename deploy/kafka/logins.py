"""The logins of a Kafka that this repository runs, with the passwords in their files, and their rights by acls.py.

For docker-compose.yml. On Kubernetes Strimzi makes them from resources; on a Kafka that others run, its administrators do.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from deploy.kafka.acls import SETUP, Acl, of_services, of_staff
from shared.contracts import topics
from shared.kafka.cluster import Cluster

ADMIN: Final = "admin"
"""The login that makes the others; Kafka's own configuration has its password."""
LOGINS: Final = (*topics.SERVICES, SETUP)

_ROUNDS: Final = 8192
_WITHIN: Final = 30.0


class LoginsError(Exception):
    """Kafka did not take a login or an access list. The message says which, and why."""


def apply_logins(kafka: Cluster, password_of: Callable[[str], str]) -> tuple[int, int]:
    """Makes each login again with its password, adds missing rights and takes excess ones.

    Returns: how many rights were added, how many taken. Raises `LoginsError`.
    """
    if not kafka.user:
        raise LoginsError(
            "no administrator's login is named: LAHETE_KAFKA_SECURITY, LAHETE_KAFKA_USER and LAHETE_KAFKA_PASSWORD_FILE name it"
        )
    admin = admin_of(kafka)
    how = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _ROUNDS)
    upserts: list[UserScramCredentialAlteration] = [
        UserScramCredentialUpsertion(login, how, password_of(login).encode()) for login in LOGINS
    ]
    _all_done(admin.alter_user_scram_credentials(upserts, request_timeout=_WITHIN))
    wanted = {binding(acl) for acl in (*of_services(), *of_staff()) if acl.principal in LOGINS}
    there = {one for one in _there(admin) if one.principal in {f"User:{login}" for login in LOGINS}}
    if lacking := wanted - there:
        _all_done(admin.create_acls(list(lacking), request_timeout=_WITHIN))
    if too_many := there - wanted:
        _all_done(admin.delete_acls([_exactly(one) for one in too_many], request_timeout=_WITHIN))
    return len(lacking), len(too_many)


def admin_of(kafka: Cluster) -> AdminClient:
    """A client that may ask for logins and access lists."""
    options: dict[str, Any] = {
        "bootstrap.servers": kafka.bootstrap,
        "security.protocol": kafka.security,
        "sasl.mechanism": kafka.mechanism,
        "sasl.username": kafka.user,
        "sasl.password": kafka.password,
        "log_level": 0,  # what librdkafka has to say of a broker that is away, the verb says in one line
    }
    return AdminClient(options)


def binding(acl: Acl) -> AclBinding:
    """The permission as Kafka's client takes it."""
    prefixed = acl.name.endswith("*") and acl.name != "*"
    return AclBinding(
        ResourceType[acl.kind.upper()],
        acl.name.removesuffix("*") if prefixed else acl.name,
        ResourcePatternType.PREFIXED if prefixed else ResourcePatternType.LITERAL,
        f"User:{acl.principal}",
        "*",
        AclOperation[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", acl.operation).upper()],
        AclPermissionType.ALLOW,
    )


def _there(admin: AdminClient) -> Iterable[AclBinding]:
    pattern, operation, permission = ResourcePatternType.ANY, AclOperation.ANY, AclPermissionType.ANY
    every = AclBindingFilter(ResourceType.ANY, None, pattern, None, None, operation, permission)  # type: ignore[arg-type]
    (found,) = _all_done({"the access lists": admin.describe_acls(every, request_timeout=_WITHIN)})
    return list(found)


def _exactly(one: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(
        *(one.restype, one.name, one.resource_pattern_type, one.principal, one.host, one.operation, one.permission_type)
    )


def _all_done(asked: Mapping[Any, Future[Any]]) -> list[Any]:
    try:
        return [future.result(timeout=_WITHIN) for future in asked.values()]
    except (KafkaException, TimeoutError) as error:
        raise LoginsError(f"Kafka did not take {', '.join(map(str, asked))[:200]}: {error}") from error
