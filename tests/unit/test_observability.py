"""Prometheus' rules and Grafana's dashboards ask only for what the code counts."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from deploy.local.processes import PORT_OFFSETS
from shared import metrics
from shared.contracts.asyncapi import asyncapi
from shared.contracts.errors import REASONS
from tests.unit.containers import PLATFORM, REPOSITORY, compose, services

PROMETHEUS = REPOSITORY / "deploy/prometheus"
GRAFANA = REPOSITORY / "deploy/grafana"
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
RULES = [
    rule
    for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
OF_PROMETHEUS = {"up": set[str](), "ALERTS": {"alertname", "alertstate", "severity"}}
"""What Prometheus makes itself."""
OF_THE_TARGET = {"job", "instance", "service"}
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


def counted() -> dict[str, set[str]]:
    """Every name that /metrics can show, and its labels."""
    found = dict(OF_PROMETHEUS)
    for family in REGISTRY.collect():
        names = [f"{family.name}{suffix}" for suffix in _SUFFIXES.get(family.type, ())]
        found |= {name: {label for sample in family.samples for label in sample.labels} for name in names}
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            labels = {*metric._labelnames, *(["le"] if metric._type == "histogram" else [])}
            found |= {f"{metric._name}{suffix}": labels for suffix in _SUFFIXES[str(metric._type)]}
    return found


_TEXT = re.compile(r'"[^"]*"')
_MATCHERS = re.compile(r"(\w+)\s*\{([^}]*)\}")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
_WORD = re.compile(r"\b([A-Za-z_]\w*)\b(?!\s*\()")
_WORDS_OF_PROMQL = {"and", "or", "unless", "by", "without", "on", "ignoring", "bool", "offset"}


def asked(expression: str) -> tuple[set[str], set[str]]:
    """The metrics and the labels that an expression names."""
    bare = _TEXT.sub('""', expression)
    labels = {label for _, matchers in _MATCHERS.findall(bare) for label in re.findall(r"(\w+)\s*[=!]", matchers)}
    bare = _MATCHERS.sub(r"\1", bare)
    labels |= {label.strip() for group in _GROUPING.findall(bare) for label in group.split(",")}
    bare = re.sub(r"\[[^\]]*\]", "", _GROUPING.sub("", bare))
    return set(_WORD.findall(bare)) - _WORDS_OF_PROMQL, labels


def panels() -> list[tuple[str, dict[str, Any]]]:
    return [
        (path.stem, panel) for path in DASHBOARDS for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]
    ]


EXPRESSIONS = [(rule["alert"], rule["expr"]) for rule in RULES] + [
    (f"{name}: {panel['title']}", target["expr"]) for name, panel in panels() for target in panel["targets"]
]


def test_a_reader_of_expressions_finds_names_and_labels() -> None:
    expression = 'max by (a) (rate(x_total{b=~"y|z", c!="q"}[5m])) / on (d) time() > 3 or vector(0) and x_sum'
    assert asked(expression) == ({"x_total", "x_sum"}, {"a", "b", "c", "d"})


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=[where for where, _ in EXPRESSIONS])
def test_what_is_asked_for_is_counted_under_that_name_with_those_labels(where: str, expression: str) -> None:
    names, labels = asked(expression)
    assert names
    assert names <= counted().keys()
    assert labels <= OF_THE_TARGET.union(*(counted()[name] for name in names))


def test_dead_letters_are_counted_by_every_reason_there_is() -> None:
    headers = asyncapi()["components"]["schemas"]["DeadLetterHeaders"]["properties"]
    assert tuple(headers["dl_reason"]["enum"]) == REASONS


# --- Prometheus


def test_every_service_is_asked_at_its_port_under_its_name() -> None:
    (job,) = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    assert job["job_name"] == "lahete"
    assert job.get("metrics_path", "/metrics") == "/metrics"
    assert {one["labels"]["service"]: one["targets"] for one in job["static_configs"]} == {
        name: [f"{name}:{8100 + PORT_OFFSETS[name]}"] for name in PLATFORM
    }


def test_the_rules_are_where_prometheus_looks_for_them() -> None:
    files = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))["rule_files"]
    assert files == ["/etc/prometheus/alerts.yml"]
    assert "./deploy/prometheus:/etc/prometheus:ro" in services()["prometheus"]["volumes"]
    assert "--config.file=/etc/prometheus/prometheus.yml" in services()["prometheus"]["command"]


def test_there_is_an_alarm_for_all_that_stands_still_or_is_lost() -> None:
    named = {rule["alert"] for rule in RULES}
    assert named >= {
        "ServiceDown",
        "NotReady",
        "EventsWait",
        "OutboxStands",
        "CircuitBreakerOpen",
        "EventsFellOut",
        "PartitionStandsStill",
        "DeadLettersRise",
    }
    for rule in RULES:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        used = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
        assert used <= {"service", *asked(rule["expr"])[1]}, rule["alert"]


# --- Grafana


def test_dashboards_and_their_source_are_provisioned_where_they_are_mounted() -> None:
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in compose()["services"]
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/lahete.yml").read_text(encoding="utf-8"))[
        "providers"
    ]
    mounted = dict(volume.split(":")[:2] for volume in services()["grafana"]["volumes"])
    assert mounted["./deploy/grafana/dashboards"] == provider["options"]["path"]
    assert mounted["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    home = Path(services()["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == provider["options"]["path"]
    assert (GRAFANA / "dashboards" / home.name).is_file()
    used = {target["datasource"]["uid"] for _, panel in panels() for target in panel["targets"]}
    assert used == {source["uid"]}


@pytest.mark.parametrize("path", DASHBOARDS, ids=[path.stem for path in DASHBOARDS])
def test_every_panel_says_what_it_shows_and_stands_beside_the_others(path: Path) -> None:
    dashboard = json.loads(path.read_text(encoding="utf-8"))
    assert dashboard["uid"].startswith("lahete-")
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        assert panel["title"]
        assert panel["description"].endswith((".", "list."))
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
