"""Why a client cannot speak to Kafka, in one line for a person. aiokafka only says that it could not bootstrap."""

import ssl
from typing import Final

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    KafkaConnectionError,
    KafkaError,
    NodeNotReadyError,
    RequestTimedOutError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from shared.kafka.cluster import Cluster

_WITHIN_MS: Final = 3_000
_UNSAID: Final = (KafkaConnectionError, NodeNotReadyError, RequestTimedOutError, OSError)
"""Errors that hold no reason of the broker's: `diagnose` asks for it."""


def told(error: Exception) -> str:
    """An error as a log may say it: one about a server in its own words, any other by its class: its words may quote a record."""
    return repr(error) if isinstance(error, KafkaError | OSError) else type(error).__name__


async def diagnose(kafka: Cluster, error: Exception) -> str:
    """What keeps a client from speaking to the cluster, and what to look at. Never with the password."""
    if not isinstance(error, _UNSAID):
        return f"Kafka at {kafka.bootstrap}: {error!r}"
    for host, port, _ in collect_hosts(kafka.bootstrap, randomize=False):
        try:
            await _ask(kafka, host, port)
        except (KafkaError, OSError) as found:
            if why := _told(kafka, found):
                return f"Kafka at {kafka.bootstrap} {why}"
    return f"Kafka at {kafka.bootstrap} does not answer; LAHETE_KAFKA says where it is"


async def _ask(kafka: Cluster, host: str, port: int) -> None:
    options = {name: value for name, value in kafka.options().items() if name != "bootstrap_servers"}
    connection = await create_conn(host, port, request_timeout_ms=_WITHIN_MS, **options)
    try:
        await connection.send(MetadataRequest([]))
    finally:
        connection.close()


def _told(kafka: Cluster, error: Exception) -> str | None:
    if isinstance(error, SaslAuthenticationFailed | AuthenticationFailedError):
        return (
            f"refuses the login {kafka.user} by {kafka.mechanism}: look at LAHETE_KAFKA_USER and the password in the "
            "file that LAHETE_KAFKA_PASSWORD_FILE names, then restart"
        )
    if isinstance(error, UnsupportedSaslMechanismError):
        return f"takes no login by {kafka.mechanism}: set LAHETE_KAFKA_MECHANISM to one that it takes"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"is not trusted, {error.verify_message}: look at LAHETE_KAFKA_CA_FILE"
    if isinstance(error, ssl.SSLError):
        return f"does not speak TLS: look at LAHETE_KAFKA_SECURITY, which is {kafka.security}"
    if isinstance(error, KafkaConnectionError | EOFError | ConnectionResetError):
        return f"hangs up: look at LAHETE_KAFKA_SECURITY, which is {kafka.security}, if it goes on"
    return None
