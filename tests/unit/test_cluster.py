"""How a client is told where Kafka is and as whom; which settings of it end the start; why Kafka cannot be reached."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import certifi
import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from shared.kafka.cluster import Cluster, Mechanism
from shared.kafka.reach import diagnose
from shared.process.settings import PlatformSettings, read

CERTIFICATES = Path(certifi.where())
LOGIN = {
    "LAHETE_KAFKA_SECURITY": "sasl_plaintext",
    "LAHETE_KAFKA_USER": "{service}",
    "LAHETE_KAFKA_PASSWORD_FILE": "kafka-{service}",
}


def ended(capsys: pytest.CaptureFixture[str], service: str = "") -> str:
    """The one line with which a start ends: at reading the settings, or at using them for a service."""
    with pytest.raises(SystemExit) as end:
        read(PlatformSettings).cluster(service)
    assert end.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("lahete: ")
    assert said.count("\n") == 1
    return said.removeprefix("lahete: ").rstrip()


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SECURITY", "USER", "PASSWORD_FILE", "CA_FILE", "MECHANISM"):
        monkeypatch.delenv(f"LAHETE_KAFKA_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


def given(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


# --- what a client is given


def test_without_a_login_nothing_is_said_of_one() -> None:
    plain = Cluster("a:1,b:2").options()
    assert plain == {"bootstrap_servers": "a:1,b:2", "security_protocol": "PLAINTEXT", "ssl_context": None}
    assert type(Cluster("a:1").for_faststream()) is BaseSecurity


@pytest.mark.parametrize(
    ("mechanism", "of_faststream"),
    [("PLAIN", SASLPlaintext), ("SCRAM-SHA-256", SASLScram256), ("SCRAM-SHA-512", SASLScram512)],
)
def test_a_login_goes_to_every_client_alike(mechanism: Mechanism, of_faststream: type) -> None:
    cluster = Cluster("a:1", "sasl_plaintext", mechanism, "referral", "secret")
    assert cluster.options() == {
        "bootstrap_servers": "a:1",
        "security_protocol": "SASL_PLAINTEXT",
        "ssl_context": None,
        "sasl_mechanism": mechanism,
        "sasl_plain_username": "referral",
        "sasl_plain_password": "secret",
    }
    login = cluster.for_faststream()
    assert isinstance(login, of_faststream)
    assert (login.username, login.password, login.use_ssl) == ("referral", "secret", False)  # type: ignore[attr-defined]


@pytest.mark.parametrize("security", ["ssl", "sasl_ssl"])
def test_tls_checks_the_broker_against_the_file_of_signers(security: str) -> None:
    cluster = Cluster("a:1", security, user="referral", password="secret", ca_file=CERTIFICATES)  # type: ignore[arg-type]
    context = cluster.options()["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(context.get_ca_certs()) > 100
    assert cluster.for_faststream().ssl_context is context
    assert cluster.for_faststream().use_ssl


def test_a_password_is_in_no_representation() -> None:
    assert "secret" not in repr(Cluster("a:1", "sasl_plaintext", user="referral", password="secret"))


# --- settings


def test_the_service_is_filled_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given(monkeypatch, **LOGIN)
    (tmp_path / "kafka-notify").write_text("of notify\n")
    cluster = read(PlatformSettings).cluster("notify")
    assert (cluster.user, cluster.password) == ("notify", "of notify")


@pytest.mark.parametrize("value", ["{servce}", "{service", "{}", "{service.name}"])
@pytest.mark.parametrize("name", ["KAFKA_USER", "KAFKA_PASSWORD_FILE", "MONGODB_USER", "MONGODB_PASSWORD_FILE"])
def test_a_template_takes_the_service_alone(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, **{f"LAHETE_{name}": value})
    said = ended(capsys)
    assert said.startswith(f"LAHETE_{name} is {value!r}: only {{service}} is filled in")


@pytest.mark.parametrize("lacks", ["USER", "PASSWORD_FILE"])
def test_a_login_is_whole_or_the_start_ends(
    lacks: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, **{name: value for name, value in LOGIN.items() if not name.endswith(lacks)})
    said = "LAHETE_KAFKA_SECURITY sasl_plaintext needs LAHETE_KAFKA_USER and LAHETE_KAFKA_PASSWORD_FILE"
    assert ended(capsys) == said


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"\n", "is empty"),
        (b"\xff\xfe", "is no text"),
    ],
)
def test_a_file_that_holds_no_password_ends_the_start(
    content: bytes | None,
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    given(monkeypatch, **LOGIN)
    if content is not None:
        (tmp_path / "kafka-monitor").write_bytes(content)
    said = f"LAHETE_KAFKA_PASSWORD_FILE: kafka-monitor {why}; it is to hold the password of monitor"
    assert ended(capsys, "monitor") == said


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_file_that_holds_no_signers_ends_the_start(
    content: bytes | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    given(monkeypatch, LAHETE_KAFKA_SECURITY="ssl", LAHETE_KAFKA_CA_FILE="ca.pem")
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)
    said = ended(capsys)
    assert said.startswith("LAHETE_KAFKA_CA_FILE: ca.pem cannot be used: ")
    assert said.endswith("; name a file of certificates in PEM")


@pytest.mark.parametrize("value", ["kafka", "kafka:", ":9092", "kafka:http", "kafka:99999", "kafka:9092,"])
def test_an_address_that_is_none_ends_the_start(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, LAHETE_KAFKA=value)
    assert ended(capsys).startswith(f"LAHETE_KAFKA is {value!r}: ")


def test_a_security_that_is_none_ends_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, LAHETE_KAFKA_SECURITY="tls")
    said = ended(capsys)
    assert said.startswith("LAHETE_KAFKA_SECURITY is 'tls': ")
    assert "'sasl_ssl'" in said


# --- why it cannot be reached

Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(answer: Answering) -> AsyncIterator[str]:
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _hangs_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _speaks_http(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


@pytest.mark.asyncio
async def test_nobody_there_is_said() -> None:
    why = await diagnose(Cluster("127.0.0.1:1,localhost:1"), KafkaConnectionError())
    assert why == "Kafka at 127.0.0.1:1,localhost:1 does not answer; LAHETE_KAFKA says where it is"


@pytest.mark.asyncio
async def test_whoever_hangs_up_may_expect_another_security() -> None:
    async with listening(_hangs_up) as address:
        why = await diagnose(Cluster(address), KafkaConnectionError())
    assert why == f"Kafka at {address} hangs up: look at LAHETE_KAFKA_SECURITY, which is plaintext, if it goes on"


@pytest.mark.asyncio
async def test_whoever_speaks_no_tls_is_said() -> None:
    async with listening(_speaks_http) as address:
        why = await diagnose(Cluster(address, "ssl"), KafkaConnectionError())
    assert why == f"Kafka at {address} does not speak TLS: look at LAHETE_KAFKA_SECURITY, which is ssl"


@pytest.mark.asyncio
async def test_what_the_broker_has_said_is_not_asked_again() -> None:
    why = await diagnose(Cluster("127.0.0.1:1"), TopicAuthorizationFailedError("referral.events"))
    assert why.startswith("Kafka at 127.0.0.1:1: TopicAuthorizationFailedError")
    assert "referral.events" in why
