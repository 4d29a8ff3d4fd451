"""How long it takes from the command to a platform that is ready, and a service alone."""

from typing import Final

from shared.contracts.topics import SERVICES
from tests.bench.effort import Effort, in_rounds
from tests.bench.grounds import GROUNDS, Pair
from tests.bench.platform import platform
from tests.bench.results import Line, Part, Section, figure

STARTED: Final = {"one service": ("referral",), "all five": SERVICES}
SAYS: Final = (
    "Until `/health/ready` of each answers 200: broker and store of the embedded backends are started too, Apache Kafka and "
    "MongoDB's stand-in run already. What ran before had ended in order; after one that was killed Kafka first waits for its "
    "session to end, 10 s."
)


def measure(effort: Effort) -> Section:
    """Seconds, on every pair of engines."""
    return Section("startup", "Starting", SAYS, [_part(ground, effort) for ground in GROUNDS])


def _part(ground: Pair, effort: Effort) -> Part:
    if ground.missing:
        return Part(ground.name, missing=ground.missing)
    return Part(ground.name, in_rounds(effort, list(STARTED), lambda name: _line(ground, name)))


def _line(ground: Pair, name: str) -> Line:
    with platform(ground=ground, services=STARTED[name]) as running:
        return Line(name, {"until ready": figure("s", [running.ready_after])})
