"""On what it was measured: the machine, the versions, and what else it did."""

import os
import platform
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Self

import psutil

from tests.bench.pairs import met

_PACKAGES = ("faststream", "aiokafka", "confluent-kafka", "pydantic", "msgspec", "motor", "pymongo", "uvloop")


@dataclass(frozen=True)
class Moment:
    """`load`: the average of the minute before; `stolen`: processor seconds that the host gave to others, since it started."""

    load: float
    stolen: float
    at: float

    @classmethod
    def now(cls) -> Self:
        """This one."""
        # Linux alone tells of it, and where no other machine shares the host there is nothing to tell.
        return cls(os.getloadavg()[0], getattr(psutil.cpu_times(), "steal", 0.0), time.monotonic())


def described(began: Moment) -> dict[str, str]:
    """Name to value, for a person."""
    found, ended = met(), Moment.now()
    stolen = (ended.stolen - began.stolen) / (ended.at - began.at) / (os.cpu_count() or 1)
    return {
        "when": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "cores": f"{len(os.sched_getaffinity(0))}",
        "load of the minute before": f"{began.load:.1f}",
        "processor time that the host gave to other machines": f"{stolen:.0%}",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "Kafka": f"librdkafka's mock in confluent-kafka; Apache Kafka: {found['Kafka']}",
        "store": f"SQLite; MongoDB's protocol: {found['MongoDB']}",
        "versions": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
    }
