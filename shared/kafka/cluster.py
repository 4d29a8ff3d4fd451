"""Where Kafka is, and the login of this process there: the one place that knows how a client takes them."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

Security = Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]
Mechanism = Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"]

_LOGINS: Final[Mapping[str, type[SASLPlaintext | SASLScram256 | SASLScram512]]] = {
    "PLAIN": SASLPlaintext,
    "SCRAM-SHA-256": SASLScram256,
    "SCRAM-SHA-512": SASLScram512,
}


@dataclass(frozen=True)
class Cluster:
    """A Kafka cluster.

    Args:
        bootstrap: `host:port`, several comma-separated.
        ca_file: who signs the brokers' certificates, PEM; the system's list where None.
    """

    bootstrap: str
    security: Security = "plaintext"
    mechanism: Mechanism = "SCRAM-SHA-512"
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None

    def options(self) -> dict[str, Any]:
        """The arguments of a client of aiokafka."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": self.security.upper(),
            "ssl_context": self._ssl,
        }
        if self._has_login:
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return options

    def for_faststream(self) -> BaseSecurity:
        """The same options for FastStream's broker."""
        if not self._has_login:
            return BaseSecurity(ssl_context=self._ssl, use_ssl=self._ssl is not None)
        login = _LOGINS[self.mechanism]
        return login(self.user, self.password, ssl_context=self._ssl, use_ssl=self._ssl is not None)

    @property
    def _has_login(self) -> bool:
        return self.security.startswith("sasl")

    @cached_property
    def _ssl(self) -> ssl.SSLContext | None:
        if not self.security.endswith("ssl"):
            return None
        return ssl.create_default_context(cafile=self.ca_file)
