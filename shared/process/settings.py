"""The settings of every service, from the environment. A bad value stops the start with one line.

Each service's own settings extend these. `documented` lists them all for the generated table of docs/settings.md.
"""

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal, NoReturn, Self, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from shared.clock import Clock, read_clock
from shared.http.rates import BATCHES_AT_ONCE, AtOnce, Rate, Rates
from shared.http.room import Bounds
from shared.kafka.cluster import Cluster, Mechanism, Security
from shared.process import faults
from shared.process.addresses import may_hold_a_secret, without_secrets
from shared.process.names import PREFIX, mistaken

T = TypeVar("T", bound=BaseSettings)


def _duration(value: object, read: ValidatorFunctionWrapHandler) -> timedelta:
    fault = ValueError("a duration is ISO 8601 and above zero, such as P14D or PT12H")
    # A bare number would be seconds to pydantic, and days to the person who wrote it.
    if isinstance(value, str) and not value.startswith("P"):
        raise fault
    try:
        duration: timedelta = read(value)
    except ValidationError as error:
        raise fault from error
    if duration <= timedelta(0):
        raise fault
    return duration


Duration = Annotated[timedelta, WrapValidator(_duration)]
_LONGEST_TERM: Final = timedelta(days=36_500)


def _term(term: timedelta) -> timedelta:
    if not timedelta(days=1) <= term <= _LONGEST_TERM:
        raise ValueError("a term for which something is kept is from P1D to P36500D, such as P180D")
    return term


Term = Annotated[Duration, AfterValidator(_term)]
"""For how long something is kept. Not less than a day: what is still on its way may be about it."""


def _login(of: str) -> str:
    return f"a login belongs in {PREFIX}{of}_USER, its password in the file that {PREFIX}{of}_PASSWORD_FILE names"


_OfKafka = Annotated[str, without_secrets(_login("KAFKA"))]
_OfMongodb = Annotated[str, without_secrets(_login("MONGODB"))]


_OfTraces = Annotated[str, without_secrets("headers belong in OTEL_EXPORTER_OTLP_HEADERS")]


class PlatformSettings(BaseSettings):
    """The settings that every service needs."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    env: Literal["production", "demo", "test"] = Field(
        "production",
        description="what runs here; demo where `lahete run` brings its own backends and nothing else is set",
    )
    kafka: _OfKafka = Field("127.0.0.1:9092", description="Kafka's bootstrap addresses, comma-separated")
    kafka_security: Security = Field("plaintext", description="how Kafka is spoken to")
    kafka_mechanism: Mechanism = Field("SCRAM-SHA-512", description="how the login is proven, where there is one")
    kafka_user: str = Field("", description="the login, where security is one of sasl; {service} is filled in")
    kafka_password_file: Path | None = Field(None, description="the file of its password; {service} is filled in")
    kafka_ca_file: Path | None = Field(None, description="who signs Kafka's certificate; the system's list if empty")
    instance: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._-]{0,100}$",
        description="a name that stays over restarts: Kafka then waits for it instead of sharing out its partitions",
    )
    kafka_session_timeout_ms: int = Field(
        10_000, ge=500, le=300_000, description="after which a silent instance is out"
    )
    kafka_fetch_wait_ms: int = Field(
        50,
        ge=1,
        le=5_000,
        description="how long an empty fetch is parked (10 on the mock); feedback, notify, monitor gather at least 50",
    )
    log_bytes: int = Field(
        0, ge=0, description="bytes of unread events a partition may hold before intake answers 503; 0: no bound"
    )
    mongodb: _OfMongodb = Field("", description="MongoDB's address, mongodb://host:port; empty: SQLite in LAHETE_STATE")
    mongodb_database: str = Field(
        "lahete_{service}", pattern=r"^[A-Za-z0-9_{}-]{1,38}$", description="the service's own database"
    )
    mongodb_user: str = Field("", description="the login, made in that database; {service} is filled in")
    mongodb_password_file: Path | None = Field(None, description="the file of its password; {service} is filled in")
    mongodb_driver: Literal["motor", "pymongo"] = Field("motor", description="the client of MongoDB")
    state: Path = Field(Path(".lahete"), description="the folder of the SQLite files")
    migrate: bool = Field(
        default=False,
        description="bring documents of an older form forward at the start; for who has made a copy, as `lahete run` does",
    )
    keys_file: Path = Field(
        Path(".lahete/key-hashes.json"), description="hashes of the keys, as `lahete key` writes it"
    )
    host: str = Field("127.0.0.1", description="the address HTTP listens on")
    port: int = Field(0, ge=0, le=65_535, description="the port of this service")
    http_connections: int = Field(
        512, ge=1, description="connections to a service's HTTP; beyond it the longest idle one is closed for a new one"
    )
    http_connections_an_address: int = Field(
        256, ge=1, description="the same from one address (IPv6: /64): a proxy before the service is one"
    )
    http_head_seconds: float = Field(10, gt=0, description="seconds in which the head of a request must come, else 408")
    http_body_seconds: float = Field(
        60, gt=0, description="seconds in which its body must come, else 408, and in which a caller must read an answer"
    )
    http_idle_seconds: float = Field(60, ge=1, description="seconds that a connection is kept between two requests")
    requests_a_minute: int = Field(
        30_000, ge=1, description="requests a key may make a minute at an instance; then 429"
    )
    events_a_minute: int = Field(
        60_000, ge=500, description="events a key may send a minute to an instance over HTTP; then 429"
    )
    denied_a_minute: int = Field(
        600, ge=1, description="looks a minute at what the key may not see, before 429 instead of the refusal"
    )
    ring: int = Field(64, ge=0, le=10_000, description="outcomes that a document keeps; the inbox has older ones")
    due_early: Duration = Field(timedelta(days=30), description="how long an event may wait for its condition")
    clock: str = Field(
        "",
        description="<start>*<speed>: the platform's clock, or a file that paces it; only where LAHETE_ENV is demo or test",
    )
    clock_anchor: float = Field(0.0, description="the real second of the clock's start; the supervisor sets it")
    fault_fail_on: str = Field(
        "", description="classes whose handler fails, comma-separated; only where LAHETE_ENV is test"
    )
    fault_crash_at: faults.Step | None = Field(None, description="the step after which a service dies; only in test")
    fault_pause_at: str = Field("", description="<step>=<seconds>: a service pauses once after a step; only in test")
    otlp: _OfTraces = Field(
        "",
        pattern=r"^(https?://[^/\s]+/?)?$",
        description="a collector's address for traces, OTLP over HTTP: http://host:4318; with the extra otel; empty: none",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="how much the service logs")

    @field_validator("kafka_user", "kafka_password_file", "mongodb_database", "mongodb_user", "mongodb_password_file")
    @classmethod
    def _only_the_service_is_filled_in(cls, template: str | Path | None) -> str | Path | None:
        try:
            str(template).format(service="")
        except (LookupError, ValueError, AttributeError) as error:
            raise ValueError("only {service} is filled in; no other brace may stand there") from error
        return template

    @field_validator("kafka")
    @classmethod
    def _addresses(cls, bootstrap: str) -> str:
        for address in bootstrap.split(","):
            host, _, port = address.strip().rpartition(":")
            if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
                raise ValueError(f"{address.strip()!r} is no host:port")
        return bootstrap

    @model_validator(mode="after")
    def _login_is_whole(self) -> Self:
        if self.kafka_security.startswith("sasl") and not (self.kafka_user and self.kafka_password_file):
            raise ValueError(
                f"{PREFIX}KAFKA_SECURITY {self.kafka_security} needs {PREFIX}KAFKA_USER and {PREFIX}KAFKA_PASSWORD_FILE"
            )
        if self.mongodb_user and not self.mongodb_password_file:
            raise ValueError(f"{PREFIX}MONGODB_USER needs {PREFIX}MONGODB_PASSWORD_FILE")
        return self

    @model_validator(mode="after")
    def _only_in_tests(self) -> Self:
        if self.clock and self.env == "production":
            raise ValueError(f"{PREFIX}CLOCK is refused unless {PREFIX}ENV is demo or test")
        for name in type(self).model_fields:
            if name.startswith("fault_") and getattr(self, name) and self.env != "test":
                raise ValueError(f"{PREFIX}{name.upper()} is refused unless {PREFIX}ENV is test")
        faults.pause(self.fault_pause_at)
        self.platform_clock()
        return self

    def cluster(self, service: str) -> Cluster:
        """Kafka, and the login. Ends the start where the file of the password or of the signers cannot be read."""
        cluster = Cluster(
            self.kafka,
            self.kafka_security,
            self.kafka_mechanism,
            self.kafka_user.format(service=service),
            _secret("KAFKA_PASSWORD_FILE", self.kafka_password_file, service),
            self.kafka_ca_file,
        )
        try:
            cluster.options()
        except OSError as error:  # of the file itself, or SSL's: what is in it
            stop_start(
                f"{PREFIX}KAFKA_CA_FILE: {self.kafka_ca_file} cannot be used: {error.strerror or error}; "
                "name a file of certificates in PEM"
            )
        return cluster

    def bounds(self) -> Bounds:
        """How many connections HTTP takes, and how long each may take."""
        return Bounds(
            self.http_connections,
            self.http_connections_an_address,
            self.http_head_seconds,
            self.http_body_seconds,
            self.http_idle_seconds,
        )

    def rates(self) -> Rates:
        """How often the holder of a key may ask and send."""
        return Rates(
            Rate("requests", self.requests_a_minute),
            Rate("events", self.events_a_minute),
            Rate("denied looks", self.denied_a_minute),
            AtOnce("batches", BATCHES_AT_ONCE),
        )

    def mongodb_password(self, service: str) -> str:
        """The password. Ends the start where its file cannot be read."""
        return _secret("MONGODB_PASSWORD_FILE", self.mongodb_password_file, service)

    def platform_clock(self) -> Clock:
        """The clock that judges times and deadlines. Raises `ValueError`."""
        if not self.clock:
            return Clock()
        try:
            return read_clock(self.clock, self.clock_anchor)
        except OSError as error:
            raise ValueError(f"{PREFIX}CLOCK: {self.clock} cannot be read: {error.strerror}") from error

    def between(self) -> Callable[[str], None]:
        """What happens between the engine's steps: nothing, except in tests."""
        return faults.between(self.fault_crash_at, faults.pause(self.fault_pause_at))

    def failing(self) -> frozenset[str]:
        """The classes whose handlers fail on purpose."""
        return frozenset(name.strip() for name in self.fault_fail_on.split(",") if name.strip())


def read(settings: type[T]) -> T:
    """The settings from the environment; ends the process with one line at a mistaken name or value."""
    check_names()
    try:
        return settings()
    except ValidationError as error:
        stop_start("; ".join(_line(fault) for fault in error.errors(include_url=False)))
    except SettingsError as error:  # a value that must be JSON and is not; only the message names the field
        name = str(error).split('"')[1].upper()
        stop_start(f"{PREFIX}{name}{_quoted(os.environ.get(PREFIX + name, ''))}: {error.__cause__}")


def check_names() -> None:
    """Ends the process with one line where the environment names a setting that does not exist."""
    if line := mistaken(os.environ):
        stop_start(line)


def _line(fault: object) -> str:
    assert isinstance(fault, dict)
    setting, *inner = [str(part) for part in fault["loc"]] or [""]
    name = " ".join([PREFIX + setting.upper(), *inner]) if setting else ""
    value = _quoted(str(fault["input"])) if fault["loc"] else ""
    return f"{name}{value}: {fault['msg'].removeprefix('Value error, ')}".removeprefix(": ")


def _quoted(value: str) -> str:
    return "" if may_hold_a_secret(value) else f" is {value[:80]!r}"


def _secret(name: str, template: Path | None, service: str) -> str:
    if template is None:
        return ""
    file = str(template).format(service=service)
    try:
        secret = Path(file).read_text().strip()
    except OSError as error:
        stop_start(f"{PREFIX}{name}: {file} cannot be read: {error.strerror}; it is to hold the password of {service}")
    except UnicodeDecodeError:
        stop_start(f"{PREFIX}{name}: {file} is no text; it is to hold the password of {service}")
    if not secret:
        stop_start(f"{PREFIX}{name}: {file} is empty; it is to hold the password of {service}")
    return secret


def stop_start(line: str) -> NoReturn:
    """Ends a start that cannot succeed, with one line for a person."""
    sys.stderr.write(f"lahete: {line}\n")
    raise SystemExit(1)


def documented(settings: type[BaseSettings]) -> list[tuple[str, str, str]]:
    """Name, default and meaning of each setting."""
    return [
        (f"{PREFIX}{name.upper()}", _shown(field.default), field.description or "")
        for name, field in settings.model_fields.items()
    ]


def _shown(default: object) -> str:
    if isinstance(default, timedelta):
        return f"P{default.days}D" if default.days else f"PT{int(default.total_seconds())}S"
    return str(default)
