"""A stage a test, or one that a module's scenarios share; and the report of `make scenarios` at a run's end."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from deploy.engines import Engine
from tests.engines import address_of, java
from tests.scenarios.report import REPORT, as_markdown, rows_of
from tests.scenarios.stage import Stage, open_stage
from tests.scenarios.table import ALL

SEED = 20_261_122

Opened = Callable[..., AbstractContextManager[Stage]]


def met(engine: Engine) -> None:
    """Skips, or fails, where the engine is not to be had."""
    if engine is Engine.JAVA:
        address_of(java())


@pytest.fixture
def opened(
    engine: Engine, tmp_path: Path, record_property: Callable[[str, object], None]
) -> Callable[..., AbstractContextManager[Stage]]:
    """Opens a stage of the test's own on its engine: `instances=`, and settings of the services."""
    met(engine)
    record_property("engine", engine.value)

    def open_(**options: object) -> AbstractContextManager[Stage]:
        return open_stage(tmp_path / "run", engine, **{"seed": SEED, "record": record_property, **options})  # type: ignore[arg-type]

    return open_


@pytest.fixture(scope="module")
def shared_stages(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Engine], Stage]]:
    """One stage an engine for all scenarios of a module; its `OPENED` and `ON_JAVA` say how it is opened."""
    stages: dict[Engine, Stage] = {}
    with ExitStack() as stack:

        def stage_on(engine: Engine) -> Stage:
            if engine not in stages:
                folder = tmp_path_factory.mktemp("stage") / "run"
                options = dict(getattr(request.module, "OPENED", {}))
                options |= getattr(request.module, "ON_JAVA", {}) if engine is Engine.JAVA else {}
                stages[engine] = stack.enter_context(open_stage(folder, engine, seed=SEED, **options))
            return stages[engine]

        yield stage_on


@pytest.fixture
def stage(
    engine: Engine, shared_stages: Callable[[Engine], Stage], record_property: Callable[[str, object], None]
) -> Iterator[Stage]:
    """The stage that the module's scenarios share."""
    met(engine)
    record_property("engine", engine.value)
    one = shared_stages(engine)
    one.record = record_property
    one.begins()
    yield one
    one.ends()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = rows_of(terminalreporter.stats)
    if ALL and rows:
        REPORT.write_text(as_markdown(rows), encoding="utf-8")
        terminalreporter.write_line(f"scenarios: {len(rows)} played; see {REPORT.name}")
