"""How long it takes from the command to a platform that is ready, and a service alone."""

from typing import Final

from shared.contracts.topics import SERVICES
from tests.bench.effort import Effort, in_rounds
from tests.bench.pairs import PAIRS, Pair
from tests.bench.platform import platform
from tests.bench.results import MeasuredRow, Part, Section, figure

STARTED: Final = {"one service": ("referral",), "all": SERVICES}
SAYS: Final = (
    "Until `/health/ready` of each answers 200: broker and store of the embedded backends are started too, Apache Kafka and "
    "MongoDB's stand-in run already. What ran before had ended in order; after one that was killed Kafka first waits for its "
    "session to end, 10 s."
)


def measure(effort: Effort) -> Section:
    """Seconds, on every pair of backends."""
    return Section("startup", "Starting", SAYS, [_part(pair, effort) for pair in PAIRS])


def _part(pair: Pair, effort: Effort) -> Part:
    if pair.missing:
        return Part(pair.name, missing=pair.missing)
    return Part(pair.name, in_rounds(effort, list(STARTED), lambda name: _line(pair, name)))


def _line(pair: Pair, name: str) -> MeasuredRow:
    with platform(pair=pair, services=STARTED[name]) as running:
        return MeasuredRow(name, {"until ready": figure("s", [running.ready_after])})
