"""Lag's states: what a window of samples shows of a service at a partition."""

from hypothesis import given
from hypothesis import strategies as st

from services.monitor.lag_states import WINDOW, LagSample, state_of, worst

_STEPS = st.lists(st.integers(0, 50), min_size=WINDOW - 1, max_size=WINDOW - 1)


def window(committed: list[int], ends: list[int], *, alive: bool = True) -> list[LagSample]:
    return [LagSample(at, end - at, alive) for at, end in zip(committed, ends, strict=True)]


def rising(first: int, steps: list[int]) -> list[int]:
    values = [first]
    for step in steps:
        values.append(values[-1] + step)
    return values


@given(_STEPS)
def test_a_service_that_does_not_advance_stalls_while_it_lives_and_else_has_stopped(arrivals: list[int]) -> None:
    ends = rising(1, arrivals)
    assert state_of(window([0] * WINDOW, ends)) == "stall"
    assert state_of(window([0] * WINDOW, ends, alive=False)) == "stop"


@given(_STEPS.filter(any), st.data())
def test_a_slow_service_is_warned_of_and_one_that_catches_up_is_not(progress: list[int], data: st.DataObject) -> None:
    committed = rising(0, progress)
    slower = [step + data.draw(st.integers(0, 9)) for step in progress]
    assert state_of(window(committed, rising(5, slower))) == "warn"
    still = [committed[-1] + 1] * WINDOW
    assert state_of(window(committed, still)) == "ok"


@given(st.lists(st.integers(0, 100), min_size=2, max_size=WINDOW), st.booleans())
def test_an_offset_that_went_back_is_a_rewind_at_once(committed: list[int], alive: bool) -> None:
    seen = window(committed, [101] * len(committed), alive=alive)
    assert (state_of(seen) == "rewind") == (committed != sorted(committed))


@given(
    st.lists(st.builds(LagSample, st.integers(0, 9), st.integers(0, 9), st.booleans()), max_size=WINDOW), st.booleans()
)
def test_who_has_caught_up_once_in_the_window_keeps_up(samples: list[LagSample], alive: bool) -> None:
    assert state_of([*samples, LagSample(9, 0, alive)]) == "ok"


@given(st.lists(st.integers(1, 9), max_size=WINDOW - 1))
def test_before_the_window_is_full_nothing_is_known_of_a_service_that_is_behind(lags: list[int]) -> None:
    assert state_of([LagSample(7, lag, alive=True) for lag in lags]) == "unknown"


def test_a_service_is_as_its_worst_partition() -> None:
    assert worst(["ok", "warn", "unknown"]) == "warn"
    assert worst(["stop", "rewind", "stall"]) == "rewind"
    assert worst([]) == "unknown"


def test_a_service_that_died_a_moment_ago_has_stopped() -> None:
    lived = window([0] * (WINDOW - 1), [5] * (WINDOW - 1))
    assert state_of([*lived, LagSample(0, 5, alive=False)]) == "stop"
