"""How often one may ask: a minute's worth at once, then evenly; what is kept of it is bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http import rates
from shared.http.problems import ProblemError
from shared.http.rates import Rate


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def taken(rate: Rate, who: str = "a", count: int = 1) -> bool:
    try:
        rate.take(who, count)
    except ProblemError:
        return False
    return True


def test_a_minutes_worth_may_be_taken_at_once_and_then_one_by_one() -> None:
    clock = Hands()
    rate = Rate("codes", 30, clock)
    assert sum(taken(rate) for _ in range(100)) == 30
    clock.now += 2
    assert [taken(rate), taken(rate)] == [True, False]


def test_who_is_refused_is_told_the_seconds_after_which_he_is_not() -> None:
    clock = Hands()
    rate = Rate("codes", 30, clock)
    rate.take("a", 30)
    with pytest.raises(ProblemError, match="a has had its 30 codes a minute") as refused:
        rate.take("a", 5)
    assert (refused.value.status, refused.value.retry_after) == (429, 10)
    clock.now += 10
    assert taken(rate, count=5)


def test_one_takes_nothing_from_another() -> None:
    rate = Rate("codes", 2, Hands())
    assert [taken(rate, who) for who in "aabab"] == [True, True, True, False, True]


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 20)), max_size=60))
def test_in_no_minute_more_is_taken_than_a_bucket_and_what_flows_in(steps: list[tuple[float, int]]) -> None:
    clock = Hands()
    rate = Rate("codes", 20, clock)
    took: list[tuple[float, int]] = []
    for pause, count in steps:
        clock.now += pause
        if taken(rate, count=count):
            took.append((clock.now, count))
    for start, _ in took:
        assert sum(count for at, count in took if start <= at <= start + 60) <= 40


def test_however_many_ask_what_is_kept_is_bounded_and_who_used_it_up_lately_stays_refused() -> None:
    clock = Hands()
    rate = Rate("codes", 1, clock)
    for number in range(3 * rates._MOST):
        clock.now += 0.001
        rate.take(f"who-{number}")
    assert len(rate) <= rates._MOST
    assert not taken(rate, f"who-{3 * rates._MOST - 1}")
    clock.now += 60
    assert all(taken(rate, f"again-{number}") for number in range(rates._MOST))
    assert len(rate) <= rates._MOST
