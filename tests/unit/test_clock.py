"""The platform's clock: at a fixed speed, and paced by one process for all."""

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.state import Run, StartError, anchored_clock, open_folder
from shared.clock import Clock, PacedClock, read_clock
from shared.process.settings import PlatformSettings, read

START = datetime(2026, 9, 1, 5, tzinfo=UTC)


def test_it_begins_at_its_start_and_goes_at_its_speed() -> None:
    clock = read_clock("2026-09-01T08:00:00+03:00*40", 1_000.0)
    assert clock.at_second(1_000.0) == START
    assert clock.at_second(1_001.5) == START + timedelta(seconds=60)


def test_it_stands_still_once_its_step_is_over() -> None:
    clock = Clock(START, 1_000.0, 10.0, until=1_002.0)
    assert clock.at_second(1_002.0) == clock.at_second(5_000.0) == START + timedelta(seconds=20)


@given(st.lists(st.tuples(st.floats(0, 1_000_000), st.floats(0, 0.01)), max_size=6), st.floats(0, 10), st.floats(0, 10))
def test_whoever_reads_a_later_step_sees_no_earlier_time(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[float, float]], early: float, late: float
) -> None:
    paced = PacedClock(file=tmp_path_factory.mktemp("clock") / "clock")
    paced.begin(START)
    seen = [paced.step()]
    for speed, seconds in steps:
        paced.go(speed, seconds)
        seen.append(paced.step())
    # A step may be read long before it begins or asked long after its end, by a process that was slow.
    for before, after in pairwise(seen):
        assert before.at_second(before.anchor + late) <= after.at_second(after.anchor - early)


def test_all_that_read_its_file_see_one_time_that_never_goes_back(tmp_path: Path) -> None:
    paced = PacedClock(file=tmp_path / "clock")
    paced.begin(START)
    over = Event()
    seen: list[list[datetime]] = [[], []]

    def look(times: list[datetime]) -> None:
        clock = PacedClock(file=paced.file)
        while not over.is_set():
            times.append(clock.now())

    threads = [Thread(target=look, args=(times,)) for times in seen]
    for thread in threads:
        thread.start()
    for number in range(200):
        paced.go(speed=(40_000.0, 0.0, 5.0)[number % 3], seconds=0.0005)
        time.sleep(0.0003)
    over.set()
    for thread in threads:
        thread.join()
    assert all(times == sorted(times) and times[0] >= START for times in seen)


def test_it_goes_on_without_end_where_no_end_is_given(tmp_path: Path) -> None:
    paced = PacedClock(file=tmp_path / "clock")
    paced.begin(START)
    paced.go(60.0, None)
    step = paced.step()
    assert step.at_second(step.anchor + 3_600) == START + timedelta(hours=60)


def test_a_run_says_where_its_paced_clock_is(tmp_path: Path) -> None:
    paced = PacedClock(file=tmp_path / "clock")
    with pytest.raises(StartError, match="clock"):
        anchored_clock(open_folder(tmp_path / "dir"), str(paced.file))
    paced.begin(START)
    told = anchored_clock(open_folder(tmp_path / "dir"), str(paced.file))
    assert told == {"start": START.isoformat(), "anchor": paced.step().anchor, "speed": 0.0, "file": str(paced.file)}


def _settings(monkeypatch: pytest.MonkeyPatch, env: str, clock: Path) -> PlatformSettings:
    monkeypatch.setenv("LAHETE_ENV", env)
    monkeypatch.setenv("LAHETE_CLOCK", str(clock))
    return read(PlatformSettings)


def test_the_services_and_the_run_read_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paced = PacedClock(file=tmp_path / "clock")
    paced.begin(START)
    paced.go(3_600.0, 0.0)
    run = Run("", "", {}, {}, anchored_clock(open_folder(tmp_path / "dir"), str(paced.file)))
    assert _settings(monkeypatch, "demo", paced.file).platform_clock().now() == run.platform_clock().now() == START


@pytest.mark.parametrize("said", ["", "{}", "no step", '{"start": "2026-09-01T08:00:00", "anchor": 0}'])
def test_a_file_without_a_step_stops_the_start(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "clock"
    file.write_text(said)
    with pytest.raises(SystemExit):
        _settings(monkeypatch, "demo", file)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_file_that_is_not_there_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        _settings(monkeypatch, "test", tmp_path / "nowhere")
    assert "nowhere cannot be read: No such file" in capsys.readouterr().err


def test_a_paced_clock_is_refused_in_production(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    PacedClock(file=tmp_path / "clock").begin(START)
    with pytest.raises(SystemExit):
        _settings(monkeypatch, "production", tmp_path / "clock")
    assert "LAHETE_CLOCK is refused" in capsys.readouterr().err
