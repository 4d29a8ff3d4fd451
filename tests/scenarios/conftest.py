"""A platform a test, or one that a module's scenarios share; and the report of `make scenarios` at a run's end."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from deploy.backends import Backend
from tests.backends import address_of, java
from tests.scenarios.platform import Platform, open_platform
from tests.scenarios.report import REPORT, as_markdown, rows_of
from tests.scenarios.table import ALL

SEED = 20_261_122
HERE = Path(__file__).parent

Opened = Callable[..., AbstractContextManager[Platform]]


def met(engine: Backend) -> None:
    """Skips, or fails, where the backends are not available."""
    if engine is Backend.JAVA:
        address_of(java())


@pytest.fixture
def opened(
    engine: Backend, tmp_path: Path, record_property: Callable[[str, object], None]
) -> Callable[..., AbstractContextManager[Platform]]:
    """Opens a platform of the test's own on its backends: `instances=`, and settings of the services."""
    met(engine)
    record_property("engine", engine.value)

    def open_(**options: object) -> AbstractContextManager[Platform]:
        return open_platform(tmp_path / "run", engine, **{"seed": SEED, "record": record_property, **options})  # type: ignore[arg-type]

    return open_


class SharedPlatform:
    """The platform of a module's scenarios, one at a time: a new one for other backends and after a failure."""

    def __init__(self, open_: Callable[[Backend], AbstractContextManager[Platform]]) -> None:
        self._open = open_
        self._opened = ExitStack()
        self._engine: Backend | None = None
        self._platform: Platform | None = None

    def on(self, engine: Backend) -> Platform:
        """The platform, on these backends."""
        if self._platform is None or self._engine is not engine or not self._platform.content:
            self.close()
            self._platform, self._engine = self._opened.enter_context(self._open(engine)), engine
        return self._platform

    def close(self) -> None:
        """Ends the platform."""
        self._platform = None
        self._opened.close()


@pytest.fixture(scope="module")
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedPlatform]:
    """The module's `OPENED` and `ON_JAVA` say how its platform is opened."""

    def open_(engine: Backend) -> AbstractContextManager[Platform]:
        options = dict(getattr(request.module, "OPENED", {}))
        options |= getattr(request.module, "ON_JAVA", {}) if engine is Backend.JAVA else {}
        return open_platform(tmp_path_factory.mktemp("platform") / "run", engine, seed=SEED, **options)

    one = SharedPlatform(open_)
    yield one
    one.close()


@pytest.fixture
def platform(
    engine: Backend, shared: SharedPlatform, record_property: Callable[[str, object], None]
) -> Iterator[Platform]:
    """The platform that the module's scenarios share."""
    met(engine)
    record_property("engine", engine.value)
    one = shared.on(engine)
    one.record = record_property
    one.begins()
    yield one
    one.ends()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A module's scenarios on the same backends come together, so that one platform runs at a time."""
    files: dict[Path, int] = {}
    for item in items:
        files.setdefault(item.path, len(files))
    items.sort(key=lambda item: (files[item.path], item.path.parent == HERE and "-java]" in item.nodeid))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = rows_of(terminalreporter.stats)
    if ALL and rows:
        REPORT.write_text(as_markdown(rows, REPORT.read_text(encoding="utf-8")), encoding="utf-8")
        terminalreporter.write_line(f"scenarios: {len(rows)} played; see {REPORT.name}")
