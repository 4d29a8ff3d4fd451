"""What a service counts, as Prometheus would read it."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.scenarios.stage import Stage


def total(stage: Stage, instance: str, sample: str, **labels: str) -> float:
    """The sum of one sample over all that these labels fit."""
    answer = httpx.get(f"{stage.place.urls[instance]}/metrics", timeout=10, trust_env=False).raise_for_status()
    return sum(
        one.value
        for family in text_string_to_metric_families(answer.text)
        for one in family.samples
        if one.name == sample and labels.items() <= one.labels.items()
    )
