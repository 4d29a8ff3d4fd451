"""At its end a run says which backends it met, and which it did not, and why, whichever of its workers did."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.backends import said_of_found
from tests.workers import ByFileAndEngine, turn_of

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.workermanage import WorkerController

_OUTPUT = "backends"
_SAID: dict[str, set[str]] = {}
"""What the workers have said of each backend."""


def pytest_configure() -> None:
    # Servers that live for seconds: what Java's second compiler takes to make them fast, nobody gets back.
    os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
    # Services are started by the hundred: each module is compiled once, whatever the environment says of it.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    # No test is timed: a machine that is busy beside it would make it fail.
    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: turn_of(item.nodeid))


def pytest_collection_finish() -> None:
    # Seven thousand tests and all that they import stay to the end: the collector need not go through them time and again.
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFileAndEngine | None:
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False  # the order is ours
    return ByFileAndEngine(config, log)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[_OUTPUT] = said_of_found()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    # One that crashed hands nothing over.
    for name, said in getattr(node, "workeroutput", {}).get(_OUTPUT, {}).items():
        _SAID.setdefault(name, set()).add(said)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, said in said_of_found().items():
        _SAID.setdefault(name, set()).add(said)
    rows = {"Kafka, embedded": "met: librdkafka's broker", "store, SQLite": "met"}
    for name in ("Kafka", "MongoDB", "Java, own"):
        rows[name] = "; ".join(sorted(_SAID.get(name, {"not asked for by these tests"})))
    terminalreporter.section("backends")
    for name, what in rows.items():
        terminalreporter.write_line(f"{name:16} {what}")
