"""The circuit breaker: when it opens, and when it must not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.engine.circuit_breaker import MINIMUM, WINDOW, CircuitBreaker, CircuitOpen, Failure

SENDERS = ("/region/06", "/region/08", "/region/11", "/opisto/a", "/opisto/b")


def at(number: int) -> tuple[str, str]:
    return "referrals", f"r{number}"


def feed(breaker: CircuitBreaker, failed: list[bool], *, first: int = 0, senders: tuple[str, ...] = SENDERS) -> None:
    for number, one in enumerate(failed, first):
        breaker.saw(at(number), Failure("ActivityChosen", senders[number % len(senders)]) if one else None)


def opens(breaker: CircuitBreaker, failed: list[bool], **how: object) -> bool:
    try:
        feed(breaker, failed, **how)  # type: ignore[arg-type]
    except CircuitOpen:
        return True
    return False


def test_it_opens_at_twenty_aggregates_of_several_senders() -> None:
    breaker = CircuitBreaker()
    feed(breaker, [True] * 19)
    assert breaker.why is None
    breaker.laid_aside = 3
    with pytest.raises(CircuitOpen, match=r"20 of the last 20 aggregates \(ActivityChosen 20\); 3 events"):
        feed(breaker, [True], first=19)
    assert breaker.why


def test_one_aggregate_never_opens_it_however_often_it_fails() -> None:
    breaker = CircuitBreaker()
    for _ in range(1_000):
        for sender in SENDERS:
            breaker.saw(at(1), Failure("ActivityAttended", sender))
    assert breaker.why is None


@given(st.lists(st.booleans(), max_size=500), st.integers(1, 3), st.integers(0, 4))
def test_three_senders_never_open_it_whatever_they_set_off(failed: list[bool], hostile: int, others: int) -> None:
    """They may have the same software, with the same fault. Not even beside the few failures of others."""
    breaker = CircuitBreaker()
    senders = tuple(f"/opisto/hostile-{number}" for number in range(hostile))
    feed(breaker, [True] * others, first=10_000, senders=SENDERS[:1])
    assert not opens(breaker, failed, senders=senders)
    assert not opens(breaker, [True] * 500, senders=senders)


def test_a_few_failures_never_open_it_however_alone_they_are() -> None:
    breaker = CircuitBreaker()
    feed(breaker, [True] * (MINIMUM - 1))
    feed(breaker, [False] * 500, first=MINIMUM)
    assert breaker.why is None


def test_failures_that_are_fewer_than_half_never_open_it() -> None:
    assert not opens(CircuitBreaker(), [number % 10 < 4 for number in range(2_000)])


def test_what_it_saw_long_ago_counts_no_more() -> None:
    breaker = CircuitBreaker()
    feed(breaker, [True] * 15)
    feed(breaker, [False] * (WINDOW - 1), first=15)
    feed(breaker, [True] * 19, first=WINDOW + 15)
    assert breaker.why is None
    assert opens(breaker, [True] * 200, first=WINDOW + 100)


def test_an_aggregate_that_comes_again_and_again_counts_once() -> None:
    """While the store does not answer, the engine decides the batch again at each try."""
    breaker = CircuitBreaker()
    for _ in range(100):
        feed(breaker, [True] * (MINIMUM - 1))
    assert breaker.why is None


def test_an_aggregate_that_is_decided_in_the_end_is_no_failure_any_more() -> None:
    breaker = CircuitBreaker()
    feed(breaker, [True] * (MINIMUM - 1))
    feed(breaker, [False] * MINIMUM)
    feed(breaker, [True] * (MINIMUM - 1), first=100)
    assert breaker.why is None


def test_good_news_never_closes_it() -> None:
    breaker = CircuitBreaker()
    assert opens(breaker, [True] * WINDOW)
    breaker.saw(at(1), None)
    assert breaker.why, "only a restart closes it"
