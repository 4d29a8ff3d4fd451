"""On what it was measured: the machine, the versions, and what else it did."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version

from tests.bench.grounds import met

_PACKAGES = ("faststream", "aiokafka", "confluent-kafka", "pydantic", "msgspec", "motor", "pymongo", "uvloop")


def described(load_before: float) -> dict[str, str]:
    """Name to value, for a person. `load_before`: the load average of the minute before it began."""
    found = met()
    return {
        "when": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "cores": f"{len(os.sched_getaffinity(0))}",
        "load of the minute before": f"{load_before:.1f}",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "Kafka": f"librdkafka's mock in confluent-kafka; Apache Kafka: {found['Kafka']}",
        "store": f"SQLite; MongoDB's protocol: {found['MongoDB']}",
        "versions": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
    }
