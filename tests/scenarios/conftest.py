"""A stage a test, or one that a module's scenarios share; and the report of `make scenarios` at a run's end."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from deploy.backends import Backend
from tests.engines import address_of, java
from tests.scenarios.platform import Platform, open_platform
from tests.scenarios.report import REPORT, as_markdown, rows_of
from tests.scenarios.table import ALL

SEED = 20_261_122
HERE = Path(__file__).parent

Opened = Callable[..., AbstractContextManager[Platform]]


def met(engine: Backend) -> None:
    """Skips, or fails, where the engine is not to be had."""
    if engine is Backend.JAVA:
        address_of(java())


@pytest.fixture
def opened(
    engine: Backend, tmp_path: Path, record_property: Callable[[str, object], None]
) -> Callable[..., AbstractContextManager[Platform]]:
    """Opens a stage of the test's own on its engine: `instances=`, and settings of the services."""
    met(engine)
    record_property("engine", engine.value)

    def open_(**options: object) -> AbstractContextManager[Platform]:
        return open_platform(tmp_path / "run", engine, **{"seed": SEED, "record": record_property, **options})  # type: ignore[arg-type]

    return open_


class SharedStage:
    """The stage of a module's scenarios, one at a time: opened anew for another engine, and after one that failed."""

    def __init__(self, open_: Callable[[Backend], AbstractContextManager[Platform]]) -> None:
        self._open = open_
        self._opened = ExitStack()
        self._engine: Backend | None = None
        self._stage: Platform | None = None

    def on(self, engine: Backend) -> Platform:
        """It, on this engine."""
        if self._stage is None or self._engine is not engine or not self._stage.content:
            self.close()
            self._stage, self._engine = self._opened.enter_context(self._open(engine)), engine
        return self._stage

    def close(self) -> None:
        """Ends the platform on it."""
        self._stage = None
        self._opened.close()


@pytest.fixture(scope="module")
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedStage]:
    """The module's `OPENED` and `ON_JAVA` say how its stage is opened."""

    def open_(engine: Backend) -> AbstractContextManager[Platform]:
        options = dict(getattr(request.module, "OPENED", {}))
        options |= getattr(request.module, "ON_JAVA", {}) if engine is Backend.JAVA else {}
        return open_platform(tmp_path_factory.mktemp("stage") / "run", engine, seed=SEED, **options)

    one = SharedStage(open_)
    yield one
    one.close()


@pytest.fixture
def platform(
    engine: Backend, shared: SharedStage, record_property: Callable[[str, object], None]
) -> Iterator[Platform]:
    """The stage that the module's scenarios share."""
    met(engine)
    record_property("engine", engine.value)
    one = shared.on(engine)
    one.record = record_property
    one.begins()
    yield one
    one.ends()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A module's scenarios on one engine come together, so that one platform runs at a time."""
    files: dict[Path, int] = {}
    for item in items:
        files.setdefault(item.path, len(files))
    items.sort(key=lambda item: (files[item.path], item.path.parent == HERE and "-java]" in item.nodeid))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = rows_of(terminalreporter.stats)
    if ALL and rows:
        REPORT.write_text(as_markdown(rows, REPORT.read_text(encoding="utf-8")), encoding="utf-8")
        terminalreporter.write_line(f"scenarios: {len(rows)} played; see {REPORT.name}")
