"""Who may do what on Kafka: compared with docs/architecture.md's table of topics, written down once more."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from deploy.kafka.acls import Acl, commands, of_senders, of_services, of_staff, user_of
from deploy.local.state import grant, open_folder
from shared.contracts import topics
from shared.contracts.topics import READ_BY

REGION, OPISTO = "/region/06", "/opisto/1.2.246.562.10.12810669445"
WRITERS = {
    "intake.http": {"referral", "catalogue", "feedback", "partners", "monitor"},
    **{f"{service}.events": {service} for service in topics.SERVICES},
    **{f"redrive.{service}": {"monitor"} for service in topics.SERVICES},
    "audit.events": set(topics.SERVICES),
    "dead-letters": set(topics.SERVICES),
}
"""docs/architecture.md, “Topics”: the doors are intake's and the form's (feedback), and the monitor's for ops."""


def test_each_topic_of_the_platform_is_written_by_whom_the_design_names() -> None:
    found: dict[str, set[str]] = {topic: set() for topic in topics.platform_topics()}
    for acl in of_services():
        if acl.operation == "Write":
            found[acl.name].add(acl.principal)
    assert found == WRITERS


@pytest.mark.parametrize("service", [one for one in topics.SERVICES if one != "monitor"])
def test_a_service_reads_what_it_subscribes_to_by_its_own_group_and_nothing_else(service: str) -> None:
    own = [acl for acl in of_services() if acl.principal == service and acl.operation != "Write"]
    assert {acl.name for acl in own if acl.kind == "topic"} == set(READ_BY[service])
    assert [acl for acl in own if acl.kind == "group"] == [Acl(service, "Read", "group", service)]
    assert {acl.operation for acl in own} == {"Read"}


def test_the_monitor_sees_besides_how_far_each_service_is() -> None:
    own = [acl for acl in of_services() if acl.principal == "monitor" and acl.operation != "Write"]
    everything = {topic for read in READ_BY.values() for topic in read}
    assert {acl.name for acl in own if acl.kind == "topic"} == everything | {"redrive.monitor"}
    assert {(acl.operation, acl.name) for acl in own if acl.kind == "group"} == {
        ("Read", "monitor"),
        *(("Describe", service) for service in topics.SERVICES),
    }


def test_a_sender_writes_its_own_topic_and_nothing_else() -> None:
    assert of_senders([REGION, OPISTO]) == [
        Acl("region-06", "Write", "topic", "intake.region.06"),
        Acl("opisto-1.2.246.562.10.12810669445", "Write", "topic", "intake.opisto.1.2.246.562.10.12810669445"),
    ]


def test_no_service_writes_a_senders_topic_and_no_sender_has_a_services_login() -> None:
    assert not [acl for acl in of_services() if acl.operation == "Write" and acl.name.startswith("intake.region")]
    assert {user_of(source) for source in (REGION, OPISTO)}.isdisjoint(topics.SERVICES)


def test_whoever_makes_topics_or_asks_of_groups_neither_reads_nor_sends_an_event() -> None:
    own = of_staff()
    assert {acl.principal for acl in own} == {"setup", "ops"}
    assert {acl.name for acl in own if acl.operation in {"Read", "Write"}} == {"audit.events"}
    assert {acl.name for acl in own if acl.kind == "group"} == set(topics.SERVICES)


def test_a_call_of_kafka_acls_says_what_its_entries_say_and_no_more() -> None:
    """Each operation of a call goes with each name of it: so a call has one operation and one kind of pattern."""
    found = [*of_services(), *of_staff(), *of_senders([REGION])]
    said = set()
    for call in commands(found):
        assert call[:2] == ["--add", "--allow-principal"]
        assert call[3] == "--operation"
        assert call[5] == "--resource-pattern-type"
        star = {"prefixed": "*", "literal": ""}[call[6]]
        for kind, name in zip(call[7::2], call[8::2], strict=True):
            said.add((call[2].removeprefix("User:"), call[4], kind.removeprefix("--"), name + star))
    assert said == {(acl.principal, acl.operation, acl.kind, acl.name) for acl in found}
    assert len(commands(found)) < 35


def test_the_verb_prints_commands_or_entries(tmp_path: Path) -> None:
    grant(open_folder(tmp_path), REGION)
    printed = CliRunner().invoke(app, ["acls", "--dir", str(tmp_path)]).stdout.splitlines()
    assert printed[-1] == (
        "kafka-acls.sh --bootstrap-server $KAFKA --command-config $ADMIN --add --allow-principal User:region-06 "
        "--operation Write --resource-pattern-type literal --topic intake.region.06"
    )
    entries = json.loads(CliRunner().invoke(app, ["acls", "--json", "--dir", str(tmp_path)]).stdout)
    assert entries[-1] == {"principal": "region-06", "operation": "Write", "kind": "topic", "name": "intake.region.06"}
    assert len(entries) == len(of_services()) + len(of_staff()) + 1
