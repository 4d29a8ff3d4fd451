"""docker-compose.yml, held against compose's own schema and against the code: no Docker is needed for it.

What it cannot show: that the images of others start with these settings. CI has no Docker daemon.
"""

import ast
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from typer.testing import CliRunner

from cli import settings as verb
from cli.main import app
from cli.services import OF_NAME
from deploy import make_secrets
from deploy.kafka.logins import ADMIN, LOGINS
from deploy.local.processes import PORT_OFFSETS
from deploy.local.state import Folder
from tests.guides import blocks
from tests.unit.containers import PLATFORM, REPOSITORY, by_default, compose, environment, passed_on, services

ONCE = ("logins", "setup")
OURS = (*PLATFORM, *ONCE)
KEYS = Folder(Path("/var/lib/lahete"))


def test_it_is_what_compose_reads() -> None:
    """The schema is the Compose Specification's, Apache-2.0, as compose-go 2.16.2 carries it."""
    schema = json.loads((REPOSITORY / "tests/unit/compose-spec.json").read_text())
    Draft202012Validator(schema).validate(compose())


def test_every_service_of_the_platform_is_there_and_is_started_as_its_module() -> None:
    assert set(PLATFORM) == set(OF_NAME)
    for name in PLATFORM:
        python, flag, module = services()[name]["command"]
        assert (python, flag, module) == ("python", "-m", f"services.{name}")
        assert (REPOSITORY / "services" / name / "__main__.py").is_file()


def test_the_jobs_run_verbs_that_there_are() -> None:
    verbs = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    found = {name: services()[name]["command"] for name in ONCE}
    assert found == {"logins": ["lahete", "logins"], "setup": ["lahete", "setup", "--dir", str(KEYS.path)]}
    assert set(ONCE) <= verbs


def test_every_variable_is_a_setting_of_who_is_given_it() -> None:
    known = {(name, who) for name, _, who, _ in verb.table()}
    of_all = {name for name, who in known if who == "all"}
    for name in PLATFORM:
        own = {setting for setting, who in known if who == name}
        assert environment(name).keys() <= of_all | own, name
    for_setup = of_all | {setting for setting, who in known if who not in OF_NAME} | {"LAHETE_SERVICE_KEY_FILE"}
    assert environment("setup").keys() <= for_setup
    assert environment("logins").keys() <= of_all


def test_every_variable_of_the_shell_that_is_passed_on_is_a_setting_of_the_same_name() -> None:
    for name in services():
        for key, value in services()[name].get("environment", {}).items():
            assert passed_on(value) in ([], [key]), f"{name}: {key}"
    assert set(passed_on((REPOSITORY / "docker-compose.yml").read_text())) <= {name for name, *_ in verb.table()}


def made_in_mongodb() -> dict[str, str]:
    """By database, the user that `deploy/mongodb/users.js` makes there, as it says: the service's name in `lahete_<service>`."""
    script = (REPOSITORY / "deploy/mongodb/users.js").read_text()
    (database,) = re.findall(r"const name = `([a-z_]+)\$\{service\}`", script)
    assert "database.createUser({ user: service," in script
    return {f"{database}{name}": name for name in PLATFORM}


@pytest.mark.parametrize("name", PLATFORM)
def test_the_settings_of_a_service_are_such_as_it_takes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in environment(name).items():
        monkeypatch.setenv(key, value)
    settings: Any = OF_NAME[name].settings()
    assert settings.host == "0.0.0.0"
    assert settings.env == "production"
    assert settings.mongodb, "a file in a container that is read-only would keep nothing"
    assert (
        settings.mongodb_user.format(service=name) == made_in_mongodb()[settings.mongodb_database.format(service=name)]
    )
    assert str(settings.mongodb_password_file).format(service=name) == f"/run/secrets/mongodb_{name}"
    assert settings.kafka_user.format(service=name) == name
    assert str(settings.kafka_password_file).format(service=name) == f"/run/secrets/kafka_{name}"


@pytest.mark.parametrize("name", PLATFORM)
def test_a_service_listens_on_its_port_of_the_contract_and_only_this_machine_reaches_it(name: str) -> None:
    port = 8100 + PORT_OFFSETS[name]
    assert environment(name)["LAHETE_PORT"] == str(port)
    assert services()[name]["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_nothing_is_published_but_what_a_person_or_a_partner_uses_and_all_on_loopback() -> None:
    published = {name: service["ports"] for name, service in services().items() if "ports" in service}
    assert set(published) == {*PLATFORM, "grafana", "mailpit"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_each_is_on_the_networks_that_it_needs_and_kafka_and_the_databases_have_no_way_out() -> None:
    networks = {name: set(service["networks"]) for name, service in services().items()}
    for name in PLATFORM:
        assert networks.pop(name) == {"inside", "metrics", "outside"}
    assert networks == {
        **{name: {"inside"} for name in ("kafka", "mongodb", *ONCE)},
        "prometheus": {"metrics"},
        "grafana": {"metrics", "dashboards"},
        "mailpit": {"mail"},
    }
    internal = {name for name, network in compose()["networks"].items() if network.get("internal")}
    assert internal == {"inside", "metrics"}
    assert set(compose()["networks"]) == {*internal, "outside", "dashboards", "mail"}


def test_the_monitor_finds_every_service_where_it_is() -> None:
    urls = json.loads(environment("monitor")["LAHETE_SERVICE_URLS"])
    assert urls == {name: f"http://{name}:{8100 + PORT_OFFSETS[name]}" for name in PLATFORM}


def test_addresses_name_containers_that_there_are() -> None:
    for name in OURS:
        assert environment(name)["LAHETE_KAFKA"] == "kafka:9092"
        assert environment(name)["LAHETE_MONGODB"] == "mongodb://mongodb:27017"
    assert environment("kafka")["KAFKA_ADVERTISED_LISTENERS"] == "CLIENT://kafka:9092"


def test_keys_are_read_where_the_setup_job_writes_them_and_only_it_can() -> None:
    assert services()["setup"]["volumes"] == [f"keys:{KEYS.path}"]
    for name in PLATFORM:
        assert services()[name]["volumes"] == [f"keys:{KEYS.path}:ro"]
        assert environment(name)["LAHETE_KEYS_FILE"] == str(KEYS.hashes)
    for name in ("monitor", "setup"):
        assert environment(name)["LAHETE_SERVICE_KEY_FILE"] == "/run/secrets/service_key"
    assert environment("setup")["LAHETE_ENV"] == "production", (
        "elsewhere it would make keys for everybody, in plain text"
    )


def test_every_service_waits_for_the_setup_job_and_the_job_for_what_it_sets_up() -> None:
    for name in PLATFORM:
        assert services()[name]["depends_on"] == {"setup": {"condition": "service_completed_successfully"}}
    healthy = {"condition": "service_healthy"}
    assert services()["logins"]["depends_on"] == {"kafka": healthy}
    done = {"condition": "service_completed_successfully"}
    assert services()["setup"]["depends_on"] == {"logins": done, "mongodb": healthy}
    assert {services()[name]["restart"] for name in ONCE} == {"no"}


# --- secrets and volumes


def test_secrets_are_files_that_make_up_makes_and_that_git_does_not_take() -> None:
    files = {name: secret["file"] for name, secret in compose()["secrets"].items()}
    assert files == {name: f"./deploy/secrets/{name}" for name in make_secrets.NAMES}
    assert Path("deploy/secrets") == make_secrets.FOLDER.relative_to(REPOSITORY)
    ignored = subprocess.run(["git", "check-ignore", "-q", "deploy/secrets/mongodb_root"], cwd=REPOSITORY, check=False)
    assert ignored.returncode == 0
    assert "deploy/secrets" in (REPOSITORY / ".dockerignore").read_text().splitlines()


def test_each_is_given_its_own_secret_and_no_other() -> None:
    of_databases = {f"mongodb_{name}" for name in PLATFORM}
    context = {name: set(service.get("secrets", ())) for name, service in services().items()}
    logins = {f"kafka_{login}" for login in LOGINS}
    assert context.pop("monitor") == {"mongodb_monitor", "kafka_monitor", "service_key"}
    for name in set(PLATFORM) - {"monitor"}:
        assert context.pop(name) == {f"mongodb_{name}", f"kafka_{name}"}
    assert context.pop("logins") == logins | {"kafka_admin"}
    assert context.pop("kafka") == {"kafka_admin"}
    assert context.pop("setup") == of_databases | {"kafka_setup", "service_key"}
    assert context.pop("mongodb") == of_databases | {"mongodb_root"}
    assert context.pop("grafana") == {"grafana_admin"}
    assert not any(context.values())


def test_no_secret_stands_in_a_variable_or_an_argument() -> None:
    for service in services().values():
        assert not re.search("password|secret|token", " ".join(service.get("command", ())), re.IGNORECASE)
    for name, service in services().items():
        for key, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|TOKEN", key):
                assert key.endswith("_FILE"), f"{name}: {key}"
                assert by_default(value).startswith("/run/secrets/")


def test_every_path_of_the_repository_that_is_mounted_is_there_and_read_only() -> None:
    for name, service in services().items():
        for volume in service.get("volumes", ()):
            source, _, mode = [*volume.split(":"), ""][:3]
            if source.startswith("."):
                assert (REPOSITORY / source).exists(), f"{name} mounts {source}, which is not there"
                assert mode == "ro", f"{name}: {source}"
            else:
                assert source in compose()["volumes"], f"{name}: {source}"


def test_every_named_volume_is_used() -> None:
    used = {volume.split(":")[0] for service in services().values() for volume in service.get("volumes", ())}
    assert set(compose()["volumes"]) <= used


# --- how containers are kept


@pytest.mark.parametrize("name", sorted(services()))
def test_a_container_has_bounds_and_no_more_rights_than_it_needs(name: str) -> None:
    service = services()[name]
    assert service["mem_limit"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"]["max-size"]
    assert service["read_only"] is (name != "kafka"), "Kafka's start script writes its configuration"
    assert "privileged" not in service
    assert "container_name" not in service, "a fixed name forbids a second project on one machine"


@pytest.mark.parametrize("name", sorted(set(services()) - set(ONCE)))
def test_what_stays_up_has_a_health_check_that_looks_often_only_while_it_starts(name: str) -> None:
    check = services()[name]["healthcheck"]
    assert {"test", "interval", "timeout", "retries", "start_period", "start_interval"} <= check.keys()
    if name in PLATFORM:
        assert check["test"] == ["CMD", "python", "-m", "deploy.health"]
        assert importlib.util.find_spec("deploy.health")


def test_images_of_others_are_taken_by_their_digest_and_ours_is_built_here() -> None:
    for name, service in services().items():
        if name in OURS:
            assert service["build"] == {"context": ".", "dockerfile": "deploy/Dockerfile"}
        else:
            assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+@sha256:[0-9a-f]{64}", service["image"]), service["image"]


def test_what_not_everyone_needs_is_in_a_profile() -> None:
    profiles = {name: service["profiles"] for name, service in services().items() if "profiles" in service}
    assert profiles == {"prometheus": ["metrics"], "grafana": ["metrics"], "mailpit": ["mail"]}


def test_kafka_does_nothing_for_who_has_no_login_and_its_passwords_stand_in_files_alone() -> None:
    """That a broker with these settings does so, tests/integration/test_compose_kafka.py shows."""
    told = environment("kafka")
    protocols = dict(one.split(":") for one in told["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    assert protocols == {"CLIENT": "SASL_PLAINTEXT", "CONTROLLER": "SASL_PLAINTEXT"}
    assert told["KAFKA_SUPER_USERS"] == f"User:{ADMIN}"
    assert told["KAFKA_ALLOW_EVERYONE_IF_NO_ACL_FOUND"] == "false"
    assert told["KAFKA_AUTHORIZER_CLASS_NAME"] == "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
    for value in told.values():
        assert set(re.findall(r'="([^"]*)"', value)) <= {ADMIN, "$${directory:/run/secrets:kafka_admin}"}
    of_services = environment("referral")
    assert of_services["LAHETE_KAFKA_SECURITY"] == "sasl_plaintext"
    assert environment("logins")["LAHETE_KAFKA_USER"] == ADMIN


def test_kafka_makes_no_topic_by_itself() -> None:
    assert environment("kafka")["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert environment("setup")["LAHETE_TOPIC_REPLICATION"] == "1"


# --- the page about it


def test_the_page_names_the_ports_volumes_and_secrets_that_there_are() -> None:
    page = (REPOSITORY / "docs/compose.md").read_text(encoding="utf-8")
    published = {port.split(":")[1] for service in services().values() for port in service.get("ports", ())}
    assert set(re.findall(r"http://127\.0\.0\.1:(\d+)/", page)) == published
    assert set(re.findall(r"^\| `([a-z-]+)`", page.partition("| volume |")[2], re.MULTILINE)) | {
        "mongodb-config",
        "grafana",
    } == set(compose()["volumes"])
    assert set(re.findall(r"deploy/secrets/(\w+)", page)) <= set(make_secrets.NAMES)
    assert "docs/compose.md" in (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_scripts_that_run_before_anything_is_installed_need_no_package() -> None:
    for script in ("make_secrets", "health", "runtime_lock"):
        tree = ast.parse((REPOSITORY / "deploy" / f"{script}.py").read_text())
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert {name.partition(".")[0] for name in names} <= set(sys.stdlib_module_names), script


# --- what docs/compose.md has to be pasted


PAGE = blocks(REPOSITORY / "docs/compose.md")


def test_a_backup_takes_every_volume_but_figures_and_a_restore_puts_the_same_back() -> None:
    (taken, put_back) = [block.text for block in PAGE if "tar -C" in block.text]
    kept = set(compose()["volumes"]) - {"prometheus", "grafana"}
    for text in (taken, put_back):
        (listed,) = re.findall(r"for volume in (.+); do", text)
        assert set(listed.split()) == kept
        assert f"--volume {compose()['name']}_$volume:" in text
        assert image_of_ours() in text
    assert taken.index("make down") < taken.index("docker run") < taken.index("make up")
    assert put_back.index("docker compose create") < put_back.index("docker run") < put_back.index("make up")


def image_of_ours() -> str:
    return str(services()["setup"]["image"])


def test_every_verb_of_the_page_is_one() -> None:
    named = re.findall(
        r"(?:setup lahete|^lahete|; lahete) ([a-z-]+)", "\n".join(block.text for block in PAGE), re.MULTILINE
    )
    assert {"key", "topics", "status", "lag"} <= set(named)
    for verb_ in named:
        assert CliRunner().invoke(app, [verb_, "--help"]).exit_code == 0, verb_
