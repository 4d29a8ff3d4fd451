"""deploy/kubernetes, built and held against the schemas and against the code: nothing that it names is made up."""

import importlib.util
import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings
from starlette.routing import Route
from typer.testing import CliRunner

from cli.main import app
from cli.services import OF_NAME
from deploy.kafka.acls import user_of, written_by
from deploy.kafka.topics import TopicSettings
from deploy.kubernetes import kafka_users
from deploy.local.processes import PORT_OFFSETS
from deploy.local.state import Folder
from shared.contracts.registry import CLASSES
from shared.contracts.topics import PARTITIONS, READ_BY, SERVICES, intake_of, platform_topics
from shared.http.server import application
from shared.kafka.lag import READS
from shared.process.names import PREFIX
from shared.process.settings import PlatformSettings
from tests.guides import blocks
from tests.unit.manifests import (
    KUBERNETES,
    PRODUCTION,
    ROOT,
    Manifest,
    allowed,
    build,
    container,
    environment,
    faults,
    mounted,
    of_kind,
    pods,
    selects,
)

PORTS = {service: 8100 + offset for service, offset in PORT_OFFSETS.items()}
OWNERS = {known.owner for known in CLASSES.values() if known.public or known.outcome}
SETUP = "setup"
UID = 10001


@pytest.fixture(scope="module")
def production() -> list[Manifest]:
    return build(PRODUCTION)


each_service = pytest.mark.parametrize("service", SERVICES)


# --- by schema


@pytest.mark.parametrize("folder", [KUBERNETES / "base", PRODUCTION], ids=["base", "production"])
def test_what_is_built_is_what_the_schemas_of_kubernetes_and_its_operators_allow(folder: Path) -> None:
    assert [fault for manifest in build(folder) for fault in faults(manifest)] == []


@pytest.mark.parametrize(
    ("kind", "place", "wrong"),
    [
        ("Deployment", ("template", "spec", "containers", 0, "readinessProbe", "periodSecond"), 5),
        ("ScaledObject", ("maxReplicas",), 8),
        ("Kafka", ("kafka", "listeners", 0, "port"), "9093"),
        ("KafkaUser", ("authorization", "acls", 0, "operations"), ["Reed"]),
        ("MongoDBCommunity", ("members",), "three"),
        ("NetworkPolicy", ("podSelector", "matchLabel"), {}),
    ],
)
def test_the_schemas_find_a_fault(
    production: list[Manifest], kind: str, place: tuple[str | int, ...], wrong: object
) -> None:
    manifest = json.loads(json.dumps(next(iter(of_kind(production, kind).values()))))
    *way, last = place
    part: Any = manifest["spec"]
    for step in way:
        part = part[step]
    part[last] = wrong
    assert len(faults(manifest)) == 1


# --- what is there


@pytest.mark.parametrize("kind", ["Deployment", "Service", "PodDisruptionBudget", "ScaledObject"])
def test_every_service_has_one_of_each_and_nobody_else(production: list[Manifest], kind: str) -> None:
    assert set(of_kind(production, kind)) == set(SERVICES)


@each_service
def test_a_service_is_started_by_its_own_module_on_its_own_port(production: list[Manifest], service: str) -> None:
    pod = pods(production)[service]
    python, flag, module = container(pod)["command"]
    assert (python, flag, module) == ("python", "-m", f"services.{service}")
    assert importlib.util.find_spec(f"{module}.__main__")
    (port,) = container(pod)["ports"]
    (of_service,) = of_kind(production, "Service")[service]["spec"]["ports"]
    annotated = pod["metadata"]["annotations"]["prometheus.io/port"]
    assert {
        port["containerPort"],
        of_service["port"],
        int(annotated),
        int(environment(production, pod)["LAHETE_PORT"]),
    } == {PORTS[service]}
    assert of_service["targetPort"] == port["name"]


def test_the_one_shot_is_a_verb_of_the_command(production: list[Manifest]) -> None:
    command, *words = container(pods(production)[SETUP])["command"]
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert command in scripts
    assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0, f"{command} {words}: there is no such verb"


def test_what_is_asked_by_probes_and_prometheus_is_answered(production: list[Manifest]) -> None:
    answered = {route.path for route in application([], list, {}).routes if isinstance(route, Route)}
    for name in SERVICES:
        pod = pods(production)[name]
        probes = [container(pod)[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness", "readiness")]
        assert {probe["path"] for probe in probes} <= answered
        assert pod["metadata"]["annotations"]["prometheus.io/path"] in answered
        assert {probe["port"] for probe in probes} == {"http"}


# --- settings


def _settings() -> Iterator[type[BaseSettings]]:
    known: list[type[BaseSettings]] = [PlatformSettings, TopicSettings]
    while known:
        model = known.pop()
        known += model.__subclasses__()
        yield model


def test_every_variable_is_a_setting(production: list[Manifest]) -> None:
    known = {f"{PREFIX}{name.upper()}" for model in _settings() for name in model.model_fields}
    named = {name for pod in pods(production).values() for name in environment(production, pod)}
    assert sorted(named - known) == []


@each_service
def test_a_service_starts_with_the_settings_it_is_given(
    production: list[Manifest], service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = environment(production, pods(production)[service])
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = OF_NAME[service].settings().model_dump(mode="json")
    for name, value in given.items():
        kept = settings.get(name.removeprefix(PREFIX).lower())
        assert kept is None or str(kept) == value or kept == json.loads(value), name
    own = {name for name in given if name.removeprefix(PREFIX).lower() in OF_NAME[service].settings.model_fields}
    assert {"LAHETE_PORT", "LAHETE_HOST", "LAHETE_KAFKA", "LAHETE_KEYS_FILE"} <= own


def test_every_file_that_a_setting_names_is_mounted(production: list[Manifest]) -> None:
    for name, pod in pods(production).items():
        files = mounted(pod)
        given = environment(production, pod)
        named = {value for variable, value in given.items() if variable.endswith("_FILE")}
        named |= set(re.findall(r"tlsCAFile=([^&]+)", given["LAHETE_MONGODB"]))
        keys = {given["LAHETE_KEYS_FILE"]} if name == SETUP else set()  # it opens no door
        assert {file.format(service=one) for file in named - keys for one in SERVICES} == set(files), name


def test_a_pod_holds_the_passwords_of_the_logins_it_uses(production: list[Manifest]) -> None:
    for name, pod in pods(production).items():
        given, files = environment(production, pod), mounted(pod)
        kafka = given["LAHETE_KAFKA_USER"].format(service=name)
        assert kafka in of_kind(production, "KafkaUser")
        assert files[given["LAHETE_KAFKA_PASSWORD_FILE"]] == (kafka, "password")
        for service in SERVICES if name == SETUP else [name]:
            password = given["LAHETE_MONGODB_PASSWORD_FILE"].format(service=service)
            login = given["LAHETE_MONGODB_USER"].format(service=service)
            assert files[password] == (f"mongodb-{login}", "password")


def test_the_monitor_alone_holds_the_key_of_the_monitor(production: list[Manifest]) -> None:
    holders = [name for name, pod in pods(production).items() if "/etc/lahete/service-key" in mounted(pod)]
    assert holders == ["monitor"]


def test_every_secret_is_made_by_an_operator_or_named_in_the_readme(production: list[Manifest]) -> None:
    readme = (KUBERNETES / "README.md").read_text(encoding="utf-8")
    (kafka,) = of_kind(production, "Kafka")
    made = {*of_kind(production, "KafkaUser"), f"{kafka}-cluster-ca-cert"}
    mongodb = of_kind(production, "MongoDBCommunity")["lahete-mongodb"]["spec"]
    needed = {secret for pod in pods(production).values() for secret, _ in mounted(pod).values()}
    needed |= {user["passwordSecretRef"]["name"] for user in mongodb["users"]}
    needed |= {ref["name"] for name, ref in mongodb["security"]["tls"].items() if name.endswith("Ref")}
    needed |= {tls["secretName"] for one in of_kind(production, "Ingress").values() for tls in one["spec"]["tls"]}
    triggers = of_kind(production, "TriggerAuthentication")["kafka-scaler"]["spec"]
    needed |= {ref["name"] for ref in triggers["secretTargetRef"]}
    by_hand = needed - made
    assert {name for name in by_hand if not re.search(rf"`{name}`|mongodb-\$", readme)} == set()
    assert of_kind(production, "Secret") == {}


# --- what a pod may


def test_pods_meet_the_restricted_standard_and_know_their_bounds(production: list[Manifest]) -> None:
    for name, pod in pods(production).items():
        of_pod, only = pod["spec"]["securityContext"], container(pod)
        assert (of_pod["runAsNonRoot"], of_pod["runAsUser"]) == (True, UID), name
        assert of_pod["seccompProfile"] == {"type": "RuntimeDefault"}
        assert only["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert set(only["resources"]["limits"]) == set(only["resources"]["requests"]) == {"cpu", "memory"}
        assert only["image"] == "registry.lahete.example/kulttuurilahete:0.1.0"


def test_the_image_runs_as_the_same_user() -> None:
    dockerfile = ROOT / "deploy" / "Dockerfile"
    if not dockerfile.exists():
        pytest.skip("deploy/Dockerfile is not here: that its user is the manifests' is NOT checked")
    assert re.search(rf"\b{UID}\b", dockerfile.read_text(encoding="utf-8"))


# --- who talks to whom


def _labels(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "kulttuurilahete"}


KAFKA = {"strimzi.io/cluster": "lahete", "strimzi.io/name": "lahete-kafka"}
MONGODB = {"app": "lahete-mongodb-svc"}


def _goes(manifests: list[Manifest], sender: str, labels: dict[str, str], port: int) -> bool:
    return any(
        {"protocol": "TCP", "port": port} in rule["ports"]
        and any(selects(to.get("podSelector", {}), labels) for to in rule["to"] if "namespaceSelector" not in to)
        for rule in allowed(manifests, "egress", _labels(sender))
    )


def _is_let_in(manifests: list[Manifest], sender: str, labels: dict[str, str], port: int | str) -> bool:
    return any(
        {"protocol": "TCP", "port": port} in rule["ports"]
        and any(selects(peer["podSelector"], _labels(sender)) for peer in rule["from"] if "podSelector" in peer)
        for rule in allowed(manifests, "ingress", labels)
    )


def test_of_our_pods_the_monitor_alone_asks_and_only_owners_of_what_partners_send(production: list[Manifest]) -> None:
    pairs = {
        (one, other)
        for one in (*SERVICES, SETUP)
        for other in (*SERVICES, SETUP)
        for port in [PORTS.get(other, 0)]
        if _goes(production, one, _labels(other), port) and _is_let_in(production, one, _labels(other), "http")
    }
    assert pairs == {("monitor", owner) for owner in OWNERS}
    asked = json.loads(environment(production, pods(production)["monitor"])["LAHETE_SERVICE_URLS"])
    assert asked == {owner: f"http://{owner}:{PORTS[owner]}" for owner in OWNERS}


def test_every_pod_of_ours_reaches_kafka_mongodb_and_names_and_nothing_else(production: list[Manifest]) -> None:
    names = {"protocol": "UDP", "port": 53}
    for name in (*SERVICES, SETUP):
        assert _goes(production, name, KAFKA, 9093)
        assert _goes(production, name, MONGODB, 27017)
        assert _is_let_in(production, name, MONGODB, 27017)
        ports = {port["port"] for rule in allowed(production, "egress", _labels(name)) for port in rule["ports"]}
        asks = {PORTS[owner] for owner in OWNERS} if name == "monitor" else set()
        assert ports == {53, 9093, 27017} | asks
        rules = allowed(production, "egress", _labels(name))
        assert [rule["to"] for rule in rules if names in rule["ports"]] == [
            [
                {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
                }
            ]
        ]


def test_kafka_lets_in_our_pods_and_the_scaler(production: list[Manifest]) -> None:
    (listener,) = of_kind(production, "Kafka")["lahete"]["spec"]["kafka"]["listeners"]
    ours, keda = listener["networkPolicyPeers"]
    assert all(selects(ours["podSelector"], _labels(name)) for name in (*SERVICES, SETUP))
    assert keda["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "keda"}
    addresses = {environment(production, pod)["LAHETE_KAFKA"] for pod in pods(production).values()}
    assert addresses == {f"lahete-kafka-bootstrap:{listener['port']}"}


def test_the_doors_are_open_to_ingress_and_prometheus_and_the_one_shot_has_none(production: list[Manifest]) -> None:
    def namespaces(name: str) -> set[str]:
        rules = allowed(production, "ingress", _labels(name))
        peers = [peer for rule in rules for peer in rule["from"] if "namespaceSelector" in peer]
        return {peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in peers}

    assert {name: namespaces(name) for name in (*SERVICES, SETUP)} == {
        **{service: {"ingress", "monitoring"} for service in SERVICES},
        SETUP: set(),
    }


# --- the ways in


@each_service
def test_every_route_for_people_and_partners_has_a_way_in(production: list[Manifest], service: str) -> None:
    paths = _ways_in(production, service)
    there = {"/openapi.json", *(operation.path for operation in OF_NAME[service].operations())}
    for address in there:
        assert any(_begins(address, path) for path in paths), f"{address} has no way in"
    for path in paths:
        assert any(_begins(address, path) for address in there), path


@pytest.mark.parametrize("service", [service for service in SERVICES if service != "monitor"])
@pytest.mark.parametrize("path", ["/metrics", "/health/ready", "/v1/outcomes"])
def test_what_is_for_the_platform_alone_has_none(production: list[Manifest], service: str, path: str) -> None:
    assert not any(_begins(path, way) for way in _ways_in(production, service))


def _ways_in(manifests: list[Manifest], service: str) -> list[str]:
    rules = [rule for one in of_kind(manifests, "Ingress").values() for rule in one["spec"]["rules"]]
    (rule,) = [rule for rule in rules if rule["host"] == f"{service}.lahete.example"]
    paths = rule["http"]["paths"]
    assert {path["backend"]["service"]["name"] for path in paths} == {service}
    return [path["path"] for path in paths]


def _begins(path: str, prefix: str) -> bool:
    return prefix == "/" or path == prefix or path.startswith(f"{prefix}/")


# --- Kafka and MongoDB


def test_kafkas_users_are_those_the_code_gives() -> None:
    written = (PRODUCTION / "kafka-users.yaml").read_text(encoding="utf-8")
    assert written == kafka_users.as_yaml(kafka_users.users()), (
        "run: python -m deploy.kubernetes.kafka_users > deploy/kubernetes/overlays/production/kafka-users.yaml"
    )


@each_service
def test_a_service_may_read_what_it_reads_and_write_what_it_writes(production: list[Manifest], service: str) -> None:
    acls = of_kind(production, "KafkaUser")[service]["spec"]["authorization"]["acls"]

    def granted(operation: str) -> set[str]:
        return {
            acl["resource"]["name"] + ("*" if acl["resource"]["patternType"] == "prefix" else "")
            for acl in acls
            if operation in acl["operations"] and acl["resource"]["type"] == "topic"
        }

    redriven = {f"redrive.{other}" for other in SERVICES} if service == "monitor" else set()
    assert granted("Read") == {*READ_BY[service], *redriven}
    assert {topic for topic in platform_topics() if READS[service](topic)} <= granted("Read")
    assert granted("Write") <= set(platform_topics())
    assert granted("Write") == set(written_by(service))
    writes_to_intake = re.search(r"from shared.http.* intake|from shared.http.intake", _imports(service)) is not None
    assert ("intake.http" in granted("Write")) == writes_to_intake
    assert [acl["resource"]["name"] for acl in acls if "Read" in acl["operations"] and _is_group(acl)] == [service]


def _is_group(acl: Manifest) -> bool:
    return bool(acl["resource"]["type"] == "group")


def _imports(service: str) -> str:
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / f"services/{service}").rglob("*api.py"))
    lines = (line for text in texts for line in text.splitlines())
    return "\n".join(line for line in lines if line.startswith(("from", "import")))


def test_the_scaler_may_describe_alone(production: list[Manifest]) -> None:
    acls = of_kind(production, "KafkaUser")["kafka-scaler"]["spec"]["authorization"]["acls"]
    assert {operation for acl in acls for operation in acl["operations"]} == {"Describe"}


@each_service
def test_a_service_is_scaled_by_the_lag_of_its_own_group(production: list[Manifest], service: str) -> None:
    spec = of_kind(production, "ScaledObject")[service]["spec"]
    (trigger,) = spec["triggers"]
    assert spec["scaleTargetRef"]["name"] == trigger["metadata"]["consumerGroup"] == service
    assert spec["maxReplicaCount"] == PARTITIONS
    assert spec["minReplicaCount"] == 2
    given = environment(production, pods(production)[service])
    assert trigger["metadata"]["bootstrapServers"] == given["LAHETE_KAFKA"]
    assert "replicas" not in of_kind(production, "Deployment")[service]["spec"]


def test_a_login_of_mongodb_knows_one_database(production: list[Manifest]) -> None:
    """As `deploy/mongodb/users.js` lets it: it reads and writes, and changes a validator."""
    mongodb = of_kind(production, "MongoDBCommunity")["lahete-mongodb"]["spec"]
    users, roles = mongodb["users"], {(role["role"], role["db"]): role for role in mongodb["security"]["roles"]}
    for user in users:
        (own,) = user["roles"]
        role = roles.pop((own["name"], own["db"]))
        assert role["roles"] == [{"name": "readWrite", "db": user["db"]}]
        assert role["privileges"] == [{"resource": {"db": user["db"], "collection": ""}, "actions": ["collMod"]}]
    assert roles == {}
    databases = {(user["name"], user["db"]) for user in users}
    of_settings = PlatformSettings.model_fields["mongodb_database"].default
    assert databases == {(service, of_settings.format(service=service)) for service in SERVICES}
    credentials = [user["scramCredentialsSecretName"] for user in users]
    assert len(set(credentials)) == len(credentials)


def test_a_topic_has_a_copy_on_each_node_and_one_may_be_away(production: list[Manifest]) -> None:
    (nodes,) = of_kind(production, "KafkaNodePool").values()
    config = of_kind(production, "Kafka")["lahete"]["spec"]["kafka"]["config"]
    given = environment(production, pods(production)[SETUP])
    copies, in_sync = int(given["LAHETE_TOPIC_REPLICATION"]), int(given["LAHETE_TOPIC_MIN_INSYNC"])
    assert (copies, in_sync) == (nodes["spec"]["replicas"], copies - 1)
    assert (config["default.replication.factor"], config["min.insync.replicas"]) == (copies, in_sync)
    assert config["auto.create.topics.enable"] is False


# --- what the README has to be pasted


README = blocks(KUBERNETES / "README.md")


def test_the_certificate_that_the_readme_makes_is_for_mongodbs_names_and_signed_by_its_authority(
    tmp_path: Path,
) -> None:
    (commands,) = [block.text for block in README if "openssl req" in block.text]
    subprocess.run(["sh", "-ec", commands], cwd=tmp_path, capture_output=True, check=True)
    made = tmp_path / "mongodb-ca"
    for host in ("lahete-mongodb-0.lahete-mongodb-svc.kulttuurilahete.svc.cluster.local", "lahete-mongodb-svc"):
        ask = ["openssl", "verify", "-CAfile", str(made / "ca.crt"), "-verify_hostname", host, str(made / "tls.crt")]
        said = subprocess.run(ask, capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stderr
    assert (made / "ca.key").stat().st_mode & 0o077 == 0


def test_a_partner_of_the_readme_may_write_its_own_topic_and_nothing_else() -> None:
    (user,) = [yaml.safe_load(block.text) for block in README if "kind: KafkaUser" in block.text]
    assert faults(user) == []
    (acl,) = user["spec"]["authorization"]["acls"]
    source = "/opisto/1.2.246.562.10.12810669445"
    assert (user["metadata"]["name"], acl["resource"]["name"]) == (user_of(source), intake_of(source))
    assert set(acl["operations"]) == {"Describe", "Write"}
    assert f"lahete topics add {source} --dir keys" in "".join(block.text for block in README)


def test_its_listener_fits_into_the_kafka_that_is_there(production: list[Manifest]) -> None:
    (listener,) = [
        yaml.safe_load(block.text) for block in README if "name: partners" in block.text and block.language == "yaml"
    ]
    kafka = deepcopy(dict(of_kind(production, "Kafka")["lahete"]))
    kafka["spec"]["kafka"]["listeners"] += listener
    assert faults(kafka) == []
    (ours, theirs) = kafka["spec"]["kafka"]["listeners"]
    assert ours["port"] != theirs["port"]
    assert theirs["tls"]
    assert theirs["authentication"] == ours["authentication"]


def test_the_one_shot_finds_the_grants_where_the_readme_puts_them(production: list[Manifest]) -> None:
    pod = pods(production)[SETUP]
    sources = [
        source for volume in pod["spec"]["volumes"] for source in volume.get("projected", {"sources": ()})["sources"]
    ]
    (grants,) = [source["configMap"] for source in sources if "configMap" in source]
    kept = Folder(Path(container(pod)["command"][-1])).topics
    (mount,) = [one["mountPath"] for one in container(pod)["volumeMounts"] if one["name"] == "lahete"]
    assert [f"{mount}/{item['path']}" for item in grants["items"]] == [str(kept)]
    assert grants["optional"]
    made = f"kubectl create configmap {grants['name']} --from-file=keys/{kept.name}"
    assert made in "".join(block.text for block in README)
