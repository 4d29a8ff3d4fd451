"""How a run of several processes shares out the tests (`pytest -n 2 --dist loadfile`, as `make test` does).

A file is one worker's, since its tests share servers and platforms; where they run on several backends, those of one are. What
takes longest is begun first, so that the workers end at about the same time. Each worker has servers of its own.
"""

import re
from typing import Final

from xdist.scheduler import LoadScopeScheduling

LONGEST_FIRST: Final = (
    "tests/integration/test_run.py on servers",
    "tests/integration/test_preconditions_fail.py",
    "tests/integration/test_demo.py",
    "tests/integration/test_run.py",
    "tests/integration/test_road.py on servers",
    "tests/scenarios/test_refused.py",
    "tests/scenarios/test_redriven.py",
    "tests/integration/test_engine_kafka.py on servers",
    "tests/integration/test_road.py",
    "tests/integration/test_engine_kafka.py",
    "tests/unit/test_console_pages.py",
    "tests/unit/test_any_order.py",
    "tests/unit/test_nightly.py",
    "tests/integration/test_real_kafka.py",
    "tests/integration/test_engine_crashes.py on servers",
    "tests/integration/test_demo.py on servers",
    "tests/integration/test_kept.py on servers",
    "tests/scenarios/test_poisoned.py",
    "tests/scenarios/test_soak.py",
    "tests/scenarios/test_repeated.py",
    "tests/integration/test_engine_crashes.py",
    "tests/integration/test_engine_model.py",
    "tests/integration/test_wire_fuzz.py",
    "tests/integration/test_kept.py",
    "tests/contract/test_store.py on servers",
    "tests/integration/test_key_changes.py on servers",
    "tests/unit/test_worked_diff.py",
    "tests/unit/test_backends.py",
    "tests/integration/test_embedded_broker.py",
    "tests/contract/test_store.py",
)
"""Units in the order of their length, as `--durations` says it; what is not here comes after them, as collected."""
_ON_SERVERS: Final = re.compile(r"\[.*\b(?:java|kafka|mongodb|motor|pymongo)\b")


def unit_of(test: str) -> str:
    """The unit of work that a test belongs to, which one worker does: its file, and ` on servers` where it runs there."""
    return test.partition("::")[0] + (" on servers" if _ON_SERVERS.search(test) else "")


def turn_of(test: str) -> int:
    """When its unit is begun: the lower the earlier."""
    unit = unit_of(test)
    return LONGEST_FIRST.index(unit) if unit in LONGEST_FIRST else len(LONGEST_FIRST)


class ByFileAndEngine(LoadScopeScheduling):
    """xdist's own scheduling by scopes, with ours."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
