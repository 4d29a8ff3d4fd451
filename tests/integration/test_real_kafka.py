"""Logins, access lists and TLS on a real Kafka: the broker itself is asked what each login may do, and refuses the rest.

The logins are made as an administrator would, and `lahete acls` is taken at its word: what it prints is run.
"""

import asyncio
import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import GroupAuthorizationFailedError, KafkaConnectionError
from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from typer.testing import CliRunner

from cli.main import app
from deploy.java.servers import HOST, KafkaServer
from deploy.kafka.acls import OPS, SETUP, of_senders, of_services, of_staff, user_of
from deploy.kafka.topics import TopicSettings, apply, wanted
from deploy.local.state import grant, open_folder
from shared.contracts import topics
from shared.kafka.cluster import Cluster
from shared.kafka.lag import lags
from shared.kafka.producer import BrokerUnavailable
from shared.kafka.reach import diagnose
from shared.private import write_private
from shared.process.settings import read
from tests.backends import address_of, java
from tests.integration.service_process import record, service, write
from tests.ports import free_base

REGION, OTHER = "/region/06", "/region/08"
LOGINS = (*topics.SERVICES, SETUP, OPS, user_of(REGION), user_of(OTHER))
TOPICS = (*topics.platform_topics(), topics.intake_of(REGION), topics.intake_of(OTHER))
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


@dataclass(frozen=True)
class Guarded:
    """A Kafka that nobody uses without a login."""

    server: KafkaServer
    tls: str
    """The address where it speaks TLS."""
    folder: Path

    def as_(self, login: str, password: str = "") -> Cluster:
        return Cluster(
            self.server.address, "sasl_plaintext", "SCRAM-SHA-512", login, password or f"password of {login}"
        )

    def over_tls(self, login: str, ca_file: Path | None = None) -> Cluster:
        return replace(
            self.as_(login), bootstrap=self.tls, security="sasl_ssl", ca_file=ca_file or self.folder / "ca.pem"
        )

    def environment(self, **changes: str) -> dict[str, str]:
        return {
            "LAHETE_KAFKA": self.server.address,
            "LAHETE_KAFKA_SECURITY": "sasl_plaintext",
            "LAHETE_KAFKA_USER": "{service}",
            "LAHETE_KAFKA_PASSWORD_FILE": str(self.folder / "password-{service}"),
            **changes,
        }


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    address_of(java())
    folder = tmp_path_factory.mktemp("guarded")
    _make_certificate(folder)
    tls = f"{HOST}:{free_base()}"
    # Made twice: the first says which ports it has chosen, which the settings of a listener more must repeat.
    first = KafkaServer(folder / "kafka", login=True)
    with KafkaServer(folder / "kafka", _with_tls(folder, first, tls), login=True) as server:
        guarded = Guarded(server, tls, folder)
        _make_logins(guarded)
        asyncio.run(apply(server.cluster, wanted(read(TopicSettings), [REGION, OTHER])))
        _run_what_is_printed(guarded)
        yield guarded


def _make_certificate(folder: Path) -> None:
    keytool = shutil.which("keytool")
    assert keytool, "a JDK has it"
    store = ("-alias", "kafka", "-keystore", str(folder / "kafka.p12"), "-storepass", "changeit")
    names = ("-dname", "CN=kafka", "-ext", f"san=ip:{HOST}", "-ext", "bc=ca:true")
    for arguments in (
        ("-genkeypair", "-keyalg", "EC", "-storetype", "PKCS12", "-validity", "2", *names),
        ("-exportcert", "-rfc", "-file", str(folder / "ca.pem")),
    ):
        subprocess.run([keytool, *arguments, *store], check=True, capture_output=True, timeout=30)


def _with_tls(folder: Path, server: KafkaServer, tls: str) -> Mapping[str, str]:
    _, controller = json.loads((folder / "kafka" / "ports.json").read_text())
    return {
        "listeners": f"CLIENT://{server.address},CONTROLLER://{HOST}:{controller},TLS://{tls}",
        "advertised.listeners": f"CLIENT://{server.address},TLS://{tls}",
        "listener.security.protocol.map": "CLIENT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SASL_SSL",
        "listener.name.tls.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.tls.scram-sha-512.sasl.jaas.config": SCRAM,
        "listener.name.tls.ssl.keystore.location": str(folder / "kafka.p12"),
        "listener.name.tls.ssl.keystore.password": "changeit",
        "listener.name.tls.ssl.keystore.type": "PKCS12",
    }


def admin(cluster: Cluster) -> AdminClient:
    return AdminClient(
        {
            "bootstrap.servers": cluster.bootstrap,
            "security.protocol": cluster.security,
            "sasl.mechanism": cluster.mechanism,
            "sasl.username": cluster.user,
            "sasl.password": cluster.password,
            "log_level": 0,
        }
    )


def _make_logins(kafka: Guarded) -> None:
    how = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    client = admin(kafka.server.cluster)  # whoever forgets it forgets what it was asked
    made = client.alter_user_scram_credentials(
        [UserScramCredentialUpsertion(login, how, f"password of {login}".encode()) for login in LOGINS]
    )
    for one in made.values():
        one.result(timeout=20)
    for login in topics.SERVICES:
        write_private(kafka.folder / f"password-{login}", f"password of {login}\n")


def _run_what_is_printed(kafka: Guarded) -> None:
    folder = open_folder(kafka.folder / "lahete")
    for source in (REGION, OTHER):
        grant(folder, source)
    printed = CliRunner().invoke(app, ["acls", "--dir", str(folder.path)])
    assert printed.exit_code == 0
    config = kafka.folder / "admin.properties"
    cluster = kafka.server.cluster
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    login = f'{module} required username="{cluster.user}" password="{cluster.password}";'
    write_private(config, f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config={login}\n")
    known = {"$KAFKA": cluster.bootstrap, "$ADMIN": str(config)}
    calls = [shlex.split(line) for line in printed.stdout.splitlines()]
    assert {call[0] for call in calls} == {"kafka-acls.sh"}
    commands = kafka.folder / "commands"
    commands.write_text("".join("\t".join(known.get(part, part) for part in call[1:]) + "\n" for call in calls))
    kafka.server.tool(str(Path(__file__).with_name("AclCommands.java")), str(commands))


# --- what each login may do, by the broker's own word


@pytest.mark.parametrize("login", LOGINS)
def test_a_login_may_do_what_the_lists_say_and_nothing_else(kafka: Guarded, login: str) -> None:
    """Kafka says for each topic what whoever asks may do there; one that it may not even see, it refuses to describe."""
    listed = [acl for acl in [*of_services(), *of_staff(), *of_senders([REGION, OTHER])] if acl.principal == login]
    client = admin(kafka.as_(login))
    described = client.describe_topics(TopicCollection(list(TOPICS)), include_authorized_operations=True)
    for topic, answer in described.items():
        lists = {
            acl.operation
            for acl in listed
            if acl.kind == "topic" and (acl.name == topic or (acl.name[-1] == "*" and topic.startswith(acl.name[:-1])))
        }
        try:
            may = {_as_listed(one.name) for one in answer.result(timeout=20).authorized_operations or []}
        except KafkaException as error:
            assert error.args[0].name() == "TOPIC_AUTHORIZATION_FAILED"  # noqa: PT017 - the other way is right as well
            may = set()
        assert may == (lists | {"Describe"} if lists else set()), topic


def _as_listed(operation: str) -> str:
    """`ALTER_CONFIGS` is AlterConfigs."""
    return operation.title().replace("_", "")


def test_topics_are_made_by_the_login_of_setup_and_compared_by_that_of_a_person(kafka: Guarded) -> None:
    specs = wanted(read(TopicSettings), [REGION, OTHER, "/region/11"])
    made = asyncio.run(apply(kafka.as_(SETUP), specs))
    assert [one.topic for one in made if one.found == "created"] == ["intake.region.11"]
    assert {one.found for one in asyncio.run(apply(kafka.as_(OPS), specs, make=False))} == {"there"}


@pytest.mark.asyncio
async def test_the_monitor_alone_may_see_how_far_the_others_are(kafka: Guarded) -> None:
    await write(kafka.as_("region-06"), record(str(uuid4()), REGION))
    behind = {lag.service for lag in await lags(kafka.as_("monitor")) if lag.topic == "intake.region.06" and lag.lag}
    assert behind == set(topics.SERVICES)
    with pytest.raises(GroupAuthorizationFailedError):
        await lags(kafka.as_("referral"))


# --- writing and reading


def test_a_sender_writes_its_own_topic(kafka: Guarded) -> None:
    asyncio.run(write(kafka.as_("region-06"), record(str(uuid4()), REGION)))


@pytest.mark.parametrize(
    "topic", ["intake.region.08", "intake.http", "referral.events", "redrive.referral", "dead-letters", "audit.events"]
)
def test_a_sender_that_writes_elsewhere_is_refused_by_kafka_itself(kafka: Guarded, topic: str) -> None:
    with pytest.raises(BrokerUnavailable, match="TopicAuthorizationFailedError"):
        asyncio.run(write(kafka.as_("region-06"), record(str(uuid4()), REGION, topic)))


@pytest.mark.parametrize("topic", ["catalogue.events", "intake.region.06", "redrive.referral"])
def test_a_service_that_writes_elsewhere_is_refused(kafka: Guarded, topic: str) -> None:
    """Also where it may read: seeing a topic is not writing it."""
    with pytest.raises(BrokerUnavailable, match="TopicAuthorizationFailed"):
        asyncio.run(write(kafka.as_("referral"), record(str(uuid4()), REGION, topic)))


def test_nobody_reads_by_another_services_group(kafka: Guarded) -> None:
    async def read() -> None:
        consumer = AIOKafkaConsumer("referral.events", **kafka.as_("referral").options(), group_id="catalogue")
        try:
            async with asyncio.timeout(20):
                await consumer.start()
                await consumer.getone()
        finally:
            await consumer.stop()

    with pytest.raises(GroupAuthorizationFailedError):
        asyncio.run(read())


# --- a service as it is run


@pytest.mark.parametrize("security", ["sasl_plaintext", "sasl_ssl"])
def test_a_service_with_its_own_login_applies_what_the_region_wrote(
    kafka: Guarded, security: str, tmp_path: Path
) -> None:
    tls = {}
    if security == "sasl_ssl":
        ca_file = str(kafka.folder / "ca.pem")
        tls = {"LAHETE_KAFKA": kafka.tls, "LAHETE_KAFKA_SECURITY": security, "LAHETE_KAFKA_CA_FILE": ca_file}
    referral, region = str(uuid4()), "region-06"
    with service(tmp_path, **kafka.environment(**tls)) as one:
        one.becomes_ready()
        asyncio.run(write(kafka.over_tls(region) if tls else kafka.as_(region), record(referral, REGION)))
        one.comes_to_hold(referral)
        assert one.not_ready() == []


def test_a_password_that_is_refused_is_one_line_and_the_process_waits(kafka: Guarded, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("no password\n")
    with service(tmp_path, **kafka.environment(LAHETE_KAFKA_PASSWORD_FILE=str(wrong))) as one:
        line = one.comes_to_lack("refuses the login referral by SCRAM-SHA-512: look at LAHETE_KAFKA_USER")
        one.until(lambda: one.told(), "it is logged")
        assert one.told() == [line]
        assert "no password" not in one.said()


def test_a_login_without_rights_is_told_so(kafka: Guarded, tmp_path: Path) -> None:
    """The login of a region, given to a service by mistake."""
    password = tmp_path / "password"
    password.write_text("password of region-06\n")
    login = {"LAHETE_KAFKA_USER": "region-06", "LAHETE_KAFKA_PASSWORD_FILE": str(password)}
    with service(tmp_path, **kafka.environment(**login)) as one:
        line = one.comes_to_lack("refuses region-06 the topics")
        assert "intake.http" in line
        assert line.endswith("let it do what `lahete acls` prints")


@pytest.mark.asyncio
async def test_what_is_wrong_with_a_login_is_said(kafka: Guarded) -> None:
    lost, plain = KafkaConnectionError(), kafka.as_("referral")
    at = f"Kafka at {plain.bootstrap}"
    assert (await diagnose(kafka.as_("nobody"), lost)).startswith(f"{at} refuses the login nobody by SCRAM-SHA-512: ")
    other = replace(plain, mechanism="SCRAM-SHA-256")
    assert (await diagnose(other, lost)) == (
        f"{at} takes no login by SCRAM-SHA-256: set LAHETE_KAFKA_MECHANISM to one that it takes"
    )
    assert (await diagnose(Cluster(plain.bootstrap), lost)).startswith(f"{at} hangs up: look at LAHETE_KAFKA_SECURITY")


@pytest.mark.asyncio
async def test_what_is_wrong_with_tls_is_said(kafka: Guarded) -> None:
    lost, tls = KafkaConnectionError(), kafka.over_tls("referral")
    assert " does not answer; " in await diagnose(kafka.as_("referral"), lost), "nothing is wrong with it by now"
    system = replace(tls, ca_file=None)
    said = await diagnose(system, lost)
    assert said.startswith(f"Kafka at {kafka.tls} is not trusted, self")
    assert said.endswith("certificate: look at LAHETE_KAFKA_CA_FILE")
    elsewhere = replace(tls, bootstrap=kafka.server.address)
    assert "hangs up: look at LAHETE_KAFKA_SECURITY, which is sasl_ssl" in await diagnose(elsewhere, lost)


def test_the_files_of_secrets_are_their_owners_alone(kafka: Guarded) -> None:
    for name in ("admin.properties", "kafka/server.properties"):
        assert (kafka.folder / name).stat().st_mode & 0o077 == 0
