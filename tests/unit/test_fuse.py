"""The fuse: when it opens, and when it must not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.engine.fuse import MINIMUM, WINDOW, Failure, Fuse, FuseOpen

SENDERS = ("/region/06", "/region/08", "/region/11", "/opisto/a", "/opisto/b")


def at(number: int) -> tuple[str, str]:
    return "referrals", f"r{number}"


def feed(fuse: Fuse, failed: list[bool], *, first: int = 0, senders: tuple[str, ...] = SENDERS) -> None:
    for number, one in enumerate(failed, first):
        fuse.saw(at(number), Failure("ActivityChosen", senders[number % len(senders)]) if one else None)


def opens(fuse: Fuse, failed: list[bool], **how: object) -> bool:
    try:
        feed(fuse, failed, **how)  # type: ignore[arg-type]
    except FuseOpen:
        return True
    return False


def test_it_opens_at_twenty_aggregates_of_several_senders() -> None:
    fuse = Fuse()
    feed(fuse, [True] * 19)
    assert fuse.why is None
    fuse.laid_aside = 3
    with pytest.raises(FuseOpen, match=r"20 of the last 20 aggregates \(ActivityChosen 20\); 3 events"):
        feed(fuse, [True], first=19)
    assert fuse.why


def test_one_aggregate_never_opens_it_however_often_it_fails() -> None:
    fuse = Fuse()
    for _ in range(1_000):
        for sender in SENDERS:
            fuse.saw(at(1), Failure("ActivityAttended", sender))
    assert fuse.why is None


@given(st.lists(st.booleans(), max_size=500), st.integers(1, 3), st.integers(0, 4))
def test_three_senders_never_open_it_whatever_they_set_off(failed: list[bool], hostile: int, others: int) -> None:
    """They may have the same software, with the same fault. Not even beside the few failures of others."""
    fuse = Fuse()
    senders = tuple(f"/opisto/hostile-{number}" for number in range(hostile))
    feed(fuse, [True] * others, first=10_000, senders=SENDERS[:1])
    assert not opens(fuse, failed, senders=senders)
    assert not opens(fuse, [True] * 500, senders=senders)


def test_a_few_failures_never_open_it_however_alone_they_are() -> None:
    fuse = Fuse()
    feed(fuse, [True] * (MINIMUM - 1))
    feed(fuse, [False] * 500, first=MINIMUM)
    assert fuse.why is None


def test_failures_that_are_fewer_than_half_never_open_it() -> None:
    assert not opens(Fuse(), [number % 10 < 4 for number in range(2_000)])


def test_what_it_saw_long_ago_counts_no_more() -> None:
    fuse = Fuse()
    feed(fuse, [True] * 15)
    feed(fuse, [False] * (WINDOW - 1), first=15)
    feed(fuse, [True] * 19, first=WINDOW + 15)
    assert fuse.why is None
    assert opens(fuse, [True] * 200, first=WINDOW + 100)


def test_an_aggregate_that_comes_again_and_again_counts_once() -> None:
    """While the store does not answer, the batch is decided anew at each try."""
    fuse = Fuse()
    for _ in range(100):
        feed(fuse, [True] * (MINIMUM - 1))
    assert fuse.why is None


def test_an_aggregate_that_is_decided_in_the_end_is_no_failure_any_more() -> None:
    fuse = Fuse()
    feed(fuse, [True] * (MINIMUM - 1))
    feed(fuse, [False] * MINIMUM)
    feed(fuse, [True] * (MINIMUM - 1), first=100)
    assert fuse.why is None


def test_good_news_never_closes_it() -> None:
    fuse = Fuse()
    assert opens(fuse, [True] * WINDOW)
    fuse.saw(at(1), None)
    assert fuse.why, "only a restart closes it"
