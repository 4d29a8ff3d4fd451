"""What docker-compose.yml says of Kafka, its logins and the job that makes topics and keys, on a real broker: no Docker is needed.

The broker is given the compose file's own variables, turned into properties as the image's start script does it. Only the
places differ: addresses, and the folder of the secrets.
"""

import asyncio
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from deploy.java.servers import HOST, KafkaServer
from deploy.kafka.acls import Acl, of_services
from deploy.kafka.logins import ADMIN, LOGINS, LoginsError, admin_of, apply_logins, binding
from deploy.local.keys import MONITOR, holders
from deploy.local.state import Folder
from deploy.make_secrets import NAMES, make_secrets
from shared.contracts import topics
from shared.http.keys import Keyring
from shared.kafka.cluster import Cluster
from shared.kafka.producer import BrokerUnavailable
from tests.backends import address_of, java
from tests.integration.running import lahete
from tests.integration.service_process import record, service, write
from tests.integration.test_key_changes import audited, changes
from tests.unit.containers import environment

OF_THE_IMAGE = ("KAFKA_HEAP_OPTS", "KAFKA_GC_LOG_OPTS")
"""Variables of the start script that are no properties."""


@dataclass(frozen=True)
class Composed:
    """The broker as compose runs it."""

    server: KafkaServer
    secrets: Path

    def as_(self, login: str) -> Cluster:
        return Cluster(
            self.server.address,
            "sasl_plaintext",
            "PLAIN" if login == ADMIN else "SCRAM-SHA-512",
            login,
            self.secret(f"kafka_{login}"),
        )

    @property
    def keys(self) -> Path:
        """The volume of this name."""
        return self.secrets.parent / "keys"

    def secret(self, name: str) -> str:
        return (self.secrets / name).read_text()

    def environment(self, container: str) -> dict[str, str]:
        """A container's, at its place here; the state is in files."""
        given = {
            name: value.replace("/run/secrets", str(self.secrets)) for name, value in environment(container).items()
        }
        return {
            **given,
            "LAHETE_KAFKA": self.server.address,
            "LAHETE_MONGODB": "",
            "LAHETE_MONGODB_USER": "",
            "LAHETE_STATE": str(self.secrets.parent / "state"),
        }


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    address_of(java())
    folder = tmp_path_factory.mktemp("composed")
    make_secrets(folder / "secrets")
    place = KafkaServer(folder / "kafka")  # made twice: the first says which ports it has chosen
    with KafkaServer(folder / "kafka", properties(place, folder)) as server:
        yield Composed(server, folder / "secrets")


def properties(server: KafkaServer, folder: Path) -> Mapping[str, str]:
    """The compose file's variables as the image's start script writes them: KAFKA_A_B is a.b, A___B a-b, A__B a_b."""
    port, controller = json.loads((folder / "kafka" / "ports.json").read_text())
    given = {
        name.removeprefix("KAFKA_").lower().replace("_", ".").replace("...", "-").replace("..", "_"): value
        for name, value in environment("kafka").items()
        if name.startswith("KAFKA_") and name not in OF_THE_IMAGE
    }
    return {
        name: value.replace("$${", "${").replace("/run/secrets", str(folder / "secrets"))
        for name, value in given.items()
    } | {
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "listeners": f"CLIENT://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"CLIENT://{server.address}",
        "log.dirs": str(folder / "kafka" / "log"),
    }


@pytest.fixture(scope="module")
def rights(kafka: Composed) -> int:
    """The jobs of compose, each run once; how many rights that gave."""
    code, said = job(kafka, "logins", "logins")
    assert code == 0, said
    made = set_up(kafka)
    assert made == f"topics: {len(topics.platform_topics())} made, 0 were there"
    return int(said.split("; ")[1].partition(" ")[0])


def set_up(kafka: Composed) -> str:
    """The first line that the job `setup` prints; what it keeps in files stands beside the secrets."""
    code, said = job(kafka, "setup", "setup", "--dir", str(kafka.keys))
    assert code == 0, said
    return said.splitlines()[0]


def job(kafka: Composed, container: str, *verb: str) -> tuple[int, str]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("LAHETE_")]:
            patch.delenv(name)
        for name, value in kafka.environment(container).items():
            patch.setenv(name, value)
        return lahete(*verb)


def test_the_logins_have_the_rights_that_the_lists_say_and_a_second_run_changes_nothing(
    kafka: Composed, rights: int
) -> None:
    assert rights > len(of_services())
    assert job(kafka, "logins", "logins") == (
        0,
        f"logins: {len(LOGINS)} have their passwords; 0 rights added, 0 taken\n",
    )


def test_a_right_that_a_login_must_not_have_is_taken_from_it(kafka: Composed, rights: int) -> None:
    by_hand = Acl("referral", "Write", "topic", "catalogue.events")
    client = admin_of(kafka.as_(ADMIN))  # whoever forgets it forgets what it was asked
    for asked in client.create_acls([binding(by_hand)]).values():
        asked.result(timeout=20)
    assert apply_logins(kafka.as_(ADMIN), lambda login: kafka.secret(f"kafka_{login}")) == (0, 1)
    with pytest.raises(BrokerUnavailable, match="TopicAuthorizationFailed"):
        asyncio.run(write(kafka.as_("referral"), record(str(uuid4()), topic="catalogue.events")))


def test_who_has_no_login_or_not_the_administrators_does_nothing(kafka: Composed, rights: int) -> None:
    with pytest.raises(BrokerUnavailable):
        asyncio.run(write(Cluster(kafka.server.address), record(str(uuid4()), topic="intake.http")))
    with pytest.raises(LoginsError, match="AUTHORIZATION_FAILED"):
        apply_logins(kafka.as_("setup"), str)


def test_topics_and_hashes_are_made_and_a_service_reads_with_the_login_it_is_given(
    kafka: Composed, rights: int, tmp_path: Path
) -> None:
    assert set_up(kafka) == f"topics: 0 made, {len(topics.platform_topics())} were there"
    folder = Folder(kafka.keys)
    assert holders(folder) == {MONITOR: 1}
    assert Keyring(folder.hashes).holder(kafka.secret("service_key")) == MONITOR
    kept = b"".join(path.read_bytes() for path in folder.path.rglob("*") if path.is_file()).decode()
    assert not [name for name in NAMES if kafka.secret(name) in kept]
    with service(tmp_path / "referral", **own(kafka, "referral")) as one:
        one.becomes_ready()
        assert not [name for name in NAMES if kafka.secret(name) in one.said()]


def test_topics_that_lack_are_made_by_setups_login_alone_also_those_that_were_granted(
    kafka: Composed, rights: int
) -> None:
    """As the guides give it: `lahete topics add`, then `topics apply`; on Kubernetes `setup --grants` does both."""
    grants = kafka.secrets.parent / "grants"
    assert lahete("topics", "add", "/region/06", "--dir", str(grants))[0] == 0
    code, found = job(kafka, "setup", "topics", "apply", "--dir", str(grants), "--json")
    assert code == 0, found
    assert [topic for topic, what in json.loads(found).items() if what == "created"] == ["intake.region.06"]
    assert lahete("topics", "add", "/region/08", "--dir", str(grants))[0] == 0
    _, said = job(kafka, "setup", "setup", "--grants", str(grants))
    assert said.startswith("topics: 1 made, ")
    assert not (grants / "key-hashes.json").exists()


def test_changed_keys_are_told_by_the_verb_and_what_it_could_not_tell_by_the_next_setup(
    kafka: Composed, rights: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(kafka.keys)

    def told() -> list[tuple[str, str]]:
        return changes(asyncio.run(audited(kafka.as_("monitor"))))

    code, secret = job(kafka, "setup", "key", "add", "ops:anna", "--dir", str(folder.path))
    assert (code, told()) == (0, [("ops:anna", "added")])
    assert secret.startswith("lahete_")
    with monkeypatch.context() as away:
        away.setattr(kafka.server, "address", "127.0.0.1:1")
        assert job(kafka, "setup", "key", "revoke", "ops:anna", "--dir", str(folder.path))[0] == 0
    assert folder.key_changes.exists()
    set_up(kafka)
    assert told() == [("ops:anna", "added"), ("ops:anna", "revoked")]
    assert not folder.key_changes.exists()


_OF_THE_PLACE = {"LAHETE_HOST", "LAHETE_PORT", "LAHETE_KEYS_FILE", "LAHETE_STATE"}


def own(kafka: Composed, name: str) -> dict[str, str]:
    """What compose gives a service, but for its place."""
    given = kafka.environment(name)
    return {key: value for key, value in given.items() if key not in _OF_THE_PLACE}


def test_no_password_stands_in_kafkas_arguments_or_settings_or_in_what_it_prints(kafka: Composed, rights: int) -> None:
    found = " ".join(psutil.Process(kafka.server.pid).cmdline())
    found += (kafka.server.log.parent / "server.properties").read_text() + kafka.server.log.read_text()
    assert "${directory:" in found
    assert not [name for name in NAMES if kafka.secret(name) in found]
