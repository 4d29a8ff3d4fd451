"""At its end a run says which engines it met, and which it did not, and why."""

import pytest

from tests.engines import FOUND, Met


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = {"Kafka, embedded": "met: librdkafka's broker", "store, SQLite": "met"}
    for name in ("Kafka", "MongoDB"):
        found = FOUND.get(name)
        if found is None:
            rows[name] = "not asked for by these tests"
        else:
            rows[name] = f"met: {found.what}" if isinstance(found, Met) else f"NOT met: {found.why}"
    terminalreporter.section("engines")
    for name, what in rows.items():
        terminalreporter.write_line(f"{name:16} {what}")
