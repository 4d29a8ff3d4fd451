"""docs/sizing.md says what its figures give, and the manifests ask for no less."""

import json
import math
import re
from typing import Any

import yaml

from deploy.kafka.topics import TopicSettings
from shared.contracts.topics import PARTITIONS, SERVICES
from tests.bench.sizing import PAGE, Assumed, Measured, made, page
from tests.bench.year import FIGURES
from tests.unit.manifests import KUBERNETES, PRODUCTION

MEASURED = Measured(json.loads(FIGURES.read_text(encoding="utf-8")))
ASSUMED = Assumed()


def _read(path: Any) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def test_the_tables_are_those_the_figures_give() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text, made()) == text, "run: python -m tests.bench.sizing"


def test_the_instances_that_are_allowed_carry_the_peak() -> None:
    (scaled,) = _read(KUBERNETES / "base" / "template" / "scaling.yaml")
    assert scaled["spec"]["maxReplicaCount"] == PARTITIONS
    for service in SERVICES:
        peak = MEASURED.seconds_an_attendance(service) * ASSUMED.attendance_a_second
        peak += MEASURED.seconds_a_referral(service) * ASSUMED.referrals_a_second
        assert math.ceil(peak / ASSUMED.busy) <= scaled["spec"]["maxReplicaCount"], service


def test_a_lag_that_adds_an_instance_is_some_seconds_of_the_slowest_services_work() -> None:
    (scaled,) = _read(KUBERNETES / "base" / "template" / "scaling.yaml")
    threshold = int(scaled["spec"]["triggers"][0]["metadata"]["lagThreshold"])
    seconds = threshold * max(map(MEASURED.seconds_an_attendance, SERVICES))
    assert 1 < seconds < 10


def test_memory_of_a_service_fits_its_limit_twice() -> None:
    (deployment,) = _read(KUBERNETES / "base" / "template" / "deployment.yaml")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["memory"] == "256Mi"
    assert max(MEASURED.figures["memory_mb"].values()) < 128


def test_the_log_is_kept_as_long_as_assumed() -> None:
    assert TopicSettings.model_fields["topic_retention"].default.days == ASSUMED.retention_days


def test_kafkas_disk_holds_what_is_retained_three_times_over() -> None:
    nodes, *_ = _read(PRODUCTION / "kafka.yaml")
    (volume,) = nodes["spec"]["storage"]["volumes"]
    gibibytes = int(re.fullmatch(r"(\d+)Gi", volume["size"])[1])  # type: ignore[index]
    whole = ASSUMED.referrals * MEASURED.bytes_a_referral() + ASSUMED.attendance * MEASURED.bytes_an_attendance()
    assert whole * ASSUMED.retention_days / 365 * 3 < gibibytes * 2**30
