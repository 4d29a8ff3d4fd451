"""How long it takes from the command to a platform that is ready, and a service alone."""

from tests.bench.effort import Effort
from tests.bench.grounds import GROUNDS, Ground
from tests.bench.platform import platform
from tests.bench.results import Line, Part, Section, figure

SAYS = (
    "Until `/health/ready` of each answers 200: broker and store of the embedded engines are started too, Apache Kafka and "
    "MongoDB's stand-in run already."
)


def measure(effort: Effort) -> Section:
    """Seconds, on every pair of engines."""
    return Section("startup", "Starting", SAYS, [_part(ground, effort) for ground in GROUNDS])


def _part(ground: Ground, effort: Effort) -> Part:
    if ground.missing:
        return Part(ground.name, missing=ground.missing)
    alone, together = [], []
    for _ in range(effort.rounds):
        with platform(ground=ground, services=("referral",)) as running:
            alone.append(running.ready_after)
        with platform(ground=ground) as running:
            together.append(running.ready_after)
    lines = [("one service", alone), ("all five", together)]
    return Part(ground.name, [Line(name, {"until ready": figure("s", values)}) for name, values in lines])
